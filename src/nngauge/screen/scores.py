"""An evaluation of the rules on a screen and as JSON: the sums, then every miss and false alarm with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.evaluation import Evaluation, FalseAlarm, Miss, PackageScore, TechnologyScore, Told
from nngauge.domain.evidence import Evidence

SCHEMA = "nngauge.evaluation/1"
_CELLS = ("technology", "labelled", "recall", "reported", "precision", "versions", "right")


class EvaluationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What ``nngauge rules evaluate --json`` prints."""

    schema: str = SCHEMA
    rules: str
    """Digest of the rule set."""
    evaluations: tuple[Evaluation, ...]
    """The whole file first, then its groups."""
    packages: tuple[PackageScore, ...]
    remarks: tuple[str, ...] = ()
    """Names in the labels that nngauge does not know."""


def encode_evaluation(document: EvaluationDocument) -> bytes:
    """One line of UTF-8 JSON."""
    return msgspec.json.encode(document)


def render_evaluation(document: EvaluationDocument) -> RenderableType:
    """Sums of the whole file by technology, of its groups in a line each, then what was wrong."""
    whole, *groups = document.evaluations
    parts: list[RenderableType] = [_head(whole), _table(whole)]
    parts += [_head(group) for group in groups]
    parts += list(_packages(document.packages))
    parts += [Text(f"! {remark}", style="yellow") for remark in document.remarks]
    return Group(*parts)


def _head(part: Evaluation) -> Text:
    title = f"\n{part.group}: " if part.group else "\n"
    text = Text(f"{title}{part.packages - part.skipped} of {part.packages} packages at hand", style="bold")
    if part.skipped:
        text.append(f", {part.skipped} skipped", style="yellow")
    if part.failed:
        text.append(f", {part.failed} could not be scanned", style="red")
    facts = [
        f"recall {share(part.total.found, part.total.labelled)}",
        f"precision {share(part.total.right, part.total.right + part.total.wrong)}",
        f"versions {share(part.total.versions_right, part.total.versions)}",
        f"models {share(part.models.found, part.models.labelled)}, {part.models.wrong} false",
        f"without AI: {part.without_ai_clean} of {part.without_ai} clean",
    ]
    if part.unchecked:
        facts.append(f"{part.unchecked} claims that labels say nothing about")
    text.append("\n" + "; ".join(facts), style="not bold")
    return text


def share(part: int, whole: int) -> str:
    """``3 of 4 (0.750)``; a dash where nothing was asked."""
    return f"{part} of {whole} ({part / whole:.3f})" if whole else "–"


def _table(part: Evaluation) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for name in _CELLS:
        table.add_column(name, justify="left" if name == "technology" else "right")
    for row in (*part.technologies, part.total):
        table.add_row(*cells(row), style="" if _good(row) else "yellow")
    return table


def cells(row: TechnologyScore) -> tuple[str, ...]:
    """One line of the table: name, labels, recall, reports, precision, versions asked, versions right."""
    return (
        row.name,
        str(row.labelled),
        _ratio(row.recall),
        str(row.right + row.wrong),
        _ratio(row.precision),
        str(row.versions),
        _ratio(row.version_accuracy),
    )


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _good(row: TechnologyScore) -> bool:
    return row.found == row.labelled and not row.wrong and row.versions_right == row.versions


def _packages(scores: Sequence[PackageScore]) -> Iterator[RenderableType]:
    bad = [score for score in scores if not score.perfect]
    if not bad:
        yield Text("\nNothing was missed, nothing was claimed falsely.", style="green")
    for score in bad:
        yield Text(f"\n{score.labels.title}  {score.labels.sha256[:12]}", style="bold")
        if score.failure:
            yield Text(f"  not scanned: {score.failure}", style="red")
        yield from _lines("missed", "yellow", (*score.missed, *score.models_missed))
        yield from _lines("false", "red", (*score.alarms, *score.model_alarms))
        for check in score.versions:
            if check.verdict is not Told.RIGHT:
                told = ", ".join(check.told) or "nothing"
                yield Text(f"  version of {check.name}: labelled {check.labelled}, told {told}", style="yellow")
                yield from _evidence(check.evidence)


def _lines(word: str, style: str, items: Iterable[Miss | FalseAlarm]) -> Iterator[Text]:
    for item in items:
        yield Text.assemble((f"  {word}: ", style), item.name, (f"  {item.reason}", "dim"))
        yield from _evidence(item.evidence)


def _evidence(evidence: Iterable[Evidence]) -> Iterator[Text]:
    for proof in evidence:
        yield Text(f"    {proof.location.path}: {proof.kind} {proof.value!r} [{proof.rule}]", style="dim")
