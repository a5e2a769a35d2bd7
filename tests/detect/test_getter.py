from __future__ import annotations

import struct

import pytest

from nngauge.detect.getter import returned_string
from nngauge.io.elf import read_elf
from tests.builders.elf import BASE, ElfSpec, build_elf

TEXT = b"2.17.0\0"


def library(machine: int, code: bytes, bits: int = 64) -> bytes:
    """A library whose exported function lies in .rodata right after the text it returns."""
    return build_elf(ElfSpec(machine=machine, bits=bits, exports=("Version",), rodata=TEXT.ljust(64, b"\0") + code))


def with_symbol_at_code(data: bytes) -> tuple[bytes, int, int]:
    """Points the symbol at the code; gives the library, the text's address and the code's address."""
    elf = read_elf(data)
    section = next(section for section in elf.sections if section.name == ".rodata")
    symbols = next(section for section in elf.sections if section.name == ".dynsym")
    text, code = BASE + section.offset, BASE + section.offset + 64
    patched = bytearray(data)
    size, value = (24, 8) if elf.bits == 64 else (16, 4)
    for at in range(symbols.offset + size, symbols.offset + symbols.size, size):
        struct.pack_into("<Q" if elf.bits == 64 else "<I", patched, at + value, code)
    return bytes(patched), text, code


def patched(machine: int, code_of: object, bits: int = 64) -> str | None:
    probe, text, code = with_symbol_at_code(library(machine, bytes(48), bits))
    made = code_of(text, code)  # type: ignore[operator]
    data = bytearray(probe)
    offset = read_elf(probe).offset_of(code)
    assert offset is not None
    data[offset : offset + len(made)] = made
    return returned_string(read_elf(bytes(data)), bytes(data), b"Version")


def arm64_adrp(text: int, code: int) -> bytes:
    pages = (text >> 12) - (code >> 12)
    adrp = 0x90000000 | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5
    return struct.pack("<III", adrp, 0x91000000 | (text & 0xFFF) << 10, 0xD65F03C0)


def arm64_adr_with_landing_pad(text: int, code: int) -> bytes:
    distance = text - (code + 4)
    adr = 0x10000000 | (distance & 3) << 29 | (distance >> 2 & 0x7FFFF) << 5
    return struct.pack("<III", 0xD503245F, adr, 0xD65F03C0)  # BTI c; ADR; RET


def x86_lea(text: int, code: int) -> bytes:
    return b"\x48\x8d\x05" + struct.pack("<i", text - (code + 7)) + b"\xc3"


def x86_lea_with_frame(text: int, code: int) -> bytes:
    return b"\xf3\x0f\x1e\xfa\x55\x48\x89\xe5" + b"\x48\x8d\x05" + struct.pack("<i", text - (code + 15)) + b"\x5d\xc3"


def arm64_calls_something(text: int, code: int) -> bytes:
    return struct.pack("<I", 0x94000010) + arm64_adrp(text, code + 4)


@pytest.mark.parametrize(
    ("machine", "code"),
    [(183, arm64_adrp), (183, arm64_adr_with_landing_pad), (62, x86_lea), (62, x86_lea_with_frame)],
)
def test_reads_the_constant(machine: int, code: object) -> None:
    assert patched(machine, code) == "2.17.0"


@pytest.mark.parametrize(
    ("machine", "code"), [(183, arm64_calls_something), (62, arm64_adrp), (183, x86_lea), (8, x86_lea)]
)
def test_other_code_gives_nothing(machine: int, code: object) -> None:
    assert patched(machine, code) is None


def test_a_missing_symbol_gives_nothing() -> None:
    data = build_elf(ElfSpec(exports=("Other",)))
    assert returned_string(read_elf(data), data, b"Version") is None
