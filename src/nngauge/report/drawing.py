"""Figures: one Vega-Lite specification, drawn offline as SVG, PNG and PDF and shown in pages (docs/adr/0016-figures.md).

All figures look alike: colours that people with any colour vision tell apart (after Okabe and Ito,
https://jfly.uni-koeln.de/color/), in one order everywhere; text and lines in the colour of the page around the figure, black
on paper. The kinds that parts are drawn with are in `nngauge.report.figures`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from nngauge.errors import UsageError

if TYPE_CHECKING:
    from nngauge.report._api import Figure

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8B6BB1", "#7F7F7F")
"""Blue, vermilion, green, pink, orange, sky blue, violet, grey. Yellow is left out: it cannot be seen on white."""
_INK: Final = "currentColor"
_FONT: Final = "system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif"
_PIXELS_PER_INCH: Final = 300
"""Of PNG files: what journals ask of figures."""
THEME: Final[dict[str, Any]] = {
    "background": None,
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK, "titleColor": _INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 500,
        "domainColor": _INK, "domainOpacity": 0.5, "tickColor": _INK, "tickOpacity": 0.5, "gridColor": _INK, "gridOpacity": 0.12,
        "labelLimit": 260, "titlePadding": 8,
    },
    "axisBand": {"grid": False},
    "header": {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 12, "titleFontSize": 12, "labelFontWeight": 600},
    "legend": {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 12, "titleFontSize": 12, "labelLimit": 260,
               "orient": "top", "symbolType": "square"},
    "title": {"color": _INK, "fontSize": 13, "anchor": "start"},
    "text": {"color": _INK, "fontSize": 11},
    "rule": {"color": _INK},
    "bar": {"color": COLOURS[0]},
    "line": {"color": COLOURS[0], "strokeWidth": 2},
    "point": {"color": COLOURS[0], "size": 50, "filled": True},
    "range": {"category": list(COLOURS), "heatmap": ["#e8f1f8", "#0072B2", "#00263b"]},
}  # fmt: skip
"""Config of Vega-Lite: https://vega.github.io/vega-lite/docs/config.html"""


def specification(figure: Figure) -> dict[str, Any]:
    """The figure as Vega-Lite, in the house's look."""
    made: dict[str, Any] = figure.to_dict()
    return {**made, "config": THEME}


def zoomable(specified: dict[str, Any]) -> dict[str, Any]:
    """The same figure, moved and zoomed with the pointer where it is shown with `script`; panels side by side stay as they are."""
    if "layer" in specified:
        first, *others = specified["layer"]
        return {**specified, "layer": [_zoomed(first), *others]}
    return _zoomed(specified)


def _zoomed(view: dict[str, Any]) -> dict[str, Any]:
    drawn = view.get("encoding", {})
    axes = [axis for axis in ("x", "y") if drawn.get(axis, {}).get("type") == "quantitative"]
    if not axes or "mark" not in view:
        return view
    return {**view, "params": [{"name": "zoom", "select": {"type": "interval", "encodings": axes}, "bind": "scales"}]}


def svg(specified: dict[str, Any]) -> str:
    """Drawn as SVG in the colour of its surroundings, without any reference to what is outside of it."""
    return str(_converter().vegalite_to_svg(specified))


def on_paper(drawn: str) -> str:
    """An SVG of `svg` in black on white."""
    head, end, rest = drawn.replace("currentColor", "black").partition(">")
    return f'{head}{end}<rect width="100%" height="100%" fill="white"/>{rest}'


def png(drawn: str) -> bytes:
    """An SVG of `svg` as PNG on white, 300 pixels an inch."""
    return bytes(_converter().svg_to_png(on_paper(drawn), ppi=_PIXELS_PER_INCH))


def pdf(drawn: str) -> bytes:
    """An SVG of `svg` as PDF, text as text."""
    return bytes(_converter().svg_to_pdf(on_paper(drawn)))


def script() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script without any reference to what is outside, to make figures interactive.

    It defines ``nngaugeFigure(element, specification)``. Expressions are interpreted, not compiled, so that it runs under a
    content security policy without ``unsafe-eval`` (https://vega.github.io/vega/usage/interpreter/).
    """
    return str(_converter().javascript_bundle(_SNIPPET))


_SNIPPET: Final = (
    "window.nngaugeFigure = (element, specification) => "
    "vegaEmbed(element, specification, {ast: true, actions: false, renderer: 'svg'});"
)


def installed() -> bool:
    """Are the libraries for figures there?"""
    return find_spec("altair") is not None and find_spec("vl_convert") is not None


def require() -> None:
    """Raises `UsageError` when the libraries for figures are not installed."""
    if not installed():
        raise UsageError("figures need more libraries", hint='pip install "nngauge[report]"')


def _converter() -> Any:
    require()
    import vl_convert

    return vl_convert
