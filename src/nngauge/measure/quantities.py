"""Quantities as people write them: ``4000mAh``, ``24.6mJ``, ``22..27mJ``, ``0.8W``, ``30,1``; and energy out of files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from nngauge.domain.energy import Energy
from nngauge.errors import LimitError, MalformedError, UsageError
from nngauge.knowledge.scenarios.daily import Joules

_NUMBER: Final = r"(\d{1,9}(?:\.\d{1,9})?(?:e-?\d{1,2})?)"
_QUANTITY: Final = re.compile(rf"^{_NUMBER}\s?([A-Za-zµ]*)$")
_RANGE: Final = re.compile(rf"^{_NUMBER}\s?\.\.\s?{_NUMBER}\s?([A-Za-zµ]*)$")
_UNITS: Final = {
    "J": {"": 1.0, "J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "µJ": 1e-6},
    "W": {"": 1.0, "W": 1.0, "mW": 1e-3},
    "V": {"": 1.0, "V": 1.0, "mV": 1e-3},
    "mAh": {"": 1.0, "mAh": 1.0, "Ah": 1e3},
}
_MOST: Final = 64 << 20


def quantity(text: str, unit: str, name: str) -> float:
    """A number of `unit` above 0. Raises `UsageError` that names the option."""
    found = _QUANTITY.match(text.strip())
    if found is None or found[2] not in _UNITS[unit] or float(found[1]) <= 0:
        raise UsageError(f"{name} {text!r} is no number of {unit}", hint=f"for example {name} {_EXAMPLE[unit]}")
    return float(found[1]) * _UNITS[unit][found[2]]


_EXAMPLE: Final = {"J": "24.6mJ", "W": "0.8W", "V": "3.85V", "mAh": "4000mAh"}


def joules(text: str, name: str) -> Joules:
    """``24.6mJ`` has no interval, ``22..27mJ`` is one of 95 %. Raises `UsageError`."""
    if (found := _RANGE.match(text.strip())) is None:
        value = quantity(text, "J", name)
        return Joules(middle=value, low=value, high=value, source=name)
    low, high = (quantity(f"{number}{found[3]}", "J", name) for number in (found[1], found[2]))
    if low > high:
        raise UsageError(f"{name} {text!r}: its ends are the wrong way round")
    return Joules(middle=(low + high) / 2, low=low, high=high, source=name)


def of_energy(found: Energy) -> Joules:
    """Measured energy of an inference; one that was not found is at most what could have been found."""
    high = found.high if found.detected else max(found.high, found.mde)
    return Joules(
        middle=found.joules, low=min(found.low, found.joules), high=max(high, found.joules), detected=found.detected,
        source=found.meter.name,
    )  # fmt: skip


def read_energies(path: Path) -> list[Energy]:
    """One measured energy or a list of them, as JSON. Raises `LimitError`, `MalformedError`."""
    if path.stat().st_size > _MOST:
        raise LimitError("is larger than 64 MiB", where=str(path))
    data = path.read_bytes()
    try:
        if data.lstrip()[:1] == b"[":
            return msgspec.json.decode(data, type=list[Energy])
        return [msgspec.json.decode(data, type=Energy)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"is no measured energy: {error}", where=str(path)) from None


def energy_of(name: str, energies: Sequence[Energy]) -> Energy | None:
    """The one of this name; the only one, if it has none."""
    if len(energies) == 1 and not energies[0].name:
        return energies[0]
    return next((one for one in energies if one.name == name), None)
