"""What official benchmark programs told, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.engines.official import Told, Tool
from nngauge.screen.adapting import Adapting
from nngauge.screen.measurement import nanoseconds
from nngauge.units import format_bytes
from nngauge.words.safe import one_line

_OPS = 8
_NUMBERS = ("load", "first", "mean", "median", "p90", "p95", "least", "most", "peak memory", "runs")


def render_told(tool: Tool, told: Sequence[Told]) -> RenderableType:
    """A line a model or test; samples and summaries are told apart."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("model or test", overflow="fold")
    for title in _NUMBERS:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("what it tells")
    for one in told:
        table.add_row(one_line(one.name) or "–", *_cells(one), "every run" if one.samples else "a summary")
    notes = [Text(one_line(note), style="dim") for note in dict.fromkeys(note for one in told for note in one.notes)]
    limits = [Text(f"{tool.title}: {limit}", style="dim") for limit in tool.limitations]
    shown = Adapting(table, spare=("first", "least", "most", "peak memory"), whole=_NUMBERS)
    return Group(shown, *_placed(told), *_ops(told), *notes, *limits)


def _cells(one: Told) -> Iterator[str]:
    found = one.summary
    samples = one.samples.wall_ns if one.samples else ()
    if found is None:
        yield from ("–", "–", "–", nanoseconds(median(samples)) if samples else "–", *["–"] * 5, str(len(samples)))
        return
    middle = found.median_ns if found.median_ns is not None or not samples else median(samples)
    for value in (
        found.load_ns, found.first_ns, found.mean_ns, middle, found.percentiles.get("90"), found.percentiles.get("95"),
        found.least_ns, found.most_ns,
    ):  # fmt: skip
        yield "–" if value is None else nanoseconds(value)
    yield "–" if found.peak_bytes is None else format_bytes(found.peak_bytes)
    yield "–" if found.runs is None else f"{found.runs:,}"


def _placed(told: Sequence[Told]) -> Iterator[Text]:
    for one in told:
        if one.delegated:
            where = ", ".join(f"{count} on {one_line(unit)}" for unit, count in one.delegated.items())
            yield Text(f"operators: {where}", style="dim")


def _ops(told: Sequence[Told]) -> Iterator[Text]:
    for one in told:
        total = sum(op.nanoseconds for op in one.ops)
        for op in sorted(one.ops, key=lambda op: -op.nanoseconds)[: _OPS if total else 0]:
            share = f"  {100 * op.nanoseconds / total:4.1f} %  {nanoseconds(op.nanoseconds):>9}  "
            yield Text(share).append(one_line(f"{op.kind}  {op.name}")[:100], style="dim")


def render_tools(tools: Sequence[Tool], there: Sequence[str]) -> RenderableType:
    """Every program, whether it is here, and how to get it."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in ("tool", "formats", "here", "install"):
        table.add_column(title, overflow="fold")
    for tool in tools:
        here = "yes" if tool.name in there else "read only" if tool.command is None else "no"
        table.add_row(tool.name, " ".join(sorted(tool.formats)) or "–", here, Text(tool.install, style="dim"))
    return table
