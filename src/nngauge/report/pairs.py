"""R24: the same app on Android and on iOS, side by side."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import share

_PAIRS: Final = """WITH sides AS (SELECT edition, platform, package_id, lower(package_id) AS id, nullif(lower(trim(label)), '') AS name, label, model_present, runtime_present,
    model_elsewhere, models, model_bytes FROM editions WHERE latest AND platform IN ('android', 'ios')),
same_id AS (SELECT a.edition AS android, i.edition AS ios, 'same id' AS basis FROM (FROM sides WHERE platform = 'android') AS a
    JOIN (FROM sides WHERE platform = 'ios') AS i USING (id)),
rest AS (SELECT * FROM sides WHERE name IS NOT NULL AND edition NOT IN (SELECT unnest([android, ios]) FROM same_id)
    QUALIFY count(*) OVER (PARTITION BY platform, name) = 1),
pairs AS (FROM same_id UNION ALL SELECT a.edition, i.edition, 'same name' FROM (FROM rest WHERE platform = 'android') AS a
    JOIN (FROM rest WHERE platform = 'ios') AS i USING (name))"""
"""Pairs by the same application id; of what is left, those by a display name that only one app of each platform has."""
_COUNTING: Final = (
    "pairs of the latest snapshot: an Android and an iOS package with the same application id, or with a display name that only "
    "these two have"
)
_BASIS: Final = Column("basis", "why both are taken for the same app: same id, or same name")
_NOTE: Final = "Names can be equal by chance; `basis` tells which pairs rest on a name alone."

REPORT: Final = Report(
    id="R24",
    name="pairs",
    title="The same app on Android and iOS",
    question="Do apps that exist on both platforms have AI on both, with the same technologies and the same models?",
    origin="Hu et al., A First Look at On-device Models in iOS Apps, TOSEM 2023",
    parts=(
        Part(
            name="models",
            title="Models on both platforms",
            ask=f"""{_PAIRS}
SELECT basis, CASE WHEN a.model_present AND i.model_present THEN 'models on both' WHEN a.model_present THEN 'only on Android'
    WHEN i.model_present THEN 'only on iOS' ELSE 'on neither' END AS models, count(*) AS pairs,
    sum(count(*)) OVER (PARTITION BY basis)::BIGINT AS whole, {share("count(*)", "sum(count(*)) OVER (PARTITION BY basis)")} AS share,
    sum(a.model_bytes)::BIGINT AS android_bytes, sum(i.model_bytes)::BIGINT AS ios_bytes
FROM pairs JOIN sides AS a ON a.edition = android JOIN sides AS i ON i.edition = ios GROUP BY 1, 2 ORDER BY basis, pairs DESC, 2""",
            columns=(
                _BASIS,
                Column("models", "on which platform the app has models inside"),
                Column("pairs", "pairs", "count"),
                Column("whole", "pairs of this basis, the denominator", "count"),
                Column("share", "pairs ÷ whole", "share"),
                Column("android_bytes", "bytes of the models on Android", "bytes"),
                Column("ios_bytes", "bytes of the models on iOS", "bytes"),
            ),
            counting=_COUNTING,
            needs=("app.package_id",),
            chart=partial(
                bars, value="share", by="basis", colour="models", stacked=True, percent=True, title="share of pairs"
            ),
            note=_NOTE,
        ),
        Part(
            name="technologies",
            title="Technologies on both platforms",
            ask=f"""{_PAIRS},
seen AS (SELECT edition, technology, title, category FROM technologies WHERE latest),
both_sides AS (SELECT android, ios, technology, title, category, edition = android AS on_android FROM pairs JOIN seen ON edition = android OR edition = ios),
found AS (SELECT android, technology, any_value(title) AS title, any_value(category) AS category, bool_or(on_android) AS on_android,
    bool_or(NOT on_android) AS on_ios FROM both_sides GROUP BY android, technology)
SELECT technology, any_value(title) AS title, any_value(category) AS category, count(*) FILTER (on_android AND on_ios) AS both,
    count(*) FILTER (on_android AND NOT on_ios) AS android_only, count(*) FILTER (on_ios AND NOT on_android) AS ios_only,
    (SELECT count(*) FROM pairs) AS pairs
FROM found GROUP BY technology ORDER BY count(*) DESC, technology""",
            columns=(
                Column("technology", "rule id"),
                Column("title", "name for people"),
                Column("category", "runtime, accelerator, sdk, system, cloud, wrapper or classical"),
                Column("both", "pairs that have it on both platforms", "count"),
                Column("android_only", "pairs that have it on Android only", "count"),
                Column("ios_only", "pairs that have it on iOS only", "count"),
                Column("pairs", "all pairs, the denominator", "count"),
            ),
            counting=_COUNTING,
            needs=("app.package_id", "technology"),
            note=_NOTE,
        ),
        Part(
            name="shared-models",
            title="The same models on both platforms",
            ask=f"""{_PAIRS},
members AS (SELECT unnest([android, ios]) AS edition FROM pairs),
inside AS (SELECT edition, number FROM models SEMI JOIN members USING (edition) WHERE latest),
built AS (SELECT number, any_value(layers) AS layers FROM network SEMI JOIN inside USING (number) GROUP BY number),
owned AS (SELECT edition, number, layers FROM inside LEFT JOIN built USING (number)),
matched AS (SELECT android, ios, basis, count(DISTINCT a.number) FILTER (a.number = i.number) AS same_file,
    count(DISTINCT a.number) FILTER (a.number <> i.number AND a.layers = i.layers) AS same_layers
    FROM pairs LEFT JOIN owned AS a ON a.edition = android LEFT JOIN owned AS i ON i.edition = ios GROUP BY android, ios, basis)
SELECT a.package_id, i.package_id AS ios_id, coalesce(a.label, i.label) AS label, basis, a.models AS android_models, i.models AS ios_models,
    same_file, same_layers, a.model_bytes AS android_bytes, i.model_bytes AS ios_bytes
FROM matched JOIN sides AS a ON a.edition = android JOIN sides AS i ON i.edition = ios
WHERE a.models > 0 OR i.models > 0 ORDER BY same_file DESC, same_layers DESC, a.package_id LIMIT 500""",
            columns=(
                Column("package_id", "application id on Android"),
                Column("ios_id", "bundle identifier on iOS"),
                Column("label", "display name"),
                _BASIS,
                Column("android_models", "distinct models on Android", "count"),
                Column("ios_models", "distinct models on iOS", "count"),
                Column("same_file", "Android models that are the same bytes on iOS", "count"),
                Column("same_layers", "further ones with the same weighted layers, in whatever format", "count"),
                Column("android_bytes", "bytes of the models on Android", "bytes"),
                Column("ios_bytes", "bytes of the models on iOS", "bytes"),
            ),
            counting=f"{_COUNTING}; those with a model on one side at least, the first 500",
            needs=("app.package_id", "model"),
            note=_NOTE,
        ),
    ),
)
