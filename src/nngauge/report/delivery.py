"""R21: how models are delivered, what they add to packages, and the limits of the stores."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from nngauge.knowledge.store_limits import Limit, store_limits
from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars, cumulative
from nngauge.report.shares import HUNDREDTHS, literal, share
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report.corpus import Corpus

_WHOLE: Final = frozenset({"app", "base"})
"""Parts that the whole package stands for here, as an upper bound."""
_INNER: Final = "substr(path, strpos(path, '!') + 1)"
_PLACE: Final = """CASE WHEN container = 'aab' AND starts_with(inside, 'base/') THEN 'base module of a bundle'
    WHEN container = 'aab' THEN 'another module or pack of a bundle' WHEN contains(inside, '.obb!') THEN 'expansion file'
    WHEN contains(inside, '.assetpack/') OR contains(inside, 'OnDemandResources/') THEN 'On-Demand Resources'
    WHEN container = 'ipa' AND contains(inside, '.appex/') THEN 'extension of an iOS app' WHEN container = 'ipa' THEN 'iOS app'
    WHEN container = 'split-set' AND (contains(inside, package_id || '.apk!') OR contains(inside, 'base.apk!')) THEN 'base of a split set'
    WHEN container = 'split-set' THEN 'another split or pack' WHEN contains(inside, '!') THEN 'packed inside another file'
    WHEN starts_with(inside, 'assets/') THEN 'assets' WHEN starts_with(inside, 'res/') THEN 'resources'
    WHEN starts_with(inside, 'lib/') THEN 'inside native libraries' ELSE 'elsewhere in the package' END"""


def _limits() -> tuple[Limit, ...]:
    """Limits of stores that a whole package can be held against."""
    return tuple(limit for limit in store_limits() if limit.part in _WHOLE)


def _budgets(corpus: Corpus) -> Answer:
    values = ", ".join(
        f"({at}, {limit.bytes}, {', '.join(map(literal, (limit.store, limit.platform, limit.what, limit.source)))})"
        for at, limit in enumerate(_limits())
    )
    return corpus.ask(
        f"""WITH budget AS (SELECT * FROM (VALUES {values}) AS budget(place, allowed, store, platform, what, source))
SELECT store, what, allowed, count(*) AS packages, count(*) FILTER (size > allowed) AS larger, {share("count(*) FILTER (size > allowed)", "count(*)")} AS share,
    count(*) FILTER (model_bytes > allowed) AS models_alone, max(size) AS largest, source
FROM budget JOIN editions USING (platform) WHERE latest GROUP BY place, store, what, allowed, source ORDER BY place"""
    )


REPORT: Final = Report(
    id="R21",
    name="delivery",
    title="Delivery and size budgets",
    question="Where in packages are the models, how much do models and runtimes add, and which packages are near the limits of the stores?",
    origin="lecture notes on mobile deep learning: does my model make me look fat?",
    limitations=(
        "What a phone downloads is smaller than the package: one processor, one language, compressed anew by the store.",
    ),
    parts=(
        Part(
            name="places",
            title="Where models are",
            ask=f"""SELECT {_PLACE} AS place, count(*) AS models, {share("count(*)", "sum(count(*)) OVER ()")} AS share, count(DISTINCT edition) AS packages,
    sum(size)::BIGINT AS bytes, {share("sum(size)", "sum(sum(size)) OVER ()")} AS bytes_share
FROM (SELECT edition, container, package_id, model.size, {_INNER} AS inside FROM editions JOIN model USING (app) WHERE latest)
GROUP BY place ORDER BY models DESC, place""",
            columns=(
                Column("place", "part of the package, or place in it"),
                Column("models", "models, each once in every package", "count"),
                Column("share", "models ÷ all models", "share"),
                Column("packages", "packages with one there", "count"),
                Column("bytes", "their bytes, unpacked", "bytes"),
                Column("bytes_share", "bytes ÷ bytes of all models", "share"),
            ),
            counting="models in packages of the latest snapshot, at their first place",
            needs=("model",),
            chart=partial(bars, value="share", by="place", percent=True, title="share of models"),
        ),
        Part(
            name="sizes",
            title="What models and runtimes add",
            ask=f"""SELECT measure, packages, unnest({HUNDREDTHS})::DOUBLE AS share, unnest(steps)::BIGINT AS bytes FROM (
SELECT measure, count(*) AS packages, quantile_disc(value, {HUNDREDTHS}) AS steps FROM (
    SELECT unnest(['package as shipped', 'models', 'libraries with AI']) AS measure, unnest([size, model_bytes, ai_library_bytes]) AS value
    FROM editions WHERE latest AND (runtime_present OR model_present)) WHERE value > 0 GROUP BY measure)
ORDER BY list_position(['package as shipped', 'libraries with AI', 'models'], measure), share""",
            columns=(
                Column(
                    "measure",
                    "package as shipped (compressed), its models, its native libraries with AI in them (both unpacked)",
                ),
                Column("packages", "packages that have any, the denominator", "count"),
                Column("share", "share of them that have at most so much", "share"),
                Column("bytes", "bytes", "bytes"),
            ),
            counting="packages of the latest snapshot with a runtime or a model; every hundredth of the distribution",
            needs=("app",),
            chart=partial(cumulative, value="bytes", share="share", colour="measure", title="bytes (logarithmic)"),
        ),
        Part(
            name="budgets",
            title="Limits of the stores",
            ask=_budgets,
            columns=(
                Column("store", "the store", basis="published"),
                Column("what", "what the limit is for", basis="published"),
                Column("allowed", "the limit", "bytes", "published"),
                Column("packages", "packages of that platform, the denominator", "count"),
                Column("larger", "packages that are larger as shipped", "count"),
                Column("share", "larger ÷ packages", "share"),
                Column("models_alone", "packages whose models alone, unpacked, are larger", "count"),
                Column("largest", "the largest package", "bytes"),
                Column("source", "page that states the limit", basis="published"),
            ),
            counting="packages of the latest snapshot, each once; the whole package as shipped is an upper bound of what a limit is about",
            needs=("app",),
        ),
        Part(
            name="containers",
            title="Kinds of packages",
            ask=f"""SELECT container, count(*) AS packages, count(*) FILTER (model_present) AS with_models, {share("count(*) FILTER (model_present)", "count(*)")} AS share,
    count(*) FILTER (model_elsewhere) AS elsewhere, median(size)::BIGINT AS size, sum(model_bytes)::BIGINT AS model_bytes
FROM editions WHERE latest GROUP BY container ORDER BY packages DESC, container""",
            columns=(
                Column("container", "package format"),
                Column("packages", "packages, the denominator", "count"),
                Column("with_models", "those with a validated model inside", "count"),
                Column("share", "with_models ÷ packages", "share"),
                Column("elsewhere", "those that use AI whose model is not in the package", "count"),
                Column("size", "median size as shipped", "bytes"),
                Column("model_bytes", "bytes of all models in them", "bytes"),
            ),
            counting="packages of the latest snapshot, each once",
            needs=("app",),
        ),
    ),
)
