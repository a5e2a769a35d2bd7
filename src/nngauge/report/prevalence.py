"""R1: in how many apps AI is, and how much people use those."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import high, low, share

_VERDICTS: Final = """
    unnest(['runtime present', 'model present', 'model elsewhere']) AS verdict,
    unnest([runtime_present, model_present, model_elsewhere]) AS yes"""
_VERDICT: Final = Column(
    "verdict", "runtime present, model present or model elsewhere; an app can be counted under several"
)
_SNAPSHOT: Final = Column("snapshot", "name of the snapshot")
_COUNTING: Final = "packages of a snapshot that have a result, each once (its highest version)"


def _share_columns(noun: str) -> tuple[Column, ...]:
    return (
        Column("packages", f"{noun}, the denominator", "count"),
        Column("with_ai", "of them, those for which the verdict is yes", "count"),
        Column("share", "with_ai ÷ packages", "share"),
        Column("low", "lower end of its 95 % interval (Wilson)", "share", "computed"),
        Column("high", "upper end", "share", "computed"),
    )


_SHARES: Final = (
    f"count(*) AS packages, count(*) FILTER (yes) AS with_ai, {share('count(*) FILTER (yes)', 'count(*)')} AS share, "
    f"{low('count(*) FILTER (yes)', 'count(*)')} AS low, {high('count(*) FILTER (yes)', 'count(*)')} AS high"
)


REPORT: Final = Report(
    id="R1",
    name="prevalence",
    title="How common AI is",
    question="Which share of apps has AI inside, plain and weighted by how much the apps are used, in each category and snapshot?",
    origin="WWW'19 §4.2; IMC'21 §4",
    parts=(
        Part(
            name="by-snapshot",
            title="Share of apps with AI",
            ask=f"""SELECT snapshot, verdict, {_SHARES}
FROM (SELECT snapshot, {_VERDICTS} FROM editions) GROUP BY snapshot, verdict ORDER BY verdict, snapshot""",
            columns=(_SNAPSHOT, _VERDICT, *_share_columns("packages with a result")),
            counting=_COUNTING,
            needs=("app",),
            chart=partial(
                bars,
                value="share",
                by="verdict",
                low="low",
                high="high",
                colour="snapshot",
                percent=True,
                title="share of packages",
            ),
            note="The three answers are separate questions and do not add up.",
        ),
    ),
)
