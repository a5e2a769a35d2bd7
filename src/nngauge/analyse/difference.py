"""Compares two analysed models: interface, operations layer by layer, weights, precision and cost."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Amount, Family, Layer
from nngauge.domain.difference import Change, Comparison, Fact, Figure, SharedWeights, Step
from nngauge.domain.graph import Graph, Tensor
from nngauge.domain.model import Port
from nngauge.errors import InputError
from nngauge.io.source import ByteSource

MAX_ALIGNMENT: Final = 4_000_000
"""Pairs of layers that one alignment looks at (2,000 × 2,000 after equal ends are cut): one to two seconds."""
_EXACT, _KIND = 4, 1
_UP, _LEFT, _BOTH = 1, 2, 3
_ASIDE: Final = {Family.CONSTANT}
"""Not operations of the network: formats differ in whether they write them as nodes."""


class Weight(Struct, frozen=True):
    """One constant tensor, to be looked for in the other model."""

    dtype: str
    shape: tuple[int | str | None, ...] | None
    elements: int
    digest: bytes | None
    """None when its bytes are not in the file."""


def compare(
    first: Analysis,
    second: Analysis,
    first_weights: Sequence[Weight] | None = None,
    second_weights: Sequence[Weight] | None = None,
) -> Comparison:
    """What differs. Weights are compared when both models' are given (`weights_of`)."""
    steps, notes = align(_layers(first), _layers(second))
    shared = None
    if first_weights is not None and second_weights is not None:
        shared = share_weights(first_weights, second_weights)
    return Comparison(
        first=first,
        second=second,
        same_file=bool(first.model.digest) and first.model.digest == second.model.digest,
        identity=tuple(_identity(first, second)),
        interface=tuple(_interface(first, second)),
        families=tuple(_counts(_families(first), _families(second))),
        precision=tuple(_counts(first.model.weights, second.model.weights)),
        costs=tuple(_costs(first, second)),
        steps=steps,
        weights=shared,
        notes=notes,
    )


# --- facts and figures --------------------------------------------------------------------------------------------------


def _identity(first: Analysis, second: Analysis) -> Iterator[Fact]:
    one, other = first.model, second.model
    yield Fact(name="name", first=one.name, second=other.name)
    yield Fact(name="format", first=one.title, second=other.title)
    yield Fact(name="version", first=one.format_version, second=other.format_version)
    yield Fact(name="made by", first=one.producer, second=other.producer)
    yield Fact(name="sha256", first=one.digest or None, second=other.digest or None)


def _interface(first: Analysis, second: Analysis) -> Iterator[Fact]:
    """Inputs and outputs by place; names differ between formats and are not compared."""
    pairs = (
        ("input", first.model.inputs, second.model.inputs),
        ("output", first.model.outputs, second.model.outputs),
    )
    for title, ones, others in pairs:
        for at, (one, other) in enumerate(zip_longest(ones, others)):
            many = len(ones) > 1 or len(others) > 1
            yield Fact(name=f"{title} {at}" if many else title, first=_port(one), second=_port(other))


def _port(port: Port | None) -> str | None:
    if port is None:
        return None
    shape = "?" if port.shape is None else "×".join("?" if dim is None else str(dim) for dim in port.shape) or "scalar"
    return f"{port.dtype} {shape}"


def _families(analysis: Analysis) -> Mapping[str, int]:
    counts = Counter(layer.family.value for layer in _layers(analysis))
    return {family.value: counts[family.value] for family in Family if counts[family.value]}


def _layers(analysis: Analysis) -> list[Layer]:
    return [layer for layer in analysis.cost.layers if layer.family not in _ASIDE]


def _counts(first: Mapping[str, int], second: Mapping[str, int]) -> Iterator[Figure]:
    for name in dict.fromkeys((*first, *second)):
        yield _figure(name, first.get(name, 0), second.get(name, 0))


def _costs(first: Analysis, second: Analysis) -> Iterator[Figure]:
    one, other = first.cost, second.cost
    yield _figure("operations", len(_layers(first)), len(_layers(second)))
    yield _figure("parameters", one.parameters, other.parameters)
    yield _figure("MACs", one.macs, other.macs)
    yield _figure("weight bytes", one.weight_bytes, other.weight_bytes, "B")
    peak = one.peak.bytes if one.peak else None
    yield _figure("peak activations", peak, other.peak.bytes if other.peak else None, "B")
    yield _figure("activations read", one.read_bytes, other.read_bytes, "B")
    yield _figure("activations written", one.written_bytes, other.written_bytes, "B")
    yield _figure("file size", first.model.size, second.model.size, "B")


def _figure(name: str, first: Amount | None, second: Amount | None, unit: str = "") -> Figure:
    numbers = isinstance(first, int) and isinstance(second, int) and first > 0
    ratio = second / first if numbers and isinstance(first, int) and isinstance(second, int) else None
    return Figure(name=name, first=first, second=second, ratio=ratio, unit=unit)


# --- layers -------------------------------------------------------------------------------------------------------------


def align(first: Sequence[Layer], second: Sequence[Layer]) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """The best global alignment of two lists of layers, in order, and notes.

    Needleman and Wunsch (1970, https://doi.org/10.1016/0022-2836(70)90057-4) with a reward for equal layers and a
    smaller one for equal kinds. Equal beginnings and ends are cut first; what then exceeds `MAX_ALIGNMENT` is not
    aligned.
    """
    one, other = [_key(layer) for layer in first], [_key(layer) for layer in second]
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    rows, columns = len(one) - start - end, len(other) - start - end
    if rows * columns > MAX_ALIGNMENT:
        return (), (f"{rows:,} × {columns:,} layers differ: too many to align",)
    pairs: list[tuple[int | None, int | None]] = [(at, at) for at in range(start)]
    middle = _pairs(one[start : len(one) - end], other[start : len(other) - end])
    pairs += [(None if a is None else a + start, None if b is None else b + start) for a, b in middle]
    pairs += [(len(one) - end + at, len(other) - end + at) for at in range(end)]
    return tuple(_with_fused([_step(first, second, one, other, pair) for pair in pairs])), ()


_Key = tuple[str, tuple[tuple[str, ...], ...], Amount | None]


def _key(layer: Layer) -> _Key:
    """What makes two layers equal: axis order, a leading batch of one and names do not count."""
    shapes = tuple(
        tuple(sorted(str(dim) for dim in shape if dim != 1)) if shape is not None else ("?",) for shape in layer.outputs
    )
    return (layer.kind or layer.op, shapes, layer.parameters or 0)


def _pairs(one: Sequence[_Key], other: Sequence[_Key]) -> list[tuple[int | None, int | None]]:
    """The alignment with the highest reward, by dynamic programming; one byte of memory a pair."""
    gains = {key: bytes(_EXACT if key == item else _KIND * (key[0] == item[0]) for item in other) for key in set(one)}
    above = [0] * (len(other) + 1)
    moves = [bytearray(len(above))]
    for key in one:
        row, move = [0] * len(above), bytearray(len(above))
        left = 0
        for at, gain in enumerate(gains[key], 1):
            best, step = (above[at], _UP) if above[at] >= left else (left, _LEFT)
            if gain and above[at - 1] + gain >= best:
                best, step = above[at - 1] + gain, _BOTH
            row[at] = left = best
            move[at] = step
        above = row
        moves.append(move)
    return _traced(moves, len(one), len(other))


def _traced(moves: Sequence[bytearray], i: int, j: int) -> list[tuple[int | None, int | None]]:
    """The way back from the last pair."""
    pairs: list[tuple[int | None, int | None]] = []
    while i or j:
        step = moves[i][j] if i and j else (_UP if i else _LEFT)
        i, j = i - (step != _LEFT), j - (step != _UP)
        pairs.append((i if step != _LEFT else None, j if step != _UP else None))
    return pairs[::-1]


def _step(
    first: Sequence[Layer],
    second: Sequence[Layer],
    one: Sequence[_Key],
    other: Sequence[_Key],
    pair: tuple[int | None, int | None],
) -> Step:
    a, b = pair
    if a is None or b is None:
        change = Change.ADDED if a is None else Change.REMOVED
    else:
        change = Change.SAME if one[a] == other[b] else Change.CHANGED
    return Step(
        change=change, first=None if a is None else first[a], second=None if b is None else second[b]
    )  # fmt: skip


def _with_fused(steps: Sequence[Step]) -> Iterator[Step]:
    """Marks activations of one model that the other has in the layer before."""
    before: Step | None = None
    for step in steps:
        alone = step.first or step.second
        if step.change in (Change.REMOVED, Change.ADDED) and before is not None and alone is not None:
            host = before.second if step.change is Change.REMOVED else before.first
            fused = host is not None and f"+{alone.kind}" in host.attributes.split()
            if alone.family is Family.ACTIVATION and fused:
                yield replace(step, change=Change.FUSED)
                continue
        before = step
        yield step


# --- weights ------------------------------------------------------------------------------------------------------------


def weights_of(graph: Graph, parts: Sequence[ByteSource]) -> list[Weight]:
    """Every constant tensor of the graph and its sub-graphs with the digest of its bytes, streamed."""
    found = [_weight(tensor, parts) for tensor in graph.tensors if tensor.constant]
    for inner in graph.subgraphs:
        found += weights_of(inner, parts)
    return found


def _weight(tensor: Tensor, parts: Sequence[ByteSource]) -> Weight:
    return Weight(tensor.dtype.value, tensor.shape, tensor.elements or 0, tensor_digest(tensor, parts))


def tensor_digest(tensor: Tensor, parts: Sequence[ByteSource]) -> bytes | None:
    """BLAKE2b of the bytes of a constant, 16 bytes of it; None when they are not in the files."""
    if tensor.data is None:
        return None if tensor.values is None else hashlib.blake2b(repr(tensor.values).encode(), digest_size=16).digest()
    if not 0 <= tensor.data.part < len(parts):
        return None
    digest = hashlib.blake2b(digest_size=16)  # twice as fast as SHA-256 where that has no instructions of its own
    try:
        for chunk in parts[tensor.data.part].chunks(tensor.data.offset, tensor.data.size):
            digest.update(chunk)
    except InputError:
        return None
    return digest.digest()


def share_weights(first: Sequence[Weight], second: Sequence[Weight]) -> SharedWeights:
    """Pairs tensors with equal bytes, then, among the rest, tensors of equal type and shape."""
    ours = Counter(weight.digest for weight in first if weight.digest is not None)
    theirs = Counter(weight.digest for weight in second if weight.digest is not None)
    common = ours & theirs
    left, identical, parameters = _without(first, Counter(common))
    right, _, _ = _without(second, Counter(common))
    same_shape = (Counter(map(_form, left)) & Counter(map(_form, right))).total()
    unread = sum(weight.digest is None for weight in (*first, *second))
    return SharedWeights(
        identical=identical,
        identical_parameters=parameters,
        same_shape=same_shape,
        only_first=len(left) - same_shape,
        only_second=len(right) - same_shape,
        unread=unread,
    )


def _form(weight: Weight) -> tuple[str, tuple[int | str | None, ...] | None]:
    return (weight.dtype, weight.shape)


def _without(weights: Sequence[Weight], taken: Counter[bytes | None]) -> tuple[list[Weight], int, int]:
    """Weights that are not among `taken`, and number and elements of those that are."""
    rest, count, elements = [], 0, 0
    for weight in weights:
        if weight.digest is not None and taken[weight.digest] > 0:
            taken[weight.digest] -= 1
            count, elements = count + 1, elements + weight.elements
        else:
            rest.append(weight)
    return rest, count, elements
