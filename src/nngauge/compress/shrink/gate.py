"""Are the answers of two files the same? Runs both on the same inputs, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

from nngauge.compress.subject import Subject
from nngauge.compress.trial import Feeds, Outputs, open_trial
from nngauge.domain.graph import Graph
from nngauge.domain.shrinking import Gate, OutputGap
from nngauge.engines.local import Limits
from nngauge.measure.inputs import inputs_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

INPUTS: Final = 32
TOLERANCE: Final = 1e-5
"""Of floating-point outputs, as a share of the range of the original's numbers: sums in another order differ by about 1e-6."""
_STEPS: Final = 4
"""Steps of the floating-point numbers themselves that are allowed, where the range is so small that this is more."""
_STEP: Final = {"float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}
_QUANTISED: Final = frozenset({"int8", "uint8", "int16"})
"""Outputs that may differ by one step: a kernel for another number of channels may round a sum otherwise."""
_SIDE: Final = 224
"""Places of a picture's side that the model leaves open."""
_KINDS: Final = 4
"""Kinds of numbers that floating-point inputs are made of; each is compared with its own range."""


def feeds_for(
    graph: Graph, count: int = INPUTS, seed: int = 0, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> tuple[Feeds, ...]:
    """Inputs for the gate: a quarter each uniform 0…1, −1…1, smooth (neighbours are alike), and normal around 0.

    Integers are drawn from the range that the input can take. `shapes` fixes dimensions that the model leaves open; a
    picture has 224 places a side otherwise. Raises `UsageError` where none can be made up.
    """
    import numpy as np

    fixed = {**_pictures(graph), **(shapes or {})}
    chance = np.random.default_rng(seed)
    found = []
    for at, port in enumerate(inputs_of(graph, seed=seed, shapes=fixed)):
        if port.dtype.value.startswith("float"):
            width = "<f" + {"float16": "2", "float32": "4", "float64": "8"}[port.dtype.value]
            parts = [_floats(chance, place % _KINDS, port.shape).astype(width).tobytes() for place in range(count)]
        elif port.dtype.value in {"int8", "uint8"} and port.says.startswith("the whole range"):
            parts = [chance.bytes(prod(port.shape)) for _ in range(count)]
        else:
            parts = [inputs_of(graph, seed=seed + place, shapes=fixed)[at].content for place in range(count)]
        found.append(Feeds(name=port.name, dtype=port.dtype.value, shape=port.shape, content=b"".join(parts)))
    return tuple(found)


def _pictures(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Shapes for inputs of four dimensions of which rows and columns are open."""
    found = {}
    for index in graph.inputs:
        port = graph.tensors[index]
        dims = [dim if isinstance(dim, int) and dim > 0 else 0 for dim in port.shape or ()]
        if len(dims) == 4 and not all(dims[1:]) and (dims[1] or dims[3]):
            found[port.name] = (dims[0] or 1, *(dim or _SIDE for dim in dims[1:]))
    return found


def _floats(chance: np.random.Generator, kind: int, shape: tuple[int, ...]) -> Array:
    import numpy as np

    if kind == 0:
        return chance.random(shape)
    if kind == 1:
        return chance.random(shape) * 2 - 1
    if kind == 3:
        return chance.standard_normal(shape)
    smooth = chance.standard_normal(shape)
    for axis in range(1, len(shape)):  # a walk along each dimension, without the batch
        smooth = np.cumsum(smooth, axis=axis)
    smooth -= smooth.min()
    return np.asarray(smooth / (smooth.max() or 1.0))


def answers(subject: Subject, feeds: Sequence[Feeds], limits: Limits | None = None) -> Outputs:
    """What a model answers. Raises `TrialError` where it does not run."""
    with open_trial(subject, feeds, limits=limits) as trial:
        return trial.run()


def compare(reference: Outputs, other: Outputs) -> Gate:
    """The original's answers and the others, output by output in their order."""
    unlike = ""
    gaps: list[OutputGap] = []
    if len(reference.arrays) != len(other.arrays):
        unlike = f"{len(other.arrays)} outputs instead of {len(reference.arrays)}"
    for name, ours, theirs in zip(reference.names, reference.arrays, other.arrays, strict=False):
        for kind in range(_KINDS):
            for gap in _gaps(name, ours[kind::_KINDS], theirs[kind::_KINDS]):
                unlike = unlike or (gap if isinstance(gap, str) else "")
                gaps += [gap] if isinstance(gap, OutputGap) else []
    identical = not unlike and all(
        one.tobytes() == two.tobytes()
        for ours, theirs in zip(reference.arrays, other.arrays, strict=True)
        for one, two in zip(ours, theirs, strict=True)
    )
    return Gate(
        engine=other.engine, version=other.version, inputs=len(reference.arrays[0]) if reference.arrays else 0,
        identical=identical, outputs=tuple(_worst(gaps)), unlike=unlike,
    )  # fmt: skip


def _gaps(name: str, ours: Sequence[Array], theirs: Sequence[Array]) -> Iterator[OutputGap | str]:
    """Of inputs of one kind; a text says why they cannot be compared."""
    import numpy as np

    if not ours:
        return
    largest, low, high = 0.0, float("inf"), float("-inf")
    for one, two in zip(ours, theirs, strict=True):
        if one.shape != two.shape or one.dtype != two.dtype:
            yield f"output {name!r} is {two.dtype} {two.shape} instead of {one.dtype} {one.shape}"
            return
        first, second = one.astype(np.float64), two.astype(np.float64)
        finite = np.isfinite(first)
        if not np.array_equal(finite, np.isfinite(second)) or not np.array_equal(
            first[~finite], second[~finite], equal_nan=True
        ):
            yield f"output {name!r} has NaN or infinity in other places"
            return
        if finite.any():
            largest = max(largest, float(np.abs(first[finite] - second[finite]).max()))
            low, high = min(low, float(first[finite].min())), max(high, float(first[finite].max()))
    extent = max(0.0, high - low)
    greatest = max(abs(low), abs(high)) if high >= low else 0.0
    yield OutputGap(
        name=name, dtype=str(ours[0].dtype), largest=largest, extent=extent, allowed=_allowed(str(ours[0].dtype), extent, greatest)
    )  # fmt: skip


def _allowed(dtype: str, extent: float, greatest: float) -> float:
    if dtype.startswith("float"):
        return max(TOLERANCE * (extent or greatest), _STEPS * _STEP.get(dtype, 0.0) * greatest)
    return 1.0 if dtype in _QUANTISED else 0.0


def _worst(gaps: Sequence[OutputGap]) -> Iterator[OutputGap]:
    """One for each output: the kind of inputs that takes most of what is allowed."""
    for name in dict.fromkeys(gap.name for gap in gaps):
        yield max(
            (gap for gap in gaps if gap.name == name),
            key=lambda gap: (not gap.same, gap.largest / gap.allowed if gap.allowed else gap.largest),
        )
