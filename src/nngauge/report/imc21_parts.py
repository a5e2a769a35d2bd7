"""What only the IMC'21 study asks, on this corpus: its data set, tasks, churn, uniqueness, cloud services and backends."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from nngauge.domain.task import TASKS
from nngauge.report._api import Column, Part
from nngauge.report.figures import bars, tiles
from nngauge.report.published import reference
from nngauge.report.shares import share
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report.corpus import Corpus

_SNAPSHOT: Final = Column("snapshot", "name of the snapshot")
_COPIES: Final = "models, counted once in every package that has them, as in the study"
_DISTINCT: Final = "the same, each digest once"
_OF_TASK: Final = ", ".join(
    f"('{task.id}', '{task.imc21 or task.title.lower()}', {bool(task.imc21)})" for task in TASKS
)
_CHURN: Final = """moved AS (SELECT coalesce(now.category, before.category, 'not known') AS category, now.number IS NULL AS removed,
    before.number IS NULL AS added FROM (SELECT package, number, category FROM models WHERE latest) AS now
    FULL JOIN (SELECT package, number, category FROM models WHERE nth = (SELECT max(nth) - 1 FROM snapshots)) AS before
    USING (package, number))"""

DATASET: Final = Part(
    name="dataset",
    title="Data set: how much machine learning there is, and how fast it grows",
    ask=f"""WITH sums AS (SELECT snapshot, sum(packages)::BIGINT AS models, count(*) AS distinct_models,
    sum(packages) FILTER (packages > 1)::BIGINT AS shared FROM distinct_models GROUP BY snapshot)
SELECT snapshot, count(*) AS apps, count(*) FILTER (runtime_present) AS with_frameworks, count(*) FILTER (model_present) AS with_models,
    coalesce(any_value(sums.models), 0) AS models, coalesce(any_value(sums.distinct_models), 0) AS unique_models,
    {share("any_value(sums.distinct_models)", "any_value(sums.models)")} AS unique_share,
    {share("coalesce(any_value(sums.shared), 0)", "any_value(sums.models)")} AS shared_share
FROM editions LEFT JOIN sums USING (snapshot) GROUP BY snapshot ORDER BY snapshot""",
    columns=(
        _SNAPSHOT,
        Column("apps", "packages with a result, each once (its highest version)", "count"),
        Column("with_frameworks", "of them, those with code that executes learned models", "count"),
        Column("with_models", "of them, those with a validated model", "count"),
        Column("models", _COPIES, "count"),
        Column("unique_models", _DISTINCT, "count"),
        Column("unique_share", "unique_models ÷ models", "share"),
        Column("shared_share", "models that at least two packages have ÷ models", "share"),
    ),
    counting="packages of a snapshot; models whose structure a parser validated",
    needs=("app",),
    note=(
        "The study tells models apart by MD5 of single files, here a model is all of its files. Its frameworks are those of its "
        "list, ours all with a rule. Which apps a study holds decides every number."
    ),
    reference=reference("imc21", "dataset"),
)

FRAMEWORKS: Final = Part(
    name="frameworks",
    title="Models by framework",
    ask=f"""SELECT format, any_value(title) AS title, snapshot, sum(packages)::BIGINT AS models,
    {share("sum(packages)", "sum(sum(packages)) OVER (PARTITION BY snapshot)")} AS share, count(*) AS unique_models,
    {share("count(*)", "sum(count(*)) OVER (PARTITION BY snapshot)")} AS unique_share
FROM distinct_models GROUP BY format, snapshot ORDER BY max(sum(packages)) OVER (PARTITION BY format) DESC, format, snapshot""",
    columns=(
        Column("format", "id of the format"),
        Column("title", "its name"),
        _SNAPSHOT,
        Column("models", _COPIES, "count"),
        Column("share", "models ÷ all of the snapshot", "share"),
        Column("unique_models", _DISTINCT, "count"),
        Column("unique_share", "unique_models ÷ all of the snapshot", "share"),
    ),
    counting="validated models in packages, by the format of their files",
    needs=("model",),
    chart=partial(bars, value="models", by="title", colour="snapshot", title="models, one a package that has it"),
    reference=reference("imc21", "frameworks"),
)

CATEGORIES: Final = Part(
    name="frameworks-by-category",
    title="Models by framework and category",
    ask=f"""SELECT category, format, count(*) AS models, sum(count(*)) OVER (PARTITION BY category)::BIGINT AS category_models,
    {share("count(*)", "sum(count(*)) OVER (PARTITION BY category)")} AS share, count(DISTINCT edition) AS packages
FROM models WHERE latest AND category IS NOT NULL GROUP BY category, format ORDER BY category_models DESC, category, models DESC, format""",
    columns=(
        Column("category", "the store's category"),
        Column("format", "id of the format"),
        Column("models", _COPIES, "count"),
        Column("category_models", "all models of the category, the denominator", "count"),
        Column("share", "models ÷ category_models", "share"),
        Column("packages", "packages with such a model", "count"),
    ),
    counting="validated models in packages of the latest snapshot whose category is known",
    needs=("market.category", "model"),
    chart=partial(tiles, x="format", y="category", value="models", title="models"),
    note="The study shows this as a figure; its numbers are not known here.",
)

CHURN: Final = Part(
    name="churn",
    title="Models added and removed",
    ask=f"""WITH {_CHURN}
SELECT coalesce(category, 'all') AS category, count(*) FILTER (NOT added) AS before, count(*) FILTER (added) AS added,
    count(*) FILTER (removed) AS removed, count(*) FILTER (NOT removed) AS after,
    {share("count(*) FILTER (added) - count(*) FILTER (removed)", "count(*) FILTER (NOT added)")} AS growth
FROM moved GROUP BY GROUPING SETS ((), (category)) ORDER BY grouping(moved.category) DESC, after DESC, before DESC, category""",
    columns=(
        Column("category", "the store's category, all, or not known"),
        Column("before", "models in packages of the snapshot before", "count"),
        Column("added", "models that a package did not have then", "count"),
        Column("removed", "models that a package does not have any more", "count"),
        Column("after", "models in packages of the latest snapshot", "count"),
        Column("growth", "(added - removed) ÷ before", "share"),
    ),
    counting="pairs of package and model (by digest) in the last two snapshots, packages that are in only one of them included",
    needs=("model",),
    snapshots=2,
    note="A model with one changed byte is one removed and one added; which of them are the same in another version: nngauge study diff.",
    reference=reference("imc21", "churn"),
)

TASKS_PART: Final = Part(
    name="tasks",
    title="What the models are for",
    ask=f"""WITH named (task, line, theirs) AS (VALUES {_OF_TASK}),
told AS (SELECT coalesce(line, 'not known') AS task, coalesce(theirs, false) AS in_study, coalesce(nullif(modality, 'unknown'), 'not known') AS modality, packages
    FROM distinct_models LEFT JOIN named USING (task) WHERE latest)
SELECT modality, task, in_study, sum(packages)::BIGINT AS models, {share("sum(packages)", "sum(sum(packages)) OVER ()")} AS share,
    sum(sum(packages)) OVER (PARTITION BY modality) / sum(sum(packages)) OVER () AS modality_share, count(*) AS unique_models
FROM told GROUP BY modality, task, in_study ORDER BY modality = 'not known', modality_share DESC, modality, models DESC, task""",
    columns=(
        Column("modality", "what goes in"),
        Column(
            "task",
            "line of the study's table as far as it is known, else our name of the task; not known: not enough evidence",
        ),
        Column("in_study", "the study has such a line, as far as it is known"),
        Column("models", _COPIES, "count"),
        Column("share", "models ÷ all", "share"),
        Column("modality_share", "models of the modality ÷ all", "share"),
        Column("unique_models", _DISTINCT, "count"),
    ),
    counting="validated models in packages of the latest snapshot",
    needs=("model.task",),
    chart=partial(
        bars, value="models", by="task", colour="modality", stacked=True, title="models, one a package that has it"
    ),
    note="Told from inputs, outputs, layers, names and metadata, with calibrated probabilities (docs/tasks.md); the study let three people vote.",
    reference=reference("imc21", "tasks"),
)


def _cloud(corpus: Corpus) -> Answer:
    """Packages with cloud AI services by provider, as our rules name it."""
    from nngauge.detect.ruleset import load_rules

    named = ", ".join(
        f"('{rule.id}', '{(rule.vendor or rule.title).replace(chr(39), chr(39) * 2)}')" for rule in load_rules().rules
    )
    return corpus.ask(f"""WITH provider (technology, provider) AS (VALUES {named}),
used AS (SELECT snapshot, edition, technology, coalesce(provider, technology) AS provider FROM technologies LEFT JOIN provider USING (technology)
    WHERE category = 'cloud'),
long AS (SELECT * FROM used UNION ALL SELECT snapshot, edition, technology, 'any' FROM used),
whole AS (SELECT snapshot, count(*) AS apps FROM editions GROUP BY snapshot),
own AS (SELECT edition FROM editions WHERE runtime_present OR model_present)
SELECT provider, snapshot, count(DISTINCT long.edition) AS packages, {share("count(DISTINCT long.edition)", "any_value(apps)")} AS share,
    count(DISTINCT own.edition) AS also_on_device, count(DISTINCT technology) AS services
FROM long JOIN whole USING (snapshot) LEFT JOIN own USING (edition) GROUP BY provider, snapshot
ORDER BY provider <> 'any', max(packages) OVER (PARTITION BY provider) DESC, provider, snapshot""")


CLOUD: Final = Part(
    name="cloud",
    title="Cloud AI services",
    ask=_cloud,
    columns=(
        Column("provider", "who offers the service; any: at least one"),
        _SNAPSHOT,
        Column("packages", "packages that name one of its AI services in code, libraries or configuration", "count"),
        Column("share", "packages ÷ packages with a result", "share"),
        Column("also_on_device", "of packages, those with a runtime or a model of their own", "count"),
        Column("services", "different services among them", "count"),
    ),
    counting="packages of a snapshot with a result; an app with several providers counts for each",
    needs=("technology",),
    note=(
        "All services with a rule count (docs/reference/technologies.md); the study looked for Google's and Amazon's. An address in the code is evidence that it is named, "
        "not that it is called."
    ),
    reference=reference("imc21", "cloud"),
)

OPTIMISATION: Final = Part(
    name="optimisation",
    title="Optimisation of models",
    ask=f"""WITH read AS (SELECT number, packages, scheme, precision, sparsity, near_zero, clustered, parameters FROM
    (SELECT number, packages FROM distinct_models WHERE latest) JOIN
    (SELECT number, scheme, precision, sparsity, near_zero, clustered, parameters FROM network WHERE reason IS NULL) USING (number)
    WHERE scheme NOT IN ('no weights', 'unknown')),
quantise AS (SELECT DISTINCT number FROM family WHERE family = 'quantise'),
sums AS (SELECT count(*) AS models, count(*) FILTER (clustered > 0) AS clustered, count(sparsity) AS valued, count(*) FILTER (sparsity >= 0.5) AS pruned,
    sum(near_zero * parameters) AS small, sum(parameters) FILTER (near_zero IS NOT NULL) AS weights, count(quantise.number) AS quantise,
    count(*) FILTER (regexp_matches(precision, '(int8|q8)')) AS weights_8, count(*) FILTER (scheme = 'full-integer') AS whole_8
    FROM read LEFT JOIN quantise USING (number)),
line AS (SELECT unnest(['models with clustered weights', 'models with pruned weights (half are zero)', 'weights near zero',
    'models with quantise or dequantise layers', 'models with 8-bit weights', 'models with integer activations']) AS what,
    unnest([clustered, pruned, small, quantise, weights_8, whole_8]::DOUBLE[]) AS part, unnest([models, valued, weights, models, models, models]::DOUBLE[]) AS whole,
    unnest(range(6)) AS nth FROM sums)
SELECT what, part::HUGEINT::BIGINT AS part, whole::HUGEINT::BIGINT AS whole, {share("part", "whole")} AS share FROM line WHERE whole > 0 ORDER BY nth""",
    columns=(
        Column("what", "in the study's order"),
        Column("part", "models, or weights", "count"),
        Column("whole", "models whose weights were looked at, or their weights", "count"),
        Column("share", "part ÷ whole", "share"),
    ),
    counting="distinct models of the latest snapshot whose weights are in the file and were looked at",
    needs=("network.scheme",),
    note=(
        "Clustered: a float tensor with at most 256 different values; pruned: at least half of the weights are exactly zero; near zero: "
        "docs/evaluation.md. The study looked for names that a toolkit leaves, which converters remove. More: report R12 (optimisation)."
    ),
    reference=reference("imc21", "optimisation"),
)

BACKENDS: Final = Part(
    name="backends-found",
    title="Backends that apps ship or ask for",
    ask=f"""SELECT technology, any_value(title) AS title, count(*) AS packages,
    {share("count(*)", "(SELECT count(*) FROM editions WHERE latest AND runtime_present)")} AS share, mode(grade) AS mostly
FROM technologies WHERE latest AND category = 'accelerator' GROUP BY technology ORDER BY packages DESC, technology""",
    columns=(
        Column("technology", "rule"),
        Column("title", "its name"),
        Column("packages", "packages with it", "count"),
        Column("share", "packages ÷ packages with code that executes learned models", "share"),
        Column("mostly", "how it is inside, most often"),
    ),
    counting="packages of the latest snapshot",
    needs=("technology",),
    chart=partial(bars, value="packages", by="title", title="packages"),
    note="Which of them would work, and what is missing: nngauge accelerators. How much faster they are: next part.",
)
