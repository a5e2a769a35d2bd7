"""R22: on which devices apps with AI can be installed, as far as packages tell."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report import reach
from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars, cumulative
from nngauge.report.shares import share

_AI: Final = "(runtime_present OR model_present OR model_elsewhere)"

REPORT: Final = Report(
    id="R22",
    name="devices",
    title="Which devices are reached",
    question="Which versions of the system and which processors do apps with AI need, and on how many phones would their models be fast enough?",
    origin="lecture notes on mobile deep learning: 95 % of devices, degrade gracefully",
    limitations=(
        "How many phones run a model in time is estimated, over a table of phones in use that is an assumption unless you give your own.",
    ),
    parts=(
        Part(
            name="system-versions",
            title="Oldest version of the system",
            ask=f"""WITH asked AS (SELECT platform, CASE WHEN {_AI} THEN 'with AI' ELSE 'without AI' END AS ai,
    try_cast(regexp_extract(min_os, '^[0-9]+([.][0-9]+)?') AS DOUBLE) AS version FROM editions WHERE latest)
SELECT platform, ai, platform || ', ' || ai AS kind, version, count(*) AS packages, sum(count(*)) OVER (PARTITION BY platform, ai)::BIGINT AS whole,
    {share("sum(count(*)) OVER (PARTITION BY platform, ai ORDER BY version)", "sum(count(*)) OVER (PARTITION BY platform, ai)")} AS reached
FROM asked WHERE version IS NOT NULL GROUP BY platform, ai, version ORDER BY platform, ai, version""",
            columns=(
                Column("platform", "android or ios"),
                Column("ai", "with AI: runtime present, model present or model elsewhere"),
                Column("kind", "both of these"),
                Column("version", "API level, or version of iOS, that the package needs at least"),
                Column("packages", "packages that need exactly this one at least", "count"),
                Column("whole", "all packages of the kind that tell one, the denominator", "count"),
                Column("reached", "share of the packages that can be installed on this version", "share"),
            ),
            counting="packages of the latest snapshot that tell the oldest version they run on",
            needs=("app.min_os",),
            chart=partial(
                cumulative,
                value="version",
                share="reached",
                colour="kind",
                logarithmic=False,
                title="API level (Android) or version (iOS)",
            ),
            note="API levels of Android and versions of iOS are different scales.",
        ),
        Part(
            name="processors",
            title="Processors that runtimes are shipped for",
            ask=f"""WITH shipped AS (SELECT DISTINCT edition, unnest(string_split(abis, ',')) AS abi FROM technologies
    WHERE latest AND shipped AND category = 'runtime' AND abis <> '')
SELECT abi, count(*) AS packages, (SELECT count(DISTINCT edition) FROM shipped) AS whole,
    {share("count(*)", "SELECT count(DISTINCT edition) FROM shipped")} AS share
FROM shipped GROUP BY abi ORDER BY packages DESC, abi""",
            columns=(
                Column("abi", "Android ABI or processor of the binary"),
                Column("packages", "packages with a runtime for it", "count"),
                Column("whole", "packages with a native runtime, the denominator", "count"),
                Column("share", "packages ÷ whole", "share"),
            ),
            counting="packages of the latest snapshot with the native library of a runtime",
            needs=("technology.abis",),
            chart=partial(bars, value="share", by="abi", percent=True, title="share of packages with a native runtime"),
        ),
        *reach.PARTS,
    ),
)
