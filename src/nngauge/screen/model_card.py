"""The screen about one model: what it is, what it does, what it costs, how it is stored, what is doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.analyse.task import task_line
from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Amount, Layer
from nngauge.domain.graph import Completeness
from nngauge.domain.model import Port
from nngauge.screen.language_card import language_rows
from nngauge.screen.precision_card import precision_rows
from nngauge.units import format_bytes
from nngauge.words.amounts import byte_amount, exact_amount, format_shape, short_amount
from nngauge.words.families import FamilyRow, family_rows
from nngauge.words.outline import outline
from nngauge.words.safe import one_line

_PORTS = 6
_METADATA = 8
_WARNINGS = 12
_SUBJECTS = 6
_LONGEST = 300
_TOLD = {"format", "producer"}
"""Marks that the title says already."""
_BAR = 16
"""Characters of the longest bar."""
_EIGHTHS = "▏▎▍▌▋▊▉█"


def render_analysis(analysis: Analysis) -> RenderableType:
    """Identity, interface, operations by family, cost, precision and warnings."""
    blocks: list[RenderableType] = [_title(analysis), Text(), _facts(_identity(analysis))]
    families = family_rows(analysis.cost.layers)
    if families:
        blocks += [_heading("Operations", f"{_operations(analysis):,}"), _family_table(families)]
    for title, rows in (
        ("Cost", list(_cost(analysis))),
        ("Precision", list(precision_rows(analysis.optimisation))),
        ("Language model", list(language_rows(analysis.language)) if analysis.language else []),
        ("What the file says", list(_metadata(analysis))),
    ):
        if rows:
            blocks += [_heading(title), _facts(rows)]
    warnings = list(dict.fromkeys(_warnings(analysis)))
    if warnings:
        blocks.append(_heading("Warnings"))
        blocks += [Text(f"! {one_line(line)}", style="yellow") for line in warnings[:_WARNINGS]]
        if len(warnings) > _WARNINGS:
            blocks.append(Text(f"… and {len(warnings) - _WARNINGS} more (--json has them)", style="dim"))
    return Group(*blocks)


def _title(analysis: Analysis) -> RenderableType:
    model = analysis.model
    title = Text(one_line(model.name), style="bold")
    title.append(f"  {model.title}", style="dim")
    if model.format_version and model.format_version.lower() not in model.title.lower():
        title.append(f" {one_line(model.format_version)}", style="dim")
    line = outline(analysis)
    return Group(title, Text(one_line(line), style="cyan")) if line else title


def _heading(title: str, extra: str = "") -> Text:
    text = Text(f"\n{title}", style="bold")
    if extra:
        text.append(f"  {extra}", style="dim")
    return text


def _facts(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True, min_width=11, max_width=28, overflow="ellipsis")
    table.add_column(overflow="fold")
    for name, value in _joined(rows):
        table.add_row(Text(one_line(name)), Text(one_line(value)))
    return table


def _joined(rows: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """A name that repeats is shown once."""
    last = None
    for name, value in rows:
        yield ("" if name == last else name, value)
        last = name


# --- identity -----------------------------------------------------------------------------------------------------------


def _identity(analysis: Analysis) -> list[tuple[str, str]]:
    model = analysis.model
    files = f" in {len(model.parts)} files" if len(model.parts) > 1 else ""
    rows = [("size", format_bytes(model.size) + files)]
    rows.append(("sha256", model.digest or "not computed for a file of this size (--digest)"))
    if model.task is not None:
        rows.append(("for", task_line(model.task)))
    if model.known is not None:
        rows.append(("known as", f"{model.known.sentence}; {model.known.source}"))
    if model.producer:
        rows.append(("made by", model.producer))
    if model.completeness is not Completeness.FULL:
        meaning = (
            "the weights are not here" if model.completeness is Completeness.TOPOLOGY else "totals are lower bounds"
        )
        rows.append(("read", f"{model.completeness}: {meaning}"))
    return [*rows, *_ports("input", model.inputs), *_ports("output", model.outputs)]


def _ports(title: str, ports: Sequence[Port]) -> Iterator[tuple[str, str]]:
    for port in ports[:_PORTS]:
        yield title, f"{_shortened(port.name, 60)}  {port.dtype} {format_shape(port.shape)}".strip()
    if len(ports) > _PORTS:
        yield title, f"… and {len(ports) - _PORTS} more"


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


# --- operations ---------------------------------------------------------------------------------------------------------


def _operations(analysis: Analysis) -> int:
    return analysis.model.nodes or len(analysis.cost.layers)


def _family_table(rows: Sequence[FamilyRow]) -> Table:
    counted = any(row.macs for row in rows)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim", pad_edge=False)
    table.add_column("family", no_wrap=True)
    table.add_column("layers", justify="right", no_wrap=True, min_width=6)
    if counted:
        table.add_column("share of MACs", no_wrap=True, min_width=_BAR + 7)
        table.add_column("MACs", justify="right", no_wrap=True, min_width=6)
    table.add_column("params", justify="right", no_wrap=True, min_width=6)
    table.add_column("operations", no_wrap=True, overflow="ellipsis")
    for row in rows:
        cells = [Text(row.family.value), Text(f"{row.layers:,}")]
        if counted:
            cells += [_share(row), _dim_zero(short_amount(row.macs))]
        ops = ", ".join(f"{name} {count}" if len(row.kinds) > 1 else name for name, count in row.kinds)
        table.add_row(*cells, _dim_zero(short_amount(row.parameters)), Text(one_line(ops), style="dim"))
    return table


def _share(row: FamilyRow) -> Text:
    if row.share is None or not row.macs:
        return Text()
    text = Text(bar(row.share, _BAR).ljust(_BAR), style="blue")
    return text.append(f" {row.share:>5.1%}", style="default")


def bar(share: float, width: int) -> str:
    """A bar of `share` (0 to 1) of `width` characters, in eighths; anything above nothing shows."""
    eighths = max(round(share * width * 8), 1) if share > 0 else 0
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")


def _dim_zero(text: str) -> Text:
    return Text("·", style="dim") if text == "0" else Text(text)


# --- cost ---------------------------------------------------------------------------------------------------------------


def _cost(analysis: Analysis) -> Iterator[tuple[str, str]]:
    cost = analysis.cost
    least = "at least " if cost.lower_bound else ""
    if cost.parameters == 0:
        yield "parameters", "none was read" if cost.parameters_lower_bound else "none"
    elif cost.parameters is not None:
        stored = f", {byte_amount(cost.weight_bytes)} of weights" if cost.weight_bytes is not None else ""
        yield "parameters", f"{'at least ' if cost.parameters_lower_bound else ''}{_both(cost.parameters)}{stored}"
    if not cost.macs and analysis.graph.nodes:
        yield "MACs", "not known: see the warnings" if cost.lower_bound else "none"
    elif cost.macs is not None and analysis.graph.nodes:
        yield "MACs", f"{least}{_both(cost.macs)} = {short_amount(cost.flops)} FLOPs at 2 a MAC"
    if cost.peak is not None:
        yield "activations", f"peak {byte_amount(cost.peak.bytes)} at {_place(analysis)}{_alive(analysis)}"
    if analysis.graph.nodes:
        yield from _traffic(analysis, least)


def _both(amount: Amount) -> str:
    exact = exact_amount(amount)
    return exact if not isinstance(amount, int) or amount < 10_000 else f"{exact} ({short_amount(amount)})"


def _place(analysis: Analysis) -> str:
    peak = analysis.cost.peak
    layer: Layer | None = next(
        (layer for layer in analysis.cost.layers if peak and layer.index == peak.layer and not layer.graph), None
    )
    if layer is None:
        return "an unknown layer"
    return f"#{layer.index} {layer.kind or layer.op}" + (f" {_last(layer.name)}" if layer.name else "")


def _alive(analysis: Analysis) -> str:
    peak = analysis.cost.peak
    names = [name for name in peak.tensors if name] if peak else []
    return f"; alive: {', '.join(_last(name) for name in names[:2])}{' …' if len(names) > 2 else ''}" if names else ""


def _last(name: str) -> str:
    """The telling end of a path-like name."""
    return _shortened(name.rstrip("/").rpartition("/")[2], 30)


def _traffic(analysis: Analysis, least: str) -> Iterator[tuple[str, str]]:
    cost = analysis.cost
    parts = [cost.weight_bytes, cost.read_bytes, cost.written_bytes]
    numbers = [part for part in parts if isinstance(part, int)]
    if len(numbers) == len(parts) and sum(numbers) > 0:
        names = zip(("weights", "read", "written"), numbers, strict=True)
        detail = " + ".join(f"{format_bytes(number)} {name}" for name, number in names)
        intensity = f", {cost.intensity:.3g} MACs a byte" if cost.intensity is not None else ""
        yield "moved", f"{least}{format_bytes(sum(numbers))} an inference ({detail}){intensity}"


# --- metadata and warnings ----------------------------------------------------------------------------------------------


def _metadata(analysis: Analysis) -> Iterator[tuple[str, str]]:
    model = analysis.model
    told = {model.producer, model.format_version}
    entries = [(name, value) for name, value in model.metadata.items() if value.strip() and value not in told]
    if analysis.language is not None:  # its block says these
        entries = [entry for entry in entries if not entry[0].startswith(f"{analysis.language.architecture}.")]
    marks = (mark for mark in analysis.optimisation.marks if mark[0] not in _TOLD and mark not in entries)
    entries = [*marks, *entries]
    for name, value in entries[:_METADATA]:
        yield name, _shortened(" ".join(value.split()), 160)
    if len(entries) > _METADATA:
        yield "", f"… and {len(entries) - _METADATA} more entries (--json has them)"


def _warnings(analysis: Analysis) -> Iterator[str]:
    cost = analysis.cost
    if (cost.lower_bound or cost.parameters_lower_bound) and cost.layers:
        yield "totals are lower bounds: not everything was read or understood"
    yield from cost.assumptions
    if cost.layers:
        yield from by_reason(cost.unknown)
    told = {reason.partition(":")[0] for reason in cost.unknown}
    yield from by_reason([item for item in analysis.problems if item.partition(":")[0].strip("`") not in told])
    yield from analysis.model.notes
    yield from analysis.optimisation.notes


def by_reason(lines: Sequence[str]) -> Iterator[str]:
    """``a: why × 2``, ``b: why × 1`` → ``why: a × 2, b × 1``; ``first of `a```, ``first of `b``` → ``first of `a`, `b```."""
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}  # what stands before and after the subjects
    for line in lines:
        line = _shortened(line, _LONGEST)
        subject, colon, rest = line.partition(": ")
        reason, times, count = rest.rpartition(" × ")
        before, quote, quoted = line.partition("`")
        name, closing, after = quoted.partition("`")
        if colon and times and count.isdecimal() and len(count) < 9:
            groups.setdefault((f"{reason}: ", ""), []).append((int(count), f"{subject.strip('`')} × {count}"))
        elif quote and closing:
            groups.setdefault((before, after), []).append((0, f"`{name}`"))
        else:
            groups.setdefault((line, ""), [])
    for (before, after), subjects in groups.items():
        subjects.sort(key=lambda item: -item[0])
        more = f", … {len(subjects) - _SUBJECTS} more" if len(subjects) > _SUBJECTS else ""
        yield before + ", ".join(text for _, text in subjects[:_SUBJECTS]) + more + after
