"""The phones that the models of a study are estimated on, and what estimates of today rest on."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from nngauge.domain.estimate import Unit
from nngauge.errors import MalformedError
from nngauge.io.whole import read_whole
from nngauge.knowledge import phones
from nngauge.limits import MIB

_HERE: Final = Path(__file__).parent
REFERENCE: Final = _HERE / "reference.csv"
_COLUMNS: Final = ("device", "units")
_DATA: Final = ("*.csv", "profiles/*")
"""Everything that estimates are made from, besides the table of phones."""
_MOST: Final = 1000
"""Phones of a list."""


class Reference(NamedTuple):
    """A phone, and what of it."""

    device: str
    units: tuple[Unit, ...]


def references(file: Path | None = None) -> tuple[Reference, ...]:
    """The list that comes with nngauge, or that in `file`. Raises `InputError` for a file that is none."""
    place = file or REFERENCE
    try:
        text = read_whole(place, MIB, "the list of phones").decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"is no text: {error.reason}", where=str(place)) from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = csv.DictReader(lines, strict=True)
    if tuple(rows.fieldnames or ()) != _COLUMNS:
        raise MalformedError(f"is no list of phones: its columns are not {', '.join(_COLUMNS)}", where=str(place))
    try:
        found = tuple(_reference(row, f"{place}, line {nth}") for nth, row in enumerate(rows, 2))
    except csv.Error as error:
        raise MalformedError(f"is no table: {error}", where=str(place)) from None
    if not 0 < len(found) <= _MOST:
        raise MalformedError(f"has {len(found)} phones, not 1 to {_MOST}", where=str(place))
    return found


def _reference(row: dict[str | None, str | None], where: str) -> Reference:
    device, units = (row.get("device") or "").strip(), (row.get("units") or "").split()
    known = {unit.name.lower(): unit for unit in Unit}
    strange = next((unit for unit in units if unit not in known), None)
    if not device or not units or strange is not None or None in row:
        told = f"no unit is called {strange!r}" if strange is not None else "not a device and its units"
        raise MalformedError(told, where=where, hint=f"units: {', '.join(known)}")
    return Reference(device, tuple(known[unit] for unit in units))


@cache
def grounds() -> str:
    """A digest of all profiles, curves and tables that estimates rest on: another one after any of them has changed."""
    made = hashlib.blake2b(digest_size=8)
    for file in (*_data(_HERE), *sorted(Path(phones.__file__).parent.glob("*.csv"))):
        if file != REFERENCE:
            made.update(file.name.encode() + b"\0" + file.read_bytes())
    return made.hexdigest()


def _data(folder: Path) -> Iterator[Path]:
    for pattern in _DATA:
        yield from sorted(file for file in folder.glob(pattern) if file.is_file())
