"""The part of the page about model files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from benchmarks.evaluation.models import ModelResult
from benchmarks.evaluation.tables import share, table


def planted(results: Sequence[ModelResult]) -> str:
    asked = [item for item in results if item.expected]
    if not asked:
        return ""
    named = [item for item in asked if item.right]
    neutral = [item for item in asked if item.right_neutral]
    groups: dict[str, list[ModelResult]] = defaultdict(list)
    for item in asked:
        groups[item.label].append(item)
    rows = [_format_row(label, items) for label, items in sorted(groups.items())]
    missed = [
        (item.file, item.label, _how(item), item.reason) for item in asked if not (item.right and item.right_neutral)
    ]
    other = [
        (item.file, item.label, item.named or item.neutral or "nothing", item.reason)
        for item in results
        if not item.expected
    ]
    text = [
        "## Model files planted in apps",
        (
            f"{len(asked)} real model files from public repositories. Under their own names, with the parts that belong to "
            f"them: {share(len(named), len(asked))} found as what they are. Alone, under names that say nothing "
            f"(`assets/d/c0001`): {share(len(neutral), len(asked))}."
        ),
        table(("label", "files", "found", "found by content alone", "full", "partial", "structure"), rows),
    ]
    if missed:
        text.append("Missed:\n\n" + table(("file", "label", "missed", "reason"), missed))
    if other:
        text.append(
            "In the list, but no models:\n\n" + table(("file", "label", "reported as", "why it is none"), other)
        )
    return "\n\n".join(text)


def _format_row(label: str, items: Sequence[ModelResult]) -> tuple[object, ...]:
    levels = Counter(item.completeness for item in items if item.right)
    right, neutral = sum(item.right for item in items), sum(item.right_neutral for item in items)
    return label, len(items), right, neutral, levels["full"], levels["partial"], levels["structure"]


def _how(item: ModelResult) -> str:
    if item.right:
        return "without its name and parts"
    return "both ways" if not item.right_neutral else "under its own name"
