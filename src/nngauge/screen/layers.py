"""The per-layer table: for people, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Amount, Family, Layer
from nngauge.domain.graph import Dim
from nngauge.words.amounts import byte_amount, format_shape, short_amount
from nngauge.words.safe import csv_text, one_line

_GAP: Final = 2
_WIDEST: Final = 44
"""Characters of one text column at most, however wide the screen."""
_LONGEST: Final = 200
_FIGURES: Final = (("params", 1), ("MACs", 0), ("% MACs", 2), ("weights", 6), ("read", 9), ("written", 9))
"""Titles and ranks of the columns of figures."""
COLUMNS: Final = (
    "graph", "index", "name", "op", "kind", "family", "attributes", "inputs", "outputs", "dtype", "weight_dtype", "macs",
    "parameters", "weight_bytes", "read_bytes", "written_bytes", "repeats", "note",
)  # fmt: skip
"""Of the CSV. `macs` are multiply-accumulates of one run of the layer; empty cells are unknown, 0 is nothing."""


def chosen_layers(analysis: Analysis, *, sort: str = "index", wanted: str = "", top: int | None = None) -> list[Layer]:
    """Layers whose op, kind, family or name has `wanted` in it, in order of `sort`, at most `top`.

    `sort` is ``index`` (execution order) or, largest first, ``macs``, ``params``, ``memory`` (activations read and
    written) or ``bytes`` (those and the weights). Amounts that are no numbers come last.
    """
    needle = wanted.lower()
    rows = [
        layer for layer in analysis.cost.layers
        if needle in "\n".join((layer.op, layer.kind or "", layer.family, layer.name)).lower()
    ]  # fmt: skip
    if sort != "index":
        rows.sort(key=_SORTS[sort], reverse=True)
    return rows[:top]


def _number(amount: Amount | None) -> int:
    return amount if isinstance(amount, int) else -1


def _activations(layer: Layer) -> int:
    return _number(layer.read_bytes) + _number(layer.written_bytes)


_SORTS: Final[dict[str, Callable[[Layer], int]]] = {
    "macs": lambda layer: _number(layer.macs),
    "params": lambda layer: _number(layer.parameters),
    "memory": _activations,
    "bytes": lambda layer: _activations(layer) + _number(layer.weight_bytes),
}


def render_layers(analysis: Analysis, rows: Sequence[Layer]) -> RenderableType:
    """One line a layer; shares are of the model's totals. Columns that do not fit the screen are left out."""
    total = len(analysis.cost.layers)
    if not total:
        return Text("This file holds no operations.", style="dim")
    shown = f"{len(rows):,} of {total:,} layers" if len(rows) != total else f"{total:,} layers"
    return Group(_LayerTable(analysis, tuple(rows)), Text(f"\n{shown}{_remarks(rows)}", style="dim"))


class _Column(Struct, frozen=True):
    """One column of the table on the screen."""

    title: str
    cells: list[str]
    rank: int
    """Columns with high numbers go first when the screen is narrow."""
    least: int = 0
    """Characters that a text column needs; 0 for figures, which are never cut."""
    tail: bool = False
    """Cut at the beginning: the end says more."""

    @property
    def width(self) -> int:
        return max([len(self.title), *map(cell_len, self.cells)])


class _LayerTable(Struct, frozen=True):
    """Chooses its columns and their widths when it knows the screen."""

    analysis: Analysis
    rows: tuple[Layer, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        columns, widths = _fitting(_columns(self.rows, self.analysis), options.max_width)
        dim = Style(dim=True)
        yield Segment(_line([_cut(c.title, w, c) for c, w in zip(columns, widths, strict=True)]), dim)
        yield Segment.line()
        for at in range(len(self.rows)):  # whole lines, not a rich table: that takes seconds for a thousand layers
            cells = [_cut(column.cells[at], width, column) for column, width in zip(columns, widths, strict=True)]
            yield Segment(_line(cells))
            yield Segment.line()


def _line(cells: Sequence[str]) -> str:
    return (" " * _GAP).join(cells).rstrip()


def _columns(rows: Sequence[Layer], analysis: Analysis) -> list[_Column]:
    many = any(layer.graph for layer in rows)
    amounts = [_amounts(layer, analysis) for layer in rows]
    figures = [
        _Column(title, [cells[at] for cells in amounts], rank)
        for at, (title, rank) in enumerate(_FIGURES)
    ]  # fmt: skip
    places = [f"{layer.graph}:{layer.index}" if many and layer.graph else str(layer.index) for layer in rows]
    texts = [
        _Column("operation", [_operation(layer) for layer in rows], 0, 12),
        _Column("name", [_tail(layer.name) for layer in rows], 7, 14, tail=True),
        _Column("how", [layer.attributes for layer in rows], 4, 10),
        _Column("inputs → outputs", [_shapes(layer) for layer in rows], 3, 24),
        _Column("type", [_types(layer) for layer in rows], 8, 7),
    ]
    found = [_Column("#", places, 0), *texts, *figures]
    return [column for column in found if any(column.cells)]


def _fitting(columns: list[_Column], screen: int) -> tuple[list[_Column], list[int]]:
    """Columns that fit `screen` characters and their widths: the widest text gives way first."""

    def needed(chosen: Sequence[_Column]) -> int:
        return sum(min(column.width, column.least or column.width) + _GAP for column in chosen)

    while len(columns) > 2 and needed(columns) > screen:
        columns = [column for column in columns if column is not max(columns, key=lambda item: item.rank)]
    widths = [min(column.width, _WIDEST) if column.least else column.width for column in columns]
    while sum(widths) + _GAP * len(widths) > screen:
        slack = [width - column.least if column.least else 0 for width, column in zip(widths, columns, strict=True)]
        if max(slack) <= 0:
            break
        widest = max(range(len(widths)), key=lambda at: widths[at] if slack[at] > 0 else -1)
        widths[widest] -= 1
    return columns, widths


def _cut(cell: str, width: int, column: _Column) -> str:
    """The cell as wide as its column, in places of the terminal."""
    length = cell_len(cell)
    if length > width:
        return set_cell_size(
            f"…{cell[len(cell) + 1 - width :]}" if column.tail else f"{set_cell_size(cell, width - 1)}…", width
        )
    padding = " " * (width - length)
    return cell + padding if column.least else padding + cell


def _operation(layer: Layer) -> str:
    """The ONNX name; what has none keeps its own."""
    depthwise = " (depthwise)" if layer.family is Family.DEPTHWISE else ""
    return _clean(f"{layer.kind or layer.op}{depthwise}")


def _clean(text: str) -> str:
    return one_line(text[:_LONGEST])


def _tail(name: str) -> str:
    """Of fused names the first is enough."""
    return _clean(name.partition(";")[0])[-_WIDEST:]


def _shapes(layer: Layer) -> str:
    return f"{_joined(layer.inputs)} → {_joined(layer.outputs)}" if layer.inputs or layer.outputs else ""


def _joined(shapes: Sequence[tuple[Dim, ...] | None]) -> str:
    shown = ", ".join(_clean(format_shape(shape)) for shape in shapes[:2])
    return f"{shown} +{len(shapes) - 2}" if len(shapes) > 2 else shown


def _types(layer: Layer) -> str:
    if layer.weight_dtype and layer.weight_dtype != layer.dtype:
        return f"{layer.dtype or '?'} × {layer.weight_dtype}"
    return layer.dtype


def _amounts(layer: Layer, analysis: Analysis) -> list[str]:
    """In the order of `_FIGURES`; a dot for nothing, a dash for unknown."""
    total = analysis.cost.macs
    share = ""
    if isinstance(layer.macs, int) and isinstance(total, int) and total and layer.macs:
        share = f"{layer.macs * layer.repeats / total:.1%}"
    macs = short_amount(layer.macs) + (f" ×{layer.repeats}" if layer.repeats != 1 else "")
    cells = (
        short_amount(layer.parameters), macs, share, byte_amount(layer.weight_bytes),
        byte_amount(layer.read_bytes), byte_amount(layer.written_bytes),
    )  # fmt: skip
    return ["·" if cell in ("0", "0 B") else cell for cell in cells]


def _remarks(rows: Sequence[Layer]) -> str:
    notes = list(dict.fromkeys(layer.note for layer in rows if layer.note))
    shown = "".join(f"\n{one_line(note)}" for note in notes[:6])
    return shown + (f"\n… and {len(notes) - 6} more kinds of notes (--csv has them)" if len(notes) > 6 else "")


def layers_csv(rows: Sequence[Layer]) -> str:
    """The rows as CSV (RFC 4180) with a header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for layer in rows:
        writer.writerow([_cell(getattr(layer, column)) for column in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "; ".join(format_shape(shape) for shape in value)
    return csv_text(value) if isinstance(value, str) else str(value)
