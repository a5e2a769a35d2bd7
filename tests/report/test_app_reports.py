"""Prevalence, popularity, frameworks, changes, storage and concentration on a study made by hand: numbers one can count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nngauge.detect.ruleset import load_rules
from nngauge.domain.attribution import Attribution, Owner
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.library import Library
from nngauge.domain.scan import Scan, Verdict
from nngauge.domain.study import Item
from nngauge.errors import UsageError
from nngauge.report import REPORTS
from nngauge.report.corpus import Corpus
from nngauge.report.making import make_part
from nngauge.report.storage import LAYERS
from nngauge.sources.listings import Listings
from nngauge.store.ledger import Ledger
from nngauge.store.market import read_listings
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import Answer, Warehouse
from tests.builders import facts

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

OWN, KEPT, SHARED = (mark * 32 for mark in ("a1", "b2", "c3"))
"""A model that com.a adds, one that com.b has in both snapshots, and one that an SDK brings into com.a and com.g."""
MARKET = """package,category,installs,ratings,reviews,score,rank,developer
com.a,PHOTO,1000,10,1,4.0,1,Dev One
com.b,PHOTO,5000,20,2,5.0,2,Dev One
com.c,TOOLS,100,5,,3.0,3,Dev C
com.d,TOOLS,1000,10,1,4.0,4,Dev D
com.e,TOOLS,10,,,,5,Dev E
com.f,TOOLS,500,1,1,2.0,6,Dev F
com.g,TOOLS,10000,100,50,4.5,7,Dev G
"""


def runtime(name: str, version: str | None = None, size: int = 3_000_000) -> Any:
    return facts.detection(
        technology=name, title=name.upper(), category=Category.RUNTIME, presence=Presence.LIBRARY, version=version, library_bytes=size,
        evidence=(facts.proof(path=f"x.apk!lib/arm64-v8a/lib{name}.so"),),
    )  # fmt: skip


CLOUD = facts.detection(
    technology="openai", title="OpenAI", category=Category.CLOUD, presence=Presence.DEFINED, library_bytes=None, version=None, abi=None,
)  # fmt: skip


def model(digest: str, owner: Owner = Owner.APP) -> Any:
    sdk = "mlkit-face-detection" if owner is Owner.SDK else None
    whose = Attribution(owner=owner, sdk=sdk, confidence=Confidence.CERTAIN, because="made so")
    return facts.model(digest=digest, path=f"x.apk!assets/{digest[:2]}.tflite", owner=whose)


def library(name: str, size: int, *technologies: str) -> Library:
    return Library(
        location=facts.place(f"x.apk!lib/arm64-v8a/{name}"), size=size, abi="arm64-v8a", technologies=technologies
    )


def app(package: str, *detections: Any, models: tuple[Any, ...] = (), code: str = "1", **changes: Any) -> Scan:
    categories = {item.category for item in detections}
    verdict = Verdict(
        runtime_present=Category.RUNTIME in categories, model_present=bool(models), model_elsewhere=Category.CLOUD in categories, because=()
    )  # fmt: skip
    made = facts.scan(
        **{"detections": detections, "models": models, "candidates": (), "failures": (), "verdict": verdict, **changes}
    )
    return replace(
        made, app=replace(made.app, package_id=package, version_code=code, size=10_000_000, signers=(package * 8,))
    )


BEFORE = (
    app("com.a"),
    app("com.b", runtime("tflite", "2.10.0"), models=(model(KEPT),)),
    app("com.c", runtime("tflite", "2.10.0")),
    app("com.d", runtime("ncnn")),
    app("com.e"),
)
AFTER = (
    app("com.a", runtime("tflite", "2.16.1"), models=(model(OWN), model(SHARED, Owner.SDK)), code="2"),
    app("com.b", code="9"),
    app("com.b", runtime("tflite", "2.16.1", 5_000_000), models=(model(KEPT),), code="10"),
    app("com.c", code="2"),
    app("com.d", runtime("tflite", "2.8.0"), code="2"),
    app("com.e"),
    app("com.f", CLOUD),
    app("com.g", runtime("tflite", size=4_000_000), runtime("mnn", size=1_000_000), models=(model(SHARED, Owner.SDK),),
        libraries=(library("libtflite.so", 4_000_000, "tflite"), library("libmnn.so", 1_000_000, "mnn"), library("libz.so", 500))),
    app("com.h", runtime("llama-cpp", size=2_000_000), runtime("ggml", size=1_000_000),
        libraries=(library("libllama.so", 2_000_000, "llama-cpp"), library("libggml.so", 1_000_000, "ggml"))),
)  # fmt: skip
"""Adopted (a), upgraded, and there twice (b), dropped (c), switched (d), nothing (e), new: cloud (f), two runtimes (g), one
runtime in two layers (h)."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("study")
    with Ledger(made / "ledger.sqlite") as ledger:
        for snapshot, scans in (("2026-08", BEFORE), ("2026-11", AFTER)):
            ledger.add(snapshot, "folder", "/", [Item(locator=f"/{at}") for at in range(len(scans))])
            for work, scan in zip(ledger.lease(100), scans, strict=True):
                identity = f"{snapshot} {scan.app.package_id} {scan.app.version_code}"
                ledger.finish(work.id, identity, "key", StoredResult(scan=scan))
        ledger.add("2026-11", "folder", "/", [Item(locator="/waits")])
        (made / "market.csv").write_text(MARKET)
        read_listings(made, ledger, Listings(str(made / "market.csv"), snapshot="2026-11"))
    return made


@pytest.fixture(scope="module")
def corpus(folder: Path) -> Iterator[Corpus]:
    with Ledger(folder / "ledger.sqlite") as ledger, Warehouse(folder, ledger) as warehouse:
        yield Corpus(warehouse)


def rows(corpus: Corpus, report: str, part: str, *keys: str) -> dict[Any, dict[str, Any]]:
    """The rows of a part by the values of `keys`."""
    wanted = next(item for each in REPORTS if each.name == report for item in each.parts if item.name == part)
    result = make_part(wanted, corpus).result
    assert isinstance(result, Answer), result
    told = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    found = {tuple(row[key] for key in keys) if len(keys) > 1 else row[keys[0]]: row for row in told}
    assert len(found) == len(told), "the keys tell rows apart"
    return found


# --- what is counted ----------------------------------------------------------------------------------------------------


def test_a_package_counts_once_with_its_highest_version(corpus: Corpus) -> None:
    """Of com.b's version codes 9 and 10 the higher one as numbers counts, which has the runtime."""
    found = corpus.ask("SELECT version_code, runtime_present FROM editions WHERE latest AND package_id = 'com.b'").rows
    assert found == [("10", True)]
    counted = rows(corpus, "prevalence", "packages", "snapshot")["2026-11"]
    assert (counted["listed"], counted["with_result"], counted["without"], counted["packages"]) == (10, 9, 1, 8)
    assert counted["in_market"] == 7


def test_only_the_snapshots_that_were_asked_for(folder: Path) -> None:
    with Ledger(folder / "ledger.sqlite") as ledger, Warehouse(folder, ledger) as warehouse:
        alone = Corpus(warehouse, ["2026-08"])
        assert (alone.latest, alone.earlier) == ("2026-08", None)
        assert alone.ask("SELECT count(*) FROM editions WHERE latest").rows == [(5,)]
        with pytest.raises(UsageError, match="2026-08, 2026-11"):
            Corpus(warehouse, ["2026-09"])


# --- R1 and R2 ----------------------------------------------------------------------------------------------------------


def test_prevalence(corpus: Corpus) -> None:
    found = rows(corpus, "prevalence", "by-snapshot", "snapshot", "verdict")
    one = found["2026-11", "runtime present"]
    assert (one["packages"], one["with_ai"], one["share"]) == (8, 5, 0.625)
    assert (one["low"], one["high"]) == pytest.approx((0.3057, 0.8632), abs=5e-5)  # Wilson's interval for 5 of 8
    assert found["2026-11", "model present"]["with_ai"] == 3
    assert found["2026-11", "model elsewhere"]["with_ai"] == 1
    assert found["2026-08", "runtime present"]["share"] == 0.6
    kinds = rows(corpus, "prevalence", "kinds", "snapshot", "kind")
    assert {kind: row["packages"] for (snapshot, kind), row in kinds.items() if snapshot == "2026-11"} == {
        "runtime and model": 3,
        "runtime only": 2,
        "elsewhere only": 1,
        "no AI": 2,
    }


def test_prevalence_weighted_by_use(corpus: Corpus) -> None:
    found = rows(corpus, "prevalence", "weighted", "weight", "verdict")
    downloads = found["downloads", "runtime present"]
    assert (downloads["packages"], downloads["total"], downloads["with_ai"]) == (7, 17_610, 17_000)
    assert downloads["plain"] == pytest.approx(4 / 7)
    assert found["reviews", "runtime present"]["packages"] == 5, (
        "com.c and com.e tell no reviews: they are in no denominator"
    )


def test_prevalence_by_category(corpus: Corpus) -> None:
    found = rows(corpus, "prevalence", "by-category", "category", "verdict")
    assert found["PHOTO", "runtime present"]["share"] == 1
    assert found["TOOLS", "runtime present"]["share"] == 0.4
    assert found["TOOLS", "model elsewhere"]["with_ai"] == 1


def test_apps_with_ai_beside_others(corpus: Corpus) -> None:
    found = rows(corpus, "popularity", "downloads", "apps")
    runtime_present = found["runtime present"]
    assert [runtime_present[name] for name in ("packages", "quarter", "median", "three_quarters", "mean")] == [
        4, 1000, 3000, 6250, 4250,
    ]  # fmt: skip
    assert found["no AI"]["median"] == 55
    assert found["other AI only"]["packages"] == 1
    assert rows(corpus, "popularity", "rating", "apps")["no AI"]["median"] == 3.0, "what is not rated is not rated 0"


def test_how_often_the_app_with_a_runtime_has_more(corpus: Corpus) -> None:
    found = rows(corpus, "popularity", "effect", "measure")
    assert found["downloads"]["more_often"] == 1
    assert found["rank"]["more_often"] == pytest.approx((0 + 0 + 1 + 2) / 8)  # 1, 2, 4, 7 against 3, 5
    assert found["size"]["more_often"] == 0.5, "ties count half"


# --- R3 and R4 ----------------------------------------------------------------------------------------------------------


def test_adoption_of_runtimes(corpus: Corpus) -> None:
    found = rows(corpus, "frameworks", "runtimes", "snapshot", "technology")
    assert {key: row["packages"] for key, row in found.items() if key[1] in {"tflite", "ncnn"}} == {
        ("2026-08", "tflite"): 2,
        ("2026-11", "tflite"): 4,
        ("2026-08", "ncnn"): 1,
        ("2026-11", "ncnn"): 0,
    }
    assert found["2026-11", "tflite"]["share"] == 0.5
    assert found["2026-11", "tflite"]["of_runtime"] == 0.8
    trend = rows(corpus, "frameworks", "trend", "snapshot", "technology")["2026-11", "tflite"]
    assert (trend["change"], trend["ratio"]) == (pytest.approx(0.1), 2)


def test_versions_newest_first(corpus: Corpus) -> None:
    found = rows(corpus, "frameworks", "versions", "snapshot", "version")
    assert [key[1] for key in found] == ["2.16.1", "2.10.0", "2.8.0"]
    assert found["2026-11", "2.16.1"]["packages"] == 2
    assert found["2026-11", "2.16.1"]["share"] == pytest.approx(2 / 3), "com.g's version cannot be told"


def test_cloud_services_are_counted_apart(corpus: Corpus) -> None:
    assert {key[1]: row["packages"] for key, row in rows(corpus, "frameworks", "cloud", "snapshot", "technology").items()} == {
        "openai": 1
    }  # fmt: skip


def test_check_in_and_check_out(corpus: Corpus) -> None:
    one = rows(corpus, "changes", "meanings", "meaning")["runtime present"]
    assert [one[name] for name in ("before", "after", "kept", "check_in", "check_out", "new", "gone")] == [
        3,
        5,
        2,
        1,
        1,
        2,
        0,
    ]
    over_time = rows(corpus, "changes", "over-time", "snapshot")["2026-11"]
    assert [over_time[name] for name in ("kept", "had", "has", "check_in", "check_out")] == [5, 3, 3, 1, 1]
    assert over_time["entering"] == pytest.approx(1 / 3)
    flows = rows(corpus, "changes", "flows", "meaning", "flow")
    assert flows["runtime present", "new package"]["packages"] == 2


def test_switches_versions_and_models(corpus: Corpus) -> None:
    (switch,) = rows(corpus, "changes", "switches", "family").values()
    assert (switch["dropped"], switch["adopted"], switch["packages"]) == ("ncnn", "tflite", 1)
    (move,) = rows(corpus, "changes", "versions", "technology").values()
    assert (move["first"], move["second"], move["kind"], move["packages"]) == ("2.10.0", "2.16.1", "upgraded", 1)
    models = {name: row["models"] for name, row in rows(corpus, "changes", "models", "what").items()}
    assert models == {"the same bytes": 1, "added": 2}


# --- R5 and R7 ----------------------------------------------------------------------------------------------------------


def test_sizes_of_runtimes(corpus: Corpus) -> None:
    found = rows(corpus, "storage", "runtimes", "technology", "abi")["tflite", "arm64-v8a"]
    assert (found["packages"], found["median"], found["mean"]) == (4, 3_500_000, 3_750_000)
    libraries = rows(corpus, "storage", "libraries", "abi", "inside")
    assert libraries["arm64-v8a", "with AI"]["libraries"] == 4
    assert libraries["arm64-v8a", "without"]["median"] == 500


def test_several_runtimes_and_what_they_cost(corpus: Corpus) -> None:
    several = rows(corpus, "storage", "several", "runtimes")
    assert {count: row["packages"] for count, row in several.items()} == {1: 3, 2: 2}
    (cost,) = rows(corpus, "storage", "overhead", "abi").values()
    assert cost["packages"] == 1, "ggml below llama.cpp is one runtime, not two"
    assert (cost["bytes"], cost["redundant"], cost["of_package"]) == (5_000_000, 1_000_000, 0.1)


def test_layers_are_those_of_the_rules() -> None:
    rules = {rule.id: rule for rule in load_rules().rules}
    told = {
        (rule.id, outer)
        for rule in rules.values()
        for outer in rule.inside
        if {rule.category, rules[outer].category} == {Category.RUNTIME}
    }
    assert set(LAYERS) == told


def test_whose_the_models_are(corpus: Corpus) -> None:
    found = rows(corpus, "concentration", "owners", "snapshot", "owner")
    assert {owner: (row["copies"], row["models"], row["packages"]) for (at, owner), row in found.items() if at == "2026-11"} == {
        "app": (2, 2, 2), "sdk": (2, 1, 2),
    }  # fmt: skip
    without = rows(corpus, "concentration", "without-sdks", "snapshot", "what")
    assert {what: row["packages"] for (at, what), row in without.items() if at == "2026-11"} == {
        "any model": 3, "a model of its own": 2, "only models of SDKs": 1, "whose: unknown": 0,
    }  # fmt: skip
    (sdk,) = rows(corpus, "concentration", "sdks", "sdk").values()
    assert (sdk["packages"], sdk["share"], sdk["copies"], sdk["models"]) == (2, pytest.approx(2 / 3), 2, 1)


def test_developers_and_concentration(corpus: Corpus) -> None:
    developers = rows(corpus, "concentration", "developers", "developer")
    assert developers["Dev One"]["with_runtime"] == 2
    assert developers["Dev One"]["share"] == 0.4
    assert "signed by com.hcom.hcom.hc" in developers, (
        "no store tells of com.h: its certificate stands for the developer"
    )
    models = rows(corpus, "concentration", "concentration", "what")["distinct models, by packages"]
    assert (models["number"], models["total"], models["largest"]) == (3, 4, 2)
    assert models["gini"] == pytest.approx(1 / 6)  # of 1, 1, 2: 2 · (1 + 2 + 6) / (3 · 4) − 4 / 3
    assert models["several"] == pytest.approx(1 / 3)
    steps = rows(corpus, "concentration", "lorenz", "what", "rank")
    assert [steps["distinct models, by packages", at]["share"] for at in (1, 2, 3)] == [0.5, 0.75, 1]
