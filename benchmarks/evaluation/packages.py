"""Real packages that people labelled: which labels are found, which detections the labels lack, which models."""

from __future__ import annotations

import fnmatch
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.evaluation.baseline import Rules, two_steps
from benchmarks.evaluation.runtimes import COUNTED
from benchmarks.evaluation.truth import LabelledPackage, Note, Vocabulary, note_for
from benchmarks.measure import Run, run_once
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.scan import Scan
from nngauge.errors import InputError, NotThisFormat
from nngauge.pipeline import Scanner

SUFFIXES = (".apk", ".ipa", ".aar", ".aab", ".xapk", ".apks", ".apkm")


@dataclass(frozen=True, slots=True)
class Finding:
    """One name that a scan gave: a technology, or the format of a model."""

    name: str
    where: str
    """Path of the first piece of evidence, inside the package."""
    status: str
    """``labelled``, ``confirmed`` or ``refuted`` (by a note), ``unchecked``."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Miss:
    """A label that the scan did not give."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class PackageResult:
    """One package, scanned and held against its labels."""

    package: LabelledPackage
    size: int
    error: str
    """Why it is no package at all; empty when it was scanned."""
    asked: tuple[str, ...]
    """Labels that code in the package should give."""
    technologies: tuple[Finding, ...]
    missed: tuple[Miss, ...]
    models_found: int
    models_missed: tuple[Miss, ...]
    models_extra: tuple[Finding, ...]
    models_shipped: int
    """Models the scan found, labelled or not."""
    others: tuple[str, ...]
    """Counted detections of other categories: accelerators, system, cloud, bindings."""
    baseline_frameworks: tuple[str, ...]
    """What the published two-step method finds in the native libraries."""
    baseline_models: tuple[str, ...]
    """Entries that it takes for models by their endings."""
    cpu_warm: float
    """CPU seconds of the scan in a process that has its rules loaded."""
    cpu_command: float
    """CPU seconds of the whole command."""
    peak: int
    """Peak resident bytes of the whole command."""


def find_package(folder: Path, sha256: str) -> Path | None:
    """The file named by its digest."""
    return next((path for suffix in SUFFIXES if (path := folder / f"{sha256}{suffix}").is_file()), None)


def commands(packages: Iterable[LabelledPackage], folder: Path) -> dict[str, Run]:
    """The whole command on every package, by digest.

    To be called while this process is small: on Linux a child's peak memory starts with that of its parent.
    """
    found = ((package.sha256, find_package(folder, package.sha256)) for package in packages)
    return {
        sha256: run_once([sys.executable, "-m", "nngauge", "scan", str(path), "--json"])
        for sha256, path in found
        if path
    }


def evaluate(
    packages: Iterable[LabelledPackage],
    folder: Path,
    vocabulary: Vocabulary,
    notes: tuple[Note, ...],
    runs: Mapping[str, Run],
    rules: Rules,
) -> Iterator[PackageResult]:
    """Scans every package of which the command was measured."""
    scanner = Scanner()
    for package in packages:
        path = find_package(folder, package.sha256)
        if path is not None and package.sha256 in runs:
            yield _one(scanner, package, path, vocabulary, notes, runs[package.sha256], rules)


def _one(
    scanner: Scanner,
    package: LabelledPackage,
    path: Path,
    vocabulary: Vocabulary,
    notes: tuple[Note, ...],
    run: Run,
    rules: Rules,
) -> PackageResult:
    started = time.process_time()
    error, scan = "", None
    try:
        scan = scanner.scan(path)
    except (InputError, NotThisFormat) as problem:
        error = str(problem)
    warm = time.process_time() - started
    asked = tuple(label.name for label in package.labels if not label.models_only)
    technologies = compare_technologies(package, scan, vocabulary, notes) if scan else ()
    found, missed, extra = compare_models(package, scan, vocabulary, notes, _names(path))
    frameworks, named = two_steps(path, rules)
    return PackageResult(
        package=package,
        size=path.stat().st_size,
        error=error,
        asked=asked,
        technologies=technologies,
        missed=_missed(package, scan, asked, vocabulary, notes),
        models_found=found,
        models_missed=missed,
        models_extra=extra,
        models_shipped=len(scan.models) if scan else 0,
        others=_others(scan) if scan else (),
        baseline_frameworks=frameworks,
        baseline_models=named,
        cpu_warm=warm,
        cpu_command=run.cpu,
        peak=run.peak,
    )


def _names(path: Path) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return ()


def matches(patterns: Sequence[str], name: str) -> bool:
    """Whether any of the shell patterns is `name`."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def compare_technologies(
    package: LabelledPackage, scan: Scan, vocabulary: Vocabulary, notes: tuple[Note, ...]
) -> tuple[Finding, ...]:
    """Every counted runtime, feature or classical learner of the scan, with what the labels or notes say about it."""
    labelled = [pattern for label in package.labels for pattern in vocabulary.technologies.get(label.name, ())]
    first: dict[str, str] = {}
    for item in scan.detections:
        if item.category in COUNTED and item.confidence is not Confidence.POSSIBLE:
            first.setdefault(item.technology, _inner(item.evidence[0].location.path))
    return tuple(
        Finding(name, where, "labelled")
        if matches(labelled, name)
        else _noted(name, where, note_for(notes, package.sha256, name))
        for name, where in sorted(first.items())
    )


def _noted(name: str, where: str, note: Note | None) -> Finding:
    if note is None:
        return Finding(name, where, "unchecked")
    return Finding(name, where, "confirmed" if note.confirmed else "refuted", note.reason)


def _missed(
    package: LabelledPackage,
    scan: Scan | None,
    asked: Sequence[str],
    vocabulary: Vocabulary,
    notes: tuple[Note, ...],
) -> tuple[Miss, ...]:
    detections = scan.detections if scan else ()
    counted = {item.technology for item in detections if item.confidence is not Confidence.POSSIBLE}
    missed = []
    for name in asked:
        patterns = vocabulary.technologies.get(name, ())
        if not any(matches(patterns, found) for found in counted):
            note = note_for(notes, package.sha256, name)
            missed.append(Miss(name, note.reason if note else "not explained yet"))
    return tuple(missed)


def compare_models(
    package: LabelledPackage,
    scan: Scan | None,
    vocabulary: Vocabulary,
    notes: tuple[Note, ...],
    names: Sequence[str],
) -> tuple[int, tuple[Miss, ...], tuple[Finding, ...]]:
    """Labelled models found, those missed with the reason, and models that the labels lack."""
    models = scan.models if scan else ()
    formats = {_inner(part.location.path): model.format for model in models for part in model.parts}
    entries = dict(package.models)
    found, missed = 0, []
    for entry, label in package.models:
        if formats.get(entry) in vocabulary.formats.get(label, ()):
            found += 1
        else:
            missed.append(Miss(f"{entry} ({label})", _why_not(entry, scan, names, formats)))
    extra = [
        _noted(model.format, _inner(model.parts[0].location.path), note_for(notes, package.sha256, model.format))
        for model in models
        if not any(_inner(part.location.path) in entries for part in model.parts)
    ]
    return found, tuple(missed), tuple(extra)


def _why_not(entry: str, scan: Scan | None, names: Sequence[str], formats: dict[str, str]) -> str:
    if entry in formats:
        return f"found as {formats[entry]}"
    if entry not in names:
        return "the entry is not in this package"
    for candidate in scan.candidates if scan else ():
        if _inner(candidate.location.path) == entry:
            return f"{candidate.suspicion}: {candidate.reason}"
    return "not recognised"


def _others(scan: Scan) -> tuple[str, ...]:
    return tuple(
        sorted(
            {
                item.technology
                for item in scan.detections
                if item.category not in COUNTED
                and item.confidence is not Confidence.POSSIBLE
                and item.presence is not Presence.FILE
            }
        )
    )


def _inner(path: str) -> str:
    return path.partition("!")[2] or path
