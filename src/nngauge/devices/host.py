"""This machine, ``host``: the same verbs as a phone's, through its own shell."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from nngauge.devices import board
from nngauge.devices._api import DeviceKind, OpenDevice, Ran
from nngauge.devices.process import finish
from nngauge.devices.remote import Ask, RemoteDevice
from nngauge.domain.checkup import Found
from nngauge.domain.measurement import Device, State
from nngauge.errors import UnreadableError, UsageError

_PIECE: Final = 1 << 16


class _HostLink:
    """Nothing lies between."""

    where = "host"

    def execute(self, text: str, *, given: bytes, seconds: float, most: int) -> Ran:
        """This machine's POSIX shell."""
        return finish(("sh", "-c", text), given=given, seconds=seconds, most=most, where=self.where)

    def send(self, pieces: Iterable[bytes], remote: str) -> None:
        """A copy, so that it can be changed and removed like any device's file."""
        try:
            with Path(remote).open("wb") as file:
                file.writelines(pieces)
            Path(remote).chmod(0o700)
        except OSError as error:
            raise UnreadableError(f"cannot be written: {error.strerror or error}", where=remote) from None

    def receive(self, remote: str) -> Iterator[bytes]:
        """The file's bytes."""
        try:
            with Path(remote).open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror or error}", where=remote) from None

    def close(self) -> None:
        """Nothing is kept open."""


def _look(name: str, ask: Ask) -> Device:
    device = board.look(name, "host", ask)
    if device.memory_bytes is None and "SC_PHYS_PAGES" in os.sysconf_names:  # no /proc: macOS
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return replace(device, memory_bytes=memory, soc=device.soc or platform.processor())
    return device


def _glance(ask: Ask) -> State:
    # The clock that engines on this machine time with, not the one that counts since the start.
    return replace(board.glance(ask), at=time.monotonic_ns())


def _find() -> list[Found]:
    if shutil.which("sh") is None:
        return [Found(id="host", says="this machine", problem="it has no POSIX shell", hint="Linux, macOS or WSL")]
    said = platform.processor() or platform.machine()
    return [Found(id="host", says=f"this machine: {platform.system()} on {said}")]


def _open(address: str) -> OpenDevice:
    if address not in ("host", "host:"):
        raise UsageError("not an address of this machine", where=address, hint="host")
    return RemoteDevice("host", _HostLink(), tempfile.gettempdir(), _look, _glance)


KIND: Final = DeviceKind(
    name="host",
    title="This machine",
    find=_find,
    open=_open,
    references=("https://docs.kernel.org/admin-guide/abi-testing.html",),
    limitations=(
        "macOS: no clocks, temperatures or limits of memory, and children that leave their group are not found.",
        "Windows: only inside WSL.",
    ),
)
