"""Figures of the WWW'19 report that are more than one of the house's kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from nngauge.report.costs import KNOWN
from nngauge.report.figures import bars, boxes, data, dots, tooltip, values
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report._api import Figure
    from nngauge.report.corpus import Corpus

QUANTILES: Final = ("low", "quartile_1", "median", "quartile_3", "high")
_STAR: Final = "M0,.55L.6,.85L.5,.15L1,-.3L.33,-.4L0,-1L-.33,-.4L-1,-.3L-.5,.15L-.6,.85Z"
"""A mark that no series of models has."""
_BESIDE: Final[dict[str, dict[str, Any]]] = {
    "MobileNetV1 0.25": {"align": "left", "dx": 9, "dy": 9},
    "MobileNetV3 small": {"align": "left", "dx": 9},
    "MobileNetV2": {"align": "left", "dx": 9, "dy": 4},
    "MobileNetV1": {"align": "left", "dx": 9, "dy": -3},
    "SqueezeNet 1.0": {"align": "right", "dx": -9, "dy": -6},
    "ResNet-50": {"align": "right", "dx": -9, "dy": -6},
}
"""Which known networks are drawn, and where their names stand."""


def _where(answer: Answer, column: str, wanted: Callable[[Any], bool]) -> Answer:
    at = answer.columns.index(column)
    return Answer(answer.columns, [row for row in answer.rows if wanted(row[at])])


def draw_sides(answer: Answer, corpus: Corpus) -> Figure:
    """Figure 2: one panel a measure, each on its own axis."""
    import altair as alt

    panels = [_panel(answer, corpus, measure) for measure in values(answer, "measure")]
    made: Figure = alt.vconcat(*panels)
    return made


def _panel(answer: Answer, corpus: Corpus, measure: str) -> Figure:
    chosen = _where(answer, "measure", lambda value: value == measure)
    if measure == "rating":
        return boxes(chosen, corpus, by="apps", quantiles=QUANTILES, title="rating")
    places = {chosen.columns.index(name) for name in QUANTILES}
    times = 1e6 if measure == "size in MB" else 1.0
    rows = [
        tuple(
            max(cell * times, 1) if at in places else cell for at, cell in enumerate(row)
        )  # a logarithmic axis has no 0
        for row in chosen.rows
    ]
    title = f"{measure.replace('MB', 'bytes')} (logarithmic)"
    return boxes(Answer(chosen.columns, rows), corpus, by="apps", quantiles=QUANTILES, logarithmic=True, title=title)


def draw_usage(answer: Answer, corpus: Corpus) -> Figure:
    """Table 1 without its total."""
    shown = _where(answer, "usage", lambda value: value != "total")
    return bars(shown, corpus, value="apps", by="detailed_usage", colour="usage", stacked=True, title="packages")


def draw_categories(answer: Answer, corpus: Corpus) -> Figure:
    """Figure 3: what DL apps of each category use it for; categories without any known use are left out."""
    kinds = ("image", "text", "audio", "other")
    wide = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    rows = [(f"{row['category']} ({row['apps']})", kind, row[kind]) for row in wide if row["uses"] for kind in kinds]
    return bars(
        Answer(("category", "usage", "share"), rows), corpus, value="share", by="category", colour="usage", stacked=True,
        percent=True, title="share of uses; DL apps of the category in brackets",
    )  # fmt: skip


def draw_frameworks(answer: Answer, corpus: Corpus) -> Figure:
    """Figure 4 without its total, which would make all other bars short."""
    shown = _where(answer, "framework", lambda value: value != "total")
    return bars(shown, corpus, value="apps", by="framework", colour="snapshot", title="DL apps")


def draw_cost(answer: Answer, corpus: Corpus) -> Figure:
    """Figure 8: models as points, known networks as labelled stars, both counted by our rules."""
    import altair as alt

    points = dots(
        answer, corpus, x="memory", y="macs", colour="framework", x_title="bytes: weights and activations alive at once",
        y_title="multiply-accumulates of one inference",
    )  # fmt: skip
    layers: list[Figure] = [points]
    for item in KNOWN:
        if item.name in _BESIDE:
            one = Answer(("network", "memory", "macs"), [(item.name, 4 * item.parameters + item.peak_bytes, item.macs)])
            base = alt.Chart(data(one)).encode(alt.X("memory:Q"), alt.Y("macs:Q"))
            ink: Any = {"color": "currentColor"}
            layers += [
                base.mark_point(shape=_STAR, size=60, filled=True, opacity=1, **ink).encode(tooltip=tooltip(one)),
                base.mark_text(fontWeight=600, **ink, **_BESIDE[item.name]).encode(alt.Text("network:N")),
            ]
    made: Figure = alt.layer(*layers)
    return made
