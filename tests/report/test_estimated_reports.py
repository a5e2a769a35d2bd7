"""Reports about estimates, on estimates made by hand whose right answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nngauge.domain.estimate import Ground
from nngauge.domain.study_estimate import (
    ModelEstimates,
    Phone,
    Place,
    Reach,
    Shares,
    StudyEstimates,
    Told,
    ToldLanguage,
    Untold,
)
from nngauge.domain.task import Modality, TaskVerdict
from nngauge.report import PAPERS, REPORTS
from nngauge.report._api import MadePart
from nngauge.report._api import Refusal as Refused
from nngauge.report.corpus import Corpus
from nngauge.report.files import draw
from nngauge.report.making import make_part
from nngauge.store.ledger import Ledger
from nngauge.store.warehouse import Answer, Warehouse
from tests.builders.estimates import digest, study

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

MODELS = ("small", "middle", "large", "word")
MILLISECONDS = {"small": 2.0, "middle": 10.0, "large": 40.0}
MACS = {"small": 20_000_000, "middle": 100_000_000, "large": 400_000_000}
PHONES = (
    Phone(id="slow", name="Maker Slow", year=2018, tier="low"),
    Phone(id="fast", name="Maker Fast", year=2024, tier="high"),
)
PLACES = (
    Place("fast", "big core", 1, "float32", "tflite"),
    Place("slow", "big core", 1, "float32", "tflite"),
    Place("fast", "gpu", 1, "float32", "tflite"),
)
ON_FAST, ON_SLOW, ON_GPU = "Maker Fast, 1 big core", "Maker Slow, 1 big core", "Maker Fast, GPU"
SHARES = Shares(title="phones", assumed=True, since=2022, goal=0.95, milliseconds=100.0)


def ground(profile: str) -> Ground:
    return Ground(profile=profile, method="m", source="s", models=100, error=0.02, family_error=0.06, coverage=0.9)


def told(place: int, milliseconds: float, doubts: tuple[str, ...] = ()) -> Told:
    interval = (milliseconds, milliseconds / 2, milliseconds * 2)
    return Told(place, place, interval, milliseconds * 1.5, None, "", ("instant",), doubts)


def model(name: str, *items: Told, **changes: Any) -> ModelEstimates:
    return ModelEstimates(
        digest=digest(name), name=f"{name}.tflite", format="tflite", macs=MACS.get(name), told=items, **changes
    )


def reach(low: float, likely: float, high: float, reached: bool | None, plan: dict[str, float]) -> Reach:
    return Reach((low, likely, high, 0.1), (low, likely, high, 0.1), reached, tuple(plan.items()), "float32", "")


def estimates(made: str, *models: ModelEstimates) -> StudyEstimates:
    return StudyEstimates(
        tool="nngauge 0", made=f"2026-11-{made}T00:00:00.000+00:00", level=0.9, phones=PHONES, places=PLACES,
        grounds=tuple(ground(f"p{at}@1") for at in range(3)), shares=SHARES, models=models,
    )  # fmt: skip


def kept() -> Iterator[StudyEstimates]:
    far = Untold(2, "latency", "TOO_FAR", "far", "")
    text = ToldLanguage(0, 0, (20.0, 10.0, 40.0), None, (1e9, 9e8, 2e9), True, ())
    yield estimates(
        "20",
        model("small", told(0, 2.0), told(1, 6.0), told(2, 1.0), reach=reach(0.96, 0.97, 0.98, reached=True, plan={"processor": 0.9, "unknown": 0.1})),
        model("middle", told(0, 10.0, ("odd", "strange")), told(1, 30.0), untold=(far,), reach=reach(0.3, 0.6, 0.7, reached=False, plan={"processor": 0.6, "less often": 0.4})),
        model("large", told(0, 40.0, ("odd",)), told(1, 120.0), untold=(far,), reach=Reach((0, 0, 0, 1), (0, 0, 0, 1), None, (("unknown", 1.0),), "float32", "no ground")),
        model("word", language=(text,)),
        model("elsewhere", told(0, 7.0)),
    )  # fmt: skip
    yield estimates("10", model("small", told(0, 900.0)), model("large", told(2, 3.0)), model("unseen", told(0, 1.0)))
    yield estimates("21", model("unseen", untold=(Untold(None, "latency", "UNREAD", "no layers", "run"),)))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("study")
    image = TaskVerdict(task="image-classification", modality=Modality.IMAGE, probability=0.9)
    study(folder, dict.fromkeys(MODELS), tasks=dict.fromkeys(MODELS, image))
    (folder / "estimated").mkdir()
    for at, one in enumerate(kept()):
        (folder / "estimated" / f"{at}.json").write_bytes(msgspec.json.encode(one))
    (folder / "estimated" / "bad.json").write_bytes(b"{")
    with Ledger(folder / "ledger.sqlite") as ledger, Warehouse(folder, ledger) as warehouse:
        yield Corpus(warehouse)


def made(corpus: Corpus, report: str, part: str) -> MadePart:
    found = next(
        item for each in (*REPORTS, *PAPERS) if each.name == report for item in each.parts if item.name == part
    )
    return make_part(found, corpus)


def rows(corpus: Corpus, report: str, part: str) -> list[dict[str, Any]]:
    result = made(corpus, report, part).result
    assert isinstance(result, Answer), result
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


def test_each_model_counts_once_with_its_last_answer(corpus: Corpus) -> None:
    found = {row["place"]: row for row in rows(corpus, "latency", "estimated")}
    assert set(found) == {ON_FAST, ON_SLOW, ON_GPU}
    fast = found[ON_FAST]
    assert (fast["models"], fast["refused"], fast["median"], fast["width"]) == (
        3,
        0,
        pytest.approx(0.01),
        pytest.approx(4),
    )
    assert fast["doubted_share"] == pytest.approx(2 / 3)
    assert (fast["device_year"], fast["tier"]) == (2024, "high")
    gpu = found[ON_GPU]
    assert (gpu["models"], gpu["refused"], gpu["refused_share"]) == (1, 2, pytest.approx(2 / 3)), "the last answer is a refusal"  # fmt: skip


def test_distributions_and_ratios(corpus: Corpus) -> None:
    steps = [row for row in rows(corpus, "latency", "estimated-distribution") if row["place"] == ON_FAST]
    assert (steps[0]["seconds"], steps[-1]["seconds"], len(steps)) == (0.002, 0.04, 101)
    (pair,) = rows(corpus, "latency", "estimated-compared")
    assert (pair["place"], pair["beside"], pair["models"]) == (ON_SLOW, ON_FAST, 3)
    assert pair["slower"] == pytest.approx(3)
    (tiers,) = rows(corpus, "imc21", "latency-estimated")
    assert (tiers["tier"], tiers["beside_tier"]) == ("low", "high")


def test_macs_baselines_and_profiles(corpus: Corpus) -> None:
    points = rows(corpus, "latency", "estimated-macs")
    assert {(row["name"], row["place"]): row["baseline_seconds"] for row in points}["large.tflite", ON_FAST] == 0.06
    assert len(points) == 7
    found = {row["profile"]: row["models"] for row in rows(corpus, "latency", "estimated-profiles")}
    assert found == {"p0@1": 3, "p1@1": 3, "p2@1": 1}
    by_task = rows(corpus, "latency", "estimated-by-task")
    assert {row["task"] for row in by_task} == {"image-classification"}


def test_doubts_and_refusals(corpus: Corpus) -> None:
    doubts = {
        (row["unit"], row["doubt"]): (row["models"], row["share"])
        for row in rows(corpus, "latency", "estimated-doubts")
    }
    assert doubts["big core", "odd"] == (2, pytest.approx(2 / 3))
    assert doubts["big core", "strange"] == (1, pytest.approx(1 / 3))
    assert doubts["gpu", "none"] == (1, 1)
    (refused,) = rows(corpus, "latency", "estimated-refused")
    assert (refused["unit"], refused["kind"], refused["models"], refused["whole"]) == ("gpu", "TOO_FAR", 2, 3)
    (text,) = rows(corpus, "latency", "estimated-text")
    assert (text["decode"], text["prefill"], text["memory_bytes"], text["fits"]) == (20.0, None, 1_000_000_000, True)


def test_shares_of_phones_over_an_assumption(corpus: Corpus) -> None:
    every, task = rows(corpus, "devices", "coverage")
    assert (every["task"], task["task"]) == ("all", "image-classification")
    assert (every["models"], every["untold"], every["reached"], every["missed"], every["undecided"]) == (3, 1, 1, 1, 0)
    assert every["reached_share"] == 0.5
    assert every["recent_likely"] == pytest.approx((0.97 + 0.6) / 2), "of models of which something is told"
    assert every["assumed"] is True
    stages = {row["stage"]: row for row in rows(corpus, "devices", "degradation")}
    assert stages["processor"]["phones"] == pytest.approx(0.75)
    assert (stages["less often"]["models"], stages["less often"]["whole"]) == (1, 2)
    named = {row["name"]: row["reached"] for row in rows(corpus, "devices", "coverage-models")}
    assert sorted(named.values()) == ["no", "not known", "yes"]
    assert len(rows(corpus, "devices", "coverage-distribution")) == 303


def test_measured_and_estimated_never_share_a_column() -> None:
    for report in (*REPORTS, *PAPERS):
        for part in report.parts:
            if not isinstance(part.ask, str):
                continue
            about = (
                {"measurement", "measurements"} & set(part.ask.split()),
                {"estimate", "estimates", "reaches"} & set(part.ask.split()),
            )
            assert not all(about), part.name
            if about[1]:
                assert any(column.basis == "estimated" for column in part.columns) or part.name in {"estimated-doubts", "estimated-refused", "estimated-profiles"}, part.name  # fmt: skip
                assert "stimated" in part.title + part.note or part.name in {"estimated-doubts", "estimated-refused", "estimated-profiles"}, part.name  # fmt: skip


def test_figures_can_be_drawn(corpus: Corpus) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    for report, part in (
        ("latency", "estimated"), ("latency", "estimated-distribution"), ("latency", "estimated-macs"),
        ("devices", "coverage-distribution"), ("devices", "degradation"),
    ):  # fmt: skip
        assert draw(made(corpus, report, part), corpus), part


def test_without_estimates_reports_say_what_to_run(tmp_path: Path) -> None:
    study(tmp_path, {"small": None})
    with Ledger(tmp_path / "ledger.sqlite") as ledger, Warehouse(tmp_path, ledger) as warehouse:
        corpus = Corpus(warehouse)
        for report, part, command in (
            ("latency", "estimated", "nngauge estimate STUDY"),
            ("latency", "estimated-text", "nngauge estimate STUDY"),
            ("devices", "coverage", "nngauge estimate STUDY --coverage"),
            ("devices", "degradation", "nngauge estimate STUDY --coverage"),
        ):
            result = made(corpus, report, part).result
            assert isinstance(result, Refused)
            assert (result.kind, result.hint) == ("no data", command)
