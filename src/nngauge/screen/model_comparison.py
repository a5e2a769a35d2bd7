"""The screen about two models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.cost import Amount, Family, Layer
from nngauge.domain.difference import Change, Comparison, Fact, Figure, SharedWeights, Step
from nngauge.units import format_count
from nngauge.words.amounts import byte_amount, exact_amount, format_shape, short_amount
from nngauge.words.safe import one_line

_ROWS = 40
"""Lines of the alignment before the rest is summed up."""
_ALIKE = (Change.SAME, Change.FUSED)
_MOVING = (Family.LAYOUT, Family.QUANTISE, Family.CONSTANT)
_MARK = {Change.SAME: " ", Change.CHANGED: "≠", Change.FUSED: "·", Change.REMOVED: "−", Change.ADDED: "+"}
_STYLE = {
    Change.SAME: "dim",
    Change.CHANGED: "yellow",
    Change.FUSED: "dim",
    Change.REMOVED: "red",
    Change.ADDED: "green",
}


def render_comparison(comparison: Comparison, *, everything: bool = False) -> RenderableType:
    """Verdict, facts, figures, weights and layers; with `everything` also the layers that are the same."""
    blocks: list[RenderableType] = [_verdict(comparison), Text(), _fact_table(comparison)]
    for title, figures, every in (
        ("Cost", comparison.costs, True),
        ("Layers by family", comparison.families, False),
        ("Parameters by type", comparison.precision, False),
    ):
        shown = [figure for figure in figures if every or figure.first != figure.second]
        if shown:
            blocks += [_heading(title), _figure_table(shown)]
        elif figures:
            blocks += [_heading(title, "the same in both")]
    if comparison.weights is not None:
        blocks += [_heading("Weights"), *_weights(comparison.weights)]
    if comparison.steps:
        blocks += [
            _heading("Layers", _steps_summary(comparison.steps)),
            *_steps(comparison.steps, everything=everything),
        ]
    blocks += [Text(f"! {one_line(note)}", style="yellow") for note in comparison.notes]
    return Group(*blocks)


def _heading(title: str, extra: str = "") -> Text:
    text = Text(f"\n{title}", style="bold")
    return text.append(f"  {extra}", style="dim") if extra else text


def _verdict(comparison: Comparison) -> Text:
    if comparison.same_file:
        return Text("The same file: every byte is equal.", style="bold green")
    if comparison.same:
        return Text("The same model: interface, layers, weights and cost are equal.", style="bold green")
    aligned = bool(comparison.steps) and all(step.change in _ALIKE for step in comparison.steps)
    if aligned:
        return Text("The same network, layer by layer; what differs is below.", style="bold")
    moved = [step.first or step.second for step in comparison.steps if step.change not in _ALIKE]
    if comparison.steps and all(layer is not None and layer.family in _MOVING for layer in moved):
        return Text("The same network, apart from operations that move or convert data.", style="bold")
    totals = {figure.name: figure for figure in comparison.costs}
    if all(totals[name].first and totals[name].first == totals[name].second for name in ("MACs", "parameters")):
        return Text("Different layers with equal MACs and parameters.", style="bold yellow")
    return Text("Different models.", style="bold yellow")


def _fact_table(comparison: Comparison) -> Table:
    table = _table("", "first", "second")
    for fact in (*comparison.identity, *comparison.interface):
        if fact.first is not None or fact.second is not None:
            table.add_row(Text(fact.name, style="dim"), _side(fact, fact.first), _side(fact, fact.second))
    return table


def _side(fact: Fact, text: str | None) -> Text:
    shown = "–" if text is None else text if fact.name != "sha256" else f"{text[:16]}…"
    return Text(one_line(shown), style="" if fact.same else "yellow")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    return table


def _figure_table(figures: Sequence[Figure]) -> Table:
    table = _table("", ">first", ">second", ">ratio")
    for figure in figures:
        style = "" if figure.first == figure.second else "yellow"
        ratio = "" if figure.ratio is None else f"× {figure.ratio:.3g}"
        if figure.first == figure.second:
            ratio = "="
        elif ratio == "× 1":
            ratio = "≈"
        cells = [_amount(figure.first, figure.unit), _amount(figure.second, figure.unit), ratio]
        table.add_row(Text(figure.name, style="dim"), *(Text(cell, style=style) for cell in cells))
    return table


def _amount(amount: Amount | None, unit: str) -> str:
    return byte_amount(amount) if unit == "B" else exact_amount(amount)


def _weights(shared: SharedWeights) -> Iterator[Text]:
    total = shared.identical + shared.same_shape + shared.only_first + shared.only_second
    if not total:
        yield Text("neither has any", style="dim")
        return
    same = f"{shared.identical:,} tensors ({format_count(shared.identical_parameters)} parameters)"
    yield Text(f"{same if shared.identical else 'none'} identical byte for byte")
    rest = (
        (shared.same_shape, "more have the same type and shape, but other values"),
        (shared.only_first, "only in the first"),
        (shared.only_second, "only in the second"),
        (shared.unread, "have no bytes in their file and count as different"),
    )
    for count, meaning in rest:
        if count:
            yield Text(f"{count:,} {meaning}")


def _steps_summary(steps: Sequence[Step]) -> str:
    counts = {change: sum(step.change is change for step in steps) for change in Change}
    return ", ".join(f"{count:,} {change}" for change, count in counts.items() if count)


def _steps(steps: Sequence[Step], *, everything: bool) -> Iterator[RenderableType]:
    rows = [step for step in steps if everything or step.change not in _ALIKE]
    if not rows:
        return
    shown = rows if everything else rows[:_ROWS]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for column in ("", "#", "first", "#", "second"):
        table.add_column(column, justify="right" if column == "#" else "left", no_wrap=True, overflow="ellipsis")
    for step in shown:
        style = _STYLE[step.change]
        cells = (_MARK[step.change], _place(step.first), _layer(step.first), _place(step.second), _layer(step.second))
        table.add_row(*(Text(one_line(cell), style=style) for cell in cells))
    yield table
    if len(rows) > len(shown):
        yield Text(f"… and {len(rows) - len(shown):,} more layers (--all has them)", style="dim")


def _place(layer: Layer | None) -> str:
    return "" if layer is None else f"{layer.graph}:{layer.index}" if layer.graph else str(layer.index)


def _layer(layer: Layer | None) -> str:
    if layer is None:
        return ""
    shapes = ", ".join(format_shape(shape) for shape in layer.outputs[:2])
    weights = f"{short_amount(layer.parameters)} params" if layer.parameters else ""
    return "  ".join(part for part in (layer.kind or layer.op, layer.attributes, shapes, weights) if part)
