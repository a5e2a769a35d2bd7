"""The screen about one model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.graph import Completeness
from nngauge.domain.model import Model, Port
from nngauge.report.terminal import format_shape
from nngauge.units import format_bytes, format_count

_OPS = 12
_PORTS = 8
_METADATA = 12


def render_model(model: Model) -> RenderableType:
    """Identity, interface, operations, weights and notes of a model."""
    title = Text(model.name, style="bold")
    title.append(f"  {model.title}" + (f" {model.format_version}" if model.format_version else ""), style="dim")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(model):
        table.add_row(name, value)
    notes = [Text(f"note: {note}", style="yellow") for note in model.notes]
    return Group(title, Text(), table, *notes)


def _rows(model: Model) -> Iterator[tuple[str, str]]:
    yield "size", format_bytes(model.size) + (f" in {len(model.parts)} files" if len(model.parts) > 1 else "")
    yield "sha256", model.digest
    if model.producer:
        yield "made by", model.producer
    if model.completeness is not Completeness.FULL:
        yield "read", f"{model.completeness}: totals are lower bounds"
    yield from _port_rows("input", model.inputs)
    yield from _port_rows("output", model.outputs)
    if model.parameters is not None:
        by_type = ", ".join(f"{format_count(count)} {dtype}" for dtype, count in model.weights.items() if count)
        yield "parameters", f"{model.parameters:,}" + (f"  ({by_type})" if by_type else "")
    if model.nodes is not None:
        yield "operations", f"{model.nodes}  ({_histogram(model.ops)})"
    for name, value in list(model.metadata.items())[:_METADATA]:
        yield name, value if len(value) <= 200 else value[:199] + "…"
    if len(model.metadata) > _METADATA:
        yield "", f"… and {len(model.metadata) - _METADATA} more metadata entries (--json has them)"


def _port_rows(title: str, ports: Sequence[Port]) -> Iterator[tuple[str, str]]:
    for port in ports[:_PORTS]:
        yield title, f"{port.name}  {port.dtype} {format_shape(port.shape)}"
    if len(ports) > _PORTS:
        yield title, f"… and {len(ports) - _PORTS} more"


def _histogram(ops: Mapping[str, int]) -> str:
    shown = ", ".join(f"{count} {name}" for name, count in list(ops.items())[:_OPS])
    return shown + (f", … {len(ops) - _OPS} more kinds" if len(ops) > _OPS else "")
