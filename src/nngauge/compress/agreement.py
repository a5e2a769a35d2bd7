"""Does a version answer as the shipped model does? The rule by what the model is for, the share with its interval, and whether
that share can mean anything.

A share is withheld where a constant would reach it: fewer than ten different answers (or four fifths of the classes, where
that is less), or one answer to more than half of the inputs. The signal-to-noise ratio of the outputs is always told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, log10, prod, sqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from nngauge.compress.answers import (
    Answers,
    Classes,
    Directions,
    Labels,
    Pixels,
    Points,
    best_boxes,
    detections,
    listing,
    scoring,
)
from nngauge.compress.subject import Subject
from nngauge.compress.trial import Outputs
from nngauge.domain.compression import Agreement, InputSource, Reference, Rule
from nngauge.domain.graph import Graph

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

LEAST_DISTINCT: Final = 10
MOST_CHANCE: Final = 0.5
_CLASSES: Final = 0.8
"""Of a model's few classes, how many must occur among the answers."""
_Z: Final = 1.959964
"""Of a 95 % interval."""
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


class _Reading(NamedTuple):
    """How answers are read from outputs."""

    rule: Rule
    because: str
    read: Callable[[Sequence[Array]], Answers] | None


class Judge:
    """Compares versions with the shipped model, whose outputs it is made with.

    `source`: of the inputs; on noise no share is told, whatever the answers are.
    """

    def __init__(self, subject: Subject, outputs: Outputs, source: InputSource = InputSource.USER) -> None:
        import numpy as np

        self._graph = subject.graph
        shipped = real(outputs, self._graph)
        count = len(shipped[0]) if shipped else 0
        finite = _finite(shipped, count)
        self._kept: Array = np.flatnonzero(finite)
        self._shipped = [item[self._kept] for item in shipped]
        task = subject.task.task if subject.task is not None else ""
        self._reading = (
            _reading(task, self._shipped) if len(self._kept) else _Reading(Rule.NONE, "no finite answer", None)
        )
        self._answers = self._reading.read(self._shipped) if self._reading.read else None
        self.reference: Reference = self._of_reference(count, source)

    def _of_reference(self, count: int, source: InputSource) -> Reference:
        found = Reference(
            rule=self._reading.rule, because=self._reading.because, inputs=count, not_finite=count - len(self._kept)
        )
        if self._answers is None:
            return replace(found, withheld=self._reading.because)
        alike = self._answers.alike()
        distinct, chance = _groups(alike), float(alike.mean(axis=1).max())
        return replace(found, distinct=distinct, chance=chance, withheld=self._why_withheld(distinct, chance, source))

    def _why_withheld(self, distinct: int, chance: float, source: InputSource) -> str:
        number = len(self._kept)
        if source is InputSource.NOISE:
            return "answers to noise say nothing"
        wanted = LEAST_DISTINCT
        if isinstance(self._answers, Classes) and self._answers.classes:
            wanted = min(wanted, ceil(_CLASSES * self._answers.classes))
        if distinct < wanted:
            return f"{distinct} different answers to {number} inputs, {wanted} are needed"
        if chance > MOST_CHANCE:
            return f"one answer would do for {100 * chance:.0f} % of the inputs"
        return ""

    def compare(self, outputs: Outputs) -> Agreement:
        """A version's agreement. Its outputs are to the inputs that the judge was made with, or to the first of them."""
        import numpy as np

        found_all = real(outputs, self._graph)
        kept = self._kept[self._kept < (len(found_all[0]) if found_all else 0)]
        changed = [item[kept] for item in found_all]
        shipped = [item[: len(kept)] for item in self._shipped]
        rule, number = self._reading.rule, len(kept)
        if [item.shape for item in changed] != [item.shape for item in shipped]:
            return Agreement(rule=rule, inputs=number)
        finite = _finite(changed, number)
        identical = all(np.array_equal(one, other) for one, other in zip(shipped, changed, strict=True))
        found = Agreement(
            rule=rule, inputs=number, not_finite=int(number - finite.sum()), identical=identical,
            sqnr=None if identical or not finite.all() else sqnr(shipped, changed),
        )  # fmt: skip
        if self._answers is None or self._reading.read is None or not number:
            return found
        ours = self._answers if number == len(self._kept) else self._reading.read(shipped)
        theirs = self._reading.read([np.nan_to_num(item, posinf=0.0, neginf=0.0) for item in changed])
        agreed = ours.agrees(theirs) & finite
        errors = ours.errors(theirs)
        found = replace(found, error=float(np.median(errors)) if errors is not None and finite.all() else None)
        if self.reference.withheld:
            return found
        matched = int(agreed.sum())
        low, high = wilson(matched, number)
        top5 = ours.in_first_five(theirs) if isinstance(ours, Classes) and isinstance(theirs, Classes) else None
        return replace(found, matched=matched, low=low, high=high, top5=top5)


def wilson(matched: int, count: int) -> tuple[float, float]:
    """95 % interval of a share: Wilson, "Probable inference, the law of succession, and statistical inference", 1927."""
    share, square = matched / count, _Z * _Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _Z / (1 + square / count) * sqrt(share * (1 - share) / count + square / (4 * count * count))
    return (0.0 if matched == 0 else max(0.0, middle - half)), (1.0 if matched == count else min(1.0, middle + half))


def sqnr(shipped: Sequence[Array], changed: Sequence[Array]) -> float | None:
    """Decibels of signal to quantisation noise; each output counts alike. None where there is neither noise nor signal."""
    ratios = []
    for one, other in zip(shipped, changed, strict=True):
        energy = float((one.astype("f8") ** 2).sum())
        if energy > 0:
            ratios.append(float(((one.astype("f8") - other) ** 2).sum()) / energy)
    mean = sum(ratios) / len(ratios) if ratios else 0.0
    return -10 * log10(mean) if mean > 0 else None


def real(outputs: Outputs, graph: Graph) -> list[Array]:
    """The numbers of each output, inputs first; integers with a scale without their zero point. Raises as `stacked`."""
    import numpy as np

    found = []
    for at, _ in enumerate(outputs.names):
        values = outputs.stacked(at)
        if values.dtype.kind in "iu" and at < len(graph.outputs):
            quantization = graph.tensors[graph.outputs[at]].quantization
            if quantization is not None and quantization.scales:
                values = values.astype(np.float32) - (quantization.zero_point or 0)
        found.append(values)
    return found


def _finite(arrays: Sequence[Array], count: int) -> Array:
    import numpy as np

    found = np.ones(count, bool)
    for item in arrays:
        if item.dtype.kind == "f":
            found &= np.isfinite(item.reshape(count, -1)).all(axis=1)
    return found


def _groups(alike: Array) -> int:
    """How many different answers there are: each stands for itself and those that it would do for."""
    import numpy as np

    left, found = np.ones(len(alike), bool), 0
    for at in range(len(alike)):
        if left[at]:
            found += 1
            left &= ~alike[at]
            left[at] = False
    return found


def _reading(task: str, outputs: Sequence[Array]) -> _Reading:
    """The rule for this task and these outputs."""
    shape = " and ".join("×".join(map(str, item.shape[1:])) or "one number" for item in outputs[:4])
    because = f"{task or 'unknown task'}, output {shape}"
    tried: list[tuple[bool, Callable[[str, Sequence[Array]], _Reading | None]]] = [
        (task in _BOX, _boxes), (task in _PIXEL, _pixels), (task in _POINT, _points), (task in _DIRECTION, _direction),
        (task in _TOP, _top), (task in ("", "unknown"), _probabilities),
    ]  # fmt: skip
    for fits, make in tried:
        found = make(because, outputs) if fits else None
        if found is not None:
            return found
    return _Reading(Rule.NONE, f"no rule for {because}", None)


def _largest(outputs: Sequence[Array]) -> int:
    sizes = [prod(item.shape[1:]) for item in outputs]
    return sizes.index(max(sizes))


def _squeezed(values: Array) -> Array:
    """Without dimensions of 1 behind the first."""
    return values.reshape(len(values), *(dim for dim in values.shape[1:] if dim > 1))


def _top(because: str, outputs: Sequence[Array]) -> _Reading | None:
    at = _largest(outputs)
    values = outputs[at]
    if values.dtype.kind in "iu":
        return _Reading(Rule.TOP1, because, lambda found: Labels(found[at]))
    if values.shape[-1] < 2 and _squeezed(values).ndim == 1:
        return None
    return _Reading(Rule.TOP1, because, lambda found: Classes(_scores(found[at])))


def _scores(values: Array) -> Array:
    flat = _squeezed(values)
    return flat if flat.ndim > 1 else flat[:, None]


def _probabilities(because: str, outputs: Sequence[Array]) -> _Reading | None:
    """Of an unknown task: one vector that sums to 1."""
    import numpy as np

    if len(outputs) != 1 or outputs[0].dtype.kind != "f":
        return None
    values = _squeezed(outputs[0])
    if values.ndim != 2 or float(values.min()) < 0 or float(np.abs(values.sum(axis=1) - 1).max()) > 0.01:
        return None
    return _Reading(Rule.TOP1, f"{because} that sums to 1", lambda found: Classes(_squeezed(found[0])))


def _direction(because: str, outputs: Sequence[Array]) -> _Reading | None:
    at = _largest(outputs)
    return _Reading(Rule.COSINE, because, lambda found: Directions(found[at]))


def _pixels(because: str, outputs: Sequence[Array]) -> _Reading | None:
    at = _largest(outputs)
    axis = _class_axis(outputs[at])
    if axis is None:
        return None
    middle = 0.5 if float(outputs[at].min()) >= 0 else 0.0
    return _Reading(Rule.PIXELS, because, lambda found: Pixels(_labels(found[at], axis, middle)))


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


def _points(because: str, outputs: Sequence[Array]) -> _Reading | None:
    at = _largest(outputs)
    sides = outputs[at].shape[1:]
    if len(sides) == 4 and sides[0] == 1 and min(sides[1:3]) >= _MAP and sides[3] >= 2:
        return _Reading(Rule.POINTS, f"{because}: peaks of heat maps", lambda found: _peaks(found[at]))
    if prod(sides) < 4:
        return None
    return _Reading(Rule.POINTS, because, lambda found: Points(found[at]))


def _peaks(maps: Array) -> Points:
    """Where each map (number × 1 × height × width × maps) is highest, in shares of its sides."""
    import numpy as np

    height, width = maps.shape[2:4]
    best = maps.reshape(len(maps), height * width, -1).argmax(axis=1)
    return Points(np.concatenate((best // width / height, best % width / width), axis=1), extent=1.0)


def _boxes(because: str, outputs: Sequence[Array]) -> _Reading | None:
    flat = [_listed(item) for item in outputs]
    if len(outputs) in (3, 4) and _is_listed(flat):
        which = listing(flat)
        return _Reading(
            Rule.BOXES, f"{because}: a list of boxes", lambda found: detections([_listed(one) for one in found], which)
        )
    heads = [at for at, item in enumerate(flat) if item.ndim == 3 and item.shape[1] >= _CANDIDATES]
    if len(heads) == 2 and len(outputs) == 2 and flat[heads[0]].shape[1] == flat[heads[1]].shape[1]:
        box, score = _box_first(flat[heads[0]], flat[heads[1]], heads)
        how = scoring(flat[score])
        return _Reading(Rule.BOXES, because, lambda found: best_boxes(_listed(found[score]), _listed(found[box]), how))
    if len(outputs) == 1 and heads and 5 < min(flat[0].shape[1:]) < max(flat[0].shape[1:]):
        inside = scoring(_in_one(flat[0])[0])
        return _Reading(
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


def _box_first(one: Array, other: Array, heads: Sequence[int]) -> tuple[int, int]:
    """Which of two heads are boxes: the one of four numbers, or more where none has four."""
    first = one.shape[2] == 4 if (one.shape[2] == 4) != (other.shape[2] == 4) else one.shape[2] > other.shape[2]
    return (heads[0], heads[1]) if first else (heads[1], heads[0])


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
