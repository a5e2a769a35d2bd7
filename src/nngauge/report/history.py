"""R26: which models changed from one snapshot to the next, and how."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nngauge.compare.models import CHANGE, MATCH, compare_models
from nngauge.compare.pairs import PAIR, pair_up
from nngauge.domain.snapshot_difference import ModelTotals
from nngauge.errors import UsageError
from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import share
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report.corpus import Corpus

_KEPT: Final = "packages that are in both the last snapshot and the one before; a model in two packages counts twice"
_KIND: Final = Column(
    "change",
    "converted, architecture, quantised, widened, layers, interface, weights only, file only, or unknown where one was not read",
)


def _compare(corpus: Corpus) -> ModelTotals:
    """Makes the tables of `nngauge.compare.models` for the last two snapshots."""
    if corpus.earlier is None or corpus.latest is None:
        raise UsageError("it takes two snapshots")
    pair_up(corpus.facts, corpus.earlier, corpus.latest)
    return compare_models(corpus.facts)


def _totals(corpus: Corpus) -> Answer:
    totals = corpus.once(_compare)
    changed = sum(totals.changed.values())
    before = totals.kept + totals.removed + changed
    rows: list[tuple[Any, ...]] = [
        (corpus.earlier, corpus.latest, what, count, before, count / before if before and of_before else None)
        for what, count, of_before in (
            ("the same bytes", totals.kept, True),
            ("of them, at another place", totals.moved, True),
            ("changed", changed, True),
            ("removed", totals.removed, True),
            ("added", totals.added, False),
        )
    ]
    return Answer(("first", "second", "what", "models", "before", "share"), rows)


def _kinds(corpus: Corpus) -> Answer:
    corpus.once(_compare)
    return corpus.facts.ask(
        f"""SELECT change, count(*) AS models, sum(count(*)) OVER ()::BIGINT AS whole, {share("count(*)", "sum(count(*)) OVER ()")} AS share,
    count(DISTINCT (first_digest, second_digest)) AS different, count(DISTINCT pair) AS packages,
    sum(first_size)::BIGINT AS first_bytes, sum(second_size)::BIGINT AS second_bytes, count(*) FILTER (second_owner = 'sdk') AS sdk
FROM {MATCH} JOIN {CHANGE} USING (first_digest, second_digest) WHERE basis IS NOT NULL GROUP BY change ORDER BY models DESC, change"""
    )


def _changes(corpus: Corpus) -> Answer:
    corpus.once(_compare)
    return corpus.facts.ask(
        f"""SELECT platform, package_id, first_place AS first_name, second_place AS second_name, basis, change, detail, first_format, second_format,
    first_size AS first_bytes, second_size AS second_bytes, first_digest, second_digest
FROM {MATCH} JOIN {CHANGE} USING (first_digest, second_digest) JOIN {PAIR} USING (pair)
WHERE basis IS NOT NULL ORDER BY platform, package_id, first_name, first_digest LIMIT 1000"""
    )


REPORT: Final = Report(
    id="R26",
    name="history",
    title="How models change",
    question="Which models of an app were exchanged between two snapshots, and was it the weights, the layers, the number format or the format?",
    origin="no publication yet",
    limitations=("The last two of the snapshots that were asked for are compared; name others with --snapshot.",),
    parts=(
        Part(
            name="totals",
            title="Models kept, changed, added and removed",
            ask=_totals,
            columns=(
                Column("first", "the snapshot before"),
                Column("second", "the last snapshot"),
                Column("what", "what became of the models"),
                Column("models", "models", "count"),
                Column("before", "models of these packages in the first snapshot, the denominator", "count"),
                Column("share", "models ÷ before; none for added ones", "share"),
            ),
            counting=_KEPT,
            needs=("model",),
            snapshots=2,
            chart=partial(bars, value="models", by="what", title="models"),
        ),
        Part(
            name="kinds",
            title="How models changed",
            ask=_kinds,
            columns=(
                _KIND,
                Column("models", "changed models", "count"),
                Column("whole", "all changed models, the denominator", "count"),
                Column("share", "models ÷ whole", "share"),
                Column("different", "different changes: the same exchange in two packages counts once", "count"),
                Column("packages", "packages with one", "count"),
                Column("first_bytes", "bytes before", "bytes"),
                Column("second_bytes", "bytes after", "bytes"),
                Column("sdk", "of the models, those that come with SDKs", "count"),
            ),
            counting=f"changed models of {_KEPT}",
            needs=("model",),
            snapshots=2,
            chart=partial(bars, value="models", by="change", title="changed models"),
            note="Two models are taken for the same one by place, name, or the published model they were made from.",
        ),
        Part(
            name="changes",
            title="Every changed model",
            ask=_changes,
            columns=(
                Column("platform", "android or ios"),
                Column("package_id", "application id"),
                Column("first_name", "its place in the package, before"),
                Column("second_name", "its place after"),
                Column("basis", "why both are taken for the same model"),
                _KIND,
                Column("detail", "what the verdict rests on"),
                Column("first_format", "format before"),
                Column("second_format", "format after"),
                Column("first_bytes", "bytes before", "bytes"),
                Column("second_bytes", "bytes after", "bytes"),
                Column("first_digest", "digest before"),
                Column("second_digest", "digest after"),
            ),
            counting=f"changed models of {_KEPT}; the first 1,000",
            needs=("model",),
            snapshots=2,
        ),
    ),
)
