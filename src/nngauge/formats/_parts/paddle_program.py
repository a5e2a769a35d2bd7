"""Blocks of Paddle's `ProgramDesc`: variables, operations with their attributes, control flow.

Schema: https://github.com/PaddlePaddle/Paddle/blob/develop/paddle/phi/core/framework/framework.proto
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Dim, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._parts.values import Values
from nngauge.formats.vocabulary.paddle import DTYPES, EDGES, Operation, translate
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, Field, fields, floats, signed, single, text, varints
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH

_DENSE_TENSOR = 7
_BODIES = {"Loop": "body", "If": "then_branch"}
_MAX_TEXT = 4096
"""Characters kept of a text attribute; some programs carry whole call stacks (``op_callstack``)."""
_NOISE = frozenset({"op_callstack", "op_role", "op_role_var", "op_namescope", "op_device", "with_quant_attr"})


class ProgramReader:
    """State of one program."""

    def __init__(self, buf: Buffer, blocks: Sequence[Field]) -> None:
        self.persistent: dict[str, int] = {}
        """Parameters of the main block: place in its tensors, by name."""
        self._buf = buf
        self._blocks = blocks
        self._read: set[int] = set()
        self._nodes = 0

    def graph(self, number: int = 0, depth: int = 0, outer: Values | None = None) -> Graph:
        """The graph of one block; blocks that it runs are its sub-graphs."""
        if depth > MAX_STRUCT_DEPTH:
            raise LimitError("blocks nested too deeply")
        self._read.add(number)
        values = Values()
        block = self._blocks[number]
        operations = []
        for item in fields(self._buf, block.start, block.end):
            if item.wire == BYTES and item.number == 3:
                self._variable(item, values, main=number == 0)
            elif item.wire == BYTES and item.number == 4:
                operations.append(item)
        self._nodes += len(operations)
        if self._nodes > MAX_NODES:
            raise LimitError(f"{self._nodes} operations")
        subgraphs: list[Graph] = []
        nodes = [self._operation(item, values, subgraphs, depth) for item in operations]
        if outer is not None:
            _describe(values, outer)
        return Graph(
            format="paddle",
            name=f"block {number}" if number else "",
            nodes=tuple(node for node in nodes if node.op not in EDGES),
            tensors=tuple(values.tensors),
            inputs=tuple(at for node in nodes if node.op == "feed" for at in node.outputs),
            outputs=tuple(at for node in nodes if node.op == "fetch" for at in node.inputs),
            subgraphs=tuple(subgraphs),
        )

    def _variable(self, where: Field, values: Values, *, main: bool) -> None:
        name, dtype, persistable, dense = "", DType.UNKNOWN, False, False
        shape: tuple[Dim, ...] | None = None
        for item in fields(self._buf, where.start, where.end):
            if item.number == 1:
                name = text(self._buf, item)
            elif item.number == 2 and item.wire == BYTES:
                dense, dtype, shape = _type(self._buf, item)
            elif item.number == 3:
                persistable = bool(item.value)
        stored = persistable and dense and name not in EDGES
        if dense:
            place = values.add(Tensor(name, dtype, shape, constant=stored))
            if stored and main:
                self.persistent[name] = place

    def _operation(self, where: Field, values: Values, subgraphs: list[Graph], depth: int) -> Node:
        kind = ""
        slots: dict[int, dict[str, list[str]]] = {1: {}, 2: {}}
        attributes: dict[str, Attribute] = {}
        blocks: list[int] = []
        for item in fields(self._buf, where.start, where.end):
            if item.number == 3:
                kind = text(self._buf, item)
            elif item.number in slots and item.wire == BYTES:
                self._slot(item, slots[item.number])
            elif item.number == 4 and item.wire == BYTES:
                name, value = _attribute(self._buf, item, blocks)
                if value is not None and name not in _NOISE:
                    attributes[name] = value
        if not kind:
            raise MalformedError("an operation without type", where=f"@{where.start}")
        skipped = {"feed": 1, "fetch": 2}.get(kind)
        inputs = {name: values.use_all(names) for name, names in slots[1].items()} if skipped != 1 else {}
        outputs = values.use_all(name for names in slots[2].values() for name in names) if skipped != 2 else ()
        found = translate(Operation(kind, inputs, attributes, values.rank(inputs.get("X", ()))))
        bodies = self._bodies(found.kind, blocks, values, subgraphs, depth)
        return Node(kind, found.kind, "", found.inputs, outputs, dict(found.attributes) | bodies)

    def _slot(self, where: Field, slots: dict[str, list[str]]) -> None:
        """One named list of values."""
        name, values = "", []
        for item in fields(self._buf, where.start, where.end):
            if item.number == 1:
                name = text(self._buf, item)
            elif item.number == 2 and item.wire == BYTES:
                values.append(text(self._buf, item))
        slots.setdefault(name, []).extend(values)

    def _bodies(
        self, kind: str | None, blocks: list[int], values: Values, subgraphs: list[Graph], depth: int
    ) -> dict[str, Attribute]:
        """The block that an operation runs; each is run by one operation only."""
        key = _BODIES.get(kind or "")
        if key is None or not blocks or not 0 < blocks[0] < len(self._blocks) or blocks[0] in self._read:
            return {}
        subgraphs.append(self.graph(blocks[0], depth + 1, values))
        return {key: len(subgraphs) - 1}


def _describe(values: Values, outer: Values) -> None:
    """Values of the block around take their shape and type from there."""
    known = {tensor.name: tensor for tensor in outer.tensors}
    for at, tensor in enumerate(values.tensors):
        found = known.get(tensor.name)
        if tensor.shape is None and found is not None:
            values.tensors[at] = replace(tensor, shape=found.shape, dtype=found.dtype)


def _type(buf: Buffer, where: Field) -> tuple[bool, DType, tuple[Dim, ...] | None]:
    """`(is a dense tensor, element type, shape)` of a `VarType`."""
    kind, dtype, shape = -1, DType.UNKNOWN, None
    for item in fields(buf, where.start, where.end):
        if item.number == 1:
            kind = item.value
        elif item.number == 3 and item.wire == BYTES:
            for part in _messages(buf, item, 1):
                dtype, shape = tensor_description(buf, part.start, part.end)
    return kind == _DENSE_TENSOR, dtype, shape


def tensor_description(buf: Buffer, start: int, end: int) -> tuple[DType, tuple[Dim, ...]]:
    """Element type and shape of the `TensorDesc` in `buf[start:end]`; −1 becomes an unknown dimension."""
    dtype, dims = DType.UNKNOWN, []
    for item in fields(buf, start, end):
        if item.number == 1:
            dtype = DTYPES.get(item.value, DType.UNKNOWN)
        elif item.number == 2:
            dims.extend(varints(buf, item))
    if len(dims) > MAX_RANK:
        raise LimitError(f"rank {len(dims)}", where=f"@{start}")
    return dtype, tuple(dim if dim >= 0 else None for dim in map(signed, dims))


def _messages(buf: Buffer, where: Field, number: int) -> Iterator[Field]:
    return (item for item in fields(buf, where.start, where.end) if item.number == number and item.wire == BYTES)


def _attribute(buf: Buffer, where: Field, blocks: list[int]) -> tuple[str, Attribute | None]:
    """`(name, value)` of an `OpDesc.Attr`; numbers of blocks go to `blocks`."""
    name = ""
    value: Attribute | None = None
    whole: list[int] = []
    real: list[float] = []
    texts: list[str] = []
    for item in fields(buf, where.start, where.end):
        number = item.number
        if number == 1:
            name = text(buf, item)
        elif number in (3, 13):
            value = _small(signed(item.value))
        elif number == 10:
            value = bool(item.value)
        elif number in (4, 19):
            value = (
                single(item.value) if number == 4 else float(struct.unpack("<d", item.value.to_bytes(8, "little"))[0])
            )
        elif number == 5:
            value = text(buf, item)[:_MAX_TEXT]
        elif number in (6, 11, 15):
            whole += [_small(number) for number in varints(buf, item)]
        elif number == 7:
            real += floats(buf, item)
        elif number == 8 and item.wire == BYTES:
            texts.append(text(buf, item)[:_MAX_TEXT])
        elif number in (12, 14):
            blocks += [item.value] if number == 12 else varints(buf, item)
    return name, tuple(whole) or tuple(real) or tuple(texts) or value


def _small(value: int) -> int:
    """Fields of 32 bits are written with 64 when they are negative."""
    return value - (1 << 32) if 1 << 31 <= value < 1 << 32 else value
