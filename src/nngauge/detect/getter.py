"""Reads the constants that a tiny accessor function gives, without running it.

`const char* TfLiteVersion()` and its like compile to two or three instructions that load an address and return;
`void XGBoostVersion(int*, int*, int*)` to a few that store numbers. These constants are the only place where many
libraries keep their version, and nothing in the bytes themselves says so. Instruction encodings: Arm ARM DDI 0487 (ADR,
ADRP, ADD immediate, MOVZ, STR immediate), Intel SDM volume 2 (LEA, MOV).
"""

from __future__ import annotations

import struct

from nngauge.errors import InputError
from nngauge.io.binary import Buffer, cstring_at
from nngauge.io.elf import Elf

_AARCH64 = 183
_X86_64 = 62
_ARM = 40
_CODE_BYTES = 64
_MAX_TEXT = 256
_MAX_NUMBER = 99_999_999
"""Larger stored numbers are pointers' halves or hashes; 20251231 is a date that some projects count by."""


def returned_string(elf: Elf, buf: Buffer, name: bytes) -> str | None:
    """The text returned by the exported function `name`; None when there is none or its code does more."""
    try:
        code, address = _code_of(elf, buf, name)
        target = _DECODERS.get(elf.machine, _unknown)(code, address)
        at = elf.offset_of(target) if target is not None else None
        if at is None:
            return None
        text = cstring_at(buf, at, limit=_MAX_TEXT)
    except InputError:
        return None
    return text.decode("ascii") if text.isascii() and text else None


def stored_numbers(elf: Elf, buf: Buffer, name: bytes) -> str | None:
    """The small numbers that the exported function `name` stores where its arguments point, in the arguments' order and
    joined by dots; None when there are none or its code does more.
    """
    try:
        code, _ = _code_of(elf, buf, name)
    except InputError:
        return None
    stored = _STORES.get(elf.machine, _stores_nothing)(code)
    numbers = [str(stored[register]) for register in sorted(stored)]
    return ".".join(numbers) if numbers and max(stored.values()) <= _MAX_NUMBER else None


def variable_value(elf: Elf, buf: Buffer, name: bytes) -> int | None:
    """The 32-bit number that the exported variable `name` begins with; None without one in the file."""
    try:
        address = elf.address_of(name)
        at = elf.offset_of(address) if address else None
    except InputError:
        return None
    if at is None or at + 4 > len(buf):
        return None
    return int.from_bytes(buf[at : at + 4], "little" if elf.order == "<" else "big")


def _code_of(elf: Elf, buf: Buffer, name: bytes) -> tuple[bytes, int]:
    """The first bytes of a function and their address; empty when it is not defined here."""
    address = elf.address_of(name) or 0
    start = elf.offset_of(address & ~1) if address else None
    return (bytes(buf[start : start + _CODE_BYTES]), address) if start is not None else (b"", 0)


def _unknown(_code: bytes, _address: int) -> int | None:
    return None


def _aarch64(code: bytes, address: int) -> int | None:
    target: int | None = None
    for at in range(0, len(code) - 3, 4):
        (word,) = struct.unpack_from("<I", code, at)
        if word & 0x9F00001F == 0x90000000:  # ADRP x0
            target = ((address + at) & ~0xFFF) + (_adr_immediate(word) << 12)
        elif word & 0x9F00001F == 0x10000000:  # ADR x0
            target = address + at + _adr_immediate(word)
        elif word & 0xFFC003FF == 0x91000000 and target is not None:  # ADD x0, x0, #imm
            target += word >> 10 & 0xFFF
        elif word == 0xD65F03C0:  # RET
            return target
        elif word & 0xFC000000 in (0x94000000, 0x14000000):  # BL, B: does more than return a constant
            return None
    return None


def _adr_immediate(word: int) -> int:
    value = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
    return value - (1 << 21) if value >> 20 else value


def _x86_64(code: bytes, address: int) -> int | None:
    at = code.find(b"\x48\x8d\x05", 0, 16)  # LEA RAX, [RIP + disp32]
    if at < 0 or at + 7 > len(code) or b"\xc3" not in code[at + 7 : at + 16]:
        return None
    (displacement,) = struct.unpack_from("<i", code, at + 3)
    return address + at + 7 + int(displacement)


def _arm(code: bytes, address: int) -> int | None:
    if address & 1:  # Thumb: LDR r0, [pc, #imm8*4]; ADD r0, pc; BX lr
        first, second, third = struct.unpack_from("<HHH", code, 0)
        if first >> 8 != 0x48 or second != 0x4478 or third != 0x4770:
            return None
        base = address & ~1
        literal = (base + 4 & ~3) + (first & 0xFF) * 4 - base
        if literal + 4 > len(code):
            return None
        (offset,) = struct.unpack_from("<I", code, literal)
        return int(base + 2 + 4 + offset) & 0xFFFF_FFFF
    return None


_DECODERS = {_AARCH64: _aarch64, _X86_64: _x86_64, _ARM: _arm}


def _stores_nothing(_code: bytes) -> dict[int, int]:
    return {}


def _aarch64_stores(code: bytes) -> dict[int, int]:
    """Numbers by the register of the argument they are stored through: ``MOVZ w3, #2; STR w3, [x0]``, with checks for
    null between them.
    """
    held = {31: 0}
    stored: dict[int, int] = {}
    for at in range(0, len(code) - 3, 4):
        (word,) = struct.unpack_from("<I", code, at)
        if word & 0xFFE00000 == 0x52800000:  # MOVZ wD, #imm16
            held[word & 31] = word >> 5 & 0xFFFF
        elif word & 0xFFFFFC00 == 0xB9000000 and word & 31 in held:  # STR wT, [xN]
            stored[word >> 5 & 31] = held[word & 31]
        elif word == 0xD65F03C0:  # RET
            return stored
        elif word & 0x7F000000 not in (0x34000000, 0x35000000):  # CBZ, CBNZ
            return {}
    return {}


_X86_ARGUMENTS = {7: 0, 6: 1, 2: 2, 3: 0}
"""Position of the argument by register: RDI, RSI, RDX; RBX, where a first argument is kept over a call."""


def _x86_stores(code: bytes) -> dict[int, int]:
    stored: dict[int, int] = {}
    at = code.find(b"\xc7")
    while 0 <= at <= len(code) - 6:  # MOV dword ptr [reg], imm32
        position = _X86_ARGUMENTS.get(code[at + 1])
        if position is None:
            at = code.find(b"\xc7", at + 1)
            continue
        if position in stored:
            return {}  # the next function has begun
        (stored[position],) = struct.unpack_from("<I", code, at + 2)
        if code[at + 6 : at + 7] == b"\xc3":  # RET
            return stored
        at = code.find(b"\xc7", at + 6)
    return stored


_STORES = {_AARCH64: _aarch64_stores, _X86_64: _x86_stores}
