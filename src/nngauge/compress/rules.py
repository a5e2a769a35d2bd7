"""Which rule fits a model, and how its answers are read from its outputs. Decided once, by the shipped model's outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nngauge.compress.answers import (
    Answers,
    Boxes,
    Classes,
    Directions,
    Labels,
    Listing,
    Pixels,
    Points,
    Scoring,
    best_boxes,
    detections,
    listing,
    scoring,
)
from nngauge.domain.compression import Rule

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_TOP: Final = frozenset({
    "image-classification", "face-attributes", "face-liveness", "gesture-recognition", "action-recognition", "content-moderation",
    "handwriting-recognition", "text-recognition", "keyword-spotting", "voice-activity-detection", "sound-recognition",
    "text-classification", "activity-recognition", "biosignal-analysis", "smart-reply", "word-prediction", "tabular-prediction",
    "game-agent", "language-model", "speech-recognition",
})  # fmt: skip
_POINT: Final = frozenset({"face-landmarks", "pose-estimation", "hand-tracking", "gaze-estimation"})
_BOX: Final = frozenset(
    {"object-detection", "face-detection", "text-detection", "barcode-detection", "hand-tracking", "pose-estimation"}
)
_PIXEL: Final = frozenset({"image-segmentation", "portrait-segmentation"})
_DIRECTION: Final = frozenset({"face-recognition", "image-embedding", "text-embedding", "speaker-recognition"})
_MAP: Final = 8
"""Least side of a map of the picture."""
_CANDIDATES: Final = 16
"""Least candidates of a detector."""


class Reading(NamedTuple):
    """How answers are read from outputs."""

    rule: Rule
    because: str
    read: Callable[[Sequence[Array]], Answers] | None


def reading(task: str, outputs: Sequence[Array]) -> Reading:
    """The rule for this task and these outputs."""
    shape = " and ".join("×".join(map(str, item.shape[1:])) or "one number" for item in outputs[:4])
    because = f"{task or 'unknown task'}, output {shape}"
    tried: list[tuple[bool, Callable[[str, Sequence[Array]], Reading | None]]] = [
        (task in _BOX, _boxes), (task in _PIXEL, _pixels), (task in _POINT, _points), (task in _DIRECTION, _direction),
        (task in _TOP, _top), (task in ("", "unknown"), _probabilities),
    ]  # fmt: skip
    for fits, make in tried:
        found = make(because, outputs) if fits else None
        if found is not None:
            return found
    return Reading(Rule.NONE, f"no rule for {because}", None)


def _largest(outputs: Sequence[Array]) -> int:
    sizes = [prod(item.shape[1:]) for item in outputs]
    return sizes.index(max(sizes))


def _squeezed(values: Array) -> Array:
    """Without dimensions of 1 behind the first."""
    return values.reshape(len(values), *(dim for dim in values.shape[1:] if dim > 1))


def _top(because: str, outputs: Sequence[Array]) -> Reading | None:
    at = _largest(outputs)
    values = outputs[at]
    if values.dtype.kind in "iu":
        return Reading(Rule.TOP1, because, lambda found: Labels(found[at]))
    if values.shape[-1] < 2 and _squeezed(values).ndim == 1:
        return None
    return Reading(Rule.TOP1, because, lambda found: Classes(_scores(found[at])))


def _scores(values: Array) -> Array:
    flat = _squeezed(values)
    return flat if flat.ndim > 1 else flat[:, None]


def _probabilities(because: str, outputs: Sequence[Array]) -> Reading | None:
    """Of an unknown task: one vector that sums to 1."""
    import numpy as np

    if len(outputs) != 1 or outputs[0].dtype.kind != "f":
        return None
    values = _squeezed(outputs[0])
    if values.ndim != 2 or float(values.min()) < 0 or float(np.abs(values.sum(axis=1) - 1).max()) > 0.01:
        return None
    return Reading(Rule.TOP1, f"{because} that sums to 1", lambda found: Classes(_squeezed(found[0])))


def _direction(because: str, outputs: Sequence[Array]) -> Reading | None:
    at = _largest(outputs)
    return Reading(Rule.COSINE, because, lambda found: Directions(found[at]))


def _pixels(because: str, outputs: Sequence[Array]) -> Reading | None:
    at = _largest(outputs)
    axis = _class_axis(outputs[at])
    if axis is None:
        return None
    middle = 0.5 if float(outputs[at].min()) >= 0 else 0.0
    return Reading(Rule.PIXELS, because, lambda found: Pixels(_labels(found[at], axis, middle)))


def _class_axis(values: Array) -> int | None:
    """The dimension of classes of a map; −1 for a map without."""
    sides = values.shape[1:]
    rows = [axis for axis, dim in enumerate(sides, 1) if dim >= _MAP]
    if len(rows) < 2:
        return None
    if values.ndim == 5:
        return 2 if sides[1] < sides[-1] else 4
    if values.ndim == 4:
        return 1 if sides[0] < sides[2] else 3
    return 3 if values.ndim == 3 else None


def _labels(values: Array, axis: int, middle: float) -> Array:
    """A class for each pixel: the highest of its scores, or whether its only score is above the `middle`."""
    if values.dtype.kind in "iu":
        return values.reshape(len(values), -1)
    if axis >= values.ndim or values.shape[axis] == 1:
        found: Array = values > middle
    else:
        found = values.argmax(axis=axis)
    return found.reshape(len(values), -1)


def _points(because: str, outputs: Sequence[Array]) -> Reading | None:
    at = _largest(outputs)
    sides = outputs[at].shape[1:]
    if len(sides) == 4 and sides[0] == 1 and min(sides[1:3]) >= _MAP and sides[3] >= 2:
        return Reading(Rule.POINTS, f"{because}: peaks of heat maps", lambda found: _peaks(found[at]))
    if prod(sides) < 4:
        return None
    return Reading(Rule.POINTS, because, lambda found: Points(found[at]))


def _peaks(maps: Array) -> Points:
    """Where each map (number × 1 × height × width × maps) is highest, in shares of its sides."""
    import numpy as np

    height, width = maps.shape[2:4]
    best = maps.reshape(len(maps), height * width, -1).argmax(axis=1)
    return Points(np.concatenate((best // width / height, best % width / width), axis=1), extent=1.0)


def _boxes(because: str, outputs: Sequence[Array]) -> Reading | None:
    flat = [_listed(item) for item in outputs]
    if len(outputs) in (3, 4) and _is_listed(flat):
        which = listing(flat)
        return Reading(
            Rule.BOXES, f"{because}: a list of boxes", lambda found: detections([_listed(one) for one in found], which)
        )
    heads = [at for at, item in enumerate(flat) if item.ndim == 3 and item.shape[1] >= _CANDIDATES]
    pair = _pair(flat, heads) if len(heads) == len(outputs) else None
    if pair is not None:
        boxes, scores = pair
        how = scoring(_joined(flat, scores))
        return Reading(Rule.BOXES, because, lambda found: _by_levels(found, boxes, scores, how))
    if len(flat) == 1 and _is_rows(outputs[0]):
        return Reading(
            Rule.BOXES, f"{because}: rows of class, score and box", lambda found: detections(_columns(found[0]), _ROWS)
        )
    if len(outputs) == 1 and heads and 5 < min(flat[0].shape[1:]) < max(flat[0].shape[1:]):
        inside = scoring(_in_one(flat[0])[0])
        return Reading(
            Rule.BOXES, f"{because}: boxes and scores in one",
            lambda found: best_boxes(*_in_one(_listed(found[0])), inside),
        )  # fmt: skip
    return None


def _listed(values: Array) -> Array:
    """Without a batch of 1."""
    return values[:, 0] if values.ndim > 2 and values.shape[1] == 1 else values


def _is_listed(flat: Sequence[Array]) -> bool:
    boxes = [item for item in flat if item.ndim == 3 and item.shape[2] == 4]
    return len(boxes) == 1 and sum(item.shape[1:] == boxes[0].shape[1:2] for item in flat) >= 1


def _pair(flat: Sequence[Array], heads: Sequence[int]) -> tuple[list[int], list[int]] | None:
    """Which heads are boxes and which are scores, level by level: two widths over the same candidates."""
    widths = sorted({flat[at].shape[2] for at in heads})
    if len(widths) != 2 or len(heads) % 2:
        if len(heads) != 2 or flat[heads[0]].shape[1] != flat[heads[1]].shape[1]:
            return None
        return [heads[0]], [heads[1]]  # of the same width: boxes usually come first
    groups = [
        sorted((at for at in heads if flat[at].shape[2] == width), key=lambda at: -flat[at].shape[1])
        for width in widths
    ]
    if [flat[at].shape[1] for at in groups[0]] != [flat[at].shape[1] for at in groups[1]]:
        return None
    # Boxes have four numbers, or more than the scores where they come with points.
    first = widths[0] == 4
    return (groups[0], groups[1]) if first else (groups[1], groups[0])


def _by_levels(outputs: Sequence[Array], boxes: Sequence[int], scores: Sequence[int], how: Scoring) -> Boxes:
    flat = [_listed(item) for item in outputs]
    return best_boxes(_joined(flat, scores), _joined(flat, boxes), how)


def _joined(flat: Sequence[Array], places: Sequence[int]) -> Array:
    """Candidates of all levels, one after the other."""
    import numpy as np

    return flat[places[0]] if len(places) == 1 else np.concatenate([flat[at] for at in places], axis=1)


_ROWS: Final = Listing(boxes=0, scores=1, labels=2)
"""Of `_columns`."""


def _is_rows(values: Array) -> bool:
    """``DetectionOutput`` of Caffe and ncnn: label, score and corners in a row, as many rows as boxes."""
    if values.ndim != 3 or values.shape[2] != 6 or not values.size:
        return False
    labels, sure = values[..., 0], values[..., 1]
    return bool((labels == labels.round()).all() and (labels >= 0).all() and (sure >= 0).all() and (sure <= 1).all())


def _columns(values: Array) -> list[Array]:
    return [values[..., 2:6], values[..., 1], values[..., 0]]


def _in_one(values: Array) -> tuple[Array, Array]:
    """Scores and corners from centre, size, (objectness,) classes: candidates × numbers with objectness (YOLOv5), or the other
    way without (YOLOv8).
    """
    import numpy as np

    turned = values.shape[1] < values.shape[2]
    rows = values.transpose(0, 2, 1) if turned else values
    middle, half = rows[..., :2], rows[..., 2:4] / 2
    scores = rows[..., 4:] if turned or rows.shape[2] < 6 else rows[..., 4:5] * rows[..., 5:]
    return np.ascontiguousarray(scores), np.concatenate((middle - half, middle + half), axis=2)
