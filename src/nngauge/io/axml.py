"""Reads Android's binary XML, its text form, and the protobuf form of app bundles into one small tree.

Layout: https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/libs/androidfw/include/androidfw/ResourceTypes.h ;
protobuf: https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/tools/aapt2/Resources.proto.

Android reads these files leniently and packers live on that: chunk types that lie, junk between chunks, attribute
names emptied because only their resource ids count. What Android reads is read here; the rest is skipped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from mmap import mmap
from typing import Final, NamedTuple

from msgspec import Struct, field

from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io import protobuf
from nngauge.io.binary import Buffer, cstring_at
from nngauge.limits import (
    MAX_AXML_ATTRIBUTES,
    MAX_AXML_CHUNKS,
    MAX_AXML_TEXT,
    MAX_STRING,
    MAX_STRUCT_DEPTH,
    MAX_TEXT_MODEL,
)

ANDROID: Final = "http://schemas.android.com/apk/res/android"
"""Namespace of the platform's attributes."""

Value = str | int | bool | float | None
"""References are ``@0x7f010001`` (or ``@string/name`` where only a name is given), theme attributes ``?0x…``,
colours ``#aarrggbb``; dimensions and fractions stay raw: ``dimension:0x…``, ``fraction:0x…``."""

ATTRIBUTES: Final = {
    0x01010000: "theme", 0x01010001: "label", 0x01010002: "icon", 0x01010003: "name", 0x01010006: "permission",
    0x01010007: "readPermission", 0x01010008: "writePermission", 0x01010009: "protectionLevel",
    0x0101000B: "sharedUserId", 0x0101000C: "hasCode", 0x0101000D: "persistent", 0x0101000E: "enabled",
    0x0101000F: "debuggable", 0x01010010: "exported", 0x01010011: "process", 0x01010012: "taskAffinity",
    0x01010013: "multiprocess", 0x01010018: "authorities", 0x0101001C: "priority", 0x01010020: "description",
    0x01010021: "targetPackage", 0x01010022: "handleProfiling", 0x01010023: "functionalTest", 0x01010024: "value",
    0x01010025: "resource", 0x01010026: "mimeType", 0x01010027: "scheme", 0x01010028: "host", 0x01010029: "port",
    0x0101002A: "path", 0x0101002B: "pathPrefix", 0x0101002C: "pathPattern", 0x01010202: "targetActivity",
    0x0101020C: "minSdkVersion", 0x0101021B: "versionCode", 0x0101021C: "versionName", 0x01010270: "targetSdkVersion",
    0x01010271: "maxSdkVersion", 0x01010272: "testOnly", 0x01010280: "allowBackup", 0x01010281: "glEsVersion",
    0x0101028E: "required", 0x010102B7: "installLocation", 0x010102D3: "hardwareAccelerated",
    0x0101035A: "largeHeap", 0x010103F2: "banner", 0x010103F4: "isGame", 0x010104EA: "extractNativeLibs",
    0x010104EC: "usesCleartextTraffic", 0x01010505: "directBootAware", 0x01010519: "version",
    0x01010527: "networkSecurityConfig", 0x0101052C: "roundIcon", 0x01010545: "appCategory", 0x01010548: "certDigest",
    0x01010549: "splitName", 0x0101054B: "isolatedSplits", 0x0101055B: "isFeatureSplit",
    0x01010572: "compileSdkVersion", 0x01010573: "compileSdkVersionCodename", 0x01010576: "versionCodeMajor",
    0x0101057A: "appComponentFactory", 0x01010591: "isSplitRequired", 0x01010599: "foregroundServiceType",
}  # fmt: skip
"""Names of platform attributes by resource id, which is all that Android itself goes by:
https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/core/res/res/values/public-final.xml."""

_STRING_POOL, _XML, _RESOURCE_MAP = 0x0001, 0x0003, 0x0180
_START_ELEMENT, _END_ELEMENT = 0x0102, 0x0103
_NODES: Final = range(0x0100, 0x0180)
_UTF8: Final = 0x100
_NO_INDEX: Final = 0xFFFF_FFFF


class Element(Struct, frozen=True, kw_only=True):
    """One element; attributes by (namespace URI or empty, name)."""

    name: str
    attributes: Mapping[tuple[str, str], Value] = field(default_factory=dict)
    children: tuple[Element, ...] = ()

    def get(self, name: str, namespace: str = ANDROID) -> Value:
        """The attribute, by default of the platform's namespace; None where it is absent."""
        return self.attributes.get((namespace, name))

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in document order."""
        stack = [self]
        while stack:
            element = stack.pop()
            yield element
            stack.extend(reversed(element.children))

    def all(self, *path: str) -> Iterator[Element]:
        """Descendants reached by child names: ``manifest.all("application", "meta-data")``."""
        level = [self]
        for name in path:
            level = [child for element in level for child in element.children if child.name == name]
        yield from level


class Chunk(NamedTuple):
    """One resource chunk: `type`, first byte, first byte of its body, first byte past it."""

    type: int
    start: int
    body: int
    end: int


class StringPool:
    """The strings of one chunk, decoded when asked for; `get` is None for what lies outside."""

    __slots__ = ("_buf", "_cache", "_count", "_end", "_index", "_left", "_strings", "_utf8")

    def __init__(self, buf: memoryview, chunk: Chunk) -> None:
        self._count, _, flags, strings, _ = unpack("<5I", buf, chunk.start + 8)
        self._buf = buf
        self._index = chunk.body
        self._strings = chunk.start + strings
        self._end = chunk.end
        self._utf8 = bool(flags & _UTF8)
        self._cache: dict[int, str | None] = {}
        self._left = MAX_AXML_TEXT

    def get(self, index: int) -> str | None:
        """The string at `index`; raises `LimitError` when all together exceed `MAX_AXML_TEXT`."""
        if index >= self._count or self._index + index * 4 + 4 > self._end:
            return None
        if index not in self._cache:
            at = self._strings + unpack("<I", self._buf, self._index + index * 4)[0]
            text = self._cache[index] = self._decode(at) if at < self._end else None
            self._left -= len(text or "")
            if self._left < 0:
                raise LimitError(f"strings of more than {MAX_AXML_TEXT} characters")
        return self._cache[index]

    def _decode(self, at: int) -> str | None:
        buf, end = self._buf, min(self._end, at + MAX_STRING)
        if self._utf8:
            at = _skip_length8(buf, at, end)
            size = buf[at] if at < end else 0
            if size & 0x80 and at + 1 < end:
                size = (size & 0x7F) << 8 | buf[at + 1]
            at = _skip_length8(buf, at, end)
            # aapt once wrote truncated lengths, and packers lie: the NUL decides, as it does for Android.
            if at + size >= end or buf[at + size]:
                return self._until_nul(at, end)
            return bytes(buf[at : at + size]).decode("utf-8", "replace")
        if at + 2 > end:
            return None
        units = buf[at] | buf[at + 1] << 8
        at += 2
        if units & 0x8000 and at + 2 <= end:
            units = (units & 0x7FFF) << 16 | buf[at] | buf[at + 1] << 8
            at += 2
        return bytes(buf[at : at + units * 2]).decode("utf-16-le", "replace") if at + units * 2 <= end else None

    def _until_nul(self, at: int, end: int) -> str | None:
        try:
            return cstring_at(self._buf, at, end).decode("utf-8", "replace")
        except TruncatedError:
            self._left -= max(0, end - at)  # looking in vain costs, too
            return None


def read_axml(buf: Buffer | mmap) -> Element:
    """The root of a binary (or plain text) XML file.

    Raises `NotThisFormat` when it is neither, `MalformedError` without an element, `LimitError` past depth or counts.
    """
    view = memoryview(buf)
    head = bytes(view[:64]).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] == b"<":
        return _read_text(view)
    if len(view) < 8:
        raise NotThisFormat("neither binary nor text XML")
    _, header, size = unpack("<HHI", view, 0)
    start = header if 8 <= header < len(view) else 8
    document = _Document(view, start, size if start < size <= len(view) else len(view))
    root = document.read()
    if root is None and not document.seen:
        raise NotThisFormat("no XML chunk")
    if root is None:
        raise MalformedError("no element in the document")
    return root


def read_proto_xml(buf: Buffer | mmap) -> Element:
    """The root of a protobuf XML file (`aapt.pb.XmlNode`), as app bundles hold it."""
    budget = [MAX_AXML_ATTRIBUTES]
    view = memoryview(buf)
    root = _proto_node(view, 0, len(view), budget, MAX_STRUCT_DEPTH)
    if root is None:
        raise MalformedError("no element in the document")
    return root


def chunks(buf: memoryview, start: int, end: int) -> Iterator[Chunk]:
    """The resource chunks in `buf[start:end]`, up to the first whose size cannot be; raises `LimitError`."""
    for _ in range(MAX_AXML_CHUNKS):
        if start + 8 > end:
            return
        kind, header, size = unpack("<HHI", buf, start)
        if not 8 <= header <= size <= end - start:
            return
        yield Chunk(kind, start, start + header, start + size)
        start += size
    raise LimitError(f"more than {MAX_AXML_CHUNKS} chunks")


def unpack(layout: str, buf: memoryview, offset: int) -> tuple[int, ...]:
    """`struct.unpack_from` that raises `TruncatedError`."""
    try:
        return struct.unpack_from(layout, buf, offset)
    except struct.error:
        raise TruncatedError("chunk cut short", where=f"@{offset}") from None


def typed_value(kind: int, data: int, pool: StringPool | None) -> Value:
    """A `Res_value` of type `kind` in Python; see `Value` for how references and colours are written."""
    if kind == 0x03:
        return None if pool is None else pool.get(data)
    if kind in (0x01, 0x07):
        return f"@0x{data:08x}"
    if kind in (0x02, 0x08):
        return f"?0x{data:08x}"
    if kind == 0x04:
        return float(struct.unpack("<f", data.to_bytes(4, "little"))[0])
    if kind in (0x05, 0x06):
        return f"{'dimension' if kind == 0x05 else 'fraction'}:0x{data:08x}"
    if kind == 0x12:
        return data != 0
    if 0x1C <= kind <= 0x1F:
        return f"#{data:08x}"
    if 0x10 <= kind <= 0x1F:
        return data - (1 << 32) if data >> 31 else data
    return None


class _Open(Struct):
    """An element whose end has not come yet."""

    name: str
    attributes: dict[tuple[str, str], Value]
    children: list[Element] = field(default_factory=list)


class _Tree:
    """Builds elements from starts and ends; what is still open at the end is closed."""

    __slots__ = ("_stack", "root")

    def __init__(self) -> None:
        self._stack: list[_Open] = []
        self.root: Element | None = None

    def start(self, name: str, attributes: dict[tuple[str, str], Value]) -> None:
        if len(self._stack) >= MAX_STRUCT_DEPTH:
            raise LimitError(f"elements nested deeper than {MAX_STRUCT_DEPTH}")
        self._stack.append(_Open(name, attributes))

    def end(self) -> None:
        if not self._stack:
            return
        done = self._stack.pop()
        element = Element(name=done.name, attributes=done.attributes, children=tuple(done.children))
        if self._stack:
            self._stack[-1].children.append(element)
        elif self.root is None:
            self.root = element

    def close(self) -> Element | None:
        while self._stack:
            self.end()
        return self.root


class _Document:
    """One binary document."""

    def __init__(self, view: memoryview, start: int, end: int) -> None:
        self.view = view
        self.span = (start, end)
        self.pool: StringPool | None = None
        self.ids: tuple[int, ...] = ()
        self.seen = False
        self.left = MAX_AXML_ATTRIBUTES

    def read(self) -> Element | None:
        tree = _Tree()
        for chunk in chunks(self.view, *self.span):
            if chunk.type in _NODES:
                self.seen = True
                if chunk.type == _START_ELEMENT:
                    tree.start(*self._element(chunk))
                elif chunk.type == _END_ELEMENT:
                    tree.end()
            elif chunk.type == _STRING_POOL and not self.seen:
                self.pool = StringPool(self.view, chunk)
            elif chunk.type == _RESOURCE_MAP and not self.seen:
                count = (chunk.end - chunk.body) // 4
                self.ids = unpack(f"<{count}I", self.view, chunk.body)
        return tree.close()

    def _element(self, chunk: Chunk) -> tuple[str, dict[tuple[str, str], Value]]:
        _, name, start, size, count = unpack("<IIHHH", self.view, chunk.body)
        attributes: dict[tuple[str, str], Value] = {}
        at = chunk.body + start
        for _ in range(count):
            if at + 20 > chunk.end:
                break
            self.left -= 1
            if self.left < 0:
                raise LimitError(f"more than {MAX_AXML_ATTRIBUTES} attributes")
            key, value = self._attribute(at)
            attributes.setdefault(key, value)  # Android takes the first of equal ones
            at += size
        return self._text(name) or "", attributes

    def _attribute(self, at: int) -> tuple[tuple[str, str], Value]:
        namespace, name, raw, _, _, kind, data = unpack("<IIIHBBI", self.view, at)
        resource = self.ids[name] if name < len(self.ids) else 0
        known = ATTRIBUTES.get(resource)
        text = known or self._text(name) or (f"attr_0x{resource:08x}" if resource else "")
        space = ANDROID if known else self._text(namespace) or ""
        value = typed_value(kind, data, self.pool)
        return (space, text), self._text(raw) if value is None else value

    def _text(self, index: int) -> str | None:
        return None if self.pool is None or index == _NO_INDEX else self.pool.get(index)


def _skip_length8(buf: memoryview, at: int, end: int) -> int:
    return at + (2 if at < end and buf[at] & 0x80 else 1)


def _read_text(view: memoryview) -> Element:
    if len(view) > MAX_TEXT_MODEL:
        raise LimitError(f"text of {len(view)} bytes")
    from xml.parsers import expat

    tree = _Tree()

    def start(name: str, attributes: dict[str, str]) -> None:
        tree.start(_local(name)[1], {_local(key): value for key, value in attributes.items()})

    def refuse(*_: object) -> None:
        raise UnsupportedError("XML with a document type", hint="entities can grow without end")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: tree.end()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.ParseFile(BytesIO(view))
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise MalformedError(f"text XML: {error}") from None
    root = tree.close()
    if root is None:
        raise MalformedError("no element in the document")
    return root


def _local(name: str) -> tuple[str, str]:
    space, _, local = name.rpartition(" ")
    return space, local


def _proto_node(view: memoryview, start: int, end: int, budget: list[int], depth: int) -> Element | None:
    """XmlNode: an element (1), text (2)."""
    if not depth:
        raise LimitError(f"elements nested deeper than {MAX_STRUCT_DEPTH}")
    for item in protobuf.fields(view, start, end):
        if item.number == 1 and item.wire == protobuf.BYTES:
            return _proto_element(view, item, budget, depth)
    return None


def _proto_element(view: memoryview, element: protobuf.Field, budget: list[int], depth: int) -> Element:
    """XmlElement: name (3), attribute (4), child (5)."""
    name = ""
    attributes: dict[tuple[str, str], Value] = {}
    children: list[Element] = []
    for item in protobuf.fields(view, element.start, element.end):
        if item.number == 3:
            name = protobuf.text(view, item)
        elif item.number == 4 and item.wire == protobuf.BYTES:
            budget[0] -= 1
            if budget[0] < 0:
                raise LimitError(f"more than {MAX_AXML_ATTRIBUTES} attributes")
            key, value = _proto_attribute(view, item)
            attributes.setdefault(key, value)
        elif item.number == 5 and item.wire == protobuf.BYTES:
            child = _proto_node(view, item.start, item.end, budget, depth - 1)
            if child is not None:
                children.append(child)
    return Element(name=name, attributes=attributes, children=tuple(children))


def _proto_attribute(view: memoryview, attribute: protobuf.Field) -> tuple[tuple[str, str], Value]:
    """XmlAttribute: namespace_uri (1), name (2), value (3), resource_id (5), compiled_item (6)."""
    space = name = ""
    value: Value = None
    compiled: Value = None
    for item in protobuf.fields(view, attribute.start, attribute.end):
        if item.number == 1:
            space = protobuf.text(view, item)
        elif item.number == 2:
            name = protobuf.text(view, item)
        elif item.number == 3:
            value = protobuf.text(view, item)
        elif item.number == 5 and item.value in ATTRIBUTES:
            space, name = ANDROID, ATTRIBUTES[item.value]
        elif item.number == 6 and item.wire == protobuf.BYTES:
            compiled = proto_value(view, item)
    return (space, name), value if compiled is None else compiled


def proto_value(view: memoryview, item: protobuf.Field) -> Value:
    """An `aapt.pb.Item`: reference (1), string (2), raw string (3), file (5), primitive (7)."""
    for part in protobuf.fields(view, item.start, item.end):
        if part.wire != protobuf.BYTES:
            continue
        if part.number in (2, 3, 5):
            return next((protobuf.text(view, f) for f in _fields(view, part) if f.number == 1), "")
        if part.number == 1:
            return _proto_reference(view, part)
        if part.number == 7:
            return _proto_primitive(view, part)
    return None


def _proto_reference(view: memoryview, reference: protobuf.Field) -> Value:
    """Reference: id (2), name (3); bundles often keep the name alone."""
    found = {part.number: part for part in _fields(view, reference)}
    if 2 in found and found[2].value:
        return f"@0x{found[2].value & 0xFFFF_FFFF:08x}"
    return f"@{protobuf.text(view, found[3])}" if 3 in found else None


def _proto_primitive(view: memoryview, primitive: protobuf.Field) -> Value:
    """Primitive: one field of the kinds float (3), int (6), hex (7), bool (8), colours (9–12), raw (13, 14)."""
    kinds = {3: 0x04, 6: 0x10, 7: 0x11, 8: 0x12, 9: 0x1C, 10: 0x1D, 11: 0x1E, 12: 0x1F, 13: 0x05, 14: 0x06}
    for part in _fields(view, primitive):
        if part.number in kinds and part.wire in (protobuf.VARINT, protobuf.FIXED32):
            return typed_value(kinds[part.number], part.value & 0xFFFF_FFFF, None)
    return None


def _fields(view: memoryview, message: protobuf.Field) -> Iterator[protobuf.Field]:
    return protobuf.fields(view, message.start, message.end)
