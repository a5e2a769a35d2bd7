"""Many apps at a glance: a line each, and what they add up to."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence
from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.domain.technology import Grade, Technology
from nngauge.units import format_bytes, format_seconds
from nngauge.words.grouping import distinct_models

_TOP = 12


class Summary(Struct):
    """Running totals over a corpus."""

    apps: int = 0
    stored: int = 0
    """Of these, taken from a study."""
    with_runtime: int = 0
    with_model: int = 0
    elsewhere: int = 0
    failed: int = 0
    partial: int = 0
    models: int = 0
    size: int = 0
    digests: set[str] = field(default_factory=set)
    technologies: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)

    def add(self, result: Scan | Failure, *, stored: bool = False) -> None:
        """Counts one app."""
        self.apps += 1
        self.stored += stored
        if isinstance(result, Failure):
            self.failed += 1
            return
        self.partial += not result.complete
        self.with_runtime += result.verdict.runtime_present
        self.with_model += result.verdict.model_present
        self.elsewhere += result.verdict.model_elsewhere
        self.models += len(result.models)
        self.size += result.app.size
        self.digests.update(model.digest for model in result.models)
        self.formats.update(model.title for model in result.models)
        self.technologies.update(tech.title for tech in _counted(result))


def _counted(scan: Scan) -> list[Technology]:
    """What is more than possible and not only a model's or a dead reference's word."""
    return [
        tech
        for tech in scan.technologies
        if tech.confidence is not Confidence.POSSIBLE and tech.grade not in (Grade.MODELS, Grade.DEAD)
    ]


def render_line(path: str, result: Scan | Failure) -> Text:
    """One app in one line."""
    name = path.rpartition("/")[2]
    if isinstance(result, Failure):
        return Text.assemble((f"✗ {name}", "red"), (f"  {result.error}: {result.reason}", "dim"))
    runtimes = [tech for tech in _counted(result) if tech.category in (Category.RUNTIME, Category.SDK)]
    names = ", ".join(tech.title + (f" {tech.versions[0]}" if tech.versions else "") for tech in runtimes[:4])
    models = distinct_models(result.models)
    line = Text.assemble(
        ("● " if runtimes or models else "○ ", "green" if runtimes or models else "dim"), (name, "bold")
    )
    line.append(f"  {format_bytes(result.app.size)}", style="dim")
    if names:
        line.append(f"  {names}" + (f" +{len(runtimes) - 4}" if len(runtimes) > 4 else ""))
    if models:
        line.append(f"  {len(models)} models", style="cyan")
    if not result.complete:
        line.append(f"  {len(result.failures)} parts not read", style="yellow")
    return line


def render_summary(summary: Summary, seconds: float) -> RenderableType:
    """What the apps add up to."""
    scanned = summary.apps - summary.stored
    head = Text(f"\n{summary.apps} apps, {format_bytes(summary.size)}, {format_seconds(seconds)}", style="bold")
    if scanned and seconds > 0:
        head.append(f"  {scanned / seconds:.1f} apps/s", style="dim")
    if summary.stored:
        head.append(f"  {summary.stored} from the study", style="dim")
    facts = Text(
        f"runtime present in {summary.with_runtime}, model present in {summary.with_model}, model elsewhere for "
        f"{summary.elsewhere}; {summary.models} models, {len(summary.digests)} distinct; "
        f"{summary.failed} apps failed, {summary.partial} read in part"
    )
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for column in ("technology", "apps", "model format", "files"):
        table.add_column(column, justify="right" if column in ("apps", "files") else "left")
    left, right = _top(summary.technologies), _top(summary.formats)
    for row in range(max(len(left), len(right))):
        cells = [*(left[row] if row < len(left) else ("", "")), *(right[row] if row < len(right) else ("", ""))]
        table.add_row(*(str(cell) for cell in cells))
    return Group(head, facts, table) if left or right else Group(head, facts)


def _top(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent, ties by name: the same apps give the same table whichever finished first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
