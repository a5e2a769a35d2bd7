"""Core ML's ML Program as operations over named values, and how the protobuf form of it is read.

Specification: https://github.com/apple/coremltools/blob/main/mlmodel/format/MIL.proto; weight files:
https://github.com/apple/coremltools/blob/main/mlmodel/src/MILBlob/Blob/StorageFormat.hpp.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Dim, DType, Span, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, FIXED32, VARINT, Field, fields, floats, text, varints
from nngauge.limits import MAX_INLINE_VALUES, MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH

_DTYPES: Final = {
    1: DType.BOOL, 2: DType.STRING, 10: DType.FLOAT16, 11: DType.FLOAT32, 12: DType.FLOAT64, 13: DType.BFLOAT16,
    21: DType.INT8, 22: DType.INT16, 23: DType.INT32, 24: DType.INT64, 25: DType.INT4, 31: DType.UINT8,
    32: DType.UINT16, 33: DType.UINT32, 34: DType.UINT64, 35: DType.UINT4, 36: DType.UINT2, 37: DType.UINT1,
    38: DType.UINT6, 39: DType.UINT3, 40: DType.FLOAT8_E4M3, 41: DType.FLOAT8_E5M2,
}  # fmt: skip
_RAW: Final = {
    DType.FLOAT16: "e", DType.INT8: "b", DType.UINT8: "B", DType.INT16: "h", DType.UINT16: "H", DType.UINT32: "I",
    DType.UINT64: "Q", DType.INT64: "q",
}  # fmt: skip
"""Types that are kept as plain bytes, and how to unpack them."""
_FLOATS, _STRINGS, _DOUBLES, _INTEGERS = 1, 4, 6, frozenset({2, 3, 5})
"""Fields of `TensorValue`; the integers are of 32 bits, booleans and of 64 bits."""
_SENTINEL: Final = 0xDEADBEEF
_RECORD: Final = struct.Struct("<IIQQ")
"""What stands in front of each blob: sentinel, element type, size and place."""

Values = tuple[int, ...] | tuple[float, ...] | tuple[str, ...]


class Literal(Struct, frozen=True):
    """A constant: small ones with their values, larger ones with the place of their bytes."""

    tensor: Tensor
    values: Values | None = None


Argument = str | Literal
"""A name, or a constant in its place."""


class Block(Struct):
    """Operations in order, the values they start from and those they return."""

    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)


class Operation(Struct):
    """One operation with its arguments by parameter name; attributes that are constants count as arguments."""

    kind: str
    arguments: dict[str, list[Argument]] = field(default_factory=dict)
    outputs: list[Tensor] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    name: str = ""


class Files(Struct, frozen=True):
    """The other files of a model: which part of the bundle the program is, and the weight files by path."""

    part: int = 0
    blobs: Mapping[str, tuple[int, Buffer]] = field(default_factory=dict)

    def blob(self, path: str, offset: int) -> Span | None:
        """Where the blob lies whose record stands at `offset`; None when the file or the record is not there."""
        wanted = path.rpartition("@model_path/")[2]
        found = next(
            (entry for name, entry in self.blobs.items() if name.endswith(f"/{wanted}") or name == wanted), None
        )
        if found is None:
            return None
        part, buf = found
        if not 0 <= offset <= len(buf) - _RECORD.size:
            return None
        sentinel, _, size, start = _RECORD.unpack_from(buf, offset)
        return Span(start, size, part) if sentinel == _SENTINEL and start + size <= len(buf) else None


class ProgramReader:
    """Reads the protobuf form; `buf` is the model's file."""

    def __init__(self, buf: Buffer, files: Files) -> None:
        self.buf = buf
        self.files = files
        self.count = 0

    def functions(self, where: Field) -> dict[str, Block]:
        """The functions of a program, each with its first block (the others are for other devices)."""
        found: dict[str, Block] = {}
        for entry in self._messages(where, 2):
            name = next((text(self.buf, item) for item in self._messages(entry, 1)), "")
            for function in self._messages(entry, 2):
                inputs = [self._named_type(item) for item in self._messages(function, 1)]
                block = next((value for pair in self._messages(function, 3) for value in self._messages(pair, 2)), None)
                if block is not None:
                    found[name] = self._block(block, 0)
                    found[name].inputs = inputs
        if not found:
            raise MalformedError("an ML Program without functions", where=f"@{where.start}")
        return found

    def _messages(self, where: Field, number: int) -> Iterator[Field]:
        return (
            item for item in fields(self.buf, where.start, where.end) if item.number == number and item.wire == BYTES
        )

    def _block(self, where: Field, depth: int) -> Block:
        if depth > MAX_STRUCT_DEPTH // 2:
            raise LimitError("blocks nested too deeply", where=f"@{where.start}")
        block = Block()
        for item in fields(self.buf, where.start, where.end):
            if item.wire != BYTES:
                continue
            if item.number == 1:
                block.inputs.append(self._named_type(item))
            elif item.number == 2:
                block.outputs.append(text(self.buf, item))
            elif item.number == 3:
                block.operations.append(self._operation(item, depth))
        return block

    def _operation(self, where: Field, depth: int) -> Operation:
        self.count += 1
        if self.count > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} operations")
        found = Operation("")
        for item in fields(self.buf, where.start, where.end):
            if item.wire != BYTES:
                continue
            if item.number == 1:
                found.kind = text(self.buf, item)
            elif item.number == 2:
                self._argument(item, found)
            elif item.number == 3:
                found.outputs.append(self._named_type(item))
            elif item.number == 4:
                found.blocks.append(self._block(item, depth + 1))
            elif item.number == 5:
                self._attribute(item, found)
        if not found.kind:
            raise MalformedError("an operation without type", where=f"@{where.start}")
        return found

    def _pair(self, entry: Field) -> tuple[str, Field | None]:
        key, value = "", None
        for item in fields(self.buf, entry.start, entry.end):
            if item.number == 1 and item.wire == BYTES:
                key = text(self.buf, item)
            elif item.number == 2 and item.wire == BYTES:
                value = item
        return key, value

    def _argument(self, entry: Field, found: Operation) -> None:
        key, value = self._pair(entry)
        bound = found.arguments.setdefault(key, [])
        for binding in self._messages(value, 1) if value is not None else ():
            for item in fields(self.buf, binding.start, binding.end):
                if item.number == 1 and item.wire == BYTES:
                    bound.append(text(self.buf, item))
                elif item.number == 2 and item.wire == BYTES:
                    bound.append(self._value(item, key))

    def _attribute(self, entry: Field, found: Operation) -> None:
        key, value = self._pair(entry)
        if value is None:
            return
        literal = self._value(value, key)
        if key == "name":
            found.name = str(literal.values[0]) if literal.values else ""
        else:
            found.arguments.setdefault(key, []).append(literal)

    def _value(self, where: Field, name: str) -> Literal:
        tensor = Tensor(name, constant=True)
        values: Values | None = None
        place: Span | None = None
        for item in fields(self.buf, where.start, where.end):
            if item.wire != BYTES:
                continue
            if item.number == 2:
                dtype, shape = self._value_type(item)
                tensor = Tensor(name, dtype, shape, constant=True)
            elif item.number == 3:
                values, place = self._immediate(item, tensor.dtype)
            elif item.number == 5:
                place = self._blob(item)
        if values is None and place is not None and tensor.elements is not None:
            values = _unpacked(self.buf, tensor, place) if place.part == self.files.part else None
        numbers = values if values and not isinstance(values[0], str) else None
        described = Tensor(name, tensor.dtype, tensor.shape, place, constant=True, values=numbers)
        return Literal(described, values)

    def _immediate(self, where: Field, dtype: DType) -> tuple[Values | None, Span | None]:
        """Values of a small tensor, and where they lie as plain bytes."""
        for tensor in self._messages(where, 1):
            for item in fields(self.buf, tensor.start, tensor.end):
                if item.wire == BYTES:
                    return self._repeated(item, dtype)
        return None, None

    def _repeated(self, where: Field, dtype: DType) -> tuple[Values | None, Span | None]:
        """`RepeatedFloats` and its siblings, by their number in `TensorValue`."""
        items = [item for item in fields(self.buf, where.start, where.end) if item.number == 1]
        if where.number == _STRINGS:
            return tuple(text(self.buf, item) for item in items[:MAX_INLINE_VALUES] if item.wire == BYTES), None
        if where.number in _INTEGERS:
            return self._integers(items), None
        packed = items[0] if len(items) == 1 and items[0].wire == BYTES else None
        span = Span(packed.start, packed.end - packed.start, self.files.part) if packed is not None else None
        if where.number == _FLOATS:
            return self._floats(items, span), span
        return None, span if dtype in _RAW or where.number == _DOUBLES else None

    def _integers(self, items: Sequence[Field]) -> Values | None:
        """Whole numbers, packed or one by one; None where they are too many to keep."""
        size = sum(item.end - item.start if item.wire == BYTES else 1 for item in items)
        if size > 10 * MAX_INLINE_VALUES:
            return None
        whole = [item for item in items if item.wire in (BYTES, VARINT)]
        return tuple(value for item in whole for value in varints(self.buf, item))

    def _floats(self, items: Sequence[Field], span: Span | None) -> Values | None:
        """Single floats, packed at `span` or one by one; None where they are too many to keep."""
        if span is not None and span.size > 4 * MAX_INLINE_VALUES:
            return None
        real = [item for item in items[:MAX_INLINE_VALUES] if item.wire in (BYTES, FIXED32)]
        return tuple(value for item in real for value in floats(self.buf, item))

    def _blob(self, where: Field) -> Span | None:
        path, offset = "", 0
        for item in fields(self.buf, where.start, where.end):
            if item.number == 1 and item.wire == BYTES:
                path = text(self.buf, item)
            elif item.number == 2 and item.wire == VARINT:
                offset = item.value
        return self.files.blob(path, offset)

    def _named_type(self, where: Field) -> Tensor:
        name, dtype = "", DType.UNKNOWN
        shape: tuple[Dim, ...] | None = None
        for item in fields(self.buf, where.start, where.end):
            if item.number == 1 and item.wire == BYTES:
                name = text(self.buf, item)
            elif item.number == 2 and item.wire == BYTES:
                dtype, shape = self._value_type(item)
        return Tensor(name, dtype, shape)

    def _value_type(self, where: Field, depth: int = 0) -> tuple[DType, tuple[Dim, ...] | None]:
        """Tensors by their type; states by what they wrap; lists, tuples and dictionaries have none."""
        for item in fields(self.buf, where.start, where.end):
            if item.number == 1 and item.wire == BYTES:
                return self._tensor_type(item)
            if item.number == 5 and item.wire == BYTES and depth == 0:
                wrapped = next(self._messages(item, 1), None)
                return (DType.UNKNOWN, None) if wrapped is None else self._value_type(wrapped, 1)
        return DType.UNKNOWN, None

    def _tensor_type(self, where: Field) -> tuple[DType, tuple[Dim, ...]]:
        dtype = DType.UNKNOWN
        shape: list[Dim] = []
        for item in fields(self.buf, where.start, where.end):
            if item.number == 1 and item.wire == VARINT:
                dtype = _DTYPES.get(item.value, DType.UNKNOWN)
            elif item.number == 3 and item.wire == BYTES:
                shape.append(self._dimension(item))
        if len(shape) > MAX_RANK:
            raise LimitError(f"rank {len(shape)}", where=f"@{where.start}")
        return dtype, tuple(shape)

    def _dimension(self, where: Field) -> Dim:
        constant = next(self._messages(where, 1), None)
        if constant is None:
            return None
        return next((part.value for part in fields(self.buf, constant.start, constant.end) if part.wire == VARINT), 0)


def _unpacked(buf: Buffer, tensor: Tensor, place: Span) -> Values | None:
    """Elements of a small constant that is kept as bytes."""
    code, count = _RAW.get(tensor.dtype), math.prod(dim for dim in tensor.shape or () if isinstance(dim, int))
    if code is None or count > MAX_INLINE_VALUES or place.size != count * struct.calcsize(code):
        return None
    return struct.unpack_from(f"<{count}{code}", buf, place.offset)
