"""R11: what models cost: multiply-accumulates, weights and peak memory, beside networks that everybody knows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nngauge.report._api import Column, Part, Reference, Report
from nngauge.report.figures import cumulative, dots
from nngauge.report.shares import HUNDREDTHS, share
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report._api import Figure
    from nngauge.report.corpus import Corpus

_TORCHVISION: Final = "https://docs.pytorch.org/vision/stable/models.html"
_KERAS: Final = "https://keras.io/api/applications/mobilenet/"
_SLIM: Final = "https://github.com/tensorflow/models/blob/master/research/slim/nets/mobilenet_v1.md"


class Known(NamedTuple):
    """A network that everybody knows, for one picture in 32-bit floats."""

    name: str
    pixels: int
    """Width and height of the picture."""
    macs: int
    parameters: int
    """With the statistics of batch-norm (docs/cost.md)."""
    peak_bytes: int
    """By the rules of docs/cost.md."""
    source: str
    label: str
    """Side of its mark on which its name is written, so that names do not overlap."""


KNOWN: Final = (
    Known("MobileNetV1 0.25", 224, 41_030_272, 475_544, 1_204_224, _SLIM, "below"),
    Known("MobileNetV3 small", 224, 56_510_400, 2_554_968, 1_404_928, _TORCHVISION, "above"),
    Known("MobileNetV2", 224, 300_774_272, 3_538_984, 6_021_120, _KERAS, "left"),
    Known("SqueezeNet 1.1", 224, 349_151_936, 1_235_496, 3_928_576, _TORCHVISION, "left"),
    Known("MobileNetV1", 224, 568_740_352, 4_253_864, 4_816_896, _KERAS, "below"),
    Known("SqueezeNet 1.0", 224, 818_924_576, 1_248_424, 5_971_968, _TORCHVISION, "above"),
    Known("ResNet-18", 224, 1_814_073_344, 11_699_112, 4_014_080, _TORCHVISION, "right"),
    Known("YOLOv3-tiny", 416, 2_782_480_896, 8_858_734, 13_844_480, "https://pjreddie.com/darknet/yolo/", "left"),
    Known("ResNet-50", 224, 4_089_184_256, 25_610_152, 7_225_344, _TORCHVISION, "right"),
)
"""MACs are the published ones to the last digit (tests/analyse/test_cost_published.py)."""
_VALUES: Final = ", ".join(f"('{item.name}', {item.macs}, {item.parameters}, {item.peak_bytes})" for item in KNOWN)
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "left": {"align": "right", "dx": -9},
    "right": {"align": "left", "dx": 9},
    "above": {"align": "center", "dy": -12},
    "below": {"align": "center", "dy": 13},
}
_STEPS: Final = 6
"""Bins of the plane in each decade."""
_KNOWN_COSTS: Final = "distinct_models JOIN network USING (number) WHERE latest AND network.reason IS NULL"
_COUNTING: Final = (
    "distinct models of the latest snapshot with figures that are numbers; those that depend on free dimensions (batch, "
    "length) are left out"
)


def _published() -> Reference:
    return Reference(
        source="Sources of the single rows; peak memory is computed, by our rules, from the same networks",
        columns=(
            Column("network", "name", basis="published"),
            Column("pixels", "width and height of its input", "count", "published"),
            Column("macs", "multiply-accumulates of one inference", "macs", "published"),
            Column("parameters", "weights, statistics of batch-norm included (docs/cost.md)", "parameters", "computed"),
            Column("peak_bytes", "activations alive at once, 32-bit floats", "bytes", "computed"),
            Column("source", "where it was published", basis="published"),
        ),
        rows=tuple(item[:-1] for item in KNOWN),
        note="WWW'19, Figure 8, draws ResNet-50 at 200 MB and 4 G and MobileNet at 54 MB and 500 M; its memory counts weights and "
        "all activations, ours (and what phones allocate) only activations alive at once.",
    )


def _draw_plane(answer: Answer, corpus: Corpus) -> Figure:
    """Circles whose area is the number of models, and the known networks as labelled diamonds."""
    import altair as alt

    from nngauge.report.drawing import COLOURS
    from nngauge.report.figures import data, tooltip

    plane = dots(
        answer, corpus, x="macs", y="peak_bytes", size="models", x_title="multiply-accumulates of one inference",
        y_title="peak memory of activations (bytes)",
    )  # fmt: skip
    columns = ("network", "macs", "peak_bytes")
    layers: list[Figure] = [plane]
    for side, place in _SIDES.items():
        marks = Answer(columns, [(item.name, item.macs, item.peak_bytes) for item in KNOWN if item.label == side])
        base = alt.Chart(data(marks)).encode(alt.X("macs:Q"), alt.Y("peak_bytes:Q"))
        layers += [
            base.mark_point(shape="diamond", size=90, filled=True, color=COLOURS[1], opacity=1).encode(
                tooltip=tooltip(marks)
            ),
            base.mark_text(fontWeight=600, **place).encode(alt.Text("network:N")),
        ]
    made: Figure = alt.layer(*layers)
    return made


REPORT: Final = Report(
    id="R11",
    name="costs",
    title="What models cost",
    question="How many multiply-accumulates, weights and how much memory does one inference take, and how is that beside known networks?",
    origin="WWW'19 Figure 8; IMC'21, FLOPs and parameters",
    limitations=(
        "One inference at the input size that the file fixes; how often an app runs it is not known from its package.",
        "MACs are no latency: no figure here says how fast a phone is.",
    ),
    parts=(
        Part(
            name="macs-and-memory",
            title="Multiply-accumulates and peak memory",
            ask=f"""SELECT power(10, (bin_macs + 0.5) / {_STEPS})::DOUBLE AS macs, power(10, (bin_peak + 0.5) / {_STEPS})::DOUBLE AS peak_bytes,
    count(*) AS models, {share("count(*)", "sum(count(*)) OVER ()")} AS share
FROM (SELECT floor(log10(macs) * {_STEPS})::INT AS bin_macs, floor(log10(peak_bytes) * {_STEPS})::INT AS bin_peak
    FROM {_KNOWN_COSTS} AND macs > 0 AND peak_bytes > 0)
GROUP BY bin_macs, bin_peak ORDER BY models DESC, macs, peak_bytes""",
            columns=(
                Column("macs", f"middle of a bin, of which a decade has {_STEPS}", "macs", "computed"),
                Column("peak_bytes", "middle of a bin: most bytes of activations alive at once", "bytes", "computed"),
                Column("models", "distinct models in the bin", "count"),
                Column("share", "models ÷ all that are drawn", "share"),
            ),
            counting=f"{_COUNTING}; models without any multiply-accumulate are left out",
            needs=("network.macs", "network.peak_bytes"),
            chart=_draw_plane,
            reference=_published,
        ),
        Part(
            name="beside-known-networks",
            title="How many models need less than a known network",
            ask=f"""WITH costs AS (SELECT network.macs, network.parameters, network.peak_bytes FROM {_KNOWN_COSTS}),
known AS (SELECT * FROM (VALUES {_VALUES}) AS known(network, known_macs, known_parameters, known_peak))
SELECT network, known_macs, count(macs) FILTER (macs < known_macs) AS fewer_macs, count(macs) AS with_macs,
    {share("count(macs) FILTER (macs < known_macs)", "count(macs)")} AS macs_share,
    {share("count(parameters) FILTER (parameters < known_parameters)", "count(parameters)")} AS parameters_share,
    {share("count(peak_bytes) FILTER (peak_bytes < known_peak)", "count(peak_bytes)")} AS peak_share
FROM known CROSS JOIN costs GROUP BY network, known_macs ORDER BY known_macs""",
            columns=(
                Column("network", "known network", basis="published"),
                Column("known_macs", "its multiply-accumulates", "macs", "published"),
                Column("fewer_macs", "models with fewer", "count"),
                Column("with_macs", "models whose MACs are a number, the denominator", "count"),
                Column("macs_share", "fewer_macs ÷ with_macs", "share"),
                Column(
                    "parameters_share", "share with fewer weights, of models whose number of weights is known", "share"
                ),
                Column("peak_share", "share with less peak memory, of models with a memory plan", "share"),
            ),
            counting=_COUNTING,
            needs=("network.macs",),
        ),
        Part(
            name="distribution",
            title="Distribution of the costs",
            ask=f"""SELECT measure, models, unnest({HUNDREDTHS})::DOUBLE AS share, unnest(steps)::DOUBLE AS value FROM (
SELECT measure, count(value) AS models, quantile_disc(value, {HUNDREDTHS}) AS steps FROM (
    SELECT unnest(['multiply-accumulates', 'parameters', 'bytes of peak memory', 'bytes of weights']) AS measure,
        unnest([network.macs, network.parameters, peak_bytes, weight_bytes]) AS value FROM {_KNOWN_COSTS})
WHERE value > 0 GROUP BY measure) ORDER BY measure, share""",
            columns=(
                Column("measure", "what is distributed"),
                Column("models", "distinct models that have it, the denominator", "count"),
                Column("share", "share of them that are at most at the value", "share"),
                Column("value", "in the unit of the measure", "", "computed"),
            ),
            counting=f"{_COUNTING}; every hundredth of the distribution; zeros are left out",
            needs=("network",),
            chart=partial(
                cumulative, value="value", share="share", colour="measure", title="of one model (logarithmic)"
            ),
        ),
        Part(
            name="by-task",
            title="Costs by task",
            ask=f"""SELECT coalesce(task, 'unknown') AS task, count(*) AS models, count(network.macs) AS with_macs,
    quantile_disc(network.macs, 0.25) AS macs_25, quantile_disc(network.macs, 0.5) AS macs_50, quantile_disc(network.macs, 0.75) AS macs_75,
    max(network.macs) AS macs_most, quantile_disc(network.parameters, 0.5) AS parameters, quantile_disc(peak_bytes, 0.5) AS peak_bytes,
    quantile_disc(weight_bytes, 0.5) AS weight_bytes
FROM {_KNOWN_COSTS} GROUP BY 1 ORDER BY with_macs DESC, task""",
            columns=(
                Column("task", "id of the task (docs/tasks.md)"),
                Column("models", "distinct models with figures", "count"),
                Column("with_macs", "of them, those whose MACs are a number", "count"),
                Column("macs_25", "a quarter of these have at most so many", "macs", "computed"),
                Column("macs_50", "half", "macs", "computed"),
                Column("macs_75", "three quarters", "macs", "computed"),
                Column("macs_most", "all", "macs", "computed"),
                Column("parameters", "median number of weights", "parameters", "computed"),
                Column("peak_bytes", "median peak memory of activations", "bytes", "computed"),
                Column("weight_bytes", "median bytes of the weights as stored", "bytes", "computed"),
            ),
            counting=_COUNTING,
            needs=("network", "model.task"),
        ),
    ),
)
