"""Core AI's stored programs: which bytecode operations are graphs, tensors and constants.

Encodings of the ``aicode`` dialect were read off programs that Apple's coreai-core package wrote with every element type.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Completeness, Dim, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._parts.mlir_bytecode import Entry, Operation, Program, Reader, Region, walk
from nngauge.formats.vocabulary.coreai import attributes_of, inputs_of, kind_of, plain_name
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_INLINE_VALUES, MAX_RANK, MAX_STRUCT_DEPTH

_DTYPES: Final = {
    4: DType.BOOL, 5: DType.FLOAT64, 6: DType.FLOAT32, 7: DType.FLOAT16, 8: DType.BFLOAT16, 9: DType.FLOAT8_E5M2,
    10: DType.FLOAT8_E4M3, 12: DType.COMPLEX64, 17: DType.INT64, 18: DType.INT32, 19: DType.INT16, 20: DType.INT8,
    21: DType.INT4, 22: DType.INT2, 23: DType.UINT64, 24: DType.UINT32, 25: DType.UINT16, 26: DType.UINT8,
    27: DType.UINT4, 28: DType.UINT2, 46: DType.FLOAT4_E2M1,
}  # fmt: skip
_TENSOR_TYPE: Final = 2
_STRING, _ARRAY, _DENSE, _RESOURCE, _NAMED = 1, 5, 6, 7, 9
"""Attributes by the number that begins their encoding."""
_GRAPH, _CONSTANT, _OUTPUT, _YIELD = "graph", "constant", "output", "yield"
_BRANCHES: Final = {"if": ("then_branch", "else_branch"), "while": ("cond", "body"), "scan": ("body",)}
_WHOLE: Final = {DType.INT32: 4, DType.UINT32: 4, DType.INT64: 8, DType.UINT64: 8, DType.UINT8: 1, DType.INT8: 1}
_HISTOGRAM: Final = 200
"""Operations listed in the metadata."""


def program_graph(program: Program, buf: Buffer, format_name: str) -> Graph:
    """The program's first function, with the others as sub-graphs."""
    reader = _Functions(program, buf, format_name)
    graphs = [reader.function(found) for found in walk(program.operations) if plain_name(found.name) == _GRAPH]
    names = Counter(plain_name(found.name) for found in walk(program.operations))
    if not graphs:
        return Graph(format=format_name, completeness=Completeness.STRUCTURE, notes=("the program has no function",))
    for name in (_GRAPH, _OUTPUT, _YIELD, "asset"):
        names.pop(name, 0)
    histogram = ", ".join(f"{name} × {count}" for name, count in names.most_common(_HISTOGRAM))
    first, *others = graphs
    functions = ", ".join(graph.name for graph in graphs)
    facts = {"functions": functions[:1000], "operations": histogram}
    return replace(first, subgraphs=(*first.subgraphs, *others), metadata=facts)


class _Functions:
    def __init__(self, program: Program, buf: Buffer, format_name: str) -> None:
        self.program = program
        self.buf = buf
        self.format_name = format_name
        self._types: dict[int, tuple[DType, tuple[Dim, ...] | None]] = {}

    def function(self, found: Operation) -> Graph:
        """One function; its inputs are named in its properties."""
        region = found.regions[0] if found.regions else Region()
        label, arguments, results = self._names(found, len(region.arguments))
        graph = _Body(self, 0).graph(region, label, arguments)
        tensors = list(graph.tensors)
        for place, name in zip(graph.outputs, results, strict=False):
            if 0 <= place < len(tensors) and name:
                tensors[place] = replace(tensors[place], name=name)
        return replace(graph, tensors=tuple(tensors))

    def _names(self, found: Operation, count: int) -> tuple[str, list[str], list[str]]:
        """The function's name, those of its inputs and those of its outputs, as far as they can be told."""
        label = ""
        lists: list[list[str]] = []
        for place in self._property_numbers(found.properties):
            kind = self._attribute(place)
            if kind is None:
                continue
            code, reader = kind
            if code == _STRING and not label:
                label = self._string(reader)
            elif code == _ARRAY:
                lists.append([self._inner_name(reader.number()) for _ in range(reader.count())])
        named = [entry for entry in lists if any(entry)]
        inputs = named[0] if named and len(named[0]) == count else []
        outputs = named[-1] if len(named) > bool(inputs) else []
        return label or "main", inputs, outputs

    def _property_numbers(self, place: int | None) -> list[int]:
        if place is None or place >= len(self.program.properties):
            return []
        entry = self.program.properties[place]
        reader = Reader(self.buf, entry.start, entry.end)
        found: list[int] = []
        while reader.pos < reader.end and len(found) < MAX_INLINE_VALUES:
            found.append(reader.number())
        return found

    def _attribute(self, place: int) -> tuple[int, Reader] | None:
        """Kind of an attribute and a reader behind it."""
        if place >= len(self.program.attributes):
            return None
        entry = self.program.attributes[place]
        reader = Reader(self.buf, entry.start, entry.end)
        return (reader.number(), reader) if reader.pos < reader.end else None

    def _string(self, reader: Reader) -> str:
        place = reader.number()
        return self.program.strings[place][:1000] if place < len(self.program.strings) else ""

    def _inner_name(self, place: int, depth: int = 0) -> str:
        """The text at the bottom of lists and named attributes (``aicode.name``)."""
        found = self._attribute(place)
        if found is None or depth > 4:
            return ""
        code, reader = found
        if code == _STRING:
            return self._string(reader)
        if code == _NAMED:
            reader.number()
        if code in (_ARRAY, _NAMED) and reader.count():
            return self._inner_name(reader.number(), depth + 1)
        return ""

    def type_of(self, place: int) -> tuple[DType, tuple[Dim, ...] | None]:
        """Element type and shape of a tensor type; neither for other types."""
        known = self._types.get(place)
        if known is None:
            known = self._types[place] = self._read_type(place)
        return known

    def _read_type(self, place: int) -> tuple[DType, tuple[Dim, ...] | None]:
        if place >= len(self.program.types):
            raise MalformedError(f"type {place} of {len(self.program.types)}")
        entry = self.program.types[place]
        reader = Reader(self.buf, entry.start, entry.end)
        code = reader.number()
        if code != _TENSOR_TYPE:
            return _DTYPES.get(code, DType.UNKNOWN), None
        rank = reader.count()
        if rank > MAX_RANK:
            raise LimitError(f"rank {rank}", where=f"@{entry.start}")
        sizes = [reader.signed() for _ in range(rank)]
        element = reader.number()
        inner = self.program.types[element] if element < len(self.program.types) else Entry("", 0, 0)
        kind = Reader(self.buf, inner.start, inner.end).number() if inner.end > inner.start else 0
        return _DTYPES.get(kind, DType.UNKNOWN), tuple(size if size >= 0 else None for size in sizes)

    def constant(self, found: Operation, tensor: Tensor) -> Tensor:
        """The tensor of a constant with the place of its bytes, and its values when they are few."""
        for place in self._property_numbers(found.properties):
            kind = self._attribute(place)
            if kind is None:
                continue
            code, reader = kind
            if code == _RESOURCE:
                number = reader.number()
                blobs = self.program.resources
                blob = blobs[number] if number < len(blobs) else None
                return tensor if blob is None else replace(tensor, data=Span(blob.start, blob.end - blob.start))
            if code == _DENSE:
                splat = reader.byte() == 1
                blob = reader.entry("", reader.number())
                return self._dense(tensor, blob, splat=splat)
        return tensor

    def _dense(self, tensor: Tensor, blob: Entry, *, splat: bool) -> Tensor:
        width, count = _WHOLE.get(tensor.dtype), tensor.elements
        place = None if splat and count != 1 else Span(blob.start, blob.end - blob.start)
        if width is None or count is None or not 0 < count <= MAX_INLINE_VALUES:
            return replace(tensor, data=place)
        raw = bytes(self.buf[blob.start : blob.end])
        is_signed = tensor.dtype.value.startswith("int")
        values = tuple(
            int.from_bytes(raw[at : at + width], "little", signed=is_signed) for at in range(0, len(raw), width)
        )
        if splat and len(values) == 1:
            values *= count
        return replace(tensor, data=place, values=values if len(values) == count else None)


class _Body:
    """One region as a graph. Operations that are made of others are taken as they are."""

    def __init__(self, functions: _Functions, depth: int) -> None:
        self._functions = functions
        self._depth = depth
        self._tensors: list[Tensor] = []
        self._nodes: list[Node] = []
        self._subgraphs: list[Graph] = []
        self._places: dict[int, int] = {}
        self._outputs: tuple[int, ...] = ()

    def graph(self, region: Region, name: str, arguments: list[str]) -> Graph:
        """The region's operations, starting from its arguments."""
        if self._depth > MAX_STRUCT_DEPTH // 2:
            raise LimitError("regions nested too deeply")
        for place, (value, kind) in enumerate(zip(region.arguments, region.argument_types, strict=True)):
            label = arguments[place] if place < len(arguments) else ""
            self._value(value, kind, label or f"arg{place}")
        inputs = tuple(range(len(self._tensors)))
        for found in region.operations:
            self._operation(found)
        return Graph(
            format=self._functions.format_name,
            completeness=Completeness.FULL if all(node.kind for node in self._nodes) else Completeness.PARTIAL,
            name=name,
            nodes=tuple(self._nodes),
            tensors=tuple(self._tensors),
            inputs=inputs,
            outputs=self._outputs,
            subgraphs=tuple(self._subgraphs),
        )

    def _value(self, value: int, kind: int, name: str) -> int:
        dtype, shape = self._functions.type_of(kind)
        self._places[value] = len(self._tensors)
        self._tensors.append(Tensor(name, dtype, shape))
        return len(self._tensors) - 1

    def _read(self, found: Operation) -> tuple[int, ...]:
        """Tensors of the operands; a value from outside the region is one that is not described."""
        places = []
        for value in found.operands:
            if value not in self._places:
                self._places[value] = len(self._tensors)
                self._tensors.append(Tensor(f"outer{value}"))
            places.append(self._places[value])
        return tuple(places)

    def _operation(self, found: Operation) -> None:
        plain = plain_name(found.name)
        if plain in (_OUTPUT, _YIELD, "condition"):
            self._outputs = self._read(found)
            return
        inputs = self._read(found)
        label = f"{plain}.{len(self._nodes)}"
        outputs = tuple(
            self._value(value, kind, label if not place else f"{label}.{place}")
            for place, (value, kind) in enumerate(zip(found.results, found.result_types, strict=True))
        )
        if plain == _CONSTANT and outputs:
            constant = replace(self._tensors[outputs[0]], name=f"constant{outputs[0]}", constant=True)
            self._tensors[outputs[0]] = self._functions.constant(found, constant)
            return
        shapes = [self._tensors[at].shape for at in inputs]
        values = [tuple(v for v in self._tensors[at].values or () if isinstance(v, int)) for at in inputs]
        attributes: dict[str, Attribute] = attributes_of(plain, shapes, values)
        for name, region in zip(_BRANCHES.get(plain, ()), found.regions, strict=False):
            attributes[name] = len(self._subgraphs)
            self._subgraphs.append(_Body(self._functions, self._depth + 1).graph(region, f"{label}.{name}", []))
        kind = kind_of(plain)
        self._nodes.append(Node(found.name, kind, label, inputs_of(kind, inputs), outputs, attributes))
