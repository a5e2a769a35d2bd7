"""What a written file is: read with our own parser, costed, run, and compared with the model that it was made from."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from math import inf, isfinite, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.analyse.constants import Constants
from nngauge.analyse.cost import model_cost
from nngauge.analyse.shapes import infer_shapes
from nngauge.analyse.summary import summarise
from nngauge.compress.agreement import Judge
from nngauge.compress.ready import Ready, Wanted, ready
from nngauge.compress.subject import Subject, subject_of
from nngauge.compress.table import refusal_of
from nngauge.compress.trial import Feeds, Outputs, TrialError, open_trial
from nngauge.compress.writing import Witness
from nngauge.domain.compression import Inputs, InputSource, Refusal
from nngauge.domain.graph import Graph
from nngauge.domain.written import Figures, Likeness
from nngauge.engines import engines_for, installed
from nngauge.errors import UsageError
from nngauge.extract.attempt import Extracted

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Opener = Callable[[Path], AbstractContextManager[Extracted]]
"""Opens a model file: `nngauge.api.open_model`."""
_UNBATCHED: Final = frozenset({"ncnn"})
"""Formats whose networks have no dimension for the batch."""
_RUNS: Final = 3
"""Of all inputs: twice the original, once the written file."""


class Looked(Struct, frozen=True, kw_only=True):
    """A model that was read."""

    subject: Subject
    figures: Figures


def look(path: Path, opener: Opener, like: Sequence[tuple[int, ...]] = ()) -> Looked:
    """Reads a model and what it takes. Raises as `opener` does, and `LimitError` for models of more than 1 GiB.

    `like`: shapes of inputs, in their order, for those that the file leaves open.
    """
    with opener(path) as extracted:
        parts = [piece.source for piece in extracted.pieces]
        graph = infer_shapes(extracted.graph, Constants(parts), _filled(extracted.graph, like)).graph
        task = summarise(replace(extracted, graph=graph), digests=False).task
        subject = subject_of(extracted, graph, task)
    digest = hashlib.sha256(subject.files[0].content).hexdigest()
    cost = model_cost(graph)
    figures = Figures(
        file=subject.size,
        deflated=sum(len(zlib.compress(file.content, 6)) for file in subject.files),
        weight_bytes=cost.weight_bytes, parameters=cost.parameters, macs=cost.macs,
        peak=cost.peak.bytes if cost.peak else None, weights=_types(graph),
    )  # fmt: skip
    return Looked(subject=replace(subject, digest=digest), figures=figures)


def _filled(graph: Graph, like: Sequence[tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Shapes for inputs that have open dimensions; without the batch where the file has one dimension less."""
    if len(like) != len(graph.inputs):
        return {}
    found = {}
    for index, shape in zip(graph.inputs, like, strict=True):
        port = graph.tensors[index]
        if port.shape is not None and all(isinstance(side, int) for side in port.shape):
            continue
        unbatched = graph.format in _UNBATCHED and len(shape) == 4
        rank = (3 if unbatched else len(shape)) if port.shape is None else len(port.shape)
        if rank == len(shape) or (rank == len(shape) - 1 and shape[0] == 1):
            found[port.name] = shape[len(shape) - rank :]
    return found


def _types(graph: Graph) -> dict[str, int]:
    found = Counter[str]()
    for part in (graph, *graph.subgraphs):
        for tensor in part.tensors:
            if tensor.constant:
                found[str(tensor.dtype)] += tensor.elements or 0
    return {name: count for name, count in found.most_common() if count}


@contextmanager
def at_hand(subject: Subject, wanted: Wanted) -> Iterator[Ready | Refusal]:
    """The original, run on inputs; why it could not be.

    Raises `UsageError` for a folder of the user's without readable files.
    """
    with ExitStack() as stack:
        found: Ready | Refusal
        try:
            found = stack.enter_context(ready(subject, _with_engine(subject, wanted), _RUNS))
        except TrialError as error:
            found = _does_not_run(refusal_of(error))
        except UsageError as error:
            if wanted.folder is not None:
                raise
            found = _does_not_run(Refusal(reason="unsupported", explanation=error.what, hint=error.hint))
        yield found


def _does_not_run(refusal: Refusal) -> Refusal:
    return replace(refusal, explanation=f"the original does not run: {refusal.explanation}")


def _with_engine(subject: Subject, wanted: Wanted) -> Wanted:
    """The engine that is usual for the format, or else one that is installed."""
    there = next((one.name for one in engines_for(subject.format) if installed(one)), "")
    return wanted if wanted.engine or not there else replace(wanted, engine=there)


def as_witnessed(witness: Witness, tool: str, second: Subject) -> Likeness | Refusal:
    """Runs the written file on the inputs of a program that only its own tool runs, and compares with what that saw."""
    names = [second.graph.tensors[index].name for index in second.graph.inputs]
    if len(names) != len(witness.feeds):
        return Refusal(
            reason="unsupported", explanation=f"it has {len(names)} inputs, the program {len(witness.feeds)}"
        )
    feeds = tuple(
        Feeds(name=name, dtype=feed.dtype, shape=feed.shape, content=Path(feed.path).read_bytes())
        for name, feed in zip(names, witness.feeds, strict=True)
    )
    found = _answers(second, feeds)
    if isinstance(found, Refusal):
        return found
    inputs = Inputs(source=InputSource.NOISE, count=witness.count, name="random numbers from 0 to 1")
    return compared(_seen(witness, tool), found, inputs)


def _seen(witness: Witness, tool: str) -> Outputs:
    import numpy as np

    content, at, rows = Path(witness.answers).read_bytes(), 0, []
    for _ in range(witness.count):
        row = []
        for port in witness.outputs:
            row.append(np.frombuffer(content[at : at + port.size], np.dtype(port.dtype)).reshape(port.shape))
            at += port.size
        rows.append(row)
    arrays = tuple(tuple(row[place] for row in rows) for place in range(len(witness.outputs)))
    names = tuple(port.name for port in witness.outputs)
    return Outputs(names=names, arrays=arrays, engine=tool, version="", cpu_seconds=0.0, run_seconds=0.0)


def _answers(second: Subject, feeds: Sequence[Feeds], places: Sequence[int] | None = None) -> Outputs | Refusal:
    """Of the written file."""
    engines = engines_for(second.format)
    there = next((one for one in engines if installed(one)), None)
    if there is None:
        hint = engines[0].install if engines else ""
        return Refusal(
            reason="missing", explanation=f"no engine for {second.format} models is installed here", hint=hint
        )
    try:
        with open_trial(second, feeds, engine=there.name) as trial:
            return trial.run(places=places)
    except TrialError as error:
        found = refusal_of(error)
        return replace(found, explanation=f"the written file does not run: {found.explanation}")


def alike(reference: Ready, first: Subject, second: Subject, places: Sequence[int] | None = None) -> Likeness | Refusal:
    """Runs the written file on the inputs of the original (those at `places`) and compares; why it could not be."""
    other = _answers(second, _renamed(reference.feeds, first.graph, second.graph), places)
    if isinstance(other, Refusal):
        return other
    shipped = reference.shipped if places is None else _some(reference.shipped, places)
    inputs = replace(reference.inputs, count=len(shipped.arrays[0]) if shipped.arrays else 0)
    other = _aligned(shipped, other) or other
    compared_with = compared(shipped, other, inputs)
    if isinstance(compared_with, Refusal):
        return compared_with
    judge = Judge(first, shipped, inputs.source)
    return replace(compared_with, agreement=judge.compare(other), answers=judge.reference)


def _some(outputs: Outputs, places: Sequence[int]) -> Outputs:
    return replace(outputs, arrays=tuple(tuple(rows[at] for at in places) for rows in outputs.arrays))


def _renamed(feeds: Sequence[Feeds], first: Graph, second: Graph) -> tuple[Feeds, ...]:
    """Inputs under the names that the written file gives them: the same, else by their order."""
    names = [second.tensors[index].name for index in second.inputs]
    if len(names) != len(first.inputs) or all(feed.name in names for feed in feeds):
        return tuple(feeds)
    order = {first.tensors[index].name: name for index, name in zip(first.inputs, names, strict=True)}
    return tuple(
        Feeds(name=order.get(feed.name, feed.name), dtype=feed.dtype, shape=feed.shape, content=feed.content)
        for feed in feeds
    )


def _aligned(reference: Outputs, other: Outputs) -> Outputs | None:
    """The written file's outputs in the order and shapes of the original's: by name where both have the same, else by order.

    None where they are not as many, or have other dimensions (those of 1 apart: some engines drop the batch).
    """
    count = len(reference.names)
    if count != len(other.names) or not count:
        return None
    arrays = []
    for at, place in enumerate(_order(reference.names, other.names)):
        pairs = list(zip(reference.arrays[at], other.arrays[place], strict=True))
        if any(_sides(one) != _sides(two) for one, two in pairs):
            return None
        arrays.append(tuple(two.reshape(one.shape) for one, two in pairs))
    return replace(other, names=reference.names, arrays=tuple(arrays))


def _order(names: Sequence[str], others: Sequence[str]) -> list[int]:
    """Which of the others is each: of the same name, else of its number (pnnx counts ``out0, out1``), else by place."""
    if sorted(names) == sorted(others) and len(set(names)) == len(names):
        return [others.index(name) for name in names]
    numbered = [f"out{at}" for at in range(len(names))]
    if sorted(others) == sorted(numbered):
        return [others.index(name) for name in numbered]
    return list(range(len(names)))


def _sides(array: Array) -> list[int]:
    return [side for side in array.shape if side != 1]


def compared(reference: Outputs, other: Outputs, inputs: Inputs) -> Likeness | Refusal:
    """Two models' answers to the same inputs, number by number."""
    import numpy as np

    aligned = _aligned(reference, other)
    if aligned is None:
        return Refusal(
            reason="unsupported", explanation=f"outputs cannot be paired: {_shapes(reference)} and {_shapes(other)}"
        )
    pairs = [
        (one, two) for row in range(len(reference.names))
        for one, two in zip(reference.arrays[row], aligned.arrays[row], strict=True)
    ]  # fmt: skip
    identical = all(one.dtype == two.dtype and one.tobytes() == two.tobytes() for one, two in pairs)
    numbers = [(one.astype(np.float64), two.astype(np.float64)) for one, two in pairs if one.dtype.kind in "fiub"]
    if any(np.isfinite(one).all() and not np.isfinite(two).all() for one, two in numbers):
        return Refusal(
            reason="not finite", explanation="the written file answers with NaN or infinity, the original does not"
        )
    signal = sum(float((one**2).sum()) for one, _ in numbers)
    noise = sum(float(((one - two) ** 2).sum()) for one, two in numbers)
    return Likeness(
        engine=other.engine, version=other.version, reference=reference.engine, inputs=inputs, identical=identical,
        max_difference=_largest(float(np.abs(one - two).max(initial=0.0)) for one, two in numbers),
        extent=_largest(float(np.abs(one).max(initial=0.0)) for one, _ in numbers),
        sqnr=10 * log10(signal / noise) if 0 < signal < inf and 0 < noise < inf else None,
    )  # fmt: skip


def _largest(values: Iterable[float]) -> float | None:
    """The largest; None where there is none, or it is not finite."""
    found = max(values, default=None)
    return found if found is not None and isfinite(found) else None


def _shapes(outputs: Outputs) -> str:
    return ", ".join(
        f"{name} {'x'.join(map(str, arrays[0].shape))}" if arrays else name
        for name, arrays in zip(outputs.names, outputs.arrays, strict=True)
    ) or "none"  # fmt: skip
