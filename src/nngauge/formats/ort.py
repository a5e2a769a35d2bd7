"""ONNX Runtime's own model format: FlatBuffers with the identifier ``ORTM``.

Schema: https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/flatbuffers/schema/ort.fbs; field numbers
below follow it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Dim, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats.vocabulary.onnx import DTYPES, OPERATOR, Operator, filling, operator
from nngauge.io import flatbuffer
from nngauge.io.flatbuffer import Table
from nngauge.io.flatreach import Reach
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH, MAX_TENSORS

_TENSOR_TYPE: Final = 1
"""`TypeInfoValue` of a plain tensor."""
_DIM_VALUE, _DIM_PARAM = 1, 2
_Scopes = tuple[dict[str, Tensor], ...]
_ALIGNMENT: Final = 8
"""Shapes are 64-bit, so writers pad the file to this."""


def parse(data: ModelData) -> Graph:
    """Reads graph, sub-graphs and initialisers (by offset); see `Format.parse` for the errors.

    An attribute that holds a graph is its place in `Graph.subgraphs` of the same graph.
    """
    if len(data.buf) < 8 or bytes(data.buf[4:8]) != b"ORTM":
        raise NotThisFormat("no ORTM identifier")
    session = flatbuffer.root(data.buf)
    reader = _Reader(session)
    runtime = reader.text(session, 0)
    model = reader.table(session, 1)
    body = reader.table(model, 7) if model is not None else None
    if model is None or body is None:
        raise MalformedError("no graph", where=f"@{session.pos}")
    metadata = dict(_metadata(reader, model))
    opsets = sorted((reader.text(table, 0), table.integer(1, "q")) for table in reader.tables(model, 1))
    producer = " ".join(filter(None, (reader.text(model, 2), reader.text(model, 3))))
    graph = reader.graph(body, (), 0)
    reader.skip_resolver(session)
    end = reader.extent(_ALIGNMENT)
    if end > len(data.buf):
        raise TruncatedError("a table runs past the end", where=f"@{len(data.buf)}")
    return Graph(
        format="ort",
        name=graph.name,
        nodes=graph.nodes,
        tensors=graph.tensors,
        inputs=graph.inputs,
        outputs=graph.outputs,
        subgraphs=graph.subgraphs,
        format_version=f"ORT {runtime}"
        + "".join(f", {domain or 'opset'} {version}" for domain, version in opsets if version),
        producer=producer or None,
        metadata=metadata,
        extent=end,
        notes=tuple(reader.notes()),
    )


def _metadata(reader: Reach, model: Table) -> Iterator[tuple[str, str]]:
    yield "ir_version", str(model.integer(0, "q"))
    for key, field in (("domain", 4), ("description", 6), ("graph_description", 8)):
        text = reader.text(model, field)
        if text:
            yield key, text
    if model.offset(5):
        yield "model_version", str(model.integer(5, "q"))
    for table in reader.tables(model, 9):
        yield reader.text(table, 0), reader.text(table, 1)


class _Scope:
    """The values of one graph: tensors by name, in order of appearance."""

    __slots__ = ("_outer", "_places", "around", "tensors")

    def __init__(self, values: dict[str, Tensor], outer: _Scopes) -> None:
        """`outer` are the values of the graphs around it, innermost last."""
        self._outer = outer
        self._places = {name: place for place, name in enumerate(values)}
        self.around: _Scopes = (*outer, values)
        self.tensors = list(values.values())

    def place(self, name: str) -> int:
        """Where the value is, −1 for the empty name of an absent optional; one from around is described as there."""
        if not name:
            return -1
        found = self._places.get(name)
        if found is None:
            known = next((scope[name] for scope in reversed(self._outer) if name in scope), None)
            found = self._places[name] = len(self.tensors)
            self.tensors.append(Tensor(name, known.dtype, known.shape) if known is not None else Tensor(name))
        return found


class _Reader(Reach):
    """State of one model."""

    def __init__(self, root: Table) -> None:
        super().__init__(root)
        self._missing = 0
        self._operators: dict[tuple[str, str], Operator] = {}

    def graph(self, table: Table, outer: _Scopes, depth: int) -> Graph:
        """A `Graph` table; `outer` are the values of the graphs around it, innermost last."""
        if depth > MAX_STRUCT_DEPTH:
            raise LimitError("graphs nested too deeply", where=f"@{table.pos}")
        scope = _Scope(self._values(table), outer)
        place, tensors = scope.place, scope.tensors
        subgraphs: list[Graph] = []
        nodes = []
        for entry in self.tables(table, 2, MAX_NODES):
            # Optimised files keep a slot for every removed node: a table without operator.
            name = self.text(entry, 5)
            if not name:
                continue
            inputs = tuple([place(text) for text in self.texts(entry, 8)])
            outputs = tuple([place(text) for text in self.texts(entry, 9)])
            found = list(self._attributes(entry, scope.around, subgraphs, depth))
            nodes.append(self._node(entry, name, inputs, outputs, found, tensors))
        ports = [[place(text) for text in self.texts(table, field)] for field in (5, 6)]
        return Graph(
            format="ort",
            nodes=tuple(nodes),
            # Before IR version 4 initialisers had to be listed among the inputs as well.
            inputs=tuple([index for index in ports[0] if not tensors[index].constant]),
            outputs=tuple(ports[1]),
            tensors=tuple(tensors),
            subgraphs=tuple(subgraphs),
        )

    def _values(self, table: Table) -> dict[str, Tensor]:
        """What a graph says of its values, initialisers last: they know more."""
        values = {tensor.name: tensor for tensor in map(self._value, self.tables(table, 1, MAX_TENSORS))}
        for field, read in ((0, self._tensor), (7, self._sparse)):
            for entry in self.tables(table, field, MAX_TENSORS):
                tensor = read(entry)
                values[tensor.name] = tensor
        return values

    def _node(
        self,
        entry: Table,
        name: str,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        found: list[tuple[str, Attribute | Tensor]],
        tensors: list[Tensor],
    ) -> Node:
        known = self._operator(self.text(entry, 2), name, entry.pos)
        attributes: dict[str, Attribute] = {}
        for key, value in found:
            if not isinstance(value, Tensor):
                attributes[key] = value
            elif known.kind == "Constant" and len(outputs) == 1 and outputs[0] >= 0:
                tensors[outputs[0]] = replace(value, name=tensors[outputs[0]].name)
            elif known.kind == "ConstantOfShape":
                attributes |= filling(self.buf, value)
        node = Node(known.op, known.kind, self.text(entry, 0), inputs, outputs, attributes)
        return node if known.rewrite is None else known.rewrite(node)

    def _operator(self, domain: str, name: str, at: int) -> Operator:
        known = self._operators.get((domain, name))
        if known is None:
            if not OPERATOR.fullmatch(name):
                raise MalformedError(f"operator {name[:40]!r}", where=f"@{at}")
            known = self._operators[domain, name] = operator(domain, name)
        return known

    def _value(self, table: Table) -> Tensor:
        """A `ValueInfo`: name, element type and shape."""
        name = self.text(table, 0)
        info = self.table(table, 2)
        if info is None or info.integer(1, "B") != _TENSOR_TYPE:
            return Tensor(name)
        kind = self.table(info, 2)
        shape = self.table(kind, 1) if kind is not None else None
        dims = tuple([self._dim(dim) for dim in self.tables(shape, 0, MAX_RANK)]) if shape is not None else None
        return Tensor(name, _dtype(kind.integer(0, "i")) if kind is not None else DType.UNKNOWN, dims)

    def _dim(self, table: Table) -> Dim:
        value = self.table(table, 0)
        if value is None:
            return None
        kind = value.integer(0, "b")
        if kind == _DIM_VALUE:
            size = value.integer(1, "q")
            return size if size >= 0 else None
        return self.text(value, 2) or None if kind == _DIM_PARAM else None

    def _tensor(self, table: Table) -> Tensor:
        """A `Tensor` table: an initialiser or an attribute's value."""
        dims = self.numbers(table, 2, "q")
        if len(dims) > MAX_RANK or any(dim < 0 for dim in dims):
            raise MalformedError(f"initialiser with dimensions {dims[:8]}", where=f"@{table.pos}")
        start, size = self.place(table, 4)
        external = table.offset(6) != 0 and table.integer(6, "q", -1) >= 0
        if not size and math.prod(dims) and not table.offset(5):
            self._missing += 1
        return Tensor(
            self.text(table, 0),
            _dtype(table.integer(3, "i")),
            dims,
            Span(start, size) if size and not external else None,
            constant=True,
        )

    def _sparse(self, table: Table) -> Tensor:
        values = self.table(table, 0)
        if values is None:
            raise MalformedError("sparse initialiser without values", where=f"@{table.pos}")
        tensor = self._tensor(values)
        return Tensor(tensor.name, tensor.dtype, self.numbers(table, 2, "q"), tensor.data, constant=True)

    def _attributes(
        self, node: Table, around: _Scopes, subgraphs: list[Graph], depth: int
    ) -> Iterator[tuple[str, Attribute | Tensor]]:
        for table in self.tables(node, 10):
            name, kind = self.text(table, 0), table.integer(2, "i")
            if kind in (5, 10):
                single = self.table(table, 7)
                bodies = [single] if single is not None else self.tables(table, 12)
                first = len(subgraphs)
                subgraphs += [self.graph(body, around, depth + 1) for body in bodies]
                yield name, first if kind == 5 else tuple(range(first, len(subgraphs)))
            elif kind == 4:
                tensor = self.table(table, 6)
                if tensor is not None:
                    yield name, self._tensor(tensor)
            else:
                value = self._plain(table, kind)
                if value is not None:
                    yield name, value

    def _plain(self, table: Table, kind: int) -> Attribute | None:
        """A number, text or list of them."""
        if kind == 1:
            return float(table.scalar(3, "f"))
        if kind == 2:
            return table.integer(4, "q")
        if kind == 3:
            return self.text(table, 5)
        if kind == 6:
            return self.numbers(table, 8, "f")
        if kind == 7:
            return self.numbers(table, 9, "q")
        return tuple(self.texts(table, 10)) if kind == 8 else None

    def skip_resolver(self, session: Table) -> None:
        """Follows the kernel tables behind the model for the sake of the extent."""
        resolver = self.table(session, 3)
        for kernel in self.tables(resolver, 0) if resolver is not None else ():
            self.text(kernel, 0)
            for entry in self.tables(kernel, 1):
                self.text(entry, 0)
                self.tables(entry, 1)

    def notes(self) -> Iterator[str]:
        """What is missing."""
        if self._missing:
            yield f"{self._missing} initialisers keep their data in an external file"


def _dtype(code: int) -> DType:
    return DTYPES[code] if 0 <= code < len(DTYPES) else DType.UNKNOWN


FORMAT = Format(
    name="ort",
    version=2,
    title="ONNX Runtime (ORT format)",
    suffixes=(".ort",),
    magics=(Magic(4, b"ORTM", carve=True),),
    parse=parse,
    references=(
        "https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/flatbuffers/schema/ort.fbs",
        "https://onnxruntime.ai/docs/performance/model-optimizations/ort-format-models.html",
    ),
    limitations=(
        "tensor-valued attributes other than of Constant are not shown",
        "external initialiser data is noted, not bound",
        "saved runtime optimisations are not read",
    ),
)
