"""R9: the formats that models come in, and how large they are."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars, cumulative
from nngauge.report.published import reference
from nngauge.report.shares import HUNDREDTHS, share

_FORMAT: Final = Column("format", "id of the format (docs/formats.md)")

REPORT: Final = Report(
    id="R9",
    name="formats",
    title="Formats and sizes of models",
    question="In which formats do models come, how many of each are there, and how large are they?",
    origin="WWW'19 Figure 7; IMC'21, models by framework",
    parts=(
        Part(
            name="formats",
            title="Models by format",
            ask=f"""WITH used AS (SELECT format, count(*) AS copies, count(DISTINCT edition) AS packages FROM models WHERE latest GROUP BY format)
SELECT format, any_value(title) AS title, count(*) AS models, {share("count(*)", "sum(count(*)) OVER ()")} AS share,
    any_value(copies) AS copies, any_value(used.packages) AS packages, sum(size)::BIGINT AS bytes, min(size) AS smallest,
    median(size)::BIGINT AS median, quantile_cont(size, 0.95)::BIGINT AS percentile_95, max(size) AS largest,
    {share("count(*) FILTER (completeness = 'full')", "count(*)")} AS complete
FROM distinct_models JOIN used USING (format) WHERE latest GROUP BY format ORDER BY models DESC, format""",
            columns=(
                _FORMAT,
                Column("title", "name of the format"),
                Column("models", "distinct models", "count"),
                Column("share", "models ÷ all distinct models", "share"),
                Column("copies", "the same, counted once in every package that has them", "count"),
                Column("packages", "packages with at least one", "count"),
                Column("bytes", "of all distinct models", "bytes"),
                Column("smallest", "smallest model", "bytes"),
                Column("median", "half of the distinct models are smaller", "bytes"),
                Column("percentile_95", "95 % are smaller", "bytes"),
                Column("largest", "largest model", "bytes"),
                Column("complete", "share that has network and weights in the file", "share"),
            ),
            counting="distinct models (by digest) in packages of the latest snapshot",
            needs=("model",),
            chart=partial(bars, value="models", by="title", title="distinct models"),
        ),
        Part(
            name="sizes",
            title="Size distribution",
            ask=f"""WITH much AS (SELECT format FROM distinct_models WHERE latest GROUP BY format ORDER BY count(*) DESC, format LIMIT 4),
sized AS (SELECT format, size FROM distinct_models WHERE latest AND size > 0),
cut AS (SELECT CASE WHEN format IN (FROM much) THEN format ELSE 'all others' END AS format, count(*) AS models,
    quantile_disc(size, {HUNDREDTHS}) AS sizes FROM sized GROUP BY 1
    UNION ALL SELECT 'all', count(*), quantile_disc(size, {HUNDREDTHS}) FROM sized)
SELECT format, models, unnest({HUNDREDTHS})::DOUBLE AS share, unnest(sizes)::BIGINT AS size
FROM cut ORDER BY models DESC, format, share""",
            columns=(
                Column("format", "one of the four most frequent, all others together, or all"),
                Column("models", "distinct models of the format, the denominator", "count"),
                Column("share", "share of them that are at most as large", "share"),
                Column("size", "bytes", "bytes"),
            ),
            counting="distinct models of the latest snapshot; every hundredth of the distribution",
            needs=("model",),
            chart=partial(
                cumulative, value="size", share="share", colour="format", title="bytes of a model (logarithmic)"
            ),
            reference=reference("www19", "figure-7"),
        ),
        Part(
            name="over-time",
            title="Formats over time",
            ask=f"""SELECT snapshot, format, count(*) AS models, {share("count(*)", "sum(count(*)) OVER (PARTITION BY snapshot)")} AS share
FROM distinct_models GROUP BY snapshot, format ORDER BY snapshot, models DESC, format""",
            columns=(
                Column("snapshot", "name of the snapshot"),
                _FORMAT,
                Column("models", "distinct models", "count"),
                Column("share", "models ÷ the snapshot's distinct models", "share"),
            ),
            counting="distinct models of each snapshot",
            needs=("model",),
            snapshots=2,
            chart=partial(
                bars,
                value="share",
                by="snapshot",
                colour="format",
                stacked=True,
                percent=True,
                title="share of distinct models",
            ),
        ),
    ),
)
