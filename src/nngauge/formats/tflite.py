"""TensorFlow Lite / LiteRT models: FlatBuffers with the identifier ``TFL3``.

Schema: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs, metadata:
https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs.
Field numbers below follow their order there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Completeness, Dim, DType, Graph, Node, Quantization, Span, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.loops import with_trip_counts
from nngauge.formats._parts.progress import telling
from nngauge.formats._parts.tflite_custom import custom_node
from nngauge.formats.vocabulary._operation import Operation, Values, plain_values, reordered
from nngauge.formats.vocabulary._tflite_rules import RULES
from nngauge.formats.vocabulary.tflite import (
    ACTIVATIONS,
    BUILTIN_OPERATORS,
    KINDS,
    OPTIONS,
    OPTIONS_2,
    PADDINGS,
    Option,
)
from nngauge.io import flatbuffer
from nngauge.io.binary import Buffer
from nngauge.io.flatbuffer import Table
from nngauge.io.flatreach import Reach
from nngauge.io.ziptail import zip_tail
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_TENSORS

_VERSION: Final = 3
_CUSTOM: Final = 32
_PLACEHOLDER: Final = 127
"""`deprecated_builtin_code` of operators above 126; the real code is then in `builtin_code`."""
_MAX_CODE: Final = 4096
"""Builtin codes beyond this are damage; the schema has about 210."""
_DTYPES: Final = (
    DType.FLOAT32, DType.FLOAT16, DType.INT32, DType.UINT8, DType.INT64, DType.STRING, DType.BOOL, DType.INT16,
    DType.COMPLEX64, DType.INT8, DType.FLOAT64, DType.COMPLEX128, DType.UINT64, DType.RESOURCE, DType.VARIANT,
    DType.UINT32, DType.UINT16, DType.INT4, DType.BFLOAT16, DType.INT2, DType.UINT4, DType.FLOAT8_E4M3,
    DType.FLOAT8_E5M2,
)  # fmt: skip
_MAX_CUSTOM_OPTIONS: Final = 1 << 16
"""Options of custom operators beyond this are programs, not options."""
_BLOCKWISE: Final = 2
"""`QuantizationDetails` type of block-wise quantisation."""
_FLOAT = struct.Struct("<f").unpack_from
_LONG = struct.Struct("<q").unpack_from
_QUANTIZATION_VECTORS: Final = ((0, 4), (1, 4), (2, 4), (3, 8))
"""`(field, bytes per element)` of min, max, scale and zero point."""
_BITS: Final = (32, 16, 32, 8, 64, 0, 8, 16, 64, 8, 64, 128, 64, 0, 0, 32, 16, 4, 16, 2, 4)
"""Of one element of each `TensorType`."""
_DATA_ALIGNMENT: Final = 16
"""`force_align` of `Buffer.data`; a writer pads the whole file to the largest alignment it used, at least 4."""


def parse(data: ModelData) -> Graph:
    """Reads all subgraphs, weights by offset, signatures and metadata; see `Format.parse` for the errors."""
    buf = data.buf
    if len(buf) < 8 or bytes(buf[4:8]) != b"TFL3":
        raise NotThisFormat("no TFL3 identifier")
    model = flatbuffer.root(buf)
    version = model.integer(0, "I")
    if version != _VERSION:
        raise MalformedError(f"schema version {version}, expected {_VERSION}", where="@0")
    with telling(lambda: f"schema version {version}"):
        reader = _Reader(model)
    with telling(reader.progress):
        graphs = [reader.graph(table) for table in reader.tables(model, 2)]
    if not graphs:
        raise MalformedError("no subgraph", where="@0")
    metadata, producer = _metadata(model, reader)
    metadata.update(_signatures(model, reader, len(graphs)))
    if reader.variables:
        metadata["variable_tensors"] = str(reader.variables)
    end, associated = _extent(reader, metadata)
    if associated:
        metadata["associated_files"] = ", ".join(associated)
    graph = replace(
        graphs[0],
        completeness=reader.completeness(),
        subgraphs=tuple(graphs[1:]),
        format_version=str(version),
        producer=producer,
        metadata=metadata,
        extent=end,
        notes=tuple(reader.notes()),
    )
    return with_trip_counts(graph, reader.values)


class _Reader(Reach):
    """State of one model: operator names and buffers that subgraphs refer to, what was odd, and how far it reaches."""

    def __init__(self, model: Table) -> None:
        super().__init__(model)
        self._sparse = self._external = self._short = 0
        self.variables = 0
        """Tensors that keep their content from one run to the next."""
        self._unknown: set[int] = set()
        self._nodes = 0
        self._ops = [self._operator_name(table) for table in self.tables(model, 1)]
        self.spans = [self._span(table) for table in self.tables(model, 4)]
        """Bytes of each buffer, None when empty."""
        offsets = [span.offset for span in self.spans if span is not None]
        aligned = offsets and not any(offset % _DATA_ALIGNMENT for offset in offsets)
        self.alignment = _DATA_ALIGNMENT if aligned else 4
        """Unit to which the writer padded the file."""

    def _operator_name(self, table: Table) -> tuple[str, bool]:
        """`(operator, whether it is a custom one)` of one operator code."""
        code = max(table.integer(0, "b"), table.integer(3, "i"))
        custom = self.text(table, 1)
        if code == _CUSTOM:
            return custom or "CUSTOM", True
        if not 0 <= code <= _MAX_CODE or code == _PLACEHOLDER:
            raise MalformedError(f"operator code {code}", where=f"@{table.pos}")
        if code >= len(BUILTIN_OPERATORS):
            self._unknown.add(code)
            return f"BUILTIN_{code}", False
        return BUILTIN_OPERATORS[code], False

    def _span(self, table: Table) -> Span | None:
        start, size = table.vector(0, 1)
        if not size and table.offset(1):
            # Models over 2 GB keep data behind the FlatBuffer; `offset` is valid above 1 (comment in the schema).
            start, size = table.integer(1, "Q"), table.integer(2, "Q")
            if start <= 1:
                return None
        if start + size > len(self.buf):
            raise TruncatedError(f"buffer of {size} bytes at {start}", where=f"@{table.pos}")
        self.end = max(self.end, start + size)
        return Span(start, size) if size else None

    def progress(self) -> str:
        """What was read up to now."""
        return f"{len(self._ops)} operator codes, {len(self.spans)} buffers, {self._nodes} operations"

    def graph(self, table: Table) -> Graph:
        """One subgraph."""
        tensors = tuple([self._tensor(entry) for entry in self.tables(table, 0, MAX_TENSORS)])
        return Graph(
            format="tflite",
            name=self.text(table, 4),
            tensors=tensors,
            inputs=self._indices(table, 1, len(tensors)),
            outputs=self._indices(table, 2, len(tensors)),
            nodes=tuple([self._node(entry, tensors) for entry in self.tables(table, 3, MAX_NODES)]),
        )

    def _indices(self, table: Table, field: int, count: int) -> tuple[int, ...]:
        found = self.numbers(table, field)
        if found and (max(found) >= count or min(found) < -1):
            raise MalformedError("tensor index out of range", where=f"@{table.pos}")
        return found

    def _node(self, table: Table, tensors: Sequence[Tensor]) -> Node:
        index = table.integer(0, "I")
        if index >= len(self._ops):
            raise MalformedError(f"operator code index {index}", where=f"@{table.pos}")
        for field, width in ((5, 1), (7, 1), (8, 4)):  # custom options, mutated inputs, intermediates
            if table.offset(field):
                self.place(table, field, width)
        inputs, outputs = self._indices(table, 1, len(tensors)), self._indices(table, 2, len(tensors))
        self._nodes += 1
        op, custom = self._ops[index]
        attributes = self._attributes(table)
        operation = Operation(
            op,
            attributes,
            tuple([tensors[place] if place >= 0 else None for place in inputs]),
            tuple([tensors[place] for place in outputs if place >= 0]),
            self.values,
        )
        if custom:
            start, size = self._custom_options(table)
            return custom_node(operation, bytes(self.buf[start : start + size]), inputs, outputs)
        return _canonical(operation, inputs, outputs)

    def _custom_options(self, table: Table) -> tuple[int, int]:
        """Place of a custom operator's options: in the table, or behind the FlatBuffer in large models."""
        start, size = table.vector(5, 1)
        if not size and table.offset(9):
            start, size = table.integer(9, "Q"), table.integer(10, "Q")
            if start > 1 and start + size > len(self.buf):
                raise TruncatedError(f"custom options of {size} bytes at {start}", where=f"@{table.pos}")
            self.end = max(self.end, start + size)
        return (start, size) if 0 < size <= _MAX_CUSTOM_OPTIONS else (0, 0)

    def values(self, tensor: Tensor) -> Values | None:
        """Elements of a small constant."""
        return plain_values((self.buf,), tensor)

    def _attributes(self, table: Table) -> dict[str, Attribute]:
        options = self.table(table, 4)
        fields = OPTIONS.get(table.integer(3, "B"), ())
        if options is None and table.offset(12):
            options = self.table(table, 12)
            fields = OPTIONS_2.get(table.integer(11, "B"), ())
        if options is None:
            return {}
        return {option.name: self._attribute(options, option) for option in fields}

    def _attribute(self, table: Table, option: Option) -> Attribute:
        field, _, code, default = option
        if code == "activation":
            return _named(ACTIVATIONS, table.integer(field, "b"))
        if code == "padding":
            return _named(PADDINGS, table.integer(field, "b"))
        if code == "dtype":
            return _dtype(table.integer(field, "b", int(default))).value
        if code == "s":
            return self.text(table, field)
        if code[0] == "v":
            return self.numbers(table, field, code[1])
        value = table.scalar(field, code, default)
        return bool(value) if code == "?" else value

    def _tensor(self, table: Table) -> Tensor:
        buffer = table.integer(2, "I")
        if buffer >= len(self.spans) and buffer:
            raise MalformedError(f"buffer index {buffer}", where=f"@{table.pos}")
        span = self.spans[buffer] if self.spans else None
        external = table.integer(10, "I") != 0
        self._external += external
        sparsity = self.table(table, 6)
        if sparsity is not None:
            self._sparse += 1
            for field in (0, 1):
                self.place(sparsity, field, 4)
            self.tables(sparsity, 2)
        constant = span is not None or external
        self.variables += table.integer(5, "?")
        shape = self._shape(table, constant=constant)
        if span is not None and sparsity is None:
            self._short += span.size < _least(table.integer(1, "b"), shape)
        quantization = self.table(table, 4)
        return Tensor(
            self.text(table, 3),
            _dtype(table.integer(1, "b")),
            shape,
            span,
            self._quantization(quantization, shape) if quantization is not None else None,
            constant,
        )

    def _shape(self, table: Table, *, constant: bool) -> tuple[Dim, ...] | None:
        """The dynamic `shape_signature` where there is one, else `shape`; negative dimensions are unknown."""
        dims = self.numbers(table, 0)
        if table.offset(7):
            dims = self.numbers(table, 7) or dims
        if len(dims) > MAX_RANK:
            raise LimitError(f"tensor of {len(dims)} dimensions", where=f"@{table.pos}")
        if not dims:
            # `has_rank` false with an empty shape means unknown rank; constants of one element predate that field.
            return () if constant or table.integer(8, "?") else None
        return dims if min(dims) >= 0 else tuple(dim if dim >= 0 else None for dim in dims)

    def _quantization(self, table: Table, shape: tuple[Dim, ...] | None) -> Quantization | None:
        for field, width in _QUANTIZATION_VECTORS:
            self.place(table, field, width)
        start, count = table.vector(2, 4)
        axis = table.integer(6, "i")
        if count:
            zero, zeros = table.vector(3, 8)
            return Quantization(
                scales=count,
                scale=_FLOAT(table.buf, start)[0],
                zero_point=_LONG(table.buf, zero)[0] if zeros else None,
                axis=axis if count > 1 else None,
            )
        block = self.table(table, 5) if table.integer(4, "B") == _BLOCKWISE else None
        size = block.integer(2, "i") if block is not None else 0
        if size <= 0 or shape is None:
            return None
        return Quantization(scales=(Tensor("", shape=shape).elements or 0) // size, axis=axis)

    def completeness(self) -> Completeness:
        """Whether the weights are all in the file."""
        return Completeness.TOPOLOGY if self._external or self._short else Completeness.FULL

    def notes(self) -> Iterator[str]:
        """What is odd about the file."""
        if self._sparse:
            yield f"{self._sparse} tensors are stored sparse; their shapes are the dense ones"
        if self._external:
            yield f"{self._external} tensors keep their data in external files"
        if self._short:
            yield f"{self._short} tensors have fewer bytes than their shapes need"
        if self._unknown:
            yield "operator codes newer than the known schema: " + ", ".join(map(str, sorted(self._unknown)))


def _least(code: int, shape: tuple[Dim, ...] | None) -> int:
    """Bytes that a constant of `TensorType` `code` takes at least; 0 where that is not known."""
    bits = _BITS[code] if 0 <= code < len(_BITS) else 0
    for dim in shape or ():
        bits *= dim if isinstance(dim, int) else 0
    return (bits + 7) // 8


def _canonical(operation: Operation, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Node:
    """The node with ONNX's name, attributes and order of inputs; in the file's own words without a counterpart."""
    op, attributes = operation.op, operation.attributes
    kind = KINDS.get(op)
    if kind is None:
        return Node(op, None, "", inputs, outputs, attributes)
    rule = RULES.get(op)
    found: dict[str, Attribute] = {}
    if rule is not None:
        canonical = rule(operation)
        found, kind = canonical.attributes, canonical.kind or kind
        inputs = reordered(inputs, canonical.order)
    activation = attributes.get("fused_activation")
    if activation:
        found["fused_activation"] = activation
    name = operation.text("name") if op == "STABLEHLO_COMPOSITE" else ""
    return Node(op, kind, name, inputs, outputs, found)


def _named(names: Sequence[str], value: int) -> str:
    return names[value] if 0 <= value < len(names) else str(value)


def _dtype(code: int) -> DType:
    return _DTYPES[code] if 0 <= code < len(_DTYPES) else DType.UNKNOWN


def _signatures(model: Table, reader: _Reader, subgraphs: int) -> Iterator[tuple[str, str]]:
    for table in reader.tables(model, 7):
        index = table.integer(4, "I")
        if index >= subgraphs:
            raise MalformedError(f"signature of subgraph {index}", where=f"@{table.pos}")
        names = [", ".join(reader.text(entry, 0) for entry in reader.tables(table, field)) for field in (0, 1)]
        yield f"signature:{reader.text(table, 2)}", f"subgraph {index}: {names[0]} → {names[1]}"


def _metadata(model: Table, reader: _Reader) -> tuple[dict[str, str], str | None]:
    """Facts from the named metadata buffers, and the converter."""
    found: dict[str, str] = {}
    description = reader.text(model, 3)
    if description:
        found["description"] = description
    others = []
    unread = dict(_METADATA)  # each once: many entries may share one buffer
    for table in reader.tables(model, 6):
        name, index = reader.text(table, 0), table.integer(1, "I")
        if index >= len(reader.spans):
            raise MalformedError(f"metadata buffer {index}", where=f"@{table.pos}")
        span = reader.spans[index]
        read = unread.pop(name, None)
        if read is None or span is None:
            others.append(name)
            continue
        try:
            content = memoryview(model.buf)[span.offset : span.offset + span.size]
            found.update(read(content))
        except InputError as error:
            found[f"unreadable:{name}"] = str(error)
    if others:
        found["other_metadata"] = ", ".join(others)
    return found, found.get("converter") or description or None


def _runtime_version(buf: Buffer) -> dict[str, str]:
    return {"min_runtime_version": bytes(buf[:64]).rstrip(b"\0").decode("utf-8", "replace")}


def _conversion(buf: Buffer) -> dict[str, str]:
    """`conversion_metadata.fbs`: the environment's TensorFlow version."""
    environment = flatbuffer.root(buf).table(0)
    version = environment.string(0) if environment is not None else ""
    return {"converter": f"TensorFlow {version}"} if version else {}


def _model_metadata(buf: Buffer) -> dict[str, str]:
    """The `ModelMetadata` table that the TensorFlow Lite support library writes."""
    table = flatbuffer.root(buf, identifier=b"M001")
    names = (
        ("name", 0),
        ("model_description", 1),
        ("version", 2),
        ("author", 4),
        ("license", 5),
        ("min_parser_version", 7),
    )
    return {name: value for name, field in names if (value := table.string(field))}


def _byte_code(buf: Buffer) -> dict[str, str]:
    """Place of the NPU program behind the FlatBuffer, from the marker that LiteRT's compiler plugins leave.

    `<npu_byte_code>` and two decimal numbers, offset and size, each padded with NUL to 20 bytes
    (litert/core/util/flatbuffer_tools.cc).
    """
    numbers = bytes(buf[15:55]).replace(b"\0", b" ").split()
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        return {}
    return {"npu_byte_code_offset": numbers[0].decode(), "npu_byte_code_size": numbers[1].decode()}


def _extent(reader: _Reader, metadata: Mapping[str, str]) -> tuple[int, Sequence[str]]:
    """Where the model ends, NPU program and associated files included, and the names of those files."""
    buf = reader.buf
    end = reader.extent(reader.alignment)
    if "npu_byte_code_offset" in metadata:
        end = max(end, int(metadata["npu_byte_code_offset"]) + int(metadata["npu_byte_code_size"]))
    if end > len(buf):
        raise TruncatedError("the model runs past the end", where=f"@{len(buf)}")
    for start in (end, reader.end):
        tail = zip_tail(buf, start)
        if tail is not None:
            return tail.end, tail.names
    return end, ()


_METADATA: Final[Mapping[str, Callable[[Buffer], dict[str, str]]]] = {
    "min_runtime_version": _runtime_version,
    "CONVERSION_METADATA": _conversion,
    "NPU_BYTE_CODE": _byte_code,
    "TFLITE_METADATA": _model_metadata,
}

FORMAT = Format(
    name="tflite",
    version=3,
    title="TensorFlow Lite / LiteRT",
    suffixes=(".tflite", ".lite", ".tfl"),
    magics=(Magic(4, b"TFL3", carve=True),),
    parse=parse,
    references=(
        "https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs",
        "https://ai.google.dev/edge/litert/conversion/tensorflow/metadata",
    ),
    limitations=("options of custom operators are decoded for TensorFlow's and MediaPipe's only",),
)
