"""From what a search reached to a verdict on each technology."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nngauge.analyse.usage.classes import dotted
from nngauge.analyse.usage.natives import symbol_of
from nngauge.analyse.usage.search import GUESSED, Hit, Rank, Search
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Evidence, EvidenceKind
from nngauge.domain.usage import Caller, Obstacle, Step, UsageVerdict, Use
from nngauge.limits import EVIDENCE_EXCERPT

_FIRM: Final = frozenset({"calls", "creates", "callback", "initialises the class", "runs in", "reads a field of"})
"""Edges that the code states."""
_REASONS: Final = {
    Rank.APP: "the app's code leads to it",
    Rank.APP_LOOSE: "the app's code leads to it over a method that the system may call",
    Rank.START_UP: "a component that a library put into the manifest leads to it when the app starts",
    Rank.START_UP_LOOSE: "a component that a library put into the manifest may lead to it when the app starts",
    Rank.REGISTERED: "it is announced to the app at start, and nothing in the app asks for it",
    Rank.SILENT: "its plug-in is registered, and the app's program never names it",
    Rank.DORMANT: "only a component of a library leads to it, and nothing in the app starts that one",
}
_NATIVE_ONLY: Final = frozenset({Category.ACCELERATOR, Category.SYSTEM})
"""What native code chooses by itself: that a library with it runs does not say that it is asked for."""


def technology_verdict(search: Search, technology: str, category: Category | None) -> UsageVerdict:
    """The verdict on one rule id."""
    typed, native = search.types.get(technology), search.natives.get(technology)
    if native is not None and category in _NATIVE_ONLY:
        native = None if typed is None else native
        if native is None and typed is None:
            return _inside_native(search, technology)
    hits = [hit for hit in (typed, native) if hit is not None]
    if hits:
        return reached(search, technology, min(hits, key=lambda hit: hit.rank))
    return _not_reached(search, technology)


def reached(search: Search, subject: str, hit: Hit, *, model: bool = False, reason: str = "") -> UsageVerdict:
    """The verdict where a path exists; what it is worth depends on where it begins."""
    chain = (*search.steps(hit.caller), Step(method=hit.target, how=hit.how))
    reason = reason or _REASONS[hit.rank]
    if hit.rank > Rank.START_UP_LOOSE:
        return _bundled(search, subject, reason, chain, model=model)
    firm = hit.rank is Rank.APP and chain[0].how != GUESSED and all(step.how in _FIRM for step in chain[1:])
    loose = hit.rank in (Rank.APP_LOOSE, Rank.START_UP_LOOSE)
    confidence = Confidence.CERTAIN if firm else Confidence.POSSIBLE if loose else Confidence.LIKELY
    via = _via(search, hit)
    if hit.rank >= Rank.START_UP:
        caller = Caller.START_UP
    else:
        caller = Caller.SDK if via else Caller.APP
    return UsageVerdict(
        subject=subject, model=model, use=Use.USED, confidence=confidence, caller=caller, via=via, reason=reason, chain=chain,
        evidence=_evidence(search, chain),
    )  # fmt: skip


def unknown(
    subject: str, obstacle: Obstacle, reason: str, chain: tuple[Step, ...] = (), *, model: bool = False
) -> UsageVerdict:
    """A verdict that cannot be given."""
    return UsageVerdict(
        subject=subject,
        model=model,
        use=Use.UNKNOWN,
        confidence=Confidence.LIKELY,
        obstacle=obstacle,
        reason=reason,
        chain=chain,
    )


def not_found(search: Search, subject: str, reason: str, *, model: bool = False) -> UsageVerdict:
    """Bundled if all code could be read, else unknown."""
    return _bundled(search, subject, reason, (), model=model)


def _bundled(search: Search, subject: str, reason: str, chain: tuple[Step, ...], *, model: bool) -> UsageVerdict:
    met = {**search.code.obstacles, **search.obstacles}
    for obstacle in Obstacle:
        if obstacle in met:
            return unknown(subject, obstacle, met[obstacle], chain, model=model)
    return UsageVerdict(
        subject=subject, model=model, use=Use.BUNDLED, confidence=Confidence.LIKELY, reason=reason, chain=chain,
        evidence=_evidence(search, chain),
    )  # fmt: skip


def _inside_native(search: Search, technology: str) -> UsageVerdict:
    hit = search.natives[technology]
    chain = (*search.steps(hit.caller), Step(method=hit.target, how=hit.how))
    return unknown(technology, Obstacle.NATIVE, f"{hit.target} is used, and asks for it or not by itself", chain)


def _not_reached(search: Search, technology: str) -> UsageVerdict:
    holders = search.targets.holders.get(technology, ())
    known = any(technology in ids for ids in search.targets.types.values())
    loaded = [search.loads[name] for name in holders if name in search.loads]
    for hit in loaded:
        chain = (*search.steps(hit.caller), Step(method=hit.target, how=hit.how))
        native = next(item for item in search.code.natives if item.name == hit.target)
        if native.onload:
            reason = f"{hit.target} is loaded, and what it starts then is decided inside it"
            return unknown(technology, Obstacle.NATIVE, reason, chain)
        reason = f"{hit.target} is loaded, but none of its methods is called"
        return _bundled(search, technology, reason, chain, model=False)
    for owner, method in search.hollow.items():
        library = _relative(search, owner, holders)
        if library:
            reason = f"{method} calls {dotted(owner)}, which is not in the package; {library} may belong to it"
            return unknown(technology, Obstacle.CODE_MISSING, reason, search.steps(method))
    if not known and not holders and not search.code.obstacles:
        return unknown(
            technology, Obstacle.NO_API, "neither classes nor libraries of it are here that a call could lead to"
        )
    return _bundled(search, technology, "no path from the app's components leads to it", (), model=False)


def _relative(search: Search, owner: str, holders: Sequence[str]) -> str:
    """A library whose natives are of the same maker as the class `owner`, or of nobody known; empty without one.

    The Java part of an SDK may be in a package that was not given, and its library here.
    """
    maker = symbol_of("/".join(owner.split("/")[:2]), "")
    for native in search.code.natives:
        if native.name in holders:
            nobody = not native.methods and native.onload
            if nobody or any(symbol.startswith(maker) for symbol in native.methods):
                return native.name
    return ""


def _via(search: Search, hit: Hit) -> str:
    """The library whose code makes the call, when it is neither the app's nor the technology's own."""
    last = hit.caller
    if last is None or search.owners.own(last.owner.name):
        return ""
    target = hit.target if hit.how != "runs in" else str(last)
    goal = search.owners.package(f"L{target.replace('.', '/')};")
    for method in search.line(last):
        package = search.owners.package(method.owner.name)
        if search.owners.own(method.owner.name):
            return ""
        if package and not (goal.startswith(package) or package.startswith(goal or "\0")):
            return package
    return ""


def _evidence(search: Search, chain: tuple[Step, ...]) -> tuple[Evidence, ...]:
    if not chain:
        return ()
    text = " → ".join(step.method for step in chain)
    if len(text) > EVIDENCE_EXCERPT:
        text = text[: EVIDENCE_EXCERPT - 1] + "…"
    return (Evidence(kind=EvidenceKind.METHOD, location=search.code.location, value=text, rule="usage"),)
