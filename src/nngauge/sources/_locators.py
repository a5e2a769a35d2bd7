"""Locators with settings behind a question mark: what a study keeps of a source says everything that was asked of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final
from urllib.parse import parse_qsl

from nngauge.errors import UsageError

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def divided(locator: str) -> tuple[str, str]:
    """What stands before and behind the last question mark."""
    place, mark, query = locator.rpartition("?")
    return (place, query) if mark else (locator, "")


class Asked:
    """What stands behind the question mark: fields by name, each as often as it likes."""

    def __init__(self, query: str, known: Collection[str]) -> None:
        """Raises `UsageError` for a field that is not `known`."""
        self._fields: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        except ValueError:
            raise UsageError("settings behind the question mark are written name=value&name=value") from None
        for name, value in pairs:
            if name not in known:
                raise UsageError(f"there is no setting {name!r}", hint="there are: " + ", ".join(sorted(known)))
            self._fields.setdefault(name, []).append(value)

    def all(self, name: str) -> frozenset[str]:
        """All values, also those given together, with commas; empty when there is none."""
        return frozenset(part for value in self._fields.get(name, ()) for part in value.split(",") if part)

    def one(self, name: str, default: str = "") -> str:
        """The one value. Raises `UsageError` for several."""
        values = self._fields.get(name, [default])
        if len(values) > 1:
            raise UsageError(f"{name} is given {len(values)} times")
        return values[0]

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """The one value. Raises `UsageError` for another than these."""
        value = self.one(name, default)
        if value not in choices:
            raise UsageError(
                f"{name}={value!r} is not possible", hint=" or ".join(f"{name}={item}" for item in choices)
            )
        return value

    def number(self, name: str) -> int | None:
        """A count, or bytes as 200MB; None when not given. Raises `UsageError`."""
        text = self.one(name)
        if not text:
            return None
        digits = text.lower().removesuffix("b")
        unit = digits[-1:] if digits[-1:] in _UNITS else ""
        digits = digits.removesuffix(unit)
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            raise UsageError(f"{name}={text!r} is no number", hint=f"{name}=1000, or {name}=200MB")
        return int(digits) * _UNITS[unit]

    def day(self, name: str) -> str:
        """A date as 2026-11-30, empty when not given. Raises `UsageError`."""
        text = self.one(name)
        try:
            return date.fromisoformat(text).isoformat() if text else ""
        except ValueError:
            raise UsageError(f"{name}={text!r} is no date", hint=f"{name}=2026-11-30") from None
