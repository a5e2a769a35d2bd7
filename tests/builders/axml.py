"""Writes Android binary XML, its protobuf form, and minimal resource tables."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

ANDROID = "http://schemas.android.com/apk/res/android"
STRING, REFERENCE, FLOAT, DIMENSION, INT, HEX, BOOL, COLOR = 0x03, 0x01, 0x04, 0x05, 0x10, 0x11, 0x12, 0x1C


@dataclass
class Attr:
    name: str
    kind: int
    value: str | int
    id: int = 0
    """Resource id; attributes with one belong to the Android namespace."""


@dataclass
class Node:
    name: str
    attrs: Sequence[Attr] = ()
    children: Sequence[Node] = ()


@dataclass
class AxmlOptions:
    utf8: bool = False
    empty_names: bool = False
    header_type: int = 3
    attribute_size: int = 20
    attribute_start: int = 20
    junk_every_chunk: bool = False
    lie_about_length: bool = False
    extra: list[bytes] = field(default_factory=list)


def chunk(kind: int, body: bytes, *, header: bytes = b"") -> bytes:
    return struct.pack("<HHI", kind, 8 + len(header), 8 + len(header) + len(body)) + header + body


def string_pool(texts: Sequence[str], *, utf8: bool = False, lie: bool = False) -> bytes:
    data, offsets = b"", []
    for text in texts:
        offsets.append(len(data))
        if utf8:
            raw = text.encode()
            told = 3 if lie and len(raw) > 4 else len(raw)
            data += _length8(len(text)) + _length8(told) + raw + b"\0"
        else:
            raw = text.encode("utf-16-le")
            data += struct.pack("<H", len(raw) // 2) + raw + b"\0\0"
    data += b"\0" * (-len(data) % 4)
    header = struct.pack("<5I", len(texts), 0, 0x100 if utf8 else 0, 28 + 4 * len(texts), 0)
    return chunk(1, struct.pack(f"<{len(texts)}I", *offsets) + data, header=header)


def build_axml(root: Node, options: AxmlOptions | None = None) -> bytes:
    options = options or AxmlOptions()
    named = {a.name: a.id for node in _all(root) for a in node.attrs if a.id}
    texts = [*named, ANDROID]
    for node in _all(root):
        for text in (
            node.name,
            *(a.name for a in node.attrs),
            *(a.value for a in node.attrs if isinstance(a.value, str)),
        ):
            if text not in texts:
                texts.append(text)
    shown = ["" if options.empty_names and text in named else text for text in texts]
    body = [string_pool(shown, utf8=options.utf8, lie=options.lie_about_length)]
    body.append(chunk(0x180, struct.pack(f"<{len(named)}I", *named.values())))
    body += _element(root, texts, options)
    if options.junk_every_chunk:
        body = [piece for part in body for piece in (chunk(0x7777, b"junk"), part)]
    whole = b"".join([*body, *options.extra])
    return struct.pack("<HHI", options.header_type, 8, 8 + len(whole)) + whole


def _element(node: Node, texts: list[str], options: AxmlOptions) -> list[bytes]:
    none = 0xFFFFFFFF
    attributes = b""
    for a in node.attrs:
        text = texts.index(a.value) if isinstance(a.value, str) else none
        data = text if isinstance(a.value, str) else a.value & 0xFFFFFFFF
        space = texts.index(ANDROID) if a.id else none
        row = struct.pack("<IIIHBBI", space, texts.index(a.name), text, 8, 0, a.kind, data)
        attributes += row + b"\xee" * (options.attribute_size - 20)
    start, size = options.attribute_start, options.attribute_size
    head = struct.pack("<IIHHHHHH", none, texts.index(node.name), start, size, len(node.attrs), 0, 0, 0)
    head += b"\xdd" * (start - 20)
    line = struct.pack("<II", 1, none)
    out = [chunk(0x102, head + attributes, header=line)]
    for child in node.children:
        out += _element(child, texts, options)
    return [*out, chunk(0x103, struct.pack("<II", none, texts.index(node.name)), header=line)]


def _all(node: Node) -> list[Node]:
    return [node, *(below for child in node.children for below in _all(child))]


def _length8(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value >> 8 | 0x80, value & 0xFF])


def build_proto_xml(node: Node) -> bytes:
    body = pb(3, node.name.encode())
    for a in node.attrs:
        attr = (pb(1, ANDROID.encode()) if a.id else b"") + pb(2, a.name.encode())
        if a.id:
            attr += pb(5, a.id)
        if isinstance(a.value, str):
            attr += pb(3, a.value.encode())
        elif a.kind == REFERENCE:
            attr += pb(6, pb(1, pb(2, a.value)))
        else:
            number = {INT: 6, HEX: 7, BOOL: 8}[a.kind]
            attr += pb(3, str(a.value).encode()) + pb(6, pb(7, pb(number, a.value)))
        body += pb(4, attr)
    for child in node.children:
        body += pb(5, build_proto_xml(child))
    return pb(1, body)


def pb(number: int, value: int | bytes) -> bytes:
    """One protobuf field."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = b""
    value &= 0xFFFFFFFFFFFFFFFF
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
