"""Measurements on a terminal: a line a configuration, and below what is to be known before believing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median
from textwrap import wrap
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.interval import Interval
from nngauge.domain.measurement import Configuration, Device, Doubt, Measurement, ModelEnergy, Refusal, Session, Summary
from nngauge.measure.comparison import Compared, Verdict
from nngauge.measure.energy import said
from nngauge.measure.primary import Clock
from nngauge.measure.summary import summary
from nngauge.screen.adapting import Adapting
from nngauge.units import format_bytes, format_count
from nngauge.words.amounts import plural
from nngauge.words.safe import one_line

_MEANS: Final = {
    Doubt.EMULATED: "the processor is emulated: its times mean nothing and are left out",
    Doubt.BUSY: "other work ran on this machine: processor time counts, not the clock",
    Doubt.PREEMPTED: "more than a tenth of the runs was interrupted by other work",
    Doubt.DRIFTING: "times had not settled: they went on rising or falling",
    Doubt.THROTTLED: "it became slower while it got warm or its clock fell: burst, not sustained speed",
    Doubt.CLOCK_MOVED: "the processor's clock moved between launches",
    Doubt.HOT: "it was hot before the first launch: let it cool down",
    Doubt.CHARGING: "it was charging: unplug it",
    Doubt.LOW_BATTERY: "the battery was low: phones save power then",
    Doubt.WIDE: "the interval is wider than asked for: more launches, or a quieter device",
    Doubt.FEW_RUNS: "too few runs for the percentiles",
    Doubt.FEW_LAUNCHES: "fewer than six launches: the interval is narrower than one of 95 %",
    Doubt.BELOW_FLOOR: "faster than the processor can multiply: the engine did not run the model",
    Doubt.NOT_FINITE: "outputs are not numbers (NaN or infinite)",
    Doubt.CONSTANT: "outputs are the same for another input",
    Doubt.DIFFERENT: "outputs differ from the reference's",
    Doubt.UNCHECKED: "outputs were not compared with a reference",
    Doubt.FELL_BACK: "some operators ran on the processor instead",
}
_NUMBERS: Final = ("load", "first", "steady", "95 %", "p90", "processor", "memory")
_FOLDED: Final = 36
"""Characters of a configuration in a line, so that a pipe has room for all columns."""
_DISTURBED: Final = (
    "other work ran meanwhile: intervals are widened by what it may explain; a quieter device, or launches that take turns "
    "in one session, tell more"
)
_MANY: Final = (
    "an interval without 1 that is not told: of so many comparisons chance makes one; more launches tell them"
)
_VERDICT: Final = {Verdict.FASTER: "green", Verdict.SLOWER: "red", Verdict.SAME: "dim", Verdict.UNTOLD: "yellow"}


def nanoseconds(value: float) -> str:
    """``3_400_000`` → ``"3.40 ms"``."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if value >= 0.9995 * size:
            many = value / size
            return f"{many:,.{2 if many < 9.995 else 1 if many < 99.95 else 0}f} {unit}"
    return f"{value:.0f} ns"


def configuration(item: Configuration) -> str:
    """``litert, 4 threads, gpu``."""
    parts = [item.engine, plural(item.threads, "thread")]
    parts += [item.delegate] if item.delegate else []
    parts += [f"batch {item.batch}"] if item.batch != 1 else []
    parts += [f"cores {','.join(map(str, item.cpus))}"] if item.cpus else []
    return ", ".join(parts)


def device_line(device: Device) -> str:
    """What a device is, in one line."""
    cores = sum(len(cluster.cores) for cluster in device.clusters)
    parts = [" ".join(filter(None, (device.maker, device.model))), device.soc, device.abi]
    parts += [plural(cores, "core")] if cores else []
    parts += [device.system, "emulated" if device.emulated else ""]
    return one_line(" · ".join(part for part in parts if part))


def render_session(session: Session) -> RenderableType:
    """Every model with its configurations, then doubts and refusals."""
    blocks: list[RenderableType] = []
    for (model, name), group in groupby(session.measurements, key=lambda item: (item.model, item.name)):
        found = list(group)
        blocks += [_head(found[0], name), _times(found), *_ops(found)]
        del model
    if session.measurements:
        blocks.append(Text(f"\non {device_line(session.measurements[0].device)}", style="dim"))
    blocks += [*_energies(session.energies), *_doubts(session.measurements), *_refusals(session.refusals)]
    return Group(*blocks)


def _head(item: Measurement, name: str) -> Text:
    head = Text(f"\n{one_line(name)}", style="bold")
    macs = f", {format_count(item.macs)} MACs" if item.macs else ""
    return head.append(f"  {item.format}{macs}", style="not bold dim")


def _times(found: Sequence[Measurement]) -> Adapting:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in ("configuration", "version"):
        table.add_column(title, overflow="fold")
    for title in (*_NUMBERS, "runs"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("doubts")
    for item in found:
        table.add_row(
            "\n".join(wrap(one_line(configuration(item.configuration)), _FOLDED, break_long_words=False)),
            one_line(item.engine_version) or "–",
            *_cells(item),
            str(len(item.doubts) or "–"),
        )
    return Adapting(table, spare=("version", "processor", "runs"), whole=_NUMBERS)


def _cells(item: Measurement) -> Iterator[str]:
    launches = item.launches
    found = item.summary or summary(launches, item.configuration.threads, item.configuration.delegate)
    if found is None:
        peak = max((launch.peak_bytes or 0 for launch in launches), default=0)
        yield from ("–", "–", "–", "–", "–", "–", format_bytes(peak) if peak else "–", f"{len(launches)} ran")
        return
    yield nanoseconds(found.load_ns)
    yield nanoseconds(found.first_ns)
    yield nanoseconds(found.steady_ns) + (" CPU" if found.clock == Clock.CPU else "")
    yield _half_width(found)
    yield nanoseconds(found.p90_ns)
    yield nanoseconds(found.cpu_ns) if found.cpu_ns is not None else "–"
    yield format_bytes(found.peak_bytes) if found.peak_bytes else "–"
    yield f"{len(launches)} × {round(median(len(launch.wall_ns) for launch in launches)):,}"


def _half_width(found: Summary) -> str:
    if found.low_ns is None or found.high_ns is None:
        return "–"
    half = Interval(found.low_ns, found.steady_ns, found.high_ns).half_width
    return f"± {100 * half:.1f} %"


def _ops(found: Sequence[Measurement], rows: int = 8) -> Iterator[RenderableType]:
    for item in found:
        ops = sorted((op for launch in item.launches for op in launch.ops), key=lambda op: -op.nanoseconds)
        if not ops:
            continue
        total = sum(op.nanoseconds for op in ops)
        yield Text(f"  operators, {configuration(item.configuration)}", style="dim")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        for op in ops[:rows]:
            table.add_row(
                f"  {100 * op.nanoseconds / total:4.1f} %",
                nanoseconds(op.nanoseconds),
                one_line(op.kind),
                Text(one_line(op.name)[:60], style="dim"),
                op.unit,
            )
        yield table
        if len(ops) > rows:
            yield Text(f"  … and {len(ops) - rows} more; --json has all", style="dim")


def _energies(found: Sequence[ModelEnergy]) -> Iterator[RenderableType]:
    if found:
        yield Text("\nEnergy of one inference, above the device at rest", style="bold")
    for item in found:
        told = item.energy or item.refusal
        line = Text(f"  {one_line(item.name)}  {configuration(item.configuration)}: ")
        line.append(one_line(said(told)) if told is not None else "not measured")
        doubts = (
            ", ".join(item.energy.doubts)
            if item.energy is not None
            else one_line(item.refusal.hint if item.refusal else "")
        )
        yield line.append(f"  {doubts}" if doubts else "", style="dim")


def _doubts(found: Sequence[Measurement]) -> Iterator[RenderableType]:
    told = [doubt for doubt in Doubt if any(doubt in item.doubts for item in found)]
    if told:
        yield Text("\nBefore believing it", style="bold yellow")
    for doubt in told:
        which = [configuration(item.configuration) for item in found if doubt in item.doubts]
        where = "" if len(which) == len(found) else f"  ({'; '.join(dict.fromkeys(which))})"
        yield Text(f"  {_MEANS[doubt]}").append(one_line(where), style="dim")


def _refusals(found: Sequence[Refusal]) -> Iterator[RenderableType]:
    if found:
        yield Text("\nNot measured", style="bold")
    for item in found:
        asked = "" if item.configuration.engine == "any" else f"  {configuration(item.configuration)}"
        line = Text(f"  {one_line(item.name)}{asked}: ")
        line.append(f"{item.kind}: {one_line(item.reason)[:200]}")
        yield line.append(f"  {one_line(item.hint)}" if item.hint else "", style="dim")


def render_comparison(rows: Sequence[Compared]) -> RenderableType:
    """A line a model and configuration."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title, right in (
        ("model", False),
        ("configuration", False),
        ("A", True),
        ("B", True),
        ("B ÷ A", True),
        ("95 %", True),
        ("", False),
    ):
        table.add_column(title, justify="right" if right else "left", no_wrap=right or not title, overflow="fold")
    for row in rows:
        change = f"{row.ratio.low:.3f} – {row.ratio.high:.3f}" if row.ratio.low > 0 else "–"
        table.add_row(
            one_line(row.name), _compared(row), nanoseconds(row.first_ns), nanoseconds(row.second_ns),
            f"{row.ratio.middle:.3f}", change, Text(_said(row), style=_VERDICT[row.verdict]),
        )  # fmt: skip
    clocks = " and ".join(sorted({row.clock for row in rows}))
    how = (
        "launches took turns"
        if all(row.paired for row in rows)
        else "measured one after the other: what changed in between counts, too"
    )
    found = [doubt for doubt in Doubt if any(doubt in row.doubts for row in rows)]
    notes = [
        Text(f"\n{clocks} time; {how}", style="dim"),
        *([Text(_MANY, style="dim")] if any(map(_only_alone, rows)) else []),
        *([Text(_DISTURBED, style="yellow")] if any(row.disturbed for row in rows) else []),
        *(Text(f"doubt: {_MEANS[doubt]}", style="yellow") for doubt in found),
    ]
    return Group(Adapting(table, whole=("A", "B", "B ÷ A", "95 %", "")), *notes)


def _only_alone(row: Compared) -> bool:
    """Would it be told if it were the only one?"""
    return row.verdict is Verdict.UNTOLD and not row.ratio.low <= 1 <= row.ratio.high


def _compared(row: Compared) -> str:
    beside = f" beside {configuration(row.first)}" if row.first != row.second else ""
    return one_line(configuration(row.second) + beside)


def _said(row: Compared) -> str:
    if row.verdict in {Verdict.FASTER, Verdict.SLOWER}:
        return f"{row.verdict} by {100 * abs(row.ratio.middle - 1):.1f} %"
    return row.verdict.value
