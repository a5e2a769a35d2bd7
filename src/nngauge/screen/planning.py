"""Bits under a budget on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from nngauge.domain.estimate import Estimate
from nngauge.domain.planning import Plan, Point, Rounding, Time
from nngauge.domain.written import Written
from nngauge.screen.compress import share_text, sqnr_text
from nngauge.units import format_bytes
from nngauge.words.amounts import byte_amount, plural, short_amount
from nngauge.words.safe import one_line

_WEIGHTS = 12
"""Weights that disturb most, named one by one."""


def render_plan(plan: Plan) -> RenderableType:
    """What was planned, how it answers on inputs that the search never saw, what was written."""
    blocks: list[RenderableType] = [*_head(plan)]
    if plan.points:
        blocks += [_grid(plan), *_told(plan)]
    if plan.refusal is not None:
        blocks.append(
            Text(
                one_line(f"nothing {'written' if plan.points else 'planned'}: {plan.refusal.explanation}"),
                style="yellow",
            )
        )
        blocks += [Text(one_line(plan.refusal.hint), style="dim")] if plan.refusal.hint else []
    if plan.written is not None:
        blocks += [Text(), *_written(plan.written)]
    if plan.time is not None:
        blocks += [Text(), *_time(plan.time)]
    blocks.append(
        Text(f"\n{plural(plan.evaluations, 'version')} run, {plan.cpu_seconds:.1f} s of processor time", style="dim")
    )
    return Group(*blocks)


def _head(plan: Plan) -> Iterator[RenderableType]:
    goal = f"budget {format_bytes(plan.budget)}" if plan.budget is not None else "a sweep over all budgets"
    yield Text.assemble((one_line(plan.model), "bold"), f"  {plan.format} · {format_bytes(plan.size)} · {goal}")
    yield Text(
        one_line(
            f"inputs     {plan.inputs.count} × {plan.inputs.name or plan.inputs.source.value}: {plan.searched} to search with, {plan.held} held out"
        )
    )
    how = (
        "as the writer of the format stores them"
        if plan.rounding is Rounding.STORED
        else "as the table of `nngauge compress` has it"
    )
    yield Text(f"weights    rounded {how}; the fewest bits reach {format_bytes(plan.smallest)}")
    if plan.reference.withheld:
        yield Text(one_line(f"agreement  withheld: {plan.reference.withheld}"), style="dim")
    for note in plan.notes:
        yield Text(one_line(f"note       {note}"), style="dim")
    yield Text()


def _grid(plan: Plan) -> Grid:
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("", "size", "of it", "bits a weight", "SQNR", "held out", "agreement, held out"):
        grid.add_column(title, justify="left" if not title else "right", no_wrap=True)
    for point in plan.points:
        grid.add_row(*_cells(point, plan), style="" if point.fits else "dim")
    return grid


def _cells(point: Point, plan: Plan) -> tuple[str, ...]:
    label = point.label if point.fits else f"{point.label}, too large"
    return (
        label, format_bytes(point.size), f"{100 * point.size / max(1, plan.size):.1f} %", f"{point.bits_per_weight:.2f}",
        sqnr_text(point.search) if point.search else "–", sqnr_text(point.held) if point.held else "–",
        share_text(point.held) if point.held else "–",
    )  # fmt: skip


def _told(plan: Plan) -> Iterator[RenderableType]:
    if plan.budget is None:
        yield Text("\nSizes are by what weights take in so many bits. --budget SIZE chooses one.")
        return
    chosen = plan.points[0]
    bits = Counter(choice.bits for choice in chosen.choices)
    left = len({item.weight for item in plan.sensitivities}) - len(chosen.choices)
    told = [f"{plural(count, 'weight')} in {number} bits" for number, count in sorted(bits.items())]
    told += (
        [f"{left:,} as they are" if told else "all weights as they are: the model keeps this budget already"]
        if left > 0
        else []
    )
    yield Text(f"\nplan       {chosen.label}: {', '.join(told)}")
    worst = sorted(plan.sensitivities, key=lambda item: -item.error)
    named = list(dict.fromkeys(item.weight for item in worst))[:3]
    if named:
        yield Text(one_line(f"sensitive  {', '.join(named)}"), style="dim")


def _time(time: Time) -> Iterator[RenderableType]:
    where = f"{time.device}, {plural(time.threads, 'thread')}"
    if time.planned is None:
        yield Text(one_line(f"time       no estimate for {where}: {time.missing}"), style="yellow")
        return
    budget = f"; within {time.budget:g} ms: {time.within.value}" if time.within is not None else ""
    yield Text(one_line(f"time       {where}: {_milliseconds(time.planned)} estimated, before and after{budget}"))
    if time.planned.doubts:
        yield Text(f"           doubt: {', '.join(doubt.value for doubt in time.planned.doubts)}", style="yellow")
    if time.int8 is not None:
        yield Text(
            f"           with all arithmetic in 8 bits {_milliseconds(time.int8)}: nngauge compress --recipe int8-static",
            style="dim",
        )


def _milliseconds(found: Estimate) -> str:
    return f"{found.value:.3g} ms ({found.low:.3g}…{found.high:.3g})"


def _written(written: Written) -> Iterator[RenderableType]:
    before, after = written.before, written.after
    yield Text.assemble(
        (
            f"{format_bytes(before.file)} → {format_bytes(after.file)}, −{1 - after.file / before.file:.1%}",
            "bold green",
        ),
        f"; written to {one_line(written.output)}",
    )
    types = ", ".join(
        f"{count / max(1, sum(after.weights.values())):.0%} {name}" for name, count in after.weights.items()
    )
    yield Text(f"weights    {types}")
    yield Text(f"deflated   {byte_amount(before.deflated)} → {byte_amount(after.deflated)}")
    yield Text(
        f"MACs       {short_amount(before.macs)} → {short_amount(after.macs)}: fewer bits of weights alone make it smaller, not faster"
    )
    like = written.likeness
    if like is not None:
        found = like.agreement
        share = f", agreement {share_text(found)}" if found is not None and found.share is not None else ""
        sqnr = found.sqnr if found is not None else like.sqnr
        ratio = "identical" if like.identical else f"SQNR {sqnr:.1f} dB" if sqnr is not None else "no ratio"
        yield Text(f"answers    {ratio}{share} on the inputs held out, {like.engine} {like.version}")
    for note in written.notes:
        yield Text(one_line(f"note       {note}"), style="dim")
