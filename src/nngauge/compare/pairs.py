"""The packages of two snapshots, side by side: which are kept, new and gone, and which app stands for each.

A package is a platform and an application id. A snapshot can hold several versions of one, or the same from several
sources: the one with the highest version code counts (numbers compared part by part, as in ``1.10.2``).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.domain.evidence import Confidence
from nngauge.domain.snapshot_difference import SnapshotSide
from nngauge.domain.technology import Grade
from nngauge.store.warehouse import Warehouse

EDITION: Final = "snapshot_edition"
"""Kept table: side (1 or 2), platform, package_id, app."""
PAIR: Final = "snapshot_pair"
"""Kept table: pair (a number), platform, package_id, first, second: apps, NULL where the package is not there."""
MEMBER: Final = "snapshot_member"
"""Kept table: pair, side, app, kept (the package is in both), touched (in both, with other bytes; nothing else can have
changed)."""

_CODE: Final = "[try_cast(part AS HUGEINT) FOR part IN string_split(version_code, '.')]"


def counted(table: str = "technology") -> str:
    """SQL condition: a technology that is inside. Possible ones, dead ones and those of model files alone are not."""
    absent = ", ".join(f"'{grade.value}'" for grade in (Grade.MODELS, Grade.DEAD))
    return f"({table}.confidence <> '{Confidence.POSSIBLE.value}' AND {table}.grade NOT IN ({absent}))"


class Sides(Struct, frozen=True, kw_only=True):
    """What `pair_up` found."""

    first: SnapshotSide
    second: SnapshotSide
    kept: int
    identical: int
    new: int
    gone: int
    rule_sets: int
    """Different tools, rule sets or depths under which the facts were made."""
    unknown_gone: int
    """Gone packages that the second snapshot lists, without a result."""


def pair_up(facts: Warehouse, first: str, second: str, app: str | None = None) -> Sides:
    """Makes the tables `EDITION`, `PAIR` and `MEMBER`, of all packages or of the one with the application id `app`."""
    _editions(facts, first, second, app)
    _pairs(facts)
    counts = facts.ask(
        f"SELECT count(*) FILTER (first IS NOT NULL AND second IS NOT NULL), count(*) FILTER (first = second), "
        f"count(*) FILTER (first IS NULL), count(*) FILTER (second IS NULL) FROM {PAIR}"
    ).rows[0]
    kept, identical, new, gone = map(int, counts)
    return Sides(
        first=_side(facts, first, 1),
        second=_side(facts, second, 2),
        kept=kept,
        identical=identical,
        new=new,
        gone=gone,
        rule_sets=_rule_sets(facts),
        unknown_gone=_unknown_gone(facts, second),
    )


def _editions(facts: Warehouse, first: str, second: str, app: str | None) -> None:
    facts.keep(
        "snapshot_found",
        "SELECT DISTINCT (CASE snapshot WHEN ?1 THEN 1 ELSE 2 END)::TINYINT AS side, app FROM listing "
        "WHERE snapshot IN (?1, ?2) AND state = 'done'",
        (first, second),
    )
    facts.keep(
        "snapshot_app",
        "SELECT side, platform, package_id, app, version_code FROM snapshot_found JOIN app USING (app) "
        "WHERE package_id IS NOT NULL AND (?1 IS NULL OR package_id = ?1)",
        (app,),
    )
    facts.keep(
        "snapshot_group",
        "SELECT side, platform, package_id, any_value(app) AS app, count(*) AS editions FROM snapshot_app "
        "GROUP BY side, platform, package_id",
    )
    facts.keep(
        EDITION,
        "SELECT * FROM snapshot_group WHERE editions = 1 UNION ALL "
        f"SELECT side, platform, package_id, arg_max(app, {{'code': coalesce({_CODE}, []), 'app': app}}), count(*) "
        "FROM snapshot_app SEMI JOIN (FROM snapshot_group WHERE editions > 1) USING (side, platform, package_id) "
        "GROUP BY side, platform, package_id",
    )


def _pairs(facts: Warehouse) -> None:
    facts.keep(
        PAIR,
        "SELECT row_number() OVER ()::INTEGER AS pair, platform, package_id, one.app AS first, other.app AS second "
        f"FROM (FROM {EDITION} WHERE side = 1) AS one FULL JOIN (FROM {EDITION} WHERE side = 2) AS other "
        "USING (platform, package_id)",
    )
    facts.keep(
        MEMBER,
        "SELECT pair, side, app, kept, kept AND NOT same AS touched FROM ("
        "SELECT pair, unnest([1, 2])::TINYINT AS side, unnest([first, second]) AS app, "
        "first IS NOT NULL AND second IS NOT NULL AS kept, coalesce(first = second, false) AS same "
        f"FROM {PAIR}) WHERE app IS NOT NULL",
    )


def _side(facts: Warehouse, name: str, side: int) -> SnapshotSide:
    items, without = facts.ask(
        "SELECT count(*), count(*) FILTER (state <> 'done') FROM listing WHERE snapshot = ?", (name,)
    ).rows[0]
    (apps,) = facts.ask(
        "SELECT count(*) FROM snapshot_found JOIN app USING (app) WHERE side = ? AND package_id IS NULL", (side,)
    ).rows[0]
    packages, editions = facts.ask(
        f"SELECT count(*), coalesce(sum(editions), 0) - count(*) FROM {EDITION} WHERE side = ?", (side,)
    ).rows[0]
    return SnapshotSide(
        name=name,
        items=items,
        without_result=without,
        unnamed=apps,
        editions=int(editions),
        packages=packages,
    )


def _rule_sets(facts: Warehouse) -> int:
    answer = facts.ask("SELECT count(DISTINCT key) FROM document WHERE app IN (SELECT app FROM snapshot_found)")
    return int(answer.rows[0][0])


def _unknown_gone(facts: Warehouse, second: str) -> int:
    answer = facts.ask(
        f"SELECT count(*) FROM {PAIR} WHERE second IS NULL AND package_id IN "
        "(SELECT package_id FROM listing WHERE snapshot = ? AND state <> 'done' AND package_id IS NOT NULL)",
        (second,),
    )
    return int(answer.rows[0][0])
