"""A picture of score against cost: every candidate a dot, the front a line. Plain SVG, no script, made without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from msgspec import Struct

_WIDTH, _HEIGHT, _MARGIN = 760, 460, 64
_STYLE: Final = (
    "text{font:12px sans-serif;fill:#333}.dot{fill:#9bb}.front{fill:#06c}.line{fill:none;stroke:#06c;stroke-width:1.5}"
    ".grid{stroke:#ddd}.name{font-size:10px}@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}}"
)


class Dot(Struct, frozen=True, kw_only=True):
    """One network."""

    name: str
    x: float
    """Cost, above 0."""
    y: float
    front: bool = False


def front_svg(dots: Sequence[Dot], *, title: str, across: str, up: str) -> str:
    """Cost on a logarithmic axis, score upwards."""
    known = [dot for dot in dots if dot.x > 0]
    if not known:
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} 60"><text x="20" y="35">nothing to draw: {escape(title)}</text></svg>\n'
    place = _Scale(known)
    line = " ".join(
        f"{place.x(dot.x):.1f},{place.y(dot.y):.1f}" for dot in sorted(known, key=lambda dot: dot.x) if dot.front
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"><title>{escape(title)}</title><style>{_STYLE}</style>',
        f'<text x="{_MARGIN}" y="24">{escape(title)}</text>',
        *place.grid(),
        f'<polyline class="line" points="{line}"/>',
        *(_dot(dot, place) for dot in sorted(known, key=lambda dot: dot.front)),
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="16" y="{_HEIGHT / 2}" transform="rotate(-90 16 {_HEIGHT / 2})" text-anchor="middle">{escape(up)}</text>',
        "</svg>\n",
    ]
    return "\n".join(parts)


class _Scale:
    """From values to pixels."""

    def __init__(self, dots: Sequence[Dot]) -> None:
        costs, scores = [math.log10(dot.x) for dot in dots], [dot.y for dot in dots]
        self.left, self.right = min(costs), max(*costs, min(costs) + 0.1)
        self.bottom, self.top = min(scores), max(*scores, min(scores) + 1e-9)

    def x(self, value: float) -> float:
        part = (math.log10(value) - self.left) / (self.right - self.left)
        return _MARGIN + part * (_WIDTH - 2 * _MARGIN)

    def y(self, value: float) -> float:
        part = (value - self.bottom) / (self.top - self.bottom)
        return _HEIGHT - _MARGIN - part * (_HEIGHT - 2 * _MARGIN)

    def grid(self) -> list[str]:
        """Powers of ten and their doubles across, five steps up."""
        marks = [
            step * 10**power for power in range(math.floor(self.left), math.ceil(self.right) + 1) for step in (1, 2, 5)
        ]
        found = []
        for mark in marks:
            if self.left <= math.log10(mark) <= self.right:
                found.append(
                    f'<line class="grid" x1="{self.x(mark):.1f}" x2="{self.x(mark):.1f}" y1="{_MARGIN}" y2="{_HEIGHT - _MARGIN}"/>'
                )
                found.append(
                    f'<text x="{self.x(mark):.1f}" y="{_HEIGHT - _MARGIN + 18}" text-anchor="middle">{mark:g}</text>'
                )
        for step in range(6):
            value = self.bottom + step / 5 * (self.top - self.bottom)
            found.append(
                f'<line class="grid" x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{self.y(value):.1f}" y2="{self.y(value):.1f}"/>'
            )
            found.append(f'<text x="{_MARGIN - 8}" y="{self.y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        return found


def _dot(dot: Dot, place: _Scale) -> str:
    x, y = place.x(dot.x), place.y(dot.y)
    name = f'<text class="name" x="{x + 5:.1f}" y="{y - 5:.1f}">{escape(dot.name)}</text>' if dot.front else ""
    return f'<circle class="{"front" if dot.front else "dot"}" cx="{x:.1f}" cy="{y:.1f}" r="{4 if dot.front else 2.5}"><title>{escape(dot.name)}</title></circle>{name}'
