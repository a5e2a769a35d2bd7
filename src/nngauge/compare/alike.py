"""Weight tensors that are the same but for a conversion, among millions, in time that hardly grows faster than their number.

Sketches (`nngauge.analyse.attribution.sketch`) of one shape are sorted by their bits from bit 0 on, from bit 16 on, and so on,
and each is compared with the few that follow it. Sketches that differ in one bit of eleven (the most that conversions do
to the middle one of a model's tensors) have a long run of equal bits behind at least one of the eight starts in 98 of 100
cases (benchmarks/reuse.py measures it), which brings them together however many there are: the more there are, the longer
a run it takes, which is the idea of prefix trees over locality-sensitive hashes (LSH Forest, Bawa 2005,
https://doi.org/10.1145/1060745.1060840).
"""

from __future__ import annotations

from typing import Final

from nngauge.analyse.attribution.sketch import BITS, MIN_KNOWN, SIGMAS
from nngauge.store.warehouse import Warehouse

TENSOR: Final = "reuse_tensor"
"""Kept table: model, elements (as DOUBLE: a model may claim any number), layer, exact, sketch (NULL without one), weight (equal for tensors that count as the same)."""
SKETCH: Final = "reuse_sketch"
"""Kept table: sketch, shape, high, low, known_high, known_low; the distinct ones."""
_NEAR: Final = "reuse_near"
_LABEL: Final = "reuse_label"
_STEP: Final = 16
"""Bits from one start to the next."""
_AHEAD: Final = 4
"""How many that follow are looked at."""
_EXACT: Final = 1 << 63
"""Marks weights that are known by their bytes alone."""


def apart(one: str, other: str) -> str:
    """SQL for the distance of the sketches in the rows (or structs) `one` and `other`, see `sketch.distance`."""
    known = [f"({one}.known_{half} & {other}.known_{half})" for half in ("high", "low")]
    bits = [
        f"bit_count(xor({one}.{half}, {other}.{half}) & {both})::INTEGER"
        for half, both in zip(("high", "low"), known, strict=True)
    ]
    return f"(({' + '.join(bits)}) / ({_both(one, other)})::DOUBLE)"


def _both(one: str, other: str) -> str:
    """SQL for the number of bits that both know."""
    parts = (f"bit_count({one}.known_{half} & {other}.known_{half})::INTEGER" for half in ("high", "low"))
    return " + ".join(parts)


def is_alike(one: str, other: str) -> str:
    """SQL for whether two sketches of one shape count as the same weights, see `sketch.alike`."""
    known = _both(one, other)
    return f"(({known}) >= {MIN_KNOWN} AND {apart(one, other)} <= 0.5 - {SIGMAS / 2} / sqrt({known}))"


def recognise(facts: Warehouse, tensors: str) -> None:
    """Makes `TENSOR` and `SKETCH` from the kept table `tensors`: model (a number) and the columns of `schema`'s tensor."""
    facts.keep(
        SKETCH,
        "SELECT row_number() OVER (ORDER BY shape, high, low, known_high, known_low)::INTEGER AS sketch, * FROM (SELECT DISTINCT "
        f"hash(out_channels, in_channels, positions) AS shape, bits_high AS high, bits_low AS low, known_high, known_low "
        f"FROM {tensors} WHERE known_high IS NOT NULL)",
    )
    _pair(facts)
    components(facts, _NEAR, _LABEL)
    facts.keep(
        TENSOR,
        "SELECT model, elements::DOUBLE AS elements, layer, CASE WHEN exact IS NULL THEN NULL ELSE hash(exact, elements) END AS exact, "
        f"sketch, coalesce(label, sketch)::UBIGINT AS weight FROM {tensors} LEFT JOIN {SKETCH} ON "
        "shape = hash(out_channels, in_channels, positions) AND high = bits_high AND low = bits_low "
        f"AND {SKETCH}.known_high = {tensors}.known_high AND {SKETCH}.known_low = {tensors}.known_low "
        f"LEFT JOIN {_LABEL} ON node = sketch",
    )
    facts.keep(
        TENSOR,
        "WITH named AS (SELECT exact, min(weight) AS weight FROM reuse_tensor "
        "WHERE weight IS NOT NULL AND exact IS NOT NULL GROUP BY exact) "
        "SELECT model, elements, layer, exact, sketch, "
        f"coalesce({TENSOR}.weight, named.weight, exact | {_EXACT}::UBIGINT) AS weight FROM {TENSOR} LEFT JOIN named USING (exact)",
    )


def _pair(facts: Warehouse) -> None:
    """Makes `_NEAR`: one, other: sketches that count as the same."""
    facts.keep(_NEAR, "SELECT 0::INTEGER AS one, 0::INTEGER AS other WHERE false")
    item = "{'sketch': sketch, 'high': high, 'low': low, 'known_high': known_high, 'known_low': known_low}"
    for start in range(0, BITS, _STEP):
        after = ", ".join(f"lead(item, {place}) OVER near" for place in range(1, _AHEAD + 1))
        facts.keep(
            _NEAR,
            f"WITH listed AS (SELECT shape, {_from(start)} AS key, {item} AS item FROM {SKETCH}), "
            f"sorted AS (SELECT item AS a, unnest([{after}]) AS b FROM listed "
            "WINDOW near AS (PARTITION BY shape ORDER BY key, item.sketch)) "
            f"SELECT one, other FROM {_NEAR} UNION SELECT least(a.sketch, b.sketch), greatest(a.sketch, b.sketch) "
            f"FROM sorted WHERE b IS NOT NULL AND {is_alike('a', 'b')}",
        )


def _from(start: int) -> str:
    """SQL for the 64 bits of a sketch from `start` on, as if it were a ring."""
    first, second = ("high", "low") if start < 64 else ("low", "high")
    by = start % 64
    if not by:
        return first
    rest = (1 << 64 - by) - 1
    return f"((({first} & {rest}::UBIGINT) << {by}) | ({second} >> {64 - by}))"


def components(facts: Warehouse, edges: str, name: str) -> None:
    """Makes table `name`: node, label (the smallest node of its component) for all nodes of the kept table `edges`.

    Labels spread to neighbours and jump to the label of the label: as many rounds as the logarithm of the longest path.
    """
    facts.keep(f"{name}_both", f"SELECT one, other FROM {edges} UNION ALL SELECT other, one FROM {edges}")
    facts.keep(name, f"SELECT one AS node, least(one, min(other)) AS label FROM {name}_both GROUP BY one")
    before = None
    while (total := facts.ask(f"SELECT sum(label::HUGEINT) FROM {name}").rows[0][0]) != before:
        before = total
        facts.keep(
            name,
            f"SELECT node, min(label) AS label FROM (SELECT one AS node, label FROM {name}_both JOIN {name} ON node = other "
            f"UNION ALL SELECT low.node, high.label FROM {name} AS low JOIN {name} AS high ON high.node = low.label) GROUP BY node",
        )
