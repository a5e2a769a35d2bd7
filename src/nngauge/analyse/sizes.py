"""Bytes that tensors take in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.analyse.amounts import divide, times
from nngauge.domain.cost import Amount
from nngauge.domain.graph import DType, Tensor

BITS: Final[Mapping[DType, int]] = {
    DType.FLOAT64: 64, DType.FLOAT32: 32, DType.FLOAT16: 16, DType.BFLOAT16: 16, DType.FLOAT8_E4M3: 8,
    DType.FLOAT8_E5M2: 8, DType.FLOAT4_E2M1: 4, DType.INT64: 64, DType.INT32: 32, DType.INT16: 16, DType.INT8: 8,
    DType.INT4: 4, DType.INT2: 2, DType.UINT64: 64, DType.UINT32: 32, DType.UINT16: 16, DType.UINT8: 8,
    DType.UINT6: 6, DType.UINT4: 4,
    DType.UINT3: 3, DType.UINT2: 2, DType.UINT1: 1, DType.BOOL: 8, DType.COMPLEX64: 64, DType.COMPLEX128: 128,
}  # fmt: skip
"""Bits of one element; strings, handles and GGML's block types have none."""


def element_count(tensor: Tensor) -> Amount | None:
    """Number of elements, with the symbols of dynamic dimensions; None when a dimension is unknown."""
    if tensor.shape is None:
        return None
    factors = [dim for dim in tensor.shape if dim is not None]
    if len(factors) != len(tensor.shape) or any(isinstance(dim, int) and dim < 0 for dim in factors):
        return None
    return times(factors)


def byte_size(tensor: Tensor) -> Amount | None:
    """Bytes of the tensor in memory, types of less than a byte packed and rounded up; None when unknown."""
    bits = BITS.get(tensor.dtype)
    count = element_count(tensor)
    if bits is None or count is None:
        return None
    if isinstance(count, int):
        return (count * bits + 7) // 8
    return divide(times((count, bits)), 8)


def stored_size(tensor: Tensor) -> int | None:
    """Bytes of a constant: those it takes in the file, else what its type and shape say; None when unknown."""
    if tensor.data is not None:
        return tensor.data.size
    size = byte_size(tensor)
    return size if isinstance(size, int) else None
