"""Rockchip RKNN models: a container with a JSON description, the newer FlatBuffers, or one encrypted as a whole.

Undocumented; the layout of the container (magic, version, size, data, size, JSON) was read off files of rknn-toolkit and
agrees with what Netron reads (https://github.com/lutzroeder/netron/blob/main/source/rknn.js).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nngauge.domain.graph import Completeness, DType, Graph, Node, Quantization, Tensor
from nngauge.errors import InputError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.json_text import JsonObject, mapping, objects, read_object, text, whole_numbers
from nngauge.io import flatbuffer
from nngauge.io.binary import Cursor
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_RANK

_RKNN, _ENCRYPTED = b"RKNN", b"CYPTRKNN"
_EXTRA_HEADER = 40
"""Bytes that container versions above 1 put in front of the data."""
_LISTS = ("norm_tensor", "const_tensor", "virtual_tensor")
"""Lists of tensors that connections refer to by kind and number."""
_TYPES = {
    "INT8": DType.INT8, "UINT8": DType.UINT8, "INT16": DType.INT16, "UINT16": DType.UINT16, "INT32": DType.INT32,
    "FLOAT16": DType.FLOAT16, "FLOAT32": DType.FLOAT32, "BFLOAT16": DType.BFLOAT16, "INT64": DType.INT64,
}  # fmt: skip


def parse(data: ModelData) -> Graph:
    """Reads the description; see `Format.parse` for the errors."""
    head = bytes(data.buf[:16])
    if head[:8] == _ENCRYPTED:
        raise UnsupportedError("an encrypted RKNN model")
    if head[:4] == _RKNN:
        return _container(data)
    if head[4:8] == _RKNN:
        return _flat(flatbuffer.root(data.buf), Meter.for_size(len(data.buf)), None)
    raise NotThisFormat("no RKNN magic")


def _container(data: ModelData) -> Graph:
    cursor = Cursor(data.buf, 8)
    version, size = cursor.u64(), cursor.u64()
    if version >> 8 not in (0, 0x10):
        raise MalformedError(f"container version {version}")
    if version & 0xFF > 1 and size:
        cursor.skip(_EXTRA_HEADER)
    start = cursor.pos
    cursor.skip(size)
    length = cursor.u64()
    if length > cursor.left:
        raise TruncatedError(f"description of {length} bytes, {cursor.left} left")
    description = read_object(data.buf, cursor.pos, cursor.pos + length)
    end = cursor.pos + length
    inner = bytes(data.buf[start : start + 8])
    if inner[4:8] == _RKNN:
        program = memoryview(data.buf)[start : start + size]
        return _flat(flatbuffer.root(program), Meter.for_size(size), end)
    return _described(description, inner, end, size)


def _described(description: JsonObject, inner: bytes, end: int, size: int) -> Graph:
    entries = [(kind, entry) for kind in _LISTS for entry in objects(description.get(kind))]
    places = {kind: at for at, (kind, _) in reversed(list(enumerate(entries)))}
    tensors = [_described_tensor(entry, constant=kind == "const_tensor") for kind, entry in entries]
    links = objects(description.get("connection"))
    nodes = tuple(_described_nodes(objects(description.get("nodes")), links, places, len(tensors)))
    if not text(description.get("version")) or not nodes:
        raise MalformedError("the description has no version or no nodes")
    ends: dict[str, list[int]] = {"input": [], "output": []}
    for link in objects(description.get("graph")):
        at, side = link.get("right_tensor_id"), text(link.get("left"))
        base = places.get(text(link.get("right")), 0)
        if side in ends and type(at) is int and 0 <= at < len(tensors) - base and link.get("right") == "norm_tensor":
            ends[side].append(base + at)
    platforms = description.get("target_platform")
    facts = {"target": ", ".join(map(text, platforms[:8]))} if isinstance(platforms, list) else {}
    source = text(description.get("ori_network_platform")) or text(description.get("network_platform"))
    compiled = inner[:4] == b"VPMN"
    note = (
        "compiled for the NPU: the network binary is not read" if compiled else "attributes of operations are not read"
    )
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE if compiled else Completeness.PARTIAL,
        name=text(description.get("name")),
        nodes=nodes,
        tensors=tuple(tensors),
        inputs=tuple(ends["input"]),
        outputs=tuple(ends["output"]),
        format_version="container",
        producer=f"rknn-toolkit {text(description['version'])[:40]}" + (f" from {source[:40]}" if source else ""),
        metadata=facts | {"program_bytes": str(size)},
        extent=end,
        notes=(note,),
    )


def _described_nodes(
    entries: list[JsonObject], links: list[JsonObject], places: Mapping[str, int], tensors: int
) -> Iterator[Node]:
    """Operations with the tensors that the connections give them, by slot."""
    slots: dict[tuple[int, str], dict[int, int]] = {}
    for link in links:
        node, slot, side = link.get("node_id"), link.get("left_tensor_id"), text(link.get("left"))
        target = mapping(link.get("right_tensor"))
        at, base = target.get("tensor_id"), places.get(text(target.get("type")))
        if (
            type(node) is int
            and type(slot) is int
            and type(at) is int
            and base is not None
            and 0 <= base + at < tensors
        ):
            slots.setdefault((node, side), {})[slot] = base + at
    for number, entry in enumerate(entries):
        op = text(entry.get("op")).removeprefix("VSI_NN_OP_")
        uid = entry.get("uid")
        key = uid if type(uid) is int else number
        sides = [tuple(at for _, at in sorted(slots.get((key, side), {}).items())) for side in ("input", "output")]
        yield Node(op, "Delegate" if op == "NBG" else None, text(entry.get("name")), sides[0], sides[1])


def _described_tensor(entry: JsonObject, *, constant: bool) -> Tensor:
    sizes = whole_numbers(entry.get("size"))
    kind = mapping(entry.get("dtype"))
    code = text(kind.get("vx_type")).removeprefix("VSI_NN_TYPE_")
    # Sizes run from the innermost dimension outwards, as OpenVX has them.
    shape = tuple(dim if dim >= 0 else None for dim in reversed(sizes[:MAX_RANK])) if sizes else None
    return Tensor(
        text(entry.get("url")),
        _TYPES.get(code, DType.UNKNOWN),
        shape,
        quantization=_quantization(kind),
        constant=constant,
    )


def _quantization(kind: JsonObject) -> Quantization | None:
    """Dynamic fixed point (`fl` bits behind the point) or affine."""
    scheme, bits = text(kind.get("qnt_type")), kind.get("fl")
    if scheme.endswith("_DFP") and type(bits) is int and -64 <= bits <= 64:
        return Quantization(scales=1, scale=2.0**-bits, zero_point=0)
    scale, zero = kind.get("scale"), kind.get("zero_point")
    if "AFFINE" in scheme and isinstance(scale, int | float):
        return Quantization(scales=1, scale=float(scale), zero_point=zero if type(zero) is int else None)
    return None


def _flat(root: Table, meter: Meter, end: int | None) -> Graph:
    """The FlatBuffers program of rknn-toolkit 2 and later."""
    graphs = root.tables(2)
    compiler = root.string(7)
    if not graphs or not compiler:
        raise MalformedError("an RKNN program without graphs or compiler")
    try:
        tensors, nodes, inputs, outputs = _flat_graph(graphs[0], meter)
    except InputError as error:
        raise MalformedError(f"RKNN program: {error}") from None
    source = root.string(9)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        nodes=nodes,
        tensors=tensors,
        inputs=inputs,
        outputs=outputs,
        format_version=root.string(1)[:40] or None,
        producer=f"rknn {compiler[:60]}" + (f" from {source[:60]}" if source else ""),
        metadata={"runtime": root.string(8)[:100]},
        extent=end,
        notes=("element types and weights are private to the compiler",),
    )


def _flat_graph(
    graph: Table, meter: Meter
) -> tuple[tuple[Tensor, ...], tuple[Node, ...], tuple[int, ...], tuple[int, ...]]:
    tensors = []
    for table in graph.tables(0):
        shape, name = table.ints(4), table.string(5)
        meter.spend(16 + len(shape) + len(name))
        if len(shape) > MAX_RANK:
            raise MalformedError(f"rank {len(shape)}")
        tensors.append(Tensor(name, DType.UNKNOWN, tuple(dim if dim >= 0 else None for dim in shape)))
    nodes = []
    for table in graph.tables(1):
        inputs, outputs, op, name = table.ints(4), table.ints(5), table.string(1), table.string(2)
        meter.spend(16 + len(inputs) + len(outputs) + len(op) + len(name))
        if any(not -1 <= at < len(tensors) for at in (*inputs, *outputs)):
            raise MalformedError("a node with tensors that do not exist")
        nodes.append(Node(op, None, name, inputs, outputs))
    ends = graph.ints(2), graph.ints(3)
    if not nodes or any(not 0 <= at < len(tensors) for side in ends for at in side):
        raise MalformedError("no nodes, or inputs that do not exist")
    return tuple(tensors), tuple(nodes), *ends


FORMAT = Format(
    name="rknn",
    version=2,
    title="Rockchip RKNN",
    suffixes=(".rknn",),
    parse=parse,
    magics=(Magic(0, _RKNN + bytes(4), carve=True), Magic(0, _ENCRYPTED, carve=True), Magic(4, _RKNN)),
    references=("https://github.com/airockchip/rknn-toolkit2", "https://github.com/lutzroeder/netron"),
    limitations=("NPU binaries and weights are not read", "encrypted models are recognised only"),
)
