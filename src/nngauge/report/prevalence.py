"""R1: in how many apps AI is, and how much people use those."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import high, low, share
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report._api import Figure
    from nngauge.report.corpus import Corpus

_VERDICTS: Final = """unnest(['runtime present', 'model present', 'model elsewhere']) AS verdict,
    unnest([runtime_present, model_present, model_elsewhere]) AS yes"""
_VERDICT: Final = Column("verdict", "runtime present, model present or model elsewhere; an app can be under several")
_SNAPSHOT: Final = Column("snapshot", "name of the snapshot")
_EACH: Final = "packages of a snapshot that have a result, each once (its highest version)"
_APART: Final = "The three answers are separate questions: one app can be under all of them, and they do not add up."
_YES: Final = "count(*) FILTER (yes)"
_SHARES: Final = (
    f"count(*) AS packages, {_YES} AS with_ai, {share(_YES, 'count(*)')} AS share, "
    f"{low(_YES, 'count(*)')} AS low, {high(_YES, 'count(*)')} AS high"
)
_SHARE_COLUMNS: Final = (
    Column("packages", "the denominator", "count"),
    Column("with_ai", "those for which the verdict is yes", "count"),
    Column("share", "with_ai ÷ packages", "share"),
    Column("low", "lower end of its 95 % interval (Wilson)", "share", "computed"),
    Column("high", "upper end of it", "share", "computed"),
)
_KINDS: Final = "['runtime and model', 'runtime only', 'model only', 'elsewhere only', 'no AI']"


def _by(column: str, meaning: str, name: str, title: str, needs: tuple[str, ...], condition: str) -> Part:
    """The verdict in the latest snapshot by one column of `editions`."""
    return Part(
        name=name,
        title=title,
        ask=f"""WITH asked AS (SELECT {column}, {_VERDICTS} FROM editions WHERE latest AND {condition})
SELECT {column}, verdict, {_SHARES}
FROM asked GROUP BY {column}, verdict
ORDER BY max(CASE WHEN verdict = 'runtime present' THEN {share(_YES, "count(*)")} END) OVER (PARTITION BY {column}) DESC,
    {column}, verdict DESC""",
        columns=(Column(column, meaning), _VERDICT, *_SHARE_COLUMNS),
        counting=_EACH.replace("a snapshot", "the latest snapshot"),
        needs=needs,
        chart=partial(
            bars,
            value="share",
            by=column,
            low="low",
            high="high",
            colour="verdict",
            percent=True,
            title="share of packages",
        ),
        note=_APART,
    )


def _draw_weighted(answer: Answer, corpus: Corpus) -> Figure:
    latest = Answer(answer.columns, [row for row in answer.rows if row[0] == corpus.latest])
    title = f"share of the sum, {corpus.latest}"
    return bars(latest, value="share", by="weight", colour="verdict", percent=True, title=title)


_WEIGHED: Final = f"""WITH asked AS (SELECT snapshot, {_VERDICTS}, downloads, ratings, reviews FROM editions),
weighed AS (SELECT snapshot, verdict, yes, unnest(['downloads', 'ratings', 'reviews']) AS weight,
    unnest([downloads, ratings, reviews]) AS amount FROM asked)
SELECT snapshot, weight, verdict, count(*) AS packages, sum(amount) AS total, coalesce(sum(amount) FILTER (yes), 0) AS with_ai,
    {share("coalesce(sum(amount) FILTER (yes), 0)", "sum(amount)")} AS share,
    {share(_YES, "count(*)")} AS plain
FROM weighed WHERE amount IS NOT NULL GROUP BY snapshot, weight, verdict ORDER BY snapshot, weight, verdict DESC"""

REPORT: Final = Report(
    id="R1",
    name="prevalence",
    title="How common AI is",
    question="Which share of apps has AI inside, plain and weighted by how much they are used, by category and snapshot?",
    origin="WWW'19 §4.2; IMC'21 §4",
    parts=(
        Part(
            name="packages",
            title="What is counted",
            ask="""WITH listed AS (SELECT snapshot, count(*) AS listed, count(*) FILTER (state = 'done') AS with_result
    FROM listing JOIN snapshots USING (snapshot) GROUP BY snapshot)
SELECT snapshot, listed, with_result, listed - with_result AS without, count(edition) AS packages,
    count(*) FILTER (in_market) AS in_market, count(*) FILTER (complete) AS complete
FROM listed LEFT JOIN editions USING (snapshot) GROUP BY ALL ORDER BY snapshot""",
            columns=(
                _SNAPSHOT,
                Column("listed", "items of the snapshot: packages by place", "count"),
                Column("with_result", "those that could be looked into", "count"),
                Column("without", "those that wait, failed or were quarantined: in no denominator", "count"),
                Column("packages", "different packages with a result: the denominator of most tables", "count"),
                Column("in_market", "of these, those for which a table says what the store says", "count"),
                Column("complete", "of these, those in which nothing failed to be read", "count"),
            ),
            counting="items of the study, and the packages that they are",
            needs=("listing",),
        ),
        Part(
            name="by-snapshot",
            title="Share of apps with AI",
            ask=f"""SELECT snapshot, verdict, {_SHARES}
FROM (SELECT snapshot, {_VERDICTS} FROM editions) GROUP BY snapshot, verdict ORDER BY verdict DESC, snapshot""",
            columns=(_SNAPSHOT, _VERDICT, *_SHARE_COLUMNS),
            counting=_EACH,
            needs=("app",),
            chart=partial(
                bars, value="share", by="verdict", low="low", high="high", colour="snapshot", percent=True,
                title="share of packages",
            ),
            note=_APART,
        ),
        Part(
            name="kinds",
            title="What comes together",
            ask=f"""SELECT snapshot, kind, count(*) AS packages,
    {share("count(*)", "sum(count(*)) OVER (PARTITION BY snapshot)")} AS share
FROM editions GROUP BY snapshot, kind ORDER BY snapshot, list_position({_KINDS}, kind)""",
            columns=(
                _SNAPSHOT,
                Column("kind", "runtime and model, runtime only, model only, elsewhere only (AI whose model is not in the "
                               "package, and no runtime), no AI: every package is under one"),
                Column("packages", "how many", "count"),
                Column("share", "÷ packages of the snapshot", "share"),
            ),
            counting=_EACH,
            needs=("app",),
            chart=partial(bars, value="share", by="snapshot", colour="kind", stacked=True, percent=True, title="share of packages"),
        ),
        Part(
            name="weighted",
            title="Weighted by use",
            ask=_WEIGHED,
            columns=(
                _SNAPSHOT,
                Column("weight", "downloads (at least so many, as the store shows), ratings or reviews"),
                _VERDICT,
                Column("packages", "packages for which the store tells this weight", "count"),
                Column("total", "sum over them", "count"),
                Column("with_ai", "sum over those for which the verdict is yes", "count"),
                Column("share", "with_ai ÷ total", "share"),
                Column("plain", "share of these packages, unweighted", "share"),
            ),
            counting="downloads, ratings and reviews of the packages for which the store tells them",
            needs=("market",),
            chart=_draw_weighted,
            note="Stores show downloads in steps (1,000+, 5,000+ …): sums are lower bounds. " + _APART,
        ),
        _by("category", "the store's category", "by-category", "By category of the store", ("market.category",), "category IS NOT NULL"),
        _by("platform", "android or ios", "by-platform", "By platform", ("app",), "true"),
    ),
    limitations=(
        "Top charts are no random sample of a store: intervals say how far chance goes, not how far the selection does.",
        "An app whose code is packed or fetched at first start can have AI that no look into the package finds.",
    ),
)  # fmt: skip
