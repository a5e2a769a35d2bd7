"""Pictures in, a row of numbers out: labels, embeddings, points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.analyse.task.clues import Clue, Rule, group, shape_text
from nngauge.analyse.task.heads import Head
from nngauge.analyse.task.sketch import POOLS, Picture, Sketch

_VISION: Final = group(
    1.4,
    "image-classification object-detection face-detection face-landmarks face-recognition face-attributes "
    "face-liveness gaze-estimation pose-estimation hand-tracking gesture-recognition action-recognition "
    "image-segmentation portrait-segmentation depth-estimation 3d-object-detection super-resolution "
    "image-enhancement style-transfer frame-interpolation text-detection text-recognition "
    "handwriting-recognition barcode-detection document-scanning content-moderation image-embedding "
    "image-generation",
)
_GRAY: Final = dict.fromkeys(_VISION, 0.5)
_POINTS: Final[Mapping[int, tuple[str, str]]] = {
    1404: ("face-landmarks", "468 points of MediaPipe's face mesh"),
    1434: ("face-landmarks", "478 points of MediaPipe's face mesh with irises"),
    136: ("face-landmarks", "68 points of a face"),
    212: ("face-landmarks", "106 points of a face"),
    196: ("face-landmarks", "98 points of a face"),
    266: ("face-landmarks", "133 points of ML Kit's face contours"),
    213: ("face-landmarks", "71 points around an eye"),
    228: ("face-landmarks", "76 points of an eye and its iris"),
    63: ("hand-tracking", "21 joints of a hand in space"),
    195: ("pose-estimation", "39 points of BlazePose"),
    165: ("pose-estimation", "33 points of BlazePose"),
    124: ("pose-estimation", "31 points of BlazePose"),
    117: ("pose-estimation", "39 points in space"),
    99: ("pose-estimation", "33 points in space"),
}
"""Numbers in a row, and what they are. MediaPipe's layouts: https://ai.google.dev/edge/mediapipe/solutions/guide."""
_EMBEDDING: Final = frozenset({64, 96, 128, 192, 256, 384, 512, 576, 768, 960, 1024, 1280, 1536, 2048})
_NORMS: Final = frozenset({"Normalize", "LpNormalization", "ReduceL2", "Rsqrt", "L2Normalization", "Normalizer"})
_SQUARE_FACES: Final = frozenset({(112, 112), (112, 96), (160, 160), (150, 150)})
"""Inputs of MobileFaceNet, ArcFace, SphereFace, FaceNet, dlib's and face-api's networks."""


def _vision(sketch: Sketch) -> Clue | None:
    """An input that looks like a picture."""
    picture = sketch.picture
    if picture is None or (sketch.convolutions < 2 and sketch.nodes < 8):
        return None
    if picture.channels == 1 and not _is_square(picture) and not (picture.height is None and picture.width is None):
        return Clue("picture-gray", f"an input of {_size(picture)} in one channel", _GRAY)
    return Clue("picture", f"takes a picture of {_size(picture)}", _VISION)


def _is_square(picture: Picture) -> bool:
    return picture.height is not None and picture.height == picture.width


def _size(picture: Picture) -> str:
    sides = f"{picture.width or '?'} × {picture.height or '?'}"
    return f"{sides}, {picture.channels} channels" if picture.channels else sides


def _single(sketch: Sketch) -> tuple[Head, int] | None:
    """The only output, when it is a row of numbers."""
    if not sketch.pictures or len(sketch.heads) != 1:
        return None
    head = sketch.heads[0]
    length = head.length
    return (head, length) if length is not None else None


def _labels(sketch: Sketch) -> Clue | None:
    found = _single(sketch)
    if found is None or not _ends_in_classifier(sketch, found[0]):
        return None
    head, length = found
    if length in (1000, 1001):
        return Clue("imagenet", f"{length} probabilities, as for ImageNet", {"image-classification": 5.0})
    if length < 2:
        return None
    weight = 3.4 if length > 10 else 2.8 if length > 2 else 2.0
    if length in _EMBEDDING and not head.squashed:
        weight = 1.0
    text = f"one row of {length} {'probabilities' if head.squashed else 'scores'}"
    votes = {
        "image-classification": weight,
        "document-scanning": 0.5,
        "content-moderation": 0.6,
        "action-recognition": 0.3,
    }
    if length <= 8:
        votes |= {"face-attributes": 1.0, "face-liveness": 0.8 if length <= 3 else 0.0, "gesture-recognition": 0.5}
    return Clue("label-scores", text, votes)


def _ends_in_classifier(sketch: Sketch, head: Head) -> bool:
    if head.squashed or head.maker in ("Gemm", "QGemm", "MatMul"):
        return True
    return not head.passed.isdisjoint(POOLS) or "Softmax" in sketch.tail


def _pooled_end(sketch: Sketch) -> Clue | None:
    """Pooled to one row at the end, of unknown length."""
    if (
        not sketch.pictures
        or len(sketch.heads) != 1
        or sketch.heads[0].shape is not None
        or sketch.heads[0].width is not None
    ):
        return None
    if sketch.heads[0].passed.isdisjoint(POOLS) and not (sketch.heads[0].maker == "Gemm" and sketch.heads[0].squashed):
        return None
    return Clue(
        "pooled-end",
        "pooled to one row at the end",
        {"image-classification": 3.2, "image-embedding": 0.8, "face-attributes": 0.4},
    )


def _digits(sketch: Sketch) -> Clue | None:
    """28 × 28 (MNIST, EMNIST) to ten digits or some dozens of characters."""
    sides = _sides(sketch)
    last = sketch.heads[0] if sketch.heads else None
    length = last.length if last is not None else None
    if sides not in {(28, 28), (32, 32)} or length is None:
        return None
    gray = sketch.picture is None or sketch.picture.channels == 1
    if sides == (28, 28) and length == 10 and gray:
        return Clue(
            "mnist",
            "28 × 28 in one channel to ten classes, as MNIST",
            {"handwriting-recognition": 6.0, "image-classification": 1.5},
        )
    if gray and 10 <= length <= 4000:
        return Clue(
            "characters",
            f"{sides[0]} × {sides[1]} in one channel to {length} classes",
            {"handwriting-recognition": 3.0},
        )
    return None


def _sides(sketch: Sketch) -> tuple[int | None, int | None] | None:
    if sketch.picture is not None:
        return sketch.picture.height, sketch.picture.width
    shape = sketch.inputs[0].shape if len(sketch.inputs) == 1 else None
    if shape and len(shape) == 3 and shape[1:] == (28, 28):
        return 28, 28
    return (28, 28) if shape and len(shape) == 2 and shape[1] == 784 else None


def _expression(sketch: Sketch) -> Clue | None:
    """Seven or eight classes from a small grey picture: FER2013; 101 ages."""
    found, picture = _single(sketch), sketch.picture
    if found is None or picture is None:
        return None
    length = found[1]
    small = picture.height is not None and picture.height <= 64
    if length in (7, 8) and small:
        gray = picture.channels == 1
        return Clue(
            "expressions",
            f"{length} classes from a small picture, as in FER2013",
            {"face-attributes": 4.0 if gray else 2.4},
        )
    if length in (101, 117, 90, 100) and found[0].squashed:
        return Clue("ages", f"{length} classes, as many as years of age", {"face-attributes": 1.6})
    if length == 2 and small and picture.channels == 1:
        return Clue("two-small-gray", "two classes from a small grey picture", {"face-attributes": 2.0})
    return None


def _one_number(sketch: Sketch) -> Clue | None:
    found, picture = _single(sketch), sketch.picture
    if found is None or found[1] != 1 or picture is None:
        return None
    if found[0].squashed:
        votes = group(1.6, "face-liveness face-attributes image-classification") | {
            "content-moderation": 0.8,
            "gaze-estimation": 0.3,
        }
        return Clue("one-probability", "one probability for the whole picture", votes)
    return Clue(
        "one-number",
        "one number without bounds for the whole picture",
        {"face-attributes": 2.6, "image-classification": 0.4},
    )


def _small_pair(sketch: Sketch) -> Clue | None:
    """Two or three classes from a small colour picture: living face or not."""
    found, picture = _single(sketch), sketch.picture
    if found is None or picture is None or picture.height is None or found[1] not in (2, 3):
        return None
    if picture.channels == 3 and picture.height <= 128:
        return Clue(
            "small-pair",
            f"{found[1]} classes from a small colour picture",
            {"face-liveness": 1.6, "face-attributes": 1.0},
        )
    return None


def _embedding(sketch: Sketch) -> Clue | None:
    found, picture = _single(sketch), sketch.picture
    if found is None or picture is None or found[1] not in _EMBEDDING or found[0].squashed:
        return None
    length = found[1]
    normed = not _NORMS.isdisjoint(found[0].passed) or not _NORMS.isdisjoint(sketch.tail)
    if (picture.height, picture.width) in _SQUARE_FACES and length <= 512:
        text = f"{length} numbers from {picture.width} × {picture.height}, as face embeddings"
        return Clue("face-embedding", text, {"face-recognition": 4.0, "image-embedding": 1.0})
    votes = {"image-embedding": 3.6, "face-recognition": 1.2 + normed}
    return Clue("embedding", f"{length} numbers without a classifier{', L2-normalised' if normed else ''}", votes)


def _points(sketch: Sketch) -> Clue | None:
    if not sketch.pictures:
        return None
    for head in sketch.heads:
        length = head.length
        if length is None:
            dims = head.dims
            length = dims[0] * dims[1] if dims is not None and len(dims) == 2 and dims[1] in (2, 3) else None
        named = _POINTS.get(length or 0)
        if named is not None and not head.squashed:
            return Clue(f"points-{length}", f"output {shape_text(head)}: {named[1]}", {named[0]: 6.0})
    return None


def _angles(sketch: Sketch) -> Clue | None:
    """Three times 66 bins (Hopenet); one or two rows of three angles."""
    lengths = [head.length or head.width for head in sketch.heads]
    if not sketch.pictures or not lengths:
        return None
    if lengths[:3] == [66, 66, 66]:
        return Clue("angle-bins", "three rows of 66 bins: yaw, pitch, roll", {"gaze-estimation": 6.0})
    if (
        {head.length for head in sketch.heads} <= {2, 3}
        and not any(head.squashed for head in sketch.heads)
        and sketch.nodes > 20
    ):
        return Clue(
            "angles", "two or three numbers without bounds: angles", {"gaze-estimation": 2.2, "face-attributes": 0.3}
        )
    return None


def _several_rows(sketch: Sketch) -> Clue | None:
    """Two or more short rows: age and gender, presence and handedness."""
    lengths = [head.length for head in sketch.heads]
    if not sketch.pictures or len(lengths) < 2 or not all(length is not None and length <= 101 for length in lengths):
        return None
    if any(length in _POINTS for length in lengths):
        return None
    return Clue(
        "short-rows",
        f"rows of {', '.join(str(length) for length in lengths[:4])} numbers",
        {"face-attributes": 2.2, "face-detection": 0.6},
    )


def _mtcnn(sketch: Sketch) -> Clue | None:
    """Two scores and four numbers of a box, perhaps ten of five points, for one window: MTCNN."""
    picture = sketch.picture
    found = set(sketch.widths)
    if picture is None or not {2, 4} <= found or not found <= {1, 2, 4, 10} or not 2 <= len(sketch.heads) <= 3:
        return None
    if sketch.nodes < 60 and (picture.height is None or picture.height <= 64):
        return Clue("mtcnn", "two scores and a box for one small window, as in MTCNN", {"face-detection": 5.0})
    return None


RULES: Final[tuple[Rule, ...]] = (
    _vision, _labels, _pooled_end, _digits, _expression, _one_number, _small_pair, _embedding, _points, _angles,
    _several_rows, _mtcnn,
)  # fmt: skip
