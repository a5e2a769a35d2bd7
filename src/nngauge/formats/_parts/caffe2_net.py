"""Caffe2's `NetDef`: operators with named arguments, large lists of numbers by place only.

Schema: https://github.com/facebookarchive/caffe2/blob/master/caffe2/proto/caffe2.proto.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, Span
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.io import protobuf
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, FIXED32, VARINT, Field, fields
from nngauge.limits import MAX_INLINE_VALUES, MAX_NODES

OPERATOR: Final = re.compile(r"[A-Z][A-Za-z0-9_]{1,80}")
_NET_WIRES: Final = {1: BYTES, 2: BYTES, 3: BYTES, 4: VARINT, 5: BYTES, 6: BYTES, 7: BYTES, 8: BYTES, 9: BYTES}
_FLOAT_KEY: Final = b"\x2d"
"""Field 5 with 32 fixed bits: how an unpacked list of floats looks at every fifth byte."""
_FLOATS: Final = 5


class Listed(NamedTuple):
    """A list of numbers that stays in the file."""

    length: int
    span: Span | None = None
    """Where they are, when they are packed."""
    values: tuple[float, ...] | None = None
    """The first ones, when they are few."""


class Operator(Struct):
    """One `OperatorDef`."""

    op: str = ""
    name: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    arguments: dict[str, Attribute] = field(default_factory=dict)
    """Scalars, texts and short lists."""
    lists: dict[str, Listed] = field(default_factory=dict)
    """Long lists and byte strings (weights)."""


class Net(Struct):
    """One `NetDef`."""

    name: str = ""
    operators: list[Operator] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    """Declared external inputs: data and weights."""
    outputs: list[str] = field(default_factory=list)


def read(buf: Buffer, part: int) -> Net:
    """The network in `buf`, which is part `part` of the bundle; `NotThisFormat` when it is another message."""
    net = Net()
    for entry in fields(buf):
        if entry.wire != _NET_WIRES.get(entry.number):
            raise NotThisFormat(f"field {entry.number} is not one of NetDef")
        if entry.number == 1:
            net.name = protobuf.text(buf, entry)
        elif entry.number == 2:
            net.operators.append(_operator(buf, entry, part))
            if len(net.operators) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} operators")
        elif entry.number in (7, 8):
            (net.inputs if entry.number == 7 else net.outputs).append(protobuf.text(buf, entry))
    if not net.operators:
        raise NotThisFormat("no operators")
    return net


def _operator(buf: Buffer, message: Field, part: int) -> Operator:
    found = Operator()
    for entry in fields(buf, message.start, message.end):
        number = entry.number
        if number in (1, 2):
            (found.inputs if number == 1 else found.outputs).append(protobuf.text(buf, entry))
        elif number == 3:
            found.name = protobuf.text(buf, entry)
        elif number == 4:
            found.op = protobuf.text(buf, entry)
        elif number == 5:
            if entry.wire != BYTES:
                raise NotThisFormat("layers of Caffe, not operators of Caffe2")
            _argument(buf, entry, part, found)
    if not OPERATOR.fullmatch(found.op):
        raise NotThisFormat(f"operator of type {found.op[:40]!r}")
    return found


def _argument(buf: Buffer, message: Field, part: int, found: Operator) -> None:
    """Name first, then one value or a list; unpacked floats are counted in one step, as weights hold millions."""
    name, pos = "", message.start
    integers: list[int] = []
    while pos < message.end:
        start, pos = pos, message.end
        for entry in fields(buf, start, message.end):
            if entry.number == _FLOATS and entry.wire == FIXED32:
                first = entry.start - 1
                count = _float_run(buf, first, message.end)
                found.lists[name] = _unpacked(buf, first, count)
                pos = first + 5 * count
                break
            if entry.number == 1:
                name = protobuf.text(buf, entry)
            elif entry.number == 6:
                integers += protobuf.varints(buf, entry)
            else:
                _value(buf, entry, part, name, found)
    if len(integers) > MAX_INLINE_VALUES:
        found.lists[name] = Listed(len(integers))
    elif integers:
        found.arguments[name] = tuple(integers)


def _value(buf: Buffer, entry: Field, part: int, name: str, found: Operator) -> None:
    number, wire = entry.number, entry.wire
    if number == 2 and wire == FIXED32:
        found.arguments[name] = protobuf.single(entry.value)
    elif number == 3 and wire == VARINT:
        found.arguments[name] = protobuf.signed(entry.value)
    elif number == 4 and wire == BYTES:
        size = entry.end - entry.start
        if size <= MAX_INLINE_VALUES:
            found.arguments[name] = protobuf.text(buf, entry)
        found.lists[name] = Listed(size, Span(entry.start, size, part))
    elif number == _FLOATS and wire == BYTES:
        count = (entry.end - entry.start) // 4
        few = protobuf.floats(buf, entry) if count <= MAX_INLINE_VALUES else None
        found.lists[name] = Listed(count, Span(entry.start, 4 * count, part), few)


def _float_run(buf: Buffer, pos: int, end: int) -> int:
    """Floats of field 5 that follow each other from `pos`, each behind its own key; looked at in growing steps."""
    run, step = 1, 64
    while True:
        keys = bytes(buf[pos + 5 * run : min(pos + 5 * (run + step), end - 4) : 5])
        same = len(keys) - len(keys.lstrip(_FLOAT_KEY))
        run += same
        if same < step:
            return run
        step *= 2


def _unpacked(buf: Buffer, pos: int, count: int) -> Listed:
    if count > MAX_INLINE_VALUES:
        return Listed(count)
    return Listed(count, None, tuple(struct.unpack_from("<f", buf, pos + 5 * at + 1)[0] for at in range(count)))


def elements(operator: Operator, name: str) -> int:
    """How many numbers the argument holds."""
    listed = operator.lists.get(name)
    if listed is not None:
        return listed.length
    value = operator.arguments.get(name)
    return len(value) if isinstance(value, tuple) else int(value is not None)


def looks_like(head: bytes, size: int) -> bool:
    """Whether a named or nameless `NetDef` begins here: an operator whose type stands where it must."""
    pos = 0
    if head[:1] == b"\x0a":
        pos = 2 + head[1] if len(head) > 1 else 0
        if not 2 <= pos <= 0x81 or not _printable(head[2:pos]):
            return False
    if head[pos : pos + 1] != b"\x12" or size < pos + 12:
        return False
    pos += 1
    while pos < len(head) and head[pos] >= 0x80:
        pos += 1
    return _has_type(head, pos + 1)


def _has_type(head: bytes, pos: int) -> bool:
    """Inputs, outputs, perhaps a name, then the type, then arguments or the next operator."""
    for _ in range(64):
        key = head[pos : pos + 2]
        if len(key) < 2 or key[0] not in (0x0A, 0x12, 0x1A, 0x22) or key[1] >= 0x80:
            return False
        text = head[pos + 2 : pos + 2 + key[1]]
        pos += 2 + key[1]
        if key[0] == 0x22:
            follows = head[pos : pos + 1] in (b"\x2a", b"\x32", b"\x3a", b"\x42", b"\x48", b"\x12", b"")
            return follows and OPERATOR.fullmatch(text.decode("latin-1")) is not None
        if text and not _printable(text):
            return False
    return False


def _printable(text: bytes) -> bool:
    return bool(text) and text.isascii() and text.decode("ascii").isprintable()


def checked_shape(arguments: Mapping[str, Attribute]) -> tuple[int, ...]:
    """The argument `shape` of a fill; `MalformedError` for sizes that cannot be."""
    shape = arguments.get("shape", ())
    sizes = tuple([int(size) for size in shape]) if isinstance(shape, tuple) else ()
    if len(sizes) > 64 or any(not 0 <= size < 1 << 40 for size in sizes):
        raise MalformedError(f"a constant of shape {sizes[:8]}")
    return sizes
