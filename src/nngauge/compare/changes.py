"""All single changes between two snapshots, one row each, from the tables that the comparisons kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from nngauge.compare.models import CHANGE, MATCH, MODEL
from nngauge.compare.pairs import PAIR
from nngauge.compare.technologies import ACCELERATOR, MOVE, SDK, SWITCH, TECHNOLOGY
from nngauge.compare.verdicts import VERDICT
from nngauge.domain.snapshot_difference import AppChange, ChangeKind
from nngauge.store.warehouse import Warehouse

_NOTHING: Final = "NULL, NULL, {detail}, NULL, NULL"
"""First, second, detail, bytes before, bytes after."""


def _came(kind: str, subject: str, table: str, *, came: bool) -> str:
    side = "NOT first" if came else "NOT second"
    return f"SELECT pair, {subject}, {_NOTHING.format(detail=kind)} FROM {table} WHERE kept AND {side}"


_BOTH: Final = "kept AND first AND second"
_ADOPTED: Final = (
    "SELECT pair, technology, NULL, {side}_grade || coalesce(' ' || nullif(array_to_string({side}_versions::JSON::VARCHAR[], "
    "', '), ''), ''), category, NULL, {side}_library_bytes FROM {table} WHERE kept AND NOT {other}"
)
_VERSIONS: Final = "array_to_string({side}_versions::JSON::VARCHAR[], ', ')"
_MOVED: Final = (
    f"SELECT pair, technology, {_VERSIONS.format(side='first')}, {_VERSIONS.format(side='second')}, category, "
    f"first_library_bytes, second_library_bytes FROM {TECHNOLOGY} "
    f"JOIN {MOVE} USING (technology, first_versions, second_versions) WHERE {_BOTH} AND kind = '{{kind}}'"
)
_MODELS: Final = "SELECT pair, place, {first}, {second}, {detail}, {bytes} FROM {table} WHERE {condition}"

QUESTIONS: Final[Mapping[ChangeKind, str]] = {
    ChangeKind.CHECK_IN: _came("NULL", "meaning", VERDICT, came=True),
    ChangeKind.CHECK_OUT: _came("NULL", "meaning", VERDICT, came=False),
    ChangeKind.SWITCHED: (
        "SELECT pair, family, array_to_string(dropped, ', '), array_to_string(adopted, ', '), NULL, NULL, NULL "
        f"FROM {SWITCH}"
    ),
    ChangeKind.ADOPTED: _ADOPTED.format(table=TECHNOLOGY, side="second", other="first"),
    ChangeKind.DROPPED: (
        "SELECT pair, technology, first_grade || coalesce(' ' || nullif(array_to_string(first_versions::JSON::VARCHAR[], "
        f"', '), ''), ''), NULL, category, first_library_bytes, NULL FROM {TECHNOLOGY} WHERE kept AND NOT second"
    ),
    ChangeKind.REGRADED: (
        "SELECT pair, technology, first_grade, second_grade, category, first_library_bytes, second_library_bytes "
        f"FROM {TECHNOLOGY} WHERE {_BOTH} AND first_grade <> second_grade"
    ),
    ChangeKind.USE: (
        f"SELECT pair, technology, first_used, second_used, category, NULL, NULL FROM {TECHNOLOGY} "
        f"WHERE {_BOTH} AND first_used <> second_used"
    ),
    ChangeKind.UPGRADED: _MOVED.format(kind=ChangeKind.UPGRADED.value),
    ChangeKind.DOWNGRADED: _MOVED.format(kind=ChangeKind.DOWNGRADED.value),
    ChangeKind.VERSION: _MOVED.format(kind=ChangeKind.VERSION.value),
    ChangeKind.SDK_ADDED: _came("NULL", "sdk", SDK, came=True),
    ChangeKind.SDK_REMOVED: _came("NULL", "sdk", SDK, came=False),
    ChangeKind.ACCELERATOR_ADDED: (
        f"SELECT pair, accelerator, NULL, array_to_string(second_outcome, ', '), hardware, NULL, NULL FROM {ACCELERATOR} "
        "WHERE kept AND NOT first"
    ),
    ChangeKind.ACCELERATOR_REMOVED: (
        f"SELECT pair, accelerator, array_to_string(first_outcome, ', '), NULL, hardware, NULL, NULL FROM {ACCELERATOR} "
        "WHERE kept AND NOT second"
    ),
    ChangeKind.ACCELERATOR_CHANGED: (
        "SELECT pair, accelerator, array_to_string(first_outcome, ', '), array_to_string(second_outcome, ', '), hardware, "
        f"NULL, NULL FROM {ACCELERATOR} WHERE {_BOTH} AND first_outcome <> second_outcome"
    ),
    ChangeKind.MODEL_ADDED: f"SELECT pair, place, NULL, digest, format, NULL, size FROM {MODEL}_left WHERE side = 2",
    ChangeKind.MODEL_REMOVED: f"SELECT pair, place, digest, NULL, format, size, NULL FROM {MODEL}_left WHERE side = 1",
    ChangeKind.MODEL_CHANGED: (
        "SELECT pair, second_place, first_digest, second_digest, "
        "change || coalesce(': ' || nullif(detail, ''), '') || CASE WHEN first_place <> second_place "
        "THEN ' (' || basis || ', was ' || first_place || ')' ELSE '' END, first_size, second_size "
        f"FROM {MATCH} JOIN {CHANGE} USING (first_digest, second_digest) WHERE basis IS NOT NULL"
    ),
    ChangeKind.MODEL_MOVED: (
        "SELECT pair, second_place, first_place, second_place, first_format, first_size, second_size "
        f"FROM {MATCH} WHERE basis IS NULL AND first_place <> second_place"
    ),
    ChangeKind.MODEL_OWNER: (
        "SELECT pair, second_place, concat_ws(' ', first_owner, first_sdk), concat_ws(' ', second_owner, second_sdk), "
        f"first_format, first_size, second_size FROM {MATCH} WHERE basis IS NULL "
        "AND (first_owner IS DISTINCT FROM second_owner OR first_sdk IS DISTINCT FROM second_sdk)"
    ),
    ChangeKind.SIGNER: (
        f"SELECT pair, '', one.signer, other.signer, NULL, one.size, other.size FROM {PAIR} "
        "JOIN app AS one ON one.app = first JOIN app AS other ON other.app = second "
        "WHERE first <> second AND one.signer <> other.signer"
    ),
}
"""Rows of pair, subject, first, second, detail, bytes before and after."""
_NAMES: Final = "pair, subject, first_text, second_text, detail, first_bytes, second_bytes"


def count_changes(facts: Warehouse) -> dict[ChangeKind, int]:
    """How many there are of each kind."""
    return {kind: int(facts.ask(f"SELECT count(*) FROM ({sql})").rows[0][0]) for kind, sql in QUESTIONS.items()}


def changes_of(facts: Warehouse, kind: ChangeKind, most: int | None = None) -> Iterator[AppChange]:
    """The changes of one kind by package, at most `most` of them."""
    rows = facts.ask(
        f"SELECT platform, package_id, subject, first_text, second_text, detail, first_bytes, second_bytes "
        f"FROM (SELECT * FROM ({QUESTIONS[kind]}) AS found({_NAMES})) JOIN {PAIR} USING (pair) "
        "ORDER BY 2, 1, 3, 4, 5 LIMIT ?",
        (most,),
    ).rows
    for platform, package, subject, first, second, detail, before, after in rows:
        yield AppChange(
            kind=kind, platform=platform, package_id=package, subject=subject, first=first or "", second=second or "",
            detail=detail or "", first_bytes=before, second_bytes=after,
        )  # fmt: skip
