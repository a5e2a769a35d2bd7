"""Identity and reuse of models in a study: the same file, the same weights in another form, some of the weights, the same graph.

Everything is worked out inside DuckDB over `model`, `network` and `tensor`. gaugeNN's rules (Almeida et al., IMC 2021,
https://doi.org/10.1145/3487552.3487863) are two of the shares: at least a fifth of a model's weights are in another one; at most
three of its layers differ from another one's.
"""

from __future__ import annotations

from typing import Any, Final

from nngauge.analyse.attribution.published import CLOSE, PART, SAME
from nngauge.compare.alike import SKETCH, TENSOR, apart, components, is_alike, recognise
from nngauge.domain.reuse import Group, Member, Relation, Reuse, Share
from nngauge.store.warehouse import Warehouse

LAYERS: Final = 3
"""Layers that may differ in models that one was made from the other."""
MODEL: Final = "reuse_model"
"""Kept table: one row a distinct model: model (number, by falling number of apps), digest, name, format, apps, sdk …"""
_GRAPH: Final = "reuse_graph"
PAIR: Final = "reuse_pair"
"""Kept table: one, other (numbers of models), their shares, `relation`."""
_SHELF: Final = 8
"""Models with one weight in common that are all compared with each other; of more, each with the first and the next."""
_EQUAL: Final = 0.01
"""Median distance beyond which float32 weights are not the other's: converting them moves no bit of a sketch."""
_SHOWN: Final = 12
"""Members of a group that are told."""
_OWNER: Final = "coalesce(nullif(package_id, ''), model.app)"
"""Versions of one app in several snapshots are one user of a model."""


def reuse(facts: Warehouse, *, groups: int = 20, snapshot: str | None = None) -> Reuse:
    """What is used again among the models of a study, or of one snapshot of it; the `groups` largest of each kind."""
    _models(facts, snapshot)
    _weights(facts)
    _pairs(facts)
    _matches(facts)
    _related(facts)
    names = {"same": (Relation.SAME, Relation.CONVERTED), "family": tuple(Relation)}
    for name, relations in names.items():
        listed = ", ".join(f"'{item}'" for item in relations)
        facts.keep(f"reuse_{name}_edge", f"SELECT one, other FROM {PAIR} WHERE relation IN ({listed})")
        components(facts, f"reuse_{name}_edge", f"reuse_{name}")
    _graphs(facts)
    return Reuse(
        shares=tuple(_shares(facts)),
        same=_groups(facts, "reuse_same", groups),
        families=_groups(facts, "reuse_family", groups, _NOT_ONE),
        architectures=_groups(facts, _GRAPH, groups),
        unread=_number(
            facts, f"SELECT count(*) FROM {MODEL} LEFT JOIN reuse_total USING (model) WHERE tensors IS NULL"
        ),
    )


# --- models and their weights -------------------------------------------------------------------------------------------


def _models(facts: Warehouse, snapshot: str | None) -> None:
    """Makes `reuse_use` (digest, owner of the copy: one row a model in a package) and `MODEL`."""
    within = "AND model.app IN (SELECT app FROM listing WHERE snapshot = ?)" if snapshot is not None else ""
    facts.keep(
        "reuse_use",
        f"SELECT digest, {_OWNER} AS package, any_value(name) AS name, any_value(format) AS format, "
        "bool_and(coalesce(owner, '') = 'sdk') AS sdk, any_value(model.parameters)::DOUBLE AS parameters "
        f"FROM model LEFT JOIN app USING (app) WHERE digest <> '' {within} GROUP BY ALL",
        (snapshot,) if snapshot is not None else (),
    )
    facts.keep(
        MODEL,
        "SELECT row_number() OVER (ORDER BY count(*) DESC, digest)::INTEGER AS model, digest, mode(name ORDER BY name) AS name, "
        "min(format) AS format, count(*) AS apps, bool_and(sdk) AS sdk, max(parameters) AS parameters, "
        "any_value(precision) AS precision, any_value(structure) AS structure, any_value(layers) AS layers "
        "FROM reuse_use LEFT JOIN (SELECT digest, precision, structure, layers FROM network) USING (digest) GROUP BY digest",
    )


def _weights(facts: Warehouse) -> None:
    """Makes `TENSOR`, `reuse_total` (a model's weights that can be compared) and `reuse_member` (which it has)."""
    facts.keep(
        "reuse_source",
        f"SELECT DISTINCT ON (model, tensor) model, tensor.* EXCLUDE (app, digest, dtype, size) "
        f"FROM tensor JOIN {MODEL} USING (digest) WHERE exact IS NOT NULL OR known_high IS NOT NULL",
    )
    recognise(facts, "reuse_source")
    facts.keep(
        "reuse_total",
        "SELECT model, count(*) AS tensors, count(*) FILTER (layer) AS layers, sum(elements) AS elements, "
        f"coalesce(sum(elements) FILTER (sketch IS NOT NULL), 0) AS sketched FROM {TENSOR} GROUP BY model",
    )
    facts.keep(
        "reuse_member",
        "SELECT model, weight, sum(elements) AS elements, "
        f"coalesce(sum(elements) FILTER (sketch IS NOT NULL), 0) AS sketched FROM {TENSOR} GROUP BY ALL",
    )


# --- pairs of models ----------------------------------------------------------------------------------------------------


def _pairs(facts: Warehouse) -> None:
    """Makes `reuse_candidate`: pairs of models with a weight in common; one of many copies stands for the others."""
    facts.keep(
        "reuse_candidate",
        "WITH spread AS (SELECT weight, model, min(model) OVER shelf AS hub, count(*) OVER shelf AS many, "
        "lag(model) OVER (PARTITION BY weight ORDER BY model) AS before FROM reuse_member WINDOW shelf AS (PARTITION BY weight)) "
        "SELECT DISTINCT one, other FROM ("
        "SELECT a.model AS one, b.model AS other FROM spread AS a JOIN spread AS b USING (weight) "
        f"WHERE a.many BETWEEN 2 AND {_SHELF} AND a.model < b.model "
        f"UNION ALL SELECT hub, model FROM spread WHERE many > {_SHELF} AND model <> hub "
        f"UNION ALL SELECT before, model FROM spread WHERE many > {_SHELF} AND before IS NOT NULL)",
    )
    facts.keep(
        "reuse_copy",
        "SELECT model, exact, count(*) AS copies, count(*) FILTER (layer) AS layers, max(elements) AS elements "
        f"FROM {TENSOR} WHERE exact IS NOT NULL GROUP BY ALL",
    )
    facts.keep(
        "reuse_exact_share",
        "SELECT one, other, sum(least(a.copies, b.copies))::BIGINT AS same, sum(least(a.layers, b.layers))::BIGINT AS same_layers "
        "FROM reuse_candidate JOIN reuse_copy AS a ON a.model = one "
        "JOIN reuse_copy AS b ON b.model = other AND b.exact = a.exact GROUP BY ALL",
    )


def _matches(facts: Warehouse) -> None:
    """Makes `reuse_share`: of every candidate pair, elements of both that are the other's, too, and the median distance.

    Sketches are compared again, each with all of its shape in the other model: what brought two models together may have
    missed some of their weights.
    """
    facts.keep(
        "reuse_sketched",
        f"SELECT model, sketch, sum(elements) AS elements FROM {TENSOR} WHERE sketch IS NOT NULL GROUP BY ALL",
    )
    facts.keep(
        "reuse_match",
        f"SELECT one, other, a.sketch AS first, b.sketch AS second, a.elements, b.elements AS other_elements, "
        f"{apart('x', 'y')} AS away FROM reuse_candidate JOIN reuse_sketched AS a ON a.model = one "
        f"JOIN {SKETCH} AS x ON x.sketch = a.sketch JOIN reuse_sketched AS b ON b.model = other "
        f"JOIN {SKETCH} AS y ON y.sketch = b.sketch AND y.shape = x.shape WHERE {is_alike('x', 'y')}",
    )
    facts.keep(
        "reuse_share",
        "WITH mine AS (SELECT one, other, sum(elements) AS one_sketched, median(away) AS away FROM (SELECT one, other, first, "
        "any_value(elements) AS elements, min(away) AS away FROM reuse_match GROUP BY ALL) GROUP BY ALL), "
        "theirs AS (SELECT one, other, sum(elements) AS other_sketched FROM (SELECT one, other, second, "
        "any_value(other_elements) AS elements FROM reuse_match GROUP BY ALL) GROUP BY ALL), "
        "bare AS (SELECT one, other, sum(a.elements - a.sketched) AS one_bare, sum(b.elements - b.sketched) AS other_bare "
        "FROM reuse_candidate JOIN reuse_member AS a ON a.model = one JOIN reuse_member AS b ON b.model = other "
        "AND b.weight = a.weight GROUP BY ALL) "
        "SELECT one, other, away, coalesce(one_sketched, 0) AS one_sketched, coalesce(other_sketched, 0) AS other_sketched, "
        "coalesce(one_bare, 0) AS one_bare, coalesce(other_bare, 0) AS other_bare "
        "FROM mine JOIN theirs USING (one, other) FULL JOIN bare USING (one, other)",
    )


def _related(facts: Warehouse) -> None:
    """Makes `PAIR`: shares of both sides (`one_share`, `other_share`), layers that differ, median distance, relation."""
    facts.keep(
        PAIR,
        "SELECT one, other, away, "
        "greatest((one_sketched + one_bare) / a.elements, coalesce(one_sketched / nullif(a.sketched, 0), 0)) AS one_share, "
        "greatest((other_sketched + other_bare) / b.elements, coalesce(other_sketched / nullif(b.sketched, 0), 0)) AS other_share, "
        "coalesce(same, 0) AS same, coalesce(same_layers, 0) AS same_layers, a.tensors, b.tensors AS other_tensors, "
        "a.layers, b.layers AS other_layers, mine.format = theirs.format AS same_format, "
        "coalesce(mine.precision = 'float32' AND theirs.precision = 'float32', false) AS floats FROM reuse_share "
        "JOIN reuse_total AS a ON a.model = one JOIN reuse_total AS b ON b.model = other "
        f"JOIN {MODEL} AS mine ON mine.model = one JOIN {MODEL} AS theirs ON theirs.model = other "
        "LEFT JOIN reuse_exact_share USING (one, other)",
    )
    differ = "layers - same_layers"
    facts.keep(
        PAIR,
        f"SELECT *, CASE WHEN same = tensors AND same = other_tensors THEN '{Relation.SAME}' "
        f"WHEN same_format AND layers = other_layers AND tensors = other_tensors AND {differ} <= {LAYERS} AND same_layers >= greatest(1, {differ}) "
        f"THEN '{Relation.TUNED}' WHEN floats AND least(one_share, other_share) >= {SAME} AND away > {_EQUAL} "
        f"THEN '{Relation.TRAINED}' WHEN least(one_share, other_share) >= {SAME} AND coalesce(away, 0) <= {CLOSE} "
        f"THEN '{Relation.CONVERTED}' WHEN least(one_share, other_share) >= {PART} THEN '{Relation.PARTLY}' END AS relation "
        f"FROM {PAIR}",
    )


def _graphs(facts: Warehouse) -> None:
    """Makes `reuse_graph`: node, label: models of the same graph (or, across formats, the same layers), one of each family."""
    facts.keep(
        _GRAPH,
        "WITH family AS (SELECT model, coalesce(label, model) AS family, coalesce(reuse_model.layers, structure) AS graph "
        f"FROM {MODEL} JOIN reuse_total USING (model) LEFT JOIN reuse_family ON node = model WHERE graph IS NOT NULL) "
        "SELECT model AS node, min(model) OVER (PARTITION BY graph) AS label FROM family "
        "QUALIFY min(family) OVER (PARTITION BY graph) <> max(family) OVER (PARTITION BY graph)",
    )


# --- answers ------------------------------------------------------------------------------------------------------------

_NOT_ONE: Final = (
    "label IN (SELECT reuse_family.label FROM reuse_family LEFT JOIN reuse_same USING (node) GROUP BY reuse_family.label "
    "HAVING count(DISTINCT coalesce(reuse_same.label, -node)) > 1)"
)
"""Families that are more than one model in several forms."""


def _shares(facts: Warehouse) -> list[Share]:
    both = (
        f"SELECT one AS model, other AS fellow, one_share AS share, relation, same_layers, layers FROM {PAIR} "
        f"UNION ALL SELECT other, one, other_share, relation, same_layers, layers FROM {PAIR}"
    )
    related = (
        f"FROM ({both}) AS pair JOIN {MODEL} AS mine USING (model) JOIN {MODEL} AS theirs ON theirs.model = fellow "
        "WHERE (NOT $own OR NOT (mine.sdk OR theirs.sdk)) AND"
    )
    used = "FROM reuse_use WHERE NOT ($own AND sdk)"
    packages = f"digest IN (SELECT digest {used} GROUP BY digest HAVING count(*) > 1)"
    models = f"SELECT count(*) FROM {MODEL} WHERE NOT ($own AND sdk)"
    graphs = f"FROM {_GRAPH} JOIN {MODEL} ON model = node WHERE NOT ($own AND sdk)"
    questions = (
        ("copies of models that another package has, too", f"SELECT count(*) {used} AND {packages}", f"SELECT count(*) {used}"),
        ("distinct models in more than one package", f"SELECT count(DISTINCT digest) {used} AND {packages}", models),
        ("distinct models that are another one in another form",
         f"SELECT count(DISTINCT model) {related} relation IN ('{Relation.SAME}', '{Relation.CONVERTED}')", models),
        (f"distinct models with at least {PART:.0%} of their weights in another one",
         f"SELECT count(DISTINCT model) {related} share >= {PART}", models),
        (f"distinct models that differ from another one in at most {LAYERS} layers",
         f"SELECT count(DISTINCT model) {related} relation = '{Relation.TUNED}'", models),
        ("distinct models whose graph another one has, with unrelated weights", f"SELECT count(*) {graphs}", models),
    )  # fmt: skip
    return [_share(facts, *question) for question in questions]


def _share(facts: Warehouse, what: str, part: str, whole: str) -> Share:
    counts = [_number(facts, sql.replace("$own", own)) for own in ("false", "true") for sql in (part, whole)]
    return Share(what=what, part=counts[0], whole=counts[1], part_own=counts[2], whole_own=counts[3])


def _number(facts: Warehouse, sql: str) -> int:
    return int(facts.ask(sql).rows[0][0])


def _groups(facts: Warehouse, table: str, most: int, only: str = "true") -> tuple[Group, ...]:
    """The components in `table` with the most apps."""
    rows = facts.ask(
        "SELECT label, count(DISTINCT package) AS packages, count(DISTINCT model) AS models, list_sort(list(DISTINCT "
        f"{MODEL}.format)) FROM {table} JOIN {MODEL} ON model = node JOIN reuse_use USING (digest) WHERE {only} "
        "GROUP BY label HAVING models > 1 ORDER BY packages DESC, models DESC, label LIMIT ?",
        (most,),
    ).rows
    return tuple(_group(facts, table, row) for row in rows)


def _group(facts: Warehouse, table: str, row: tuple[Any, ...]) -> Group:
    label, packages, models, formats = row
    members = facts.ask(
        f"SELECT digest, name, format, precision, parameters, apps, sdk FROM {table} JOIN {MODEL} ON model = node "
        "WHERE label = ? ORDER BY apps DESC, model LIMIT ?",
        (label, _SHOWN),
    ).rows
    relations = (
        []
        if table == _GRAPH
        else facts.ask(
            f"SELECT DISTINCT relation FROM {PAIR} JOIN {table} ON node = one WHERE label = ? AND relation IS NOT NULL "
            f"AND other IN (SELECT node FROM {table} WHERE label = ?)",
            (label, label),
        ).rows
    )
    found = {relation for (relation,) in relations}
    return Group(
        apps=packages,
        models=models,
        formats=tuple(formats),
        relations=tuple(item for item in Relation if item in found),
        members=tuple(
            Member(
                digest=digest, name=name, format=form, precision=precision,
                parameters=None if parameters is None else int(parameters), apps=apps, sdk=bool(sdk),
            )
            for digest, name, form, precision, parameters, apps, sdk in members
        ),
    )  # fmt: skip
