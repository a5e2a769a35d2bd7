"""Phones over adb: ``adb:SERIAL``, or ``adb:`` with only one connected.

The real adb server is the transport; files go through its sync service and commands through shell v2, which keeps output,
complaints and exit status apart.

https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/docs/dev/sync.md
https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/shell_protocol.h
"""

from __future__ import annotations

import os
import re
import struct
import time
from collections.abc import Iterable, Iterator
from typing import Final

from nngauge.devices import android, linux, script
from nngauge.devices._api import DeviceKind, OpenDevice, Ran
from nngauge.devices.adb_client import server
from nngauge.devices.remote import Ask, RemoteDevice, signalled
from nngauge.domain.checkup import Found
from nngauge.domain.measurement import Device, State
from nngauge.errors import (
    AccessError,
    InputError,
    LimitError,
    MalformedError,
    TransientError,
    UnreadableError,
    UsageError,
)
from nngauge.io.adb import AdbServer, Line, Phone
from nngauge.words.safe import one_line

_ROOT: Final = "/data/local/tmp"
"""The folder where Android's shell user may write and execute."""
_SERIAL: Final = re.compile(r"[\w.:\[\]() +-]{1,256}", re.ASCII)
_DATA: Final = 1 << 16
"""SYNC_DATA_MAX of file_sync_protocol.h."""
_PACKET: Final = 1 << 20
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE = 0, 1, 2, 3, 4
_CHUNK: Final = 1 << 14
_MODE: Final = 0o100700
_PATIENCE: Final = 60.0
_FIND_SECONDS: Final = 5.0
"""For a phone that is only listed."""


class _AdbLink:
    """A phone that the server knows."""

    def __init__(self, adb: AdbServer, phone: Phone) -> None:
        self._adb, self._phone = adb, phone

    @property
    def where(self) -> str:
        """The phone, for messages."""
        return f"adb:{self._phone.serial}"

    def execute(self, text: str, *, given: bytes, seconds: float, most: int) -> Ran:
        """Shell v2, without a terminal."""
        began = time.monotonic()
        output = _Output(began + seconds, most, self.where)
        with self._adb.open(self._phone.serial, f"shell,v2,raw:{text}") as line:
            for at in range(0, len(given), _CHUNK):
                piece = given[at : at + _CHUNK]
                line.send(struct.pack("<BI", _STDIN, len(piece)) + piece)
            line.send(struct.pack("<BI", _CLOSE, 0))
            code = output.collect(line)
        return Ran(
            code=-9 if code is None else signalled(code),
            out=bytes(output.out),
            err=bytes(output.err),
            seconds=time.monotonic() - began,
            timed_out=code is None,
        )

    def send(self, pieces: Iterable[bytes], remote: str) -> None:
        """SEND of the sync service."""
        target = f"{remote},{_MODE}".encode()
        with self._adb.open(self._phone.serial, "sync:") as line:
            try:
                line.send(b"SEND" + struct.pack("<I", len(target)) + target)
                for piece in pieces:
                    for at in range(0, len(piece), _DATA):
                        part = piece[at : at + _DATA]
                        line.send(b"DATA" + struct.pack("<I", len(part)) + part)
                line.send(b"DONE" + struct.pack("<I", int(time.time()) & 0xFFFFFFFF))
            except TransientError:
                # The phone may have said why before it hung up; when it has not, this raises the same once more.
                self._acknowledged(line, remote)
                raise
            self._acknowledged(line, remote)

    def receive(self, remote: str) -> Iterator[bytes]:
        """RECV of the sync service."""
        try:
            yield from self._phone.pull(remote)
        except TransientError as error:
            if "No such file" in error.what:  # an app's file may come back; one of ours will not
                raise UnreadableError(error.what, where=error.where) from None
            raise

    def close(self) -> None:
        """Nothing is kept open."""

    def _acknowledged(self, line: Line, remote: str) -> None:
        identifier, length = line.exact(4), int.from_bytes(line.exact(4), "little")
        if identifier == b"OKAY":
            return
        if identifier != b"FAIL" or length > _DATA:
            raise MalformedError("an answer of the phone that adb does not know", where=self.where)
        said = one_line(line.exact(length).decode("utf-8", "replace"))
        where = f"{self.where}!{remote}"
        if "Permission denied" in said or "Read-only" in said:
            raise AccessError(f"the phone does not take the file: {said}", where=where)
        hint = "free some space on the phone" if "No space left" in said else ""
        raise UnreadableError(f"the phone does not take the file: {said}", where=where, hint=hint)


class _Output:
    """What a command printed, until it ended or its time was over."""

    def __init__(self, until: float, most: int, where: str) -> None:
        self.out, self.err = bytearray(), bytearray()
        self._until, self._most, self._where = until, most, where

    def collect(self, line: Line) -> int | None:
        """Its exit status; None when the time was over."""
        while (left := self._until - time.monotonic()) > 0:
            line.patience(left)
            try:
                kind, length = struct.unpack("<BI", line.exact(5))
                if length > _PACKET:
                    raise MalformedError("a packet of the phone's shell that is too long", where=self._where)
                line.patience(_PATIENCE)
                data = line.exact(length)
            except TransientError:
                if time.monotonic() >= self._until:
                    return None
                raise
            if kind == _EXIT and data:
                return data[0]
            (self.err if kind == _STDERR else self.out if kind == _STDOUT else bytearray()).extend(data)
            if len(self.out) + len(self.err) > self._most:
                raise LimitError(f"a command printed more than {self._most} bytes", where=self._where)
        return None


# --- facts and state --------------------------------------------------------------------------------------------------


def _look(name: str, ask: Ask) -> Device:
    told = script.read_sections(
        ask(
            script.sections(
                (
                    ("properties", "getprop"),
                    ("machine", "uname -m"),
                    ("cpuinfo", "cat /proc/cpuinfo"),
                    ("meminfo", "cat /proc/meminfo"),
                    ("cores", linux.listing((*linux.CORE_FILES, *linux.BATTERY_FILES))),
                )
            )
        )
    )
    known = android.properties(told.get("properties", ""))
    cpuinfo, machine = told.get("cpuinfo", ""), told.get("machine", "")
    texts = linux.read_listing(told.get("cores", ""), (*linux.CORE_FILES, *linux.BATTERY_FILES))
    version, level = known.get("ro.build.version.release", ""), known.get("ro.build.version.sdk", "")
    return Device(
        id=name,
        kind="adb",
        maker=known.get("ro.product.manufacturer", ""),
        model=known.get("ro.product.model", ""),
        soc=android.soc(known) or linux.processor(cpuinfo),
        abi=known.get("ro.product.cpu.abi") or linux.abi(machine),
        system=f"Android {version} (API {level})" if version else "Android",
        clusters=linux.clusters(texts, cpuinfo),
        memory_bytes=linux.memory(told.get("meminfo", ""), "MemTotal"),
        battery_mah=linux.capacity_mah(texts),
        emulated=android.virtual(known) or linux.emulated(machine or _machine(known), cpuinfo),
    )


def _machine(known: dict[str, str]) -> str:
    return "aarch64" if known.get("ro.product.cpu.abi", "").startswith("arm") else ""


def _glance(ask: Ask) -> State:
    told = script.read_sections(
        ask(
            script.sections(
                (
                    ("files", linux.listing(linux.STATE_FILES)),
                    ("meminfo", "grep MemAvailable /proc/meminfo"),
                    *android.SERVICES,
                )
            )
        )
    )
    texts = linux.read_listing(told.get("files", ""), linux.STATE_FILES)
    charge, powered = android.battery(told.get("battery", ""))
    plain_charge, plain_powered = linux.battery(texts)
    celsius = {**android.temperatures(told.get("thermal", "")), **linux.temperatures(texts)}
    if (cell := android.battery_celsius(told.get("battery", ""))) is not None:
        celsius["battery"] = cell
    return State(
        at=linux.uptime_ns(texts) or 0,
        hz=linux.clocks(texts),
        celsius=celsius,
        thermal_status=android.thermal_status(told.get("thermal", "")),
        battery=plain_charge if charge is None else charge,
        charging=plain_powered if powered is None else powered,
        screen_on=android.screen_on(told.get("power", "")),
        load=linux.load(texts),
        free_bytes=linux.memory(told.get("meminfo", ""), "MemAvailable"),
    )


# --- the kind ---------------------------------------------------------------------------------------------------------


def _find() -> list[Found]:
    adb = server()
    return [_found(adb, device.serial) for device in adb.devices()]


def _found(adb: AdbServer, serial: str) -> Found:
    name = f"adb:{serial}"
    try:
        link = _AdbLink(adb, adb.phone(serial))
        ran = link.execute("getprop", given=b"", seconds=_FIND_SECONDS, most=_PACKET)
    except InputError as error:
        return Found(id=name, says="phone", problem=error.what, hint=error.hint)
    if ran.timed_out:
        return Found(id=name, says="phone", problem="it does not answer", hint="plug it in again, or restart it")
    known = android.properties(ran.out.decode("utf-8", "replace"))
    words = (known.get("ro.product.manufacturer"), known.get("ro.product.model"), known.get("ro.product.cpu.abi"))
    version = known.get("ro.build.version.release")
    says = " ".join(word for word in words if word) or "phone"
    return Found(id=name, says=f"{says}, Android {version}" if version else says)


def _open(address: str) -> OpenDevice:
    serial = address.removeprefix("adb:") or os.environ.get("ANDROID_SERIAL", "")
    if serial and not _SERIAL.fullmatch(serial):
        raise UsageError("not a serial number", where=address, hint="nngauge devices")
    adb = server()
    phone = adb.phone(serial or _only(adb))
    return RemoteDevice(f"adb:{phone.serial}", _AdbLink(adb, phone), _ROOT, _look, _glance)


def _only(adb: AdbServer) -> str:
    devices = adb.devices()
    if not devices:
        raise TransientError("no phone is connected", where="adb:", hint="nngauge devices")
    if len(devices) > 1:
        choice = ", ".join(f"adb:{device.serial}" for device in devices[:8])
        raise UsageError(f"{len(devices)} phones are connected", hint=f"name one: {choice}")
    return devices[0].serial


KIND: Final = DeviceKind(
    name="adb",
    title="Phones over adb",
    find=_find,
    open=_open,
    references=(
        "https://developer.android.com/tools/adb",
        "https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/docs/dev/services.md",
    ),
    limitations=(
        "Android 7 or newer.",
        "Clocks of cores and thermal zones are told only where the phone lets its shell user read them.",
        "The adb server is left running.",
        "`State.at` has steps of ten milliseconds.",
    ),
)
