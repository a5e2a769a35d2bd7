"""R2: are apps with AI more popular, better rated and larger than others?"""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report, Unit
from nngauge.report.figures import bars, boxes

_GROUPS: Final = (
    "CASE WHEN runtime_present THEN 'runtime present' WHEN kind <> 'no AI' THEN 'other AI only' ELSE 'no AI' END"
)
_GROUP: Final = Column(
    "apps",
    "runtime present; other AI only (a model without a runtime here, or one elsewhere); no AI: each package is in one",
)
_COUNTING: Final = "packages of the latest snapshot that have a result and for which this is known, each once"
_QUANTILES: Final = ("p5", "quarter", "median", "three_quarters", "p95")
_MEASURES: Final = ("downloads", "ratings", "reviews", "rating", "rank", "size")


def _measure(name: str, title: str, meaning: str, need: str, unit: Unit = "", *, logarithmic: bool = True) -> Part:
    whole = "::BIGINT" if unit in {"bytes", "count"} else ""
    quantiles = ", ".join(f"quantiles[{at}]{whole} AS {column}" for at, column in enumerate(_QUANTILES, 1))
    return Part(
        name=name,
        title=title,
        ask=f"""SELECT apps, packages, {quantiles}, mean FROM (
    SELECT {_GROUPS} AS apps, count(*) AS packages, avg({name}) AS mean,
        quantile_cont({name}::DOUBLE, [0.05, 0.25, 0.5, 0.75, 0.95]) AS quantiles
    FROM editions WHERE latest AND {name} IS NOT NULL GROUP BY apps)
ORDER BY list_position(['runtime present', 'other AI only', 'no AI'], apps)""",
        columns=(
            _GROUP,
            Column("packages", "how many of them", "count"),
            Column("p5", f"5 % of them have at most this: {meaning}", unit),
            Column("quarter", "25 % have at most this", unit),
            Column("median", "50 % have at most this", unit),
            Column("three_quarters", "75 % have at most this", unit),
            Column("p95", "95 % have at most this", unit),
            Column("mean", "mean; a few very large values decide it", unit),
        ),
        counting=_COUNTING,
        needs=(need,),
        chart=partial(boxes, by="apps", quantiles=_QUANTILES, logarithmic=logarithmic, title=meaning),
        note="Boxes are the middle half with the median; lines end where 5 % are below and above.",
    )


REPORT: Final = Report(
    id="R2",
    name="popularity",
    title="Apps with AI and apps without",
    question="Are apps with AI more downloaded, more often and better rated, larger and higher in the charts than others?",
    origin="WWW'19 Figure 2 and §4.2",
    parts=(
        _measure("downloads", "Downloads", "downloads, at least", "market.downloads", "count"),
        _measure("ratings", "Numbers of ratings", "ratings given", "market.ratings", "count"),
        _measure("reviews", "Numbers of reviews", "reviews written", "market.reviews", "count"),
        _measure("rating", "Stars", "mean of the stars, 0 to 5", "market.rating", logarithmic=False),
        _measure("rank", "Places in the charts", "place in the store's chart, 1 is best", "market.rank", "count"),
        _measure("size", "Sizes of packages", "bytes as shipped", "app.size", "bytes"),
        Part(
            name="effect",
            title="How often the app with a runtime has more",
            ask=f"""WITH told AS (SELECT runtime_present AS yes, unnest([{", ".join(f"'{name}'" for name in _MEASURES)}]) AS measure,
    unnest([{", ".join(f"{name}::DOUBLE" for name in _MEASURES)}]) AS amount FROM editions
    WHERE latest AND (runtime_present OR kind = 'no AI')),
ranked AS (SELECT measure, yes, count(*) AS times,
    sum(count(*)) OVER (PARTITION BY measure ORDER BY amount) - (sum(count(*)) OVER (PARTITION BY measure, amount) - 1) / 2.0 AS place
    FROM told WHERE amount IS NOT NULL GROUP BY measure, yes, amount),
summed AS (SELECT measure, coalesce(sum(times) FILTER (yes), 0)::DOUBLE AS n, coalesce(sum(times) FILTER (NOT yes), 0)::DOUBLE AS m,
    sum(times * place) FILTER (yes) AS places FROM ranked GROUP BY measure)
SELECT measure, n::BIGINT AS with_runtime, m::BIGINT AS without_ai, (places - n * (n + 1) / 2) / nullif(n * m, 0) AS more_often
FROM summed WHERE n > 0 AND m > 0 ORDER BY list_position([{", ".join(f"'{name}'" for name in _MEASURES)}], measure)""",
            columns=(
                Column("measure", "what is compared"),
                Column("with_runtime", "packages with a runtime for which it is known", "count"),
                Column("without_ai", "packages without AI for which it is known", "count"),
                Column(
                    "more_often",
                    "chance that of one of each, taken at random, the one with a runtime has more; ties count half",
                    "share",
                    "computed",
                ),
            ),
            counting="pairs of one package with a runtime and one without any AI, in the latest snapshot",
            needs=("app",),
            chart=partial(
                bars, value="more_often", by="measure", percent=True, title="the one with a runtime has more"
            ),
            note=(
                "50 % means no difference (Mann and Whitney's U ÷ number of pairs). Of ranks less is better: there, more often "
                "means worse."
            ),
        ),
    ),
    limitations=(
        "Nothing here says that AI is the cause: large publishers have both more users and more engineers.",
        "Stores show downloads in steps, so that medians are steps, too.",
    ),
)
