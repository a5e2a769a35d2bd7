from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, LimitError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io.macho import BuildTarget, Dylib, MachO, read_macho
from tests.builders.corpus import corpus_files
from tests.builders.macho import build_fat, build_macho
from tests.builders.mutations import damaged

FULL: dict[str, Any] = {
    "dylibs": [("/usr/lib/libSystem.B.dylib", (1, 0, 0), 0xC), ("CoreML", (2, 3, 4), 0x80000018)],
    "rpaths": ["@executable_path/Frameworks"],
    "uuid": bytes(range(16)),
    "build": (2, (15, 0, 0), (17, 5, 1)),
    "imports": ["_MLModelLoad", "_malloc"],
    "exports": ["_OrtGetApiBase", "_a"],
    "locals": ["_hidden"],
    "classes": ["TFLInterpreter", "TFLDelegate"],
    "text": b"constant data",
}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_reads_every_shape(bits: int, order: str) -> None:
    data = build_macho(bits=bits, order=order, **FULL)
    macho = read_macho(data)
    (part,) = macho.slices
    assert not macho.fat
    assert (part.cpu, part.bits, part.filetype, part.anomalies) == ("arm64", bits, "dylib", ())
    assert (part.install_name, part.install_version) == ("@rpath/X.framework/X", "1.31.1")
    assert part.dylibs == (Dylib("/usr/lib/libSystem.B.dylib", "1.0", "load"), Dylib("CoreML", "2.3.4", "weak"))
    assert part.rpaths == ("@executable_path/Frameworks",)
    assert part.uuid == bytes(range(16)).hex()
    assert part.builds == (BuildTarget("ios", "15.0", "17.5.1"),)
    assert part.objc_classes() == ("TFLInterpreter", "TFLDelegate")
    assert (part.encrypted, part.encrypted_range) == (False, None)
    at = data.index(b"constant data")
    assert part.section_at(at) == part.section_at(at + 12) == "__TEXT,__const"
    assert part.section_at(0) is None
    check_symbols(macho)


def check_symbols(macho: MachO) -> None:
    assert macho.exports(b"_OrtGetApiBase")
    assert macho.exports(b"_a")
    assert macho.imports(b"_malloc")
    for name in (b"_malloc", b"_hidden", b"OrtGetApiBase", b"_OrtGetApi", b"", b"_none"):
        assert not macho.exports(name)
    assert not macho.imports(b"_a")
    assert sorted(macho.slices[0].symbol_names()) == [
        ("_MLModelLoad", False),
        ("_OrtGetApiBase", True),
        ("_a", True),
        ("_malloc", False),
    ]


@pytest.mark.parametrize("wide", [True, False])
def test_reads_fat_files(wide: bool) -> None:
    one = build_macho(**FULL)
    data = build_fat([(0x0100000C, one), (0x01000007, build_macho(cpu=0x01000007)), (7, b"!<arch>\n")], wide=wide)
    macho = read_macho(data)
    assert macho.fat
    assert [part.cpu for part in macho.slices] == ["arm64", "x86_64"]
    part = macho.slices[0]
    assert data[part.offset : part.offset + part.size] == one
    assert part.section_at(data.index(b"constant data")) == "__TEXT,__const"
    assert part.objc_classes() == ("TFLInterpreter", "TFLDelegate")
    check_symbols(macho)


def test_exports_of_stripped_files_come_from_the_trie() -> None:
    macho = read_macho(build_macho(trie=["_OrtGetApiBase", "_OrtOther", "_b"]))
    assert macho.exports(b"_OrtGetApiBase")
    assert macho.exports(b"_b")
    for name in (b"_", b"", b"_OrtGetApiBas", b"_OrtGetApiBase2", b"x"):
        assert not macho.exports(name)
    assert list(macho.slices[0].symbol_names()) == [("_OrtGetApiBase", True), ("_OrtOther", True), ("_b", True)]


@pytest.mark.parametrize("bits", [32, 64])
def test_tells_fairplay_encryption(bits: int) -> None:
    assert read_macho(build_macho(bits=bits, crypt_id=1)).encrypted
    part = read_macho(build_macho(bits=bits, crypt_id=0)).slices[0]
    assert not part.encrypted
    assert part.encrypted_range is not None


def test_old_version_commands() -> None:
    assert read_macho(build_macho(version_min=0x25)).slices[0].builds == (BuildTarget("ios", "9.0", "12.1"),)


def test_arm64e_and_unknown_numbers() -> None:
    assert read_macho(build_macho(subtype=0x80000002)).slices[0].cpu == "arm64e"
    part = read_macho(build_macho(cpu=99, filetype=77, build=(55, (1, 0, 0), (1, 0, 0)))).slices[0]
    assert (part.cpu, part.filetype, part.builds[0].platform) == ("cpu 0x63", "77", "platform 55")


def test_broken_commands_keep_what_came_before() -> None:
    data = bytearray(build_macho(**FULL))
    struct.pack_into("<I", data, 16, 5000)
    (part,) = read_macho(bytes(data)).slices
    assert part.install_name == "@rpath/X.framework/X"
    assert len(part.anomalies) == 1
    struct.pack_into("<I", data, 16, 1 << 30)
    assert "load commands" in read_macho(bytes(data)).slices[0].anomalies[0]


def test_cyclic_trie_ends() -> None:
    data = bytearray(build_macho(trie=["_abc"]))
    at = data.rindex(b"\0\1_\0\x05")
    data[at + 4] = 0
    macho = read_macho(bytes(data))
    assert not macho.exports(b"_" * 50)
    with pytest.raises(LimitError):
        list(macho.slices[0].symbol_names())


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotThisFormat),
        (b"\x7fELF" + bytes(60), NotThisFormat),
        (b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(60), NotThisFormat),  # a Java class of version 52
        (b"\xca\xfe\xba\xbe\0\0", TruncatedError),
        (b"\xca\xfe\xba\xbe\0\0\0\1", TruncatedError),
        (build_fat([(7, b"!<arch>\n")]), UnsupportedError),
        (build_fat([(7, build_macho())])[:-1], TruncatedError),
        (b"\xcf\xfa\xed\xfe", TruncatedError),
    ],
)
def test_refuses(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_macho(data)


def read_anything(data: bytes) -> None:
    with contextlib.suppress(InputError, NotThisFormat):
        macho = read_macho(data)
        for part in macho.slices:
            for ask in (
                lambda part=part: part.exports(b"_OrtGetApiBase"),
                lambda part=part: part.imports(b"_malloc"),
                lambda part=part: list(part.symbol_names()),
                part.objc_classes,
                lambda part=part: part.section_at(500),
            ):
                with contextlib.suppress(InputError):
                    ask()


SAMPLES = [
    build_macho(**FULL),
    build_macho(bits=32, order=">", **FULL),
    build_macho(trie=["_abc", "_abd"]),
    build_fat([(0x0100000C, build_macho(**FULL)), (7, build_macho(bits=32))]),
]


@settings(max_examples=400, deadline=5000)
@given(damaged(*SAMPLES))
def test_damaged_files_raise_only_declared_errors(data: bytes) -> None:
    read_anything(data)


@settings(max_examples=100)
@given(st.sampled_from([b"", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\1"]), st.binary(max_size=300))
def test_any_bytes_raise_only_declared_errors(head: bytes, data: bytes) -> None:
    read_anything(head + data)


def test_agrees_with_lief() -> None:
    lief = pytest.importorskip("lief", reason="lief is not installed")
    for path in corpus_files("**/libonnxruntime*.dylib", magic=b"\xcf\xfa\xed\xfe"):
        (part,), other = read_macho(path.read_bytes()).slices, lief.MachO.parse(str(path)).at(0)
        assert part.uuid == bytes(other.uuid.uuid).hex()
        assert [(s.segment, s.name) for s in part.sections] == [(s.segment_name, s.name) for s in other.sections]
        kept = [s for s in other.sections if s.offset]
        assert {(s.name, s.offset, s.size) for s in part.sections if s.size} >= {
            (s.name, s.offset, s.size) for s in kept if "ZEROFILL" not in str(s.type)
        }
        loaded = [d for d in other.libraries if d.command != lief.MachO.LoadCommand.TYPE.ID_DYLIB]
        assert [d.name for d in part.dylibs] == [d.name for d in loaded]
        external = [s for s in other.symbols if s.raw_type & 0x01 and not s.raw_type & 0xE0]
        wanted = {s.name for s in external if not s.raw_type & 0x0E}
        given_names = {s.name for s in external if s.raw_type & 0x0E}
        assert wanted == {name for name, here in part.symbol_names() if not here}
        assert given_names | {s.name for s in other.exported_symbols} == {n for n, here in part.symbol_names() if here}
        assert all(part.imports(name.encode()) for name in wanted)
        assert all(part.exports(name.encode()) for name in given_names)
