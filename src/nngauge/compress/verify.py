"""What a written file is: read with our own parser, costed, run, and compared with the model that it was made from."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from math import isfinite, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from nngauge.analyse.constants import Constants
from nngauge.analyse.cost import model_cost
from nngauge.analyse.shapes import infer_shapes
from nngauge.compress.subject import Subject, subject_of
from nngauge.compress.trial import Feeds, Outputs, Trial, TrialError, open_trial
from nngauge.domain.compression import Inputs, InputSource, Refusal
from nngauge.domain.graph import Graph
from nngauge.domain.written import Figures, Likeness
from nngauge.engines import engines_for, installed
from nngauge.engines.local import Limits
from nngauge.errors import InputError, UsageError
from nngauge.extract.attempt import Extracted
from nngauge.measure.inputs import inputs_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Opener = Callable[[Path], AbstractContextManager[Extracted]]
"""Opens a model file: `nngauge.api.open_model`."""
SETS: Final = 8
"""Sets of random inputs where nobody gives better ones."""


class Looked(Struct, frozen=True, kw_only=True):
    """A model that was read."""

    subject: Subject
    figures: Figures


def look(path: Path, opener: Opener, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Looked:
    """Reads a model and what it takes. Raises as `opener` does, and `LimitError` for models of more than 1 GiB."""
    with opener(path) as extracted:
        parts = [piece.source for piece in extracted.pieces]
        graph = infer_shapes(extracted.graph, Constants(parts), shapes or {}).graph
        subject = subject_of(extracted, graph)
    digest = hashlib.sha256(subject.files[0].content).hexdigest()
    cost = model_cost(graph)
    figures = Figures(
        file=subject.size,
        deflated=sum(len(zlib.compress(file.content, 6)) for file in subject.files),
        weight_bytes=cost.weight_bytes, parameters=cost.parameters, macs=cost.macs,
        peak=cost.peak.bytes if cost.peak else None, weights=_types(graph),
    )  # fmt: skip
    return Looked(
        subject=Subject(
            name=subject.name, format=subject.format, graph=graph, files=subject.files, task=subject.task, digest=digest
        ),
        figures=figures,
    )


def _types(graph: Graph) -> dict[str, int]:
    found = Counter[str]()
    for part in (graph, *graph.subgraphs):
        for tensor in part.tensors:
            if tensor.constant:
                found[str(tensor.dtype)] += tensor.elements or 0
    return {name: count for name, count in found.most_common() if count}


def random_feeds(graph: Graph, count: int = SETS) -> tuple[tuple[Feeds, ...], Inputs]:
    """Seeded random numbers for each input. Raises `UsageError` where none can be made up."""
    sets = [inputs_of(graph, seed=seed) for seed in range(count)]
    feeds = tuple(
        Feeds(name=ports[0].name, dtype=str(ports[0].dtype), shape=ports[0].shape, content=b"".join(p.content for p in ports))
        for ports in zip(*sets, strict=True)
    )  # fmt: skip
    return feeds, Inputs(source=InputSource.NOISE, count=count, name="seeded random numbers")


def alike(
    first: Subject, second: Subject, feeds: Sequence[Feeds], inputs: Inputs, limits: Limits | None = None
) -> Likeness | Refusal:
    """Runs both on the same inputs and compares; why they could not be, where they could not."""
    try:
        reference = _outputs(first, feeds, limits)
    except InputError as error:
        return _refusal("the original does not run", error)
    try:
        other = _outputs(second, _renamed(feeds, first.graph, second.graph), limits)
    except InputError as error:
        return _refusal("the written file does not run", error)
    return compared(reference, other, inputs)


def _outputs(subject: Subject, feeds: Sequence[Feeds], limits: Limits | None) -> Outputs:
    with _trial(subject, feeds, limits) as trial:
        return trial.run()


def _trial(subject: Subject, feeds: Sequence[Feeds], limits: Limits | None) -> AbstractContextManager[Trial]:
    engine = next((one for one in engines_for(subject.format) if installed(one)), None)
    return open_trial(subject, feeds, engine=engine.name if engine else "", limits=limits)


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


def _refusal(what: str, error: InputError) -> Refusal:
    kind = error.kind if isinstance(error, TrialError) else "unsupported"
    return Refusal(reason=kind, explanation=f"{what}: {error.what}", hint=error.hint)


def compared(reference: Outputs, other: Outputs, inputs: Inputs) -> Likeness | Refusal:
    """Two models' outputs, paired by name where both have the same names, else by order."""
    import numpy as np

    pairs = list(_pairs(reference, other))
    if not pairs:
        return Refusal(
            reason="unsupported", explanation=f"outputs cannot be paired: {_shapes(reference)} and {_shapes(other)}"
        )
    identical = all(one.dtype == two.dtype and one.tobytes() == two.tobytes() for one, two in pairs)
    numbers = [(one.astype(np.float64), two.astype(np.float64)) for one, two in pairs if one.dtype.kind in "fiub"]
    if any(np.isfinite(one).all() and not np.isfinite(two).all() for one, two in numbers):
        return Refusal(
            reason="not finite", explanation="the written file answers with NaN or infinity, the original does not"
        )
    signal = sum(float((one**2).sum()) for one, _ in numbers)
    noise = sum(float(((one - two) ** 2).sum()) for one, two in numbers)
    largest = max((float(np.abs(one - two).max(initial=0.0)) for one, two in numbers), default=None)
    extent = max((float(np.abs(one).max(initial=0.0)) for one, _ in numbers), default=None)
    return Likeness(
        engine=other.engine, version=other.version, reference=reference.engine, inputs=inputs, identical=identical,
        max_difference=largest if largest is not None and isfinite(largest) else None,
        extent=extent if extent is not None and isfinite(extent) else None,
        sqnr=10 * log10(signal / noise) if signal > 0 and noise > 0 and isfinite(signal) and isfinite(noise) else None,
    )  # fmt: skip


def _pairs(reference: Outputs, other: Outputs) -> Iterator[tuple[Array, Array]]:
    """Answers of both that have the same numbers of elements, all of them or none."""
    count = len(reference.names)
    if count != len(other.names) or not count:
        return
    named = sorted(reference.names) == sorted(other.names) and len(set(reference.names)) == count
    order = [other.names.index(name) for name in reference.names] if named else range(count)
    found = [
        pair for at, place in enumerate(order) for pair in zip(reference.arrays[at], other.arrays[place], strict=True)
    ]
    if all(_same_shape(one, two) for one, two in found):
        yield from found


def _same_shape(one: Array, two: Array) -> bool:
    """Dimensions of 1 apart: some engines drop the batch."""
    return [n for n in one.shape if n != 1] == [n for n in two.shape if n != 1]


def _shapes(outputs: Outputs) -> str:
    return ", ".join(
        f"{name} {'x'.join(map(str, arrays[0].shape))}" if arrays else name
        for name, arrays in zip(outputs.names, outputs.arrays, strict=True)
    ) or "none"  # fmt: skip


def default_feeds(subject: Subject) -> tuple[tuple[Feeds, ...], Inputs] | Refusal:
    """Random inputs, or why there are none."""
    try:
        return random_feeds(subject.graph)
    except UsageError as error:
        return Refusal(reason="unsupported", explanation=f"no inputs can be made up: {error.what}", hint=error.hint)
