"""The kinds of figures that reports are drawn with. Each takes an answer and the names of its columns.

In a part: ``chart=partial(bars, value="share", by="technology", percent=True)``. Whatever has to be computed is computed in
the SQL: quartiles, shares, steps of a distribution. Rows in which a drawn column is NULL are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from nngauge.report.drawing import COLOURS
from nngauge.store.warehouse import Answer
from nngauge.words.safe import brief, one_line

if TYPE_CHECKING:
    import altair as alt

    from nngauge.report._api import Figure
    from nngauge.report.corpus import Corpus

WIDTH: Final = 560
"""Pixels of the plotting area; in print at 96 pixels an inch 15 cm, a column and a half."""
_HEIGHT: Final = 260
_LETTER, _MARGIN = 7, 40
"""Pixels of a letter of a legend, and of what is around a text."""
_MANY: Final = 40
"""Bars in a figure; the table has all rows."""
_NOT_XML: Final = dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\ufffd")
"""https://www.w3.org/TR/xml/#charsets, without the controls that `one_line` leaves out."""
_BYTES: Final = ".3~s"
"""1.5M for 1 500 000."""
_SHAPES: Final = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-right",
    "triangle-left",
)
_DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [4, 2, 1, 2], [12, 3], [1, 3])


def bars(
    answer: Answer, _corpus: Corpus | None = None, *, value: str, by: str, title: str = "", percent: bool = False,
    low: str = "", high: str = "", colour: str = "", stacked: bool = False, logarithmic: bool = False, most: int = _MANY,
) -> Figure:  # fmt: skip
    """Lying bars, one a value of `by`, in the order of the answer; `low`, `high`: the ends of an interval, as a line.

    `colour`: one bar a value of that column, beside each other or `stacked`. Only the first `most` values of `by` are drawn.
    """
    import altair as alt

    shown = _first(answer, by, most)
    beside = colour and not stacked
    y = [alt.Y(f"{by}:N", sort=None, title=None), *([alt.YOffset(f"{colour}:N", sort=None)] if beside else [])]
    scale = alt.Scale(type="log") if logarithmic else alt.Scale(zero=True)
    x = alt.X(
        f"{value}:Q", title=title or value, scale=scale, axis=_axis(percent=percent), stack="zero" if stacked else None
    )
    base = alt.Chart(data(shown)).encode(*y)
    drawn: Figure = base.mark_bar().encode(x, *_fill(shown, colour), tooltip=tooltip(answer))
    if low and high:
        ends = base.mark_rule(strokeWidth=1.5, opacity=0.75).encode(alt.X(f"{low}:Q"), alt.X2(f"{high}:Q"))
        drawn = alt.layer(drawn, ends)
    return _sized(drawn, height=_band_height(shown, by, colour if beside else ""))


def lines(
    answer: Answer, _corpus: Corpus | None = None, *, x: str, y: str, colour: str, title: str = "", percent: bool = False,
    low: str = "", high: str = "", most: int = len(COLOURS),
) -> Figure:  # fmt: skip
    """A line over snapshots (or other ordered names) for each of the first `most` values of `colour`; `low`, `high`: a band."""
    import altair as alt

    shown = _first(answer, colour, most)
    across = alt.X(f"{x}:O", title=None, axis=alt.Axis(labelAngle=0))
    up = alt.Y(f"{y}:Q", title=title or y, axis=_axis(percent=percent), scale=alt.Scale(zero=True))
    base = alt.Chart(data(shown)).encode(across, *_fill(shown, colour, "stroke"))
    drawn: Figure = base.mark_line(point=alt.OverlayMarkDef(size=50)).encode(
        up, *_dash(shown, colour), tooltip=tooltip(answer)
    )
    if low and high:
        ends = base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(alt.Y(f"{low}:Q"), alt.Y2(f"{high}:Q"))
        drawn = alt.layer(ends, drawn)
    return _sized(drawn)


def boxes(
    answer: Answer, _corpus: Corpus | None = None, *, by: str, quantiles: Sequence[str], title: str = "",
    colour: str = "", logarithmic: bool = False, percent: bool = False, most: int = _MANY,
) -> Figure:  # fmt: skip
    """Lying box plots, one a value of `by`, from five columns: low whisker, quartile, median, quartile, high whisker."""
    import altair as alt

    least, first, median, third, greatest = quantiles
    shown = _first(answer, by, most)
    scale = alt.Scale(type="log") if logarithmic else alt.Scale(zero=False)
    y = [alt.Y(f"{by}:N", sort=None, title=None), *([alt.YOffset(f"{colour}:N", sort=None)] if colour else [])]
    base = alt.Chart(data(shown)).encode(*y, tooltip=tooltip(answer))
    axis = alt.X(f"{least}:Q", title=title or median, scale=scale, axis=_axis(percent=percent, logarithmic=logarithmic))
    whiskers = base.mark_rule(opacity=0.7).encode(axis, alt.X2(f"{greatest}:Q"))
    box = base.mark_bar(size=18 if not colour else 11, opacity=0.9).encode(
        alt.X(f"{first}:Q"), alt.X2(f"{third}:Q"), *_fill(shown, colour)
    )
    middle = base.mark_tick(color="currentColor", thickness=2.5, size=18 if not colour else 11).encode(
        alt.X(f"{median}:Q")
    )
    return _sized(alt.layer(whiskers, box, middle), height=_band_height(shown, by, colour, each=30))


def cumulative(
    answer: Answer, _corpus: Corpus | None = None, *, value: str, share: str, colour: str = "", title: str = "",
    logarithmic: bool = True, percent: bool = False, most: int = len(COLOURS),
) -> Figure:  # fmt: skip
    """Cumulative distributions as steps: `share` (0 to 1) of all is at most `value` (`percent`: a share, too); one line a
    value of `colour`.
    """
    import altair as alt

    shown = _first(answer, colour, most) if colour else answer
    scale = alt.Scale(type="log", nice=False) if logarithmic else alt.Scale(zero=False)
    drawn: Figure = (
        alt.Chart(data(shown))
        .mark_line(interpolate="step-after")
        .encode(
            alt.X(
                f"{value}:Q", title=title or value, scale=scale, axis=_axis(percent=percent, logarithmic=logarithmic)
            ),
            alt.Y(f"{share}:Q", title="at most so much", axis=_axis(percent=True), scale=alt.Scale(domain=[0, 1])),
            *_fill(shown, colour, "stroke"),
            *_dash(shown, colour),
            tooltip=tooltip(answer),
        )
    )
    return _sized(drawn)


def dots(
    answer: Answer, _corpus: Corpus | None = None, *, x: str, y: str, x_title: str = "", y_title: str = "", colour: str = "",
    size: str = "", label: str = "", logarithmic: bool = True, most: int = len(COLOURS),
) -> Figure:  # fmt: skip
    """Points in a plane, both axes logarithmic or not; `label`: a column whose texts are written beside their points."""
    import altair as alt

    shown = _first(answer, colour, most) if colour else answer
    scale = alt.Scale(type="log", nice=False, padding=12) if logarithmic else alt.Scale(zero=False, padding=12)
    base = alt.Chart(data(shown)).encode(
        alt.X(f"{x}:Q", title=x_title or x, scale=scale, axis=_axis(logarithmic=logarithmic)),
        alt.Y(f"{y}:Q", title=y_title or y, scale=scale, axis=_axis(logarithmic=logarithmic)),
    )
    sizes = [alt.Size(f"{size}:Q", legend=None, scale=alt.Scale(range=[30, 500]))] if size else []
    drawn: Figure = base.mark_point(opacity=0.65).encode(
        *_fill(shown, colour, ""), *_shape(shown, colour), *sizes, tooltip=tooltip(answer)
    )
    if label:
        texts = (
            base.transform_filter(f"isValid(datum['{label}'])")
            .mark_text(align="left", dx=8, dy=-4)
            .encode(alt.Text(f"{label}:N"))
        )
        drawn = alt.layer(drawn, texts)
    return _sized(drawn, height=380)


def tiles(
    answer: Answer, _corpus: Corpus | None = None, *, x: str, y: str, value: str, title: str = "", percent: bool = False
) -> Figure:
    """A heat map with the numbers written in it."""
    import altair as alt

    at = answer.columns.index(value)
    told = Answer(answer.columns, [row for row in answer.rows if row[at] is not None])
    shown = _first(_first(told, y, _MANY), x, _MANY)
    base = alt.Chart(data(shown)).encode(
        alt.X(f"{x}:N", sort=None, title=None, axis=alt.Axis(orient="top", labelAngle=-40)),
        alt.Y(f"{y}:N", sort=None, title=None),
    )
    number = ".0%" if percent else ".3~s"
    colour = alt.Color(f"{value}:Q", title=title or value, legend=alt.Legend(format=number, orient="bottom"))
    middle = max((float(row[at]) for row in shown.rows), default=0) * 0.45
    ink = alt.condition(f"datum['{value}'] > {middle}", alt.value("white"), alt.value("#111"))
    cells = base.mark_rect().encode(colour, tooltip=tooltip(answer))
    texts = base.mark_text().encode(alt.Text(f"{value}:Q", format=number), color=ink)
    return _sized(
        alt.layer(cells, texts), height=_band_height(shown, y, ""), width=min(WIDTH, 60 * len(values(shown, x)))
    )


def data(answer: Answer) -> alt.Data:
    """The rows of an answer as data of a figure."""
    import altair as alt

    rows = [dict(zip(answer.columns, map(_plain, row), strict=True)) for row in answer.rows]
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def tooltip(answer: Answer) -> list[alt.Tooltip]:
    """All columns, shown where the pointer is."""
    import altair as alt

    found = []
    for at, column in enumerate(answer.columns):
        kinds = {type(row[at]) for row in answer.rows} - {type(None)}
        if kinds and kinds <= {int, float}:
            found.append(alt.Tooltip(f"{column}:Q", format=",.4~g" if float in kinds else ","))
        else:
            found.append(alt.Tooltip(f"{column}:N"))
    return found


def values(answer: Answer, column: str) -> list[Any]:
    """The different values of a column, in the order in which they come."""
    at = answer.columns.index(column)
    return list(dict.fromkeys(row[at] for row in answer.rows))


def _first(answer: Answer, column: str, most: int) -> Answer:
    """The rows with the first `most` different values of a column."""
    kept = set(values(answer, column)[:most])
    at = answer.columns.index(column)
    return Answer(answer.columns, [row for row in answer.rows if row[at] in kept])


def _fill(answer: Answer, colour: str, symbol: str = "square") -> list[alt.Color]:
    import altair as alt

    if not colour:
        return []
    domain = [_text(value) for value in values(answer, colour)]
    scale = alt.Scale(domain=domain, range=[COLOURS[at % len(COLOURS)] for at in range(len(domain))])
    return [alt.Color(f"{colour}:N", title=None, scale=scale, legend=_legend(domain, symbol))]


def _shape(answer: Answer, colour: str) -> list[alt.Shape]:
    """A form a value, for whoever sees no colours."""
    import altair as alt

    domain = [_text(value) for value in values(answer, colour)] if colour else []
    forms = [_SHAPES[_turn(at) % len(_SHAPES)] for at in range(len(domain))]
    return [alt.Shape(f"{colour}:N", title=None, scale=alt.Scale(domain=domain, range=forms))] if colour else []


def _dash(answer: Answer, colour: str) -> list[alt.StrokeDash]:
    """A stroke a value, for whoever sees no colours."""
    import altair as alt

    domain = [_text(value) for value in values(answer, colour)] if colour else []
    strokes = [_DASHES[_turn(at) % len(_DASHES)] for at in range(len(domain))]
    return [alt.StrokeDash(f"{colour}:N", title=None, scale=alt.Scale(domain=domain, range=strokes))] if colour else []


def _turn(at: int) -> int:
    """Moves on by one where colours begin again, so that no two of 64 values have the same colour and form."""
    return at + at // len(COLOURS)


def _legend(domain: Sequence[str], symbol: str) -> alt.Legend:
    """As many columns as have room above the figure."""
    import altair as alt

    longest = max(map(len, domain), default=0)
    columns = max(1, (WIDTH + _MARGIN) // (_LETTER * longest + _MARGIN))
    return alt.Legend(symbolType=symbol, columns=columns) if symbol else alt.Legend(columns=columns)


def _axis(*, percent: bool = False, logarithmic: bool = False) -> alt.Axis:
    import altair as alt

    return alt.Axis(format="~%" if percent else _BYTES, tickCount=6 if not logarithmic else 5)


def _band_height(answer: Answer, by: str, colour: str, each: int = 22) -> int:
    lanes = len(values(answer, colour)) if colour else 1
    return len(values(answer, by)) * (each if lanes == 1 else 6 + 14 * lanes) + 10


def _sized(figure: Any, height: int = _HEIGHT, width: int = WIDTH) -> Figure:
    made: Figure = figure.properties(width=width, height=height)
    return made


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | bool | None) else _text(value)


def _text(value: Any) -> str:
    """What can be drawn: a character that XML has no room for ends the whole process inside the drawing library."""
    return brief(one_line(str(value)).translate(_NOT_XML))
