"""Figures: one Vega-Lite specification, drawn offline as SVG, PNG and PDF and shown in pages (docs/adr/0016-figures.md).

Parts build theirs from the few kinds below, which look alike: colours that people with any colour vision tell apart (after
Okabe and Ito, https://jfly.uni-koeln.de/color/), in one order everywhere; text and lines in the colour of the page around
the figure, black on paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from nngauge.errors import UsageError
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    import altair as alt

    from nngauge.report._api import Figure

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8B6BB1", "#7F7F7F")
"""Blue, vermilion, green, pink, orange, sky blue, violet, grey. Yellow is left out: it cannot be seen on white."""
WIDTH: Final = 560
"""Pixels of the plotting area; in print at 96 pixels an inch about 15 cm, a column and a half."""
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
    "bar": {"color": COLOURS[0]}, "line": {"color": COLOURS[0], "strokeWidth": 2}, "point": {"color": COLOURS[0], "size": 50, "filled": True},
    "range": {"category": list(COLOURS)},
}  # fmt: skip


def specification(figure: Figure) -> dict[str, Any]:
    """The figure as Vega-Lite, in the house's look."""
    made: dict[str, Any] = figure.to_dict()
    return {**made, "config": {**made.get("config", {}), **THEME}}


def svg(specified: dict[str, Any]) -> str:
    """Drawn as SVG, without any reference to what is outside of it."""
    return str(_converter().vegalite_to_svg(specified))


def png(specified: dict[str, Any]) -> bytes:
    """Drawn as PNG on white, 300 pixels an inch."""
    return bytes(_converter().vegalite_to_png(_on_paper(specified), ppi=_PIXELS_PER_INCH))


def pdf(specified: dict[str, Any]) -> bytes:
    """Drawn as PDF with text that can be searched."""
    return bytes(_converter().vegalite_to_pdf(_on_paper(specified)))


def require() -> None:
    """Raises `UsageError` when the libraries for figures are not installed."""
    try:
        import altair as alt
        import vl_convert
    except ImportError:
        raise UsageError("figures need more libraries", hint='pip install "nngauge[report]"') from None
    del alt, vl_convert


def _converter() -> Any:
    require()
    import vl_convert

    return vl_convert


def _on_paper(specified: dict[str, Any]) -> dict[str, Any]:
    return {**specified, "config": {**specified.get("config", {}), "background": "white"}}


def data(answer: Answer) -> alt.Data:
    """The rows of an answer as data of a figure."""
    import altair as alt

    return alt.Data(values=[dict(zip(answer.columns, map(_plain, row), strict=True)) for row in answer.rows])  # type: ignore[no-untyped-call]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def share_bars(
    answer: Answer,
    *,
    share: str,
    by: str,
    low: str = "",
    high: str = "",
    colour: str = "",
    title: str = "",
    sort: Sequence[str] = (),
) -> Figure:
    """Lying bars of shares (0 to 1), one a value of `by`, in the answer's order; `low`, `high`: the interval, as a line.

    With `colour` there is one bar a value of that column beside each other.
    """
    import altair as alt

    order = list(sort) or None
    y = alt.Y(f"{by}:N", sort=order, title=None)
    beside = [alt.YOffset(f"{colour}:N", sort=None)] if colour else []
    fill = [alt.Color(f"{colour}:N", sort=None, title=None)] if colour else []
    axis = alt.X(f"{share}:Q", title=title or share, axis=alt.Axis(format="~%", tickCount=6))
    base = alt.Chart(data(answer)).encode(y, *beside)
    bars = base.mark_bar().encode(axis, *fill, tooltip=_tooltip(answer))
    if not low:
        made: Figure = bars.properties(width=WIDTH)
        return made
    whiskers = base.mark_rule(strokeWidth=1.5, opacity=0.75).encode(alt.X(f"{low}:Q"), alt.X2(f"{high}:Q"))
    layered: Figure = alt.layer(bars, whiskers).properties(width=WIDTH)
    return layered


def _tooltip(answer: Answer) -> list[str]:
    return list(answer.columns)
