"""The trade-off of compression as a picture: size against agreement, and against the signal-to-noise ratio. One SVG without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from nngauge.domain.compression import Row, Scheme, Scope, Table
from nngauge.units import format_bytes
from nngauge.words.safe import brief, printable

_COLOURS: Final = {
    Scheme.LINEAR: "#0072B2", Scheme.LINEAR_LUT: "#D55E00", Scheme.KMEANS_LUT: "#009E73", Scope.LAYER: "#CC79A7",
    Scope.GLOBAL: "#7F7F7F", None: "#333333",
}  # fmt: skip
"""Colours that people with any colour vision tell apart (after Okabe and Ito, https://jfly.uni-koeln.de/color/)."""
_WIDTH: Final = 420.0
_HEIGHT: Final = 300.0
_LEFT: Final = 62.0
_TOP: Final = 74.0
_GAP: Final = 96.0
_FLOOR: Final = 0.0
_CEILING: Final = 60.0
"""Decibels shown; what lies outside stands at the edge."""
_TICKS: Final = 5


class _Point(NamedTuple):
    size: int
    height: float
    """0 to 1."""
    says: str
    low: float
    high: float


class _Panel(NamedTuple):
    title: str
    labels: tuple[str, ...]
    """From the bottom to the top, evenly."""
    lines: dict[Scheme | Scope | None, list[_Point]]


def draw(table: Table) -> str:
    """The picture."""
    panels = [_decibels(table)]
    if not table.reference.withheld:
        panels.insert(0, _shares(table))
    width = _LEFT + len(panels) * (_WIDTH + _GAP)
    height = _TOP + _HEIGHT + 60
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="#222">'
    )
    measured = f"agreement with the shipped model on {table.inputs.count} inputs ({_text(table.inputs.source.value)}); not accuracy"
    body = [
        opening,
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" font-weight="600">{_text(table.model)}: what fewer bits cost</text>',
        f'<text x="{_LEFT}" y="40" fill="#555">{measured}</text>',
        *_legend(panels),
    ]
    for at, panel in enumerate(panels):
        body += _panel(panel, _LEFT + at * (_WIDTH + _GAP), table.shipped.packed)
    return "\n".join([*body, "</svg>\n"])


def _text(text: str) -> str:
    return escape(brief(printable(text), 80))


def _rows(table: Table) -> Iterator[tuple[Scheme | Scope | None, Row]]:
    for row in (*table.rows, *table.pruned):
        if row.agreement is not None:
            yield row.variant.scope or row.variant.scheme, row


def _shares(table: Table) -> _Panel:
    lines: dict[Scheme | Scope | None, list[_Point]] = {}
    for key, row in _rows(table):
        found = row.agreement
        if found is not None and found.share is not None and found.low is not None and found.high is not None:
            says = f"{row.variant.label}: {100 * found.share:.1f} %, {format_bytes(row.sizes.packed)}"
            lines.setdefault(key, []).append(_Point(row.sizes.packed, found.share, says, found.low, found.high))
    return _Panel("agreement", tuple(f"{20 * step} %" for step in range(_TICKS + 1)), lines)


def _decibels(table: Table) -> _Panel:
    lines: dict[Scheme | Scope | None, list[_Point]] = {}
    for key, row in _rows(table):
        found = row.agreement
        if found is not None and found.sqnr is not None:
            height = min(1.0, max(0.0, (found.sqnr - _FLOOR) / (_CEILING - _FLOOR)))
            says = f"{row.variant.label}: {found.sqnr:.1f} dB, {format_bytes(row.sizes.packed)}"
            lines.setdefault(key, []).append(_Point(row.sizes.packed, height, says, height, height))
    labels = tuple(f"{_FLOOR + step * (_CEILING - _FLOOR) / _TICKS:.0f} dB" for step in range(_TICKS + 1))
    return _Panel("signal-to-noise ratio of the outputs", labels, lines)


def _legend(panels: Sequence[_Panel]) -> Iterator[str]:
    keys = [key for key in _COLOURS if any(key in panel.lines for panel in panels)]
    left = _LEFT
    for key in keys:
        name = "16 bit float" if key is None else f"zeros {key.value}" if isinstance(key, Scope) else key.value
        yield f'<circle cx="{left + 5:.0f}" cy="54" r="4" fill="{_COLOURS[key]}"/><text x="{left + 14:.0f}" y="58">{name}</text>'
        left += 26 + 7 * len(name)


def _panel(panel: _Panel, left: float, shipped: int) -> Iterator[str]:
    bottom = _TOP + _HEIGHT
    for step, label in enumerate(panel.labels):
        y = bottom - step * _HEIGHT / _TICKS
        yield f'<line x1="{left:.0f}" y1="{y:.1f}" x2="{left + _WIDTH:.0f}" y2="{y:.1f}" stroke="#000" stroke-opacity="0.12"/>'
        yield f'<text x="{left - 6:.0f}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    for step in range(_TICKS + 1):
        x = left + step * _WIDTH / _TICKS
        size = format_bytes(round(step * shipped / _TICKS))
        yield f'<text x="{x:.0f}" y="{bottom + 18:.0f}" text-anchor="middle">{size}</text>'
    yield f'<text x="{left + _WIDTH / 2:.0f}" y="{bottom + 40:.0f}" text-anchor="middle">packed size ({panel.title} above it)</text>'
    for key, points in panel.lines.items():
        yield from _line(key, sorted(points), left, shipped)


def _line(key: Scheme | Scope | None, points: Sequence[_Point], left: float, shipped: int) -> Iterator[str]:
    colour = _COLOURS[key]
    places = [
        (left + _WIDTH * min(1.0, one.size / max(1, shipped)), _TOP + _HEIGHT * (1 - one.height), one) for one in points
    ]
    dashes = ' stroke-dasharray="5 4"' if isinstance(key, Scope) else ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dashes}/>'
    for x, y, one in places:
        if one.high > one.low:
            top, end = _TOP + _HEIGHT * (1 - one.high), _TOP + _HEIGHT * (1 - one.low)
            yield f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{end:.1f}" stroke="{colour}" stroke-opacity="0.45"/>'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{colour}"><title>{escape(one.says)}</title></circle>'
