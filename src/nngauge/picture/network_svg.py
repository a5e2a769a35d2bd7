"""A picture of a network: one SVG that any browser shows, without scripts and without anything from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Family
from nngauge.domain.graph import Graph
from nngauge.errors import UnsupportedError
from nngauge.picture.layered_layout import Box, Placement, Point, Wire, place
from nngauge.picture.network_plan import Block, Item, Plan, plan
from nngauge.words.amounts import format_shape, short_amount
from nngauge.words.safe import printable

COLOURS: Final = {
    Family.CONVOLUTION: "#2f6fb3", Family.DEPTHWISE: "#5aa0dc", Family.TRANSPOSED: "#1c4f86",
    Family.DENSE: "#7a4fb5", Family.MATMUL: "#9a6fd0", Family.ATTENTION: "#c2539b", Family.RECURRENT: "#b0477a",
    Family.EMBEDDING: "#8a6d3b", Family.NORMALISATION: "#6b9e78", Family.ACTIVATION: "#c0392b", Family.POOLING: "#2e8b57",
    Family.RESIZE: "#3f9e8f", Family.ELEMENTWISE: "#d08a1d", Family.REDUCTION: "#a8741a", Family.LAYOUT: "#7f8c99",
    Family.QUANTISE: "#5d6d7e", Family.CONSTANT: "#b4bcc6", Family.CONTROL: "#34495e", Family.DETECTION: "#d35400",
    Family.SIGNAL: "#16a085", Family.TREE: "#4e7d2a", Family.DELEGATE: "#222f3e", Family.OTHER: "#95a5a6",
}  # fmt: skip
"""One colour a family, all dark enough for white text."""
_MARGIN: Final = 28.0
_LINE: Final = 15.0
_WIDE, _NARROW = 6.7, 6.0
"""Pixels a character of the bold and the plain face takes, rounded up."""
_TEXT: Final = 44
"""Characters of one name shown; the whole name (up to `_TITLE`) is in the tooltip."""
_TITLE: Final = 300
_NAME: Final = 70
_LEGEND: Final = 190.0
_OPENING: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">'
_ARROW: Final = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#8a94a6"/></marker></defs>'
)
_STYLE: Final = (
    "text{font:11px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif;fill:#24292f}"
    ".h{font-size:17px;font-weight:600}.b{font-weight:600;fill:#fff}.d{fill:#57606a}.s{font-size:10px;fill:#57606a}"
    ".l{stroke:#fff;stroke-width:3}.w{fill:none;stroke:#8a94a6;stroke-width:1.3}.stub{stroke-dasharray:2 3}.card{fill:#fff;stroke:#c3cad4}"
    ".port{fill:#eef2f6;stroke:#8a94a6}.block{fill:#f7f9fb;stroke:#8a94a6;stroke-dasharray:6 4}"
)


def render_svg(analysis: Analysis) -> str:
    """The main graph as an SVG document. Raises `UnsupportedError` when the file holds no operations."""
    if not analysis.graph.nodes:
        raise UnsupportedError(
            "there is no network to draw: this file holds weights or facts, not operations", where=analysis.model.name
        )
    picture = plan(analysis.graph, analysis.cost.layers)
    boxes = [_size(analysis.graph, box, roomy=picture.roomy) for box in picture.boxes]
    wires = [Wire(link.source, link.target, link.tensor) for link in picture.links]
    placed = place(boxes, wires)
    head = _head(analysis, picture)
    top = _MARGIN + 24 + 16 * len(head)
    legend = _legend(analysis)
    title = 2 * _MARGIN + 10.5 * min(len(head[0]), _NAME)
    width = max(2 * _MARGIN + placed.width + _LEGEND, title, 560.0)
    height = max(top + placed.height + _MARGIN, top + 18.0 * len(legend) + _MARGIN)
    lines = [
        _OPENING.format(width=round(width), height=round(height)),
        f"<title>{_text(analysis.model.name, _TITLE)}</title>",
        f"<style>{_STYLE}</style>",
        _ARROW,
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
        *_heading(head),
        *_legend_lines(legend, width - _MARGIN - _LEGEND + 30, top),
        f'<g transform="translate({_MARGIN:.0f} {top:.0f})">',
        *_block_frames(picture, placed, boxes),
        *_wires(analysis.graph, picture, placed),
        *_boxes(analysis.graph, picture, placed, boxes),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


# --- text around the picture --------------------------------------------------------------------------------------------


def _head(analysis: Analysis, picture: Plan) -> list[str]:
    cost = analysis.cost
    mark, weights_mark = ("at least " if bound else "" for bound in (cost.lower_bound, cost.parameters_lower_bound))
    facts = [f"{len(analysis.graph.nodes):,} operations"]
    if cost.parameters is not None:
        facts.append(f"{weights_mark}{short_amount(cost.parameters)} parameters")
    if cost.macs:
        facts.append(f"{mark}{short_amount(cost.macs)} MACs")
    lines = [f"{analysis.model.title} · " + " · ".join(facts)]
    if analysis.graph.subgraphs:
        lines.append(f"main graph; {len(analysis.graph.subgraphs)} sub-graphs are not drawn")
    if picture.blocks:
        lines.append("dashed frames are repeated blocks, drawn once")
    lines += picture.notes
    return [analysis.model.name, *lines]


def _heading(lines: Sequence[str]) -> Iterator[str]:
    for at, line in enumerate(lines):
        y = _MARGIN + 8 + 18 * at
        yield f'<text class="{"d" if at else "h"}" x="{_MARGIN:.0f}" y="{y:.0f}">{_text(line, 120 if at else _NAME)}</text>'


def _legend(analysis: Analysis) -> list[tuple[Family, str]]:
    layers = [layer for layer in analysis.cost.layers if not layer.graph]
    counts = Counter(layer.family for layer in layers)
    shares: Counter[Family] = Counter()
    for layer in layers:
        shares[layer.family] += layer.macs if isinstance(layer.macs, int) else 0
    total = sum(shares.values())
    return [
        (family, f"{counts[family]:,}" + (f" · {_percent(shares[family] / total)} of MACs" if shares[family] else ""))
        for family in Family
        if counts[family]
    ]


def _percent(share: float) -> str:
    return "<1%" if share < 0.005 else f"{share:.0%}"


def _legend_lines(legend: Sequence[tuple[Family, str]], x: float, top: float) -> Iterator[str]:
    for at, (family, text) in enumerate(legend):
        y = top + 30 * at
        yield f'<rect x="{x:.0f}" y="{y:.0f}" width="12" height="12" rx="2" fill="{COLOURS[family]}"/>'
        yield f'<text x="{x + 18:.0f}" y="{y + 10:.0f}">{family.value}</text>'
        yield f'<text class="s" x="{x + 18:.0f}" y="{y + 22:.0f}">{_text(text)}</text>'


# --- boxes --------------------------------------------------------------------------------------------------------------


def _size(graph: Graph, box: Sequence[Item], *, roomy: bool) -> Box:
    if roomy or box[0].port:
        title, *rest = _lines(graph, box[0])
        longest = max([len(title) * _WIDE, *(len(line) * _NARROW for line in rest)])
        return Box(max(86.0, longest + 20), 22.0 + _LINE * len(rest) + (4 if rest else 0))
    widths = [len(_row(graph, item)[0]) * _WIDE + len(_row(graph, item)[1]) * _NARROW for item in box]
    return Box(max(150.0, max(widths) + 44), 20.0 * len(box))


def _lines(graph: Graph, item: Item) -> list[str]:
    """Operation, name, cost; for inputs and outputs name, and type with shape."""
    if item.port:
        tensor = graph.tensors[item.tensors[0]]
        return [_short(tensor.name) or item.port, f"{tensor.dtype} {format_shape(tensor.shape)}"]
    lines = [_operation(graph, item)]
    name = graph.nodes[item.node].name
    if name and name != lines[0]:
        lines.append(_short(name, 30))
    cost = _cost(item)
    return [*lines, cost] if cost else lines


def _operation(graph: Graph, item: Item) -> str:
    node = graph.nodes[item.node]
    attributes = item.layer.attributes if item.layer else ""
    return _short(f"{node.kind or node.op} {attributes}".strip())


def _cost(item: Item) -> str:
    parts = [f"{short_amount(item.parameters)} params"] if item.parameters else []
    if item.layer is not None and item.layer.macs:
        parts.append(f"{short_amount(item.layer.macs)} MACs")
    return _short(" · ".join(parts))


def _row(graph: Graph, item: Item) -> tuple[str, str]:
    """Left and right text of one line in a run."""
    shape = format_shape(graph.tensors[item.tensors[0]].shape) if item.tensors and item.tensors[0] >= 0 else ""
    cost = short_amount(item.layer.macs) if item.layer and item.layer.macs else ""
    return _operation(graph, item), _short(" · ".join(part for part in (shape if shape != "?" else "", cost) if part))


def _colour(item: Item) -> str:
    return COLOURS[item.layer.family if item.layer else Family.OTHER]


def _boxes(graph: Graph, picture: Plan, placed: Placement, sizes: Sequence[Box]) -> Iterator[str]:
    for box, corner, size in zip(picture.boxes, placed.corners, sizes, strict=True):
        if picture.roomy or box[0].port:
            yield from _card(graph, box[0], corner, size)
        else:
            yield from _run(graph, box, corner, size)


def _card(graph: Graph, item: Item, corner: Point, size: Box) -> Iterator[str]:
    x, y = corner
    title, *rest = _lines(graph, item)
    middle = x + size.width / 2
    yield f"<g><title>{_text(_tooltip(graph, item), _TITLE)}</title>"
    kind, radius = ("port", 11) if item.port else ("card", 4)
    yield (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{size.width:.1f}" height="{size.height:.1f}" rx="{radius}"/>'
    )
    if not item.port:
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{size.width:.1f}" height="22" rx="4" fill="{_colour(item)}"/>'
    style = "" if item.port else ' class="b"'
    yield f'<text{style} x="{middle:.1f}" y="{y + 15:.1f}" text-anchor="middle">{_text(title)}</text>'
    for at, line in enumerate(rest):
        yield (
            f'<text class="s" x="{middle:.1f}" y="{y + 34 + _LINE * at:.1f}" text-anchor="middle">{_text(line)}</text>'
        )
    yield "</g>"


def _run(graph: Graph, box: Sequence[Item], corner: Point, size: Box) -> Iterator[str]:
    x, y = corner
    for at, item in enumerate(box):
        left, right = _row(graph, item)
        row = y + 20 * at
        yield f"<g><title>{_text(_tooltip(graph, item), _TITLE)}</title>"
        yield f'<rect x="{x:.1f}" y="{row:.1f}" width="{size.width:.1f}" height="19" rx="2" fill="{_colour(item)}"/>'
        yield f'<text class="b" x="{x + 8:.1f}" y="{row + 13.5:.1f}">{_text(left)}</text>'
        yield (
            f'<text x="{x + size.width - 8:.1f}" y="{row + 13.5:.1f}" text-anchor="end" style="fill:#fff">'
            f"{_text(right)}</text></g>"
        )


def _tooltip(graph: Graph, item: Item) -> str:
    if item.port:
        return f"{item.port} {graph.tensors[item.tensors[0]].name}"
    node = graph.nodes[item.node]
    shapes = ", ".join(format_shape(graph.tensors[at].shape) for at in item.tensors if at >= 0)
    parts = [f"#{item.node} {node.op}", node.name, f"→ {shapes}" if shapes else "", _cost(item)]
    return " · ".join(part for part in parts if part)


# --- wires and frames ---------------------------------------------------------------------------------------------------


def _wires(graph: Graph, picture: Plan, placed: Placement) -> Iterator[str]:
    labelled: set[tuple[int, str]] = set()
    labels: list[str] = []
    for link, route in zip(picture.links, placed.routes, strict=True):
        shape = format_shape(graph.tensors[link.tensor].shape)
        if route is None:
            yield from _stubs(graph, picture, placed, link.source, link.target)
            continue
        yield f'<path class="w" d="{_path(route)}" marker-end="url(#a)"/>'
        to_port = bool(picture.boxes[link.target][0].port or picture.boxes[link.source][0].port)
        if picture.roomy and shape != "?" and not to_port and (link.source, shape) not in labelled:
            labelled.add((link.source, shape))
            x, y = route[0]
            shift = 5 if route[-1][0] <= x + 1 else -5
            anchor = "" if shift > 0 else ' text-anchor="end"'
            place = f'x="{x + shift:.1f}" y="{y + 14:.1f}"{anchor}>{_text(shape, 40)}</text>'
            labels += [f'<text class="s l" {place}', f'<text class="s" {place}']  # the first is a halo over the wires
    yield from labels


def _path(route: Sequence[Point]) -> str:
    """Straight where it can be, else curves that start and end vertically."""
    x, y = route[0]
    parts = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in route[1:]:
        if abs(to_x - x) < 0.6:
            parts.append(f"L{to_x:.1f} {to_y:.1f}")
        else:
            middle = (y + to_y) / 2
            parts.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return "".join(parts)


def _stubs(graph: Graph, picture: Plan, placed: Placement, source: int, target: int) -> Iterator[str]:
    """A wire that is too long to follow: a loose end above its target that says where it comes from."""
    x, y = placed.corners[target]
    last = picture.boxes[source][-1]
    origin = graph.tensors[last.tensors[0]].name if last.tensors and last.tensors[0] >= 0 else f"#{last.node}"
    yield f'<path class="w stub" d="M{x + 14:.1f} {y - 16:.1f}V{y:.1f}" marker-end="url(#a)"/>'
    yield f'<text class="s" x="{x + 18:.1f}" y="{y - 8:.1f}">from {_text(_short(origin, 24))}</text>'


def _block_frames(picture: Plan, placed: Placement, sizes: Sequence[Box]) -> Iterator[str]:
    for block in picture.blocks:
        left, top, right, bottom = _extent(block, picture, placed, sizes)
        yield (
            f'<rect class="block" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}" rx="8"/>'
        )
        yield f'<text class="h" x="{right + 8:.1f}" y="{top + 18:.1f}">× {block.times}</text>'
        if block.parameters:
            total = f"{short_amount(block.parameters)} params in all"
            yield f'<text class="s" x="{right + 8:.1f}" y="{top + 33:.1f}">{total}</text>'


def _extent(block: Block, picture: Plan, placed: Placement, sizes: Sequence[Box]) -> tuple[float, float, float, float]:
    """Around the block's boxes and the wires that pass beside them: left, top, right, bottom."""
    corners = [placed.corners[at] for at in block.boxes]
    top = min(y for _, y in corners) - 12
    bottom = max(placed.corners[at][1] + sizes[at].height for at in block.boxes) + 12
    inside = set(block.boxes)
    passing = [
        x
        for link, route in zip(picture.links, placed.routes, strict=True) if route and link.target in inside
        for x, y in route if top <= y <= bottom
    ]  # fmt: skip
    left = min([x for x, _ in corners] + passing) - 12
    right = max([placed.corners[at][0] + sizes[at].width for at in block.boxes] + passing) + 12
    return left, top, right, bottom


# --- hostile text -------------------------------------------------------------------------------------------------------


def _short(text: str, limit: int = _TEXT) -> str:
    text = " ".join(printable(text[: 4 * _TITLE]).split())
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[len(text) - limit // 2 + 1 :]}"


def _text(text: str, limit: int = _TEXT) -> str:
    """Bounded, without what XML 1.0 forbids (controls, surrogates, U+FFFE and U+FFFF), escaped."""
    shown = printable(_short(text, limit))
    return escape("".join(char for char in shown if not 0xD800 <= ord(char) <= 0xDFFF and ord(char) & 0xFFFE != 0xFFFE))
