"""Sound in or out, and the sequences that speech and text recognition share."""

from __future__ import annotations

from typing import Final

from nngauge.analyse.task.clues import Clue, Rule, group, shape_text
from nngauge.analyse.task.heads import Head
from nngauge.analyse.task.sketch import Sketch
from nngauge.domain.graph import DType, Tensor

_FLOATS: Final = frozenset({DType.FLOAT32, DType.FLOAT16, DType.INT8, DType.UINT8, DType.INT16, DType.UNKNOWN})
_ALL: Final = (
    "speech-recognition keyword-spotting voice-activity-detection speaker-recognition sound-recognition "
    "noise-suppression music-analysis"
)
_SIGNALS: Final = (
    "Spectrogram", "STFT", "DFT", "Mfcc", "MelWeightMatrix", "Rfft", "Irfft", "AudioSpectrogram", "SignalRfft",
    "SignalWindow", "SignalFilterBank", "InverseSTFT", "ComplexAbs", "SignalFftAutoScale", "SignalPCAN",
)  # fmt: skip
_BINS: Final = frozenset({129, 161, 201, 256, 257, 320, 321, 480, 481, 512, 513})
"""Bins of a spectrum or samples of a short frame, where as many come out as go in."""
_MELS: Final = frozenset({10, 12, 13, 20, 26, 32, 39, 40, 64, 80, 96, 98, 120, 128, 257})
_SOUND_CLASSES: Final = {521: "YAMNet", 527: "AudioSet", 6522: "BirdNET", 6362: "BirdNET"}


def _signal(sketch: Sketch) -> Clue | None:
    found = [kind for kind in _SIGNALS if kind in sketch.kinds]
    if not found:
        return None
    return Clue("signal-operator", f"computes a spectrum ({found[0]})", group(3.2, _ALL))


def samples(tensor: Tensor) -> int | None:
    """Length of an input that is a wave: one dimension beside the batch, 400 samples or more."""
    shape = tensor.shape
    if shape is None or tensor.dtype not in _FLOATS:
        return None
    dims = [dim for dim in shape if dim != 1]
    if len(dims) != 1 or not isinstance(dims[0], int) or len(shape) > 4:
        return None
    return dims[0] if dims[0] >= 400 else None


def _wave(sketch: Sketch) -> Clue | None:
    if not sketch.inputs or sketch.pictures:
        return None
    length = samples(sketch.inputs[0])
    if length is None or sketch.nodes < 8 or not (sketch.convolutions or sketch.recurrent or sketch.count(*_SIGNALS)):
        return None
    if length in (2048, 1960, 784):
        return None
    return Clue("wave", f"takes {length} samples of sound", group(2.6 if length >= 4000 else 1.8, _ALL))


def _sound_classes(sketch: Sketch) -> Clue | None:
    for head in sketch.heads:
        length = head.length or (head.dims or (0,))[-1]
        if length in _SOUND_CLASSES and (not sketch.pictures or sketch.pictures[0].channels == 1):
            return Clue("sound-classes", f"{length} classes, as {_SOUND_CLASSES[length]}", {"sound-recognition": 6.0})
    return None


def frames(tensor: Tensor) -> tuple[int, int] | None:
    """Frames and bins of an input that looks like a spectrogram: not square, one side a usual number of bins."""
    shape = tensor.shape
    if shape is None or tensor.dtype not in _FLOATS or len(shape) not in (2, 3, 4):
        return None
    dims = [dim if isinstance(dim, int) and dim > 0 else 0 for dim in shape]
    core = [dim for dim in dims[1:] if dim != 1] if len(dims) > 2 else dims
    if len(core) != 2 or core[0] == core[1] or (len(dims) == 4 and 1 not in (dims[1], dims[3])):
        return None
    if core[1] in _MELS and core[1] >= 10:
        return core[0], core[1]
    return (core[1], core[0]) if core[0] in (40, 64, 80, 128) and core[1] > core[0] else None


def _spectrogram(sketch: Sketch) -> Clue | None:
    if not sketch.inputs:
        return None
    found = frames(sketch.inputs[0])
    if found is None or (sketch.pictures and sketch.pictures[0].channels not in (1, None)):
        return None
    count, bins = found
    if len(sketch.heads) == 1 and (sketch.heads[0].dims or ())[-2:] == (count, bins):
        return None
    text = f"takes {count or '?'} frames of {bins} bins"
    if bins in (10, 40) and 25 <= count <= 101:
        return Clue(
            "spectrogram-word",
            f"{text}: about a second of sound",
            {"keyword-spotting": 5.0, "sound-recognition": 1.5, "voice-activity-detection": 0.8},
        )
    if (count, bins) in ((96, 64), (64, 96)):
        return Clue(
            "spectrogram-vggish", f"{text}, as VGGish and YAMNet", {"sound-recognition": 5.0, "music-analysis": 1.5}
        )
    if (count, bins) in ((187, 96), (256, 40), (128, 96)):
        return Clue(
            "spectrogram-music", f"{text}, as MusiCNN and TempoCNN", {"music-analysis": 4.5, "sound-recognition": 1.0}
        )
    if bins in (80, 128) and count in (3000, 1500):
        return Clue("spectrogram-whisper", f"{text}, as Whisper", {"speech-recognition": 5.5})
    votes = group(2.0, _ALL)
    if count <= 4:
        votes |= {"keyword-spotting": 3.0, "voice-activity-detection": 2.4}
    return Clue("spectrogram", text, votes)


def _flattened(sketch: Sketch) -> Clue | None:
    """49 × 40 features in one row, as TensorFlow's micro speech example takes them."""
    shape = sketch.inputs[0].shape if len(sketch.inputs) == 1 else None
    if shape in ((1, 1960), (None, 1960), (1, 3920), (1, 490)):
        return Clue(
            "flat-features", f"{shape[-1]} features in one row: 49 frames of a second", {"keyword-spotting": 5.5}
        )
    return None


def _svdf(sketch: Sketch) -> Clue | None:
    if sketch.count("SVDF"):
        return Clue(
            "svdf",
            f"{sketch.count('SVDF')} SVDF layers",
            {"keyword-spotting": 4.6, "voice-activity-detection": 1.0, "speech-recognition": 0.5},
        )
    return None


def _streaming(sketch: Sketch) -> Clue | None:
    """Keeps its state in variables and takes a few frames of features at a time."""
    if len(sketch.inputs) != 1 or not sketch.count("Variable", "Assign") or not sketch.count("Conv"):
        return None
    shape = sketch.inputs[0].shape
    if shape is not None and len(shape) == 3 and isinstance(shape[-1], int) and shape[-1] in _MELS:
        return Clue(
            "streaming",
            "keeps state and takes few frames at a time",
            {"keyword-spotting": 3.0, "voice-activity-detection": 1.8},
        )
    return None


def _voice(sketch: Sketch) -> Clue | None:
    """A state in, a state and one probability out."""
    states = [
        tensor
        for tensor in sketch.inputs
        if tensor.shape is not None and len(tensor.shape) == 3 and tensor.shape[0] == 2
    ]
    if not states or len(sketch.inputs) > 4 or len(sketch.heads) > 3 or sketch.pictures:
        return None
    if any((head.shape or ())[-1:] == (1,) for head in sketch.heads):
        return Clue(
            "voice-state", "recurrent state in and out beside one probability", {"voice-activity-detection": 5.5}
        )
    return None


def _same_frame(sketch: Sketch) -> Clue | None:
    """As many bins or samples come out as go in, through recurrent layers: a mask for the spectrum."""
    if not sketch.inputs or not sketch.heads or sketch.pictures:
        return None
    shape, made = sketch.inputs[0].shape, sketch.heads[0].shape
    if not shape or not made or shape[-1] != made[-1] or shape[-1] not in _BINS or len(shape) != len(made):
        return None
    if len(shape) == 2 and sketch.count("LSTM", "GRU") == 0:
        return None
    recurrent = sketch.recurrent or (sketch.count("Tanh") and sketch.count("Sigmoid") >= 3)
    if recurrent:
        return Clue(
            "same-frame",
            f"{shape[-1]} numbers of a frame in and out, through recurrent layers",
            {"noise-suppression": 6.0},
        )
    return None


def _pitch(sketch: Sketch) -> Clue | None:
    """CREPE: 1024 samples to 360 pitches; Basic Pitch: 88 and 264 bins; TempoCNN: 256 tempi."""
    lasts = {(head.dims or (head.width or 0,))[-1] for head in sketch.heads}
    lasts |= {head.width or 0 for head in sketch.heads}
    first = sketch.inputs[0].shape if sketch.inputs else None
    if 360 in lasts and (first is None or 1024 in first):
        return Clue("pitches", "360 pitches, as CREPE", {"music-analysis": 6.0})
    if {88, 264} <= lasts:
        return Clue("notes", "88 notes and 264 contours, as Basic Pitch", {"music-analysis": 6.0})
    return None


def _letters(sketch: Sketch) -> Clue | None:
    """A sequence of probabilities over an alphabet (CTC), from a picture or from sound."""
    if not 1 <= len(sketch.heads) <= 2 or sketch.nodes < 6:
        return None
    head = sketch.heads[0]
    alphabet = _alphabet(head)
    if alphabet is None:
        return None
    if sketch.pictures and sketch.pictures[0].channels in (1, 3, None):
        return _written(sketch, head, alphabet)
    if sketch.inputs and frames(sketch.inputs[0]) is not None:
        return Clue(
            "speech-ctc", f"output {shape_text(head)}: a sequence over {alphabet} letters", {"speech-recognition": 4.0}
        )
    return None


def _alphabet(head: Head) -> int | None:
    """Between how many characters each place of a sequence chooses; None for fewer than 27, and for no sequence."""
    dims = head.dims
    if dims is not None and len(dims) == 1 and len(head.shape or ()) < 3:
        return None
    count = dims[-1] if dims else head.width
    return count if count is not None and count >= 27 else None


def _written(sketch: Sketch, head: Head, alphabet: int) -> Clue | None:
    """From a picture to a sequence: a line of text, where it is not boxes and not the classes of ImageNet."""
    rank = None if head.shape is None else len(head.shape)
    boxes = head.dims is not None and max(head.dims) > 400 and min(head.dims) < 10
    if rank not in (3, None) or boxes or alphabet in (1000, 1001):
        return None
    sequential = bool(sketch.recurrent) or sketch.count("LayerNormalization") >= 2
    if sequential and head.maker in ("Gemm", "MatMul", "LSTM"):
        return Clue(
            "characters-ctc",
            f"a sequence over {alphabet} characters, as CTC readers give",
            {"text-recognition": 6.0, "image-classification": -1.0},
        )
    if alphabet > 1001 and head.maker == "Gemm" and head.passed & {"Transpose", "Softmax"}:
        return Clue("characters", f"{alphabet} characters", {"text-recognition": 3.0})
    if rank == 3 and sketch.picture is not None and sketch.picture.height in (32, 48):
        return Clue("line-of-text", "a picture as high as a line of text to a sequence", {"text-recognition": 4.5})
    return None


def _transducer(sketch: Sketch) -> Clue | None:
    """Decoder and joiner of a transducer: two symbols of context; two vectors of one width to a vocabulary."""
    shapes = [tensor.shape or () for tensor in sketch.inputs]
    if (
        len(shapes) == 1
        and sketch.inputs[0].dtype in (DType.INT64, DType.INT32)
        and shapes[0][-1:] == (2,)
        and sketch.count("Conv", "Gather") >= 2
    ):
        return Clue(
            "transducer-decoder",
            "two symbols of context to a vector, as a transducer's decoder",
            {"speech-recognition": 5.0},
        )
    if (
        len(shapes) == 2
        and all(shapes)
        and shapes[0][-1] == shapes[1][-1]
        and shapes[0][-1] in (256, 512, 640, 1024)
        and len(sketch.heads) == 1
    ):
        made = (sketch.heads[0].dims or (sketch.heads[0].width or 0,))[-1]
        if made >= 300 and sketch.nodes < 40:
            return Clue(
                "transducer-joiner",
                f"two vectors to {made} symbols, as a transducer's joiner",
                {"speech-recognition": 5.0},
            )
    return None


def _spoken(sketch: Sketch) -> Clue | None:
    """Symbols in, mel frames or a wave out."""
    tokens = [tensor for tensor in sketch.inputs if tensor.dtype in (DType.INT64, DType.INT32)]
    if not tokens or not sketch.heads or not sketch.convolutions:
        return None
    made = sketch.heads[0].shape
    if made is not None and 80 in made and len(made) == 3:
        return Clue("mel-output", f"symbols to mel frames ({shape_text(sketch.heads[0])})", {"speech-synthesis": 5.0})
    if (
        sketch.heads[0].maker in ("Conv", "ConvTranspose")
        and "Tanh" in sketch.heads[0].passed
        and sketch.count("ConvTranspose")
    ):
        return Clue("wave-output", "symbols to a wave", {"speech-synthesis": 5.0})
    return None


def _vocoder(sketch: Sketch) -> Clue | None:
    """Mel frames to a wave through transposed convolutions."""
    if len(sketch.inputs) != 1 or len(sketch.heads) != 1 or sketch.count("ConvTranspose") < 2 or sketch.pictures:
        return None
    shape = sketch.inputs[0].shape
    if shape and len(shape) == 3 and 80 in shape and "Tanh" in sketch.heads[0].passed:
        return Clue("vocoder", "80 mel bins to a wave", {"speech-synthesis": 5.0})
    return None


def _speaker(sketch: Sketch) -> Clue | None:
    """Frames to one vector through pooled statistics."""
    if not sketch.inputs or frames(sketch.inputs[0]) is None or len(sketch.heads) != 1 or sketch.pictures:
        return None
    length = sketch.heads[0].length
    if length in (128, 192, 256, 512) and not sketch.heads[0].squashed:
        return Clue(
            "voice-embedding",
            f"frames of sound to {length} numbers",
            {"speaker-recognition": 4.5, "sound-recognition": 0.6},
        )
    return None


RULES: Final[tuple[Rule, ...]] = (
    _signal, _wave, _sound_classes, _spectrogram, _flattened, _svdf, _streaming, _voice, _same_frame, _pitch,
    _letters, _transducer, _spoken, _vocoder, _speaker,
)  # fmt: skip
