"""The part of the page about labelled packages."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from benchmarks.evaluation.packages import PackageList, PackageResult
from benchmarks.evaluation.tables import share, table
from nngauge.domain.evaluation import (
    PRESENCES,
    SHIPPED,
    Evaluation,
    FalseAlarm,
    Miss,
    PackageScore,
    TechnologyLabel,
    Told,
)
from nngauge.evaluation.run import evaluations
from nngauge.screen.scores import cells

_INTRODUCTION = (
    "Scored by `nngauge rules evaluate` as `docs/labels.md` describes. *Known* packages were at hand when rules were "
    "written. The others were labelled before nngauge had seen them, from the repositories' build files and from "
    "symbols, strings and dex tables read by other means: *dev* is the half whose misses were mended, *hold-out* the "
    "half no rule was ever changed for. The last row is the one to believe."
)
Baseline = Mapping[str, Sequence[str]]
"""Framework of the published rules → technology ids it stands for."""


def labelled(lists: Sequence[PackageList], baseline: Baseline) -> str:
    """Sums per group, per technology, and everything that was wrong."""
    if not any(item.results for item in lists):
        return ""
    parts = [
        "## Labelled packages",
        _INTRODUCTION,
        table(
            ("group", "at hand", "recall", "precision", "versions", "models", "false models", "without AI, clean"),
            [_group_row(part) for part in _groups(lists)],
        ),
        _two_steps(lists, baseline),
        *(_technologies(part) for part in _groups(lists)),
        _wrong(lists),
        _cost([result for item in lists for result in item.results]),
    ]
    return "\n\n".join(part for part in parts if part)


def _groups(lists: Sequence[PackageList]) -> Iterator[Evaluation]:
    """Every group of every list; a list without groups counts as one."""
    for item in lists:
        whole, *groups = evaluations(item.labels, [result.score for result in item.results])
        yield from groups or (whole,)


def _group_row(part: Evaluation) -> tuple[object, ...]:
    total, models = part.total, part.models
    return (
        part.group or "known",
        f"{part.packages - part.skipped} of {part.packages}",
        share(total.found, total.labelled),
        share(total.right, total.right + total.wrong),
        share(total.versions_right, total.versions),
        share(models.found, models.labelled),
        models.wrong,
        f"{part.without_ai_clean} of {part.without_ai}",
    )


def _two_steps(lists: Sequence[PackageList], baseline: Baseline) -> str:
    """The published method on the same packages: labels of code, and labelled models by their endings."""
    results = [result for item in lists for result in item.results]
    asked = [(result, label) for result in results for label in result.score.labels.technology if _shipped(label)]
    hit = sum(_named(result, label, baseline) for result, label in asked)
    models = [(result, model) for result in results for model in result.score.labels.model if not model.optional]
    named = sum(model.entry in result.baseline_models for result, model in models)
    clean = [result for result in results if not result.score.labels.ai]
    wrong = sum(bool(result.baseline_frameworks or result.baseline_models) for result in clean)
    return (
        f"The published two-step method on the same packages: {share(hit, len(asked))} technologies whose code is inside, "
        f"{share(named, len(models))} labelled models, something claimed in {wrong} of {len(clean)} packages without AI."
    )


def _shipped(label: TechnologyLabel) -> bool:
    return not (label.absent or label.optional) and bool(PRESENCES[label.presence] & SHIPPED)


def _named(result: PackageResult, label: TechnologyLabel, baseline: Baseline) -> bool:
    ids = {name for framework in result.baseline_frameworks for name in baseline[framework]}
    return any(fnmatchcase(name, pattern) for name in ids for pattern in label.ids)


def _technologies(part: Evaluation) -> str:
    if not part.technologies:
        return ""
    head = ("technology", "labelled", "recall", "reported", "precision", "versions asked", "versions right")
    return f"### {part.group or 'known'}\n\n" + table(head, [cells(row) for row in part.technologies])


def _wrong(lists: Sequence[PackageList]) -> str:
    rows = [row for item in lists for result in item.results for row in _faults(result.score)]
    if not rows:
        return "Nothing was missed, nothing was claimed falsely, no version was wrong or left out."
    head = ("package", "group", "what", "name", "reason", "evidence (first)")
    return "Missed, claimed falsely, or without the labelled version:\n\n" + table(head, rows)


def _faults(score: PackageScore) -> Iterator[tuple[str, ...]]:
    front = (_origin(score), score.labels.group)
    if score.failure:
        yield (*front, "not scanned", "", score.failure, "")
    for miss in (*score.missed, *score.models_missed):
        yield (*front, "missed", miss.name, miss.reason, _first(miss))
    for alarm in (*score.alarms, *score.model_alarms):
        yield (*front, "false", alarm.name, alarm.reason, _first(alarm))
    for check in score.versions:
        if check.verdict is not Told.RIGHT:
            told = ", ".join(check.told) or "nothing"
            yield (*front, "version", check.name, f"labelled {check.labelled}, told {told}", "")


def _first(item: Miss | FalseAlarm) -> str:
    if not item.evidence:
        return ""
    proof = item.evidence[0]
    return f"`{proof.value}` in {proof.location.path.partition('!')[2]} ({proof.rule})"


def _origin(score: PackageScore) -> str:
    return f"{score.labels.repository} `{score.labels.sha256[:8]}`"


def _cost(results: Sequence[PackageResult]) -> str:
    if not results:
        return ""
    warm = [item.cpu_warm * 1000 for item in results]
    command = [item.cpu_command * 1000 for item in results]
    return (
        f"CPU per package: median {statistics.median(warm):.0f} ms, most {max(warm):.0f} ms in a process that has its rules "
        f"loaded; the whole command median {statistics.median(command):.0f} ms, most {max(command):.0f} ms. Peak memory of "
        f"the command: {max(item.peak for item in results) / 1e6:.0f} MB."
    )


def every_package(lists: Sequence[PackageList]) -> str:
    """Where each package comes from and what was found in it."""
    rows = [_package_row(result) for item in lists for result in item.results]
    if not rows:
        return ""
    head = ("repository: path", "sha256", "group", "MB", "technologies", "models")
    return "## Every package\n\n" + table(head, rows)


def _package_row(result: PackageResult) -> tuple[object, ...]:
    labels = result.score.labels
    group = labels.group + ("" if labels.ai else ", without AI") + (", assembled" if labels.assembled else "")
    names = ", ".join(result.technologies) or "–"
    return labels.title, labels.sha256[:16], group, f"{result.size / 1e6:.1f}", names, result.models
