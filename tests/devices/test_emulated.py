"""Programs for arm64 on a phone whose processor is made by QEMU: everything works, and no time of it means anything."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from nngauge.devices import Command, open_device
from tests.builders.adbd import FakeDaemon
from tests.builders.handset import Handset, qemu

_CODE = (
    0xD2800020,  # mov x0, #1
    0x10000141,  # adr x1, message
    0xD28000C2,  # mov x2, #6
    0xD2800808,  # mov x8, #64 (write)
    0xD4000001,  # svc #0
    0xD2800060,  # mov x0, #3
    0xD2800BA8,  # mov x8, #93 (exit)
    0xD4000001,  # svc #0
    0xD503201F,  # nop
    0xD503201F,  # nop
    0xD503201F,  # nop
)


def program() -> bytes:
    """A static program for Linux on arm64 that prints ``arm64`` and ends with 3, made by hand."""
    base, head = 0x400000, 64 + 56
    code = struct.pack("<11I", *_CODE) + b"arm64\n"
    size = head + len(code)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    elf = ident + struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, base + head, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return elf + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x10000) + code


def test_arm64_in_qemu(adb: Callable[..., str], tmp_path: Path) -> None:
    emulator = qemu()
    if emulator is None:
        pytest.skip("no qemu-aarch64 of version 10 or newer (NNGAUGE_QEMU)")
    with Handset(tmp_path / "phone", emulator=emulator) as handset, FakeDaemon(handset) as daemon:
        # Its /proc/cpuinfo is the host's, as qemu's user mode shows it to programs that are not emulated themselves.
        handset.set("/fake/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R)\n")
        adb("connect", daemon.address)
        (tmp_path / "program").write_bytes(program())
        with open_device(f"adb:{daemon.address}") as device:
            path = device.push(tmp_path / "program")
            ran = device.run(Command(words=(path,)))
            assert (ran.code, ran.out) == (3, b"arm64\n")
            assert device.facts().abi == "arm64-v8a"
            assert device.facts().emulated
        assert handset.left() == []


def test_the_same_program_without_qemu_is_refused(adb: Callable[..., str], tmp_path: Path) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("this machine may run it")
    with Handset(tmp_path / "phone") as handset, FakeDaemon(handset) as daemon:
        adb("connect", daemon.address)
        (tmp_path / "program").write_bytes(program())
        with open_device(f"adb:{daemon.address}") as device:
            ran = device.run(Command(words=(device.push(tmp_path / "program"),)))
            assert ran.code != 3
            assert ran.out == b""
