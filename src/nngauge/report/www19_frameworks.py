"""Section 4.4 of the WWW'19 study on this corpus: frameworks, who adopts and drops them, and what their libraries weigh."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from nngauge.report import storage
from nngauge.report._api import Column, Part
from nngauge.report.deep_learning import DIFFERS, DL, DL_APP, FRAMEWORKS, ITEMISED, LATER, OWN, case, listed
from nngauge.report.figures import bars
from nngauge.report.published import beside, reference
from nngauge.report.shares import share
from nngauge.report.www19_drawing import draw_frameworks
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.detect.ruleset import Rule
    from nngauge.report.corpus import Corpus

_BAR: Final = f"CASE WHEN framework IN ({listed((*ITEMISED, LATER, OWN))}) THEN framework ELSE 'other lib' END"
_ORDER: Final = (*ITEMISED, "other lib", LATER, OWN, "total")
_FRAMEWORK_OF: Final = case("technology", FRAMEWORKS, f"'{LATER}'")
_USED_BY: Final = (
    f"""WITH {DL} SELECT technology, count(DISTINCT edition) AS apps FROM found WHERE latest GROUP BY technology"""
)


def _facts(corpus: Corpus) -> Answer:
    """Table 2, with what our rules know of the frameworks today and in how many apps of the latest snapshot they are."""
    from nngauge.detect.ruleset import load_rules

    rules = {rule.id: rule for rule in load_rules().rules}
    apps = dict(corpus.ask(_USED_BY).rows)
    rows = [_fact(name, [rules[item] for item in ids], apps) for name, ids in FRAMEWORKS.items()]
    return Answer(("framework", "rules", "vendor", "license", "searched_in", "formats", "homepage", "apps"), rows)


def _fact(name: str, rules: list[Rule], apps: dict[str, int]) -> tuple[str | int | None, ...]:
    def joined(texts: list[str]) -> str | None:
        return ", ".join(dict.fromkeys(text for text in texts if text)) or None

    return (
        name,
        joined([rule.id for rule in rules]),
        joined([rule.vendor for rule in rules]),
        joined([rule.license for rule in rules]),
        joined([str(clause.scope) for rule in rules for clause in rule.match]),
        joined([form for rule in rules for form in (*rule.models.own, *rule.models.reads)]),
        joined([rule.homepage for rule in rules]),
        max((apps.get(rule.id, 0) for rule in rules), default=None),
    )


FRAMEWORK_PARTS: Final = (
    Part(
        name="table-2",
        title="Table 2: frameworks",
        ask=_facts,
        columns=(
            Column("framework", "as the study calls it"),
            Column("rules", "our rules for it; empty: nothing of it was ever made for phones, and there is no rule"),
            Column("vendor", "who makes it now"),
            Column("license", "SPDX"),
            Column("searched_in", "where the rules look"),
            Column("formats", "model formats that it runs (docs/reference/formats.md)"),
            Column("homepage", "address"),
            Column("apps", "packages of the latest snapshot with its code (the most frequent of its rules)", "count"),
        ),
        counting=f"lines of the study's table; packages of the latest snapshot. {DL_APP}",
        note="Facts of our rules, as of this version; whether a framework can train is not among them. All rules: docs/reference/technologies.md.",
        reference=reference("www19", "table-2"),
    ),
    Part(
        name="figure-4",
        title="Figure 4: DL apps by framework",
        ask=f"""WITH {DL}, bar AS (SELECT DISTINCT snapshot, edition, {_BAR} AS framework FROM found JOIN dl USING (edition)
    WHERE framework <> '{OWN}' OR NOT with_framework),
counted AS (SELECT snapshot, framework, count(*) AS apps FROM bar GROUP BY ALL
    UNION ALL SELECT snapshot, 'total', count(DISTINCT edition) FROM bar GROUP BY snapshot)
SELECT framework, snapshot, apps, {share("apps", "max(apps) FILTER (framework = 'total') OVER (PARTITION BY snapshot)")} AS share
FROM counted ORDER BY list_position([{listed(_ORDER)}], framework), snapshot""",
        columns=(
            Column("framework", "as the study calls it; other lib: others of its Table 2"),
            Column("snapshot", "name of the snapshot"),
            Column("apps", "DL apps with it", "count"),
            Column("share", "apps ÷ DL apps of the snapshot", "share"),
        ),
        counting=DL_APP,
        needs=("technology",),
        chart=draw_frameworks,
        note=(
            f'"{LATER}": runtimes that the study does not know (ONNX Runtime, MNN, llama.cpp …). "{OWN}": an AI component with an '
            f"engine of its own and no known framework. An app with several counts for each. {DIFFERS}"
        ),
        reference=reference("www19", "figure-4"),
    ),
    Part(
        name="figure-5",
        title="Figure 5: check-in and check-out",
        ask=f"""WITH {DL}, now AS (SELECT package, dl.edition IS NOT NULL AS dl FROM editions LEFT JOIN dl USING (edition) WHERE latest),
before AS (SELECT package, dl.edition IS NOT NULL AS dl FROM editions LEFT JOIN dl USING (edition)
    WHERE nth = (SELECT max(nth) - 1 FROM snapshots)),
kept AS (SELECT before.dl AS was, now.dl AS is_now FROM before JOIN now USING (package)),
line AS (SELECT 1 AS nth, 'DL apps of the snapshot before' AS what, count(*) FILTER (was) AS apps FROM kept
UNION ALL SELECT 2, 'stayed', count(*) FILTER (was AND is_now) FROM kept
UNION ALL SELECT 3, 'check-in', count(*) FILTER (is_now AND NOT was) FROM kept
UNION ALL SELECT 4, 'check-out', count(*) FILTER (was AND NOT is_now) FROM kept
UNION ALL SELECT 5, 'DL apps of the latest snapshot', count(*) FILTER (is_now) FROM kept)
SELECT what, apps, {share("apps", "(SELECT count(*) FROM kept)")} AS share FROM line ORDER BY nth""",
        columns=(
            Column("what", "in packages of both snapshots"),
            Column("apps", "packages", "count"),
            Column("share", "apps ÷ packages of both snapshots", "share"),
        ),
        counting=f"packages of the last two snapshots, matched by platform and application id. {DL_APP}",
        needs=("app",),
        snapshots=2,
        chart=partial(bars, value="apps", by="what", title="packages of both snapshots"),
        note="What became of single apps: nngauge study diff.",
        reference=reference("www19", "figure-5"),
    ),
    Part(
        name="figure-6",
        title="Figure 6: size of the libraries",
        ask=f"""WITH {DL}, piece AS (SELECT CASE WHEN detection.category = 'runtime' OR technology IN ('sensetime', 'superid')
        THEN {_FRAMEWORK_OF} ELSE '{OWN}' END AS framework, technology, edition, abi, library_bytes AS bytes, path
    FROM dl JOIN detection USING (app) JOIN (SELECT edition FROM editions WHERE latest) USING (edition)
    WHERE presence = 'library' AND library_bytes IS NOT NULL AND confidence <> 'possible' AND category IN ('runtime', 'sdk')),
one AS (SELECT any_value(framework) AS framework, edition, path, any_value(abi) AS abi, max(bytes) AS bytes FROM piece GROUP BY edition, path),
other AS (SELECT edition, path, abi, library.size AS bytes FROM dl JOIN library USING (app)
    JOIN (SELECT edition FROM editions WHERE latest) USING (edition) WHERE coalesce(technologies, '') = ''),
long AS (SELECT * FROM one UNION ALL SELECT 'all DL libraries', edition, path, abi, bytes FROM one
    UNION ALL SELECT 'other libraries of DL apps', * FROM other)
SELECT framework, count(*) AS libraries, count(DISTINCT edition) AS apps, avg(bytes)::BIGINT AS mean, median(bytes)::BIGINT AS median,
    avg(bytes) FILTER (abi = 'arm64-v8a')::BIGINT AS mean_arm64
FROM long GROUP BY framework
ORDER BY list_position(['all DL libraries', 'other libraries of DL apps'], framework) NULLS FIRST, mean DESC, framework""",
        columns=(
            Column("framework", "as the study calls it"),
            Column("libraries", "native libraries that are the framework's own, one for each processor", "count"),
            Column("apps", "DL apps with one", "count"),
            Column("mean", "mean uncompressed size", "bytes"),
            Column("median", "median of it", "bytes"),
            Column("mean_arm64", "mean of those for 64-bit Arm, which today's phones take", "bytes"),
        ),
        counting=f"native libraries of DL apps of the latest snapshot; those into which a framework is linked statically are left out. {DL_APP}",
        needs=("detection",),
        chart=partial(bars, value="mean", by="framework", title="bytes of a library, mean"),
        note="Whether the study counts an app's copies for several processors is not known.",
        reference=reference("www19", "figure-6"),
    ),
    beside(storage.REPORT, "overhead", "www19", "overhead", name="overhead", title="§4.4 Several frameworks in one app"),
)  # fmt: skip
"""In the order of the publication."""
