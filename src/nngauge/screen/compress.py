"""The compression table on a terminal: what it was measured on, a line a version, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from nngauge.domain.compression import Agreement, InputSource, Refusal, Row, Rule, Scope, Sizes, Table
from nngauge.units import format_bytes
from nngauge.words.amounts import plural
from nngauge.words.safe import one_line

GOOD: Final = 0.95
"""Agreement from which on a row is recommended."""
_SURE: Final = 0.8
"""Lower end of the interval from which on a row is recommended: twenty inputs, all of them equal, are just enough."""
_ADVISED_BITS: Final = 3
"""Fewer bits are shown, never recommended: no format or kernel of today runs them."""
_ABSENT: Final = "–"
_TOLD: Final = 5
"""Unreadable files named on the screen."""


def render_table(table: Table) -> RenderableType:
    """Everything about one table."""
    blocks: list[RenderableType] = [*_head(table), _grid(table)]
    blocks += [Text(line) for line in _advice(table)]
    if table.pruned:
        blocks += [Text(), _sweep(table), Text(_prune_advice(table))]
    blocks.append(Text(f"\n{table.cpu_seconds:.1f} s of processor time", style="dim"))
    return Group(*blocks)


def render_refusal(refusal: Refusal) -> RenderableType:
    """Why there is no table."""
    lines = [Text(one_line(f"no table: {refusal.explanation}"), style="yellow")]
    return Group(*lines, *([Text(one_line(refusal.hint), style="dim")] if refusal.hint else []))


def _head(table: Table) -> Iterator[RenderableType]:
    share = 100 * table.weight_bytes / max(1, table.shipped.packed)
    what = f"{table.format} · {format_bytes(table.shipped.packed)} · {plural(table.weights, 'weight')} are {share:.0f} % of it"
    yield Text.assemble((one_line(table.model), "bold"), f"  {what}")
    inputs = table.inputs
    kind = {
        InputSource.USER: f"your files ({inputs.name})",
        InputSource.BUNDLED: inputs.name,
        InputSource.NOISE: inputs.name or "1/f noise",
    }
    yield Text(one_line(f"inputs     {inputs.count} × {kind[inputs.source]}"))
    if inputs.prepared:
        yield Text(one_line(f"range      {inputs.prepared}"))
    if inputs.unreadable_count:
        named = "; ".join(inputs.unreadable[:_TOLD]) + ("; …" if inputs.unreadable_count > _TOLD else "")
        yield Text(one_line(f"unreadable {plural(inputs.unreadable_count, 'file')}: {named}"), style="yellow")
    yield Text(one_line(f"answers    {_answers(table)}"))
    yield Text(f"engine     {table.engine} {table.version}")
    for note in table.notes:
        yield Text(f"note       {note}", style="dim")
    yield Text()


def _answers(table: Table) -> str:
    reference = table.reference
    if reference.rule is Rule.NONE:
        return f"{reference.because}: only the signal-to-noise ratio is told"
    parts = [f"{reference.rule.value} ({reference.because})", f"{reference.distinct} different"]
    if reference.chance is not None:
        parts.append(f"a constant would reach {100 * reference.chance:.0f} %")
    if reference.not_finite:
        parts.append(f"{reference.not_finite} inputs with NaN left out")
    return ", ".join(parts)


def _grid(table: Table) -> Grid:
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title, side in (("bits", "right"), ("scheme", "left"), ("packed", "right"), ("cut", "right"), ("file", "right"),
                        ("deflated", "right"), (_title(table), "right"), ("SQNR", "right")):  # fmt: skip
        grid.add_column(title, justify="right" if side == "right" else "left", no_wrap=True)
    shipped = table.shipped
    grid.add_row(_ABSENT, "as shipped", *_sizes(shipped, shipped), "", "")
    before: int | None = None
    for row in table.rows:
        variant = row.variant
        bits = str(variant.bits) if variant.bits != before else ""
        before = variant.bits
        scheme = variant.scheme.value if variant.scheme else "float"
        grid.add_row(bits, scheme, *_sizes(row.sizes, shipped), *_cells(row), style=_style(row))
    return grid


def _title(table: Table) -> str:
    return "agreement" if not table.reference.withheld else "agreement (withheld)"


def _sizes(sizes: Sizes, shipped: Sizes) -> tuple[str, str, str, str]:
    cut = 1 - sizes.packed / max(1, shipped.packed)
    file, deflated = (format_bytes(size) if size is not None else _ABSENT for size in (sizes.file, sizes.deflated))
    return format_bytes(sizes.packed), f"{100 * cut:.0f} %" if sizes is not shipped else "", file, deflated


def _cells(row: Row) -> tuple[str, str]:
    if row.refusal is not None:
        return one_line(row.refusal.reason), _ABSENT
    found = row.agreement
    return (share_text(found), sqnr_text(found)) if found is not None else (_ABSENT, _ABSENT)


def share_text(found: Agreement) -> str:
    """``96.1 % (91…98)``; – where the share is withheld."""
    share = found.share
    if share is None or found.low is None or found.high is None:
        return _ABSENT
    return f"{100 * share:.1f} % ({100 * found.low:.0f}…{100 * found.high:.0f})"


def sqnr_text(found: Agreement) -> str:
    """``35.0 dB``; what there is instead of a ratio."""
    if found.identical:
        return "same"
    if found.sqnr is None:
        return "NaN" if found.not_finite else _ABSENT
    return f"{found.sqnr:.1f} dB".replace("-0.0", "0.0").replace("-", "−") if found.sqnr > -100 else "< −100 dB"


def _style(row: Row) -> str:
    found = row.agreement
    if found is None or found.share is None:
        return ""
    return "green" if found.share >= GOOD else "red" if found.share < 0.5 else ""


def _advice(table: Table) -> Iterator[str]:
    yield ""
    yield "Agreement with the shipped model, with its 95 % interval; it is not accuracy."
    if table.reference.withheld:
        yield f"The share is withheld: {table.reference.withheld}. Give it inputs that it knows: --inputs DIR."
        return
    smallest = best(table)
    if smallest is None:
        yield f"No smaller row surely keeps {100 * GOOD:.0f} % agreement."
        return
    yield _recommended("Smallest that keeps", smallest)
    own = best(table, own=True)
    if own is not None and own is not smallest:
        yield _recommended(f"Smallest that {table.format} itself can store and keeps", own)


def _recommended(begin: str, row: Row) -> str:
    found = row.agreement
    share = f"{share_text(found)}" if found is not None else ""
    return f"{begin} {100 * GOOD:.0f} %: {row.variant.label}, {format_bytes(row.sizes.packed)} packed, {share}."


def best(table: Table, *, own: bool = False) -> Row | None:
    """The smallest row worth recommending; `own`: of those that the format has a place for."""
    fit = [
        row
        for row in table.rows
        if row.agreement is not None
        and (row.agreement.share or 0) >= GOOD
        and (row.agreement.low or 0) >= _SURE
        and row.sizes.packed < table.shipped.packed
        and (row.variant.bits or 0) >= _ADVISED_BITS
        and (row.sizes.file is not None or not own)
    ]
    return min(fit, key=lambda row: row.sizes.packed, default=None)


def _sweep(table: Table) -> Grid:
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column("zero", justify="right")
    for scope in Scope:
        for title in (f"{scope.value}: packed", "deflated", "agreement", "SQNR"):
            grid.add_column(title, justify="right", no_wrap=True)
    for share in dict.fromkeys(row.variant.sparsity for row in table.pruned):
        cells = []
        for scope in Scope:
            row = next(one for one in table.pruned if one.variant.sparsity == share and one.variant.scope is scope)
            packed, _, _, deflated = _sizes(row.sizes, table.shipped)
            cells += [packed, deflated, *_cells(row)]
        grid.add_row(f"{100 * (share or 0):.0f} %", *cells)
    return grid


def _prune_advice(table: Table) -> str:
    eight = next((row for row in table.rows if row.variant.bits == 8 and row.agreement is not None), None)
    beside = f" Beside it: {eight.variant.label} takes {format_bytes(eight.sizes.packed)}." if eight is not None else ""
    return f"\nPrune only with retraining: weights set to zero afterwards are missed, and the file itself stays as large.{beside}"
