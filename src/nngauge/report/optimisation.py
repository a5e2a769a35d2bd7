"""R12: how far models have been optimised: number formats, sparsity, clustering."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import high, low, share

_READ: Final = "distinct_models JOIN network USING (number) WHERE latest AND network.reason IS NULL AND scheme IS NOT NULL AND scheme NOT IN ('no weights', 'unknown')"
_COUNTING: Final = "distinct models of the latest snapshot whose weights are in the file and were looked at"
_MARKS: Final = (
    ("integer weights", "scheme IN ('dynamic-range', 'weight-only', 'full-integer', 'block-wise')"),
    ("integer weights and activations", "scheme = 'full-integer'"),
    ("half-precision floats", "precision LIKE '%float16' OR precision LIKE '%bfloat16'"),
    ("4 bits or fewer", "regexp_matches(precision, '(^|[^0-9])(u?int|q|iq|nf|fp|mxfp)[1-4]($|[^0-9])')"),
    ("palettised", "scheme = 'palettised'"),
    ("quantisation-aware, still in floats", "scheme = 'quantisation-aware'"),
    ("mixed", "scheme = 'mixed'"),
    ("plain 32-bit floats", "precision = 'float32'"),
    ("pruned: half or more are zeros", "sparsity >= 0.5"),
    ("half or more are nearly zeros", "near_zero >= 0.5"),
    ("clustered: at most 256 values", "clustered > 0"),
)
"""Mark → SQL condition."""


def _marks() -> str:
    parts = (
        f"SELECT {at} AS place, '{mark}' AS mark, count(*) FILTER (coalesce({condition}, false)) AS models, count(*) AS whole FROM read"
        for at, (mark, condition) in enumerate(_MARKS)
    )
    return " UNION ALL ".join(parts)


REPORT: Final = Report(
    id="R12",
    name="optimisation",
    title="How far models are optimised",
    question="How many models are quantised, pruned, clustered or compressed in another way, and how many are plain 32-bit floats?",
    origin="WWW'19 Table 4; IMC'21, model-level optimisation",
    parts=(
        Part(
            name="marks",
            title="Optimisations that models show",
            ask=f"""WITH read AS (SELECT scheme, precision, sparsity, near_zero, clustered FROM {_READ})
SELECT mark, models, whole, {share("models", "whole")} AS share, {low("models", "whole")} AS low, {high("models", "whole")} AS high
FROM ({_marks()}) WHERE whole > 0 ORDER BY place""",
            columns=(
                Column("mark", "what the weights or the graph show; a model can show several"),
                Column("models", "distinct models that show it", "count"),
                Column("whole", "distinct models whose weights were looked at, the denominator", "count"),
                Column("share", "models ÷ whole", "share"),
                Column("low", "lower end of its 95 % interval (Wilson)", "share", "computed"),
                Column("high", "upper end", "share", "computed"),
            ),
            counting=_COUNTING,
            needs=("network.scheme",),
            chart=partial(
                bars, value="share", by="mark", low="low", high="high", percent=True, title="share of distinct models"
            ),
        ),
        Part(
            name="precision",
            title="Number formats",
            ask=f"""SELECT scheme, precision, count(*) AS models, {share("count(*)", "sum(count(*)) OVER ()")} AS share,
    sum(distinct_models.packages)::BIGINT AS copies, sum(weight_bytes)::BIGINT AS weight_bytes
FROM {_READ} GROUP BY scheme, precision ORDER BY models DESC, scheme, precision""",
            columns=(
                Column("scheme", "in which way weights and activations are numbers"),
                Column("precision", "the scheme in the words of the field"),
                Column("models", "distinct models", "count"),
                Column("share", "models ÷ distinct models whose weights were looked at", "share"),
                Column("copies", "the same, counted once in every package that has them", "count"),
                Column("weight_bytes", "bytes of their weights as stored", "bytes", "computed"),
            ),
            counting=_COUNTING,
            needs=("network.scheme",),
        ),
        Part(
            name="by-format",
            title="Number formats by model format",
            ask=f"""SELECT format, scheme, count(*) AS models, sum(count(*)) OVER (PARTITION BY format)::BIGINT AS format_models,
    {share("count(*)", "sum(count(*)) OVER (PARTITION BY format)")} AS share
FROM {_READ} GROUP BY format, scheme ORDER BY format_models DESC, format, models DESC, scheme""",
            columns=(
                Column("format", "format of the model"),
                Column("scheme", "in which way weights and activations are numbers"),
                Column("models", "distinct models", "count"),
                Column("format_models", "distinct models of the format, the denominator", "count"),
                Column("share", "models ÷ format_models", "share"),
            ),
            counting=_COUNTING,
            needs=("network.scheme",),
            chart=partial(
                bars,
                value="share",
                by="format",
                colour="scheme",
                stacked=True,
                percent=True,
                title="share of the format's models",
            ),
        ),
        Part(
            name="zeros",
            title="Zeros among the weights",
            ask=f"""SELECT floor(least(sparsity, 0.999) * 10) / 10 AS zeros_from, count(*) AS models, {share("count(*)", "sum(count(*)) OVER ()")} AS share,
    count(*) FILTER (near_zero >= 0.5) AS nearly
FROM {_READ} AND sparsity IS NOT NULL GROUP BY 1 ORDER BY 1""",
            columns=(
                Column(
                    "zeros_from",
                    "share of exact zeros among a model's weights, lower end of a tenth",
                    "share",
                    "computed",
                ),
                Column("models", "distinct models", "count"),
                Column("share", "models ÷ models with a known share of zeros", "share"),
                Column("nearly", "of them, those of which half or more is zero or nearly zero", "count"),
            ),
            counting=f"{_COUNTING}; in tenths",
            needs=("network.sparsity",),
            note="Dead channels are zeros as well: zeros alone do not prove that somebody pruned the model.",
        ),
    ),
)
