"""Elements of small constant tensors, read from where they lie when they are asked for."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from typing import Final

from nngauge.domain.graph import DType, Tensor
from nngauge.errors import InputError
from nngauge.io.source import ByteSource
from nngauge.limits import MAX_INLINE_VALUES

_CODES: Final = {
    DType.INT64: "q", DType.INT32: "i", DType.INT16: "h", DType.INT8: "b", DType.UINT64: "Q", DType.UINT32: "I",
    DType.UINT16: "H", DType.UINT8: "B", DType.BOOL: "B", DType.FLOAT64: "d", DType.FLOAT32: "f", DType.FLOAT16: "e",
}  # fmt: skip
"""`struct` code of the element types that shapes, axes and scales come in."""


class Constants:
    """The constants of one model. `parts`: its files, the lead file first, as `Span.part` counts them."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[ByteSource] = ()) -> None:
        self._parts = tuple(parts)

    def values(self, tensor: Tensor) -> tuple[int, ...] | tuple[float, ...] | None:
        """All elements in row-major order; None when `tensor` is none, is too large, or its bytes are not there."""
        if tensor.values is not None:
            return tensor.values if len(tensor.values) <= MAX_INLINE_VALUES else None
        span, code = tensor.data, _CODES.get(tensor.dtype)
        if span is None or code is None or not tensor.constant or not 0 <= span.part < len(self._parts):
            return None
        count = self._count(tensor)
        size = struct.calcsize(f"<{code}")
        if count is None or count * size > span.size:
            return None
        try:
            raw = self._parts[span.part].read(span.offset, count * size)
        except InputError:
            # Spans come from the file; one that leads nowhere means that the value is not known.
            return None
        return struct.unpack(f"<{count}{code}", raw) if len(raw) == count * size else None

    @staticmethod
    def _count(tensor: Tensor) -> int | None:
        """Elements of `tensor`, None beyond what is read."""
        shape = tensor.shape
        if shape is None or not all(isinstance(dim, int) and 0 <= dim <= MAX_INLINE_VALUES for dim in shape):
            return None
        count = prod(dim for dim in shape if isinstance(dim, int))
        return count if count <= MAX_INLINE_VALUES else None
