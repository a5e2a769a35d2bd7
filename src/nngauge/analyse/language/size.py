"""Parameters and bytes of a language model's weights, packed quantisation unpacked in the count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from nngauge.analyse.language.facts import Facts
from nngauge.domain.graph import DType, Graph, Tensor
from nngauge.limits import MAX_STRUCT_DEPTH

_SCALES: Final = re.compile(r"\.(scales|biases|qzeros|g_idx|weight_scale(_inv)?|absmax|quant_map|input_scale)$")
"""Tensors of MLX, GPTQ, AWQ, compressed-tensors and bitsandbytes that describe others: bytes, but no parameters."""
_EXPERT: Final = re.compile(r"(_exps\.|\.experts\.(\d|gate|down|up)|\.switch_mlp\.|block_sparse_moe\.experts)")
_PACKED: Final = frozenset({DType.UINT32, DType.INT32})
_NUMBER: Final = re.compile(r"(?:bfloat|float|uint|int)(\d+)(?:_e\dm\d)?")
_BITS: Final = {dtype: int(found[1]) for dtype in DType if (found := _NUMBER.fullmatch(dtype))} | {DType.BOOL: 8}
"""Bits of one element; GGML's block types know their bytes."""


class Size(Struct, frozen=True, kw_only=True):
    """Sums over all weights."""

    parameters: int
    expert_parameters: int
    """Of these, inside the experts of a mixture."""
    bytes: int
    known: bool
    """Every tensor's size is known."""

    @property
    def bits(self) -> float | None:
        """Bits per weight."""
        return 8 * self.bytes / self.parameters if self.parameters and self.known else None


def size_of(graph: Graph, config: Facts) -> Size:
    """Adds up all constants; a place that several tensors share counts once in bytes."""
    tensors = list(weights(graph))
    scales = {tensor.name: tensor for tensor in tensors if tensor.name.endswith(".scales")}
    parameters = experts = total = 0
    known = True
    places = set()
    for tensor in tensors:
        count = _parameters(tensor, scales, config)
        parameters += count
        experts += count if _EXPERT.search(tensor.name) else 0
        size = _bytes(tensor)
        known = known and size is not None
        if tensor.data is None or tensor.data not in places:
            total += size or 0
            places.add(tensor.data)
    return Size(parameters=parameters, expert_parameters=experts, bytes=total, known=known)


def weights(graph: Graph, depth: int = 0) -> Iterator[Tensor]:
    """Constants of the graph and all inside it."""
    yield from (tensor for tensor in graph.tensors if tensor.constant)
    if depth < MAX_STRUCT_DEPTH:
        for inner in graph.subgraphs:
            yield from weights(inner, depth + 1)


def _parameters(tensor: Tensor, scales: Mapping[str, Tensor], config: Facts) -> int:
    """Weights that the tensor stands for: several in each element where they are packed into 32-bit words."""
    if _SCALES.search(tensor.name):
        return 0
    elements = tensor.elements or 0
    if tensor.dtype not in _PACKED or not elements:
        return elements
    bits = _packed_bits(tensor, scales.get(tensor.name.rpartition(".")[0] + ".scales"), config)
    return elements * 32 // bits if bits else elements


def _packed_bits(tensor: Tensor, scales: Tensor | None, config: Facts) -> int | None:
    """Bits of a packed weight: from its shape and that of its scales, else from the configuration.

    MLX: a row of n weights is stored in n × bits ÷ 32 words and has n ÷ group size scales
    (https://ml-explore.github.io/mlx/build/html/python/_autosummary/mlx.core.quantize.html).
    """
    if tensor.name.endswith(".qweight"):
        return _plausible(config.integer("quantization_config.bits", "quantization_config.w_bit") or 4)
    if scales is None or not tensor.name.endswith(".weight"):
        return None
    group = config.integer("quantization.group_size", "quantization_config.group_size") or 64
    words, groups = _last(tensor.shape), _last(scales.shape)
    bits = words * 32 // (groups * group) if words and groups and group else 0
    return _plausible(bits) or _plausible(config.integer("quantization.bits", "quantization_config.bits") or 0)


def _plausible(bits: int) -> int | None:
    return bits if 1 <= bits <= 16 else None


def _last(shape: Sequence[object] | None) -> int:
    return shape[-1] if shape and isinstance(shape[-1], int) else 0


def _bytes(tensor: Tensor) -> int | None:
    if tensor.data is not None:
        return tensor.data.size
    bits, elements = _BITS.get(tensor.dtype), tensor.elements
    return None if bits is None or elements is None else -(-elements * bits // 8)
