"""Quantities as types, and how they are printed.

All sizes are bytes, all durations seconds unless a name says otherwise. Decimal prefixes (1 MB = 10⁶ bytes) for what
people compare with store listings, as in both published studies.
"""

from __future__ import annotations

from typing import NewType

Bytes = NewType("Bytes", int)
Seconds = NewType("Seconds", float)
Count = NewType("Count", int)

_DECIMAL = ("", "k", "M", "G", "T", "P")
_SMALL = (("k", 1e3), ("", 1.0), ("m", 1e-3), ("µ", 1e-6), ("n", 1e-9))


def format_bytes(size: int) -> str:
    """``1536`` → ``"1.5 kB"``; exact below 1000."""
    if size < 1000:
        return f"{size} B"
    return f"{_scaled(size)}B"


def format_count(count: int) -> str:
    """``3_504_872`` → ``"3.50 M"``; exact below 1000."""
    return str(count) if count < 1000 else _scaled(count, digits=3).strip()


def format_seconds(seconds: float) -> str:
    """``0.0421`` → ``"42 ms"``, ``75`` → ``"1 min 15 s"``, ``8000`` → ``"2 h 13 min"``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def format_si(value: float, unit: str) -> str:
    """Three digits with a prefix: ``0.00000304, "s"`` → ``"3.04 µs"``, ``-0.0246, "J"`` → ``"-24.6 mJ"``."""
    size = abs(value)
    prefix, factor = next(((name, at) for name, at in _SMALL if size >= 0.9995 * at), _SMALL[-1])
    scaled = value / factor
    digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
    return f"{scaled:,.{digits}f} {prefix}{unit}" if size else f"0 {unit}"


def _scaled(value: int, digits: int = 2) -> str:
    number, step = float(value), 0
    while number >= 999.5 and step < len(_DECIMAL) - 1:
        number /= 1000
        step += 1
    whole = len(str(int(number)))
    return f"{number:.{max(0, digits - whole)}f} {_DECIMAL[step]}"
