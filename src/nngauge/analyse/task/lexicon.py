"""Words that speak for tasks.

Names of networks and data sets with the task they were published for, and plain words (mostly English). Words are joined
as in file names: ``mobile net v`` is one word here, and numbers stand apart from letters only when words are cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TEXT: Final = """
image-classification 2.0:
    mobilenet mobilenetv1 mobilenetv2 mobilenetv3 mobilenetv efficientnet efficientnetlite resnet resnetv
    inception inceptionv googlenet squeezenet shufflenet shufflenetv mnasnet nasnet densenet alexnet vgg ghostnet
    regnet regnety proxylessnasnet cifar imagenet
image-classification 2.6:
    imageclassifier imageclassification imageclassify classifierimage cls classify classification labeler automl
    plant flower bird birds insect food dog cat breed disease banknote personetect visualwakewords vww
object-detection 3.0:
    yolo yolov yolox yolofastest fastestdet nanodet ssd ssdlite ssdmobilenet efficientdet rcnn fasterrcnn rfcn
    pelee centernet picodet mobilenetssd coco objectdetector objectdetection objectdetect localizer
object-detection 1.6 face-detection 0.4:
    detector detection bbox boxes anchors anchor det detect
face-detection 4.0:
    blazeface facedetection facedetector facedetect retinaface scrfd ultraface yoloface mtcnn dbface centerface
    libfacedetection faceboxes tinyfacedetector fssd rfb facedet pnet rnet onet facemask widerface
face-detection 1.0 face-landmarks 1.0 face-recognition 1.0 face-attributes 0.8 face-liveness 0.6:
    face faces facial
face-landmarks 4.5:
    facemesh facelandmark facelandmarks landmark68 landmark106 pfld facecontours irislandmark landmark98
    facealignment iris contours
face-landmarks 2.2 hand-tracking 1.0 pose-estimation 0.8:
    landmark landmarks
face-recognition 4.5:
    facenet mobilefacenet arcface sphereface insightface facerecognition faceembedding sface faceid w600k
    mobileface facerec
face-attributes 4.0:
    age gender emotion emotions expression expressions fer2013 fer agegender affectnet ssrnet faceexpression
    ageestimation gendermodel beauty attractiveness
face-liveness 5.0:
    liveness antispoof antispoofing spoof faceantispoofing silentface fasnet
gaze-estimation 4.5:
    gaze headpose hopenet fsanet eyegaze looking whenet sixdrepnet
pose-estimation 4.2:
    pose posenet movenet openpose blazepose poseestimation hourglass cpm simplepose humanpose poselandmark
    posedetection keypoint keypoints skeleton body25 rtmpose yolopose multipose singlepose
hand-tracking 4.5:
    hand handlandmark handpose palm palmdetection handtrack handdetect handtracking handskeleton blazepalm
gesture-recognition 4.5:
    gesture gestures sign signlanguage asl handgesture gesturerecognizer keypointclassifier pointhistoryclassifier
    pointhistory
action-recognition 4.0:
    action actionrecognition kinetics movinet i3d c3d slowfast videoclassification
image-segmentation 3.6:
    segmentation segment seg deeplab deeplabv unet enet yolact bisenet bisenetv fastscnn segmenter maskrcnn
    semantic cityscapes ade20k pspnet faceparsing faceseg celebamaskhq fcn mobilesam sam
portrait-segmentation 4.5:
    selfie portrait hair hairsegmentation matting rvm modnet bodypix selfiesegmentation meet background humanseg
    selfieseg removebg rembg u2net u2netp alpha
depth-estimation 5.0:
    depth midas fastdepth monodepth depthnet depthanything dpt
3d-object-detection 5.0:
    objectron detection3d objectdetection3d cuboid box3d
super-resolution 5.0:
    superresolution esrgan realesrgan realsr waifu waifu2x espcn fsrcnn edsr lapsrn srmd subpixelcnn upscale
    upscaler acnet anime4k sr srcnn superres rlfn scale2
image-enhancement 4.5:
    denoise denoising deblur lowlight enhance enhancement zerodce mirnet colorization colorize colorizer color
    siggraph17 dehaze derain inpaint lama hdr retouch
style-transfer 4.5:
    style styletransfer stylize candy mosaic udnie lamuse rainprincess pointilism animegan cartoon cartoongan
    anime arbitraryimagestylization stylepredict selfie2anime toon stylenet
image-generation 4.5:
    generator gan dcgan stylegan diffusion stablediffusion vae autoencoderkl cvae unetmodel txt2img pix2pix sdxl
frame-interpolation 5.0:
    rife interpolation flownet ifrnet cain dain fusionnet contextnet frameinterpolation
text-detection 4.5:
    textdetection dbnet ppocrdet east craft textdetector pixellink ocrdet ppocrv5mobiledet mobiledet textboxes
text-recognition 4.5:
    crnn textrecognition ppocrrec ocrrec ocr rec ctc tessdata tesseract svtr lprnet platerecognition ppocrkeys
    mobilerec keras_ocr
text-recognition 1.6 text-detection 1.6:
    ppocr ppocrv paddleocr text
image-classification 2.5:
    angle anglenet textdirection orientation
handwriting-recognition 4.5:
    mnist digit digits emnist handwriting handwritten quickdraw kanji
barcode-detection 5.0:
    barcode qrcode wechatqrcode wechat qr
document-scanning 5.0:
    document documentscanner docscan hed idcard cardscan creditcard passport receipt
content-moderation 6.0:
    nsfw nsfwjs opennsfw nudity nude porn moderation violence
image-embedding 4.0:
    embedder embeddingextractor imageembedder clip neuralhash phash imagesearch retrieval mobileclip fingerprint
    embeddings dinov2
speech-recognition 4.5:
    whisper asr stt speechrecognition speechtotext zipformer deepspeech wav2vec conformer transducer vosk joiner
    paraformer sensevoice moonshine nemo citrinet quartznet speech2text
keyword-spotting 4.5:
    kws keyword keywords wakeword hotword wake speechcommands convactions convactionsfrozen microspeech okaynabu
    heyjarvis alexa heymycroft heysnips nonstream hey
keyword-spotting 1.6 speech-recognition 1.2:
    speech command commands voice
voice-activity-detection 5.5:
    vad silerovad silero voiceactivity webrtcvad
speaker-recognition 5.0:
    speaker voiceprint ecapa xvector campplus speakerid resemblyzer titanet
speech-synthesis 5.0:
    tts vits piper tacotron fastspeech melgan hifigan vocoder kokoro texttospeech lpcnet supertonic bark matcha
sound-recognition 4.0:
    yamnet audioclassifier audioset sound soundclassifier birdnet cough environmentalsound vggish panns esc50
    snore
sound-recognition 1.2 keyword-spotting 0.8 music-analysis 0.6:
    audio wav waveform
noise-suppression 5.0:
    dtln noisesuppression rnnoise deepfilternet speechenhancement denoiser nsnet spleeter sourceseparation demucs
    aec gtcrn
music-analysis 4.5:
    music pitch crepe tempo genre musicnn basicpitch nmp chord beat mood transcription spice onsets deeptemp
    melody instrument msd
language-model 3.6:
    llm llama gemma qwen phi gpt gpt2 tinyllama mistral chat causallm minicpm smollm wiki40b lm languagemodel
    falcon stories stories260k decoder deepseek kvcache
text-classification 4.5:
    textclassification nlclassifier sentiment spam moviereview sentimentpolarity polarity toxicity intent topic
    textclassifier newsclassifier languageid languagedetection
text-embedding 4.5:
    textembedder universalsentenceencoder sentenceencoder sentence minilm bge e5 textembedding
    regexoneembedding frozenclipembedder clipembedder textencoder
text-embedding 1.2 text-classification 0.8 question-answering 0.5:
    bert mobilebert albert distilbert roberta
word-prediction 5.0:
    nextword wordprediction autocomplete emoji keyboard autocorrect spell spellcheck
smart-reply 6.0:
    smartreply reply suggestion
translation 5.0:
    translation translate translator nmt marian opus nllb m2m100 bergamot
question-answering 5.5:
    squad bertqa qa questionanswering mobilebertqa
text-processing 5.0:
    tokenizer tokenization detokenizer tok gpt2tok cliptok sentencepiece
activity-recognition 5.0:
    har activity activityrecognition accelerometer accel gyro imu motion steps fall falldetection wisdm walking
biosignal-analysis 5.5:
    ecg eeg ppg heartbeat arrhythmia emg heart mitbih sleep
anomaly-detection 5.0:
    anomaly ad01 toycar autoencoder anomalydetection outlier
recommendation 5.0:
    recommendation recommender recommend ctr prefetching ranking ncf dlrm
tabular-prediction 4.0:
    iris adult titanic housing regression churn credit diabetes tabular price
game-agent 5.0:
    agent planestrike policy ppo dqn actor reinforcement gym tictactoe chess observation discount reward
image-classification 0.5 object-detection 0.5 sound-recognition 0.2 text-classification 0.2:
    labels labelmap label
object-detection 1.6:
    cocolabels detections vehicle car traffic helmet licenseplate plate
text-classification 0.6 text-embedding 0.6 language-model 0.3 text-recognition 0.3:
    vocab vocabulary dict dictionary
image-classification 0.8:
    prob probabilities predictions logits imagenetlabels probabilitylabels
"""
"""Tasks with their weight (natural logarithm of the odds), and below them the words."""


def _lexicon(text: str) -> dict[str, Mapping[str, float]]:
    words: dict[str, dict[str, float]] = {}
    votes: dict[str, float] = {}
    for line in text.splitlines():
        if line.endswith(":"):
            parts = line[:-1].split()
            votes = dict(zip(parts[::2], map(float, parts[1::2]), strict=True))
            continue
        for word in line.split():
            known = words.setdefault(word, {})
            for task, vote in votes.items():
                known[task] = max(vote, known.get(task, vote))
    return dict(words)


LEXICON: Final[Mapping[str, Mapping[str, float]]] = _lexicon(_TEXT)
"""Word → tasks with weights."""
BEGINNINGS: Final = frozenset(word[:length] for word in LEXICON for length in range(1, len(word) + 1))
"""All beginnings of these words: what is none of them needs no closer look."""
