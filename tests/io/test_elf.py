from __future__ import annotations

import contextlib
import struct
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.io.elf import AndroidIdent, Elf, read_elf
from tests.builders.corpus import corpus_files
from tests.builders.elf import build_elf
from tests.builders.mutations import damaged

EXPORTS = ("OrtGetApiBase", "TfLiteModelCreate", "a", "GetApiBase", *(f"f{i}" for i in range(40)))
IMPORTS = ("memcpy", "ANeuralNetworksModel_create")
FULL: dict[str, Any] = {
    "exports": EXPORTS,
    "imports": IMPORTS,
    "needed": ("libc.so", "liblog.so"),
    "versions": ("VERS_1.31.1", "VERS_2"),
    "rodata": b"version 1.2.3\0",
    "data": b"writable",
    "comment": b"\0Android clang 18\0Linker: LLD 18\0",
    "build_id": bytes(range(20)),
    "android": (24, "r27c", "12479018"),
}
SHAPES = list(product((32, 64), "<>", ("gnu", "sysv", "none"), (True, False)))


@pytest.mark.parametrize(("bits", "order", "table", "headers"), SHAPES)
def test_reads_every_shape(bits: int, order: str, table: str, headers: bool) -> None:
    elf = read_elf(build_elf(bits=bits, order=order, hash=table, section_headers=headers, **FULL))
    assert elf.anomalies == ()
    assert (elf.bits, elf.order, elf.type, elf.machine_name) == (bits, order, "shared", "aarch64")
    assert (elf.soname, elf.needed) == ("libx.so", ("libc.so", "liblog.so"))
    assert elf.build_id == bytes(range(20)).hex()
    assert elf.android == AndroidIdent(24, "r27c", "12479018")
    assert elf.symbol_versions() == ("VERS_1.31.1", "VERS_2")
    assert all(elf.exports(name.encode()) and not elf.imports(name.encode()) for name in EXPORTS)
    assert all(elf.imports(name.encode()) and not elf.exports(name.encode()) for name in IMPORTS)
    assert not elf.exports(b"OrtGetApi")
    assert not elf.exports(b"")
    assert sorted(elf.dynamic_names()) == sorted([(n, True) for n in EXPORTS] + [(n, False) for n in IMPORTS])
    assert bool(elf.sections) is headers
    assert elf.comment == (("Android clang 18", "Linker: LLD 18") if headers else ())


def test_finds_names_that_are_tails_of_other_names() -> None:
    elf = read_elf(build_elf(exports=("OrtGetApiBase", "GetApiBase"), share_tails=True))
    assert elf.exports(b"GetApiBase")
    assert not elf.exports(b"ApiBase")


@pytest.mark.parametrize("headers", [True, False])
def test_imports_of_a_library_that_exports_nothing(headers: bool) -> None:
    elf = read_elf(build_elf(imports=IMPORTS, section_headers=headers))
    assert elf.imports(b"memcpy")
    assert sorted(elf.dynamic_names()) == sorted((name, False) for name in IMPORTS)


def test_sections_name_offsets_and_ranges() -> None:
    data = build_elf(**FULL)
    elf = read_elf(data)
    at = data.index(b"version 1.2.3")
    assert elf.section_at(at) == elf.section_at(at + 13) == ".rodata"
    assert elf.section_at(0) is None
    assert elf.section_at(len(data) + 5) is None
    assert elf.read_only_ranges() == ((at, 14),)
    assert [data[o : o + n] for o, n in elf.data_ranges()] == [b"writable"]


def test_segments_stand_in_for_sections_that_name_nothing_loaded() -> None:
    data = bytearray(build_elf(**FULL))
    headers, count = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
    for row in range(count):
        struct.pack_into("<Q", data, headers + 64 * row + 8, 0)
    elf = read_elf(bytes(data))
    assert elf.sections
    ((offset, size),) = elf.read_only_ranges()
    assert b"version 1.2.3" in data[offset : offset + size]


def test_segments_stand_in_for_stripped_sections() -> None:
    data = build_elf(section_headers=False, **FULL)
    elf = read_elf(data)
    ((offset, size),) = elf.read_only_ranges()
    assert b"version 1.2.3" in data[offset : offset + size]
    ((offset, size),) = elf.data_ranges()
    assert b"writable" in data[offset : offset + size]


@pytest.mark.parametrize(
    ("machine", "bits", "abi"),
    [
        (183, 64, "arm64-v8a"),
        (40, 32, "armeabi-v7a"),
        (3, 32, "x86"),
        (62, 64, "x86_64"),
        (164, 32, None),
        (999, 64, None),
    ],
)
def test_names_the_abi(machine: int, bits: int, abi: str | None) -> None:
    assert read_elf(build_elf(machine=machine, bits=bits)).abi == abi


def test_unknown_machine_is_a_number() -> None:
    assert read_elf(build_elf(machine=999)).machine_name == "machine 999"


def test_takes_maps_and_views() -> None:
    data = build_elf(**FULL)
    assert read_elf(memoryview(bytearray(data))).exports(b"a")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotThisFormat),
        (b"PK\3\4" + bytes(60), NotThisFormat),
        (b"\x7fELF\2\1", TruncatedError),
        (b"\x7fELF\7\1" + bytes(60), MalformedError),
        (b"\x7fELF\2\0" + bytes(60), MalformedError),
    ],
)
def test_refuses(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_elf(data)


def test_absurd_section_count_is_an_anomaly_and_costs_only_the_sections() -> None:
    data = bytearray(build_elf(**FULL))
    struct.pack_into("<H", data, 60, 0)
    first = struct.unpack_from("<Q", data, 40)[0]
    struct.pack_into("<Q", data, first + 32, 1 << 40)
    elf = read_elf(bytes(data))
    assert elf.sections == ()
    assert "section headers" in elf.anomalies[0]
    assert elf.exports(b"OrtGetApiBase")


def test_cut_file_keeps_what_is_there() -> None:
    data = build_elf(**FULL)
    elf = read_elf(data[: len(data) - 10])
    assert elf.sections == ()
    assert len(elf.anomalies) == 1
    assert elf.soname == "libx.so"


def test_symbols_that_share_one_long_name_are_bounded() -> None:
    names = [f"n{index}" for index in range(5000)]
    data = bytearray(build_elf(exports=(*names, "x" * 70_000), hash="none"))
    elf = read_elf(bytes(data))
    table = next(section for section in elf.sections if section.name == ".dynsym")
    longest = bytes(data).index(b"x" * 70_000) - next(s.offset for s in elf.sections if s.name == ".dynstr")
    for at in range(table.offset, table.offset + table.size, 24):
        struct.pack_into("<I", data, at, longest)
    with pytest.raises(LimitError):
        read_elf(bytes(data)).exports(b"n1")


def use(elf: Elf) -> None:
    """Calls everything; only declared errors may come out."""
    for ask in (
        lambda: elf.exports(b"OrtGetApiBase"),
        lambda: elf.imports(b"memcpy"),
        lambda: sum(len(name) for name, _ in elf.dynamic_names()),
        elf.symbol_versions,
        elf.read_only_ranges,
        elf.data_ranges,
        lambda: elf.section_at(100),
    ):
        with contextlib.suppress(InputError):
            ask()


def read_anything(data: bytes) -> None:
    with contextlib.suppress(InputError, NotThisFormat):
        use(read_elf(data))


@settings(max_examples=400, deadline=2000)
@given(damaged(*(build_elf(bits=b, order=o, hash=h, **FULL) for b, o, h, s in SHAPES if s)))
def test_damaged_files_raise_only_declared_errors(data: bytes) -> None:
    read_anything(data)


@settings(max_examples=100)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x7fELF\2\1", b"\x7fELF\1\2"]))
def test_any_bytes_raise_only_declared_errors(data: bytes, head: bytes) -> None:
    read_anything(head + data)


def test_agrees_with_pyelftools() -> None:
    elffile = pytest.importorskip("elftools.elf.elffile", reason="pyelftools is not installed")
    for path in corpus_files("**/*.so*", magic=b"\x7fELF", largest=1 << 20):
        elf = read_elf(path.read_bytes())
        if not any(section.name == ".dynsym" for section in elf.sections):
            continue  # protectors rewrite the section headers, which is all that the other reader goes by
        with path.open("rb") as stream:
            other = elffile.ELFFile(stream)
            symbols = {
                (s.name, s["st_shndx"] != "SHN_UNDEF")
                for s in other.get_section_by_name(".dynsym").iter_symbols()
                if s.name and s["st_info"]["bind"] != "STB_LOCAL"
            }
            dynamic = list(other.get_section_by_name(".dynamic").iter_tags())
            verdef = other.get_section_by_name(".gnu.version_d")
            versions = (
                ()
                if verdef is None
                else tuple(next(a).name for d, a in verdef.iter_versions() if not d["vd_flags"] & 1)
            )
            assert [s.name for s in elf.sections] == [s.name for s in other.iter_sections()]
        assert set(elf.dynamic_names()) == symbols, path
        assert all(elf.exports(n.encode()) is d or (n, True) in symbols for n, d in symbols)
        assert all(elf.imports(n.encode()) for n, d in symbols if not d)
        assert list(elf.needed) == [t.needed for t in dynamic if t.entry.d_tag == "DT_NEEDED"]
        assert elf.soname == next((t.soname for t in dynamic if t.entry.d_tag == "DT_SONAME"), None)
        assert elf.symbol_versions() == versions
        assert elf.anomalies == ()


def test_stripped_of_section_headers_gives_the_same_symbols() -> None:
    for path in corpus_files("**/*.so*", magic=b"\x7fELF", largest=1 << 20):
        data = bytearray(path.read_bytes())
        whole = set(read_elf(bytes(data)).dynamic_names())
        if data[4] == 2:
            data[40:48], data[60:62] = bytes(8), bytes(2)
        else:
            data[32:36], data[48:50] = bytes(4), bytes(2)
        elf = read_elf(bytes(data))
        assert elf.sections == ()
        assert set(elf.dynamic_names()) == whole, path


def test_names_are_found_by_their_beginning_without_reading_symbols() -> None:
    elf = read_elf(build_elf(exports=("Java_a_B_run", "other", "Java_a_B_stop", "xJava_no")))
    assert sorted(elf.names_beginning(b"Java_")) == ["Java_a_B_run", "Java_a_B_stop"]
    assert list(elf.names_beginning(b"none")) == []
