"""Interfaces and services that their makers have given up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from typing import Final

from nngauge.domain.acceleration import Outcome
from nngauge.domain.evidence import Presence
from nngauge.domain.finding import Severity
from nngauge.domain.location import Location
from nngauge.domain.technology import Technology
from nngauge.knowledge.deprecations import Deprecation, deprecations
from nngauge.policy._api import Hit, Options, Rule, Subject, inner, lead, listed

_NUMBERS: Final = re.compile(r"\d{1,9}")
_BOUND: Final = re.compile(r"<\s*([\d.]+)")
_CODE: Final = frozenset({Presence.LIBRARY, Presence.EMBEDDED, Presence.DEFINED})
_ASKED: Final = frozenset({Outcome.WORKS, Outcome.SYSTEM, Outcome.MISSING})
"""What comes of a request that is certain; an unknown one might not be one."""


class DeprecatedOptions(Options, frozen=True, kw_only=True):
    """Options of ``deprecated-api``."""

    ignore: tuple[str, ...] = ()
    """Ids of deprecations to leave out (`nngauge check --explain deprecated-api` lists them)."""
    horizon_days: int = 90
    """So many days before its end, an announced one weighs like one that ended."""

    def __post_init__(self) -> None:
        known = [item.id for item in deprecations()]
        unknown = [name for name in self.ignore if name not in known]
        if unknown:
            raise ValueError(f"unknown deprecation {unknown[0]!r}; known: {', '.join(known)}")
        if not 0 <= self.horizon_days <= 3650:
            raise ValueError("horizon-days must be between 0 and 3650")


def _check(subject: Subject, options: DeprecatedOptions) -> Iterator[Hit]:
    for item in deprecations():
        if item.id in options.ignore or item.platform not in (None, subject.app.platform):
            continue
        found = _found(subject, item)
        if found is not None:
            place, version = found
            yield Hit(
                says=f"The app uses {item.title}{version}{_when(item, subject.today)} {item.effect}",
                location=place,
                subject=item.id,
                remedy=f"Instead: {item.instead}",
                risk="The replacement has to be tested on the phones that the app supports.",
                at_most=_weight(item, subject.today, options.horizon_days),
            )


def _found(subject: Subject, item: Deprecation) -> tuple[Location | None, str] | None:
    """`(where, version for people)` of the first trace of use."""
    for technology in subject.scan.technologies:
        if technology.id in item.technologies and not technology.dead and _counts(technology, item):
            return technology.location, f" ({listed(technology.versions)})" if technology.versions else ""
    for one in subject.scan.accelerations:
        if one.accelerator in item.accelerators and one.asked and one.outcome in _ASKED:
            return one.asked[0].location, ""
    for model in subject.models:
        if any(fnmatchcase(inner(lead(model)), glob) for glob in item.paths):
            return lead(model), f" for {model.model.name}"
    return None


def _counts(technology: Technology, item: Deprecation) -> bool:
    if item.code and technology.presence not in _CODE:
        return False
    return not item.below or (
        bool(technology.versions) and all(_is_below(version, item.below) for version in technology.versions)
    )  # fmt: skip


def _is_below(version: str, limit: str) -> bool:
    """Whether a version, or everything in a range, is certainly lower than `limit`."""
    bound = _BOUND.search(version)
    if bound:
        return _parts(bound[1]) <= _parts(limit)
    return version[:1].isdigit() and _parts(version) < _parts(limit)


def _parts(version: str) -> tuple[int, ...]:
    numbers = tuple(int(number) for number in _NUMBERS.findall(version.partition("-")[0]))
    return numbers if any(numbers) else (1 << 30,)


def _when(item: Deprecation, today: date) -> str:
    given_up = f", deprecated since {item.since}" if item.since else ", deprecated"
    if item.ends is None:
        return f"{given_up}."
    return (
        f"{given_up}, switched off on {item.ends}." if today >= item.ends else f"{given_up}, which ends on {item.ends}."
    )


def _weight(item: Deprecation, today: date, horizon: int) -> Severity:
    if item.ends is not None and (item.ends - today).days <= horizon:
        return Severity.ERROR
    return item.level


DEPRECATED_API: Final = Rule(
    id="deprecated-api",
    title="Nothing is used that its maker has given up",
    broken="Given up by its maker",
    why="A deprecated interface gets no fixes and disappears with some phone, system or date. A service that is switched off "
    "takes the feature with it, also in versions of the app that are already installed.",
    fix="Move to the named successor before the date. What is known, with dates and sources, is data: "
    "`nngauge check --explain deprecated-api` prints it.",
    severity=Severity.ERROR,
    options=DeprecatedOptions,
    check=_check,
    sources=(
        "https://developer.android.com/ndk/guides/neuralnetworks/migration-guide",
        "https://firebase.google.com/docs/ml/migrate-to-cloud-storage",
        "https://ai.google.dev/edge/litert/migration",
    ),
    tags=("maintenance",),
)
