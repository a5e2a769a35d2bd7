"""Models of kept packages: added, removed, moved, changed, and how.

The same bytes are the same model wherever they lie. What is left on both sides of a package is paired by what is most
likely the next version: the same place, the same file name, the same name but for ending and numbers, or another model
made from the same published one (`nngauge.domain.snapshot_difference.Basis`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from nngauge.compare.model_change import ModelFacts, Weights, model_change
from nngauge.compare.pairs import MEMBER, PAIR
from nngauge.domain.snapshot_difference import Basis, ModelTotals
from nngauge.store.warehouse import Warehouse

MODEL: Final = "snapshot_model"
"""Kept table: models that are not the same in both snapshots of their package: pair, side, digest, place …"""
MATCH: Final = "snapshot_match"
"""Kept table: pair, basis (NULL: the same bytes), and both models."""
CHANGE: Final = "snapshot_model_change"
"""Kept table: first_digest, second_digest, change, detail."""

_FACTS: Final = "digest, place, name, size, format, known, owner, sdk"
_PRINT: Final = "hash(digest, substr(path, strpos(path, '!')), owner, sdk)"
"""Equal for a model that did not change in any way that is reported; the package file's own name is not part of it."""
_PLACE: Final = r"regexp_replace(path, '^[^!]*!([^!]*\.apk!)*', '')"
"""Inside the package, whichever of its splits that is."""
_STEM: Final = r"regexp_replace(regexp_replace(lower(name), '\.[^.]*$', ''), '[0-9_. -]+', '', 'g')"
_KEYS: Final = {
    Basis.PLACE: "place",
    Basis.NAME: "name",
    Basis.STEM: f"nullif({_STEM}, '')",
    Basis.KNOWN: "known",
}
_EXACT: Final = frozenset({Basis.PLACE, Basis.NAME})
"""Keys that pair several models of one package in order; by the others only single ones are paired."""


def compare_models(facts: Warehouse) -> ModelTotals:
    """Makes `MODEL`, `MATCH` and `CHANGE`; totals."""
    same = _keep_models(facts)
    _keep_matches(facts)
    changed, compared = _keep_changes(facts)
    moved, moved_only = facts.ask(
        f"SELECT count(*), count(*) FILTER (first_place <> second_place) FROM {MATCH} WHERE basis IS NULL"
    ).rows[0]
    removed, added = facts.ask(f"SELECT count(*) FILTER (side = 1), count(*) FILTER (side = 2) FROM {MODEL}_left").rows[
        0
    ]
    before, after = facts.ask(
        "SELECT coalesce(sum(model_bytes) FILTER (side = 1), 0)::BIGINT, coalesce(sum(model_bytes) FILTER (side = 2), 0)::BIGINT "
        f"FROM app JOIN {MEMBER} USING (app) WHERE kept"
    ).rows[0]
    return ModelTotals(
        kept=same + moved, moved=moved_only, added=added, removed=removed, changed=changed, compared=compared,
        first_bytes=before, second_bytes=after,
    )  # fmt: skip


def _keep_models(facts: Warehouse) -> int:
    """Makes `MODEL`; how many models are the same in both. Texts are read only of what differs."""
    facts.keep(
        f"{MODEL}_print",
        f"SELECT pair, side, {_PRINT} AS print FROM model JOIN {MEMBER} USING (app) WHERE touched",
    )
    facts.keep(
        f"{MODEL}_odd",
        f"SELECT pair, print, any_value(side) AS side FROM {MODEL}_print GROUP BY pair, print HAVING count(*) = 1",
    )
    (same,) = facts.ask(
        f"SELECT (SELECT count(*) FROM {MODEL}_print WHERE side = 2) - (SELECT count(*) FROM {MODEL}_odd WHERE side = 2) + "
        f"(SELECT coalesce(sum(models), 0)::BIGINT FROM app JOIN {PAIR} ON app = first WHERE first = second)"
    ).rows[0]
    facts.keep(
        MODEL,
        f'SELECT pair, side, path, "offset", {_PLACE} AS place, {_FACTS.replace(" place,", "")} FROM model '
        f"JOIN {MEMBER} USING (app) JOIN (SELECT pair, side, print FROM {MODEL}_odd) AS odd USING (pair, side) "
        f"WHERE touched AND odd.print = {_PRINT}",
    )
    return int(same)


# --- which became which -------------------------------------------------------------------------------------------------


def _keep_matches(facts: Warehouse) -> None:
    facts.keep(f"{MODEL}_left", f"FROM {MODEL}")
    facts.keep(MATCH, _matched("digest", None, exact=True))
    _keep_left(facts)
    for basis, key in _KEYS.items():
        facts.keep(f"{MATCH}_more", _matched(key, basis, exact=basis in _EXACT))
        facts.keep(MATCH, f"FROM {MATCH} UNION ALL FROM {MATCH}_more")
        _keep_left(facts)


def _matched(key: str, basis: Basis | None, *, exact: bool) -> str:
    order = f'row_number() OVER (PARTITION BY pair, side, {key} ORDER BY place, "offset", digest)'
    single = "" if exact else f" QUALIFY count(*) OVER (PARTITION BY pair, side, {key}) = 1"
    side = f"SELECT *, {key} AS key, {order} AS turn FROM {MODEL}_left WHERE {key} IS NOT NULL AND side = "
    columns = ", ".join(
        f"{side}.{name} AS {word}_{name}"
        for side, word in (("one", "first"), ("other", "second"))
        for name in _FACTS.split(", ")
    )
    said = "NULL::VARCHAR" if basis is None else f"'{basis.value}'"
    return (
        f"SELECT pair, {said} AS basis, {columns} FROM ({side} 1{single}) AS one "
        f"JOIN ({side} 2{single}) AS other USING (pair, key, turn)"
    )


def _keep_left(facts: Warehouse) -> None:
    facts.keep(
        f"{MODEL}_left",
        f"SELECT * FROM {MODEL}_left ANTI JOIN (SELECT pair, 1::TINYINT AS side, first_digest AS digest FROM {MATCH} "
        f"UNION ALL SELECT pair, 2::TINYINT, second_digest FROM {MATCH}) USING (pair, side, digest)",
    )


# --- how they changed ---------------------------------------------------------------------------------------------------


def _keep_changes(facts: Warehouse) -> tuple[dict[str, int], int]:
    """Makes `CHANGE`; counts by kind of change, and how many rest on compared tensors."""
    facts.keep(
        f"{CHANGE}_pair",
        f"SELECT first_digest, second_digest, count(*) AS packages FROM {MATCH} WHERE basis IS NOT NULL GROUP BY ALL",
    )
    known = {item.digest: item for item in _facts(facts)}
    weights = _weights(facts)
    counts: Counter[str] = Counter()
    compared = 0
    rows = []
    for first, second, packages in facts.ask(f"SELECT * FROM {CHANGE}_pair").rows:
        change, detail = model_change(known[first], known[second], weights.get((first, second)))
        counts[change] += packages
        compared += packages * ((first, second) in weights)
        rows.append((first, second, change.value, detail))
    facts.keep(
        CHANGE,
        "SELECT unnest(?1::VARCHAR[]) AS first_digest, unnest(?2::VARCHAR[]) AS second_digest, "
        "unnest(?3::VARCHAR[]) AS change, unnest(?4::VARCHAR[]) AS detail",
        [[row[at] for row in rows] for at in range(4)],
    )
    return {name: counts[name] for name in sorted(counts)}, compared


def _facts(facts: Warehouse) -> Iterator[ModelFacts]:
    """Of all models in `CHANGE`'s pairs."""
    facts.keep(
        f"{CHANGE}_model",
        " UNION ALL ".join(
            f"SELECT {word}_digest AS digest, {side}::TINYINT AS side, any_value(pair) AS pair FROM {MATCH} "
            f"WHERE basis IS NOT NULL GROUP BY {word}_digest"
            for side, word in ((1, "first"), (2, "second"))
        ),
    )
    rows = facts.ask(
        "SELECT digest, format, size, parameters::HUGEINT, nodes, inputs, outputs, ops, weights, layers, structure, precision "
        f"FROM model JOIN {MEMBER} USING (app) JOIN {CHANGE}_model USING (pair, side, digest) LEFT JOIN "
        "(SELECT digest, any_value(layers) AS layers, any_value(structure) AS structure, any_value(precision) AS precision "
        f"FROM network WHERE digest IN (SELECT digest FROM {CHANGE}_model) GROUP BY digest) USING (digest)"
    ).rows
    return (ModelFacts(*row) for row in rows)


def _weights(facts: Warehouse) -> dict[tuple[str, str], Weights]:
    """Of the pairs of which both models' tensors were read: numbers, and how many have equal bytes.

    Tensors of one value over and over tell nothing and are left out.
    """
    wanted = f"(SELECT first_digest FROM {CHANGE}_pair UNION SELECT second_digest FROM {CHANGE}_pair)"
    facts.keep(
        f"{CHANGE}_tensor",
        "SELECT digest, exact, count(*) AS copies FROM (SELECT DISTINCT digest, tensor, exact FROM tensor "
        f"WHERE digest IN {wanted} AND exact IS NOT NULL) GROUP BY ALL",
    )
    rows = facts.ask(
        f"WITH total AS (SELECT digest, sum(copies)::BIGINT AS tensors "
        f"FROM {CHANGE}_tensor GROUP BY digest), "
        f"shared AS (SELECT first_digest, second_digest, sum(least(one.copies, other.copies))::BIGINT AS same "
        f"FROM {CHANGE}_pair JOIN {CHANGE}_tensor AS one ON one.digest = first_digest "
        f"JOIN {CHANGE}_tensor AS other ON other.digest = second_digest AND other.exact = one.exact GROUP BY ALL) "
        f"SELECT first_digest, second_digest, one.tensors, other.tensors, coalesce(same, 0) FROM {CHANGE}_pair "
        "JOIN total AS one ON one.digest = first_digest JOIN total AS other ON other.digest = second_digest "
        "LEFT JOIN shared USING (first_digest, second_digest)"
    ).rows
    return {(first, second): Weights(*counts) for first, second, *counts in rows}
