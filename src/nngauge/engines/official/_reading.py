"""Numbers out of what programs print: bounded, finite, in nanoseconds and bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from nngauge.engines.official._api import Output, Summary
from nngauge.errors import LimitError, MalformedError, TruncatedError

MOST: Final = 64 << 20
"""Bytes of one output: profiles of large models have some megabytes."""
_LINE: Final = 65_536
_VALUE: Final = 1e15
"""Nothing that a program times or counts is larger."""
NUMBER: Final = r"(\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?)"
UNITS: Final = {"s": 1e9, "sec": 1e9, "ms": 1e6, "us": 1e3, "µs": 1e3, "ns": 1.0}
"""Nanoseconds."""
MB: Final = 1 << 20

_Shape = TypeVar("_Shape")


def lines(data: bytes) -> Iterator[str]:
    """Lines as text (bad bytes replaced), without what a terminal would colour. Raises `LimitError`."""
    for line in bounded(data).decode("utf-8", "replace").splitlines():
        yield _COLOUR.sub("", line[:_LINE])


_COLOUR: Final = re.compile(r"\x1b\[[0-9;]{0,16}m")


def bounded(data: bytes) -> bytes:
    """`data`, if it is not too much. Raises `LimitError`."""
    if len(data) > MOST:
        raise LimitError(f"an output of {len(data)} bytes")
    return data


def printed(output: Output) -> Iterator[str]:
    """Lines of both streams: programs changed between them from version to version."""
    yield from lines(output.out)
    yield from lines(output.err)


def number(text: str) -> float:
    """A number of at least 0 as programs print it. Raises `MalformedError`."""
    try:
        return checked(float(text))
    except ValueError:
        raise MalformedError(f"{text[:40]!r} is not a number") from None


def checked(value: float) -> float:
    """`value`, if it can be a time or a count. Raises `MalformedError`."""
    if not math.isfinite(value) or not 0 <= value <= _VALUE:
        raise MalformedError(f"{value!r} is no time and no count")
    return value


def whole(value: float) -> int:
    """A checked number, rounded."""
    return round(checked(value))


def unit(name: str) -> float:
    """Nanoseconds of a unit of time. Raises `MalformedError`."""
    if (size := UNITS.get(name)) is None:
        raise MalformedError(f"{name[:20]!r} is no unit of time")
    return size


def decode(data: bytes, shape: type[_Shape]) -> _Shape:
    """JSON of this shape. Raises `TruncatedError` where it ends too early, `MalformedError` for anything else."""
    try:
        return msgspec.json.decode(bounded(data), type=shape)
    except msgspec.DecodeError as error:
        kind = TruncatedError if "truncated" in str(error) else MalformedError
        raise kind(f"is not what the program writes: {error}") from None
    except (RecursionError, UnicodeDecodeError):
        raise MalformedError("JSON that is nested too deeply, or not UTF-8") from None


def file_ending(output: Output, *ends: str) -> bytes | None:
    """The first file whose name ends so."""
    return next((data for name, data in sorted(output.files.items()) if name.endswith(ends)), None)


def percentiles(found: Mapping[str, float]) -> dict[str, float]:
    """Percentiles by name without trailing zeros: ``90.00`` → ``90``."""
    return {f"{float(name):g}": round(checked(value), 3) for name, value in found.items()}


_WHOLE: Final = frozenset({"runs", "warmup_runs", "load_bytes", "peak_bytes", "tokens"})


def summary(facts: Mapping[str, float | None], shares: Mapping[str, float] | None = None) -> Summary:
    """A summary of numbers by field, checked; `shares` are nanoseconds by percentile. Raises `MalformedError`.

    Rounded to a thousandth of a nanosecond: what is left of decimal digits that a program printed.
    """
    found: dict[str, Any] = {
        name: whole(value) if name in _WHOLE else round(checked(value), 3)
        for name, value in facts.items()
        if value is not None
    }
    return Summary(**found, percentiles=percentiles(shares or {}))
