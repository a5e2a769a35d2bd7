"""R25: what could be done better: interfaces that were given up, runtimes twice, models in full floats, accelerators in vain."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from nngauge.compare.technologies import FAMILIES, NETWORKS
from nngauge.knowledge.deprecations import Deprecation, deprecations
from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import high, literal, low, share
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report.corpus import Corpus

_WEIGHTY: Final = 100_000
"""Bytes of float weights below which fewer bits save nothing that anybody would notice."""
_COUNTING: Final = "packages of the latest snapshot, each once (its highest version)"


def _deprecations() -> tuple[Deprecation, ...]:
    """What makers gave up, where technologies or accelerators tell it. What depends on versions is left to `nngauge check`."""
    return tuple(item for item in deprecations() if not item.below and (item.technologies or item.accelerators))


def _given_up(corpus: Corpus) -> Answer:
    """One row a deprecation: how many packages depend on it."""
    items = ", ".join(f"({at}, {', '.join(map(literal, _told(item)))})" for at, item in enumerate(_deprecations()))
    technologies = [
        f"({at}, {literal(name)}, {'true' if item.code else 'false'})"
        for at, item in enumerate(_deprecations())
        for name in item.technologies
    ]
    accelerators = [f"({at}, {literal(name)})" for at, item in enumerate(_deprecations()) for name in item.accelerators]
    return corpus.ask(
        f"""WITH item AS (SELECT * FROM (VALUES {items}) AS item(place, id, title, since, ends, effect, instead, source)),
by_technology AS (SELECT * FROM (VALUES {", ".join(technologies)}) AS named(place, technology, code)),
by_accelerator AS (SELECT * FROM (VALUES {", ".join(accelerators)}) AS named(place, accelerator)),
hit AS (SELECT place, edition FROM technologies JOIN by_technology USING (technology)
    WHERE latest AND (NOT code OR presence IN ('library', 'embedded', 'defined'))
    UNION SELECT place, edition FROM acceleration JOIN editions USING (app) JOIN by_accelerator USING (accelerator)
    WHERE latest AND outcome IN ('works as shipped', 'provided by the system', 'asked for but not shipped')),
whole AS (SELECT count(*) AS packages FROM editions WHERE latest)
SELECT id, title, since, nullif(ends, '') AS ends, count(hit.edition) AS packages, any_value(whole.packages) AS whole,
    {share("count(hit.edition)", "any_value(whole.packages)")} AS share, {low("count(hit.edition)", "any_value(whole.packages)")} AS low,
    {high("count(hit.edition)", "any_value(whole.packages)")} AS high, effect, instead, source
FROM item CROSS JOIN whole LEFT JOIN hit USING (place) GROUP BY ALL ORDER BY packages DESC, id"""
    )


def _told(item: Deprecation) -> tuple[str, ...]:
    ends = item.ends.isoformat() if item.ends is not None else ""
    return item.id, item.title, item.since, ends, item.effect, item.instead, item.source


_KIND: Final = (
    "CASE "
    + " ".join(f"WHEN technology = '{name}' THEN '{family}'" for name, family in FAMILIES.items())
    + f" ELSE '{NETWORKS}' END"
)

REPORT: Final = Report(
    id="R25",
    name="modernisation",
    title="What could be modernised",
    question="How many apps depend on what was given up, ship two runtimes for one purpose, models in full floats, or accelerators in vain?",
    origin="WWW'19, implications; lecture notes on mobile deep learning",
    limitations=(
        "What depends on the version of a technology is checked app by app: nngauge check.",
        "Whether a smaller model would be as good cannot be told from a package.",
    ),
    parts=(
        Part(
            name="given-up",
            title="Interfaces and services that were given up",
            ask=_given_up,
            columns=(
                Column("id", "short name"),
                Column("title", "what was given up"),
                Column("since", "when its maker said so"),
                Column("ends", "day after which it does not work; empty: not told", "date"),
                Column("packages", "packages that depend on it", "count"),
                Column("whole", "all packages with a result, the denominator", "count"),
                Column("share", "packages ÷ whole", "share"),
                Column("low", "lower end of its 95 % interval (Wilson)", "share", "computed"),
                Column("high", "upper end", "share", "computed"),
                Column("effect", "what happens to apps that keep it"),
                Column("instead", "what its maker recommends"),
                Column("source", "page that says so"),
            ),
            counting=_COUNTING,
            needs=("technology",),
            chart=partial(
                bars, value="share", by="title", low="low", high="high", percent=True, title="share of packages"
            ),
            note="The same list as that of `nngauge check`, rule `deprecated-api`.",
        ),
        Part(
            name="twice",
            title="Two runtimes for one purpose",
            ask=f"""WITH shipped AS (SELECT edition, {_KIND} AS purpose, technology, library_bytes FROM technologies
    WHERE latest AND category = 'runtime' AND grade IN ('runtime library', 'inside another library', 'packed library')),
sets AS (SELECT edition, purpose, string_agg(technology, ' + ' ORDER BY technology) AS runtimes, count(*) AS many,
    sum(library_bytes) AS bytes, sum(library_bytes) - max(library_bytes) AS beside FROM shipped GROUP BY edition, purpose)
SELECT purpose, runtimes, count(*) AS packages, (SELECT count(DISTINCT edition) FROM shipped) AS whole,
    {share("count(*)", "SELECT count(DISTINCT edition) FROM shipped")} AS share, median(bytes)::BIGINT AS bytes, median(beside)::BIGINT AS beside
FROM sets WHERE many > 1 GROUP BY purpose, runtimes ORDER BY packages DESC, purpose, runtimes LIMIT 200""",
            columns=(
                Column(
                    "purpose", "what the runtimes are for: neural networks, language models, speech, decision trees"
                ),
                Column("runtimes", "native runtimes that are in the package together"),
                Column("packages", "packages with exactly these", "count"),
                Column("whole", "packages with a native runtime, the denominator", "count"),
                Column("share", "packages ÷ whole", "share"),
                Column("bytes", "median bytes of the largest binary of each, in sum", "bytes"),
                Column(
                    "beside",
                    "of them, without the largest runtime's: the most that one runtime less would save",
                    "bytes",
                ),
            ),
            counting=f"{_COUNTING}; the 200 most frequent sets",
            needs=("technology",),
            note="Runtimes inside one library, or brought by different SDKs, cannot always be given up; `beside` is an upper bound.",
        ),
        Part(
            name="floats",
            title="Models that are still in 32-bit floats",
            ask=f"""WITH read AS (SELECT format, owner, distinct_models.packages, scheme, precision, weight_bytes FROM distinct_models JOIN network USING (number)
    WHERE latest AND network.reason IS NULL AND scheme NOT IN ('no weights', 'unknown') AND weight_bytes >= {_WEIGHTY})
SELECT format, count(*) AS models, count(*) FILTER (precision = 'float32') AS floats, {share("count(*) FILTER (precision = 'float32')", "count(*)")} AS share,
    count(*) FILTER (precision = 'float32' AND owner = 'app') AS own, sum(packages) FILTER (precision = 'float32')::BIGINT AS copies,
    sum(weight_bytes) FILTER (precision = 'float32')::BIGINT AS weight_bytes,
    (sum(weight_bytes) FILTER (precision = 'float32') / 2)::BIGINT AS half, (sum(weight_bytes) FILTER (precision = 'float32') * 0.75)::BIGINT AS eighth
FROM read GROUP BY format ORDER BY floats DESC, models DESC, format""",
            columns=(
                Column("format", "format of the model"),
                Column(
                    "models",
                    f"distinct models with at least {_WEIGHTY // 1000} kB of weights, the denominator",
                    "count",
                ),
                Column("floats", "of them, those in 32-bit floats", "count"),
                Column("share", "floats ÷ models", "share"),
                Column("own", "of the floats, those that are an app's own", "count"),
                Column("copies", "floats, counted once in every package that has them", "count"),
                Column("weight_bytes", "bytes of their weights as stored", "bytes", "computed"),
                Column("half", "bytes that 16-bit floats would save", "bytes", "computed"),
                Column("eighth", "bytes that 8-bit integers would save, scales not counted", "bytes", "computed"),
            ),
            counting="distinct models of the latest snapshot whose weights were looked at",
            needs=("network.scheme",),
            chart=partial(
                bars, value="share", by="format", percent=True, title="share of the format's models in 32-bit floats"
            ),
            note="Bytes are exact arithmetic. What fewer bits do to the answers, only runs on real inputs tell.",
        ),
        Part(
            name="in-vain",
            title="Bytes in vain",
            ask=f"""WITH whole AS (SELECT count(*) AS packages FROM editions WHERE latest AND (runtime_present OR model_present)),
found AS (SELECT 'accelerator shipped but not asked for' AS what, edition, max(acceleration.size) AS bytes FROM acceleration JOIN editions USING (app)
        WHERE latest AND outcome = 'shipped but not asked for' GROUP BY edition
    UNION ALL SELECT 'accelerator asked for but not shipped', edition, NULL FROM acceleration JOIN editions USING (app)
        WHERE latest AND outcome = 'asked for but not shipped' GROUP BY edition
    UNION ALL SELECT 'runtime that nothing uses', edition, sum(library_bytes) FROM technologies
        WHERE latest AND category = 'runtime' AND shipped AND used = 'bundled' GROUP BY edition
    UNION ALL SELECT 'model that nothing uses', edition, sum(size) FROM models WHERE latest AND used = 'bundled' GROUP BY edition)
SELECT what, count(*) AS packages, any_value(whole.packages) AS whole, {share("count(*)", "any_value(whole.packages)")} AS share,
    sum(bytes)::BIGINT AS bytes, median(bytes)::BIGINT AS median
FROM found CROSS JOIN whole GROUP BY what ORDER BY packages DESC, what""",
            columns=(
                Column("what", "what seems to be in the package for nothing, or missing"),
                Column("packages", "packages", "count"),
                Column("whole", "packages with a runtime or a model, the denominator", "count"),
                Column("share", "packages ÷ whole", "share"),
                Column("bytes", "bytes in all of them", "bytes"),
                Column("median", "bytes in half of the packages are fewer", "bytes"),
            ),
            counting=f"{_COUNTING}; what nothing uses is only known of packages that were scanned with --usage",
            needs=("app",),
        ),
    ),
)
