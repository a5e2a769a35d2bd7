"""R7: who brings the AI: the app's own developers or the makers of SDKs, and how few of either."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars, cumulative
from nngauge.report.shares import share

_SNAPSHOT: Final = Column("snapshot", "name of the snapshot")
_OWNER: Final = Column("owner", "app: its own developers; sdk: a component of somebody else; system; unknown")
_LATEST: Final = "packages of the latest snapshot that have a result, each once"
_OWNED: Final = "coalesce(owner, 'unknown')"
_DEVELOPERS: Final = """developers AS (SELECT coalesce(developer_id, 'signed by ' || left(signer, 16)) AS developer,
    any_value(developer) AS name, count(*) AS packages, count(*) FILTER (runtime_present) AS with_runtime,
    count(*) FILTER (model_present) AS with_model FROM editions WHERE latest GROUP BY 1)"""
_COUNTED: Final = f"""WITH {_DEVELOPERS},
counted AS (
    SELECT 'developers, by packages with a runtime' AS what, with_runtime AS amount FROM developers
        WHERE developer IS NOT NULL AND with_runtime > 0
    UNION ALL SELECT 'SDKs, by packages with one of their models', count(DISTINCT edition) FROM models
        WHERE latest AND owner = 'sdk' AND sdk <> '' GROUP BY sdk
    UNION ALL SELECT 'SDKs, by packages with one of their technologies', count(DISTINCT edition) FROM technologies
        WHERE latest AND owner = 'sdk' AND sdk <> '' GROUP BY sdk
    UNION ALL SELECT 'distinct models, by packages', packages FROM distinct_models WHERE latest
    UNION ALL SELECT 'distinct models of the apps'' own, by packages', packages FROM distinct_models WHERE latest AND owner = 'app'),
ranked AS (SELECT what, amount, row_number() OVER (PARTITION BY what ORDER BY amount) AS place,
    count(*) OVER (PARTITION BY what) AS n, sum(amount) OVER (PARTITION BY what) AS total FROM counted)"""

REPORT: Final = Report(
    id="R7",
    name="concentration",
    title="Who brings the AI",
    question="Do the models belong to the apps or to SDKs, and how much of all AI comes from a few developers and SDKs?",
    origin="WWW'19 §4.2 (developers); models of apps against models of SDKs: asked here",
    parts=(
        Part(
            name="owners",
            title="Whose the models are",
            ask=f"""WITH copies AS (SELECT snapshot, {_OWNED} AS owner, count(*) AS copies, count(DISTINCT number) AS models,
    count(DISTINCT edition) AS packages FROM models GROUP BY ALL)
SELECT snapshot, owner, copies, {share("copies", "sum(copies) OVER (PARTITION BY snapshot)")} AS of_copies, models, packages
FROM copies ORDER BY snapshot, copies DESC, owner""",
            columns=(
                _SNAPSHOT,
                _OWNER,
                Column("copies", "models in packages; one that is in two packages counts twice", "count"),
                Column("of_copies", "÷ all copies of the snapshot", "share"),
                Column("models", "distinct models", "count"),
                Column("packages", "packages with at least one of them", "count"),
            ),
            counting="copies of models in packages of a snapshot, each package once",
            needs=("model",),
            chart=partial(bars, value="of_copies", by="snapshot", colour="owner", stacked=True, percent=True, title="share of all copies"),
        ),
        Part(
            name="without-sdks",
            title="Apps with a model, with and without those of SDKs",
            ask=f"""WITH had AS (SELECT edition, bool_or({_OWNED} = 'app') AS own, bool_or({_OWNED} = 'sdk') AS sdk,
    bool_or({_OWNED} NOT IN ('app', 'sdk')) AS unclear FROM models GROUP BY edition),
told AS (SELECT snapshot, own, sdk, unclear FROM editions LEFT JOIN had USING (edition))
SELECT snapshot, what, packages, editions, {share("packages", "editions")} AS share FROM (
    SELECT snapshot, count(*) AS editions, unnest(['any model', 'a model of its own', 'only models of SDKs', 'whose: unknown']) AS what,
        unnest([count(own), count(*) FILTER (own), count(*) FILTER (sdk AND NOT own AND NOT unclear),
            count(*) FILTER (unclear AND NOT own)]) AS packages FROM told GROUP BY snapshot)
ORDER BY list_position(['any model', 'a model of its own', 'only models of SDKs', 'whose: unknown'], what), snapshot""",
            columns=(
                _SNAPSHOT,
                Column("what", "any model, one of its own, only models of SDKs, or none of its own and some whose owner is unknown"),
                Column("packages", "how many packages", "count"),
                Column("editions", "all packages of the snapshot", "count"),
                Column("share", "packages ÷ editions", "share"),
            ),
            counting="packages of a snapshot that have a result, each once",
            needs=("model",),
            chart=partial(bars, value="share", by="what", colour="snapshot", percent=True, title="share of packages"),
            note="'Any model' is the sum of the other three.",
        ),
        Part(
            name="sdks",
            title="SDKs that bring models",
            ask=f"""SELECT sdk, count(DISTINCT edition) AS packages,
    {share("count(DISTINCT edition)", "SELECT count(DISTINCT edition) FROM models WHERE latest")} AS share,
    count(*) AS copies, count(DISTINCT number) AS models, string_agg(DISTINCT format, ', ' ORDER BY format) AS formats
FROM models WHERE latest AND owner = 'sdk' AND sdk <> '' GROUP BY sdk ORDER BY packages DESC, sdk""",
            columns=(
                Column("sdk", "component: id in the knowledge base (nngauge knowledge), or of a technology"),
                Column("packages", "packages with a model of it", "count"),
                Column("share", "÷ packages with any model", "share"),
                Column("copies", "its models in packages, each copy counted", "count"),
                Column("models", "distinct models of it", "count"),
                Column("formats", "their formats"),
            ),
            counting=_LATEST + ", with a model of the SDK",
            needs=("model.sdk",),
            chart=partial(bars, value="share", by="sdk", percent=True, title="share of packages with a model", most=20),
        ),
        Part(
            name="developers",
            title="Developers with most AI",
            ask=f"""WITH {_DEVELOPERS}
SELECT developer, name, packages, with_runtime, {share("with_runtime", "sum(with_runtime) OVER ()")} AS share, with_model
FROM developers WHERE developer IS NOT NULL AND with_runtime > 0 ORDER BY with_runtime DESC, developer LIMIT 1000""",
            columns=(
                Column("developer", "the store's identifier, else the beginning of the signing certificate's digest"),
                Column("name", "as the store shows it"),
                Column("packages", "packages of this developer", "count"),
                Column("with_runtime", "of them, those with a runtime", "count"),
                Column("share", "÷ all packages with a runtime", "share"),
                Column("with_model", "of them, those with a model", "count"),
            ),
            counting=_LATEST + ", by developer; the thousand with most",
            needs=("app.signer",),
            chart=partial(bars, value="with_runtime", by="developer", title="packages with a runtime", most=20),
            note="Several stores sign with keys of their own: then a certificate stands for a store, not for a developer.",
        ),
        Part(
            name="concentration",
            title="How concentrated it is",
            ask=f"""{_COUNTED}
SELECT what, any_value(n) AS number, any_value(total)::BIGINT AS total, max(amount) AS largest,
    {share("count(*) FILTER (amount > 1)", "count(*)")} AS several,
    {share("coalesce(sum(amount) FILTER (place > n - 10), 0)", "sum(amount)")} AS top_ten,
    {share("coalesce(sum(amount) FILTER (place > n - ceil(n / 100.0)), 0)", "sum(amount)")} AS top_percent,
    2 * sum(place * amount)::DOUBLE / (any_value(n) * sum(amount)) - (any_value(n) + 1.0) / any_value(n) AS gini
FROM ranked GROUP BY what ORDER BY what""",
            columns=(
                Column("what", "what is counted, and by what"),
                Column("number", "how many different ones", "count"),
                Column("total", "sum of their packages", "count"),
                Column("largest", "packages of the largest one", "count"),
                Column("several", "share of those with more than one package", "share"),
                Column("top_ten", "share of the sum that the ten largest have", "share"),
                Column("top_percent", "share of the sum that the largest hundredth has (at least one)", "share"),
                Column("gini", "Gini's coefficient: 0 all the same, near 1 one has everything", "", "computed"),
            ),
            counting="developers, SDKs and models of the latest snapshot, by the packages that they are in",
            needs=("app",),
        ),
        Part(
            name="lorenz",
            title="Share of the largest",
            ask=f"""{_COUNTED},
summed AS (SELECT what, n - place + 1 AS rank, n, sum(amount) OVER (PARTITION BY what ORDER BY place DESC)::DOUBLE / total AS share
    FROM ranked),
steps AS (SELECT what, rank, share FROM summed
    WHERE rank <= 10 OR rank = n OR floor(20 * log10(rank)) > floor(20 * log10(rank - 1)))
SELECT what, rank, share FROM steps ORDER BY what, rank""",
            columns=(
                Column("what", "what is counted, and by what"),
                Column("rank", "so many of the largest", "count"),
                Column("share", "their share of the sum", "share"),
            ),
            counting="developers, SDKs and models of the latest snapshot, by the packages that they are in",
            needs=("app",),
            chart=partial(cumulative, value="rank", share="share", colour="what", title="so many of the largest"),
            note="All of the first ten ranks, then twenty in every power of ten.",
        ),
    ),
    limitations=("Owners are told from paths, names and known files of SDKs (docs/add-an-sdk.md); what no evidence decides stays unknown.",),
)  # fmt: skip
