"""Does a version answer as the shipped model does? The rule by what the model is for, the share with its interval, and whether
that share can mean anything.

A share is withheld where a constant would reach it: fewer than ten different answers (or four fifths of the classes, where
that is less), or one answer to more than half of the inputs. The signal-to-noise ratio of the outputs is always told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, log10, sqrt
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from nngauge.compress.answers import Answers, Classes
from nngauge.compress.rules import Reading, reading
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
_LIST: Final = 100
"""Rows kept of a list of boxes whose length differs from input to input; the best come first."""


class Judge:
    """Compares versions with the shipped model, whose outputs it is made with.

    `source`: of the inputs; on noise no share is told, whatever the answers are.
    """

    def __init__(self, subject: Subject, outputs: Outputs, source: InputSource = InputSource.USER) -> None:
        import numpy as np

        self._graph = subject.graph
        self._lists = lists_in(outputs)
        shipped = real(outputs, self._graph, self._lists)
        count = len(shipped[0]) if shipped else 0
        finite = _finite(shipped, count)
        self._kept: Array = np.flatnonzero(finite)
        self._shipped = [item[self._kept] for item in shipped]
        task = subject.task.task if subject.task is not None else ""
        self._reading = (
            reading(task, self._shipped) if len(self._kept) else Reading(Rule.NONE, "no finite answer", None)
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
            answers = "one answer" if distinct == 1 else f"{distinct} different answers"
            return f"{answers} to {number} inputs, {wanted} are needed"
        if chance > MOST_CHANCE:
            return f"one answer would do for {100 * chance:.0f} % of the inputs"
        return ""

    def compare(self, outputs: Outputs) -> Agreement:
        """A version's agreement. Its outputs are to the inputs that the judge was made with, or to the first of them."""
        import numpy as np

        with np.errstate(all="ignore"):  # what a broken version answers may be of any size
            return self._compared(outputs)

    def _compared(self, outputs: Outputs) -> Agreement:
        import numpy as np

        found_all = real(outputs, self._graph, self._lists)
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
        return self._judged(found, ours, theirs, finite)

    def _judged(self, found: Agreement, ours: Answers, theirs: Answers, finite: Array) -> Agreement:
        """With how far answers are apart and how many are the same; `finite` are those that may count as the same."""
        import numpy as np

        errors = ours.errors(theirs)
        found = replace(found, error=float(np.median(errors)) if errors is not None and finite.all() else None)
        if self.reference.withheld:
            return found
        matched = int((ours.agrees(theirs) & finite).sum())
        low, high = wilson(matched, found.inputs)
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


def lists_in(outputs: Outputs) -> dict[int, int]:
    """The outputs that are lists of boxes, of another length for other inputs, with the numbers in a row."""
    return {
        at: next(array.shape[-1] for array in arrays if array.size)
        for at, arrays in enumerate(outputs.arrays)
        if _is_ragged(arrays)
    }


def real(outputs: Outputs, graph: Graph, lists: Mapping[int, int] = {}) -> list[Array]:
    """The numbers of each output, inputs first; integers with a scale without their zero point. Raises as `stacked`.

    `lists`: outputs of which the first rows are taken, as `lists_in` says of the shipped model's.
    """
    import numpy as np

    found = []
    for at, _ in enumerate(outputs.names):
        values = _filled(outputs.arrays[at], lists[at]) if at in lists else outputs.stacked(at)
        if values.dtype.kind in "iu" and at < len(graph.outputs):
            quantization = graph.tensors[graph.outputs[at]].quantization
            if quantization is not None and quantization.scales:
                values = values.astype(np.float32) - (quantization.zero_point or 0)
        found.append(values)
    return found


def _is_ragged(arrays: Sequence[Array]) -> bool:
    """Lists of boxes: a few numbers in each row, and another number of rows for other inputs (none at all: no rows)."""
    rows = {array.shape for array in arrays if array.size}
    widths = {shape[-1] for shape in rows}
    return len({array.shape for array in arrays}) > 1 and len(widths) == 1 and all(len(shape) == 2 for shape in rows)


def _filled(arrays: Sequence[Array], width: int) -> Array:
    """As many rows for each input, those that are missing filled with zeros."""
    import numpy as np

    found = np.zeros((len(arrays), _LIST, width), np.float32)
    for at, array in enumerate(arrays):
        kept = array.reshape(-1, width)[:_LIST] if array.size % width == 0 else array[:0].reshape(0, width)
        found[at, : len(kept)] = kept
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
