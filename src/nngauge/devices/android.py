"""What Android's own tools tell beyond Linux: properties, battery, screen, thermal status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

SERVICES: Final = (
    ("battery", "dumpsys battery"),
    ("power", "dumpsys power | grep -m1 mWakefulness="),
    ("thermal", "dumpsys thermalservice"),
)
"""Sections of a state; each service is asked once."""
_VIRTUAL: Final = ("goldfish", "ranchu", "vbox86", "cutf_cvm")
"""Values of ro.hardware on the emulator, Genymotion and Cuttlefish."""


def properties(text: str) -> dict[str, str]:
    """What `getprop` lists."""
    return dict(re.findall(r"^\[([^\]\n]{1,200})\]: \[([^\]\n]{0,200})\]", text, re.MULTILINE))


def soc(known: Mapping[str, str]) -> str:
    """Maker and model of the chip; ro.soc.* came with Android 12, the others are platform names."""
    told = f"{known.get('ro.soc.manufacturer', '')} {known.get('ro.soc.model', '')}".strip()
    return told or known.get("ro.board.platform", "") or known.get("ro.hardware", "")


def virtual(known: Mapping[str, str]) -> bool:
    """Whether this is an emulator of a phone."""
    flags = (known.get("ro.kernel.qemu"), known.get("ro.boot.qemu"))
    return "1" in flags or known.get("ro.hardware", "").startswith(_VIRTUAL)


def battery(text: str) -> tuple[float | None, bool | None]:
    """Charge from 0 to 1, and whether power comes from outside, of `dumpsys battery`."""
    level, scale = _value(text, "level"), _value(text, "scale") or 100
    powered = re.findall(r"^ *(?:AC|USB|Wireless|Dock) powered: (true|false)", text, re.MULTILINE)
    charge = min(level / scale, 1.0) if level is not None else None
    return charge, ("true" in powered) if powered else None


def battery_celsius(text: str) -> float | None:
    """Of `dumpsys battery`, which tells tenths."""
    tenths = _value(text, "temperature")
    return tenths / 10 if tenths and -400 < tenths < 1500 else None


def screen_on(text: str) -> bool | None:
    """Of `dumpsys power`."""
    match = re.search(r"mWakefulness=(\w+)", text)
    return match[1] in ("Awake", "Dreaming") if match else None


def thermal_status(text: str) -> int | None:
    """0 none to 6 shutdown, of `dumpsys thermalservice`."""
    match = re.search(r"Thermal Status: ([0-6])\b", text)
    return int(match[1]) if match else None


def temperatures(text: str) -> dict[str, float]:
    """Degrees Celsius by sensor, of `dumpsys thermalservice`: present ones, not the cached ones before them."""
    _, _, present = text.partition("Current temperatures from HAL:")
    rows = re.findall(
        r"mValue=(-?\d{1,4}(?:\.\d{1,6})?), mType=\d+, mName=([^,}\n]{1,60})", present.partition("Current cooling")[0]
    )
    return {name: float(value) for value, name in rows if -40 < float(value) < 150}


def _value(text: str, name: str) -> int | None:
    match = re.search(rf"^ *{name}: (-?\d{{1,9}})$", text, re.MULTILINE)
    return int(match[1]) if match else None
