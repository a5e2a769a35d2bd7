"""What a model takes before and after something was done to it, side by side."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from nngauge.domain.cost import Amount
from nngauge.domain.written import Figures
from nngauge.words.amounts import byte_amount, short_amount


def figures_table(before: Figures, after: Figures, more: Iterable[tuple[str, str, str, str]] = ()) -> Table:
    """Sizes and cost; `more` rows have a name, two amounts and what changed."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, side in (("", "left"), ("before", "right"), ("after", "right"), ("", "right")):
        table.add_column(name, justify="right" if side == "right" else "left")
    for name, one, other, told in (
        ("file", before.file, after.file, byte_amount), ("deflated", before.deflated, after.deflated, byte_amount),
        ("weights", before.weight_bytes, after.weight_bytes, byte_amount),
        ("parameters", before.parameters, after.parameters, short_amount), ("MACs", before.macs, after.macs, short_amount),
        ("peak activations", before.peak, after.peak, byte_amount),
    ):  # fmt: skip
        table.add_row(name, told(one), told(other), _change(one, other))
    for row in more:
        table.add_row(*row)
    return table


def _change(before: Amount | None, after: Amount | None) -> str:
    if not isinstance(before, int) or not isinstance(after, int) or not before:
        return ""
    return percent_change(after / before - 1) if after != before else "same"


def percent_change(share: float) -> str:
    """``−36.0%``, ``+1.2%``."""
    return f"{share:+.1%}".replace("-", "−")
