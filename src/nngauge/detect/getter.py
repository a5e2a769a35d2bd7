"""Reads the string constant that a tiny accessor function returns, without running it.

`const char* TfLiteVersion()` and its like compile to two or three instructions that load an address and return. Their
constant is the only place where many libraries keep their version, and nothing in the string itself says so.
Instruction encodings: Arm ARM DDI 0487 (ADR, ADRP, ADD immediate), Intel SDM volume 2 (LEA).
"""

from __future__ import annotations

import struct

from nngauge.errors import InputError
from nngauge.io.binary import Buffer, cstring_at
from nngauge.io.elf import Elf

_AARCH64 = 183
_X86_64 = 62
_ARM = 40
_CODE_BYTES = 48
_MAX_TEXT = 256


def returned_string(elf: Elf, buf: Buffer, name: bytes) -> str | None:
    """The constant returned by the exported function `name`; None when there is none or its code does more."""
    try:
        address = elf.address_of(name)
        if not address:
            return None
        start = elf.offset_of(address & ~1)
        if start is None:
            return None
        code = bytes(buf[start : start + _CODE_BYTES])
        target = _DECODERS.get(elf.machine, _unknown)(code, address)
        at = elf.offset_of(target) if target is not None else None
        if at is None:
            return None
        text = cstring_at(buf, at, limit=_MAX_TEXT)
    except InputError:
        return None
    return text.decode("ascii") if text.isascii() and text else None


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
