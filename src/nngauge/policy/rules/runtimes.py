"""Runtimes that are in the app twice, or for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final

from nngauge.domain.app import Platform
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.finding import Severity
from nngauge.domain.library import Library
from nngauge.domain.technology import Grade, Technology
from nngauge.domain.usage import Use
from nngauge.policy._api import Hit, Options, Rule, Subject, Unevaluated, inner, lead, listed, sentence
from nngauge.units import format_bytes

_GLUE: Final = 0.05
"""Binaries smaller than this share of the largest only call the runtime."""
_NO_USAGE: Final = Unevaluated("the app's code was not read for use (scan with --usage)")


def _binaries(subject: Subject, technology: str) -> list[Library]:
    """Native binaries that hold the technology, glue that merely links another of them left out."""
    holders = [library for library in subject.scan.libraries if technology in library.technologies]
    return [one for one in holders if not any(_links(one, other) for other in holders if other is not one)]


def _links(one: Library, other: Library) -> bool:
    return one.abi == other.abi and (other.soname or other.location.name) in one.needed


def _two(subject: Subject, _: Options) -> Iterator[Hit]:
    formats = {one.model.digest: one.model.title for one in subject.models if one.model.digest}
    runtimes = [item for item in subject.scan.technologies if item.category is Category.RUNTIME and item.shipped]
    for first, second in combinations(runtimes, 2):
        shared = [digest for digest in first.models if digest in second.models]
        if not shared or _together(subject, first, second):
            continue
        smaller = min(first, second, key=lambda item: item.library_bytes or 0)
        titles = listed(sorted({formats.get(digest, "models") for digest in shared}))
        yield Hit(
            says=f"{first.title} and {second.title} are both in the app, and both run {titles}.",
            location=smaller.location,
            subject=f"{first.id}+{second.id}",
            remedy=f"Run all of them with one runtime; {smaller.title} is the smaller one to leave out.",
            gain_bytes=_bytes_of(subject, smaller.id),
            risk="Operators that only one of the two has, and the work of changing its callers.",
        )


def _together(subject: Subject, first: Technology, second: Technology) -> bool:
    """One is built on the other, so that it cannot do without."""
    if first.host == second.id or second.host == first.id:
        return True
    ones = [library for library in subject.scan.libraries if first.id in library.technologies]
    others = [library for library in subject.scan.libraries if second.id in library.technologies]
    return any(one is other or _links(one, other) or _links(other, one) for one in ones for other in others)


def can_run(technology: Technology) -> bool:
    """Something other than model files speaks for it: its code is shipped, fetched or part of the system."""
    return not technology.dead and technology.grade not in (Grade.MODELS, Grade.DEAD, Grade.ENDPOINT)


def _bytes_of(subject: Subject, technology: str) -> int | None:
    """Bytes of its own libraries, of all ABIs; None where it is only a part of others."""
    own: Mapping[str, int] = {
        item.evidence[0].location.path: item.library_bytes or 0
        for item in subject.scan.detections
        if item.technology == technology and item.presence is Presence.LIBRARY and item.evidence
    }
    return sum(own.values()) or None


def _copies(subject: Subject, _: Options) -> Iterator[Hit]:
    told: set[frozenset[str]] = set()
    for technology in subject.scan.technologies:
        if technology.category is not Category.RUNTIME:
            continue
        per_abi: dict[str | None, list[Library]] = {}
        for library in _binaries(subject, technology.id):
            per_abi.setdefault(library.abi, []).append(library)
        most: list[Library] = max(per_abi.values(), key=len, default=[])
        largest = max((library.size for library in most), default=0)
        most = sorted((one for one in most if one.size > _GLUE * largest), key=lambda library: -library.size)
        places = frozenset(library.location.path for library in most)
        if len(most) > 1 and places not in told:  # a runtime and what it is built on are in the same libraries
            told.add(places)
            names = listed(f"{library.location.name} {format_bytes(library.size)}" for library in most)
            yield Hit(
                says=f"{technology.title} is in {len(most)} libraries for the same processor: {names}.",
                location=most[-1].location,
                subject=technology.id,
                remedy="Let the components share one copy, or keep only the variants that the phones need.",
                risk="Components that bring their own copy may need just that version.",
            )


def _unused_runtime(subject: Subject, _: Options) -> Iterator[Hit | Unevaluated]:
    bundled = {item.subject: item for item in subject.scan.usage if not item.model and item.use is Use.BUNDLED}
    for technology in subject.scan.technologies:
        if technology.dead:
            why = technology.because or f"it needs {listed(technology.missing) or 'what is not there'}"
            yield Hit(
                says=sentence(f"{technology.title} cannot work in this app: {why}"),
                location=technology.location,
                subject=technology.id,
                remedy="Remove it from the build, or add what it needs.",
                gain_bytes=technology.library_bytes if technology.shipped else None,
                risk="Code that names it may expect to find it.",
                at_most=Severity.NOTE,
            )
        elif technology.id in bundled and technology.category in (Category.RUNTIME, Category.SDK):
            verdict = bundled[technology.id]
            yield Hit(
                says=sentence(f"{technology.title} is bundled and not used: {verdict.reason}"),
                location=technology.location,
                subject=technology.id,
                remedy="Remove the dependency that brings it.",
                gain_bytes=_bytes_of(subject, technology.id),
                risk="Reflection or native code may still lead to it; test the release build.",
                at_most=Severity.WARNING if verdict.confidence is not Confidence.POSSIBLE else Severity.NOTE,
            )
    yield from _untold(subject, model=False, whole=len(subject.scan.technologies), what="technologies")


def _unused_model(subject: Subject, _: Options) -> Iterator[Hit | Unevaluated]:
    bundled = {item.subject: item for item in subject.scan.usage if item.model and item.use is Use.BUNDLED}
    for one in subject.models:
        verdict = next((bundled[place] for place in (str(lead(one)), *one.places) if place in bundled), None)
        if verdict is not None:
            yield Hit(
                says=sentence(
                    f"{one.model.name} ({format_bytes(one.model.size)}) is bundled and not used: {verdict.reason}"
                ),
                location=lead(one),
                subject=one.model.digest,
                remedy="Leave it out of the build.",
                gain_bytes=one.model.size,
                risk="Names that are put together at run time are not seen; test the release build.",
                at_most=Severity.WARNING if verdict.confidence is not Confidence.POSSIBLE else Severity.NOTE,
            )
    yield from _untold(subject, model=True, whole=len(subject.models), what="models")


def _untold(subject: Subject, *, model: bool, whole: int, what: str) -> Iterator[Unevaluated]:
    """Says how much of the use is not known, and why."""
    unknown = [item for item in subject.scan.usage if item.model is model and item.use is Use.UNKNOWN]
    if whole and not subject.scan.usage:
        yield _NO_USAGE
    elif unknown:
        reason, _ = Counter(item.reason for item in unknown).most_common(1)[0]
        yield Unevaluated(f"whether they are used cannot be told for {len(unknown)} of {whole} {what}: {reason}")


def _no_runtime(subject: Subject, _: Options) -> Iterator[Hit | Unevaluated]:
    runnable = {digest for item in subject.scan.technologies if can_run(item) for digest in item.models}
    named = {digest for item in subject.scan.technologies for digest in item.models}
    if subject.app.platform is Platform.ANDROID and not subject.scan.libraries and named - runnable:
        yield Unevaluated("no native code is in this package: what runs its models may come in another part of the app")
        return
    for one in subject.models:
        digest = one.model.digest
        if digest in named and digest not in runnable:
            yield Hit(
                says=f"Nothing in the app runs {one.model.name} ({one.model.title}, {format_bytes(one.model.size)}).",
                location=lead(one),
                subject=digest,
                remedy="Leave it out of the build, or name the part that brings its runtime.",
                gain_bytes=one.model.size,
                risk="A runtime without any trace that is known, or one that is downloaded, may read it.",
                at_most=Severity.NOTE if "!" in inner(lead(one)) else Severity.WARNING,
            )


_APK_SIZE: Final = "https://developer.android.com/topic/performance/reduce-apk-size"

TWO_RUNTIMES: Final = Rule(
    id="two-runtimes",
    title="No two runtimes for the same format",
    broken="Two runtimes for the same format",
    why="Two engines that read the same files are twice the download, twice the memory and twice the updates. It usually "
    "happens when a second component is added without looking at the first.",
    fix="Convert to one format or run everything with one engine. Runtimes that only a third-party component needs can be "
    "exempted by `technology`.",
    severity=Severity.WARNING,
    check=_two,
    sources=(_APK_SIZE,),
    tags=("size", "maintenance"),
)
RUNTIME_COPIES: Final = Rule(
    id="runtime-copies",
    title="No runtime is linked more than once",
    broken="A runtime linked more than once",
    why="Components that bring a runtime of their own make each phone keep several copies of the same code, often in "
    "different versions.",
    fix="Prefer components that link the runtime dynamically or use the one of Play services; ask vendors for such builds.",
    severity=Severity.NOTE,
    check=_copies,
    sources=(_APK_SIZE, "https://ai.google.dev/edge/litert/android/play_services"),
    tags=("size", "maintenance"),
)
UNUSED_RUNTIME: Final = Rule(
    id="unused-runtime",
    title="What is bundled is used, and what is used can work",
    broken="Bundled and not used, or used and not there",
    why="A runtime that no code leads to is dead weight; code whose runtime is missing fails on the phone.",
    fix="Remove the dependency, or add the missing library. Read the call path that was looked for with `nngauge why`.",
    severity=Severity.WARNING,
    check=_unused_runtime,
    sources=(_APK_SIZE,),
    tags=("size", "maintenance"),
)
UNUSED_MODEL: Final = Rule(
    id="unused-model",
    title="Every bundled model is used",
    broken="Models that nothing uses",
    why="A model that nothing loads is downloaded by everybody and read by nobody.",
    fix="Leave it out of the build.",
    severity=Severity.WARNING,
    check=_unused_model,
    sources=(_APK_SIZE,),
    tags=("size",),
)
MODEL_WITHOUT_RUNTIME: Final = Rule(
    id="model-without-runtime",
    title="Every model has something that runs it",
    broken="Models that nothing here can run",
    why="A model in a format that nothing in the package reads is a leftover, or a feature that does not work.",
    fix="Leave it out of the build, or add the part that brings its runtime to what is checked.",
    severity=Severity.WARNING,
    check=_no_runtime,
    sources=(_APK_SIZE,),
    tags=("size", "maintenance"),
)
