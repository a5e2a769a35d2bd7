from __future__ import annotations

import contextlib
import struct
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.io.axml import ANDROID, Element, read_axml, read_proto_xml
from nngauge.limits import MAX_STRUCT_DEPTH
from tests.builders.axml import (
    BOOL,
    COLOR,
    DIMENSION,
    FLOAT,
    HEX,
    INT,
    REFERENCE,
    STRING,
    Attr,
    AxmlOptions,
    Node,
    build_axml,
    build_proto_xml,
    chunk,
    pb,
)
from tests.builders.corpus import corpus_files
from tests.builders.mutations import damaged

MANIFEST = Node(
    "manifest",
    [
        Attr("versionCode", INT, 42, 0x0101021B),
        Attr("versionName", STRING, "1.2-日本", 0x0101021C),
        Attr("package", STRING, "org.example.app"),
    ],
    [
        Node("uses-sdk", [Attr("minSdkVersion", INT, 21, 0x0101020C), Attr("targetSdkVersion", INT, 35, 0x01010270)]),
        Node("uses-permission", [Attr("name", STRING, "android.permission.CAMERA", 0x01010003)]),
        Node(
            "application",
            [
                Attr("label", REFERENCE, 0x7F010001, 0x01010001),
                Attr("extractNativeLibs", BOOL, 0, 0x010104EA),
                Attr("debuggable", BOOL, 0xFFFFFFFF, 0x0101000F),
            ],
            [
                Node(
                    "meta-data",
                    [Attr("name", STRING, "com.google.mlkit", 0x01010003), Attr("value", INT, -1, 0x01010024)],
                )
            ],
        ),
    ],
)
VARIANTS = {
    "plain": AxmlOptions(),
    "utf8": AxmlOptions(utf8=True),
    "names emptied": AxmlOptions(empty_names=True),
    "wrong header type": AxmlOptions(header_type=0),
    "wide attributes": AxmlOptions(attribute_size=24),
    "late attributes": AxmlOptions(attribute_start=28),
    "junk chunks": AxmlOptions(junk_every_chunk=True),
    "length lies": AxmlOptions(utf8=True, lie_about_length=True),
    "junk behind": AxmlOptions(extra=[b"\xff" * 40]),
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_reads_what_android_reads(options: AxmlOptions) -> None:
    check(read_axml(build_axml(MANIFEST, options)))


def test_reads_protobuf() -> None:
    check(read_proto_xml(build_proto_xml(MANIFEST)))


def check(root: Element) -> None:
    assert root.name == "manifest"
    assert root.get("versionCode") == 42
    assert root.get("versionName") == "1.2-日本"
    assert root.get("package", "") == "org.example.app"
    assert [e.name for e in root.walk()] == ["manifest", "uses-sdk", "uses-permission", "application", "meta-data"]
    (application,) = root.all("application")
    assert application.get("label") == "@0x7f010001"
    assert application.get("extractNativeLibs") is False
    assert application.get("debuggable") is True
    (meta,) = root.all("application", "meta-data")
    assert dict(meta.attributes) == {(ANDROID, "name"): "com.google.mlkit", (ANDROID, "value"): -1}
    assert root.get("absent") is None


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        (FLOAT, struct.unpack("<I", struct.pack("<f", 1.5))[0], 1.5),
        (DIMENSION, 0x1001, "dimension:0x00001001"),
        (HEX, 0x10, 16),
        (COLOR, 0xFF00FF00, "#ff00ff00"),
        (0x02, 0x7F020000, "?0x7f020000"),
        (0x00, 0, None),
        (0x55, 7, None),
        (STRING, 9999, None),
    ],
)
def test_values(kind: int, data: int, value: object) -> None:
    assert read_axml(build_axml(Node("a", [Attr("x", kind, data)]))).get("x", "") == value


def test_first_of_equal_attributes_counts() -> None:
    root = read_axml(build_axml(Node("a", [Attr("x", INT, 1), Attr("x", INT, 2)])))
    assert root.get("x", "") == 1


def test_unknown_platform_attribute_without_name_keeps_its_id() -> None:
    root = read_axml(build_axml(Node("a", [Attr("odd", INT, 1, 0x01019999)]), AxmlOptions(empty_names=True)))
    assert root.get("attr_0x01019999") == 1


def test_elements_left_open_are_closed() -> None:
    data = bytearray(build_axml(MANIFEST))
    data = data[:-24]
    assert read_axml(bytes(data)).name == "manifest"


def test_reads_text() -> None:
    text = f'<?xml version="1.0"?><manifest xmlns:android="{ANDROID}" package="p"><application android:label="x"/></manifest>'
    root = read_axml(text.encode())
    assert root.get("package", "") == "p"
    assert [e.get("label") for e in root.all("application")] == ["x"]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotThisFormat),
        (b"\3\0\x08\0", NotThisFormat),
        (b"\x7fELF" + bytes(60), NotThisFormat),
        (b"<manifest>", MalformedError),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', MalformedError),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', UnsupportedError),
        (b"<a>" * (MAX_STRUCT_DEPTH + 1), LimitError),
        (struct.pack("<HHI", 3, 8, 24) + chunk(0x103, b"12345678"), MalformedError),
    ],
)
def test_refuses(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_axml(data)


def nested(depth: int) -> Node:
    node = Node("a")
    for _ in range(depth - 1):
        node = Node("a", children=[node])
    return node


def test_depth_is_bounded() -> None:
    assert read_axml(build_axml(nested(MAX_STRUCT_DEPTH))).name == "a"
    assert read_proto_xml(build_proto_xml(nested(MAX_STRUCT_DEPTH))).name == "a"
    with pytest.raises(LimitError):
        read_axml(build_axml(nested(MAX_STRUCT_DEPTH + 1)))
    with pytest.raises(LimitError):
        read_proto_xml(build_proto_xml(nested(MAX_STRUCT_DEPTH + 1)))


def test_attributes_that_overlap_are_bounded() -> None:
    rows = struct.pack("<IIIHBBI", 0, 0, 0, 8, 0, INT, 0)
    head = struct.pack("<IIHHHHHH", 0, 0, 20, 0, 0xFFFF, 0, 0, 0)
    one = chunk(0x102, head + rows, header=bytes(8))
    with pytest.raises(LimitError, match="attributes"):
        read_axml(struct.pack("<HHI", 3, 8, 0) + (one + chunk(0x103, bytes(8), header=bytes(8))) * 20)


@pytest.mark.parametrize("data", [b"", pb(2, b"text"), b"\x0b"])
def test_protobuf_refusals(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_proto_xml(data)


SAMPLES = [build_axml(MANIFEST, options) for options in VARIANTS.values()]


@settings(max_examples=500, deadline=2000)
@given(damaged(*SAMPLES, b'<a b="c"><d/></a>', build_proto_xml(MANIFEST)))
def test_damaged_files_raise_only_declared_errors(data: bytes) -> None:
    for read in (read_axml, read_proto_xml):
        with contextlib.suppress(InputError, NotThisFormat):
            list(read(data).walk())


@settings(max_examples=200)
@given(st.sampled_from([b"", b"\3\0\x08\0", b"<", b"\n\x08"]), st.binary(max_size=300))
def test_any_bytes_raise_only_declared_errors(head: bytes, data: bytes) -> None:
    for read in (read_axml, read_proto_xml):
        with contextlib.suppress(InputError, NotThisFormat):
            read(head + data)


def test_agrees_with_androguard() -> None:
    axml = pytest.importorskip("androguard.core.axml", reason="androguard is not installed")
    for path in corpus_files("**/AndroidManifest.xml", magic=b"\3\0"):
        data = path.read_bytes()
        ours = read_axml(data)
        theirs = ET.fromstring(axml.AXMLPrinter(data).get_xml())
        pairs = list(zip(ours.walk(), theirs.iter(), strict=True))
        assert [o.name for o, _ in pairs] == [t.tag for _, t in pairs]
        for element, other in pairs:
            expected = {tuple(("}" + key).rsplit("}", 2)[-2:]): value for key, value in other.attrib.items()}
            got = {(("{" + space) if space else "", name): value for (space, name), value in element.attributes.items()}
            assert got.keys() == expected.keys()
            for key, value in got.items():
                assert same(value, expected[key]), (path, key)


def same(ours: object, theirs: str) -> bool:
    if isinstance(ours, bool):
        return theirs == str(ours).lower()
    if isinstance(ours, int):
        return int(theirs, 0) & 0xFFFFFFFF == ours & 0xFFFFFFFF
    text = str(ours)
    return theirs == text or (
        text.startswith("@0x") and theirs.rsplit(":", maxsplit=1)[-1].lstrip("@").lower() == text[3:]
    )
