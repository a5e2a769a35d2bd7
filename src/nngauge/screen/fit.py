"""Published architectures on a terminal: those that fit, the front, measured and estimated times in columns of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.estimate import Setting
from nngauge.domain.fitting import Candidate, Fitness, Fitting, Timing
from nngauge.knowledge.architectures import Architecture, Measured, Method
from nngauge.screen.adapting import Adapting
from nngauge.units import format_bytes, format_count
from nngauge.words.amounts import plural
from nngauge.words.safe import one_line

_MARK = {
    Fitness.FITS: ("yes", "green"),
    Fitness.LIKELY: ("likely", "yellow"),
    Fitness.UNKNOWN: ("?", "dim"),
    Fitness.NO: ("no", "red"),
}
_UNKNOWN: Final = 12
"""So many lines for those of which something is not known."""


_SPARE: Final = ("input", "parameters")
"""Columns that go on a narrow terminal."""


def render_fitting(found: Fitting, top: int) -> RenderableType:
    """The front first if it is asked for by order: best scores on top, ``★`` for members of the front."""
    fits = [one for one in found.candidates if one.fitness in (Fitness.FITS, Fitness.LIKELY)]
    unknown = [one for one in found.candidates if one.fitness is Fitness.UNKNOWN]
    head = Text(f"\n{plural(len(fits), 'architecture')} of {found.considered:,} for {found.task}", style="bold")
    head.append(f"  {_budget(found)}", style="not bold dim")
    blocks: list[RenderableType] = [head]
    shown = _shown(fits, top)
    metrics = dict.fromkeys(one.metric for one in shown)
    blocks += [
        Adapting(
            _table([one for one in shown if one.metric == metric], found.settings, metric),
            spare=_SPARE, whole=("", "fits"),
        )
        for metric in metrics
    ]  # fmt: skip
    if len(shown) < len(fits):
        blocks.append(Text(f"and {len(fits) - len(shown):,} more (--top {len(fits)})", style="dim"))
    if not fits:
        blocks += [Text("nothing fits", style="red"), *_reachable(found)]
    if unknown:
        blocks += [
            Text(f"\n{plural(len(unknown), 'architecture')} of which something is not known:", style="dim"),
            Adapting(_unknown(unknown)),
        ]
    if any(one.front for one in shown):
        blocks.append(Text("★ no other that fits has fewer MACs and as good a score", style="dim"))
    blocks += [Text(one_line(note), style="dim") for note in (*_copyleft(shown), *found.notes)]
    return Group(*blocks, *(Text(f"source: {one_line(source)}", style="dim") for source in found.sources))


def _shown(fits: Sequence[Candidate], top: int) -> list[Candidate]:
    """The best of each metric, and its front wherever it lies."""
    found: list[Candidate] = []
    for metric in dict.fromkeys(one.metric for one in fits):
        alike = [one for one in fits if one.metric == metric]
        found += [*alike[:top], *[one for one in alike[top:] if one.front][: max(0, top)]]
    return found


def _budget(found: Fitting) -> str:
    limits = found.limits
    parts = [
        f"≤ {limits.milliseconds:g} ms" if limits.milliseconds is not None else "",
        f"≤ {format_bytes(limits.size_bytes)}" if limits.size_bytes is not None else "",
        f"≤ {format_count(round(limits.macs))} MACs" if limits.macs is not None else "",
        f"≤ {format_count(round(limits.parameters))} parameters" if limits.parameters is not None else "",
        *(place(setting) for setting in found.settings),
    ]
    return ", ".join(part for part in parts if part)


def place(setting: Setting) -> str:
    """``pixel-4, 1 big core, float32``."""
    unit = setting.unit.value if setting.unit.value in {"gpu", "npu"} else plural(setting.threads, setting.unit.value)
    return f"{setting.device} ({unit}, {setting.precision})"


def _table(rows: Sequence[Candidate], settings: Sequence[Setting], metric: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("")
    table.add_column(metric or "score", justify="right")
    table.add_column("architecture", overflow="fold")
    for name in ("input", "parameters", "MACs", "weights"):
        table.add_column(name, justify="right", no_wrap=True)
    for setting in settings:
        table.add_column(f"{setting.device}\nmeasured", justify="right", no_wrap=True)
        table.add_column(f"{setting.device}\nestimated", justify="right", no_wrap=True)
    table.add_column("fits")
    for one in rows:
        word, style = _MARK[one.fitness]
        table.add_row(
            "★" if one.front else "", _score(one.score), one_line(one.name) + (" +data" if one.extra_data else ""), one.input or "–",
            _count(one.parameters), _count(one.macs), "–" if one.size_bytes is None else format_bytes(one.size_bytes),
            *(cell for timing in one.timings for cell in _times(timing)), Text(word, style=style),
        )  # fmt: skip
    return table


def _times(timing: Timing) -> Iterator[str]:
    yield "–" if timing.measured is None else f"{milliseconds(timing.measured)} ms"
    told = timing.estimated
    yield (
        "–" if told is None else f"{milliseconds(told.value)} ms ({milliseconds(told.low)} – {milliseconds(told.high)})"
    )


def milliseconds(value: float) -> str:
    """Two or three digits."""
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _count(value: float | None) -> str:
    return "–" if value is None else format_count(round(value))


def _reachable(found: Fitting) -> Iterator[Text]:
    for one in found.reachable:
        value = (
            format_bytes(round(one.value))
            if one.unit == "bytes"
            else f"{milliseconds(one.value)} ms"
            if one.unit == "ms"
            else format_count(round(one.value))
        )
        how = " (estimated)" if one.estimated else ""
        yield Text(f"smallest {one.what} that can be reached: {value}{how}, {one_line(one.name)}")


def _copyleft(rows: Sequence[Candidate]) -> Iterator[str]:
    """Networks whose licence asks for something in return."""
    names: dict[str, list[str]] = {}
    for one in rows:
        if "gpl" in one.licence.lower():
            names.setdefault(one.licence, []).append(one.name)
    for licence, found in names.items():
        yield f"{licence}: {', '.join(dict.fromkeys(found))}"


def _unknown(rows: Sequence[Candidate]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for one in rows[:_UNKNOWN]:
        size = "–" if one.size_bytes is None else format_bytes(one.size_bytes)
        table.add_row(
            "", _score(one.score), Text(one.metric, style="dim"), one_line(one.name), size,
            Text(", ".join(one.misses), style="dim"),
        )  # fmt: skip
    if len(rows) > _UNKNOWN:
        table.add_row("", "", "", f"and {len(rows) - _UNKNOWN} more", "", "")
    return table


def render_methods(rows: Sequence[tuple[Method, Architecture | None, Measured | None]]) -> RenderableType:
    """How the search for mobile architectures went on: published figures, and ours where the network is in the catalogue."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for name in (
        "method",
        "top-1",
        "Pixel 1",
        "search, GPU hours",
        "in the catalogue",
        "top-1",
        "MACs",
        "Pixel 4 measured",
    ):
        table.add_column(name, justify="left" if name in {"method", "in the catalogue"} else "right", no_wrap=True)
    for method, known, time in rows:
        table.add_row(
            method.name, f"{method.top1:.1f}", f"{method.milliseconds:g} ms", "–" if method.gpu_hours is None else f"{method.gpu_hours:,g}",
            known.name if known else "–", _score(known.score if known else None), _count(known.macs if known else None),
            "–" if time is None else f"{milliseconds(time.milliseconds)} ms",
        )  # fmt: skip
    return Group(
        Text("\nMobile architectures by search", style="bold"), Adapting(table),
        Text("left: as published, each trained by its authors; right: the best training of pytorch-image-models, and QED's phones", style="dim"),
    )  # fmt: skip
