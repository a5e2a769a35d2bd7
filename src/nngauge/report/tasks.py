"""R6: what the models are for, in which kinds of apps, and whether that is what the app is for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars, tiles
from nngauge.report.shares import share
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report._api import Figure
    from nngauge.report.corpus import Corpus

_TASK: Final = Column("task", "id of the task (docs/tasks.md); unknown: not enough evidence")
_CATEGORY: Final = Column("category", "the store's category")
_ROLE: Final = Column("role", "core feature, extra, or unknown where the evidence does not decide")
_CORE_NOTE: Final = (
    "A calibrated heuristic over entry points, permissions, sizes and texts says whether AI is what an app is for; its "
    "probability stands beside it."
)

_DRAWN: Final = 14
"""Categories in the figure: more than that many columns have no room for their numbers."""


def _draw_categories(answer: Answer, corpus: Corpus) -> Figure:
    at, task = answer.columns.index("category"), answer.columns.index("task")
    first = list(dict.fromkeys(row[at] for row in answer.rows))[:_DRAWN]
    shown = Answer(answer.columns, [row for row in answer.rows if row[at] in first and row[task] != "unknown"])
    return tiles(shown, corpus, x="category", y="task", value="share", percent=True, title="share of packages")


REPORT: Final = Report(
    id="R6",
    name="tasks",
    title="What the models are for",
    question="Which tasks do the models do, in which categories of apps, and is AI the core feature of the app?",
    origin="WWW'19 Table 1 and Figure 3; IMC'21, task table",
    parts=(
        Part(
            name="tasks",
            title="Tasks of the models",
            ask=f"""WITH seen AS (SELECT coalesce(task, 'unknown') AS task, edition, any_value(modality) AS modality,
    count(*) AS copies, any_value(role) AS role, sum(task_probability) AS probability FROM models WHERE latest GROUP BY 1, 2),
different AS (SELECT coalesce(task, 'unknown') AS task, count(*) AS models FROM distinct_models WHERE latest GROUP BY 1)
SELECT task, CASE WHEN task = 'unknown' THEN 'unknown' ELSE any_value(modality) END AS modality, any_value(models) AS models, sum(copies)::BIGINT AS copies, count(*) AS packages,
    {share("count(*)", "SELECT count(DISTINCT edition) FROM seen")} AS share,
    count(*) FILTER (role = 'core feature') AS core, sum(probability) / sum(copies) AS probability
FROM seen LEFT JOIN different USING (task) GROUP BY task ORDER BY packages DESC, task""",
            columns=(
                _TASK,
                Column("modality", "what goes in: image, audio, text, sensor, table"),
                Column("models", "distinct models with this task", "count"),
                Column("copies", "the same, counted once in every package that has them", "count"),
                Column("packages", "packages with at least one", "count"),
                Column("share", "packages ÷ packages with a model", "share"),
                Column("core", "packages with one of which AI is the core feature", "count"),
                Column("probability", "mean calibrated chance that the task is right", "share", "estimated"),
            ),
            counting="packages of the latest snapshot that have a validated model; one with several tasks counts for each of them",
            needs=("model.task",),
            chart=partial(
                bars, value="packages", by="task", colour="modality", stacked=True, title="packages with a model for it"
            ),
            note="Tasks are told by evidence inside the model and around it; `probability` says how far to trust them.",
        ),
        Part(
            name="by-category",
            title="Tasks by store category",
            ask=f"""WITH seen AS (SELECT DISTINCT category, task, edition FROM models
    WHERE latest AND category IS NOT NULL AND task IS NOT NULL),
whole AS (SELECT category, count(DISTINCT edition) AS with_models FROM models WHERE latest AND category IS NOT NULL GROUP BY category)
SELECT category, task, count(*) AS packages, any_value(with_models) AS with_models,
    {share("count(*)", "any_value(with_models)")} AS share
FROM seen JOIN whole USING (category) GROUP BY category, task ORDER BY with_models DESC, category, packages DESC, task""",
            columns=(
                _CATEGORY,
                _TASK,
                Column("packages", "packages of the category with a model for the task", "count"),
                Column("with_models", "packages of the category with any model, the denominator", "count"),
                Column("share", "packages ÷ with_models", "share"),
            ),
            counting="packages of the latest snapshot with a model and a category in the store's metadata",
            needs=("model.task", "market.category"),
            chart=_draw_categories,
        ),
        Part(
            name="core-feature",
            title="Is AI what the app is for?",
            ask=f"""SELECT role, count(*) AS packages, {share("count(*)", "sum(count(*)) OVER ()")} AS share,
    avg(role_probability) AS probability
FROM editions WHERE latest AND role IS NOT NULL GROUP BY role ORDER BY packages DESC, role""",
            columns=(
                _ROLE,
                Column("packages", "packages", "count"),
                Column("share", "packages ÷ packages with a verdict", "share"),
                Column("probability", "mean calibrated chance that the verdict is right", "share", "estimated"),
            ),
            counting="packages of the latest snapshot with a model that says what it is for",
            needs=("app.role",),
            note=_CORE_NOTE,
        ),
        Part(
            name="core-feature-by-category",
            title="Is AI what the app is for? By store category",
            ask=f"""SELECT category, role, count(*) AS packages, sum(count(*)) OVER (PARTITION BY category)::BIGINT AS with_verdict,
    {share("count(*)", "sum(count(*)) OVER (PARTITION BY category)")} AS share
FROM editions WHERE latest AND role IS NOT NULL AND category IS NOT NULL
GROUP BY category, role ORDER BY with_verdict DESC, category, packages DESC, role""",
            columns=(
                _CATEGORY,
                _ROLE,
                Column("packages", "packages", "count"),
                Column("with_verdict", "packages of the category with a verdict, the denominator", "count"),
                Column("share", "packages ÷ with_verdict", "share"),
            ),
            counting="packages of the latest snapshot with a verdict and a category in the store's metadata",
            needs=("app.role", "market.category"),
            chart=partial(
                bars,
                value="share",
                by="category",
                colour="role",
                stacked=True,
                percent=True,
                title="share of packages with a verdict",
            ),
            note=_CORE_NOTE,
        ),
    ),
)
