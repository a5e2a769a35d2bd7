"""R19: what is computed on the phone, what in the cloud, and in which apps both."""

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

_DEVICE: Final = "category IN ('runtime', 'sdk', 'classical', 'wrapper')"
"""Categories whose work is done in the app's own process."""
_PLACES: Final = f"""WITH seen AS (SELECT edition, bool_or({_DEVICE}) AS device, bool_or(category = 'system') AS system,
    bool_or(category = 'cloud') AS cloud FROM technologies GROUP BY edition),
placed AS (SELECT editions.snapshot, editions.latest, editions.edition, editions.category, editions.downloads, coalesce(device, false) OR runtime_present OR model_present AS device,
    coalesce(system, false) AS system, coalesce(cloud, false) AS cloud FROM editions LEFT JOIN seen USING (edition))"""
_PLACE: Final = (
    "CASE WHEN cloud AND (device OR system) THEN 'hybrid' WHEN cloud THEN 'cloud only' WHEN device THEN 'on the device' "
    "WHEN system THEN 'system only' ELSE 'no AI found' END"
)
_COUNTING: Final = "packages of a snapshot that have a result, each once (its highest version)"
_PLACED: Final = Column(
    "place",
    "on the device: runtimes, SDKs or models in the package; system only: functions of the operating system or Play services; "
    "cloud only: clients of services; hybrid: a cloud service and one of the others",
)

_NONE: Final = "no AI found"


def _draw_places(answer: Answer, corpus: Corpus, by: str) -> Figure:
    """Without the packages in which there is nothing to draw."""
    at = answer.columns.index("place")
    shown = Answer(answer.columns, [row for row in answer.rows if row[at] != _NONE])
    return bars(
        shown, corpus, value="share", by=by, colour="place", stacked=True, percent=True, title="share of packages"
    )


REPORT: Final = Report(
    id="R19",
    name="hybrid",
    title="On the device and in the cloud",
    question="How many apps compute on the phone, how many ask a cloud service, how many do both, and which services are these?",
    origin="IMC'21, cloud-based ML APIs; LLMAID",
    limitations=(
        "A client or an address of a service in the package is counted; whether a request is ever sent is not seen in a package.",
        "Apps that ask their own server, which asks a service, cannot be recognised.",
        "Some SDKs work on the device and in the cloud; they count as on the device.",
    ),
    parts=(
        Part(
            name="places",
            title="Where AI is computed",
            ask=f"""{_PLACES}
SELECT snapshot, {_PLACE} AS place, count(*) AS packages, sum(count(*)) OVER (PARTITION BY snapshot)::BIGINT AS whole,
    {share("count(*)", "sum(count(*)) OVER (PARTITION BY snapshot)")} AS share,
    {share("CASE WHEN place <> 'no AI found' THEN count(*) END", "sum(count(*)) FILTER (place <> 'no AI found') OVER (PARTITION BY snapshot)")} AS share_of_ai
FROM placed GROUP BY snapshot, place
ORDER BY snapshot, list_position(['on the device', 'hybrid', 'cloud only', 'system only', 'no AI found'], place)""",
            columns=(
                Column("snapshot", "name of the snapshot"),
                _PLACED,
                Column("packages", "packages", "count"),
                Column("whole", "all packages with a result, the denominator", "count"),
                Column("share", "packages ÷ whole", "share"),
                Column("share_of_ai", "packages ÷ packages with any AI", "share"),
            ),
            counting=_COUNTING,
            needs=("app",),
            chart=partial(_draw_places, by="snapshot"),
        ),
        Part(
            name="services",
            title="Cloud services",
            ask=f"""{_PLACES},
whole AS (SELECT count(*) AS packages FROM editions WHERE latest)
SELECT technology, any_value(title) AS title, count(*) AS packages, any_value(whole.packages) AS whole,
    {share("count(*)", "any_value(whole.packages)")} AS share, {low("count(*)", "any_value(whole.packages)")} AS low,
    {high("count(*)", "any_value(whole.packages)")} AS high, count(*) FILTER (device) AS with_device,
    count(*) FILTER (grade = 'endpoint') AS endpoint_only, count(*) FILTER (used = 'used') AS used
FROM technologies JOIN (SELECT edition, device FROM placed) USING (edition) CROSS JOIN whole
WHERE latest AND technologies.category = 'cloud' GROUP BY technology ORDER BY packages DESC, technology""",
            columns=(
                Column("technology", "rule id"),
                Column("title", "name of the service"),
                Column("packages", "packages of the latest snapshot with its client or address", "count"),
                Column("whole", "all packages of the snapshot with a result, the denominator", "count"),
                Column("share", "packages ÷ whole", "share"),
                Column("low", "lower end of its 95 % interval (Wilson)", "share", "computed"),
                Column("high", "upper end", "share", "computed"),
                Column("with_device", "of the packages, those that compute on the device as well", "count"),
                Column(
                    "endpoint_only", "of the packages, those in which only an address of the service was found", "count"
                ),
                Column("used", "of the packages, those whose code was seen to use it (only with --usage)", "count"),
            ),
            counting="packages of the latest snapshot; one with several services counts for each of them",
            needs=("technology",),
            chart=partial(
                bars,
                value="share",
                by="title",
                low="low",
                high="high",
                percent=True,
                most=20,
                title="share of packages",
            ),
        ),
        Part(
            name="by-category",
            title="Where AI is computed, by store category",
            ask=f"""{_PLACES}
SELECT category, {_PLACE} AS place, count(*) AS packages, sum(count(*)) OVER (PARTITION BY category)::BIGINT AS whole,
    {share("count(*)", "sum(count(*)) OVER (PARTITION BY category)")} AS share
FROM placed WHERE latest AND category IS NOT NULL GROUP BY category, place
ORDER BY whole DESC, category, list_position(['on the device', 'hybrid', 'cloud only', 'system only', 'no AI found'], place)""",
            columns=(
                Column("category", "the store's category"),
                _PLACED,
                Column("packages", "packages", "count"),
                Column("whole", "all packages of the category, the denominator", "count"),
                Column("share", "packages ÷ whole", "share"),
            ),
            counting="packages of the latest snapshot with a category in the store's metadata",
            needs=("app", "market.category"),
            chart=partial(_draw_places, by="category"),
        ),
    ),
)
