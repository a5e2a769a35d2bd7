"""R8: from packages to models that can be reasoned about: how many are lost at each step, and why."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import share

_PLAIN: Final = r"regexp_replace(regexp_replace({}, '^[^ ]*[/!][^ ]*: *|:? ?[0-9.]+ bits per byte.*$', '', 'g'), '[0-9][0-9.,]*', '…', 'g')"
"""SQL for a reason without the place and the numbers of its file, so that equal reasons are counted together."""
_REASON: Final = Column("reason", "why; numbers of the single file are left out")
_PACKAGES: Final = Column("packages", "packages it happened in", "count")


def _reason(column: str) -> str:
    return _PLAIN.format(column)


REPORT: Final = Report(
    id="R8",
    name="funnel",
    title="How far packages and models can be read",
    question="How many candidates become validated models, how many of these can be analysed, and why are the others lost?",
    origin="WWW'19 §5.1; IMC'21, extraction and validation",
    parts=(
        Part(
            name="funnel",
            title="From packages to costs",
            ask=f"""WITH items AS (SELECT count(*) AS listed, count(*) FILTER (state = 'done') AS done
    FROM listing JOIN snapshots USING (snapshot) WHERE latest),
read AS (SELECT count(*) AS packages, count(*) FILTER (complete) AS complete, count(*) FILTER (model_present) AS with_models
    FROM editions WHERE latest),
files AS (SELECT (SELECT count(*) FROM models WHERE latest) AS accepted,
    (SELECT count(*) FROM candidate SEMI JOIN (SELECT app FROM editions WHERE latest) USING (app)) AS refused),
distinct_ones AS (SELECT count(*) AS models, count(*) FILTER (nodes > 0) AS operations,
    count(*) FILTER (nodes > 0 AND completeness = 'full') AS weights,
    count(*) FILTER (nodes > 0 AND network.number IS NOT NULL AND reason IS NULL) AS analysed,
    count(*) FILTER (nodes > 0 AND reason IS NULL AND macs IS NOT NULL) AS costed,
    count(*) FILTER (nodes > 0 AND reason IS NULL AND macs IS NOT NULL AND peak_bytes IS NOT NULL) AS planned
    FROM distinct_models LEFT JOIN (SELECT number, reason, macs, peak_bytes FROM network) AS network USING (number) WHERE latest),
steps AS (
    SELECT 1 AS step, 'packages' AS unit, 'listed' AS stage, listed AS number FROM items
    UNION ALL SELECT 2, 'packages', 'with a result', done FROM items
    UNION ALL SELECT 3, 'packages', 'different ones', packages FROM read
    UNION ALL SELECT 4, 'packages', 'read without a failure', complete FROM read
    UNION ALL SELECT 5, 'files', 'might be a model', accepted + refused FROM files
    UNION ALL SELECT 6, 'files', 'validated as a model', accepted FROM files
    UNION ALL SELECT 7, 'models', 'distinct', models FROM distinct_ones
    UNION ALL SELECT 8, 'models', 'operations read', operations FROM distinct_ones
    UNION ALL SELECT 9, 'models', 'weights in the file', weights FROM distinct_ones
    UNION ALL SELECT 10, 'models', 'analysed', analysed FROM distinct_ones
    UNION ALL SELECT 11, 'models', 'MACs are a number', costed FROM distinct_ones
    UNION ALL SELECT 12, 'models', 'memory plan known', planned FROM distinct_ones)
SELECT step, unit, stage, number, {share("number", "first_value(number) OVER (PARTITION BY unit ORDER BY step)")} AS share
FROM steps ORDER BY step""",
            columns=(
                Column("step", "order of the steps"),
                Column("unit", "what is counted: packages, files, or distinct models"),
                Column("stage", "how far they came"),
                Column("number", "how many came so far", "count"),
                Column("share", "number ÷ the unit's first number", "share"),
            ),
            counting="packages listed in the latest snapshot; files in their highest versions; then each distinct model once",
            needs=("app",),
            chart=partial(bars, value="number", by="stage", colour="unit", stacked=True, title="how many"),
            note="Each unit has its own first step. 'weights in the file' is a side branch: a network without weights can be "
            "analysed. Whether a model runs on a device is not in here: nothing was executed.",
        ),
        Part(
            name="refused",
            title="Why files were not accepted as models",
            ask=f"""SELECT suspicion, formats, {_reason("candidate.reason")} AS reason, count(*) AS files, count(DISTINCT edition) AS packages,
    sum(candidate.size)::BIGINT AS size, {share("count(*)", "sum(count(*)) OVER ()")} AS share
FROM editions JOIN candidate USING (app) WHERE latest
GROUP BY 1, 2, 3 ORDER BY files DESC, suspicion, formats, reason LIMIT 200""",
            columns=(
                Column(
                    "suspicion",
                    "rejected: looked like a format; opaque: no known structure; incomplete: parts are missing",
                ),
                Column("formats", "formats that were tried, comma-separated"),
                _REASON,
                Column("files", "files", "count"),
                _PACKAGES,
                Column("size", "their bytes", "bytes"),
                Column("share", "files ÷ all files that were not accepted", "share"),
            ),
            counting="files of packages of the latest snapshot that might be a model and were not accepted; the 200 most frequent "
            "reasons",
            needs=("candidate",),
            chart=partial(
                bars,
                value="files",
                by="reason",
                colour="suspicion",
                stacked=True,
                most=15,
                title="files that were not accepted",
            ),
        ),
        Part(
            name="failures",
            title="What could not be read",
            ask=f"""SELECT stage, error, {_reason("failure.reason")} AS reason, count(*) AS failures, count(DISTINCT app) AS packages
FROM failure SEMI JOIN (SELECT app FROM listing JOIN snapshots USING (snapshot) WHERE latest) AS there USING (app)
GROUP BY 1, 2, 3 ORDER BY failures DESC, stage, error, reason LIMIT 200""",
            columns=(
                Column("stage", "stage of the pipeline"),
                Column("error", "class of the error"),
                _REASON,
                Column("failures", "how often", "count"),
                _PACKAGES,
            ),
            counting="failures in packages of the latest snapshot, those without a result included; the 200 most frequent kinds",
            needs=("failure",),
        ),
        Part(
            name="not-analysed",
            title="Why models have no analysis",
            ask=f"""SELECT format, {_reason("network.reason")} AS reason, count(*) AS models, sum(distinct_models.size)::BIGINT AS size
FROM distinct_models JOIN network USING (number) WHERE latest AND network.reason IS NOT NULL
GROUP BY 1, 2 ORDER BY models DESC, format, reason LIMIT 200""",
            columns=(
                Column("format", "format of the model"),
                _REASON,
                Column("models", "distinct models", "count"),
                Column("size", "their bytes", "bytes"),
            ),
            counting="distinct models of the latest snapshot that were validated and have no figures",
            needs=("network.reason",),
        ),
        Part(
            name="bytes",
            title="What was done with the bytes",
            ask=f"""SELECT treatment, sum(entries)::BIGINT AS entries, sum(coverage.size)::BIGINT AS size,
    {share("sum(coverage.size)", "sum(sum(coverage.size)) OVER ()")} AS share
FROM coverage SEMI JOIN (SELECT app FROM editions WHERE latest) AS there USING (app) GROUP BY treatment ORDER BY size DESC""",
            columns=(
                Column("treatment", "scanned, parsed, opened, head-only, left-out or unread"),
                Column("entries", "entries of packages", "count"),
                Column("size", "uncompressed bytes", "bytes"),
                Column("share", "size ÷ all bytes", "share"),
            ),
            counting="uncompressed bytes of all packages of the latest snapshot",
            needs=("coverage",),
        ),
    ),
)
