"""What models do: the taxonomy of tasks, and the verdicts on a model and on an app.

The rows of the two published studies that a task belongs to are named with it: Table 1 of Xu et al., "A First Look at
Deep Learning Apps on Smartphones" (WWW 2019), and the task table of Almeida et al., "Smart at what cost?" (IMC 2021), the
latter as far as it is known without the paper's full text. Tasks that phones did not have in 2018 or 2021 have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from nngauge.domain.evidence import Evidence


class Modality(StrEnum):
    """What goes in (or, for generation, comes out)."""

    IMAGE = "image"
    AUDIO = "audio"
    TEXT = "text"
    SENSOR = "sensor"
    """Motion, biosignals, machine vibration."""
    TABLE = "table"
    """Numbers and categories about something: rows of a table, events, the state of a game."""
    UNKNOWN = "unknown"


class Task(Struct, frozen=True):
    """One thing that a model does."""

    id: str
    title: str
    modality: Modality
    www19: str = ""
    """Row of Table 1 of the WWW'19 study; empty where it has none."""
    imc21: str = ""
    """Row of the task table of the IMC'21 study; empty where it has none."""
    meaning: str = ""
    """One line, where the title does not say it all."""


_I, _A, _T, _S, _N = Modality.IMAGE, Modality.AUDIO, Modality.TEXT, Modality.SENSOR, Modality.TABLE

UNKNOWN: Final = "unknown"
"""Id of the verdict that there is not enough evidence."""

TASKS: Final[tuple[Task, ...]] = (
    Task("image-classification", "Image classification", _I, "image classification", "image classification", "One label for the whole picture"),
    Task("object-detection", "Object detection", _I, "object recognition", "object detection", "Boxes around things"),
    Task("face-detection", "Face detection", _I, "face detection", "face detection"),
    Task("face-landmarks", "Face landmarks", _I, "photo beauty", "contour detection", "Contours, mesh, irises"),
    Task("face-recognition", "Face recognition", _I, "face identification", "", "Whose face it is, by an embedding"),
    Task("face-attributes", "Face attributes", _I, "face detection", "", "Age, gender, emotion, expression"),
    Task("face-liveness", "Face liveness", _I, "face identification", "", "A living face or a picture of one"),
    Task("gaze-estimation", "Gaze and head pose", _I, "face detection", ""),
    Task("pose-estimation", "Body pose estimation", _I, "action detection", "pose estimation"),
    Task("hand-tracking", "Hand tracking", _I, "augmented reality", "augmented reality", "Palms and joints of hands"),
    Task("gesture-recognition", "Gesture recognition", _I, "action detection", "", "Gestures and signs from pictures or joints"),
    Task("action-recognition", "Action recognition", _I, "action detection", "", "What happens in a video"),
    Task("image-segmentation", "Image segmentation", _I, "photo beauty", "semantic segmentation", "A class for each pixel or object"),
    Task("portrait-segmentation", "Portrait and hair segmentation", _I, "photo beauty", "semantic segmentation", "People, hair, background; matting"),
    Task("depth-estimation", "Depth estimation", _I, "augmented reality", "augmented reality"),
    Task("3d-object-detection", "3D object detection and tracking", _I, "augmented reality", "augmented reality"),
    Task("super-resolution", "Super-resolution", _I, "photo beauty", "photo beauty"),
    Task("image-enhancement", "Image enhancement", _I, "photo beauty", "photo beauty", "Denoising, low light, colour, inpainting"),
    Task("style-transfer", "Style transfer", _I, "photo beauty", "photo beauty", "Painting and cartoon styles"),
    Task("image-generation", "Image generation", _I, "", "", "Pictures from noise, text or a code"),
    Task("frame-interpolation", "Video frame interpolation", _I, "video segment", ""),
    Task("text-detection", "Text detection", _I, "text recognition", "text recognition", "Where text is in a picture"),
    Task("text-recognition", "Text recognition (OCR)", _I, "text recognition", "text recognition"),
    Task("handwriting-recognition", "Handwriting recognition", _I, "text recognition", "text recognition", "Handwritten digits and characters"),
    Task("barcode-detection", "Barcode and QR detection", _I),
    Task("document-scanning", "Document and card scanning", _I, "text recognition", "text recognition", "Edges and kinds of documents, cards"),
    Task("content-moderation", "Content moderation", _I, "", "nudity detection", "Nudity and violence in pictures"),
    Task("image-embedding", "Image embedding", _I, "image classification", "", "Search by similarity, perceptual hashes, CLIP"),
    Task("speech-recognition", "Speech recognition", _A, "speech recognition", "speech recognition"),
    Task("keyword-spotting", "Keyword and wake-word spotting", _A, "speech recognition", "keyword detection"),
    Task("voice-activity-detection", "Voice activity detection", _A, "speech recognition", "speech recognition"),
    Task("speaker-recognition", "Speaker recognition", _A, "speech recognition", "speech recognition"),
    Task("speech-synthesis", "Speech synthesis", _A, "", "", "Text to speech, vocoders"),
    Task("sound-recognition", "Sound recognition", _A, "sound recognition", "sound recognition"),
    Task("noise-suppression", "Noise suppression", _A, "", "", "Speech enhancement, source separation"),
    Task("music-analysis", "Music analysis", _A, "sound recognition", "sound recognition", "Pitch, tempo, notes, genre"),
    Task("language-model", "Text generation (language model)", _T),
    Task("text-classification", "Text classification", _T, "text classification", "sentiment prediction", "Sentiment, spam, topic, language"),
    Task("text-embedding", "Text embedding", _T),
    Task("word-prediction", "Word and emoji prediction", _T, "word & emoji prediction", "auto-complete", "Keyboards; also correction"),
    Task("smart-reply", "Smart reply", _T, "smart reply", "auto-complete"),
    Task("translation", "Translation", _T, "translation", "translation"),
    Task("question-answering", "Question answering", _T),
    Task("text-processing", "Tokenising", _T, "", "", "A helper of other models: text to tokens and back"),
    Task("activity-recognition", "Activity recognition", _S, "movement tracking", "movement tracking", "Motion sensors"),
    Task("biosignal-analysis", "Biosignal analysis", _S, "abnormal detection", "", "ECG, EEG, PPG"),
    Task("anomaly-detection", "Anomaly detection", _S, "abnormal detection", "", "Reconstructs what is normal"),
    Task("recommendation", "Recommendation", _N, "recommendation", ""),
    Task("tabular-prediction", "Prediction from a table", _N, "", "", "Classification or regression of plain features"),
    Task("game-agent", "Game agent", _N, "simulation", "", "Policies of reinforcement learning"),
)  # fmt: skip
"""All tasks, by modality."""

TASK: Final[Mapping[str, Task]] = {task.id: task for task in TASKS}
"""By id."""


class Alternative(Struct, frozen=True):
    """Another task that the evidence allows."""

    task: str
    probability: float


class TaskVerdict(Struct, frozen=True, kw_only=True):
    """What one model does."""

    task: str
    """Id of a `Task`, or `UNKNOWN`."""
    modality: Modality
    """Of the task; with an unknown task, what the evidence says about the modality alone."""
    probability: float
    """Calibrated chance that the verdict is right (docs/tasks.md); with an unknown task, that there is no telling."""
    because: tuple[Evidence, ...] = ()
    """Strongest first; `Evidence.value` is a sentence, `Evidence.rule` the clue's name."""
    alternatives: tuple[Alternative, ...] = ()
    """The next most probable tasks, at most three."""

    @property
    def title(self) -> str:
        """For people."""
        known = TASK.get(self.task)
        return known.title if known else "Unknown"


class Role(StrEnum):
    """The question of the WWW'19 study about an app that uses deep learning.

    Core means there: invoked nearly every time the app is used, and without it the main function is severely
    compromised.
    """

    CORE = "core feature"
    EXTRA = "extra"
    UNKNOWN = "unknown"


class CoreVerdict(Struct, frozen=True, kw_only=True):
    """Whether AI is the core feature of an app."""

    role: Role
    probability: float
    """Calibrated chance that the answer is right; of unknown, the chance of a core feature."""
    tasks: tuple[str, ...] = ()
    """Ids of the tasks that the answer rests on."""
    because: tuple[Evidence, ...] = ()
    """Strongest first."""
