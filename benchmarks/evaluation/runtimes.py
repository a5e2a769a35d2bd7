"""Each library alone in a minimal app, through the real scanner: is it called what it is, and nothing else?"""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.evaluation.baseline import Rules, frameworks_in
from benchmarks.evaluation.fetch import locate
from benchmarks.evaluation.planting import container_of, disguise, place_of, plant
from benchmarks.evaluation.truth import Library, Runtime
from nngauge.detect.versions import within
from nngauge.domain.detection import Category, Detection
from nngauge.domain.evidence import Confidence, Presence
from nngauge.pipeline import Scanner

COUNTED = frozenset({Category.RUNTIME, Category.SDK, Category.CLASSICAL})
SHIPPED = frozenset({Presence.LIBRARY, Presence.EMBEDDED, Presence.DEFINED})


@dataclass(frozen=True, slots=True)
class Look:
    """What one scan said about one library."""

    primary: tuple[str, ...]
    """Technologies that ship a runtime, a ready feature or classical learning, and are not inside another one."""
    inside: tuple[str, ...]
    """The same, but attributed to a host technology in the same file."""
    others: tuple[str, ...]
    """Everything else that counts: accelerators, frameworks of the system, bindings."""
    versions: Mapping[str, str]
    """Technology → version."""
    ranges: Mapping[str, str]
    """Technology → releases it can be, or what contradicts its version."""
    sources: Mapping[str, str]
    """Technology → kind of the evidence for its version."""


@dataclass(frozen=True, slots=True)
class Score:
    """A look held against the truth."""

    verdict: str
    """``exact``: the one right label. ``with others``: beside it others that are true as well. ``wrong``: a label that is
    not true. ``missed``: no right label and no wrong one. ``clean``: no label where none is due."""
    wrong: tuple[str, ...]
    version: str
    """``right``, ``range`` (no version, but releases among which the true one is), ``wrong``, ``none`` or, where the truth
    is not known, ``not asked``."""


@dataclass(frozen=True, slots=True)
class Result:
    """One library, tried plainly and in disguise."""

    title: str
    platform: str
    file: str
    container: str
    sha256: str
    size: int
    truth: Library
    fresh: bool
    held_out: bool
    plain: Look
    plain_score: Score
    disguised: Look
    disguised_score: Score
    stripped: bool
    baseline: tuple[str, ...] | None
    """Frameworks that the published rules name; None for what they do not read (Mach-O, scripts)."""
    baseline_verdict: str
    version_in_bytes: bool
    """Whether the file holds the asked version as a text of its own at all."""
    seconds: float
    """Wall time of the plain scan."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A library that could not be tried."""

    title: str
    file: str
    reason: str


def look(detections: Iterable[Detection]) -> Look:
    """Sorts detections by how they count. *Possible* ones never do."""
    primary, inside, others = set[str](), set[str](), set[str]()
    versions: dict[str, str] = {}
    ranges: dict[str, str] = {}
    sources: dict[str, str] = {}
    for item in detections:
        if item.confidence is Confidence.POSSIBLE:
            continue
        if item.version:
            versions[item.technology] = item.version
            sources[item.technology] = item.version_evidence.kind if item.version_evidence else ""
        if item.version_range:
            ranges[item.technology] = item.version_range
        if item.category not in COUNTED or item.presence not in SHIPPED:
            others.add(item.technology)
        elif item.host is not None:
            inside.add(item.technology)
        else:
            primary.add(item.technology)
    return Look(tuple(sorted(primary)), tuple(sorted(inside)), tuple(sorted(others)), versions, ranges, sources)


def score(truth: Library, seen: Look) -> Score:
    """How a look compares with what the file is."""
    labels = {*seen.primary, *seen.inside}
    wrong = tuple(sorted(labels - {truth.expect, *truth.also}))
    right = bool(truth.expect) and truth.expect in labels | set(seen.others)
    return Score(_verdict(truth, seen, right=right, wrong=bool(wrong)), wrong, _version(truth, seen))


def _verdict(truth: Library, seen: Look, *, right: bool, wrong: bool) -> str:
    if wrong:
        return "wrong"
    if not right:
        return "missed" if truth.role == "library" else "clean"
    return "exact" if set(seen.primary) <= {truth.expect} else "with others"


def _version(truth: Library, seen: Look) -> str:
    if not truth.version:
        return "not asked"
    told = seen.versions.get(truth.expect)
    if told is not None:
        return "right" if told == truth.version else "wrong"
    bounds = seen.ranges.get(truth.expect)
    if bounds is None:
        return "none"
    return "range" if within(truth.version, bounds) else "wrong"


def baseline_verdict(truth: Library, frameworks: Sequence[str], means: Mapping[str, tuple[str, ...]]) -> str:
    """The same words for the published rules; a framework is right when it may stand for anything that is inside."""
    true = {truth.expect, *truth.also} - {""}
    right = [name for name in frameworks if true & set(means[name])]
    if len(right) < len(frameworks):
        return "wrong"
    if not right:
        return "missed" if truth.role == "library" else "clean"
    return "exact" if len(right) == 1 else "with others"


def evaluate(
    runtimes: Iterable[Runtime], roots: Sequence[Path], rules: Rules, means: Mapping[str, tuple[str, ...]]
) -> Iterator[Result | Missing]:
    """Tries every library that is on disk."""
    scanner = Scanner()
    with tempfile.TemporaryDirectory(prefix="nngauge-evaluation-") as folder:
        for runtime in runtimes:
            for library in runtime.libraries:
                path = locate(runtime, library, roots)
                if path is None:
                    yield Missing(runtime.title, library.file, "not on disk")
                else:
                    yield _try(scanner, runtime, library, path, Path(folder), rules, means)


def _try(
    scanner: Scanner,
    runtime: Runtime,
    library: Library,
    path: Path,
    folder: Path,
    rules: Rules,
    means: Mapping[str, tuple[str, ...]],
) -> Result:
    container = container_of(path)
    started = time.monotonic()
    plain = _scan(scanner, path, container, path.name, folder)
    seconds = time.monotonic() - started
    other = folder / "disguised"
    stripped = disguise(path, container, other)
    neutral = {"elf": "libfoo.so", "macho": "foo", "script": "foo.js"}[container]
    disguised = _scan(scanner, other, container, neutral, folder)
    other.unlink()
    named = frameworks_in(path, rules) if container == "elf" else None
    return Result(
        title=runtime.title,
        platform=runtime.platform or container,
        file=path.name,
        container=container,
        sha256=_digest(path),
        size=path.stat().st_size,
        truth=library,
        fresh=runtime.fresh,
        held_out=runtime.held_out,
        plain=plain,
        plain_score=score(library, plain),
        disguised=disguised,
        disguised_score=score(library, disguised),
        stripped=stripped,
        baseline=named,
        baseline_verdict=baseline_verdict(library, named, means) if named is not None else "not read",
        version_in_bytes=bool(library.version) and _holds(path, library.version),
        seconds=seconds,
    )


def _holds(path: Path, version: str) -> bool:
    """A version between characters that cannot be part of one."""
    pattern = rb"(?<![\w.])v?" + re.escape(version.encode()) + rb"(?![\w.])"
    return re.search(pattern, path.read_bytes()) is not None


def _scan(scanner: Scanner, file: Path, container: str, name: str, folder: Path) -> Look:
    suffix, entry = place_of(container, name)
    app = plant(folder / f"app{suffix}", {entry: file})
    try:
        return look(scanner.scan(app).detections)
    finally:
        app.unlink()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
