"""Parts of R22 about phones in use: on how many of them models would be fast enough, and what the others could be given."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part
from nngauge.report.figures import bars, cumulative
from nngauge.report.shares import HUNDREDTHS, share

_NEEDS: Final = ("reach",)
_COUNTING: Final = (
    "distinct models of the latest snapshot, each with its last answer for a budget; those of which nothing can be told are counted "
    "apart, and are in no share"
)
_ASSUMED: Final = (
    "Estimated, over a table of phones in use that is an assumption unless --shares FILE gave a counted one (`reach.assumed`, "
    "`reach.phones`). Recent phones: those of the last four years; the goal: 95 % of them."
)
_BUDGET: Final = Column("budget_seconds", "longest time of an inference", "seconds")

COVERAGE: Final = Part(
    name="coverage",
    title="Share of phones on which models are fast enough",
    ask=f"""WITH told AS (SELECT coalesce(task, 'unknown') AS task, * EXCLUDE (task) FROM reaches),
long AS (SELECT * FROM told UNION ALL SELECT 'all', * EXCLUDE (task) FROM told)
SELECT task, budget_seconds, bool_or(assumed) AS assumed, count(*) AS models, count(*) FILTER (reason IS NOT NULL) AS untold,
    count(*) FILTER (reason IS NULL AND reached) AS reached, count(*) FILTER (reason IS NULL AND NOT reached) AS missed,
    count(*) FILTER (reason IS NULL AND reached IS NULL) AS undecided,
    {share("count(*) FILTER (reason IS NULL AND reached)", "count(*) FILTER (reason IS NULL)")} AS reached_share,
    median(recent_low) FILTER (reason IS NULL) AS recent_low, median(recent_likely) FILTER (reason IS NULL) AS recent_likely,
    median(recent_high) FILTER (reason IS NULL) AS recent_high, median(low) FILTER (reason IS NULL) AS low,
    median(likely) FILTER (reason IS NULL) AS likely, median(high) FILTER (reason IS NULL) AS high,
    median("unknown") FILTER (reason IS NULL) AS not_known
FROM long GROUP BY task, budget_seconds ORDER BY task <> 'all', models DESC, task, budget_seconds""",
    columns=(
        Column("task", "id of the task (docs/tasks.md), or all"),
        _BUDGET,
        Column("assumed", "the table of phones in use is an assumption"),
        Column("models", "distinct models that were asked about", "count"),
        Column("untold", "those of which nothing can be told, on no phone", "count"),
        Column("reached", "those that run in time on 95 % of the recent phones even at the slow ends", "count", "estimated"),
        Column("missed", "those that do not even at the fast ends", "count", "estimated"),
        Column("undecided", "the rest: their intervals, or phones that are not known, decide", "count", "estimated"),
        Column("reached_share", "reached ÷ (models - untold)", "share", "estimated"),
        Column("recent_low", "share of the recent phones, at the slow ends of the intervals, median over the models", "share", "estimated"),
        Column("recent_likely", "by the estimates", "share", "estimated"),
        Column("recent_high", "at the fast ends", "share", "estimated"),
        Column("low", "share of all phones, at the slow ends", "share", "estimated"),
        Column("likely", "by the estimates", "share", "estimated"),
        Column("high", "at the fast ends", "share", "estimated"),
        Column("not_known", "share of all phones of which nothing is known, in none of these", "share", "estimated"),
    ),
    counting=_COUNTING,
    needs=_NEEDS,
    note=_ASSUMED,
)  # fmt: skip

DISTRIBUTION: Final = Part(
    name="coverage-distribution",
    title="How many models run on how many phones",
    ask=f"""WITH long AS (SELECT budget_seconds, number, unnest(['slow ends', 'estimates', 'fast ends']) AS ends,
    unnest([recent_low, recent_likely, recent_high]) AS phones FROM reaches WHERE reason IS NULL)
SELECT ends, budget_seconds, models, unnest({HUNDREDTHS})::DOUBLE AS share, unnest(steps) AS phones FROM (
    SELECT ends, budget_seconds, count(*) AS models, quantile_disc(phones, {HUNDREDTHS}) AS steps FROM long GROUP BY ends, budget_seconds)
ORDER BY budget_seconds, ends, share""",
    columns=(
        Column("ends", "which end of the intervals counts"),
        _BUDGET,
        Column("models", "distinct models of which something can be told", "count"),
        Column("share", "share of these models", "share"),
        Column("phones", "run in time on at most this share of the recent phones", "share", "estimated"),
    ),
    counting=f"{_COUNTING}; every hundredth of the distribution",
    needs=_NEEDS,
    chart=partial(
        cumulative, value="phones", share="share", colour="ends", logarithmic=False, percent=True, title="estimated share of the recent phones"
    ),
    note=_ASSUMED,
)  # fmt: skip

DEGRADATION: Final = Part(
    name="degradation",
    title="What phones could be given",
    ask=f"""WITH known AS (SELECT number, budget_seconds, made, file FROM reaches WHERE reason IS NULL),
whole AS (SELECT budget_seconds, count(*) AS whole FROM known GROUP BY budget_seconds)
SELECT stage, reach_plan.budget_seconds AS budget_seconds, count(*) AS models, any_value(whole) AS whole,
    sum(reach_plan.share) / any_value(whole) AS phones, {share("count(*) FILTER (reach_plan.share >= 0.5)", "any_value(whole)")} AS mostly
FROM reach_plan JOIN known USING (number, budget_seconds, made, file) JOIN whole ON whole.budget_seconds = reach_plan.budget_seconds
GROUP BY stage, reach_plan.budget_seconds ORDER BY budget_seconds, phones DESC, stage""",
    columns=(
        Column("stage", "what a phone could be given, by the estimate for it"),
        _BUDGET,
        Column("models", "distinct models of which some phones would get this", "count", "estimated"),
        Column("whole", "distinct models of which something can be told, the denominator", "count"),
        Column("phones", "share of all phones that would, mean over all models", "share", "estimated"),
        Column("mostly", "share of the models of which half of the phones or more would", "share", "estimated"),
    ),
    counting=f"{_COUNTING}; every phone is in one stage of a model",
    needs=("reach_plan",),
    chart=partial(bars, value="phones", by="stage", percent=True, title="estimated share of all phones, mean over the models"),
    note=f"{_ASSUMED} For one model, with smaller published networks in its place: nngauge estimate MODEL --coverage --task TASK.",
)  # fmt: skip

MODELS: Final = Part(
    name="coverage-models",
    title="Models that most packages have",
    ask="""SELECT name, task, budget_seconds, packages, macs, recent_low, recent_likely, recent_high, low, likely, high,
    "unknown" AS not_known, CASE WHEN reason IS NOT NULL THEN 'not known' WHEN reached THEN 'yes' WHEN reached IS NULL THEN 'undecided' ELSE 'no' END AS reached,
    reason
FROM reaches ORDER BY packages DESC, number, budget_seconds LIMIT 200""",
    columns=(
        Column("name", "file of the model"),
        Column("task", "id of the task (docs/tasks.md)"),
        _BUDGET,
        Column("packages", "packages that have the model", "count"),
        Column("macs", "multiply-accumulates of one inference", "macs", "computed"),
        Column("recent_low", "share of the recent phones, at the slow ends of the intervals", "share", "estimated"),
        Column("recent_likely", "by the estimates", "share", "estimated"),
        Column("recent_high", "at the fast ends", "share", "estimated"),
        Column("low", "share of all phones, at the slow ends", "share", "estimated"),
        Column("likely", "by the estimates", "share", "estimated"),
        Column("high", "at the fast ends", "share", "estimated"),
        Column("not_known", "share of all phones of which nothing is known", "share", "estimated"),
        Column("reached", "95 % of the recent phones: yes, no, undecided, not known", "", "estimated"),
        Column("reason", "why nothing can be told of any phone"),
    ),
    counting="distinct models of the latest snapshot, those of most packages first, the first 200 rows",
    needs=_NEEDS,
    note=_ASSUMED,
)

PARTS: Final = (COVERAGE, DISTRIBUTION, DEGRADATION, MODELS)
"""In the order of the report."""
