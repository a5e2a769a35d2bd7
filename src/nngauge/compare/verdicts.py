"""Check-in and check-out: which packages have AI now, or not any more, in each meaning of having it."""

from __future__ import annotations

from typing import Final

from nngauge.compare.pairs import MEMBER, counted
from nngauge.domain.detection import Category
from nngauge.domain.snapshot_difference import Meaning, MeaningShift
from nngauge.domain.technology import Grade
from nngauge.store.warehouse import Warehouse

VERDICT: Final = "snapshot_verdict"
"""Kept table: one meaning in one pair, where a side has AI in that meaning: pair, meaning, kept, first, second."""

_NATIVE: Final = (
    f"technology.category = '{Category.RUNTIME.value}' "
    f"AND technology.grade IN ('{Grade.LIBRARY.value}', '{Grade.EMBEDDED.value}')"
)
_CONDITIONS: Final = {
    Meaning.RUNTIME: "runtime_present",
    Meaning.MODEL: "model_present",
    Meaning.ELSEWHERE: "model_elsewhere",
    Meaning.ANY: "runtime_present OR model_present OR model_elsewhere",
}


def compare_verdicts(facts: Warehouse) -> tuple[MeaningShift, ...]:
    """Makes `VERDICT`; totals of each meaning."""
    meanings = [f"CASE WHEN {condition} THEN {_said(meaning)} END" for meaning, condition in _CONDITIONS.items()]
    facts.keep(
        VERDICT,
        "SELECT pair, meaning, any_value(kept) AS kept, bool_or(side = 1) AS first, bool_or(side = 2) AS second FROM ("
        f"SELECT app, unnest([{', '.join(meanings)}]) AS meaning FROM app "
        "WHERE runtime_present OR model_present OR model_elsewhere UNION ALL "
        f"SELECT DISTINCT app, {_said(Meaning.WWW19)} FROM technology WHERE {_NATIVE} AND {counted()}"
        f") JOIN {MEMBER} USING (app) WHERE meaning IS NOT NULL GROUP BY pair, meaning",
    )
    rows = facts.ask(
        "SELECT meaning, count(*) FILTER (first), count(*) FILTER (second), count(*) FILTER (kept AND first AND second), "
        "count(*) FILTER (kept AND NOT first), count(*) FILTER (kept AND NOT second), "
        f"count(*) FILTER (NOT kept AND second), count(*) FILTER (NOT kept AND first) FROM {VERDICT} GROUP BY meaning"
    ).rows
    found = {row[0]: row[1:] for row in rows}
    return tuple(_shift(meaning, found.get(meaning.value, (0,) * 7)) for meaning in Meaning)


def _shift(meaning: Meaning, counts: tuple[int, ...]) -> MeaningShift:
    before, after, kept, check_in, check_out, new, gone = counts
    return MeaningShift(
        meaning=meaning, before=before, after=after, kept=kept, check_in=check_in, check_out=check_out, new=new, gone=gone
    )  # fmt: skip


def _said(meaning: Meaning) -> str:
    """The meaning as an SQL string."""
    return "'" + meaning.value.replace("'", "''") + "'"
