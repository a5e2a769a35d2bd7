"""Hailo executables (.hef), version 0: a header with the MD5 of the protobuf behind it.

Header: https://github.com/hailo-ai/hailort/blob/master/hailort/libhailort/src/hef/hef_internal.hpp, message:
https://github.com/hailo-ai/hailort/blob/master/hailort/libhailort/hef.proto
"""

from __future__ import annotations

import hashlib

from nngauge.domain.graph import Completeness, DType, Graph, Node, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, text
from nngauge.limits import GIB

_MAGIC = b"\x01HEF"
_CHIPS = {
    0: "Hailo-8", 1: "Hailo-8P", 2: "Hailo-8R", 3: "Hailo-8L", 4: "Hailo-15M", 5: "Hailo-10H", 103: "Hailo-15H",
}  # fmt: skip
"""`ProtoHEFHwArch`."""
_OPS = {4: ("Core", "Delegate"), 5: ("Nms", "DetectionOutput"), 6: ("Logits", "Custom")}
"""Members of `ProtoHEFOp.op`."""
_MAX_GROUPS = 1024


def parse(data: ModelData) -> Graph:
    """Checks the digest and reads header and network groups; see `Format.parse` for the errors."""
    if bytes(data.buf[:4]) != _MAGIC:
        raise NotThisFormat("no HEF magic")
    cursor = Cursor(data.buf, 4, order=">")
    version, size = cursor.u32(), cursor.u32()
    cursor.skip(4)
    if version:
        raise UnsupportedError(f"HEF version {version}, whose header is not known")
    expected = cursor.bytes(16)
    start = cursor.pos
    cursor.skip(size)
    if size > GIB:
        raise LimitError(f"a message of {size} bytes")
    digest = hashlib.md5(memoryview(data.buf)[start : cursor.pos], usedforsecurity=False).digest()
    if digest != expected or not size:
        raise MalformedError("the digest does not belong to the message")
    network = _read(data.buf, start, cursor.pos)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL if network.nodes else Completeness.STRUCTURE,
        name=", ".join(network.groups),
        nodes=tuple(network.nodes),
        tensors=tuple(network.tensors),
        inputs=tuple(network.inputs),
        outputs=tuple(network.outputs),
        format_version=str(version),
        producer=f"Hailo dataflow compiler {network.facts.pop('sdk_version', '')}".strip(),
        metadata=network.facts | {"program_bytes": str(size)},
        extent=cursor.pos,
        notes=("compiled for an accelerator: what runs on it is one operation for each core",),
    )


def _read(buf: Buffer, start: int, end: int) -> _Network:
    """What the message holds; an empty network when its parts are not those of the known versions."""
    if not any(True for _ in fields(buf, start, end)):
        raise MalformedError("an empty message")
    network = _Network(buf)
    try:
        network.read(start, end)
    except InputError:
        return _Network(buf)
    return network


class _Network:
    """Network groups: what runs on the accelerator is one operation, what runs behind it on the host is named."""

    def __init__(self, buf: Buffer) -> None:
        self._buf = buf
        self.facts: dict[str, str] = {}
        self.groups: list[str] = []
        self.nodes: list[Node] = []
        self.tensors: list[Tensor] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def read(self, start: int, end: int) -> None:
        """A `ProtoHEFHef`."""
        for field in fields(self._buf, start, end):
            if field.wire != BYTES:
                continue
            if field.number == 1:
                self._header(field)
            elif field.number == 2:
                self._group(field)

    def _header(self, message: Field) -> None:
        self.facts["target"] = _CHIPS[0]  # the first is not written out
        for field in fields(self._buf, message.start, message.end):
            if field.number == 1 and field.wire == VARINT:
                self.facts["target"] = _CHIPS.get(field.value, f"architecture {field.value}")
            elif field.number == 3:
                self.facts["sdk_version"] = text(self._buf, field)[:80]

    def _group(self, message: Field) -> None:
        name = ""
        for field in fields(self._buf, message.start, message.end):
            if field.wire != BYTES:
                continue
            if field.number == 10:
                name = text(self._buf, field)[:200]
            elif field.number == 1 and not name:
                name = self._first_text(field)
            elif field.number == 8:
                self._op(field)
        if len(self.groups) >= _MAX_GROUPS:
            raise LimitError(f"more than {_MAX_GROUPS} network groups")
        self.groups.append(name)

    def _first_text(self, message: Field) -> str:
        for field in fields(self._buf, message.start, message.end):
            return text(self._buf, field)[:200] if field.number == 1 and field.wire == BYTES else ""
        return ""

    def _op(self, message: Field) -> None:
        name, op, kind = "", "Core", "Delegate"
        sides: dict[int, list[int]] = {2: [], 3: []}
        for field in fields(self._buf, message.start, message.end):
            if field.wire != BYTES:
                continue
            if field.number == 1:
                name = text(self._buf, field)[:200]
            elif field.number in sides:
                sides[field.number].append(self._pad(field))
            elif field.number in _OPS:
                op, kind = _OPS[field.number]
        if op == "Core":
            self.inputs += sides[2]
            self.outputs += sides[3]
        self.nodes.append(Node(op, kind, name, tuple(sides[2]), tuple(sides[3])))

    def _pad(self, message: Field) -> int:
        """A `ProtoHEFPad`: name, height × width × features, type."""
        name, shape, dtype = "", None, DType.UNKNOWN
        for field in fields(self._buf, message.start, message.end):
            if field.number == 2 and field.wire == BYTES:
                name = text(self._buf, field)[:200]
            elif field.number == 8 and field.wire == VARINT:
                dtype = {1: DType.UINT8, 2: DType.UINT16}.get(field.value, DType.UNKNOWN)
            elif field.number == 6 and field.wire == BYTES:
                sizes = {
                    item.number: item.value for item in fields(self._buf, field.start, field.end) if item.wire == VARINT
                }
                shape = tuple(sizes.get(number, 0) & 0xFFFF_FFFF for number in (1, 3, 5))
        self.tensors.append(Tensor(name, dtype, shape))
        return len(self.tensors) - 1


FORMAT = Format(
    name="hailo_hef",
    version=2,
    title="Hailo executable",
    suffixes=(".hef",),
    parse=parse,
    magics=(Magic(0, _MAGIC),),
    references=("https://github.com/hailo-ai/hailort/blob/master/hailort/libhailort/src/hef/hef_internal.hpp",),
    limitations=("what runs on the accelerator is not read", "header versions above 0 are recognised only"),
)
