"""Parts of R15 that nobody measured: latencies that were estimated, how wide, how doubtful, and of which models none is told."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part
from nngauge.report.figures import boxes, cumulative, dots
from nngauge.report.runs import SPREAD, spread
from nngauge.report.shares import HUNDREDTHS, share

_NEEDS: Final = ("estimate.seconds",)
_PLACE: Final = Column("place", "phone and what computes")
_MODELS: Final = Column("models", "distinct models with an estimate there", "count")
_TASK: Final = Column("task", "id of the task (docs/tasks.md)")
_COUNTING: Final = (
    "distinct models of the latest snapshot, each once a phone and unit (its last estimate); those without an estimate are in the part "
    "`estimated-refused`, and are in no share here"
)
_ESTIMATED: Final = "Estimated, not measured: each has an interval, and an error that is known (docs/evaluation.md)."
_CURVES: Final = 12


def _spread_columns(what: str) -> tuple[Column, ...]:
    meanings = ("5 % take at most this", "a quarter", what, "three quarters", "95 %")
    return tuple(Column(name, meaning, "seconds", "estimated") for name, meaning in zip(SPREAD, meanings, strict=True))


ESTIMATED: Final = Part(
    name="estimated",
    title="Estimated latency",
    ask=f"""WITH told AS (SELECT place, device, unit, threads, any_value(device_year) AS device_year, any_value(nullif(tier, '')) AS tier,
    count(*) AS models, {spread("seconds")}, median(seconds_high / seconds_low) AS width, count(*) FILTER (doubts <> '') AS doubted
    FROM estimates GROUP BY place, device, unit, threads),
refused AS (SELECT device, unit, threads, count(*) AS refused FROM estimates_refused GROUP BY device, unit, threads)
SELECT place, device_year, tier, models, coalesce(refused, 0) AS refused, {share("coalesce(refused, 0)", "models + coalesce(refused, 0)")} AS refused_share,
    {", ".join(SPREAD)}, width, {share("doubted", "models")} AS doubted_share
FROM told LEFT JOIN refused USING (device, unit, threads) ORDER BY unit, median, place""",
    columns=(
        _PLACE,
        Column("device_year", "year in which the phone came out", "date"),
        Column("tier", "product line of its chip: low, mid, high"),
        _MODELS,
        Column("refused", "distinct models without one there", "count"),
        Column("refused_share", "refused ÷ (models + refused)", "share"),
        *_spread_columns("half of the models take at most this for one inference, after warm-up"),
        Column("width", "upper ÷ lower end of the interval, median over the models", "ratio", "estimated"),
        Column("doubted_share", "share of the models with a reason for doubt", "share"),
    ),
    counting=_COUNTING,
    needs=_NEEDS,
    chart=partial(
        boxes,
        by="place",
        quantiles=SPREAD,
        logarithmic=True,
        title="estimated seconds of one inference (logarithmic); whiskers: 5 % and 95 %",
    ),
    note=_ESTIMATED,
)

PROFILES: Final = Part(
    name="estimated-profiles",
    title="What the estimates rest on",
    ask="""SELECT profile, method, count(DISTINCT number) AS models, max(trained) AS networks, max(error) AS error, max(family_error) AS family_error,
    min(coverage) AS coverage, any_value(source) AS source
FROM estimates GROUP BY profile, method ORDER BY models DESC, profile""",
    columns=(
        Column("profile", "id and version of the profile"),
        Column("method", "name of the cost model"),
        _MODELS,
        Column("networks", "networks that it was made of", "count"),
        Column("error", "its mean error for networks that it has not seen (of NPUs the median)", "share", "measured"),
        Column("family_error", "the same where it has seen none of their family", "share", "measured"),
        Column("coverage", "share of left-out times within their intervals", "share", "measured"),
        Column("source", "where the measured times come from that it was made of"),
    ),
    counting=_COUNTING,
    needs=_NEEDS,
    note="Errors are of the networks that profiles were made of, most of them of 2015 to 2021; networks of apps may be off by more.",
)

ECDF: Final = Part(
    name="estimated-distribution",
    title="Distribution of the estimated latency on each phone",
    ask=f"""SELECT place, models, unnest({HUNDREDTHS})::DOUBLE AS share, unnest(steps) AS seconds FROM (
    SELECT place, unit, count(*) AS models, quantile_disc(seconds, {HUNDREDTHS}) AS steps FROM estimates GROUP BY place, unit)
ORDER BY unit, place, share""",
    columns=(
        _PLACE,
        _MODELS,
        Column("share", "share of these models that take at most so long", "share"),
        Column("seconds", "of one inference, after warm-up", "seconds", "estimated"),
    ),
    counting=f"{_COUNTING}; every hundredth of the distribution",
    needs=_NEEDS,
    chart=partial(
        cumulative,
        value="seconds",
        share="share",
        colour="place",
        title="estimated seconds of one inference (logarithmic)",
        most=_CURVES,
    ),
    note=f"{_ESTIMATED} Curves are of the models with an estimate there; GPUs and processors are told of other models than NPUs.",
)

COMPARED: Final = Part(
    name="estimated-compared",
    title="How much slower one phone is than another, estimated",
    ask="""WITH pair AS (SELECT slow.place AS place, fast.place AS beside, slow.device_year AS device_year, fast.device_year AS beside_year,
    slow.tier AS tier, fast.tier AS beside_tier, slow.unit AS unit, slow.seconds / fast.seconds AS times
    FROM estimates AS slow JOIN estimates AS fast USING (number, unit, threads, precision) WHERE slow.device <> fast.device)
SELECT place, beside, any_value(device_year) AS device_year, any_value(beside_year) AS beside_year, any_value(nullif(tier, '')) AS tier,
    any_value(nullif(beside_tier, '')) AS beside_tier, count(*) AS models, median(times) AS slower, quantile_cont(times, 0.25) AS slower_25,
    quantile_cont(times, 0.75) AS slower_75
FROM pair GROUP BY unit, place, beside HAVING slower >= 1 ORDER BY unit, slower DESC, place, beside""",
    columns=(
        _PLACE,
        Column("beside", "the phone that it is compared with"),
        Column("device_year", "year in which the first one came out", "date"),
        Column("beside_year", "year in which the other one came out", "date"),
        Column("tier", "product line of the first one's chip"),
        Column("beside_tier", "of the other one's"),
        Column("models", "models with an estimate on both, in the same precision", "count"),
        Column("slower", "times as long, median over them", "ratio", "estimated"),
        Column("slower_25", "a quarter of them is at most so much slower", "ratio", "estimated"),
        Column("slower_75", "three quarters", "ratio", "estimated"),
    ),
    counting="pairs of estimates of a distinct model on the same kind of unit of two phones",
    needs=_NEEDS,
    note=f"{_ESTIMATED} Both estimates of a pair err alike where they rest on the same networks, so that ratios are surer than times.",
)

MACS: Final = Part(
    name="estimated-macs",
    title="Estimated latency and multiply-accumulates",
    ask="""SELECT name, task, place, macs, seconds, seconds_low, seconds_high, baseline_seconds, doubts, packages FROM estimates
WHERE macs > 0 ORDER BY packages DESC, number, unit, place LIMIT 2000""",
    columns=(
        Column("name", "file of the model"),
        _TASK,
        _PLACE,
        Column("macs", "multiply-accumulates of one inference", "macs", "computed"),
        Column("seconds", "of one inference, after warm-up", "seconds", "estimated"),
        Column("seconds_low", "lower end of its interval", "seconds", "estimated"),
        Column("seconds_high", "upper end", "seconds", "estimated"),
        Column("baseline_seconds", "what the multiply-accumulates alone would tell", "seconds", "estimated"),
        Column("doubts", "why it should be believed less than its interval says"),
        Column("packages", "packages that have the model", "count"),
    ),
    counting=f"{_COUNTING}; those with a number of multiply-accumulates, the first 2,000 rows, of the models that most packages have",
    needs=("estimate.macs", *_NEEDS),
    chart=partial(
        dots,
        x="macs",
        y="seconds",
        colour="place",
        x_title="multiply-accumulates of one inference",
        y_title="estimated seconds of one inference",
        most=_CURVES,
    ),
    note=_ESTIMATED,
)

BY_TASK: Final = Part(
    name="estimated-by-task",
    title="Estimated latency by task",
    ask=f"""WITH told AS (SELECT coalesce(task, 'unknown') AS task, place, unit, seconds, doubts FROM estimates)
SELECT task, place, count(*) AS models, {spread("seconds")}, {share("count(*) FILTER (doubts <> '')", "count(*)")} AS doubted_share
FROM told GROUP BY task, place, unit ORDER BY sum(count(*)) OVER (PARTITION BY task) DESC, task, unit, place""",
    columns=(
        _TASK,
        _PLACE,
        _MODELS,
        *_spread_columns("half of the models take at most this for one inference"),
        Column("doubted_share", "share of the models with a reason for doubt", "share"),
    ),
    counting=_COUNTING,
    needs=("model.task", *_NEEDS),
    note=_ESTIMATED,
)

DOUBTS: Final = Part(
    name="estimated-doubts",
    title="Why estimates should be believed less",
    ask=f"""WITH whole AS (SELECT unit, count(*) AS rows, count(DISTINCT number) AS whole FROM estimates GROUP BY unit),
one AS (SELECT unit, number, unnest(CASE doubts WHEN '' THEN ['none'] ELSE string_split(doubts, ',') END) AS doubt FROM estimates)
SELECT unit, doubt, count(DISTINCT number) AS models, any_value(whole) AS whole, {share("count(DISTINCT number)", "any_value(whole)")} AS share
FROM one JOIN whole USING (unit) GROUP BY unit, doubt ORDER BY unit, doubt = 'none', models DESC, doubt""",
    columns=(
        Column("unit", "what computes"),
        Column("doubt", "reason for doubt; none: there is none"),
        Column("models", "distinct models with it on at least one phone", "count"),
        Column("whole", "distinct models with an estimate on such a unit, the denominator", "count"),
        Column("share", "models ÷ whole; a model may have several reasons", "share"),
    ),
    counting=_COUNTING,
    needs=_NEEDS,
)

REFUSED: Final = Part(
    name="estimated-refused",
    title="Models without an estimate",
    ask=f"""WITH asked AS (SELECT number, unit FROM estimates UNION SELECT number, unit FROM estimates_refused),
whole AS (SELECT unit, count(DISTINCT number) AS whole FROM asked GROUP BY unit)
SELECT unit, kind, count(DISTINCT number) AS models, any_value(whole) AS whole, {share("count(DISTINCT number)", "any_value(whole)")} AS share,
    mode(reason) AS reason
FROM estimates_refused JOIN whole USING (unit) GROUP BY unit, kind ORDER BY unit, models DESC, kind""",
    columns=(
        Column("unit", "what would compute; any: the study does not have the model's layers"),
        Column("kind", "why: NO_PROFILE, NO_PRECISION, OPERATORS, NOT_COUNTED, TOO_FAR …; UNREAD: no layers"),
        Column("models", "distinct models", "count"),
        Column("whole", "distinct models that were asked about, the denominator", "count"),
        Column("share", "models ÷ whole", "share"),
        Column("reason", "the most frequent one, in words"),
    ),
    counting="distinct models of the latest snapshot that have no estimate on at least one phone with such a unit",
    needs=("estimate_refusal",),
    note="A refusal is an answer: there is no ground for a number there. None of them counts as slow, or as fast.",
)

WRITING: Final = Part(
    name="estimated-text",
    title="Language models: estimated tokens a second",
    ask="""SELECT name, device_name, unit, decode, decode_low, decode_high, prefill, memory_bytes, memory_low, memory_high, fits, doubts
FROM (SELECT DISTINCT ON (number, device, unit, threads) language_estimate.*, packages FROM language_estimate
    JOIN (SELECT number, packages FROM distinct_models WHERE latest) USING (number)
    ORDER BY number, device, unit, threads, made DESC, file DESC)
ORDER BY packages DESC, name, number, device_name, unit LIMIT 500""",
    columns=(
        Column("name", "file of the model"),
        Column("device_name", "the phone"),
        Column("unit", "what computes"),
        Column("decode", "tokens written in a second", "", "estimated"),
        Column("decode_low", "lower end of its interval", "", "estimated"),
        Column("decode_high", "upper end", "", "estimated"),
        Column("prefill", "tokens of a prompt read in a second", "", "estimated"),
        Column("memory_bytes", "with a cache of 4,096 tokens", "bytes", "estimated"),
        Column("memory_low", "lower end of its interval", "bytes", "estimated"),
        Column("memory_high", "upper end", "bytes", "estimated"),
        Column("fits", "into the memory that an app can have there"),
        Column("doubts", "why it should be believed less than its interval says"),
    ),
    counting="language models of the latest snapshot, each on every phone that was asked about",
    needs=("language_estimate",),
    note=_ESTIMATED,
)

PARTS: Final = (ESTIMATED, PROFILES, ECDF, COMPARED, MACS, BY_TASK, DOUBTS, REFUSED, WRITING)
"""In the order of the report."""
