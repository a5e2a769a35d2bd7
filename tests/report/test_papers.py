"""The two publications on a study made by hand, whose right numbers are known, and their published numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from nngauge.analyse import core_feature
from nngauge.cli import cli
from nngauge.detect.ruleset import load_rules
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Presence
from nngauge.domain.library import Library
from nngauge.domain.network import FamilyShare
from nngauge.domain.protection import Audit, AuditedModel, Grade
from nngauge.domain.scan import Scan, Verdict
from nngauge.domain.study import Item
from nngauge.domain.task import TASK, TASKS, CoreVerdict, Modality, Role, TaskVerdict
from nngauge.errors import RuleError
from nngauge.page.report import section
from nngauge.report import PAPERS, published
from nngauge.report._api import Refusal, Report
from nngauge.report.corpus import Corpus
from nngauge.report.deep_learning import FORMATS, FRAMEWORKS, ITEMISED
from nngauge.report.documents import document
from nngauge.report.files import write
from nngauge.report.making import make, make_part
from nngauge.sources.listings import Listings
from nngauge.store.ledger import Ledger
from nngauge.store.market import read_listings
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import Warehouse
from nngauge.study import Study
from tests.builders import facts

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

FACE, THINGS = "aa" * 32, "bb" * 32
"""Digests of the two models: a face detector (TFLite, 8 bits) and an object detector (ncnn, 16 bits)."""
NOTHING = Verdict(runtime_present=False, model_present=False, model_elsewhere=False, because=())
MARKET = """package,category,installs,reviews,score,developer,developerId
com.a,PHOTOGRAPHY,1000,10,4.0,Maker,maker
com.b,PHOTOGRAPHY,3000,20,4.5,Maker,maker
com.c,TOOLS,500,,,Other,other
com.d,TOOLS,100,,,"=cmd() <script>",third
com.e,TOOLS,400,70,3.0,Other,other
"""
"""Nothing is known of com.f. In September, 4,100 of 5,000 downloads and 30 of 100 reviews are those of DL apps."""


def found(technology: str, size: int = 0, category: Category = Category.RUNTIME, **changes: Any) -> Any:
    place = facts.proof(path=f"a.apk!lib/arm64-v8a/lib{technology}.so")
    return facts.detection(
        technology=technology, title=technology, category=category, library_bytes=size or None, version=None,
        evidence=(place,), **changes,
    )  # fmt: skip


def face() -> Any:
    verdict = TaskVerdict(task="face-detection", modality=Modality.IMAGE, probability=0.9)
    return facts.model(digest=FACE, size=1_000_000, nodes=7, ops={"CONV_2D": 2, "ADD": 4, "SOFTMAX": 1}, task=verdict)


def things() -> Any:
    verdict = TaskVerdict(task="object-detection", modality=Modality.IMAGE, probability=0.9)
    return facts.model(
        digest=THINGS, path="a.apk!assets/m.param", size=3_000_000, nodes=7, format="ncnn", title="ncnn",
        ops={"Convolution": 4, "ReLU": 2, "Softmax": 1}, task=verdict,
    )  # fmt: skip


def app(package: str, *detections: Any, models: tuple[Any, ...] = (), core: Role | None = None, **changes: Any) -> Scan:
    seen = {item.category for item in detections}
    verdict = replace(
        NOTHING, runtime_present=bool({Category.RUNTIME, Category.SDK} & seen), model_present=bool(models)
    )
    made = facts.scan(
        detections=detections, models=models, candidates=(), failures=(), verdict=verdict,
        core=CoreVerdict(role=core, probability=0.9) if core else None, **changes,
    )  # fmt: skip
    return replace(made, app=replace(made.app, package_id=package))


TFLITE, NCNN = found("tflite", 3_000_000), found("ncnn", 1_000_000)


def library(name: str, size: int, *technologies: str) -> Library:
    place = facts.place(f"a.apk!lib/arm64-v8a/lib{name}.so")
    return Library(location=place, size=size, abi="arm64-v8a", technologies=technologies)


BOTH = (library("tflite", 3_000_000, "tflite"), library("ncnn", 1_000_000, "ncnn"))
LAYERS = (library("llama-cpp", 2_000_000, "llama-cpp"), library("ggml", 600_000, "ggml"))
JUNE = (
    app("com.a"),
    app("com.b", TFLITE, NCNN, models=(face(),), core=Role.EXTRA),
    app("com.c", found("caffe", 9_000_000)),
    app("com.e"),
)
SEPTEMBER = (
    app(
        "com.a",
        TFLITE,
        models=(face(), replace(face(), parts=facts.model(path="a.apk!res/raw/m.tflite").parts)),
        core=Role.CORE,
        libraries=(library("other", 500_000),),
    ),
    app("com.b", TFLITE, NCNN, models=(face(), things()), core=Role.EXTRA, libraries=BOTH),
    app("com.c"),
    app("com.d", found("iflytek", 700_000, Category.SDK)),
    app("com.e", found("google-cloud-vision", 0, Category.CLOUD, presence=Presence.ENDPOINT)),
    app("com.f", found("llama-cpp", 2_000_000), found("ggml", 600_000), libraries=LAYERS),
)
"""com.a takes it up, with the same model in two places, com.c gives it up; com.d and com.f are new; in com.f one engine has two layers."""
NETWORKS = (
    facts.network(
        digest=FACE, macs=1_000, parameters=100, weight_bytes=100, peak_bytes=50, scheme="full-integer",
        precision="full-integer int8", sparsity=0.1, near_zero=0.2, families=(FamilyShare(family="convolution", layers=2),),
    ),
    facts.network(
        digest=THINGS, macs=3_000, parameters=300, weight_bytes=600, peak_bytes=100, scheme="float", precision="float16",
        sparsity=0.6, near_zero=0.6, families=(FamilyShare(family="convolution", layers=4),), tensors=(),
    ),
)  # fmt: skip


def audited(grade: Grade, digest: str, name: str) -> AuditedModel:
    known = facts.audit().models[0]
    return replace(known, digest=digest, name=name, protection=replace(known.protection, grades=(grade,)))


def audit(scan: Scan) -> Audit | None:
    """In September com.b's own model has no names, and beside it lie an encrypted one and noise."""
    if scan.app.package_id != "com.b" or len(scan.models) != 2:
        return None
    one, two = audited(Grade.PLAIN, FACE, "m.tflite"), audited(Grade.STRIPPED, THINGS, "m.param")
    hidden = (audited(Grade.ENCRYPTED, "", "x.enc"), audited(Grade.UNIFORM, "", "noise"))
    return facts.audit(models=(one, two), unknown=hidden)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("study")
    table = folder / "market.csv"
    table.write_text(MARKET)
    with Ledger(folder / "ledger.sqlite") as ledger:
        for snapshot, scans in (("2018-06", JUNE), ("2018-09", SEPTEMBER)):
            ledger.add(snapshot, "folder", "/", [Item(locator=f"/{at}") for at in range(len(scans))])
            for work, scan in zip(ledger.lease(100), scans, strict=True):
                stored = StoredResult(scan=scan, networks=NETWORKS if snapshot == "2018-09" else (), audit=audit(scan))
                ledger.finish(work.id, f"{snapshot} {scan.app.package_id}", "key", stored)
        read_listings(folder, ledger, Listings(str(table), snapshot="2018-09"))
        with Warehouse(folder, ledger) as warehouse:
            yield Corpus(warehouse)


def rows(corpus: Corpus, paper: str, part: str) -> list[dict[str, Any]]:
    report = next(report for report in PAPERS if report.name == paper)
    made = make_part(next(item for item in report.parts if item.name == part), corpus)
    assert not isinstance(made.result, Refusal), made.result
    return [dict(zip(made.result.columns, row, strict=True)) for row in made.result.rows]


def column(corpus: Corpus, paper: str, part: str, key: str, value: str) -> dict[Any, Any]:
    return {row[key]: row[value] for row in rows(corpus, paper, part)}


# --- WWW'19 -------------------------------------------------------------------------------------------------------------


def test_dl_apps_and_their_growth(corpus: Corpus) -> None:
    june, september = rows(corpus, "www19", "dataset")
    assert (june["apps"], june["dl_apps"], june["in_snapshot_before"]) == (4, 2, None)
    assert (september["apps"], september["dl_apps"], september["in_snapshot_before"]) == (6, 4, 4)
    assert (september["categories"], september["with_store_data"]) == (2, 5)
    june, september = rows(corpus, "www19", "growth")
    assert (june["share"], june["share_of_downloads"], june["growth"]) == (0.5, None, None)
    assert september["share"] == pytest.approx(4 / 6)
    assert (september["share_of_downloads"], september["share_of_reviews"], september["growth"]) == (0.82, 0.3, 1.0)


def test_dl_apps_beside_others(corpus: Corpus) -> None:
    found = {(row["measure"], row["apps"]): (row["known"], row["median"]) for row in rows(corpus, "www19", "figure-2")}
    assert found["downloads", "DL"] == (3, 1000)
    assert found["downloads", "other"] == (2, 450)
    assert found["rating", "DL"] == (2, 4.25)
    assert found["size in MB", "DL"] == (4, 5.0)
    dl, other = rows(corpus, "www19", "rank")
    assert (dl["apps"], dl["known"], dl["median_rank"]) == ("DL", 3, 2)
    assert (other["known"], other["median_rank"]) == (2, 1.5)


def test_developers(corpus: Corpus) -> None:
    found = column(corpus, "www19", "developers", "what", "value")
    assert found["DL apps whose developer is known"] == 4
    assert found["developers of DL apps"] == 3  # maker, third, and the one who signed com.f
    assert found["developers with more than one"] == 1
    assert found["DL apps of Maker"] == 2
    assert found["DL apps of =cmd() <script>"] == 1  # as the store says it; who shows it makes it safe


def test_uses_and_core_features(corpus: Corpus) -> None:
    found = {row["detailed_usage"]: row for row in rows(corpus, "www19", "table-1")}
    assert (found["face detection"]["apps"], found["face detection"]["core"]) == (2, 1)
    assert (found["object recognition"]["apps"], found["object recognition"]["core"]) == (1, 0)
    assert (found["total"]["apps"], found["total"]["core"], found["total"]["core_share"]) == (2, 1, 0.5)
    assert found["photo beauty"]["apps"] == 0
    theirs = [row[1] for row in published.reference("www19", "table-1")().rows if row[1]]
    assert [name for name in found if name in theirs] == theirs
    photo, tools = rows(corpus, "www19", "figure-3")
    assert (photo["category"], photo["apps"], photo["uses"], photo["image"]) == ("PHOTOGRAPHY", 2, 2, 1.0)
    assert (tools["category"], tools["apps"], tools["uses"], tools["image"]) == ("TOOLS", 1, 0, None)


def test_frameworks(corpus: Corpus) -> None:
    found = {(row["framework"], row["snapshot"]): row["apps"] for row in rows(corpus, "www19", "figure-4")}
    assert found == {
        ("TFLite", "2018-06"): 1, ("TFLite", "2018-09"): 2, ("ncnn", "2018-06"): 1, ("ncnn", "2018-09"): 1,
        ("Caffe", "2018-06"): 1, ("later frameworks", "2018-09"): 1, ("no lib", "2018-09"): 1,
        ("total", "2018-06"): 2, ("total", "2018-09"): 4,
    }  # fmt: skip
    table = column(corpus, "www19", "table-2", "framework", "apps")
    assert (table["TFLite"], table["Caffe"], table["Chainer"]) == (2, 0, None)
    assert list(table) == [row[0] for row in published.reference("www19", "table-2")().rows]


def test_check_in_and_check_out(corpus: Corpus) -> None:
    assert column(corpus, "www19", "figure-5", "what", "apps") == {
        "DL apps of the snapshot before": 2, "stayed": 1, "check-in": 1, "check-out": 1, "DL apps of the latest snapshot": 2,
    }  # fmt: skip


def test_libraries_and_the_cost_of_several(corpus: Corpus) -> None:
    mean = column(corpus, "www19", "figure-6", "framework", "mean")
    assert mean == {
        "TFLite": 3_000_000, "later frameworks": 1_300_000, "ncnn": 1_000_000, "no lib": 700_000,
        "all DL libraries": 1_716_667, "other libraries of DL apps": 500_000,
    }  # fmt: skip
    (several,) = rows(corpus, "www19", "overhead")
    assert (several["packages"], several["runtimes"]) == (1, 2)  # com.f has llama.cpp on ggml, which is one
    assert (several["redundant"], several["of_package"]) == (1_000_000, 0.2)


def test_models(corpus: Corpus) -> None:
    funnel = {row["what"]: (row["models"], row["copies"], row["apps"]) for row in rows(corpus, "www19", "extraction")}
    assert funnel == {
        "DL apps": (None, None, 4), "validated models": (2, 3, 2), "network read": (2, 3, 2), "cost known": (2, 3, 2),
    }  # fmt: skip
    assert rows(corpus, "www19", "types") == [
        {"type": "CNN", "models": 2, "share": 1.0, "copies": 3, "share_of_copies": 1.0}
    ]
    layers = {row["layer"]: (row["share"], row["median"], row["mean"]) for row in rows(corpus, "www19", "table-3")}
    assert layers == {"conv": (1.0, 3, 3), "softmax": (1.0, 1, 1), "add": (0.5, 4, 4), "relu": (0.5, 2, 2)}
    sizes = column(corpus, "www19", "figure-7", "framework", "median")
    assert sizes == {"TFLite": 1_000_000, "ncnn": 3_000_000, "all": 2_000_000}


def test_optimisation_and_cost(corpus: Corpus) -> None:
    found = {row["framework"]: row for row in rows(corpus, "www19", "table-4")}
    assert (found["TFLite"]["bits_8"], found["TFLite"]["bits_16"], found["TFLite"]["sparse"]) == (1.0, 0.0, 0.0)
    assert (found["ncnn"]["bits_8"], found["ncnn"]["bits_16"], found["ncnn"]["sparse"]) == (0.0, 1.0, 1.0)
    assert found["all"]["bits_8"] == 0.5
    points = {
        (row["framework"], row["memory"], row["macs"], row["packages"]) for row in rows(corpus, "www19", "figure-8")
    }
    assert points == {("TFLite", 150, 1_000, 2), ("ncnn", 700, 3_000, 1)}
    middle = {row["framework"]: row for row in rows(corpus, "www19", "figure-8-medians")}["all"]
    assert (middle["memory"], middle["macs"], middle["below_mobilenet"]) == (425, 2_000, 1.0)


def test_protection_leaves_noise_out(corpus: Corpus) -> None:
    assert [(row["what"], row["models"], row["share"]) for row in rows(corpus, "www19", "protection")] == [
        ("models and files that hide one", 3, 1.0), ("obfuscated", 2, pytest.approx(2 / 3)), ("encrypted", 1, pytest.approx(1 / 3)),
    ]  # fmt: skip


# --- IMC'21 -------------------------------------------------------------------------------------------------------------


def test_data_set_and_churn(corpus: Corpus) -> None:
    june, september = rows(corpus, "imc21", "dataset")
    assert (june["with_frameworks"], june["with_models"], june["models"], june["unique_models"]) == (2, 1, 1, 1)
    assert (september["with_frameworks"], september["with_models"]) == (4, 2)
    assert (september["models"], september["unique_models"]) == (3, 2)
    assert september["unique_share"] == september["shared_share"] == pytest.approx(2 / 3)
    every = rows(corpus, "imc21", "churn")[0]
    assert (every["category"], every["before"], every["added"], every["removed"], every["after"]) == ("all", 1, 2, 0, 3)
    assert every["growth"] == 2.0


def test_models_by_framework_and_category(corpus: Corpus) -> None:
    found = {(row["format"], row["snapshot"]): row["models"] for row in rows(corpus, "imc21", "frameworks")}
    assert found == {("tflite", "2018-06"): 1, ("tflite", "2018-09"): 2, ("ncnn", "2018-09"): 1}
    by_category = {
        row["format"]: (row["models"], row["packages"]) for row in rows(corpus, "imc21", "frameworks-by-category")
    }
    assert by_category == {"tflite": (2, 2), "ncnn": (1, 1)}


def test_tasks_uniqueness_and_cloud(corpus: Corpus) -> None:
    tasks = {row["task"]: (row["models"], row["in_study"]) for row in rows(corpus, "imc21", "tasks")}
    assert tasks == {"face detection": (2, True), "object detection": (1, True)}
    reuse = column(corpus, "imc21", "uniqueness", "what", "part")
    assert reuse["copies of models that another package has, too"] == 2
    cloud = {
        row["provider"]: (row["packages"], row["share"], row["also_on_device"])
        for row in rows(corpus, "imc21", "cloud")
    }
    assert cloud == {"any": (1, pytest.approx(1 / 6), 0), "Google": (1, pytest.approx(1 / 6), 0)}


def test_optimisations(corpus: Corpus) -> None:
    share = column(corpus, "imc21", "optimisation", "what", "share")
    assert share["models with 8-bit weights"] == share["models with pruned weights (half are zero)"] == 0.5
    assert share["models with integer activations"] == 0.5
    assert share["weights near zero"] == pytest.approx((0.2 * 100 + 0.6 * 300) / 400)
    assert share["models with quantise or dequantise layers"] == 0


# --- all parts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", PAPERS, ids=lambda report: report.name)
def test_every_part_stands_in_its_place_with_the_published_numbers(report: Report, corpus: Corpus) -> None:
    referred = set()
    for part in report.parts:
        made = make_part(part, corpus)
        if isinstance(made.result, Refusal):
            assert made.result.kind == "no data", (part.name, made.result)
            assert part.needs, part.name
            assert made.result.reason
        else:
            assert made.result.columns == tuple(item.name for item in part.columns), part.name
        if made.sql:
            assert corpus.facts.ask(made.sql).columns == tuple(item.name for item in part.columns), part.name
        if part.reference:
            reference = part.reference()
            assert reference.certainty
            assert {item.basis for item in reference.columns} == {"published"}
            referred.add(reference.source)
    items = published.publication(report.name).item
    assert referred == {published.reference(report.name, item.id)().source for item in items}
    assert len({part.name for part in report.parts}) == len(report.parts)


def test_json_and_csv_have_the_published_numbers_apart_from_ours(corpus: Corpus, tmp_path: Path) -> None:
    for report in PAPERS:
        made = make(report, corpus)
        linked = [address for part in section(made, corpus, {"csv"}).parts for _, address in part.files]
        files = {file.name: file.read_text() for file in write(made, corpus, tmp_path, {"csv"})}
        for part in document(made).parts:
            name = f"{report.name}-{part.name}"
            assert (f"{name}.csv" in files) == (part.rows is not None)
            assert (f"{name}.published.csv" in files) == (part.reference is not None)
            assert (f"data/{name}.published.csv" in linked) == (part.reference is not None)
            if part.reference:
                assert part.reference.certainty
                assert part.reference.rows
                told = files[f"{name}.published.csv"].splitlines()
                assert len(told) == len(part.reference.rows) + 1
                assert all(part.reference.certainty.split(";")[0] in line for line in told[1:])


def test_the_screen_shows_what_was_published_where_ours_is_missing(tmp_path: Path) -> None:
    Study.create(tmp_path / "empty").__exit__(None, None, None)
    done = CliRunner().invoke(cli, ["report", str(tmp_path / "empty"), "imc21"])
    assert done.exit_code == 0, done.output
    assert "no data" in done.stdout
    assert "published, not ours: Almeida et al., IMC 2021" in done.stdout
    assert "not verified" in done.stdout


def test_no_column_of_ours_is_published_and_no_published_flops_are_macs() -> None:
    for report in PAPERS:
        for part in report.parts:
            assert all(item.basis != "published" for item in part.columns), part.name
    for name in ("www19", "imc21"):
        for item in published.publication(name).item:
            assert all(column.unit != "macs" for column in item.columns), item.id


def test_a_study_without_anything_says_so(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger, Warehouse(tmp_path, ledger) as warehouse:
        empty = Corpus(warehouse)
        for report in PAPERS:
            for part in report.parts:
                result = make_part(part, empty).result
                assert isinstance(result, Refusal), part.name
                assert result.kind == "no data", result


# --- published numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["www19", "imc21"])
def test_published_tables_are_whole(name: str) -> None:
    study = published.publication(name)
    assert study.doi.startswith("10.1145/")
    assert len({item.id for item in study.item}) == len(study.item)
    for item in study.item:
        assert item.rows, item.id
        assert all(len(row) == len(item.columns) for row in item.rows), item.id
        for at, told in enumerate(item.columns):
            values = [row[at] for row in item.rows if row[at] != ""]
            if told.unit:
                assert all(isinstance(value, int | float) for value in values), (item.id, told.name)
            if told.unit == "share":
                assert all(0 <= float(value) <= 1 for value in values), (item.id, told.name)


def test_what_was_not_read_is_marked() -> None:
    assert {item.certainty for item in published.publication("imc21").item} == {"recalled"}
    by_eye = {item.id for item in published.publication("www19").item if item.certainty != "printed"}
    assert by_eye == {"figure-8"}
    assert "by eye" in published.reference("www19", "figure-2")().certainty
    assert "not verified" in published.reference("imc21", "dataset")().certainty


def test_published_numbers_agree_with_each_other() -> None:
    www19, imc21 = published.publication("www19"), published.publication("imc21")
    for _, name, apps, core, share in www19.find("table-1").rows:
        if core != "":
            assert float(share) == pytest.approx(float(core) / float(apps), abs=0.001), name
    bars = {row[0]: row[1:] for row in www19.find("figure-4").rows}
    total = bars.pop("total")
    assert all(sum(int(row[at]) for row in bars.values()) > int(total[at]) for at in (0, 1))
    for category, apps, *shares in www19.find("figure-3").rows:
        assert apps, category
        assert sum(map(float, shares)) == pytest.approx(1, abs=0.011), category
    flow = {row[0]: int(row[1]) for row in www19.find("figure-5").rows}
    assert flow["DL apps of June 2018"] == flow["stayed"] + flow["check-out"]
    assert flow["DL apps of September 2018"] == flow["stayed"] + flow["check-in"]
    before, after = imc21.find("dataset").rows
    assert float(after[2]) / float(before[2]) == pytest.approx(1.6, abs=0.01)  # as Zhang et al. (WWW 2022) quote it
    assert sum(int(row[1]) for row in imc21.find("frameworks").rows) == after[4]
    for row in (before, after):
        assert float(row[5]) / float(row[4]) == pytest.approx(float(row[6]), abs=0.001)


def test_our_names_lead_to_theirs() -> None:
    """The taxonomy, the rules and the rates of the core-feature verdict name the study's lines as it prints them."""
    uses = {row[1]: row[4] for row in published.publication("www19").find("table-1").rows if row[1]}
    assert {task.www19 for task in TASKS if task.www19} <= set(uses)
    assert set(uses) - {task.www19 for task in TASKS} == {"auto-correct"}  # a keyboard's model does both
    assert TASK["face-detection"].www19 == "face detection"
    for row, rate in core_feature._RATES.items():
        assert rate == pytest.approx(float(uses[row]), abs=0.06), row
    rules = {rule.id for rule in load_rules().rules}
    assert {item for ids in FRAMEWORKS.values() for item in ids} <= rules
    assert set(FORMATS) | set(ITEMISED) <= set(FRAMEWORKS)


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    (tmp_path / "bad.toml").write_text("title = 1")
    with pytest.raises(RuleError, match=r"bad\.toml"):
        published.publication("bad")
    with pytest.raises(RuleError, match=r"gone\.toml"):
        published.publication("gone")
