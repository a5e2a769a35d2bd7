"""R3: which runtimes, SDKs and services are adopted, and in which versions."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars, lines
from nngauge.report.shares import high, low, share

_SNAPSHOT: Final = Column("snapshot", "name of the snapshot")
_TECHNOLOGY: Final = Column("technology", "id of its rule (docs/reference/technologies.md)")
_TITLE: Final = Column("title", "name for people")
_COUNTING: Final = (
    "packages in which it is inside (not merely possible, dead, or known by model files alone), out of all packages of the "
    "snapshot that have a result; a package with several counts for each"
)
_ADOPTION: Final = """WITH seen AS (SELECT snapshot, technology, any_value(title) AS title, any_value(category) AS category,
    count(*) AS packages FROM technologies WHERE category {condition} GROUP BY snapshot, technology),
whole AS (SELECT snapshot, latest, count(*) AS editions, count(*) FILTER (runtime_present) AS with_runtime FROM editions GROUP BY ALL),
grid AS (SELECT snapshot, latest, technology, title, category, editions, with_runtime, coalesce(seen.packages, 0) AS packages
    FROM whole CROSS JOIN (SELECT technology, any_value(title) AS title, any_value(category) AS category FROM seen GROUP BY technology)
    LEFT JOIN (SELECT snapshot, technology, packages FROM seen) AS seen USING (snapshot, technology))"""
_ORDER: Final = "max(packages) OVER (PARTITION BY technology) DESC, technology, snapshot"


def _others(category: str, name: str, title: str, what: str) -> Part:
    return Part(
        name=name,
        title=title,
        ask=f"""{_ADOPTION.format(condition=f"= '{category}'")}
SELECT snapshot, technology, title, packages, {share("packages", "editions")} AS share FROM grid ORDER BY {_ORDER}""",
        columns=(
            _SNAPSHOT,
            _TECHNOLOGY,
            _TITLE,
            Column("packages", f"packages with {what}", "count"),
            Column("share", "÷ packages of the snapshot", "share"),
        ),
        counting=_COUNTING,
        needs=("technology",),
        chart=partial(
            bars, value="share", by="title", colour="snapshot", percent=True, title="share of packages", most=20
        ),
    )


REPORT: Final = Report(
    id="R3",
    name="frameworks",
    title="Runtimes and services over time",
    question="Which AI runtimes, SDKs and services do apps have, how does that change, and which versions are in use?",
    origin="WWW'19 Figure 4; IMC'21, adoption of frameworks",
    parts=(
        Part(
            name="runtimes",
            title="Runtimes",
            ask=f"""{_ADOPTION.format(condition="= 'runtime'")}
SELECT snapshot, technology, title, packages, {share("packages", "editions")} AS share, {low("packages", "editions")} AS low,
    {high("packages", "editions")} AS high, {share("packages", "with_runtime")} AS of_runtime
FROM grid ORDER BY {_ORDER}""",
            columns=(
                _SNAPSHOT,
                _TECHNOLOGY,
                _TITLE,
                Column("packages", "packages with it", "count"),
                Column("share", "÷ packages of the snapshot", "share"),
                Column("low", "lower end of its 95 % interval (Wilson)", "share", "computed"),
                Column("high", "upper end of it", "share", "computed"),
                Column("of_runtime", "÷ packages with any runtime", "share"),
            ),
            counting=_COUNTING,
            needs=("technology",),
            chart=partial(
                bars,
                value="share",
                by="title",
                colour="snapshot",
                low="low",
                high="high",
                percent=True,
                title="share of packages",
                most=20,
            ),
        ),
        Part(
            name="trend",
            title="Runtimes from snapshot to snapshot",
            ask=f"""{_ADOPTION.format(condition="= 'runtime'")},
changed AS (SELECT *, {share("packages", "editions")} AS share,
    {share("packages", "editions")} - lag({share("packages", "editions")}) OVER (PARTITION BY technology ORDER BY snapshot) AS change,
    {share("packages", "lag(packages) OVER (PARTITION BY technology ORDER BY snapshot)")} AS ratio FROM grid)
SELECT snapshot, technology, title, share, change, ratio FROM changed ORDER BY {_ORDER}""",
            columns=(
                _SNAPSHOT,
                _TECHNOLOGY,
                _TITLE,
                Column("share", "packages with it ÷ packages of the snapshot", "share"),
                Column("change", "share minus that of the snapshot before", "points"),
                Column("ratio", "packages with it ÷ those of the snapshot before", "ratio"),
            ),
            counting=_COUNTING,
            needs=("technology",),
            snapshots=2,
            chart=partial(lines, x="snapshot", y="share", colour="title", percent=True, title="share of packages"),
            note="Snapshots hold different packages: see check-ins (R4) for what changed in those that are in both.",
        ),
        Part(
            name="versions",
            title="Versions of the runtimes",
            ask=f"""WITH lists AS (SELECT snapshot, technology, any_value(title) AS title, versions, count(*) AS packages FROM technologies
    WHERE category = 'runtime' AND versions <> '[]' GROUP BY snapshot, technology, versions),
told AS (SELECT snapshot, technology, title, packages, unnest(versions::JSON::VARCHAR[]) AS version FROM lists),
counted AS (SELECT snapshot, technology, any_value(title) AS title, version, sum(packages)::BIGINT AS packages
    FROM told GROUP BY snapshot, technology, version),
whole AS (SELECT snapshot, technology, sum(packages) AS with_version FROM lists GROUP BY snapshot, technology)
SELECT snapshot, technology, version, title || ' ' || version AS both, packages, {share("packages", "with_version")} AS share
FROM counted JOIN whole USING (snapshot, technology)
ORDER BY max(packages) OVER (PARTITION BY technology) DESC, technology,
    [try_cast(part AS HUGEINT) FOR part IN regexp_extract_all(version, '[0-9]+')] DESC, version, snapshot""",
            columns=(
                _SNAPSHOT,
                _TECHNOLOGY,
                Column("version", "as the binary tells, or the range that it must be from"),
                Column("both", "title and version"),
                Column("packages", "packages with it; one with two versions counts for both", "count"),
                Column("share", "÷ packages with this runtime whose version can be told", "share"),
            ),
            counting="packages with the runtime in which its version can be told; newest versions first",
            needs=("technology.versions",),
            chart=partial(bars, value="packages", by="both", colour="snapshot", title="packages", most=30),
        ),
        _others("sdk", "sdks", "SDKs with AI inside", "the SDK"),
        _others("system", "system", "Of the system and Play services", "it"),
        _others("cloud", "cloud", "Cloud services", "it"),
    ),
    limitations=(
        "A runtime that is statically linked, stripped and without any string or symbol of its own is not seen.",
        "Being inside is not being used: nngauge study run --usage answers that (docs/used-or-bundled.md).",
    ),
)
