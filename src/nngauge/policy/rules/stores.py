"""Limits of the stores on what they deliver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.domain.app import Platform
from nngauge.domain.finding import Severity
from nngauge.domain.location import Location
from nngauge.domain.outcome import Treatment
from nngauge.knowledge.store_limits import Limit, store_limits
from nngauge.policy._api import Hit, Options, Rule, Share, Subject, Unevaluated
from nngauge.units import format_bytes

_KINDS: Final = {"module": "feature module", "asset-pack": "asset pack", "ai-pack": "AI pack", "obb": "expansion file"}
_UNFINISHED: Final = frozenset({"aar", "obb", "folder", "archive"})


class StoreOptions(Options, frozen=True, kw_only=True):
    """Options of ``store-limit``."""

    margin: Share = Share(0.0)
    """Report already when less than this share of the limit is left."""


def _measured(subject: Subject) -> Iterator[tuple[str, str, int, Location | None]]:
    """`(kind of part, its name, bytes, place)` of everything that is delivered by itself, and of the app."""
    base = 0
    for part in subject.app.parts:
        kind, _, name = part.role.partition(":")
        if kind in ("base", "split"):  # a phone gets the base with some of the splits; all of them are the upper bound
            base += part.size
        elif kind in _KINDS:
            yield (
                kind,
                f"the {_KINDS[kind]} {name or part.path}",
                part.size,
                Location(path=f"{subject.scan.path}!{part.path}"),
            )
    if subject.app.platform is Platform.ANDROID:
        yield "base", "the base module", base or subject.app.size, None
    yield "app", "the app", subject.app.size, None


def _unpacked(subject: Subject) -> int:
    return sum(item.size for item in subject.scan.coverage if item.treatment is not Treatment.OPENED)


def _check(subject: Subject, options: StoreOptions) -> Iterator[Hit | Unevaluated]:
    if subject.app.platform is Platform.UNKNOWN or subject.app.container in _UNFINISHED:
        yield Unevaluated(f"a package of the kind {subject.app.container} is not what a store delivers")
        return
    for kind, name, size, place in _measured(subject):
        worst: Hit | None = None
        for limit in store_limits():
            if limit.platform is not subject.app.platform or limit.part != kind:
                continue
            hit = _over(limit, name, _unpacked(subject) if limit.measure == "unpacked" else size, place, options)
            if hit and (worst is None or _RANK[hit.at_most] > _RANK[worst.at_most]):
                worst = hit
        if worst:
            yield worst


def _over(limit: Limit, name: str, size: int, place: Location | None, options: StoreOptions) -> Hit | None:
    if size <= limit.bytes * (1 - options.margin):
        return None
    over = size > limit.bytes
    distance = f"{format_bytes(size - limit.bytes)} over" if over else f"{format_bytes(limit.bytes - size)} below"
    how = "unpacked" if limit.measure == "unpacked" else "as packed here"
    return Hit(
        says=f"{name[:1].upper()}{name[1:]} takes {format_bytes(size)} {how}, {distance} the {format_bytes(limit.bytes)} of "
        f"{limit.store} ({limit.what}; read {limit.read}).",
        location=place,
        subject="" if place else f"{limit.store}: {limit.part}",
        remedy="Move models into packs that are delivered by themselves, or make them smaller.",
        risk="Models that come later are not there at first start.",
        at_most=limit.level if over else Severity.WARNING if limit.level is Severity.ERROR else Severity.NOTE,
    )


_RANK: Final = {Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 2}

STORE_LIMIT: Final = Rule(
    id="store-limit",
    title="Every part fits the limits of its store",
    broken="Too large for a store",
    why="A store refuses a part that is too large, usually on the day of the release; below that, large downloads are put "
    "off by users on cellular data. Packages are measured as packed: for app bundles and split sets that is an upper bound "
    "of what one phone downloads.",
    fix="Deliver models in AI packs or asset packs (Google Play: 1.5 GB each), or with Background Assets (App Store), and "
    "quantise them. `margin` warns before the limit is met.",
    severity=Severity.ERROR,
    options=StoreOptions,
    check=_check,
    sources=(
        "https://support.google.com/googleplay/android-developer/answer/9859372",
        "https://developer.android.com/google/play/on-device-ai",
        "https://developer.apple.com/help/app-store-connect/reference/app-uploads/maximum-build-file-sizes",
    ),
    tags=("size",),
)
