"""Power meters, and what makes their recordings joules."""

from __future__ import annotations

from typing import Final

from nngauge.errors import UsageError
from nngauge.instruments import battery, csv_import, monsoon, null, perfetto, powercap
from nngauge.instruments._api import Clock, Meter, MeterKind, Reading, Recording, Setup, Wanted
from nngauge.instruments.polling import SystemClock
from nngauge.instruments.trace import Trace
from nngauge.instruments.usb_power import USB_POWERS, UsbPort, UsbPower

__all__ = [
    "METERS",
    "USB_POWERS",
    "Clock",
    "Meter",
    "MeterKind",
    "Reading",
    "Recording",
    "Setup",
    "SystemClock",
    "Trace",
    "UsbPort",
    "UsbPower",
    "Wanted",
    "meter_named",
]

METERS: Final[tuple[MeterKind, ...]] = (
    monsoon.METER,
    perfetto.METER,
    battery.METER,
    powercap.METER,
    csv_import.METER,
    null.METER,
)


def meter_named(name: str) -> MeterKind:
    """The meter with this name. Raises `UsageError`, naming all."""
    for kind in METERS:
        if kind.name == name:
            return kind
    raise UsageError("no such power meter", where=name, hint=", ".join(kind.name for kind in METERS))
