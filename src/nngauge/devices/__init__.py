"""Devices that models are run on: this machine, phones, boards, recorded sessions."""

from __future__ import annotations

from nngauge.devices import adb, host, replay, ssh
from nngauge.devices._api import Command, DeviceKind, Job, OpenDevice, Ran
from nngauge.devices.replay import record
from nngauge.domain.checkup import Found
from nngauge.errors import InputError, UsageError

__all__ = [
    "KINDS",
    "Command",
    "DeviceKind",
    "Found",
    "Job",
    "OpenDevice",
    "Ran",
    "find_devices",
    "open_device",
    "record",
]

KINDS: tuple[DeviceKind, ...] = (host.KIND, adb.KIND, ssh.KIND, replay.KIND)


def find_devices(kinds: tuple[DeviceKind, ...] = KINDS) -> list[Found]:
    """All devices there are now, those that cannot be used with the reason; a kind that cannot look is such a row, too."""
    found: list[Found] = []
    for kind in kinds:
        try:
            found += kind.find()
        except InputError as error:
            found.append(Found(id=f"{kind.name}:", says=kind.title, problem=error.what, hint=error.hint))
    return found


def open_device(address: str, kinds: tuple[DeviceKind, ...] = KINDS) -> OpenDevice:
    """The device with this address, to be used as a context manager. Raises `UsageError`, and as its verbs do."""
    name = address.partition(":")[0]
    for kind in kinds:
        if kind.name == name:
            return kind.open(address)
    raise UsageError("not the address of a device", where=address, hint="host, adb:SERIAL, ssh:HOST or replay:FILE")
