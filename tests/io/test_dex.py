from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io.dex import Counts, MethodRef, embedded_dex, read_dex
from tests.builders.corpus import corpus_files
from tests.builders.dex import build_container, build_dex
from tests.builders.mutations import damaged

DEFINED = ("Lorg/tensorflow/lite/Interpreter;", "La;", "Lorg/tensorflow/lite/nnapi/NnApiDelegate;")
REFERENCED = ("Lorg/tensorflow/lite/gpu/GpuDelegate;", "Landroid/app/Activity;", "[I", "Lorg/tensorflow/litex;")
METHODS = (
    ("Lorg/tensorflow/lite/Interpreter;", "run"),
    ("Lorg/tensorflow/lite/Interpreter;", "close"),
    ("Landroid/app/Activity;", "onCreate"),
)
STRINGS = ("model.tflite", "zéro", "nul\0inside", "emoji 🤖", "", "x" * 300)
SAMPLE = build_dex(defined=DEFINED, referenced=REFERENCED, methods=METHODS, strings=STRINGS)
CONTAINER = build_container(
    [
        {"defined": ["La/One;"], "referenced": ["Lb/Two;", "Lb/Three;"]},
        {"defined": ["Lb/Two;"], "strings": ["second"]},
    ]
)


def test_tells_defined_from_referenced() -> None:
    dex = read_dex(SAMPLE)
    prefix = b"Lorg/tensorflow/lite/"
    assert set(dex.defines(prefix)) == {DEFINED[0], DEFINED[2]}
    assert dex.references(prefix) == (REFERENCED[0],)
    assert dex.defines(b"Lzzz") == dex.references(b"Lzzz") == ()
    assert dex.defined_classes() == set(DEFINED)
    assert set(dex.types()) == {*DEFINED, *REFERENCED}
    assert dex.counts == Counts(len(list(dex.strings())), 7, 0, 0, 3, 3)


@pytest.mark.parametrize("version", range(35, 41))
def test_reads_every_version(version: int) -> None:
    assert read_dex(build_dex(defined=["La;"], version=version)).version == version


def test_strings_are_modified_utf8() -> None:
    assert set(STRINGS) <= set(read_dex(SAMPLE).strings())


def test_lone_surrogates_become_replacement_characters() -> None:
    assert "\ufffd" in "".join(read_dex(build_dex(strings=["\ud800"])).strings())


def test_method_references_by_class_prefix() -> None:
    dex = read_dex(SAMPLE)
    assert set(dex.method_refs(b"Lorg/tensorflow/")) == {MethodRef(*METHODS[0]), MethodRef(*METHODS[1])}
    assert list(dex.method_refs(b"Landroid/app/Activity;")) == [MethodRef(*METHODS[2])]
    assert list(dex.method_refs(b"[I")) == []


def test_container_is_read_as_one() -> None:
    dex = read_dex(CONTAINER)
    assert len(dex.parts) == 2
    assert dex.defined_classes() == {"La/One;", "Lb/Two;"}
    assert dex.references(b"Lb/") == ("Lb/Three;",)
    assert "second" in set(dex.strings())


def test_views_read_like_bytes() -> None:
    assert read_dex(memoryview(SAMPLE)).defined_classes() == set(DEFINED)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotThisFormat),
        (b"PK\3\4", NotThisFormat),
        (b"dex\n035\0", TruncatedError),
        (b"dex\nabc\0" + bytes(200), MalformedError),
        (b"dex\n099\0" + bytes(200), UnsupportedError),
        (b"cdex001\0" + bytes(200), UnsupportedError),
        (b"dey\n036\0" + bytes(200), UnsupportedError),
        (b"vdex027\0" + bytes(200), UnsupportedError),
        (SAMPLE[:0x38] + struct.pack("<I", 1 << 31) + SAMPLE[0x3C:], LimitError),
        (SAMPLE[:0x38] + struct.pack("<I", 100_000) + SAMPLE[0x3C:], TruncatedError),
        (CONTAINER[:0x74] + b"\7\0\0\0" + CONTAINER[0x78:], MalformedError),
    ],
)
def test_refuses(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_dex(data)


def test_refuses_unsorted_types() -> None:
    data = bytearray(build_dex(defined=["La;", "Lb;"]))
    at = struct.unpack_from("<I", data, 0x44)[0]
    data[at : at + 8] = data[at + 4 : at + 8] + data[at : at + 4]
    with pytest.raises(MalformedError, match="sorted"):
        read_dex(bytes(data)).defines(b"La")


def test_headers_may_not_share_tables() -> None:
    data = bytearray(build_container([{"defined": ["La;"]}, {"defined": ["Lb;"]}]))
    struct.pack_into("<II", data, 0x60, len(data) // 32, 0)
    with pytest.raises(MalformedError, match="together"):
        read_dex(bytes(data))


def test_finds_dex_inside_vdex_and_odex() -> None:
    vdex = b"vdex027\0" + struct.pack("<I", 2) + struct.pack("<6I", 0, 36, 4, 1, 40, len(SAMPLE)) + bytes(4) + SAMPLE
    assert embedded_dex(vdex) == ((40, len(SAMPLE)),)
    assert embedded_dex(b"dey\n036\0" + struct.pack("<II", 40, len(SAMPLE)) + bytes(24) + SAMPLE) == (
        (40, len(SAMPLE)),
    )
    assert embedded_dex(b"vdex027\0" + struct.pack("<I", 0)) == ()


def read_anything(data: bytes) -> None:
    with contextlib.suppress(InputError, NotThisFormat):
        embedded_dex(data)
    with contextlib.suppress(InputError, NotThisFormat):
        dex = read_dex(data)
        for ask in (
            lambda: list(dex.strings()),
            lambda: list(dex.types()),
            dex.defined_classes,
            lambda: dex.defines(b"Lorg/"),
            lambda: dex.references(b"L"),
            lambda: list(dex.method_refs(b"L")),
        ):
            with contextlib.suppress(InputError):
                ask()


@settings(max_examples=400, deadline=2000)
@given(damaged(SAMPLE, CONTAINER, b"vdex027\0" + struct.pack("<I", 1) + struct.pack("<3I", 1, 24, 9000) + SAMPLE))
def test_damaged_files_raise_only_declared_errors(data: bytes) -> None:
    read_anything(data)


@settings(max_examples=100)
@given(st.sampled_from([b"", b"dex\n035\0", b"dex\n041\0", b"vdex027\0"]), st.binary(max_size=400))
def test_any_bytes_raise_only_declared_errors(head: bytes, data: bytes) -> None:
    read_anything(head + data)


def test_agrees_with_lief() -> None:
    lief = pytest.importorskip("lief", reason="lief is not installed")
    for path in corpus_files("**/classes*.dex", magic=b"dex\n"):
        if path.stat().st_size > 1 << 20:
            continue  # lief takes tens of seconds
        dex, other = read_dex(path.read_bytes()), lief.DEX.parse(str(path))
        pairs = list(zip(dex.strings(), other.strings, strict=True))
        assert all(ours == theirs for ours, theirs in pairs if ours.isascii())  # lief does not join surrogates
        assert dex.version == other.version
        assert dex.counts.methods == len(other.methods)
        # lief calls every class that a method or field names a class; it has code if it has a source file or a parent.
        assert {name[1:-1].replace("/", ".") for name in dex.defined_classes()} <= {
            c.pretty_name for c in other.classes
        }


def test_agrees_with_androguard() -> None:
    androguard = pytest.importorskip("androguard.core.dex", reason="androguard is not installed")
    for path in corpus_files("**/classes*.dex", magic=b"dex\n"):
        if path.stat().st_size > 1 << 19:
            continue  # androguard takes tens of seconds
        dex, other = read_dex(path.read_bytes()), androguard.DEX(path.read_bytes())
        assert dex.defined_classes() == set(other.get_classes_names())
        assert len(list(dex.method_refs(b""))) == dex.counts.methods


def test_types_that_share_one_long_string_are_bounded() -> None:
    data = bytearray(build_dex(referenced=[f"La{i};" for i in range(200)], strings=["!" * 100_000]))
    at = struct.unpack_from("<I", data, 0x44)[0]
    data[at : at + 800] = bytes(800)
    with pytest.raises(LimitError, match="longer than the file"):
        list(read_dex(bytes(data)).types())
