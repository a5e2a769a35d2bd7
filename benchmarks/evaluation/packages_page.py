"""The part of the page about labelled packages."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from benchmarks.evaluation.packages import Finding, PackageResult
from benchmarks.evaluation.tables import share, table
from benchmarks.evaluation.truth import Vocabulary


def labelled(results: Sequence[PackageResult], listed: int, vocabulary: Vocabulary) -> str:
    positive = [item for item in results if not item.package.negative and item.package.labels]
    groups = (
        ("byte for byte as published", [item for item in positive if item.package.same_bytes]),
        ("put together again from parts", [item for item in positive if not item.package.same_bytes]),
    )
    rows = []
    for name, items in groups:
        asked = sum(len(item.asked) for item in items)
        found = asked - sum(len(item.missed) for item in items)
        models = sum(len(item.package.models) for item in items)
        right = sum(item.models_found for item in items)
        rows.append((name, len(items), share(found, asked), share(right, models), _finding_counts(items)))
    cpu = [item.cpu_warm * 1000 for item in results]
    command = [item.cpu_command * 1000 for item in results]
    peak = max((item.peak for item in results), default=0) / 1e6
    text = [
        "## Labelled packages",
        f"{len(results)} of {listed} packages of the list are at hand.",
        table(
            ("packages with AI", "number", "labels found", "labelled models found", "detections the labels lack"), rows
        ),
        _two_steps(positive, vocabulary),
        _by_technology(positive, vocabulary),
        _missed(positive),
    ]
    if cpu:
        text.append(
            f"CPU per package: median {statistics.median(cpu):.0f} ms, most {max(cpu):.0f} ms in a process that has its rules "
            f"loaded; the whole command median {statistics.median(command):.0f} ms, most {max(command):.0f} ms. Peak memory "
            f"of the command: {peak:.0f} MB."
        )
    return "\n\n".join(part for part in text if part)


def _two_steps(items: Sequence[PackageResult], vocabulary: Vocabulary) -> str:
    """The published method on the same packages."""
    labels = [(item, label.name) for item in items for label in item.package.labels if not label.models_only]
    meant = {name: _names_of(name, vocabulary) for name in {name for _, name in labels}}
    hit = sum(any(set(vocabulary.baseline[f]) & meant[name] for f in item.baseline_frameworks) for item, name in labels)
    models = [(item, entry) for item in items for entry, _ in item.package.models]
    named = sum(entry in item.baseline_models for item, entry in models)
    wrong = sum(len(set(item.baseline_models) - _known_models(item)) for item in items)
    return (
        f"The published two-step method on the same packages: {share(hit, len(labels))} labels, "
        f"{share(named, len(models))} labelled models, {wrong} other files taken for models by their endings."
    )


def _known_models(item: PackageResult) -> set[str]:
    return {entry for entry, _ in item.package.models} | {finding.where for finding in item.models_extra}


def _names_of(label: str, vocabulary: Vocabulary) -> set[str]:
    return set(vocabulary.technologies.get(label, ()))


def _finding_counts(items: Sequence[PackageResult]) -> str:
    found = Counter(finding.status for item in items for finding in item.technologies if finding.status != "labelled")
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items())) or "none"


def _by_technology(items: Sequence[PackageResult], vocabulary: Vocabulary) -> str:
    asked, found = Counter[str](), Counter[str]()
    right, total = Counter[str](), Counter[str]()
    for item in items:
        missed = {miss.name for miss in item.missed}
        asked.update(item.asked)
        found.update(name for name in item.asked if name not in missed)
        for finding in item.technologies:
            total[finding.name] += 1
            right[finding.name] += finding.status in {"labelled", "confirmed"}
    recall = table(
        ("label", "our names", "recall"),
        (
            (name, ", ".join(vocabulary.technologies.get(name, ())), share(found[name], asked[name]))
            for name in sorted(asked)
        ),
    )
    precision = table(("technology", "precision"), ((name, share(right[name], total[name])) for name in sorted(total)))
    return f"{recall}\n\nPrecision counts a detection as right when the label or a checked note confirms it.\n\n{precision}"


def _missed(items: Sequence[PackageResult]) -> str:
    rows = [(_origin(item), miss.name, miss.reason) for item in items for miss in (*item.missed, *item.models_missed)]
    return "Missed:\n\n" + table(("package", "label", "reason"), rows) if rows else "No label was missed."


def _origin(item: PackageResult) -> str:
    return f"{item.package.origin.partition(':')[0] if not item.package.origin.startswith('npm') else item.package.origin} `{item.package.sha256[:8]}`"


def negatives(results: Sequence[PackageResult]) -> str:
    items = [item for item in results if item.package.negative]
    bad = [item for item in items if item.technologies or item.models_shipped]
    text = [
        "### Packages without AI",
        f"{share(len(items) - len(bad), len(items))} got no model and no counted runtime, feature or classical learner.",
    ]
    rows = [(_origin(item), ", ".join(f.name for f in item.technologies), item.models_shipped) for item in bad]
    if rows:
        text.append(table(("package", "technologies", "models"), rows))
    others = [(_origin(item), ", ".join(item.others)) for item in items if item.others]
    if others:
        text.append("Reported beside that (system, cloud, bindings):\n\n" + table(("package", "technologies"), others))
    broken = [(_origin(item), item.error) for item in items if item.error]
    if broken:
        text.append("Refused as no package:\n\n" + table(("package", "reason"), broken))
    return "\n\n".join(text)


def unlabelled(results: Sequence[PackageResult]) -> str:
    rows = []
    for item in results:
        rows += [(_origin(item), *_row(finding)) for finding in item.technologies if finding.status != "labelled"]
        grouped: Mapping[tuple[str, str, str], list[Finding]] = _grouped(item.models_extra)
        for (name, status, reason), findings in grouped.items():
            rows.append((_origin(item), f"{len(findings)} × {name} model", findings[0].where, status, reason))
    if not rows:
        return ""
    head = ("package", "found", "where (first)", "status", "reason")
    return "## What the labels lack\n\n" + table(head, rows)


def _row(finding: Finding) -> tuple[str, str, str, str]:
    return finding.name, finding.where, finding.status, finding.reason


def _grouped(findings: Sequence[Finding]) -> dict[tuple[str, str, str], list[Finding]]:
    grouped: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        grouped[finding.name, finding.status, finding.reason].append(finding)
    return grouped


def every_package(results: Sequence[PackageResult]) -> str:
    """Where each package comes from and what was found in it."""
    if not results:
        return ""
    rows = [
        (
            item.package.origin,
            item.package.sha256[:16],
            item.package.tier + ("" if item.package.same_bytes else " (other bytes)"),
            f"{item.size / 1e6:.1f}",
            ", ".join(finding.name for finding in item.technologies) or "–",
            item.models_shipped,
        )
        for item in results
    ]
    head = ("repository: path", "sha256", "tier", "MB", "runtimes and features", "models")
    return "## Every package\n\n" + table(head, rows)
