"""Real packages that people labelled: scored by the code behind ``nngauge rules evaluate``, measured, and held against
the published method."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.evaluation.baseline import Rules, two_steps
from benchmarks.evaluation.truth import HERE
from benchmarks.measure import Run, run_once
from nngauge.domain.evaluation import LabelSet, PackageScore
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure, Stage
from nngauge.domain.scan import Scan
from nngauge.errors import NngaugeError
from nngauge.evaluation.labels import load_labels
from nngauge.evaluation.scores import score_package
from nngauge.extract.attempt import failure
from nngauge.pipeline import Scanner

LABELS = (HERE / "packages_known.toml", HERE / "packages_fresh.toml")
SUFFIXES = (".apk", ".ipa", ".aar", ".aab", ".xapk", ".apks", ".apkm")


@dataclass(frozen=True, slots=True)
class PackageResult:
    """One package, scanned and held against its labels."""

    score: PackageScore
    size: int
    technologies: tuple[str, ...]
    """Everything counted that the scan reports."""
    models: int
    """Models the scan found, labelled or not."""
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


@dataclass(frozen=True, slots=True)
class PackageList:
    """One labels file and the results of those of its packages that are at hand."""

    labels: LabelSet
    results: tuple[PackageResult, ...]


def load_lists() -> tuple[LabelSet, ...]:
    """The labels files of this evaluation."""
    return tuple(load_labels(path) for path in LABELS)


def find_package(folder: Path, sha256: str) -> Path | None:
    """The file named by its digest."""
    return next((path for suffix in SUFFIXES if (path := folder / f"{sha256}{suffix}").is_file()), None)


def commands(files: Iterable[tuple[str, Path]]) -> dict[str, Run]:
    """The whole command on every package, by digest.

    To be called while this process is small: on Linux a child's peak memory starts with that of its parent.
    """
    return {digest: run_once([sys.executable, "-m", "nngauge", "scan", str(path), "--json"]) for digest, path in files}


def evaluate(labels: LabelSet, files: Mapping[str, Path], runs: Mapping[str, Run], rules: Rules) -> PackageList:
    """Scans every package of `labels` of which the command was measured."""
    return PackageList(labels, tuple(_results(labels, files, runs, rules)))


def _results(
    labels: LabelSet, files: Mapping[str, Path], runs: Mapping[str, Run], rules: Rules
) -> Iterator[PackageResult]:
    scanner = Scanner()
    for package in labels.package:
        if package.sha256 not in runs:
            continue
        path, run = files[package.sha256], runs[package.sha256]
        started = time.process_time()
        result = _scan(scanner, path)
        warm = time.process_time() - started
        frameworks, named = two_steps(path, rules)
        score = score_package(package, str(path), result, labels.exhaustive)
        yield PackageResult(
            score=score,
            size=path.stat().st_size,
            technologies=tuple(sorted({*score.right, *score.unchecked, *(alarm.name for alarm in score.alarms)})),
            models=0 if isinstance(result, Failure) else len(result.models),
            baseline_frameworks=frameworks,
            baseline_models=named,
            cpu_warm=warm,
            cpu_command=run.cpu,
            peak=run.peak,
        )


def _scan(scanner: Scanner, path: Path) -> Scan | Failure:
    try:
        return scanner.scan(path)
    except NngaugeError as error:
        return failure(Stage.PACKAGE, Location(path=str(path)), error)
