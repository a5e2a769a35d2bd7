"""What an attack is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nngauge.domain.analysis import Analysis
from nngauge.domain.scan import Scan
from nngauge.errors import NngaugeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One model file in every form of output."""

    analysis: Analysis
    screens: tuple[str, ...]
    """The summary, the layers, the comparison with itself."""
    table: str
    """CSV of the layers."""
    document: bytes
    """JSON."""
    picture: str
    """SVG, empty when there is no network to draw."""


Result = Scan | Shown | NngaugeError
Check = Callable[[Result], str]
"""Empty when the answer is right, else what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One hostile package or model file and the answer it must get."""

    name: str
    title: str
    build: Callable[[Path], Path]
    """Writes it below a folder and gives its path."""
    check: Check
    entries: int | None = None
    """Entries that must be accounted for, nested ones included; None where the number is not the point."""
    seconds: float = 10.0
    grows: int = 150
    """MiB that the scanning process may grow by."""
    verb: Literal["scan", "show"] = "scan"
    """Whether it is scanned as a package, or shown as one model file."""
    is_slow: bool = False
    """Left out of the test suite."""


def all_of(*checks: Check) -> Check:
    """Every check must pass; the complaints are joined."""
    return lambda result: "; ".join(filter(None, (check(result) for check in checks)))


def refused(*names: str) -> Check:
    """The package as a whole is refused with one of these errors."""

    def check(result: Result) -> str:
        name = type(result).__name__
        return "" if name in names else f"{name} instead of {' or '.join(names)}"

    return check


def scanned(result: Result) -> str:
    """It is read, whatever is inside."""
    return "" if isinstance(result, Scan) else f"not scanned: {result!r}"


def models(count: int) -> Check:
    """So many models are found."""

    def check(result: Result) -> str:
        if not isinstance(result, Scan):
            return f"not scanned: {result!r}"
        return "" if len(result.models) == count else f"{len(result.models)} models instead of {count}"

    return check


def failed(error: str, words: str = "") -> Check:
    """There is a failure of that class whose reason has these words."""

    def check(result: Result) -> str:
        if not isinstance(result, Scan):
            return f"not scanned: {result!r}"
        if any(item.error == error and words in item.reason for item in result.failures):
            return ""
        return f"no {error} {words!r} among {[(item.error, item.reason[:80]) for item in result.failures[:4]]}"

    return check


def doubted(words: str = "") -> Check:
    """There is a candidate whose reason has these words."""

    def check(result: Result) -> str:
        if not isinstance(result, Scan):
            return f"not scanned: {result!r}"
        if any(words in item.reason for item in result.candidates):
            return ""
        return f"no candidate with {words!r} among {[item.reason[:80] for item in result.candidates[:4]]}"

    return check


def odd(kind: str) -> Check:
    """There is an anomaly of that kind."""

    def check(result: Result) -> str:
        if not isinstance(result, Scan):
            return f"not scanned: {result!r}"
        kinds = {item.kind for item in result.anomalies}
        return "" if kind in kinds else f"no {kind} among {sorted(kinds)}"

    return check
