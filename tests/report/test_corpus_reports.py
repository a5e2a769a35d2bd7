"""Reports about models, technologies and packages, on a study made by hand of which every number is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nngauge.detect.ruleset import load_rules
from nngauge.domain.acceleration import Acceleration, Hardware, Outcome
from nngauge.domain.app import Platform
from nngauge.domain.attribution import Attribution, Owner
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.model import Candidate, Suspicion
from nngauge.domain.network import FamilyShare, LanguageFacts, WeightPrint
from nngauge.domain.outcome import Failure, Stage
from nngauge.domain.protection import Audit, Grade
from nngauge.domain.scan import Scan, Verdict
from nngauge.domain.study import Item
from nngauge.domain.task import CoreVerdict, Modality, Role, TaskVerdict
from nngauge.report import REPORTS, costs, drawing, generative
from nngauge.report._api import MadePart, Part, Refusal
from nngauge.report.corpus import Corpus
from nngauge.report.making import make_part
from nngauge.sources.listings import Listings
from nngauge.store.ledger import Ledger
from nngauge.store.market import read_listings
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import Answer, Warehouse
from nngauge.study import Study
from tests.builders import facts

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

HOSTILE = '"><img src=x onerror=alert(1)>=cmd()\x1b[31m\u202e\uffff\x00.tflite'
"""A file name of the model that most packages have."""
FACES, SMALL_FACES, SHARED, SPEECH, STORY = (f"{at}{at}" * 32 for at in "12345")
"""A face detector of com.a in floats, the same in 8 bits, one that an SDK brings, a float model, a language model."""
MARKET = """package,category
com.a,PHOTOGRAPHY
com.b,PHOTOGRAPHY
com.c,TOOLS
com.d,TOOLS
"""


def task(name: str, modality: Modality, probability: float = 0.9) -> TaskVerdict:
    return TaskVerdict(task=name, modality=modality, probability=probability)


def owned(owner: Owner) -> Attribution:
    sdk = "mlkit-face-detection" if owner is Owner.SDK else None
    return Attribution(owner=owner, sdk=sdk, confidence=Confidence.CERTAIN, because="made so")


def faces(digest: str = FACES, size: int = 4_000_000) -> Any:
    kinds = {FACES: "float32", SMALL_FACES: "int8"}
    return facts.model(
        digest=digest, path="a.apk!assets/faces.tflite", size=size, task=task("face-detection", Modality.IMAGE), owner=owned(Owner.APP),
        parameters=1_000_000, weights={kinds[digest]: 1_000_000},
    )  # fmt: skip


def shared(path: str = "b.apk!assets/") -> Any:
    made = facts.model(
        digest=SHARED,
        path=f"{path}shared.tflite",
        size=2_000_000,
        owner=owned(Owner.SDK),
        task=task("face-detection", Modality.IMAGE, 0.7),
    )
    return replace(made, name=HOSTILE)


def speech(path: str = "b.apk!res/raw/speech.onnx") -> Any:
    return facts.model(
        digest=SPEECH, path=path, size=800_000, format="onnx", title="ONNX", owner=owned(Owner.APP), task=task("speech-recognition", Modality.AUDIO),
    )  # fmt: skip


def story() -> Any:
    return facts.model(
        digest=STORY, path="f.aab!pack/assets/story.gguf", size=9_000_000, format="gguf", title="GGUF", owner=owned(Owner.APP),
        task=task("language-model", Modality.TEXT), nodes=None, ops={},
    )  # fmt: skip


def found(
    technology: str, category: Category = Category.RUNTIME, presence: Presence = Presence.LIBRARY, size: int = 3_000_000
) -> Any:
    return facts.detection(
        technology=technology, title=f"The {technology}", category=category, presence=presence,
        library_bytes=size if presence is Presence.LIBRARY else None, version=None,
        evidence=(facts.proof(path=f"a.apk!lib/arm64-v8a/lib{technology}.so"),),
    )  # fmt: skip


def request(accelerator: str, outcome: Outcome, hardware: Hardware = Hardware.GPU, size: int = 0) -> Acceleration:
    return Acceleration(
        accelerator=accelerator,
        title=f"The {accelerator}",
        engine="tflite",
        hardware=hardware,
        abi="arm64-v8a",
        outcome=outcome,
        size=size,
    )


def app(package: str, *detections: Any, models: tuple[Any, ...] = (), core: Role | None = None, **changes: Any) -> Scan:
    kinds = {item.category for item in detections}
    verdict = Verdict(
        runtime_present=Category.RUNTIME in kinds,
        model_present=bool(models),
        model_elsewhere=Category.SYSTEM in kinds,
        because=(),
    )
    about = {"package_id": package, "version_code": changes.pop("code", "1"), "platform": changes.pop("platform", Platform.ANDROID),
             "container": changes.pop("container", "apk"), "label": changes.pop("label", package)}  # fmt: skip
    made = facts.scan(
        **{
            "detections": detections, "models": models, "candidates": (), "failures": (), "verdict": verdict,
            "core": CoreVerdict(role=core, probability=0.8) if core else None, **changes,
        }
    )  # fmt: skip
    return replace(made, app=replace(made.app, **about))


TFLITE, CLOUD = found("tflite"), found("openai", Category.CLOUD, Presence.ENDPOINT)
OPAQUE = tuple(
    Candidate(
        location=facts.place(f"b.apk!assets/{at}.bin"), size=100, suspicion=Suspicion.OPAQUE, formats=(),
        reason=f"named like a model, of no known structure: {at}.034 bits per byte, chi-square 9{at}",
    )
    for at in (6, 7)
)  # fmt: skip
CUT = Failure(
    stage=Stage.PARSE, location=facts.place("b.apk!assets/x"), error="TruncatedError", reason="cut short after 12 bytes"
)
BEFORE = (
    app("com.a", TFLITE, models=(faces(),), core=Role.CORE),
    app("com.d"),
)
LATEST = (
    app("com.a", TFLITE, CLOUD, models=(faces(SMALL_FACES, 1_000_000),), core=Role.CORE, code="2",
        accelerations=(request("tflite-gpu-delegate", Outcome.WORKS), request("nnapi", Outcome.UNASKED, Hardware.ANY, 500))),
    app("com.b", TFLITE, found("onnxruntime", size=5_000_000), models=(shared(), speech()), core=Role.EXTRA, candidates=OPAQUE, failures=(CUT,)),
    app("com.B", found("coreml", Category.SYSTEM, Presence.FRAMEWORK), models=(shared("b.ipa!Payload/B.app/"),), platform=Platform.IOS,
        container="ipa"),
    app("com.c", CLOUD),
    app("com.d"),
    app("com.e", found("llama-cpp"), accelerations=(request("nnapi", Outcome.SYSTEM, Hardware.ANY),)),
    app("com.f", found("aicore", Category.SYSTEM, Presence.DEFINED), models=(story(),), container="aab"),
    app("com.h", found("mlkit-face-detection-thin", Category.SYSTEM, Presence.DECLARED)),
)  # fmt: skip
"""Seven Android packages and an iOS one; com.b and com.B are a pair. A ninth one has no result."""
SCHEME = {"scheme": "float", "precision": "float32"}


def weights(*marks: str) -> tuple[WeightPrint, ...]:
    return tuple(
        WeightPrint(order=at, elements=1000, dtype="float32", bytes=4000, layer=True, exact=mark * 32)
        for at, mark in enumerate(marks)
    )


def network(digest: str, **changes: Any) -> Any:
    plain: dict[str, Any] = {
        "language": None,
        "known": None,
        "likeness": None,
        "families": (),
        "tensors": (),
        "structure": "",
        "layers": "",
        "trunk": "",
    }
    return facts.network(digest=digest, **(plain | changes))


NETWORKS = {
    "before": (network(FACES, macs=50_000_000, parameters=1_000_000, weight_bytes=4_000_000, peak_bytes=1_000_000, **SCHEME, tensors=weights("a", "b")),),
    "latest": (
        network(SMALL_FACES, macs=50_000_000, parameters=1_000_000, weight_bytes=1_000_000, peak_bytes=2_000_000, scheme="full-integer",
                precision="full-integer int8", sparsity=0.0, near_zero=0.0, tensors=weights("c", "d"),
                families=(FamilyShare(family="convolution", layers=3, macs=49_000_000, parameters=9), FamilyShare(family="activation", layers=1, macs=0, parameters=0))),
        network(SHARED, macs="4096*N", parameters=500_000, weight_bytes=2_000_000, peak_bytes=None, **SCHEME, sparsity=0.75, near_zero=0.8,
                clustered=2, tensors=weights("c", "e"), families=(FamilyShare(family="convolution", layers=1, macs=None, parameters=5),)),
        network(SPEECH, macs=300_000_000, parameters=200_000, weight_bytes=800_000, peak_bytes=5_000_000, **SCHEME, sparsity=0.1, near_zero=0.1,
                families=(FamilyShare(family="dense", layers=4, macs=300_000_000, parameters=200_000),)),
        network(STORY, macs=None, parameters=20_000_000, weight_bytes=9_000_000, peak_bytes=None, scheme="block-wise", precision="block-wise q4_0",
                sparsity=None, near_zero=None, clustered=None,
                language=LanguageFacts(role="decoder", family="Llama", architecture="llama", context=2048, bits_per_weight=4.5, cache_bytes=1024)),
    ),
}  # fmt: skip


def audit(scan: Scan) -> Audit | None:
    """com.a's model can be opened; com.b has an encrypted one beside its two, and noise."""
    known = facts.audit().models[0]

    def graded(grade: Grade, digest: str) -> Any:
        return replace(known, digest=digest, protection=replace(known.protection, grades=(grade,)))

    if scan.app.package_id == "com.a" and scan.app.version_code == "2":
        return facts.audit(models=(graded(Grade.PLAIN, SMALL_FACES),), unknown=())
    if scan.app.package_id == "com.b":
        models = (graded(Grade.PLAIN, SHARED), graded(Grade.STRIPPED, SPEECH))
        return facts.audit(models=models, unknown=(graded(Grade.ENCRYPTED, ""), graded(Grade.UNIFORM, "")))
    return None


def fill(folder: Path, ledger: Ledger) -> None:
    for name, snapshot, scans in (("before", "2026-08", BEFORE), ("latest", "2026-11", LATEST)):
        ledger.add(snapshot, "folder", "/", [Item(locator=f"/{at}") for at in range(len(scans))])
        networks = NETWORKS[name]
        for work, scan in zip(ledger.lease(100), scans, strict=True):
            identity = f"{snapshot} {scan.app.platform} {scan.app.package_id}"
            ledger.finish(work.id, identity, "key", StoredResult(scan=scan, networks=networks, audit=audit(scan)))
            networks = ()
    ledger.add("2026-11", "folder", "/", [Item(locator="/broken")])
    (work,) = ledger.lease(1)
    ledger.finish(work.id, "broken", "key", StoredResult(failure=CUT))
    table = folder / "market.csv"
    table.write_text(MARKET)
    read_listings(folder, ledger, Listings(str(table), snapshot="2026-11"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("study")
    with Ledger(folder / "ledger.sqlite") as ledger:
        fill(folder, ledger)
        with Warehouse(folder, ledger) as warehouse:
            yield Corpus(warehouse)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("empty")
    with Ledger(folder / "ledger.sqlite") as ledger, Warehouse(folder, ledger) as warehouse:
        yield Corpus(warehouse)


PARTS = [(report, part) for report in REPORTS for part in report.parts]


def made(corpus: Corpus, report: str, part: str) -> MadePart:
    return make_part(next(p for r, p in PARTS if (r.name, p.name) == (report, part)), corpus)


def rows(corpus: Corpus, report: str, part: str) -> list[dict[str, Any]]:
    result = made(corpus, report, part).result
    assert isinstance(result, Answer), result
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


def by(corpus: Corpus, report: str, part: str, *keys: str) -> dict[Any, dict[str, Any]]:
    found = rows(corpus, report, part)
    return {tuple(row[key] for key in keys) if len(keys) > 1 else row[keys[0]]: row for row in found}


# --- all of them --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("report", "part"), PARTS, ids=[f"{report.name}-{part.name}" for report, part in PARTS])
def test_a_part_has_the_columns_it_explains_or_says_why_it_has_none(corpus: Corpus, report: Any, part: Part) -> None:
    result = make_part(part, corpus).result
    if isinstance(result, Refusal):
        assert result.kind == "no data"
        assert result.reason
    else:
        assert result.columns == tuple(column.name for column in part.columns)
        assert all(column.meaning for column in part.columns)
        shares = [at for at, column in enumerate(part.columns) if column.unit == "share"]
        assert all(row[at] is None or 0 <= row[at] <= 1 for row in result.rows for at in shares)
    assert part.counting


@pytest.mark.parametrize(("report", "part"), PARTS, ids=[f"{report.name}-{part.name}" for report, part in PARTS])
def test_its_sql_gives_the_same_answer_to_anyone(corpus: Corpus, report: Any, part: Part) -> None:
    answer = make_part(part, corpus)
    if answer.sql and isinstance(answer.result, Answer):
        assert len(corpus.facts.ask(answer.sql).rows) == len(answer.result.rows)


@pytest.mark.parametrize(("report", "part"), PARTS, ids=[f"{report.name}-{part.name}" for report, part in PARTS])
def test_nothing_is_said_of_an_empty_study(empty: Corpus, report: Any, part: Part) -> None:
    result = make_part(part, empty).result
    assert isinstance(result, Refusal)
    assert result.kind == "no data"


@pytest.mark.parametrize(
    ("report", "part"),
    [pair for pair in PARTS if pair[1].chart],
    ids=[f"{r.name}-{p.name}" for r, p in PARTS if p.chart],
)
def test_figures_can_be_drawn(corpus: Corpus, report: Any, part: Part) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    result = make_part(part, corpus).result
    if isinstance(result, Answer):
        assert part.chart is not None
        drawn = drawing.svg(drawing.specification(part.chart(result, corpus)))
        assert drawn.startswith("<svg")
        assert "<img" not in drawn


def test_a_study_without_the_store_s_tables_says_how_to_get_them(tmp_path: Path) -> None:
    with Study.create(tmp_path / "s") as study:
        study.ledger.add("a", "folder", "/", [Item(locator="/a")])
        (work,) = study.ledger.lease(1)
        study.ledger.finish(work.id, "a", "key", StoredResult(scan=LATEST[0]))
        with Warehouse(study.folder, study.ledger) as warehouse:
            result = made(Corpus(warehouse), "tasks", "by-category").result
    assert isinstance(result, Refusal)
    assert "nngauge study metadata" in result.hint


# --- R6, R8, R9 ---------------------------------------------------------------------------------------------------------


def test_tasks(corpus: Corpus) -> None:
    found = by(corpus, "tasks", "tasks", "task")
    one = found["face-detection"]
    assert (one["models"], one["copies"], one["packages"], one["core"], one["modality"]) == (2, 3, 3, 1, "image")
    assert one["share"] == 3 / 4  # com.a, com.b and com.B of these and com.f
    assert one["probability"] == pytest.approx((0.9 + 0.7 + 0.7) / 3)
    assert set(found) == {"face-detection", "speech-recognition", "language-model"}


def test_tasks_by_category(corpus: Corpus) -> None:
    found = by(corpus, "tasks", "by-category", "category", "task")
    assert {key: (row["packages"], row["with_models"], row["share"]) for key, row in found.items()} == {
        ("PHOTOGRAPHY", "face-detection"): (2, 2, 1.0),
        ("PHOTOGRAPHY", "speech-recognition"): (1, 2, 0.5),
    }


def test_core_features(corpus: Corpus) -> None:
    found = by(corpus, "tasks", "core-feature", "role")
    assert {role: (row["packages"], row["share"]) for role, row in found.items()} == {
        "core feature": (1, 0.5),
        "extra": (1, 0.5),
    }
    assert (
        by(corpus, "tasks", "core-feature-by-category", "category", "role")["PHOTOGRAPHY", "extra"]["with_verdict"] == 2
    )


def test_the_funnel(corpus: Corpus) -> None:
    found = {row["stage"]: (row["unit"], row["number"]) for row in rows(corpus, "funnel", "funnel")}
    assert found == {
        "listed": ("packages", 9),
        "with a result": ("packages", 8),
        "different ones": ("packages", 8),
        "read without a failure": ("packages", 7),
        "might be a model": ("files", 7),
        "validated as a model": ("files", 5),
        "distinct": ("models", 4),
        "operations read": ("models", 3),
        "weights in the file": ("models", 3),
        "analysed": ("models", 3),
        "MACs are a number": ("models", 2),
        "memory plan known": ("models", 2),
    }
    assert by(corpus, "funnel", "funnel", "stage")["with a result"]["share"] == 8 / 9


def test_equal_reasons_are_counted_together(corpus: Corpus) -> None:
    (one,) = rows(corpus, "funnel", "refused")
    assert (one["reason"], one["files"], one["packages"], one["size"]) == (
        "named like a model, of no known structure",
        2,
        1,
        200,
    )
    (one,) = rows(corpus, "funnel", "failures")
    assert (one["reason"], one["failures"], one["packages"]) == ("cut short after … bytes", 2, 2)


def test_formats(corpus: Corpus) -> None:
    found = by(corpus, "formats", "formats", "format")
    one = found["tflite"]
    assert (one["models"], one["copies"], one["packages"], one["bytes"]) == (2, 3, 3, 3_000_000)
    assert (one["smallest"], one["median"], one["largest"], one["share"]) == (1_000_000, 1_500_000, 2_000_000, 0.5)
    assert found["gguf"]["models"] == found["onnx"]["models"] == 1
    sizes = [row["size"] for row in rows(corpus, "formats", "sizes") if row["format"] == "all"]
    assert (sizes[0], sizes[50], sizes[100], len(sizes)) == (800_000, 1_000_000, 9_000_000, 101)
    assert by(corpus, "formats", "over-time", "snapshot", "format")["2026-08", "tflite"]["share"] == 1.0


# --- R10, R11, R12 ------------------------------------------------------------------------------------------------------


def test_layers(corpus: Corpus) -> None:
    found = by(corpus, "layers", "families", "modality", "family")
    one = found["image", "convolution"]
    assert (one["models"], one["read_models"], one["layers"], one["layers_share"]) == (2, 2, 4, 0.8)
    assert (one["macs"], one["macs_share"]) == (49_000_000, 1.0)
    assert found["audio", "dense"]["layers_share"] == 1.0
    assert (
        by(corpus, "layers", "per-model", "modality", "family")["image", "convolution"]["mean_share"] == (3 / 4 + 1) / 2
    )


def test_costs_beside_known_networks(corpus: Corpus) -> None:
    found = by(corpus, "costs", "beside-known-networks", "network")
    one = found["MobileNetV3 small"]  # 56.5 M: above the face detector, below the speech model
    assert (one["fewer_macs"], one["with_macs"], one["macs_share"]) == (1, 2, 0.5)
    assert one["parameters_share"] == 3 / 4
    assert found["ResNet-50"]["peak_share"] == 1.0
    assert sum(row["models"] for row in rows(corpus, "costs", "macs-and-memory")) == 2
    faces_row = by(corpus, "costs", "by-task", "task")["face-detection"]
    assert (faces_row["models"], faces_row["with_macs"], faces_row["macs_50"]) == (2, 1, 50_000_000)


def test_known_networks_cost_what_our_own_analysis_says() -> None:
    from nngauge.analyse.cost import model_cost
    from nngauge.analyse.memory import peak_memory
    from tests.analyse.architectures.classic import resnet
    from tests.analyse.architectures.detection import yolo_v3_tiny
    from tests.analyse.architectures.mobile import V3_SMALL, mobilenet_v1, mobilenet_v2, mobilenet_v3, squeezenet

    built = {
        "MobileNetV1 0.25": mobilenet_v1(width=0.25, classes=1000),
        "MobileNetV1": mobilenet_v1(classes=1000),
        "MobileNetV2": mobilenet_v2(),
        "MobileNetV3 small": mobilenet_v3(V3_SMALL, 576, 1024),
        "SqueezeNet 1.0": squeezenet("1.0"),
        "SqueezeNet 1.1": squeezenet("1.1"),
        "ResNet-18": resnet((2, 2, 2, 2), bottleneck=False),
        "ResNet-50": resnet((3, 4, 6, 3), bottleneck=True),
        "YOLOv3-tiny": yolo_v3_tiny(),
    }
    assert built.keys() == {item.name for item in costs.KNOWN}
    for item in costs.KNOWN:
        cost, peak = model_cost(built[item.name]), peak_memory(built[item.name])
        assert peak is not None
        assert (item.macs, item.parameters, item.peak_bytes) == (cost.macs, cost.parameters, peak.bytes), item.name


def test_optimisations(corpus: Corpus) -> None:
    found = {row["mark"]: (row["models"], row["whole"]) for row in rows(corpus, "optimisation", "marks")}
    assert found["integer weights"] == (2, 4)
    assert found["integer weights and activations"] == (1, 4)
    assert found["4 bits or fewer"] == (1, 4)
    assert found["plain 32-bit floats"] == (2, 4)
    assert found["pruned: half or more are zeros"] == (1, 4)
    assert found["clustered: at most 256 values"] == (1, 4)
    assert found["palettised"] == (0, 4)
    zeros = {row["zeros_from"]: (row["models"], row["nearly"]) for row in rows(corpus, "optimisation", "zeros")}
    assert zeros == {0.0: (1, 0), 0.1: (1, 0), 0.7: (1, 1)}


@pytest.mark.parametrize(
    ("precision", "low"),
    [("block-wise q4_0", 1), ("weight-only int4", 1), ("palettised uint2", 1), ("block-wise q8_0", 0), ("full-integer int16", 0), ("float32", 0), ("block-wise iq3_s", 1)],
)  # fmt: skip
def test_low_bits_are_told_by_the_words_of_the_field(corpus: Corpus, precision: str, low: int) -> None:
    from nngauge.report.optimisation import _MARKS

    condition = dict(_MARKS)["4 bits or fewer"]
    (row,) = corpus.facts.ask(f"SELECT ({condition})::INT FROM (SELECT '{precision}' AS precision)").rows
    assert row == (low,)


# --- R13, R14 -----------------------------------------------------------------------------------------------------------


def test_models_that_are_used_again(corpus: Corpus) -> None:
    found = by(corpus, "sharing", "shares", "what")
    assert (
        found["distinct models that differ from another one in at most 3 layers"]["measure"]
        == "at most 3 layers differ"
    )
    assert found["copies of models that another package has, too"]["measure"] == "copies, in another package, too"
    one = found["distinct models in more than one package"]
    # com.b and com.B are two packages; without the SDK's model there is none that two have
    assert (one["part"], one["whole"], one["part_own"], one["whole_own"]) == (1, 4, 0, 3)
    assert found["distinct models with at least 20% of their weights in another one"]["part"] == 2
    copies = {
        row["in_packages"]: (row["models"], row["copies"], row["sdk"]) for row in rows(corpus, "sharing", "copies")
    }
    assert copies == {"1": (3, 3, 0), "2": (1, 2, 1)}


def test_the_most_shared_model_keeps_its_hostile_name(corpus: Corpus) -> None:
    (one,) = rows(corpus, "sharing", "most-shared")
    assert (one["digest"], one["packages"], one["name"], one["sdk"]) == (SHARED, 2, HOSTILE, "mlkit-face-detection")


def test_the_graph_of_shared_weights(corpus: Corpus) -> None:
    (edge,) = rows(corpus, "sharing", "graph")
    assert {edge["one_name"], edge["other_name"]} == {HOSTILE, "faces.tflite"}
    assert (edge["relation"], edge["one_share"], edge["other_share"]) == ("some layers differ", 0.5, 0.5)  # one of two
    kinds = {row["kind"]: row["models"] for row in rows(corpus, "sharing", "groups")}
    assert kinds == {"family": 2}


def test_protection(corpus: Corpus) -> None:
    found = by(corpus, "protection", "grades", "grade")
    assert {grade: (row["files"], row["whole"], row["packages"]) for grade, row in found.items()} == {
        "plain": (2, 4, 2), "names stripped": (1, 4, 1), "encrypted": (1, 4, 1),
    }  # fmt: skip
    packages = {row["protection"]: row["packages"] for row in rows(corpus, "protection", "packages")}
    assert packages == {"anyone can open all": 1, "some encrypted, some open": 1}


# --- R17, R19, R20, R21, R22 --------------------------------------------------------------------------------------------


def test_accelerators(corpus: Corpus) -> None:
    found = by(corpus, "accelerators", "outcomes", "accelerator", "outcome")
    assert {key: (row["packages"], row["accelerator_packages"], row["with_runtime"]) for key, row in found.items()} == {
        ("nnapi", "provided by the system"): (1, 2, 3),
        ("nnapi", "shipped but not asked for"): (1, 2, 3),
        ("tflite-gpu-delegate", "works as shipped"): (1, 1, 3),
    }
    assert by(corpus, "accelerators", "hardware", "hardware")["any"]["works"] == 1


def test_on_the_device_and_in_the_cloud(corpus: Corpus) -> None:
    found = by(corpus, "hybrid", "places", "snapshot", "place")
    assert {place: row["packages"] for (snapshot, place), row in found.items() if snapshot == "2026-11"} == {
        "on the device": 4,  # com.b, com.B, com.e, com.f
        "hybrid": 1,
        "cloud only": 1,
        "system only": 1,
        "no AI found": 1,
    }
    assert found["2026-11", "hybrid"]["share"] == 1 / 8
    assert found["2026-11", "hybrid"]["share_of_ai"] == 1 / 7
    (service,) = rows(corpus, "hybrid", "services")
    assert (service["technology"], service["packages"], service["with_device"], service["endpoint_only"]) == (
        "openai",
        2,
        1,
        2,
    )
    assert by(corpus, "hybrid", "by-category", "category", "place")["TOOLS", "cloud only"]["share"] == 0.5


def test_generative_ai(corpus: Corpus) -> None:
    found = by(corpus, "generative", "delivery", "snapshot", "delivery")
    assert {name: row["packages"] for (snapshot, name), row in found.items() if snapshot == "2026-11"} == {
        "in the package": 1, "runtime without a model": 1, "in the cloud only": 2, "none found": 4,
    }  # fmt: skip
    (model,) = rows(corpus, "generative", "models")
    assert (model["name"], model["parameters"], model["cache_full"], model["packages"]) == (
        "story.gguf",
        20_000_000,
        2048 * 1024,
        1,
    )
    kinds = {row["technology"]: (row["kind"], row["with_model"]) for row in rows(corpus, "generative", "technologies")}
    assert kinds == {"llama-cpp": ("runtime", 0), "aicore": ("of the system", 1)}


def test_technologies_that_reports_name_have_rules() -> None:
    known = {rule.id for rule in load_rules().rules}
    assert {*generative.RUNTIMES, *generative.SYSTEM, *generative.CLOUD} <= known


def test_delivery(corpus: Corpus) -> None:
    found = {row["place"]: (row["models"], row["packages"], row["bytes"]) for row in rows(corpus, "delivery", "places")}
    assert found == {
        "assets": (2, 2, 3_000_000),
        "resources": (1, 1, 800_000),
        "iOS app": (1, 1, 2_000_000),
        "another module or pack of a bundle": (1, 1, 9_000_000),
    }
    limits = [row for row in rows(corpus, "delivery", "budgets") if row["store"] == "App Store"]
    assert all((row["packages"], row["larger"]) == (1, 0) for row in limits)
    assert by(corpus, "delivery", "containers", "container")["apk"]["with_models"] == 2


def test_devices(corpus: Corpus) -> None:
    found = by(corpus, "devices", "processors", "abi")
    assert (found["arm64-v8a"]["packages"], found["arm64-v8a"]["whole"]) == (3, 3)
    versions = by(corpus, "devices", "system-versions", "kind", "version")
    assert versions["android, with AI", 24.0]["whole"] == 5
    assert versions["android, without AI", 24.0]["reached"] == 1.0


# --- R24, R25, R26 ------------------------------------------------------------------------------------------------------


def test_pairs_of_platforms(corpus: Corpus) -> None:
    (pair,) = rows(corpus, "pairs", "models")
    assert (pair["basis"], pair["models"], pair["pairs"]) == ("same id", "models on both", 1)
    (pair,) = rows(corpus, "pairs", "shared-models")
    assert (pair["package_id"], pair["ios_id"], pair["same_file"], pair["android_models"], pair["ios_models"]) == (
        "com.b",
        "com.B",
        1,
        2,
        1,
    )
    sides = {
        row["technology"]: (row["both"], row["android_only"], row["ios_only"])
        for row in rows(corpus, "pairs", "technologies")
    }
    assert sides == {"tflite": (0, 1, 0), "onnxruntime": (0, 1, 0), "coreml": (0, 0, 1)}


def test_what_could_be_modernised(corpus: Corpus) -> None:
    given_up = by(corpus, "modernisation", "given-up", "id")
    assert (given_up["nnapi"]["packages"], given_up["nnapi"]["whole"]) == (
        1,
        8,
    )  # that com.a ships it in vain is no use of it
    (twice,) = rows(corpus, "modernisation", "twice")
    assert (twice["runtimes"], twice["packages"], twice["whole"], twice["beside"]) == (
        "onnxruntime + tflite",
        1,
        3,
        3_000_000,
    )
    floats = by(corpus, "modernisation", "floats", "format")
    assert (floats["tflite"]["models"], floats["tflite"]["floats"], floats["tflite"]["own"]) == (2, 1, 0)
    assert (floats["onnx"]["weight_bytes"], floats["onnx"]["half"], floats["onnx"]["eighth"]) == (
        800_000,
        400_000,
        600_000,
    )
    vain = by(corpus, "modernisation", "in-vain", "what")
    assert (
        vain["accelerator shipped but not asked for"]["packages"],
        vain["accelerator shipped but not asked for"]["bytes"],
    ) == (1, 500)


def test_how_models_change(corpus: Corpus) -> None:
    totals = {row["what"]: (row["models"], row["before"]) for row in rows(corpus, "history", "totals")}
    assert totals == {
        "the same bytes": (0, 1), "of them, at another place": (0, 1), "changed": (1, 1), "removed": (0, 1), "added": (0, 1),
    }  # fmt: skip
    (kind,) = rows(corpus, "history", "kinds")
    assert (kind["change"], kind["first_bytes"], kind["second_bytes"]) == ("quantised", 4_000_000, 1_000_000)
    (change,) = rows(corpus, "history", "changes")
    assert (change["package_id"], change["basis"], change["second_digest"]) == ("com.a", "same place", SMALL_FACES)
    assert change["detail"].startswith("float32 → full-integer int8")
