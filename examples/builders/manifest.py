"""Android manifests: one small tree, written as the binary XML of an APK or as the protobuf of an app bundle.

Layouts: https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/libs/androidfw/include/androidfw/ResourceTypes.h
and https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/tools/aapt2/Resources.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from examples.builders.resources import chunk, string_pool

ANDROID = "http://schemas.android.com/apk/res/android"
DISTRIBUTION = "http://schemas.android.com/apk/distribution"
PREFIXES = {ANDROID: "android", DISTRIBUTION: "dist"}
NONE = 0xFFFFFFFF
REFERENCE, STRING, INTEGER, BOOLEAN = 0x01, 0x03, 0x10, 0x12

RESOURCE_IDS = {
    "label": 0x01010001, "name": 0x01010003, "exported": 0x01010010, "authorities": 0x01010018, "value": 0x01010024,
    "minSdkVersion": 0x0101020C, "versionCode": 0x0101021B, "versionName": 0x0101021C, "targetSdkVersion": 0x01010270,
    "required": 0x0101028E, "extractNativeLibs": 0x010104EA, "splitTypes": 0x0101064F, "requiredSplitTypes": 0x0101064E,
    "hasCode": 0x0101000C, "isFeatureSplit": 0x0101055B,
}  # fmt: skip
"""https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/core/res/res/values/public-final.xml"""


@dataclass(frozen=True, slots=True)
class Reference:
    """A resource id."""

    id: int


Value = str | int | bool | Reference


@dataclass(frozen=True, slots=True)
class Element:
    """One element. Its name and attributes are written ``prefix:name``; the prefix is android, dist or none."""

    name: str
    attributes: dict[str, Value] = field(default_factory=dict)
    children: tuple[Element, ...] = ()

    def walk(self) -> Iterator[Element]:
        """This element and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def tag(self) -> tuple[str, str]:
        """Namespace and local name."""
        return _resolve(self.name)

    def qualified(self) -> list[tuple[str, str, Value]]:
        """Attributes as (namespace, name, value) in the order of their resource ids, as Android requires."""
        rows = [(*_resolve(key), value) for key, value in self.attributes.items()]
        return sorted(rows, key=lambda row: (RESOURCE_IDS.get(row[1], NONE) if row[0] == ANDROID else NONE, row[1]))


def _resolve(key: str) -> tuple[str, str]:
    prefix, _, name = key.rpartition(":")
    return next((space for space, known in PREFIXES.items() if known == prefix), ""), name


def _namespaces(root: Element) -> list[str]:
    used = {element.tag()[0] for element in root.walk()}
    used |= {space for element in root.walk() for space, _, _ in element.qualified()}
    return [space for space in PREFIXES if space in used]


def app_manifest(
    package: str,
    *,
    version: tuple[int, str],
    label: str | Reference,
    sdk: tuple[int, int] = (24, 35),
    permissions: tuple[str, ...] = (),
    application: tuple[Element, ...] = (),
) -> Element:
    """The manifest of an ordinary app: `version` is code and name, `sdk` the minimum and the target level."""
    launcher = Element(
        "intent-filter",
        {},
        (
            Element("action", {"android:name": "android.intent.action.MAIN"}),
            Element("category", {"android:name": "android.intent.category.LAUNCHER"}),
        ),
    )
    main = Element("activity", {"android:name": f"{package}.MainActivity", "android:exported": True}, (launcher,))
    return Element(
        "manifest",
        {"package": package, "android:versionCode": version[0], "android:versionName": version[1]},
        (
            Element("uses-sdk", {"android:minSdkVersion": sdk[0], "android:targetSdkVersion": sdk[1]}),
            *(Element("uses-permission", {"android:name": name}) for name in permissions),
            Element("application", {"android:label": label}, (main, *application)),
        ),
    )


def split_manifest(package: str, version_code: int, split: str, **attributes: Value) -> Element:
    """The manifest of a configuration or asset-pack split."""
    base: dict[str, Value] = {"package": package, "split": split, "android:versionCode": version_code}
    return Element("manifest", base | attributes, (Element("application", {"android:hasCode": False}),))


def metadata(name: str, value: Value) -> Element:
    """A ``<meta-data>`` element."""
    return Element("meta-data", {"android:name": name, "android:value": value})


def binary_xml(root: Element) -> bytes:
    """The manifest as aapt2 writes it into an APK."""
    strings = _strings(root)
    ids = [RESOURCE_IDS[name] for name in strings if name in RESOURCE_IDS]
    spaces = _namespaces(root)
    body = [string_pool(strings), chunk(0x0180, b"", struct.pack(f"<{len(ids)}I", *ids))]
    for kind, order in ((0x0100, spaces), (0x0101, spaces[::-1])):
        edges = [
            chunk(kind, _LINE, struct.pack("<II", strings.index(PREFIXES[space]), strings.index(space)))
            for space in order
        ]
        body += edges if kind == 0x0100 else [*_element(root, strings), *edges]
    whole = b"".join(body)
    return struct.pack("<HHI", 0x0003, 8, 8 + len(whole)) + whole


_LINE = struct.pack("<II", 1, NONE)
"""Line number and no comment: the header that every node of binary XML has."""


def _strings(root: Element) -> list[str]:
    """Names with resource ids first: their positions pair with the resource map."""
    rows = [row for element in root.walk() for row in element.qualified()]
    named = sorted({name for space, name, _ in rows if space == ANDROID}, key=RESOURCE_IDS.__getitem__)
    spaces = _namespaces(root)
    others = [*spaces, *(PREFIXES[space] for space in spaces)]
    for element in root.walk():
        others.append(element.tag()[1])
        for space, name, value in element.qualified():
            others += [] if space == ANDROID else [name]
            others += [value] if isinstance(value, str) else []
    return list(dict.fromkeys([*named, *others]))


def _element(element: Element, strings: list[str]) -> list[bytes]:
    space, local = element.tag()
    name, rows = strings.index(local), element.qualified()
    within = strings.index(space) if space else NONE
    head = struct.pack("<IIHHHHHH", within, name, 20, 20, len(rows), 0, 0, 0)
    start = chunk(0x0102, _LINE, head + b"".join(_attribute(row, strings) for row in rows))
    below = [piece for child in element.children for piece in _element(child, strings)]
    return [start, *below, chunk(0x0103, _LINE, struct.pack("<II", within, name))]


def _attribute(row: tuple[str, str, Value], strings: list[str]) -> bytes:
    space, name, value = row
    raw = strings.index(value) if isinstance(value, str) else NONE
    kind, data = STRING, raw
    if isinstance(value, Reference):
        kind, data = REFERENCE, value.id
    elif isinstance(value, bool):
        kind, data = BOOLEAN, NONE if value else 0
    elif isinstance(value, int):
        kind, data = INTEGER, value
    return struct.pack("<IIIHBBI", strings.index(space) if space else NONE, strings.index(name), raw, 8, 0, kind, data)


def proto_xml(root: Element) -> bytes:
    """The manifest as bundletool writes it into an app bundle (aapt.pb.XmlNode)."""
    spaces = b"".join(
        proto_field(1, proto_field(1, PREFIXES[space].encode()) + proto_field(2, space.encode()))
        for space in _namespaces(root)
    )
    return proto_field(1, spaces + _proto_element(root))


def _proto_element(element: Element) -> bytes:
    space, name = element.tag()
    body = proto_field(2, space.encode()) if space else b""
    body += proto_field(3, name.encode())
    body += b"".join(proto_field(4, _proto_attribute(row)) for row in element.qualified())
    return body + b"".join(proto_field(5, proto_field(1, _proto_element(child))) for child in element.children)


def _proto_attribute(row: tuple[str, str, Value]) -> bytes:
    space, name, value = row
    if isinstance(value, Reference):
        raise TypeError("references are written only into binary XML here")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    out = proto_field(1, space.encode()) if space else b""
    out += proto_field(2, name.encode()) + proto_field(3, text.encode())
    if space == ANDROID:
        out += proto_field(5, RESOURCE_IDS[name])
    if isinstance(value, bool):
        return out + proto_field(6, proto_field(7, proto_field(8, int(value))))
    return out + proto_field(6, proto_field(7, proto_field(6, value))) if isinstance(value, int) else out


def proto_field(number: int, value: int | bytes) -> bytes:
    """One protobuf field: a varint, or bytes with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
