"""Tensors of ONNX: `TensorProto`, `SparseTensorProto` and `TypeProto`, the data left where it is.

Schema: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; external data:
https://github.com/onnx/onnx/blob/main/docs/ExternalData.md.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.graph import Dim, DType, Span, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._api import ModelData
from nngauge.formats.vocabulary.onnx import DTYPES
from nngauge.io import protobuf
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, signed
from nngauge.limits import MAX_INLINE_VALUES, MAX_RANK

_MAX_PROPERTY: Final = 65_536
"""Characters kept of one metadata value (some exporters store whole vocabularies there)."""
_BITS: Final = (
    0, 32, 8, 8, 16, 16, 32, 64, 0, 8, 16, 64, 32, 64, 64, 128, 16, 8, 8, 8, 8, 4, 4, 4, 8, 2, 2,
)  # fmt: skip
"""Bits of one element in `raw_data`, 0 where there is no such form."""
_INTEGERS: Final = frozenset(
    {DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.INT32, DType.UINT32, DType.INT64, DType.UINT64,
     DType.BOOL}
)  # fmt: skip


def pair(buf: Buffer, message: Field) -> tuple[str, str]:
    """A `StringStringEntryProto`."""
    found = ["", ""]
    for field in fields(buf, message.start, message.end):
        if field.number in (1, 2) and field.wire == BYTES:
            end = min(field.end, field.start + _MAX_PROPERTY)
            found[field.number - 1] = str(buf[field.start : end], "utf-8", "replace")
    return found[0], found[1]


class _Told(Struct):
    """What a `TensorProto` says, field by field."""

    name: bytes = b""
    code: int = 0
    """Element type, a `TensorProto.DataType`."""
    dims: list[int] = msgspec.field(default_factory=list)
    span: Span | None = None
    """The data, where it is one run of bytes."""
    lists: list[Field] = msgspec.field(default_factory=list)
    """The data, where it is written number by number."""
    external: dict[str, str] = msgspec.field(default_factory=dict)
    stored: bool = False
    """There is data, in the one form or the other."""


def _told(buf: Buffer, message: Field) -> _Told:
    told = _Told()
    for field in fields(buf, message.start, message.end):
        number, wire, value, start, end = field
        if number == 1:
            told.dims += protobuf.varints(buf, field)
        elif number == 2:
            told.code = value
        elif number == 8 and wire == BYTES:
            told.name = bytes(buf[start:end])
        elif number in (4, 9, 10) and wire == BYTES:
            told.span, told.stored = Span(start, end - start), told.stored or end > start
        elif number in (4, 5, 6, 7, 10, 11):
            told.stored = True
            told.lists.append(field)
        elif number == 13 and wire == BYTES:
            key, text = pair(buf, field)
            told.external[key] = text
    return told


def _shape(dims: Sequence[int], what: str, message: Field) -> tuple[int, ...]:
    if len(dims) > MAX_RANK or any(dim < 0 for dim in dims):
        raise MalformedError(f"{what} with dimensions {dims[:8]}", where=f"@{message.start}")
    return tuple(dims)


class TensorReader:
    """Tensors of one model: where external data lies and what is missing."""

    def __init__(self, data: ModelData) -> None:
        self._buf = data.buf
        self._folder = posixpath.dirname(data.name)
        self._parts = {name: (place, len(part)) for place, (name, part) in enumerate(data.parts.items(), 1)}
        self._missing = self._undefined = 0

    def dense(self, message: Field) -> tuple[bytes, Tensor]:
        """`(name, tensor)` of a `TensorProto`."""
        told = _told(self._buf, message)
        shape = _shape(told.dims, "initialiser", message)
        dtype = DTYPES[told.code] if told.code < len(DTYPES) else DType.UNKNOWN
        place = self._external(told.external) if told.external else told.span
        tensor = Tensor(told.name.decode("utf-8", "replace"), dtype, shape, place, constant=True)
        if told.lists and place is None and 0 < (tensor.elements or 0) <= MAX_INLINE_VALUES:
            tensor = replace(tensor, values=_listed(self._buf, told.lists, tensor))
        if not told.external:
            if told.span is not None:
                _check_size(tensor, told.code, told.span, message.start)
            self._undefined += not told.stored and bool(tensor.elements)
        return told.name, tensor

    def sparse(self, message: Field) -> tuple[bytes, Tensor]:
        """`(name, tensor)` of a `SparseTensorProto`: named by its values, shaped by its own dims."""
        dims: list[int] = []
        name, tensor = b"", Tensor("", constant=True)
        for field in fields(self._buf, message.start, message.end):
            if field.number == 1 and field.wire == BYTES:
                name, tensor = self.dense(field)
            elif field.number == 3:
                dims += protobuf.varints(self._buf, field)
        return name, replace(tensor, shape=_shape(dims, "sparse initialiser", message), values=None)

    def _external(self, entry: Mapping[str, str]) -> Span | None:
        """Where external data lies, None when the file was not bound or is too short."""
        location = posixpath.normpath(posixpath.join(self._folder, entry.get("location", "")))
        part, size = self._parts.get(location, (0, 0))
        try:
            offset = int(entry.get("offset", "0"))
            length = int(entry.get("length", str(size - offset)))
        except ValueError:
            raise MalformedError("external data at no offset") from None
        if not part or not 0 <= offset <= offset + length <= size:
            self._missing += 1
            return None
        return Span(offset, length, part)

    @property
    def is_whole(self) -> bool:
        """Whether all initialisers have their data."""
        return not (self._missing or self._undefined)

    def notes(self) -> Iterator[str]:
        """What is missing."""
        if self._missing:
            yield f"{self._missing} initialisers lie in external files that are missing or too short"
        if self._undefined:
            yield f"{self._undefined} initialisers carry no data"


def _listed(buf: Buffer, lists: Sequence[Field], tensor: Tensor) -> tuple[int, ...] | tuple[float, ...] | None:
    """The elements of a small tensor that is written number by number; halves in integers are left alone."""
    number = lists[0].number
    if number in (5, 7, 11) and tensor.dtype in _INTEGERS:
        whole = tuple(value for field in lists for value in protobuf.varints(buf, field))
        return whole if len(whole) == tensor.elements else None
    if number == 4 and tensor.dtype is DType.FLOAT32:
        real = tuple(value for field in lists for value in protobuf.floats(buf, field))
        return real if len(real) == tensor.elements else None
    return None


def _check_size(tensor: Tensor, code: int, span: Span, at: int) -> None:
    """Stored bytes must be what the dimensions promise."""
    bits = _BITS[code] if code < len(_BITS) else 0
    elements = tensor.elements or 0
    if bits and span.size and span.size != (elements * bits + 7) // 8:
        # float_data holds complex numbers and widened halves as well, so a multiple is right too.
        if span.size % 4 == 0 and span.size // 4 in (elements, 2 * elements):
            return
        raise MalformedError(f"{span.size} bytes of data for {elements} elements", where=f"@{at}")


def value_type(buf: Buffer, message: Field) -> tuple[DType, tuple[Dim, ...] | None]:
    """Element type and shape of a `TypeProto`; unknown for sequences, maps and optionals."""
    for kind in fields(buf, message.start, message.end):
        if kind.number not in (1, 8) or kind.wire != BYTES:
            continue
        dtype, shape = DType.UNKNOWN, None
        for field in fields(buf, kind.start, kind.end):
            if field.number == 1:
                dtype = DTYPES[field.value] if field.value < len(DTYPES) else DType.UNKNOWN
            elif field.number == 2 and field.wire == BYTES:
                shape = tuple(_dim(buf, dim) for dim in fields(buf, field.start, field.end) if dim.wire == BYTES)
                if len(shape) > MAX_RANK:
                    raise LimitError(f"value of {len(shape)} dimensions", where=f"@{field.start}")
        return dtype, shape
    return DType.UNKNOWN, None


def _dim(buf: Buffer, message: Field) -> Dim:
    for field in fields(buf, message.start, message.end):
        if field.number == 1 and field.wire == VARINT:
            value = signed(field.value)
            return value if value >= 0 else None
        if field.number == 2:
            return protobuf.text(buf, field) or None
    return None
