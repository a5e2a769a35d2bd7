"""Reads the weights of a model, all of them or an even sample, and states the figures of each tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.analyse.optimisation.channels import channel_axes, dead_channels
from nngauge.analyse.optimisation.precision import granularity, is_weight
from nngauge.analyse.optimisation.scopes import Scope
from nngauge.analyse.optimisation.values import (
    FORMS,
    Values,
    byte_values,
    float_values,
    on_a_grid,
    packed_values,
    short_values,
)
from nngauge.domain.graph import DType, Span, Tensor
from nngauge.domain.optimisation import WeightState
from nngauge.io.source import ByteSource
from nngauge.limits import MIB

BUDGET: Final = 64 * MIB
"""Weight bytes looked at in one model; larger ones are sampled."""
_PIECE: Final = 1 * MIB
"""Bytes read at once: small enough for the processor's cache, a multiple of every element's width."""
_SAMPLE: Final = 64 * 1024
"""Bytes of one piece of a sample."""
_CLUSTER_ELEMENTS: Final = 4096
_CLUSTER_VALUES: Final = 256
_PACKED: Final[Mapping[DType, int]] = {DType.INT4: 4, DType.UINT4: 4, DType.INT2: 2, DType.UINT2: 2}
_WIDTHS: Final[Mapping[DType, int]] = {
    DType.FLOAT32: 4, DType.FLOAT16: 2, DType.BFLOAT16: 2, DType.INT16: 2, DType.UINT16: 2, DType.INT8: 1, DType.UINT8: 1,
    DType.INT4: 1, DType.UINT4: 1, DType.INT2: 1, DType.UINT2: 1,
}  # fmt: skip
"""Bytes that must not be torn apart, of the types whose values are looked at."""


def weight_states(
    scopes: Sequence[Scope], parts: Sequence[ByteSource], *, read: bool, budget: int = BUDGET
) -> tuple[tuple[WeightState, ...], int, bool]:
    """`(one state for each weight, bytes read, whether anything was sampled)`; without `read` no byte is touched."""
    listed = [
        (scope, index, tensor)
        for scope in scopes
        for index, tensor in enumerate(scope.graph.tensors)
        if tensor.constant and is_weight(tensor)
    ]
    if not read or _is_foreign(scopes):
        return tuple(_state(scope, tensor) for scope, _, tensor in listed), 0, False
    places = _readable((tensor for _, _, tensor in listed), parts)
    total = sum(places.values())
    share = min(1.0, budget / total) if total else 1.0
    axes = {id(scope): channel_axes(scope) for scope in scopes}
    known: dict[tuple[Span, DType, int], WeightState] = {}
    states = []
    for scope, index, tensor in listed:
        state = _state(scope, tensor)
        span = tensor.data
        if span is not None and span in places:
            zero = _zero(tensor)
            key = (span, tensor.dtype, zero)
            if key not in known:  # a span that several tensors share is read once
                values = _values(tensor, span, parts[span.part], share, zero)
                known[key] = _with(state, values, tensor, axes[id(scope)].get(index, ()))
            state = replace(known[key], graph=state.graph, name=state.name)
        states.append(state)
    taken = sum(_plan(size, share) for size in places.values())
    return tuple(states), taken, share < 1.0


def _is_foreign(scopes: Sequence[Scope]) -> bool:
    """Numbers of the other byte order (GGUF for mainframes) are not looked at."""
    return "big-endian" in (scopes[0].graph.format_version or "")


def _readable(tensors: Iterator[Tensor], parts: Sequence[ByteSource]) -> dict[Span, int]:
    """The different places of weights whose values can be looked at, and their sizes."""
    found: dict[Span, int] = {}
    for tensor in tensors:
        span, width = tensor.data, _WIDTHS.get(tensor.dtype)
        if span is None or width is None or _table(tensor) or not 0 <= span.part < len(parts) or span.offset < 0:
            continue
        if span.size > 0 and span.size % width == 0 and span.offset + span.size <= parts[span.part].size:
            found[span] = span.size
    return found


def _state(scope: Scope, tensor: Tensor) -> WeightState:
    return WeightState(
        graph=scope.label,
        name=tensor.name,
        dtype=tensor.dtype,
        granularity=granularity(tensor),
        elements=tensor.elements or 0,
        bytes=tensor.data.size if tensor.data else 0,
        distinct=_table(tensor) or None,
    )


def _table(tensor: Tensor) -> int:
    """Entries of the table that a palettised weight's numbers index: those numbers are no values."""
    return tensor.quantization.table if tensor.quantization is not None else 0


def _zero(tensor: Tensor) -> int:
    """The stored value that means 0."""
    quantization = tensor.quantization
    return quantization.zero_point or 0 if quantization is not None else 0


def _plan(size: int, share: float) -> int:
    """Bytes of a place that are read: all of them, or pieces spread evenly over it."""
    wanted = int(size * share)
    return size if share >= 1.0 or size <= _SAMPLE else min(size, max(wanted // _SAMPLE, 1) * _SAMPLE)


def _chunks(source: ByteSource, span: Span, share: float, width: int) -> Iterator[bytes]:
    """The bytes of `span` in pieces: all, or `_plan` of them at places that depend on nothing but the sizes.

    Pieces hold whole elements of `width` bytes, also when the file has become shorter meanwhile.
    """
    taken = _plan(span.size, share)
    if taken == span.size:
        places = [(start, min(_PIECE, span.size - start)) for start in range(0, span.size, _PIECE)]
    else:
        # From the first byte to the last, on multiples of eight bytes.
        count = taken // _SAMPLE
        places = [((span.size - _SAMPLE) * at // max(count - 1, 1) // 8 * 8, _SAMPLE) for at in range(count)]
    for start, size in places:
        piece = source.read(span.offset + start, size)
        if len(piece) % width:
            piece = piece[: -(len(piece) % width)]
        if piece:
            yield piece


def _values(tensor: Tensor, span: Span, source: ByteSource, share: float, zero: int) -> Values:
    chunks = _chunks(source, span, share, _WIDTHS[tensor.dtype])
    form = FORMS.get(tensor.dtype)
    if form is not None:
        return float_values(chunks, form)
    bits = _PACKED.get(tensor.dtype)
    if bits is not None:
        elements = tensor.elements
        return packed_values(chunks, bits, zero, span.size * 8 // bits if elements is None else elements)
    return byte_values(chunks, zero) if _WIDTHS[tensor.dtype] == 1 else short_values(chunks, zero)


def _with(state: WeightState, values: Values, tensor: Tensor, axes: tuple[int, ...]) -> WeightState:
    """The state with the figures of its values."""
    few = values.distinct is not None and values.distinct <= _CLUSTER_VALUES
    clustered = few and values.finite and tensor.dtype in FORMS and values.read >= _CLUSTER_ELEMENTS
    channels = dead = None
    shape = tuple(dim for dim in tensor.shape or () if isinstance(dim, int))
    if axes and len(shape) == len(tensor.shape or ()) and values.read == tensor.elements:
        dead = dead_channels(values.mask, shape, axes)
        channels = None if dead is None else _product(shape, axes)
    return replace(
        state,
        read=values.read,
        zeros=values.zeros,
        near_zeros=values.near_zeros,
        threshold=values.threshold,
        distinct=values.distinct,
        clustered=clustered,
        uniform=clustered and on_a_grid(values.patterns, tensor.dtype),
        holds=values.holds,
        channels=channels,
        dead_channels=dead,
    )


def _product(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    total = 1
    for axis in axes:
        total *= shape[axis]
    return total
