"""Scoring: pure functions from labels and scans to misses, false alarms and sums. Rules of the game: docs/labels.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from nngauge.domain.detection import Detection
from nngauge.domain.evaluation import (
    MODEL_SCOPE,
    PRESENCES,
    SHIPPED,
    Evaluation,
    FalseAlarm,
    Miss,
    ModelLabel,
    PackageLabels,
    PackageScore,
    TechnologyLabel,
    TechnologyScore,
    Told,
    VersionCheck,
)
from nngauge.domain.evidence import Confidence, Evidence
from nngauge.domain.model import Model
from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan

_SHOWN = 3
"""Pieces of evidence kept for one miss or alarm."""


def score_package(
    labels: PackageLabels, path: str, result: Scan | Failure, exhaustive: Sequence[str] = ()
) -> PackageScore:
    """Holds one scan against its labels; `exhaustive` is the default of the labels file.

    Only what counts is compared: claims that are merely possible are neither found nor false.
    """
    if isinstance(result, Failure):
        reason = f"{result.error}: {result.reason}"
        gone = tuple(Miss(name=label.name, reason=reason) for label in labels.technology if _asked(label))
        lost = tuple(Miss(name=model.entry, reason=reason) for model in labels.model if not model.optional)
        return PackageScore(labels=labels, path=path, failure=reason, missed=gone, models_missed=lost)
    scopes = _scopes(labels, exhaustive)
    groups = _groups(result.detections)
    found, missed, versions = _against_labels(labels, groups, result.detections)
    right, alarms, unchecked = _against_claims(labels, groups, scopes)
    seen, lost = _models(labels, result)
    extra, wrong = _extra_models(labels, result.models, scopes)
    return PackageScore(
        labels=labels, path=path, found=found, missed=missed, right=right, alarms=alarms, unchecked=unchecked,
        versions=versions, models_found=seen, models_missed=lost, models_unchecked=extra, model_alarms=wrong,
    )  # fmt: skip


def _asked(label: TechnologyLabel) -> bool:
    return not (label.absent or label.optional)


def _scopes(labels: PackageLabels, exhaustive: Sequence[str]) -> frozenset[str]:
    """Where nothing is labelled although something is there, the claim is a false alarm."""
    return frozenset(exhaustive if labels.exhaustive is None else labels.exhaustive)


def _groups(detections: Iterable[Detection]) -> dict[str, list[Detection]]:
    """Detections that count, by technology."""
    groups: dict[str, list[Detection]] = defaultdict(list)
    for item in detections:
        if item.confidence is not Confidence.POSSIBLE:
            groups[item.technology].append(item)
    return groups


def _matches(label: TechnologyLabel, technology: str) -> bool:
    return any(fnmatchcase(technology, pattern) for pattern in label.ids)


def _agrees(label: TechnologyLabel, group: Sequence[Detection]) -> bool:
    """Is a technology inside in the way the label says? What is only named must not be claimed as shipped."""
    wanted = PRESENCES[label.presence]
    presences = {item.presence for item in group}
    overclaimed = not (wanted & SHIPPED) and bool(presences & SHIPPED)
    return bool(wanted & presences) and not overclaimed


# --- from the labels: what was found, what was missed ---------------------------------------------------------------------


def _against_labels(
    labels: PackageLabels, groups: dict[str, list[Detection]], everything: Sequence[Detection]
) -> tuple[tuple[str, ...], tuple[Miss, ...], tuple[VersionCheck, ...]]:
    found, missed, versions = [], [], []
    for label in filter(_asked, labels.technology):
        good = [
            item for name, group in groups.items() if _matches(label, name) and _agrees(label, group) for item in group
        ]
        if not good:
            near = [item for item in everything if _matches(label, item.technology)]
            missed.append(Miss(name=label.name, reason=_why_missed(label, near), evidence=_evidence(near)))
            continue
        found.append(label.name)
        if label.version:
            versions.append(_version(label, good))
    return tuple(found), tuple(missed), tuple(versions)


def _why_missed(label: TechnologyLabel, near: Sequence[Detection]) -> str:
    if not near:
        return "nothing was found"
    said = ", ".join(dict.fromkeys(f"{item.technology} {item.presence}, {item.confidence}" for item in near))
    return f"labelled as {label.presence}, reported as {said}"


def _version(label: TechnologyLabel, group: Sequence[Detection]) -> VersionCheck:
    told = tuple(dict.fromkeys(item.version for item in group if item.version))
    right = [fnmatchcase(version, label.version) for version in told]
    verdict = Told.SILENT if not told else Told.RIGHT if all(right) else Told.WRONG
    proofs = tuple(item.version_evidence for item in group if item.version_evidence)[:_SHOWN]
    return VersionCheck(name=label.name, labelled=label.version, told=told, verdict=verdict, evidence=proofs)


def _evidence(group: Iterable[Detection]) -> tuple[Evidence, ...]:
    return tuple(proof for item in group for proof in item.evidence[:1])[:_SHOWN]


# --- from the claims: what is right, what is false --------------------------------------------------------------------------


def _against_claims(
    labels: PackageLabels, groups: dict[str, list[Detection]], scopes: frozenset[str]
) -> tuple[tuple[str, ...], tuple[FalseAlarm, ...], tuple[str, ...]]:
    right, alarms, unchecked = [], [], []
    for name, group in sorted(groups.items()):
        mine = [label for label in labels.technology if _matches(label, name)]
        wrong = _why_false(mine, group)
        if wrong or (not mine and str(group[0].category) in scopes):
            alarms.append(FalseAlarm(name=name, reason=wrong or _not_labelled(group), evidence=_evidence(group)))
        elif mine:
            right.append(name)
        else:
            unchecked.append(name)
    return tuple(right), tuple(alarms), tuple(unchecked)


def _why_false(mine: Sequence[TechnologyLabel], group: Sequence[Detection]) -> str:
    """What the labels of a technology say against the claim; empty when one of them agrees or none exists."""
    if not mine or any(not label.absent and _agrees(label, group) for label in mine):
        return ""
    label = mine[0]
    said = ", ".join(dict.fromkeys(str(item.presence) for item in group))
    return f"labelled as {'absent' if label.absent else label.presence}, claimed as {said}" + (
        f" ({label.why})" if label.why else ""
    )


def _not_labelled(group: Sequence[Detection]) -> str:
    return f"not labelled, claimed as {', '.join(dict.fromkeys(str(item.presence) for item in group))}"


# --- models -------------------------------------------------------------------------------------------------------------------


def _models(labels: PackageLabels, scan: Scan) -> tuple[tuple[str, ...], tuple[Miss, ...]]:
    formats = {entry: model.format for model in scan.models for entry in _entries(model)}
    found, missed = [], []
    for label in labels.model:
        if formats.get(label.entry) in label.formats:
            found.append(label.entry)
        elif not label.optional:
            missed.append(Miss(name=label.entry, reason=_why_not(label, scan, formats)))
    return tuple(found), tuple(missed)


def _why_not(label: ModelLabel, scan: Scan, formats: dict[str, str]) -> str:
    if label.entry in formats:
        return f"labelled as {label.formats[0]}, found as {formats[label.entry]}"
    for candidate in scan.candidates:
        if inner_path(candidate.location.path) == label.entry:
            return f"{label.formats[0]}: {candidate.suspicion}: {candidate.reason}"
    return f"{label.formats[0]}: not recognised"


def _extra_models(
    labels: PackageLabels, models: Iterable[Model], scopes: frozenset[str]
) -> tuple[tuple[str, ...], tuple[FalseAlarm, ...]]:
    labelled = {label.entry: label for label in labels.model}
    unchecked, alarms = [], []
    for model in models:
        entries = _entries(model)
        mine = [labelled[entry] for entry in entries if entry in labelled]
        if any(model.format in label.formats for label in mine):
            continue
        if MODEL_SCOPE in scopes or mine:
            reason = f"labelled as {mine[0].formats[0]}" if mine else "not labelled"
            alarms.append(
                FalseAlarm(
                    name=f"{model.format} model", reason=f"{entries[0]}: {reason}", evidence=model.evidence[:_SHOWN]
                )
            )
        else:
            unchecked.append(entries[0])
    return tuple(unchecked), tuple(alarms)


def _entries(model: Model) -> list[str]:
    return [inner_path(part.location.path) for part in model.parts]


def inner_path(path: str) -> str:
    """Path inside the package of a location like ``app.apk!assets/m.tflite``."""
    return path.partition("!")[2] or path


# --- sums ---------------------------------------------------------------------------------------------------------------------


def sum_up(scores: Sequence[PackageScore], *, listed: int, group: str = "") -> Evaluation:
    """Adds up the scores of one group; `listed` packages were labelled, those without a score were not at hand."""
    rows = {name: _row(name, scores) for name in sorted(_names(scores))}
    clean = [score for score in scores if not score.labels.ai and not score.failure]
    return Evaluation(
        group=group,
        packages=listed,
        skipped=listed - len(scores),
        failed=sum(bool(score.failure) for score in scores),
        total=_total(rows.values()),
        technologies=tuple(rows.values()),
        models=_model_row(scores),
        without_ai=len(clean),
        without_ai_clean=sum(score.clean for score in clean),
        unchecked=sum(len(score.unchecked) + len(score.models_unchecked) for score in scores),
    )


def _names(scores: Iterable[PackageScore]) -> Iterator[str]:
    for score in scores:
        yield from score.found
        yield from score.right
        yield from (miss.name for miss in score.missed)
        yield from (alarm.name for alarm in score.alarms)


def _row(name: str, scores: Sequence[PackageScore]) -> TechnologyScore:
    found = sum(score.found.count(name) for score in scores)
    missed = sum(miss.name == name for score in scores for miss in score.missed)
    checks = [check for score in scores for check in score.versions if check.name == name]
    return TechnologyScore(
        name=name,
        labelled=found + missed,
        found=found,
        right=sum(name in score.right for score in scores),
        wrong=sum(alarm.name == name for score in scores for alarm in score.alarms),
        versions=len(checks),
        versions_right=sum(check.verdict is Told.RIGHT for check in checks),
        versions_silent=sum(check.verdict is Told.SILENT for check in checks),
    )


def _total(rows: Iterable[TechnologyScore]) -> TechnologyScore:
    kept = tuple(rows)
    return TechnologyScore(
        name="all",
        labelled=sum(row.labelled for row in kept),
        found=sum(row.found for row in kept),
        right=sum(row.right for row in kept),
        wrong=sum(row.wrong for row in kept),
        versions=sum(row.versions for row in kept),
        versions_right=sum(row.versions_right for row in kept),
        versions_silent=sum(row.versions_silent for row in kept),
    )


def _model_row(scores: Sequence[PackageScore]) -> TechnologyScore:
    found = sum(len(score.models_found) for score in scores)
    return TechnologyScore(
        name="models",
        labelled=found + sum(len(score.models_missed) for score in scores),
        found=found,
        right=found,
        wrong=sum(len(score.model_alarms) for score in scores),
    )
