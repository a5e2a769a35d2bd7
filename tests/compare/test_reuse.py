"""The same model is found in every form it comes in, relatives are told from strangers, and nothing else is put together."""

from __future__ import annotations

import itertools
import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from nngauge.analyse.attribution.sketch import Sketch, alike, distance
from nngauge.analyse.network import network
from nngauge.api import read_model
from nngauge.cli import cli
from nngauge.compare.alike import apart, components, is_alike
from nngauge.compare.reuse import PAIR, reuse
from nngauge.domain.attribution import Attribution, Owner
from nngauge.domain.evidence import Confidence
from nngauge.domain.graph import Graph
from nngauge.domain.location import Location
from nngauge.domain.network import Network, WeightPrint
from nngauge.domain.reuse import Group, Relation, Reuse
from nngauge.domain.study import Item
from nngauge.extract.attempt import Extracted, Piece
from nngauge.formats import deferred_formats
from nngauge.io.source import ByteSource
from nngauge.pipeline import Scanner
from nngauge.runners.tasks import Settings, attempt
from nngauge.store.ledger import Ledger
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import Warehouse
from nngauge.study import Study, look
from tests.builders import facts
from tests.builders.networks import Network as Layers
from tests.builders.networks import as_onnx, as_tensorflow, as_tflite, changed
from tests.builders.networks import network as layers_of

pytest.importorskip("duckdb", reason="the extra `study` is not installed")
MODELS = Path(__file__).parents[2] / "examples" / "models"
FORM = deferred_formats()[0]
NOISE = random.Random(5)


# --- stores -------------------------------------------------------------------------------------------------------------


class Kept:
    """A study with results that no scan made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.count = 0

    def app(self, *networks: Network, owner: Owner = Owner.APP, package: str = "", snapshot: str = "a") -> None:
        self.count += 1
        name = f"app{self.count}"
        self.ledger.add(snapshot, "folder", "/", [Item(locator=f"/{name}", stamp=name)])
        (work,) = self.ledger.lease(1)
        whose = Attribution(owner=owner, confidence=Confidence.CERTAIN, because="made so")
        models = tuple(
            facts.model(
                digest=item.digest, name=f"{item.digest[:8]}.x", format=item.plugin.partition("@")[0], owner=whose
            )
            for item in networks
        )
        scan = facts.scan(name, models=models)
        app = facts.scan().app
        scan = facts.scan(
            name, models=models, app=type(app)(platform=app.platform, container="apk", package_id=package or name)
        )
        self.ledger.finish(work.id, name, "key", StoredResult(scan=scan, networks=networks))

    def reuse(self, **options: object) -> Reuse:
        with Warehouse(self.folder, self.ledger) as tables:
            return reuse(tables, **options)  # type: ignore[arg-type]

    def relations(self) -> dict[tuple[str, str], str | None]:
        with Warehouse(self.folder, self.ledger) as tables:
            reuse(tables)
            rows = tables.ask(
                f"SELECT a.digest, b.digest, relation FROM {PAIR} JOIN reuse_model a ON a.model = one JOIN reuse_model b ON b.model = other"
            ).rows
        return {(min(one, other), max(one, other)): relation for one, other, relation in rows}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def of(name: str, made: tuple[Graph, list[ByteSource]], plugin: str = "onnx@1") -> Network:
    """The facts of a built model."""
    graph, parts = made
    pieces = tuple(Piece(Location(path=f"{name}{at}"), part) for at, part in enumerate(parts))
    return network(facts.model(digest=name, plugin=plugin), Extracted(FORM, graph, pieces))


# --- real files ---------------------------------------------------------------------------------------------------------

ORIGINS = {
    "digits_tflite": "digits",
    "digits_keras": "digits",
    "digits_frozen": "digits",
    "keywords_tflite": "keywords",
}


def origin(path: Path) -> str:
    if path.stem.startswith("shapes"):
        return "_".join(path.stem.split("_")[:2]).removesuffix(".param")
    return ORIGINS.get(path.parent.name, path.name)


def study_of_examples(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Every example model in an app of its own, and where each came from, by digest."""
    apps = tmp_path / "apps"
    apps.mkdir()
    endings = {
        ".tflite",
        ".h5",
        ".keras",
        ".pb",
        ".mlmodel",
        ".pte",
        ".mnn",
        ".onnx",
        ".ort",
        ".pt",
        ".ptl",
        ".pth",
        ".safetensors",
        ".json",
    }
    leads = [
        path
        for path in sorted(MODELS.rglob("*"))
        if path.suffix in endings and not {"mlpackage", "saved"} & set(path.parts)
    ]
    leads = [path for path in leads if "mlpackage" not in str(path) and "savedmodel" not in str(path)]
    origins = {}
    for path in leads:
        with zipfile.ZipFile(apps / f"{path.name}.apk", "w") as archive:
            archive.write(path, f"assets/{path.name}")
            for other in path.parent.glob("*.bin"):
                if other != path and path.suffix == ".json":
                    archive.write(other, f"assets/{other.name}")
        origins[read_model(path).digest] = origin(path)
    with Study.create(tmp_path / "study") as study:
        study.add(str(apps), "2026-11")
        settings, scanner = Settings(networks=True), Scanner()
        assert all(
            not outcome.again
            for outcome in study.run(
                engine=lambda tasks: ((task, attempt(scanner, task, settings)) for task in tasks), settings=settings
            )
        )
    return tmp_path / "study", origins


def test_real_conversions_are_one_model_and_other_models_are_not(tmp_path: Path) -> None:
    study, origins = study_of_examples(tmp_path)
    with look(study) as ledger, Warehouse(study, ledger) as tables:
        found = reuse(tables)
    groups = [{origins[member.digest] for member in group.members} for group in found.same]
    assert all(len(group) == 1 for group in groups), "precision: nobody else's"
    sizes = {group.pop(): item.models for group, item in zip(groups, found.same, strict=True)}
    expected = {
        name: sum(other == name for other in origins.values())
        for name in ("digits", "keywords", "shapes_classifier", "shapes_segmenter")
    }
    assert sizes == expected, "recall: all of them"
    digits = next(group for group in found.same if group.models == sizes["digits"] and "tflite" in group.formats)
    assert {"keras_h5", "keras_v3", "tf_graph", "tflite"} <= set(digits.formats)
    assert found.families == ()

    shown = CliRunner(env={"COLUMNS": "160"}).invoke(cli, ["study", "reuse", str(study)])
    assert shown.exit_code == 0, shown.output
    assert "the same model in several forms" in shown.output
    assert "distinct models that are another one in another form" in shown.output


# --- built models -------------------------------------------------------------------------------------------------------


def converted(layers: Layers) -> list[tuple[str, tuple[Graph, list[ByteSource]]]]:
    folded = changed(layers, lambda weight, at, out: weight * (0.5 + (at + out) % 7 / 5) * (-1) ** out)
    return [
        ("onnx", as_onnx(layers)),
        ("tflite", as_tflite(layers)),
        ("tf", as_tensorflow(layers)),
        ("folded", as_onnx(folded)),
    ]


def test_precision_and_recall_over_transformed_copies(kept: Kept) -> None:
    """Twelve networks of the same layers, each in four forms: every copy is found, no two networks are put together."""
    for seed in range(12):
        for form, made in converted(layers_of(seed)):
            kept.app(of(f"{seed:02d}-{form}", made, f"{form}@1"))
    found = kept.reuse()
    groups = [{member.digest[:2] for member in group.members} for group in found.same]
    assert len(groups) == 12
    assert all(len(group) == 1 for group in groups)
    assert [group.models for group in found.same] == [4] * 12
    assert found.families == ()
    (graph,) = found.architectures
    assert graph.models == 48
    shares = {share.what: share for share in found.shares}
    assert shares["distinct models that are another one in another form"].part == 48


@pytest.mark.parametrize(
    ("change", "relation"),
    [
        (lambda old, new: old[:-1] + new[-1:], Relation.TUNED),
        (lambda old, new: old[:-3] + new[-3:], Relation.TUNED),
        (lambda old, new: old[:4] + new[4:], None),
        (lambda old, new: old[:9] + new[9:], Relation.TUNED),
        (lambda old, new: old[:7] + new[7:], Relation.PARTLY),
        (lambda old, new: list(new), None),
        (lambda old, new: list(old), Relation.SAME),
        (lambda old, new: changed(old, lambda weight, at, out: weight + NOISE.gauss(0, 0.015)), Relation.TRAINED),
    ],
)
def test_how_two_networks_are_related(
    kept: Kept, change: Callable[[Layers, Layers], Layers], relation: Relation | None
) -> None:
    old, new = layers_of(1), layers_of(2)
    kept.app(of("a", as_onnx(old)))
    kept.app(of("b", as_onnx(change(old, new))))
    assert kept.relations().get(("a", "b")) == relation


def test_a_family_is_several_models_with_weights_in_common(kept: Kept) -> None:
    old = layers_of(1)
    kept.app(of("a", as_onnx(old)), package="x")
    kept.app(of("a", as_onnx(old)), package="y")
    for seed in (2, 3):
        kept.app(of(f"tuned{seed}", as_onnx([*old[:-1], *layers_of(seed)[-1:]])))
    kept.app(of("copy", as_tflite(old), "tflite@1"))
    kept.app(of("stranger", as_onnx(layers_of(9))))
    found = kept.reuse()
    (family,) = found.families
    assert (family.models, family.apps, family.formats) == (4, 5, ("onnx", "tflite"))
    assert family.members[0].digest == "a"
    assert Relation.TUNED in family.relations
    (same,) = found.same
    assert {member.digest for member in same.members} >= {"a", "copy"}


def test_models_of_sdks_are_told_apart(kept: Kept) -> None:
    sdk, own = of("sdk", as_onnx(layers_of(1))), of("own", as_onnx(layers_of(2)))
    for _ in range(3):
        kept.app(sdk, owner=Owner.SDK)
    kept.app(own)
    share = kept.reuse().shares[0]
    assert (share.part, share.whole, share.part_own, share.whole_own) == (3, 4, 0, 1)


def test_versions_of_one_app_are_one_user_of_a_model(kept: Kept) -> None:
    model = of("m", as_onnx(layers_of(1)))
    for snapshot in ("2026-10", "2026-11"):
        kept.app(model, package="org.example", snapshot=snapshot)
    assert kept.reuse().shares[0].part == 0
    kept.app(model, package="org.other", snapshot="2026-11")
    assert kept.reuse().shares[0].part == 2
    assert kept.reuse(snapshot="2026-10").shares[0].whole == 1


def test_a_weight_that_very_many_models_have_does_not_hide_the_rest(kept: Kept) -> None:
    """More copies than are all compared with each other: one stands for the others."""
    old = layers_of(1)
    for seed in range(2, 22):
        kept.app(of(f"{seed:02d}", as_onnx([*old[:-1], *layers_of(seed)[-1:]])))
    (family,) = kept.reuse().families
    assert family.models == 20


def test_a_study_without_models_has_no_reuse(kept: Kept, tmp_path: Path) -> None:
    kept.app()
    found = kept.reuse()
    assert (found.same, found.families, found.architectures, found.unread) == ((), (), (), 0)
    shown = CliRunner(env={"COLUMNS": "160"}).invoke(cli, ["study", "reuse", str(tmp_path)])
    assert shown.exit_code == 0, shown.output
    assert "no models" in shown.output


def test_absurd_numbers_of_elements_are_only_numbers(kept: Kept) -> None:
    weights = tuple(
        WeightPrint(order=at, elements=2**63 - 1, dtype="float32", bytes=4, layer=True, exact=f"{at:032x}")
        for at in range(4)
    )
    for name in "ab":
        kept.app(Network(digest=name, plugin="onnx@1", parameters=2**63 - 1, tensors=weights))
    assert kept.relations() == {("a", "b"): Relation.SAME}


def test_models_whose_weights_cannot_be_compared_are_counted(kept: Kept) -> None:
    kept.app(Network(digest="x", plugin="onnx@1", reason="not analysed within 10 s"))
    assert kept.reuse().unread == 1


# --- sketches in SQL ----------------------------------------------------------------------------------------------------


def test_sql_judges_sketches_as_python_does(kept: Kept) -> None:
    noise = random.Random(3)
    full = 2**128 - 1
    shape = (8, 8, 1)
    made: list[Sketch] = []
    for flips, unknown in itertools.product((0, 3, 12, 23, 24, 25, 40, 64), (0, 1, 30, 72, 73)):
        known = full & ~sum(1 << place for place in noise.sample(range(128), unknown))
        bits = noise.getrandbits(128)
        other = bits ^ sum(1 << place for place in noise.sample(range(128), flips))
        made += [Sketch(shape, bits & known, known), Sketch(shape, other & known, known)]
    with Warehouse(kept.folder, kept.ledger) as tables:
        for one, other in itertools.pairwise(made):
            text = ", ".join(f"({_row(item)}) AS {name}" for name, item in (("a", one), ("b", other)))
            ((sql_alike, sql_apart, known_bits),) = tables.ask(
                f"SELECT {is_alike('a', 'b')}, {apart('a', 'b')}, bit_count(a.known_high & b.known_high)::INTEGER + "
                f"bit_count(a.known_low & b.known_low)::INTEGER FROM (SELECT {text})"
            ).rows
            assert sql_alike == (alike(one, other) is not None)
            if known_bits >= 56:
                assert sql_apart == pytest.approx(distance(one, other))


def _row(item: Sketch) -> str:
    (high, low), (known_high, known_low) = divmod(item.bits, 2**64), divmod(item.known, 2**64)
    parts = {"high": high, "low": low, "known_high": known_high, "known_low": known_low}
    return "{" + ", ".join(f"'{name}': {value}::UBIGINT" for name, value in parts.items()) + "}"


@pytest.mark.parametrize("seed", range(3))
def test_components(kept: Kept, seed: int) -> None:
    noise = random.Random(seed)
    nodes = list(range(1, 400))
    noise.shuffle(nodes)
    chains: Sequence[list[int]] = [nodes[:200], nodes[200:203], nodes[203:300]]
    pairs = [pair for chain in chains for pair in itertools.pairwise(chain)]
    with Warehouse(kept.folder, kept.ledger) as tables:
        values = ", ".join(f"({one}, {other})" for one, other in pairs)
        tables.keep("made", f"SELECT * FROM (VALUES {values}) AS given (one, other)")
        components(tables, "made", "labels")
        found = dict(tables.ask("SELECT node, label FROM labels").rows)
    assert found == {node: min(chain) for chain in chains for node in chain}


def test_groups_hold_relations_of_their_own_members() -> None:
    assert Group(apps=1, members=(), models=2, formats=()).relations == ()
