"""Cutting a phone's USB power, so that its battery or the power monitor is all it has.

uhubctl (https://github.com/mvp/uhubctl) switches ports of hubs that can; YKUSH boards (https://www.yepkit.com/products/ykush) are
made for it; else a person does it. Many hubs say that they switch and do not: whether power is really gone is asked of the phone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from nngauge.devices import Command, Ran
from nngauge.errors import TransientError, UsageError

_SECONDS: Final = 20.0

Run = Callable[[Command], Ran]
"""Runs a program on this machine; raises `UnsupportedError` where it is missing."""
Ask = Callable[[str], None]
"""Shows a person a request and returns when it is done."""


class UsbPort(Struct, frozen=True, kw_only=True):
    """Where the phone is plugged in."""

    hub: str = ""
    """uhubctl's location (``1-1.4``) or the board's serial number; empty: the only one."""
    port: str = ""


class UsbPower(Struct, frozen=True, kw_only=True):
    """A way to switch USB power, as a value."""

    name: str
    title: str
    words: Callable[[UsbPort, bool], tuple[str, ...]] | None
    """The program and its arguments to switch a port off (False) or on; None: a person does it."""
    references: tuple[str, ...] = ()


def switch(power: UsbPower, port: UsbPort, *, on: bool, run: Run, ask: Ask) -> None:
    """Switches. Raises `UsageError` for a port that cannot be named so, `TransientError` where the program failed."""
    if power.words is None:
        ask("Plug the USB cable in again." if on else "Pull the USB cable out of the phone.")
        return
    ran = run(Command(words=power.words(port, on), seconds=_SECONDS))
    if ran.code != 0 or ran.timed_out:
        said = re.sub(rb"[^\x20-\x7e]+", b" ", (ran.err or ran.out)[-200:]).decode("ascii").strip()
        raise TransientError(
            f"USB power was not switched: {said}", where=f"{power.name} {port.hub} {port.port}".strip()
        )


def usb_power(text: str) -> tuple[UsbPower, UsbPort]:
    """``uhubctl:1-1.4:2``, ``ykush:2``, ``ykush:SERIAL:2`` or ``manual``. Raises `UsageError`, also for impossible ports."""
    name, *place = text.split(":")
    power = next((item for item in USB_POWERS if item.name == name), None)
    if power is None or len(place) > 2 or (power.words is None) == bool(place):
        raise UsageError(f"{text!r} is no way to switch USB power", hint="uhubctl:1-1.4:2, ykush:1 or manual")
    port = UsbPort(hub=place[0] if len(place) == 2 else "", port=place[-1] if place else "")
    if power.words is not None:
        power.words(port, True)  # noqa: FBT003 - says at once what cannot be
    return power, port


def _uhubctl(port: UsbPort, on: bool) -> tuple[str, ...]:  # noqa: FBT001 - as all are called
    if not re.fullmatch(r"[0-9]{1,3}(-[0-9]{1,3}(\.[0-9]{1,3}){0,6})?", port.hub) or not re.fullmatch(
        "[0-9]{1,2}", port.port
    ):
        raise UsageError("hub and port as uhubctl lists them are needed", hint="1-1.4 and 2")
    return ("uhubctl", "-l", port.hub, "-p", port.port, "-a", "on" if on else "off")


def _ykush(port: UsbPort, on: bool) -> tuple[str, ...]:  # noqa: FBT001 - as all are called
    if not re.fullmatch("[123a]", port.port) or not re.fullmatch("[A-Za-z0-9]{0,20}", port.hub):
        raise UsageError("a YKUSH board has the ports 1, 2 and 3, and a for all")
    serial = ("-s", port.hub) if port.hub else ()
    return ("ykushcmd", *serial, "-u" if on else "-d", port.port)


UHUBCTL: Final = UsbPower(
    name="uhubctl",
    title="Hub with switched ports (uhubctl)",
    words=_uhubctl,
    references=("https://github.com/mvp/uhubctl",),
)
YKUSH: Final = UsbPower(
    name="ykush", title="YKUSH board", words=_ykush, references=("https://github.com/Yepkit/ykush",)
)
MANUAL: Final = UsbPower(name="manual", title="A person pulls the cable", words=None)
USB_POWERS: Final = (UHUBCTL, YKUSH, MANUAL)
