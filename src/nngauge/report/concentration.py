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
_DEVELOPERS: Final = """developers AS (SELECT coalesce(developer_id, 'signed by ' || left(signer, 16)) AS developer,
    any_value(developer) AS name, count(*) AS packages, count(*) FILTER (runtime_present) AS with_runtime,
    count(*) FILTER (model_present) AS with_model FROM editions WHERE latest GROUP BY 1)"""
_COUNTED: Final = f"""WITH {_DEVELOPERS},
counted AS (
    SELECT 'developers, by packages with a runtime' AS what, with_runtime AS amount, count(*) AS times FROM developers
        WHERE developer IS NOT NULL AND with_runtime > 0 GROUP BY ALL
    UNION ALL SELECT 'SDKs, by packages with one of their models', count(DISTINCT edition), 1 FROM models
        WHERE latest AND owner = 'sdk' AND sdk <> '' GROUP BY sdk
    UNION ALL SELECT 'SDKs, by packages with one of their technologies', count(DISTINCT edition), 1 FROM technologies
        WHERE latest AND owner = 'sdk' AND sdk <> '' GROUP BY sdk
    UNION ALL SELECT 'distinct models, by packages', packages, count(*) FROM distinct_models WHERE latest GROUP BY ALL
    UNION ALL SELECT 'distinct models of the apps'' own, by packages', packages, count(*) FROM distinct_models
        WHERE latest AND owner = 'app' GROUP BY ALL),
amounts AS (SELECT what, amount, sum(times)::BIGINT AS times FROM counted GROUP BY what, amount),
ranked AS (SELECT what, amount, times, sum(times) OVER larger - times AS above, sum(amount * times) OVER larger - amount * times AS held,
    sum(times) OVER whole AS n, sum(amount * times) OVER whole AS total FROM amounts
    WINDOW larger AS (PARTITION BY what ORDER BY amount DESC), whole AS (PARTITION BY what))"""
"""`ranked`: how many (`times`) have an amount, how many have more (`above`), and what those have together (`held`)."""


def _of_the_largest(most: str) -> str:
    """SQL for the share of the sum that the `most` largest have."""
    return share(f"sum(amount * greatest(0, least(times, {most} - above)))", "any_value(total)")


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
            ask=f"""WITH copied AS (SELECT nth, owner, sum(copies)::BIGINT AS copies, count(*) AS packages FROM owned_models
    GROUP BY nth, owner),
different AS (SELECT nth, coalesce(owner, 'unknown') AS owner, count(*) AS models FROM distinct_models GROUP BY ALL)
SELECT snapshot, owner, copies, {share("copies", "sum(copies) OVER (PARTITION BY snapshot)")} AS of_copies,
    coalesce(models, 0) AS models, packages
FROM copied JOIN snapshots USING (nth) LEFT JOIN different USING (nth, owner) ORDER BY snapshot, copies DESC, owner""",
            columns=(
                _SNAPSHOT,
                _OWNER,
                Column("copies", "models in packages; one that is in two packages counts twice", "count"),
                Column("of_copies", "÷ all copies of the snapshot", "share"),
                Column("models", "distinct models; one that some app has as its own is the app's", "count"),
                Column("packages", "packages with at least one of them", "count"),
            ),
            counting="copies of models in packages of a snapshot, each package once",
            needs=("model",),
            chart=partial(bars, value="of_copies", by="snapshot", colour="owner", stacked=True, percent=True, title="share of all copies"),
        ),
        Part(
            name="without-sdks",
            title="Apps with a model, with and without those of SDKs",
            ask=f"""WITH had AS (SELECT edition, bool_or(owner = 'app') AS own, bool_or(owner = 'sdk') AS sdk,
    bool_or(owner NOT IN ('app', 'sdk')) AS unclear FROM owned_models GROUP BY edition),
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
SELECT what, any_value(n)::BIGINT AS number, any_value(total)::BIGINT AS total, max(amount) AS largest,
    {share("coalesce(sum(times) FILTER (amount > 1), 0)", "any_value(n)")} AS several,
    {_of_the_largest("10")} AS top_ten, {_of_the_largest("ceil(n / 100.0)")} AS top_percent,
    2 * sum(amount * times * (n - above - (times - 1) / 2.0)) / (any_value(n)::DOUBLE * any_value(total))
        - (any_value(n) + 1.0) / any_value(n) AS gini
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
steps AS (SELECT DISTINCT round(power(10, step / 20.0))::BIGINT AS rank FROM range(0, 161) AS steps(step)
    UNION SELECT unnest(range(1, 11)) UNION SELECT n::BIGINT FROM ranked)
SELECT what, rank, (held + amount * (rank - above))::DOUBLE / total AS share
FROM ranked JOIN steps ON rank > above AND rank <= above + times ORDER BY what, rank""",
            columns=(
                Column("what", "what is counted, and by what"),
                Column("rank", "so many of the largest", "count"),
                Column("share", "their share of the sum", "share"),
            ),
            counting="developers, SDKs and models of the latest snapshot, by the packages that they are in",
            needs=("app",),
            chart=partial(cumulative, value="rank", share="share", colour="what", title="so many of the largest"),
            note="The first ten ranks, then twenty in every power of ten.",
        ),
    ),
    limitations=("Owners are told from paths, names and known files of SDKs (docs/add-an-sdk.md); what no evidence decides stays unknown.",),
)  # fmt: skip
