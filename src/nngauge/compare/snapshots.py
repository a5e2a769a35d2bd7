"""Two snapshots of a study side by side: check-ins and check-outs, technologies, models, versions, SDKs.

Every question is asked in SQL over the facts; nothing is scanned and no package is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.compare.changes import changes_of, count_changes
from nngauge.compare.models import compare_models
from nngauge.compare.pairs import PAIR, Sides, pair_up
from nngauge.compare.technologies import (
    compare_accelerators,
    compare_sdks,
    compare_technologies,
    switches,
    version_moves,
)
from nngauge.compare.verdicts import compare_verdicts
from nngauge.domain.snapshot_difference import ChangeKind, ModelTotals, SnapshotDifference
from nngauge.errors import UsageError
from nngauge.store.warehouse import Warehouse

_MOVES: Final = 100
"""Moves from version to version that are counted out; the changes have them all."""


def compare_snapshots(
    facts: Warehouse, first: str, second: str, *, app: str | None = None, most: int | None = None
) -> SnapshotDifference:
    """What changed from snapshot `first` to `second`, in all packages or in the one with application id `app`.

    `most`: single changes of each kind to name, None for all of them (there can be millions); totals count all. Raises
    `UsageError` for snapshots and packages that are not there.
    """
    _require(facts, first, second)
    sides = pair_up(facts, first, second, app)
    if app is not None and not sides.first.packages + sides.second.packages:
        raise UsageError("the package is in neither snapshot", where=app)
    before, after = _sizes(facts)
    technologies = compare_technologies(facts)
    meanings = compare_verdicts(facts)
    sdks, accelerators, models = compare_sdks(facts), compare_accelerators(facts), compare_models(facts)
    counts = count_changes(facts)
    changes = tuple(change for kind in ChangeKind if counts[kind] for change in changes_of(facts, kind, most))
    return SnapshotDifference(
        first=sides.first, second=sides.second, app=app, kept=sides.kept, identical=sides.identical, new=sides.new,
        gone=sides.gone, meanings=meanings, technologies=technologies, versions=version_moves(facts, _MOVES),
        switches=switches(facts), sdks=sdks, accelerators=accelerators, models=models, first_bytes=before,
        second_bytes=after, counts={kind.value: count for kind, count in counts.items() if count}, changes=changes,
        changes_left_out=sum(counts.values()) - len(changes), notes=(*notes_on(sides), *_notes_on_models(models)),
    )  # fmt: skip


def _require(facts: Warehouse, first: str, second: str) -> None:
    known = [row[0] for row in facts.ask("SELECT DISTINCT snapshot FROM listing ORDER BY 1").rows]
    for name in (first, second):
        if name not in known:
            raise UsageError("no such snapshot", where=name, hint=f"there are: {', '.join(known) or 'none'}")
    if first == second:
        raise UsageError("two different snapshots, please", where=first)


def _sizes(facts: Warehouse) -> tuple[int, int]:
    row = facts.ask(
        "SELECT coalesce(sum(one.size), 0)::BIGINT, coalesce(sum(other.size), 0)::BIGINT "
        f"FROM {PAIR} JOIN app AS one ON one.app = first JOIN app AS other ON other.app = second"
    ).rows[0]
    return row[0], row[1]


def notes_on(sides: Sides) -> Iterator[str]:
    """What has to be kept in mind about the packages that are compared."""
    for side in (sides.first, sides.second):
        if side.without_result:
            yield f"{side.name}: {side.without_result:,} of {side.items:,} packages have no result; what is in them is not known"
        if side.unnamed:
            yield f"{side.name}: {side.unnamed:,} apps tell no application id and are left out"
        if side.editions:
            yield (
                f"{side.name}: {side.editions:,} further versions or sources of packages; the highest version code counts"
            )
    if sides.unknown_gone:
        yield f"{sides.unknown_gone:,} packages count as gone only because {sides.second.name} has no result for them"
    if sides.rule_sets > 1:
        yield "facts were made by different versions or settings of nngauge: some changes may be its own; run the study again"


def _notes_on_models(models: ModelTotals) -> Iterator[str]:
    changed = sum(models.changed.values())
    if changed > models.compared:
        yield (
            f"{changed - models.compared:,} of {changed:,} changed models: tensors were not compared; operations, element types "
            "and numbers of parameters decide"
        )
