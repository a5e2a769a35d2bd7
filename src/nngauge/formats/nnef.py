"""NNEF, Khronos' Neural Network Exchange Format: ``graph.nnef`` in text, one ``.dat`` file for each variable.

Specification: https://registry.khronos.org/NNEF/specs/1.0/nnef-1.0.5.html; tensor files in its chapter 5.
"""

from __future__ import annotations

import math
import posixpath
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Completeness, DType, Graph, Node, Span, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.nnef_text import Document, Expression, Invocation, Name, read_document
from nngauge.formats._parts.values import Values
from nngauge.formats.vocabulary.nnef import NUMBERS, PARAMETERS, TENSORS, Call, Literal, translate
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_INLINE_VALUES, MAX_RANK, MAX_TEXT_MODEL

_VERSION: Final = re.compile(rb"\s*(?:#[^\n]*\n\s*)*version\s+\d+\.\d+\s*;")
_HEADER: Final = struct.Struct("<2s2B2I8I2I")
_HEADER_BYTES: Final = 128
_DTYPES: Final = {
    (0, 16): DType.FLOAT16, (0, 32): DType.FLOAT32, (0, 64): DType.FLOAT64, (1, 8): DType.UINT8, (1, 16): DType.UINT16,
    (1, 32): DType.UINT32, (1, 64): DType.UINT64, (2, 8): DType.UINT8, (2, 16): DType.UINT16, (3, 8): DType.INT8,
    (3, 16): DType.INT16, (4, 8): DType.INT8, (4, 16): DType.INT16, (4, 32): DType.INT32, (4, 64): DType.INT64,
    (5, 1): DType.BOOL, (5, 8): DType.BOOL,
}  # fmt: skip
"""Element type by item type (float, unsigned, quantised unsigned and signed, signed, logical) and bits."""
_SCALARS: Final = {"scalar": DType.FLOAT32, "integer": DType.INT32, "logical": DType.BOOL, "string": DType.STRING}


def probe(head: bytes, _size: int, _name: str) -> bool:
    """The version statement, which comes first."""
    return _VERSION.match(head) is not None


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The tensor files in and below the folder of the graph."""
    folder = posixpath.join(posixpath.dirname(lead), "")
    return tuple(sorted(path for path in paths if path.startswith(folder) and path.endswith(".dat")))


def parse(data: ModelData) -> Graph:
    """Reads the graph and the headers of its tensor files; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("no version statement in front")
    if len(data.buf) > MAX_TEXT_MODEL:
        raise LimitError(f"a text of {len(data.buf)} bytes")
    try:
        document = read_document(bytes(data.buf).decode("utf-8", "replace"))
    except InputError as error:
        if data.name.lower().endswith(".nnef"):
            raise
        # Other languages have a version statement too.
        raise NotThisFormat(f"not a graph: {error}") from None
    network = _Network(document, _tensor_files(data))
    for assignment in document.assignments:
        network.assign(assignment.targets, assignment.value)
    return network.graph(document)


def _tensor_files(data: ModelData) -> dict[str, tuple[int, Buffer]]:
    """Companions by label: their path below the folder of the graph, without ending."""
    folder = posixpath.join(posixpath.dirname(data.name), "")
    return {
        path.removeprefix(folder).removesuffix(".dat"): (place, buf)
        for place, (path, buf) in enumerate(data.parts.items(), 1)
    }


class _Network:
    """The graph as its assignments are read."""

    def __init__(self, document: Document, files: Mapping[str, tuple[int, Buffer]]) -> None:
        self._values = Values()
        self._nodes: list[Node] = []
        self._files = files
        self._missing: list[str] = []
        self._odd: list[str] = []
        self._known = set(document.inputs)
        self._literals = 0

    def assign(self, targets: tuple[str, ...], value: Expression) -> None:
        """One statement."""
        if isinstance(value, Invocation):
            self._invoke(targets, value)
        else:
            place = self._operand(value)
            self._nodes.append(Node("copy", "Identity", targets[0] if targets else "", (place,), self._made(targets)))
        self._known.update(targets)

    def _completeness(self) -> Completeness:
        if self._odd:
            return Completeness.PARTIAL
        return Completeness.TOPOLOGY if self._missing else Completeness.FULL

    def graph(self, document: Document) -> Graph:
        """The finished graph."""
        for name in document.outputs:
            self._check(name)
        notes = []
        if self._missing:
            notes.append(
                f"the tensor files of {len(self._missing)} variables are missing, first {self._missing[0][:80]}"
            )
        notes += self._odd[:4]
        return Graph(
            format=FORMAT.name,
            completeness=self._completeness(),
            name=document.name,
            inputs=self._values.use_all(document.inputs),
            outputs=self._values.use_all(document.outputs),
            nodes=tuple(self._nodes),
            tensors=tuple(self._values.tensors),
            format_version=document.version,
            metadata={"extensions": ", ".join(document.extensions)} if document.extensions else {},
            notes=tuple(notes),
        )

    def _made(self, targets: tuple[str, ...]) -> tuple[int, ...]:
        return self._values.use_all(targets)

    def _check(self, name: str) -> None:
        if name not in self._known:
            raise MalformedError(f"{name[:80]!r} is used before anything makes it")

    def _invoke(self, targets: tuple[str, ...], call: Invocation) -> None:
        tensors: dict[str, tuple[int, ...]] = {}
        values: dict[str, Literal] = {}
        for parameter, value in _named_arguments(call):
            keeps = parameter in NUMBERS.get(call.op, ()) or (call.op in PARAMETERS and parameter not in TENSORS)
            literal = _literal(value)
            if literal is not None and (keeps or isinstance(literal, str) or call.op not in PARAMETERS):
                values[parameter] = literal
            elif not (parameter == "bias" and literal == 0):  # no bias is written as a bias of zero
                tensors[parameter] = self._operands(value)
        if call.op in ("external", "variable", "constant"):
            self._source(targets, call, values)
        self._add(targets, call, tensors, values)

    def _add(
        self,
        targets: tuple[str, ...],
        call: Invocation,
        tensors: Mapping[str, tuple[int, ...]],
        values: Mapping[str, Literal],
    ) -> None:
        name = targets[0] if targets else ""
        meaning = translate(Call(call.op, values, self._filter(tensors), len(targets)))
        if meaning is None:
            inputs = tuple([place for places in tensors.values() for place in places])
            self._nodes.append(Node(call.op, None, name, inputs, self._made(targets), _plain(values)))
            return
        if call.op == "external":
            return
        inputs = tuple([place for parameter in meaning.inputs for place in tensors.get(parameter, (-1,))])
        while inputs and inputs[-1] < 0:
            inputs = inputs[:-1]
        self._nodes.append(Node(call.op, meaning.kind, name, inputs, self._made(targets), meaning.attributes))

    def _filter(self, tensors: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        places = tensors.get("filter", ())
        shape = self._values.tensors[places[0]].shape if places else None
        return tuple([dim for dim in shape if isinstance(dim, int)]) if shape is not None else ()

    def _operands(self, value: Expression) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return tuple([self._operand(item) for item in value])
        return (self._operand(value),)

    def _operand(self, value: Expression) -> int:
        """A tensor by name, the result of a call inside a call, or a number."""
        if isinstance(value, Name):
            self._check(value.name)
            return self._values.use(value.name)
        self._literals += 1
        name = f"#{self._literals}"  # no name of the language begins like this
        if isinstance(value, Invocation):
            self.assign((name,), value)
            return self._values.use(name)
        if isinstance(value, bool | int | float):
            kind = DType.BOOL if isinstance(value, bool) else DType.FLOAT32
            number = int(value) if isinstance(value, bool) else value
            return self._values.add(Tensor(name, kind, (), constant=True, values=(number,)))
        raise MalformedError("a text or list where a tensor is due")

    def _source(self, targets: tuple[str, ...], call: Invocation, values: Mapping[str, Literal]) -> None:
        """Inputs, variables and constants are described where they are made."""
        shape = _shape(values.get("shape"))
        tensor = Tensor(targets[0] if targets else "", _SCALARS.get(call.dtype or "scalar", DType.UNKNOWN), shape)
        if call.op == "variable":
            tensor = self._variable(tensor, str(values.get("label", "")))
        elif call.op == "constant":
            tensor = replace(tensor, constant=True, values=_elements(values.get("value"), tensor.elements))
        self._values.add(tensor)

    def _variable(self, tensor: Tensor, label: str) -> Tensor:
        tensor = replace(tensor, constant=True)
        if label not in self._files:
            self._missing.append(label)
            return tensor
        place, buf = self._files[label]
        try:
            kind, shape, span = _tensor_file(buf, place)
        except InputError as error:
            self._odd.append(f"{label[:80]}.dat is not readable: {error}")
            return tensor
        if shape != tensor.shape:
            self._odd.append(f"{label[:80]}.dat has the shape {shape}, the graph says {tensor.shape}"[:300])
            return tensor
        return replace(tensor, dtype=kind, data=span)


def _named_arguments(call: Invocation) -> Iterator[tuple[str, Expression]]:
    """Arguments by parameter; those without name take the parameters in order."""
    parameters = PARAMETERS.get(call.op, ())
    for place, (key, value) in enumerate(call.arguments):
        yield key or (parameters[place] if place < len(parameters) else f"{place}"), value


def _literal(value: Expression) -> Literal | None:
    """The value when no tensor is in it."""
    if isinstance(value, Name | Invocation):
        return None
    if isinstance(value, tuple):
        items = [_literal(item) for item in value]
        return tuple([item for item in items if item is not None]) if None not in items else None
    return value


def _plain(values: Mapping[str, Literal]) -> dict[str, Attribute]:
    """Arguments that fit an attribute: no lists inside lists."""
    found: dict[str, Attribute] = {}
    for name, value in values.items():
        if not isinstance(value, tuple):
            found[name] = value
        elif all(isinstance(item, int) for item in value):
            found[name] = tuple([item for item in value if isinstance(item, int)])
    return found


def _shape(value: Literal | None) -> tuple[int, ...] | None:
    if not isinstance(value, tuple) or len(value) > MAX_RANK:
        return None
    sizes = tuple([item for item in value if isinstance(item, int) and item >= 0])
    return sizes if len(sizes) == len(value) else None


def _elements(value: Literal | None, count: int | None) -> tuple[float, ...] | None:
    """Elements of a constant; a single one stands for all."""
    items = value if isinstance(value, tuple) else (value,)
    numbers = tuple([float(item) for item in items if isinstance(item, int | float)])
    if count is None or count > MAX_INLINE_VALUES or len(numbers) not in (1, count):
        return None
    return numbers * count if len(numbers) == 1 else numbers


def _tensor_file(buf: Buffer, part: int) -> tuple[DType, tuple[int, ...], Span]:
    """Element type, shape and place of the data of a tensor file."""
    if len(buf) < _HEADER_BYTES:
        raise MalformedError("shorter than its header")
    magic, _, _, length, rank, *rest = _HEADER.unpack_from(buf)
    extents, bits, item = rest[:8], rest[8], rest[9]
    if magic != b"N\xef" or rank > len(extents):
        raise MalformedError("not a tensor file")
    shape = tuple(extents[:rank])
    if _HEADER_BYTES + length > len(buf) or math.prod(shape) * bits > 8 * length:
        raise MalformedError("shorter than its shape")
    return _DTYPES.get((item, bits), DType.UNKNOWN), shape, Span(_HEADER_BYTES, length, part)


FORMAT = Format(
    name="nnef",
    version=2,
    title="NNEF",
    suffixes=(".nnef",),
    parse=parse,
    probe=probe,
    gate=tuple(Magic(0, first) for first in (b"version", b"#", b"\nversion", b"\n#", b"\r\n")),
    bind=bind,
    references=("https://registry.khronos.org/NNEF/specs/1.0/nnef-1.0.5.html",),
    limitations=(
        "fragments that a file defines are nodes, their bodies are not read",
        "expressions with operators in the graph are refused",
        "quantisation files (.quant) are not read",
    ),
)
