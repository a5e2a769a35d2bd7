"""Budgets for model bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.domain.finding import Severity
from nngauge.domain.outcome import Treatment
from nngauge.policy._api import Hit, Options, Rule, Share, Size, Subject, Unevaluated, lead, listed
from nngauge.units import format_bytes

_RISK: Final = "A model that is fetched later is not there at first start, and needs a check of its integrity."
_LATER: Final = (
    "Quantise it, share one model among features, or deliver it apart from the base (AI pack, Background Assets)."
)
_SIZE_SOURCES: Final = (
    "https://developer.android.com/topic/performance/reduce-apk-size",
    "https://developer.android.com/google/play/on-device-ai",
)


class Total(Options, frozen=True, kw_only=True):
    """Options of ``model-bytes``."""

    limit: Size = Size(200_000_000)
    """Bytes of all models together, unpacked, each copy counted."""


class Each(Options, frozen=True, kw_only=True):
    """Options of ``model-size``."""

    limit: Size = Size(100_000_000)
    """Bytes of one model, unpacked."""


class OfApp(Options, frozen=True, kw_only=True):
    """Options of ``model-share``."""

    limit: Share = Share(0.5)
    """Share of the app's unpacked bytes."""


def _copies(subject: Subject) -> int:
    return sum(one.model.size * max(1, len(one.places)) for one in subject.models)


def _total(subject: Subject, options: Total) -> Iterator[Hit]:
    total = _copies(subject)
    if total > options.limit:
        largest = listed(f"{one.model.name} {format_bytes(one.model.size)}" for one in subject.models[:4])
        yield Hit(
            says=f"{len(subject.models)} models take {format_bytes(total)}, {format_bytes(total - options.limit)} more than "
            f"the {format_bytes(options.limit)} allowed; the largest: {largest}.",
            subject="total",
            remedy=_LATER,
            risk=_RISK,
        )


def _each(subject: Subject, options: Each) -> Iterator[Hit]:
    for one in subject.models:
        if one.model.size > options.limit:
            yield Hit(
                says=f"{one.model.name} ({one.model.title}) takes {format_bytes(one.model.size)}; "
                f"{format_bytes(options.limit)} are allowed for one model.",
                location=lead(one),
                subject=one.model.digest,
                remedy=_LATER,
                risk=_RISK,
            )


def _share(subject: Subject, options: OfApp) -> Iterator[Hit | Unevaluated]:
    # What was opened is accounted for by its entries.
    whole = sum(item.size for item in subject.scan.coverage if item.treatment is not Treatment.OPENED)
    models = _copies(subject)
    if not models:
        return
    if not whole:
        yield Unevaluated("the unpacked size of the app is not known")
    elif models > options.limit * whole:
        yield Hit(
            says=f"Models are {models / whole:.0%} of the app ({format_bytes(models)} of {format_bytes(whole)} unpacked); "
            f"{options.limit:.0%} are allowed.",
            subject="share",
            remedy=_LATER,
            risk=_RISK,
        )


MODEL_BYTES: Final = Rule(
    id="model-bytes",
    title="All models together stay within their budget",
    broken="Models over their budget",
    why="Every megabyte is downloaded by each user, kept on each phone, and downloaded again when it changes. Models are "
    "often the largest thing in an app, and grow without anybody deciding it.",
    fix="Quantise, remove copies and models that nothing uses, deliver rarely used models on demand, or raise `limit` "
    "knowingly.",
    severity=Severity.WARNING,
    options=Total,
    check=_total,
    sources=_SIZE_SOURCES,
    tags=("size",),
)
MODEL_SIZE: Final = Rule(
    id="model-size",
    title="No single model is larger than its budget",
    broken="A model over its budget",
    why="A model has to be read, mapped and kept in memory as a whole; a large one also makes every update of it large.",
    fix="Quantise it, choose a smaller architecture for the same task, or deliver it apart from the base.",
    severity=Severity.WARNING,
    options=Each,
    check=_each,
    sources=_SIZE_SOURCES,
    tags=("size",),
)
MODEL_SHARE: Final = Rule(
    id="model-share",
    title="Models are not most of the app",
    broken="Models are most of the app",
    why="An app that is mostly models is a candidate for separate delivery: whoever does not use the feature need not "
    "download it.",
    fix="Move models into AI packs, asset packs or Background Assets, or raise `limit` where AI is what the app is for.",
    severity=Severity.NOTE,
    options=OfApp,
    check=_share,
    sources=_SIZE_SOURCES,
    tags=("size",),
)
