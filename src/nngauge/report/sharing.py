"""R13: the same model in many apps, in many forms, with some of its weights in others; and where models come from."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nngauge.compare import reuse as comparison
from nngauge.domain.reuse import Group, Reuse
from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import share
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report._api import Figure
    from nngauge.report.corpus import Corpus

_GROUPS: Final = 100
_DRAWN: Final = 12
"""Families in the picture."""
_ROW: Final = 3
"""Families in a row of it."""
_STEP: Final = 1.2
"""From the middle of one family to the next, where its radius is about a third."""
_SIDES: Final[dict[bool, dict[str, Any]]] = {True: {"align": "right", "dx": -8}, False: {"align": "left", "dx": 8}}
"""Left of its family's middle? → on which side of a model its format is written."""
_STEPS: Final = "[1, 2, 3, 6, 11, 101, 1001]"
_NAMES: Final = "['1', '2', '3 to 5', '6 to 10', '11 to 100', '101 to 1000', 'more than 1000']"
_BRIEFLY: Final = (
    "copies, in another package, too", "in several packages", "another one in another form", "a fifth of the weights shared",
    "at most 3 layers differ", "same graph, other weights",
)  # fmt: skip
"""The shares of `nngauge.compare.reuse` in their order, for figures."""
_GROUP_COLUMNS: Final = (
    Column("kind", "same model: in several forms; family: weights in common; architecture: same graph, other weights"),
    Column("models", "distinct models of the group", "count"),
    Column("packages", "packages with one of them", "count"),
    Column("formats", "their formats, comma-separated"),
    Column("relations", "how their weights are related, closest first, comma-separated"),
    Column("name", "file name of the one in most packages"),
    Column("digest", "its digest"),
)


def _reuse(corpus: Corpus) -> Reuse:
    return comparison.reuse(corpus.facts, groups=_GROUPS, snapshot=corpus.latest)


def _shares(corpus: Corpus) -> Answer:
    """The shares, with and without models that come with SDKs."""
    rows: list[tuple[Any, ...]] = [
        (brief, item.what, item.part, item.whole, _ratio(item.part, item.whole), item.part_own, item.whole_own,
         _ratio(item.part_own, item.whole_own))
        for brief, item in zip(_BRIEFLY, corpus.once(_reuse).shares, strict=True)
    ]  # fmt: skip
    return Answer(("measure", "what", "part", "whole", "share", "part_own", "whole_own", "share_own"), rows)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _draw_shares(answer: Answer, corpus: Corpus) -> Figure:
    at = [answer.columns.index(name) for name in ("measure", "share", "share_own")]
    rows = [
        (row[at[0]], models, row[place])
        for row in answer.rows
        for models, place in (("all models", at[1]), ("without SDKs", at[2]))
    ]
    shown = Answer(("measure", "models", "share"), rows)
    return bars(shown, corpus, value="share", by="measure", colour="models", percent=True, title="share")


def _groups(corpus: Corpus) -> Answer:
    found = corpus.once(_reuse)
    kinds = (("same model", found.same), ("family", found.families), ("architecture", found.architectures))
    rows = [_group(kind, group) for kind, groups in kinds for group in groups]
    return Answer(tuple(column.name for column in _GROUP_COLUMNS), rows)


def _group(kind: str, group: Group) -> tuple[Any, ...]:
    first = group.members[0]
    relations = ", ".join(relation.value for relation in group.relations)
    return kind, group.models, group.apps, ", ".join(group.formats), relations, first.name, first.digest


def _edges(corpus: Corpus) -> Answer:
    """Pairs of related models in the families that are in most packages."""
    corpus.once(_reuse)
    return corpus.facts.ask(
        f"""WITH families AS (SELECT label, count(*) AS models, sum(apps)::BIGINT AS packages
    FROM reuse_family JOIN {comparison.MODEL} ON model = node GROUP BY label HAVING models > 1),
shown AS (SELECT label, row_number() OVER (ORDER BY packages DESC, models DESC, label) AS family FROM families
    ORDER BY family LIMIT {_DRAWN}),
members AS (SELECT family, node, row_number() OVER (PARTITION BY family ORDER BY node) AS place FROM shown JOIN reuse_family USING (label))
SELECT a.family, a.place AS one, mine.name AS one_name, mine.format AS one_format, mine.apps AS one_packages,
    b.place AS other, theirs.name AS other_name, theirs.format AS other_format, theirs.apps AS other_packages, relation,
    one_share, other_share
FROM {comparison.PAIR} AS pair JOIN members AS a ON a.node = pair.one JOIN members AS b ON b.node = pair.other AND b.family = a.family
JOIN {comparison.MODEL} AS mine ON mine.model = pair.one JOIN {comparison.MODEL} AS theirs ON theirs.model = pair.other
WHERE relation IS NOT NULL AND a.place <= 24 AND b.place <= 24 ORDER BY a.family, one, other"""
    )


def _draw_graph(answer: Answer, corpus: Corpus) -> Figure:
    """Families as circles of models, each labelled by its format, with a line for each pair that shares weights."""
    import altair as alt

    from nngauge.report.drawing import COLOURS
    from nngauge.report.figures import WIDTH, data, tooltip

    del corpus
    lines, marks, titles = _layout(answer)
    relations = list(dict.fromkeys(str(row[-1]) for row in lines.rows))
    rows = math.ceil(len(titles.rows) / _ROW)
    x: dict[str, Any] = {"axis": None, "scale": alt.Scale(domain=[-0.6, _ROW * _STEP - 0.6], nice=False)}
    y: dict[str, Any] = {"axis": None, "scale": alt.Scale(domain=[0.6 - rows * _STEP, 0.6], nice=False)}
    scale = alt.Scale(domain=relations, range=list(COLOURS[1:]))
    edges = alt.Chart(data(lines)).mark_rule(strokeWidth=1.6, opacity=0.75).encode(
        alt.X("x:Q", **x), alt.Y("y:Q", **y), alt.X2("x2:Q"), alt.Y2("y2:Q"), alt.Color("relation:N", title=None, scale=scale),
        alt.StrokeDash("relation:N", title=None, scale=alt.Scale(domain=relations)), tooltip=["relation:N"],
    )  # fmt: skip
    size = alt.Size("packages:Q", legend=None, scale=alt.Scale(range=[50, 400]))
    layers: list[Any] = [edges]
    for side, place in _SIDES.items():
        half = Answer(marks.columns, [row for row in marks.rows if row[2] is side])
        nodes = alt.Chart(data(half)).encode(alt.X("x:Q"), alt.Y("y:Q"))
        layers += [
            nodes.mark_point(filled=True, opacity=1, color=COLOURS[0], shape="circle").encode(
                size, tooltip=tooltip(half)
            ),
            nodes.mark_text(fontSize=9, limit=70, **place).encode(alt.Text("format:N")),
        ]
    named = (
        alt.Chart(data(titles))
        .mark_text(fontWeight=600, limit=175)
        .encode(alt.X("x:Q"), alt.Y("y:Q"), alt.Text("title:N"))
    )
    layered = alt.layer(*layers, named)
    made: Figure = layered.properties(width=WIDTH, height=round(WIDTH * rows / _ROW))
    return made


def _layout(answer: Answer) -> tuple[Answer, Answer, Answer]:
    """Lines, models and titles of the families, with their places."""
    at = {name: place for place, name in enumerate(answer.columns)}
    nodes: dict[tuple[int, int], tuple[Any, ...]] = {}
    for row in answer.rows:
        for side in ("one", "other"):
            said = tuple(row[at[f"{side}_{name}"]] for name in ("name", "format", "packages"))
            nodes[row[at["family"]], row[at[side]]] = said
    sizes = {family: max(place for one, place in nodes if one == family) for family, _ in nodes}
    where = {node: _place(*node, sizes[node[0]]) for node in nodes}
    marks = [(*where[node], where[node][0] < _middle(node[0])[0] - 0.02, *said) for node, said in nodes.items()]
    lines = [
        (*where[row[at["family"]], row[at["one"]]], *where[row[at["family"]], row[at["other"]]], row[at["relation"]])
        for row in answer.rows
    ]
    titles = []
    for family in sizes:
        first = nodes[min(node for node in nodes if node[0] == family)]
        x, y = _middle(family)
        titles.append((x, y - 0.52, first[0]))
    return (
        Answer(("x", "y", "x2", "y2", "relation"), lines),
        Answer(("x", "y", "left", "name", "format", "packages"), marks),
        Answer(("x", "y", "title"), titles),
    )


def _middle(family: int) -> tuple[float, float]:
    """Families stand in rows, in reading order."""
    return (family - 1) % _ROW * _STEP, -((family - 1) // _ROW) * _STEP


def _place(family: int, place: int, members: int) -> tuple[float, float]:
    """On a circle of its family."""
    turn = 2 * math.pi * (place - 1) / max(members, 1)
    radius = 0.22 + 0.12 * min(members / 12, 1)
    x, y = _middle(family)
    return round(x + radius * math.sin(turn + 0.3), 4), round(y + radius * math.cos(turn + 0.3), 4)


REPORT: Final = Report(
    id="R13",
    name="sharing",
    title="Models that are used again",
    question="How many models are unique, which are shared, converted, retrained or made from published ones?",
    origin="IMC'21, uniqueness and fine-tuning; Huang et al., ICSE-SEIP 2021",
    limitations=(
        "Weights are compared where they could be read: encrypted, vendor-compiled and very large models may be relatives unseen.",
        "All versions of a package in the snapshot are looked at here, and counted as one package.",
    ),
    parts=(
        Part(
            name="shares",
            title="How much is used again",
            ask=_shares,
            columns=(
                Column("measure", "in short"),
                Column("what", "what is counted"),
                Column("part", "how many", "count"),
                Column("whole", "out of so many", "count"),
                Column("share", "part ÷ whole", "share"),
                Column("part_own", "the same without models that come with SDKs", "count"),
                Column("whole_own", "out of so many", "count"),
                Column("share_own", "part_own ÷ whole_own", "share"),
            ),
            counting="copies: models in packages; distinct models: by digest; of the latest snapshot",
            needs=("model",),
            chart=_draw_shares,
        ),
        Part(
            name="copies",
            title="In how many packages a model is",
            ask=f"""WITH stepped AS (SELECT packages, owner, list_aggregate([step FOR step IN {_STEPS} IF step <= packages], 'max') AS step
    FROM distinct_models WHERE latest)
SELECT {_NAMES}[list_position({_STEPS}, step)] AS in_packages, count(*) AS models, {share("count(*)", "sum(count(*)) OVER ()")} AS share,
    sum(packages)::BIGINT AS copies, {share("sum(packages)", "sum(sum(packages)) OVER ()")} AS copies_share,
    count(*) FILTER (owner = 'sdk') AS sdk
FROM stepped GROUP BY step ORDER BY step""",
            columns=(
                Column("in_packages", "number of packages that have the same model"),
                Column("models", "distinct models", "count"),
                Column("share", "models ÷ all distinct models", "share"),
                Column("copies", "models × packages", "count"),
                Column("copies_share", "copies ÷ all copies", "share"),
                Column("sdk", "of the models, those that only come with SDKs", "count"),
            ),
            counting="distinct models (by digest) of the latest snapshot, each package once",
            needs=("model",),
            chart=partial(bars, value="share", by="in_packages", percent=True, title="share of distinct models"),
        ),
        Part(
            name="most-shared",
            title="Models in most packages",
            ask=f"""WITH most AS (SELECT number, packages, format, task, owner, sdk, known FROM distinct_models WHERE latest AND packages > 1
    ORDER BY packages DESC, number LIMIT 50),
named AS (SELECT number, min(digest) AS digest, mode(name ORDER BY name) AS name FROM model SEMI JOIN most USING (number) GROUP BY number)
SELECT name, format, task, owner, sdk, known, packages,
    {share("packages", "SELECT count(DISTINCT edition) FROM models WHERE latest")} AS share, digest
FROM most JOIN named USING (number) ORDER BY packages DESC, digest""",
            columns=(
                Column("name", "file name it goes by most often"),
                Column("format", "format"),
                Column("task", "what it is for"),
                Column("owner", "whose it is: app as soon as one app has it as its own, else sdk, system or unknown"),
                Column("sdk", "component that brings it"),
                Column("known", "published model that it is, or was made from"),
                Column("packages", "packages that have it", "count"),
                Column("share", "packages ÷ packages with a model", "share"),
                Column("digest", "digest of the model"),
            ),
            counting="distinct models of the latest snapshot in at least two packages; the first 50",
            needs=("model",),
        ),
        Part(
            name="origins",
            title="Models made from published ones",
            ask=f"""WITH origin AS (SELECT coalesce(network.likeness, distinct_models.likeness, 'not a known model') AS likeness, distinct_models.packages
    FROM distinct_models LEFT JOIN (SELECT number, likeness FROM network) AS network USING (number) WHERE latest)
SELECT likeness, count(*) AS models, {share("count(*)", "sum(count(*)) OVER ()")} AS share, sum(packages)::BIGINT AS copies
FROM origin GROUP BY likeness
ORDER BY list_position(['same file', 'same weights', 'derived', 'same architecture', 'same trunk', 'not a known model'], likeness)""",
            columns=(
                Column("likeness", "in which way it is a model of the knowledge base, closest first"),
                Column("models", "distinct models", "count"),
                Column("share", "models ÷ all distinct models", "share"),
                Column("copies", "the same, counted once in every package that has them", "count"),
            ),
            counting="distinct models of the latest snapshot; the knowledge base has some 1,300 published models, so that these are "
            "lower bounds",
            needs=("model",),
            chart=partial(bars, value="models", by="likeness", title="distinct models"),
        ),
        Part(
            name="groups",
            title="Groups of related models",
            ask=_groups,
            columns=_GROUP_COLUMNS,
            counting=f"distinct models of the latest snapshot; of each kind the {_GROUPS} groups in most packages",
            needs=("tensor",),
        ),
        Part(
            name="graph",
            title="The graph of shared weights",
            ask=_edges,
            columns=(
                Column("family", "number of the family, by falling number of packages"),
                Column("one", "a model of the family: its number in it"),
                Column("one_name", "its file name"),
                Column("one_format", "its format"),
                Column("one_packages", "packages that have it", "count"),
                Column("other", "a related model of the family"),
                Column("other_name", "its file name"),
                Column("other_format", "its format"),
                Column("other_packages", "packages that have it", "count"),
                Column("relation", "how their weights are related"),
                Column("one_share", "share of the first one's weights that are in the other", "share", "computed"),
                Column("other_share", "share of the other's weights that are in the first", "share", "computed"),
            ),
            counting=f"pairs of related models in the {_DRAWN} families in most packages, at most 24 models of each",
            needs=("tensor",),
            chart=_draw_graph,
            note="Of a weight that very many models have, each is compared with the first and the next only: a family is one "
            "component, not a clique.",
        ),
    ),
)
