"""Core ML's ML Program: the MIL protobuf (MIL.proto), one function of operations over named values.

Specification: https://github.com/apple/coremltools/blob/main/mlmodel/format/MIL.proto
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from nngauge.domain.graph import Dim, DType, Node, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, Field, fields, text
from nngauge.limits import MAX_NODES, MAX_RANK

_DTYPES = {
    1: DType.BOOL, 2: DType.STRING, 10: DType.FLOAT16, 11: DType.FLOAT32, 12: DType.FLOAT64, 13: DType.BFLOAT16,
    21: DType.INT8, 22: DType.INT16, 23: DType.INT32, 24: DType.INT64, 25: DType.INT4, 31: DType.UINT8,
    32: DType.UINT16, 33: DType.UINT32, 34: DType.UINT64, 35: DType.UINT4, 36: DType.UINT2,
    40: DType.FLOAT8_E4M3, 41: DType.FLOAT8_E5M2,
}  # fmt: skip
_FLOATS = {DType.FLOAT16, DType.FLOAT32, DType.FLOAT64, DType.BFLOAT16}
_BLOB_VALUE = 5


def read_program(buf: Buffer, where: Field, ports: list[Tensor]) -> tuple[tuple[Node, ...], tuple[Tensor, ...]]:
    """Operations and tensors of the program's functions; `ports` come first among the tensors.

    Constants are dropped as operations: those kept in the weight file, and short vectors of floats kept inline, become
    constant tensors; the rest are attributes such as strides.
    """
    tensors = list(ports)
    nodes: list[Node] = []
    found = False
    for entry in _messages(buf, where, 2):
        for function in _messages(buf, entry, 2):
            found = True
            index = {tensor.name: at for at, tensor in enumerate(ports)}
            for block in _map_values(buf, function, 3):
                _block(buf, block, tensors, index, nodes)
    if not found or not nodes:
        raise MalformedError("an ML Program without functions or operations", where=f"@{where.start}")
    return tuple(nodes), _drop_packed(nodes, tensors)


def _messages(buf: Buffer, where: Field, number: int) -> Iterator[Field]:
    return (item for item in fields(buf, where.start, where.end) if item.number == number and item.wire == BYTES)


def _map_values(buf: Buffer, where: Field, number: int) -> Iterator[Field]:
    for entry in _messages(buf, where, number):
        yield from _messages(buf, entry, 2)


def _block(buf: Buffer, where: Field, tensors: list[Tensor], index: dict[str, int], nodes: list[Node]) -> None:
    for item in _messages(buf, where, 3):
        op = _operation(buf, item, tensors, index)
        if op is not None:
            nodes.append(op)
        if len(nodes) > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} operations")


def _operation(buf: Buffer, where: Field, tensors: list[Tensor], index: dict[str, int]) -> Node | None:
    kind, blob = "", False
    inputs: list[str] = []
    outputs: list[Tensor] = []
    for item in fields(buf, where.start, where.end):
        if item.number == 1:
            kind = text(buf, item)
        elif item.number == 2 and item.wire == BYTES:
            inputs.extend(name for name in _argument_names(buf, item) if name in index)
        elif item.number == 3 and item.wire == BYTES:
            outputs.append(_named_type(buf, item))
        elif item.number == 5 and item.wire == BYTES:
            blob = blob or _is_blob(buf, item)
    if not kind:
        raise MalformedError("an operation without type", where=f"@{where.start}")
    literal = any(tensor.shape and tensor.dtype in _FLOATS for tensor in outputs)
    constant = kind.startswith("constexpr_") or (kind == "const" and (blob or literal))
    if kind == "const" and not constant:
        return None
    places = []
    for tensor in outputs:
        if tensor.name in index and not constant:
            places.append(index[tensor.name])
            continue
        index[tensor.name] = len(tensors)
        places.append(len(tensors))
        tensors.append(replace(tensor, constant=constant))
    if kind == "const":
        return None
    return Node(kind, None, outputs[0].name if outputs else "", tuple(index[name] for name in inputs), tuple(places))


def _argument_names(buf: Buffer, entry: Field) -> Iterator[str]:
    for argument in _messages(buf, entry, 2):
        for binding in _messages(buf, argument, 1):
            for item in fields(buf, binding.start, binding.end):
                if item.number == 1:
                    yield text(buf, item)


def _is_blob(buf: Buffer, entry: Field) -> bool:
    """Whether an attribute's value lies in the weight file."""
    return any(
        item.number == _BLOB_VALUE for value in _messages(buf, entry, 2) for item in fields(buf, value.start, value.end)
    )


def _named_type(buf: Buffer, where: Field) -> Tensor:
    name, dtype = "", DType.UNKNOWN
    shape: tuple[Dim, ...] | None = None
    for item in fields(buf, where.start, where.end):
        if item.number == 1:
            name = text(buf, item)
        elif item.number == 2 and item.wire == BYTES:
            for tensor in _messages(buf, item, 1):
                dtype, shape = _tensor_type(buf, tensor)
    return Tensor(name, dtype, shape)


def _tensor_type(buf: Buffer, where: Field) -> tuple[DType, tuple[Dim, ...]]:
    dtype = DType.UNKNOWN
    shape: list[Dim] = []
    for item in fields(buf, where.start, where.end):
        if item.number == 1:
            dtype = _DTYPES.get(item.value, DType.UNKNOWN)
        elif item.number == 3 and item.wire == BYTES:
            constant = next(_messages(buf, item, 1), None)
            size = None
            if constant is not None:
                size = next((part.value for part in fields(buf, constant.start, constant.end)), 0)
            shape.append(size)
    if len(shape) > MAX_RANK:
        raise LimitError(f"rank {len(shape)}", where=f"@{where.start}")
    return dtype, tuple(shape)


def _drop_packed(nodes: list[Node], tensors: list[Tensor]) -> tuple[Tensor, ...]:
    """Compressed weights feed a ``constexpr_`` operation whose dense output is the weight: count them once."""
    packed = {at for node in nodes if node.op.startswith("constexpr_") for at in node.inputs}
    return tuple(replace(t, constant=False) if at in packed else t for at, t in enumerate(tensors))
