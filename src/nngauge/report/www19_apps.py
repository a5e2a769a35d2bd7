"""Section 4.1 to 4.3 of the WWW'19 study on this corpus: DL apps, who uses and makes them, and what for."""

from __future__ import annotations

from typing import Final

from nngauge.domain.task import TASKS
from nngauge.report._api import Column, Part
from nngauge.report.deep_learning import COUNTING, DIFFERS, DL, DL_APP
from nngauge.report.published import reference
from nngauge.report.shares import share
from nngauge.report.www19_drawing import draw_categories, draw_sides, draw_usage

_SNAPSHOT: Final = Column("snapshot", "name of the snapshot")
_ROWS: Final = (
    ("image", "photo beauty"), ("image", "face detection"), ("image", "augmented reality"), ("image", "image classification"),
    ("image", "text recognition"), ("image", "object recognition"), ("image", "face identification"),
    ("text", "word & emoji prediction"), ("text", "auto-correct"), ("text", "translation"), ("text", "text classification"),
    ("text", "smart reply"), ("audio", "speech recognition"), ("audio", "sound recognition"), ("other", "recommendation"),
    ("other", "movement tracking"), ("other", "simulation"), ("other", "abnormal detection"), ("other", "video segment"),
    ("other", "action detection"),
)  # fmt: skip
"""Coarse and detailed usage, in the order of Table 1."""
_NOT_THERE: Final = "not in the table"
_TABLE: Final = ", ".join(f"({at}, '{usage}', '{row}')" for at, (usage, row) in enumerate(_ROWS, 1))
_OF_TASK: Final = ", ".join(f"('{task.id}', '{task.www19 or _NOT_THERE}', '{task.modality.value}')" for task in TASKS)
_USAGE: Final = "CASE WHEN modality IN ('image', 'text', 'audio') THEN modality ELSE 'other' END"

APPS: Final = (
    Part(
        name="dataset",
        title="§3.1 Data set",
        ask=f"""WITH {DL}, met AS (SELECT package, max(nth) AS nth FROM editions GROUP BY package, nth),
again AS (SELECT b.nth, count(*) AS kept FROM met AS a JOIN met AS b ON a.package = b.package AND b.nth = a.nth + 1 GROUP BY b.nth)
SELECT snapshot, count(*) AS apps, count(dl.edition) AS dl_apps, any_value(kept) AS in_snapshot_before,
    count(DISTINCT category) AS categories, count(*) FILTER (in_market) AS with_store_data
FROM editions LEFT JOIN dl USING (edition) LEFT JOIN again USING (nth) GROUP BY snapshot ORDER BY snapshot""",
        columns=(
            _SNAPSHOT,
            Column("apps", "packages with a result, each once (its highest version)", "count"),
            Column("dl_apps", "of them, DL apps", "count"),
            Column("in_snapshot_before", "of them, packages that the snapshot before has, too", "count"),
            Column("categories", "store categories among them", "count"),
            Column("with_store_data", "of which the store's metadata is known", "count"),
        ),
        counting=COUNTING,
        needs=("app",),
        note="Which apps a study holds decides every number below: theirs are the most downloaded free apps of Google Play.",
        reference=reference("www19", "dataset"),
    ),
    Part(
        name="growth",
        title="§4.2 Is deep learning gaining popularity?",
        ask=f"""WITH {DL}
SELECT snapshot, count(*) AS apps, count(dl.edition) AS dl_apps, {share("count(dl.edition)", "count(*)")} AS share,
    {share("sum(downloads) FILTER (dl.edition IS NOT NULL)", "sum(downloads)")} AS share_of_downloads,
    {share("sum(reviews) FILTER (dl.edition IS NOT NULL)", "sum(reviews)")} AS share_of_reviews,
    count(dl.edition) / lag(count(dl.edition)) OVER (ORDER BY snapshot) - 1 AS growth
FROM editions LEFT JOIN dl USING (edition) GROUP BY snapshot ORDER BY snapshot""",
        columns=(
            _SNAPSHOT,
            Column("apps", "packages with a result", "count"),
            Column("dl_apps", "of them, DL apps", "count"),
            Column("share", "dl_apps ÷ apps", "share"),
            Column("share_of_downloads", "downloads of DL apps ÷ those of all apps whose downloads are known", "share"),
            Column("share_of_reviews", "the same of reviews", "share"),
            Column("growth", "of dl_apps since the snapshot before", "share"),
        ),
        counting=DL_APP,
        needs=("app",),
        note=DIFFERS,
        reference=reference("www19", "growth"),
    ),
    Part(
        name="figure-2",
        title="Figure 2: DL apps and others",
        ask=f"""WITH {DL}, side AS (SELECT CASE WHEN dl.edition IS NULL THEN 'other' ELSE 'DL' END AS apps, downloads::DOUBLE AS downloads,
    reviews::DOUBLE AS reviews, rating, size / 1e6 AS "size in MB" FROM editions LEFT JOIN dl USING (edition) WHERE latest),
long AS (UNPIVOT side ON downloads, reviews, rating, "size in MB" INTO NAME measure VALUE amount)
SELECT measure, apps, count(*) AS known, median(amount) AS median, quantile_cont(amount, 0.25) AS quartile_1,
    quantile_cont(amount, 0.75) AS quartile_3, quantile_cont(amount, 0.05) AS low, quantile_cont(amount, 0.95) AS high
FROM long GROUP BY measure, apps
ORDER BY list_position(['downloads', 'reviews', 'rating', 'size in MB'], measure), apps""",
        columns=(
            Column("measure", "what is compared; bytes of all parts as shipped, ÷ 10⁶"),
            Column("apps", "DL apps or others"),
            Column("known", "apps of which it is known", "count"),
            Column("median", "half of them have less"),
            Column("quartile_1", "a quarter has less"),
            Column("quartile_3", "a quarter has more"),
            Column("low", "5 % have less"),
            Column("high", "5 % have more"),
        ),
        counting=f"packages of the latest snapshot. {DL_APP}",
        needs=("app",),
        chart=draw_sides,
        note="Downloads are the lower ends of the ranges that the store shows, in both.",
        reference=reference("www19", "figure-2"),
    ),
    Part(
        name="rank",
        title="§4.2 Rank of DL apps in their categories",
        ask=f"""WITH {DL}, ranked AS (SELECT edition, rank() OVER (PARTITION BY category ORDER BY downloads DESC) AS place,
    count(*) OVER (PARTITION BY category) AS peers FROM editions WHERE latest AND category IS NOT NULL AND downloads IS NOT NULL)
SELECT CASE WHEN dl.edition IS NULL THEN 'other' ELSE 'DL' END AS apps, count(*) AS known, median(place) AS median_rank,
    median(place / peers) AS median_part FROM ranked LEFT JOIN dl USING (edition) GROUP BY ALL ORDER BY apps""",
        columns=(
            Column("apps", "DL apps or others"),
            Column("known", "apps of which downloads and category are known", "count"),
            Column("median_rank", "median place by downloads among the study's apps of the category, from 1"),
            Column("median_part", "the same ÷ apps of the category: comparable where categories differ in size", "share"),
        ),
        counting=f"packages of the latest snapshot with store metadata. {DL_APP}",
        needs=("market.downloads", "market.category"),
        reference=reference("www19", "rank"),
    ),
    Part(
        name="developers",
        title="§4.2 Developers of DL apps",
        ask=f"""WITH {DL}, made AS (SELECT coalesce(developer_id, signer) AS maker, max(developer) AS name, count(*) AS apps
    FROM editions JOIN dl USING (edition) WHERE latest AND coalesce(developer_id, signer) IS NOT NULL GROUP BY maker)
SELECT * FROM (SELECT 'DL apps whose developer is known' AS what, sum(apps)::BIGINT AS value FROM made
UNION ALL SELECT 'developers of DL apps', count(*) FROM made
UNION ALL SELECT 'developers with more than one', count(*) FROM made WHERE apps > 1
UNION ALL (SELECT 'DL apps of ' || coalesce(name, 'signer ' || maker[:16] || '…'), apps FROM made ORDER BY apps DESC, maker LIMIT 5))
WHERE value > 0""",
        columns=(Column("what", "of the latest snapshot"), Column("value", "how many", "count")),
        counting=f"developers as the store names them, else signing certificates. {DL_APP}",
        needs=("app",),
        reference=reference("www19", "developers"),
    ),
    Part(
        name="table-1",
        title="Table 1: what deep learning is used for, and whether it is the core feature",
        ask=f"""WITH line (nth, usage, detailed_usage) AS (VALUES {_TABLE}), named (task, detailed_usage, modality) AS (VALUES {_OF_TASK}),
used AS (SELECT DISTINCT edition, role, detailed_usage FROM models JOIN named USING (task) WHERE latest),
told AS (SELECT * FROM used UNION ALL SELECT DISTINCT edition, role, 'total' FROM used),
counted AS (SELECT detailed_usage, count(*) AS apps, count(*) FILTER (role = 'core feature') AS core,
    count(*) FILTER (role = 'unknown') AS undecided FROM told GROUP BY ALL)
SELECT coalesce(usage, CASE detailed_usage WHEN 'total' THEN 'total' ELSE 'other' END) AS usage, detailed_usage, coalesce(apps, 0) AS apps,
    coalesce(core, 0) AS core, coalesce(undecided, 0) AS undecided, {share("core", "apps")} AS core_share
FROM line FULL JOIN counted USING (detailed_usage) WHERE EXISTS (FROM counted)
ORDER BY coalesce(nth, CASE detailed_usage WHEN 'total' THEN 99 ELSE 98 END)""",
        columns=(
            Column("usage", "coarse usage: image, text, audio, other"),
            Column("detailed_usage", "line of the table that the task of a model belongs to (docs/tasks.md)"),
            Column("apps", "packages with a model for it", "count"),
            Column("core", "of them, those of which AI is the core feature", "count"),
            Column("undecided", "of them, those where the evidence does not decide", "count"),
            Column("core_share", "core ÷ apps", "share"),
        ),
        counting="packages of the latest snapshot that have a validated model with a known task; one can count for several lines",
        needs=("model.task",),
        chart=draw_usage,
        note=(
            "Told by models with evidence and a calibrated probability, where the study labelled apps by hand, those without a "
            "model that can be read included. Core feature is a verdict on the whole app here and on each use there. Tasks that "
            'phones did not have in 2018 are in the line "not in the table"; word prediction includes correction.'
        ),
        reference=reference("www19", "table-1"),
    ),
    Part(
        name="figure-3",
        title="Figure 3: DL apps by category and usage",
        ask=f"""WITH {DL}, known AS (SELECT edition, category FROM editions JOIN dl USING (edition) WHERE latest AND category IS NOT NULL),
uses AS (SELECT DISTINCT edition, {_USAGE} AS usage FROM models WHERE latest AND modality IS NOT NULL AND modality <> 'unknown'),
used AS (SELECT category, count(*) AS uses, count(*) FILTER (usage = 'image') AS image, count(*) FILTER (usage = 'text') AS text,
    count(*) FILTER (usage = 'audio') AS audio, count(*) FILTER (usage = 'other') AS other
    FROM known JOIN uses USING (edition) GROUP BY category)
SELECT category, count(*) AS apps, coalesce(any_value(uses), 0) AS uses, {share("any_value(image)", "any_value(uses)")} AS image,
    {share("any_value(text)", "any_value(uses)")} AS text, {share("any_value(audio)", "any_value(uses)")} AS audio,
    {share("any_value(other)", "any_value(uses)")} AS other
FROM known LEFT JOIN used USING (category) GROUP BY category ORDER BY apps DESC, category""",
        columns=(
            Column("category", "the store's category"),
            Column("apps", "DL apps", "count"),
            Column("uses", "pairs of app and usage among those with a model whose input is known, the denominator", "count"),
            Column("image", "image ÷ uses", "share"),
            Column("text", "text ÷ uses", "share"),
            Column("audio", "audio ÷ uses", "share"),
            Column("other", "sensors, tables ÷ uses", "share"),
        ),
        counting=f"packages of the latest snapshot. {DL_APP}",
        needs=("market.category",),
        chart=draw_categories,
        note="All categories are listed, those with fewer than 5 DL apps as well.",
        reference=reference("www19", "figure-3"),
    ),
)  # fmt: skip
"""In the order of the publication."""
