"""One model: what it is and costs, where it is, and which other models are like it."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.compare.alike import is_alike
from nngauge.domain.cost import Layer
from nngauge.domain.dossier import ModelDossier
from nngauge.domain.model import Model
from nngauge.domain.network import Network
from nngauge.errors import NngaugeError
from nngauge.page.model_card import ModelCard, model_card
from nngauge.store.blobs import FOLDER, blob_path
from nngauge.web.asked import Asked
from nngauge.web.listing import among
from nngauge.web.networks import networks_of
from nngauge.web.pages.app import stored_result
from nngauge.web.pages.apps import split
from nngauge.web.pages.models import ModelRow, model_rows, number_of
from nngauge.web.patience import Ready
from nngauge.web.tables import KIN
from nngauge.web.view import Desk, Missing, Shown, View
from nngauge.web.workshop import Part

_USES: Final = 50
_RELATIVES: Final = 12
_WEIGHTS: Final = 300_000
"""Sketches that one page compares with those of its model: rare shapes first."""
_LAYERS: Final = 1_000
"""Rows of the table of layers; JSON has all that were kept."""
_ALIKE: Final = 0.5
"""Share of the compared elements from which on another model counts as a relative."""


class Use(Struct, frozen=True, kw_only=True):
    """The model in one app."""

    app: str
    app_name: str
    package_id: str | None
    version_name: str | None
    snapshots: list[str]
    name: str
    """File name there."""
    owner: str | None
    sdk: str | None
    used: str | None
    places: int
    """How often it is in that app."""


class Guard(Struct, frozen=True):
    """How well it is protected, and in how many places."""

    grade: str
    places: int


class Kin(Struct, frozen=True):
    """Other models that are like it in one way."""

    relation: str
    says: str
    count: int
    """All of them, where that is known; else as many as are shown."""
    models: list[ModelRow]
    shares: list[float]
    """Of the compared weights; empty where weights were not compared."""


class Run(Struct, frozen=True, kw_only=True):
    """One measurement of the model: seconds of one inference, joules above the device at rest. None: not known."""

    device_name: str
    engine: str
    engine_version: str
    delegate: str
    threads: int
    batch: int
    cores: str
    load_seconds: float | None
    first_seconds: float | None
    steady_seconds: float | None
    steady_low: float | None
    steady_high: float | None
    p90_seconds: float | None
    peak_bytes: int | None
    joules: float | None
    launches: int
    doubts: str
    started: str
    session: str


class ModelPage(Struct, frozen=True, kw_only=True):
    """The page."""

    title: str
    row: ModelRow
    model: Model | None
    """As the app says in which it was first seen; None when that result is gone."""
    network: Network | None
    by_snapshot: list[tuple[str, int]]
    """Snapshot and apps in it with this model."""
    names: list[tuple[str, int]]
    """Its file names and in how many apps it has them."""
    uses: list[Use]
    more_uses: str
    """Address of the next part of the list; empty: these are the last ones."""
    guards: list[Guard]
    runs: list[Run]
    """The last measurements of it, at most fifty."""
    kin: list[Kin]
    compared: str
    """What near weights rest on, in words; empty where nothing could be compared."""
    graph: str
    """Address of its layers and its picture; empty where the study does not keep it."""


def make(desk: Desk, asked: Asked) -> Shown:
    """The page."""
    row = _require(desk, asked)
    number = number_of(row.digest)
    network = next(iter(networks_of(desk, [row.digest])), None)
    model = _model(desk, number, row.digest)
    near, compared = _near(desk, number) if "weights" in desk.state.prepared.progress.done else (None, "")
    after = asked.number("after", 0, 2**32 - 1, 0)
    uses, more = _uses(desk, number, after)
    page = ModelPage(
        title=row.name or row.digest[:16],
        row=row,
        model=model,
        network=network,
        by_snapshot=[(snapshot, apps) for snapshot, apps in desk.rows(_BY_SNAPSHOT, number)],
        names=[(name, apps) for name, apps in desk.rows(_NAMES, number)],
        uses=uses,
        more_uses=asked.href(after=more) + "#uses" if more else "",
        guards=[Guard(*found) for found in desk.rows("SELECT grade, places FROM model_guard WHERE number = ? ORDER BY 2 DESC", number)],
        runs=[Run(**dict(zip(Run.__struct_fields__, found, strict=True))) for found in desk.rows(_RUNS, number)],
        kin=[*_same(desk, number), *([near] if near else [])],
        compared=compared,
        graph=f"/models/{row.digest}/graph" if model is not None and _parts(desk, model) else "",
    )  # fmt: skip
    return Shown(page, {"card": _card(model, network)})


def _card(model: Model | None, network: Network | None) -> ModelCard | None:
    """What the app page shows of a model; its places are the list of apps here."""
    return (
        None
        if model is None
        else model_card(ModelDossier(model=model, places=(), network=network), "model", most_layers=0, room=0)
    )


_RUNS: Final = (
    f"SELECT {', '.join(Run.__struct_fields__)} FROM (SELECT * FROM measurement WHERE number = ? ORDER BY started DESC LIMIT 50) "
    "ORDER BY device_name, engine, delegate, threads, batch, cores, started"
)
_BY_SNAPSHOT: Final = "SELECT value, count(*) FROM by_snapshot WHERE n IN (SELECT n FROM model_use WHERE number = ?) GROUP BY 1 ORDER BY 1"
_NAMES: Final = (
    "SELECT coalesce(name, ''), count(*) FROM model_use WHERE number = ? GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10"
)


def _require(desk: Desk, asked: Asked) -> ModelRow:
    digest = asked.digest("digest")
    found = model_rows(desk, [number_of(digest)]) if digest else []
    if not found or found[0].digest != digest:
        raise Missing("no such model in this study")
    return found[0]


def _model(desk: Desk, number: int, digest: str) -> Model | None:
    row = desk.row("SELECT app FROM app_entry WHERE n = (SELECT min(n) FROM model_use WHERE number = ?)", number)
    try:
        scan = stored_result(desk, row[0]).scan if row else None
    except Missing:
        return None
    return next((model for model in scan.models if model.digest == digest), None) if scan else None


def _uses(desk: Desk, number: int, after: int) -> tuple[list[Use], int]:
    """A part of the apps with it, by package; the number to go on behind, or 0."""
    found = desk.rows(
        "SELECT n, coalesce(name, ''), owner, sdk, used, places FROM model_use WHERE number = ? AND n > ? ORDER BY n LIMIT ?",
        number, after, _USES + 1,
    )  # fmt: skip
    shown = found[:_USES]
    apps = {
        row[0]: row[1:]
        for row in desk.rows(
            "SELECT n, app, coalesce(nullif(label, ''), nullif(title, ''), package_id, nullif(file, ''), left(app, 12)), package_id, version_name, snapshots FROM app_entry "
            f"WHERE {among('app_entry', 'n', (row[0] for row in shown))}"
        )
    }
    uses = [_use(apps[row[0]], row[1:]) for row in shown if row[0] in apps]
    return uses, int(shown[-1][0]) if len(found) > _USES else 0


def _use(app: tuple[Any, ...], facts: tuple[Any, ...]) -> Use:
    digest, app_name, package_id, version_name, snapshots = app
    name, owner, sdk, used, places = facts
    return Use(
        app=digest, app_name=app_name, package_id=package_id, version_name=version_name, snapshots=split(snapshots), name=name, owner=owner, sdk=sdk,
        used=used, places=places,
    )  # fmt: skip


# --- relatives ------------------------------------------------------------------------------------------------------------

_RELATIONS: Final = (
    ("same graph", "the same operators, types and shapes, written by the same converter"),
    ("same layers", "the same weighted layers in any format or type: the same architecture"),
    ("same trunk", "the same layers but for the last one: another head on the same network"),
)
"""Of the kinds in `tables.KIN`."""


def _same(desk: Desk, number: int) -> list[Kin]:
    """Models with the same digests of structure; each in its closest relation only."""
    columns = ", ".join(f"{name}_key" for name in KIN)
    keys = desk.row(f"SELECT {columns} FROM model_entry WHERE number = ?", number) or ()
    found: list[tuple[str, str, int, list[int]]] = []
    closer = "SELECT NULL::UBIGINT WHERE false"
    for kind, (key, (relation, says)) in enumerate(zip(keys, _RELATIONS, strict=False)):
        if key is None:
            continue
        mine = f"SELECT number FROM model_kin WHERE kind = {kind} AND key = {int(key)}"
        rows = desk.rows(
            f"SELECT number, count(*) OVER () FROM model_kin WHERE kind = {kind} AND key = {int(key)} AND number <> {int(number)} "
            f"AND number NOT IN ({closer}) ORDER BY apps DESC, number LIMIT {_RELATIVES}"
        )
        if rows:
            found.append((relation, says, rows[0][1], [row[0] for row in rows]))
        closer = f"{closer} UNION ALL {mine}"
    models = {number_of(model.digest): model for model in model_rows(desk, [item for kin in found for item in kin[3]])}
    return [
        Kin(relation, says, count, [models[item] for item in numbers], []) for relation, says, count, numbers in found
    ]


def _near(desk: Desk, number: int) -> tuple[Kin | None, str]:
    """Models with weights near its own, by sketches of its largest weights (`nngauge.compare.alike`)."""
    mine = desk.rows(
        "SELECT shape, elements, high, low, known_high, known_low, weights FROM weight_owner JOIN weight_shape USING (shape) "
        "WHERE number = ? ORDER BY weights, elements DESC",
        number,
    )
    chosen: list[tuple[Any, ...]] = []
    rows = 0
    for weight in mine:
        if chosen and rows + weight[6] > _WEIGHTS:
            break
        rows += weight[6]
        chosen.append(weight[:6])
    if not chosen:
        return None, ""
    compared = f"{len(chosen)} of its largest weights were compared with all of their shapes"
    values = ", ".join(
        f"({place}, {shape}, {elements}, {high}, {low}, {kh}, {kl})"
        for place, (shape, elements, high, low, kh, kl) in enumerate(chosen)
    )
    shapes = ", ".join({str(weight[0]) for weight in chosen})
    total = sum(weight[1] for weight in chosen)
    found = desk.rows(
        f"WITH mine(place, shape, elements, high, low, known_high, known_low) AS (SELECT col0, col1::UBIGINT, col2::DOUBLE, "
        f"col3::UBIGINT, col4::UBIGINT, col5::UBIGINT, col6::UBIGINT FROM (VALUES {values})), "
        f"theirs AS (SELECT * FROM weight_print WHERE shape IN ({shapes}) AND number <> {int(number)}) "
        f"SELECT number, sum(elements) / {total} AS share FROM (SELECT DISTINCT theirs.number, place, mine.elements FROM mine "
        f"JOIN theirs ON mine.shape = theirs.shape WHERE {is_alike('mine', 'theirs')}) "
        f"GROUP BY number HAVING share >= {_ALIKE} ORDER BY share DESC, number LIMIT {_RELATIVES}"
    )  # fmt: skip
    if not found:
        return None, compared
    shares = {row[0]: round(row[1], 3) for row in found}
    models = model_rows(desk, list(shares))
    says = "weights that conversion or a little training would leave so near"
    return Kin(
        "near weights", says, len(models), models, [shares[number_of(model.digest)] for model in models]
    ), compared


# --- picture --------------------------------------------------------------------------------------------------------------


def _parts(desk: Desk, model: Model) -> list[Part]:
    """The files of a model where the study keeps them; none when one is missing."""
    root = desk.explorer.folder / FOLDER
    if not root.is_dir():
        return []
    digests = [part.sha256 for part in model.parts]
    if not all(len(digest) == 64 and digest.isalnum() for digest in digests):
        return []
    files = [blob_path(root, digest) for digest in digests]
    if not all(file.is_file() for file in files):
        return []
    names = [part.location.path.rpartition("!")[2].rpartition("/")[2] for part in model.parts]
    return [Part(str(file.resolve()), name) for file, name in zip(files, names, strict=True)]


class Picture(Struct, frozen=True):
    """A drawing."""

    svg: str


class GraphPage(Struct, frozen=True, kw_only=True):
    """The layers of a model, read from the file that the study keeps."""

    title: str
    digest: str
    layers: tuple[Layer, ...]
    layers_left_out: int
    picture: str
    """Address of the network as SVG; empty where it is too large to draw."""
    seconds: float
    """How long it took to read."""


def make_graph(desk: Desk, asked: Asked) -> Shown:
    """The layers and the graph of a model. Raises `Missing` where the study does not keep it."""
    found = _read(desk, asked)
    dossier = found.answer
    digest = dossier.model.digest
    page = GraphPage(
        title=f"Graph of {dossier.model.name}",
        digest=digest,
        layers=dossier.layers,
        layers_left_out=dossier.layers_left_out,
        picture=f"/models/{digest}/graph.svg" if dossier.picture else "",
        seconds=round(found.seconds, 2),
    )
    return Shown(page, {"card": model_card(replace(dossier, picture=""), "model", most_layers=_LAYERS, room=0)})


def draw(desk: Desk, asked: Asked) -> Picture:
    """The graph of a model as SVG. Raises `Missing` where there is none."""
    picture = _read(desk, asked).answer.picture
    if not picture:
        raise Missing("this network is too large to draw, or has no layers")
    return Picture(picture)


def _read(desk: Desk, asked: Asked) -> Ready[ModelDossier]:
    """Read in a process of its own: the file is an app's."""
    row = _require(desk, asked)
    number = number_of(row.digest)
    model = _model(desk, number, row.digest)
    parts = _parts(desk, model) if model is not None else []
    if not parts:
        raise Missing("the study does not keep this model", hint="nngauge study run STUDY --keep-models")
    try:
        return desk.slowly(f"graph {row.digest}", lambda _: desk.explorer.workshop.dossier(parts, row.digest))
    except NngaugeError as error:
        raise Missing(f"this network cannot be read again: {error.what}") from None


VIEW: Final = View(
    path="/models/{digest}",
    name="model",
    title="One model",
    says="facts, cost, layer families, apps and versions that have it, relatives, its graph where models are kept",
    template="web/model.html",
    make=make,
    step="models",
    parameters=(("after", "number that the list of apps goes on behind, as given in more_uses"),),
    section="/models",
)
GRAPH: Final = View(
    path="/models/{digest}/graph",
    name="graph",
    title="The graph of a model",
    says="its layers one by one, and its network, where the study was run with --keep-models",
    template="web/graph.html",
    make=make_graph,
    step="models",
    section="/models",
)
PICTURE: Final = View(
    path="/models/{digest}/graph.svg",
    name="picture",
    title="The picture of a model",
    says="its network as SVG, where the study was run with --keep-models",
    template="",
    make=draw,
    step="models",
    section="/models",
    cached=False,
)
