"""Reports about measured sessions, on sessions made by hand whose right answers are known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from msgspec.structs import replace

from nngauge.domain.energy import Energy, EnergyBlock, EnergyRefusal, MeterFacts, Obstacle
from nngauge.domain.measurement import Configuration, Device, Doubt, Measurement, ModelEnergy, OpTime, Refusal, Session
from nngauge.domain.study import Item
from nngauge.domain.task import Modality, TaskVerdict
from nngauge.measure.summary import summary
from nngauge.report import PAPERS, REPORTS
from nngauge.report._api import MadePart
from nngauge.report._api import Refusal as Refused
from nngauge.report.corpus import Corpus
from nngauge.report.files import draw
from nngauge.report.making import make_part
from nngauge.store.ledger import Ledger
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import Answer, Warehouse
from tests.builders import facts
from tests.measure.sessions import PHONE, launch, measurement

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

DIGESTS = {name: f"{at:02x}" * 32 for at, name in enumerate(("small", "middle", "large", "word"), 1)}
MILLISECONDS: Final = {"small": 2, "middle": 10, "large": 40, "word": 1}
MACS: Final = {"small": 20_000_000, "middle": 100_000_000, "large": 400_000_000, "word": 10_000_000}
"""Ten million a millisecond, each."""
SLOW: Final = replace(PHONE, id="adb:2", maker="Maker", model="Slow", battery_mah=3000.0)
FAST: Final = replace(PHONE, id="adb:1", maker="Maker", model="Fast")
LITERT: Final = Configuration(engine="litert")
BLOCK: Final = EnergyBlock(block=0, seconds=60, inferences=600, loop_watts=2, before_watts=1, after_watts=1)


def steady(milliseconds: float) -> tuple[Any, ...]:
    """Launches that took exactly so long."""
    runs = (round(milliseconds * 1e6),) * 30
    made = launch(random.Random(1), milliseconds * 1e6)
    return tuple(
        replace(made, block=at, wall_ns=runs, cpu_ns=runs, first_ns=runs[0] * 3, peak_bytes=50_000_000)
        for at in range(6)
    )


def timed(name: str, times: float = 1.0, device: Device = FAST, **changes: Any) -> Measurement:
    made = steady(MILLISECONDS[name] * times)
    return measurement(
        made, **({"model": DIGESTS[name], "name": f"{name}.tflite", "device": device, "macs": MACS[name], "summary": summary(made, 1)} | changes)
    )  # fmt: skip


def energy(joules: float) -> Energy:
    return Energy(
        joules=joules, low=joules * 0.9, high=joules * 1.1, mde=0.001, baseline_watts=1, blocks=(BLOCK,), meter=MeterFacts(name="monsoon"),
    )  # fmt: skip


def sessions() -> Iterator[Session]:
    fast = tuple(timed(name) for name in DIGESTS)
    ran = {"middle": {"xnnpack": 5, "cpu": 3}, "large": {"xnnpack": 4}}
    fast = tuple(
        replace(item, launches=tuple(replace(one, delegated=ran.get(name, {})) for one in item.launches))
        for name, item in zip(DIGESTS, fast, strict=True)
    )
    yield Session(
        measurements=fast,
        energies=(
            ModelEnergy(model=DIGESTS["small"], name="small", configuration=LITERT, energy=energy(0.004)),
            ModelEnergy(model=DIGESTS["middle"], name="middle", configuration=LITERT, energy=energy(0.02)),
            ModelEnergy(model=DIGESTS["word"], name="word", configuration=LITERT, energy=energy(0.0001)),
            ModelEnergy(model=DIGESTS["large"], name="large", configuration=LITERT, refusal=EnergyRefusal(kind=Obstacle.CHARGING, reason="plugged in")),
        ),
    )  # fmt: skip
    yield Session(measurements=tuple(timed(name, 3, SLOW) for name in ("small", "middle", "large")))
    four, gpu, batch = (
        Configuration(engine="litert", **{key: value})
        for key, value in (("threads", 4), ("delegate", "gpu"), ("batch", 8))
    )  # type: ignore[arg-type]
    yield Session(
        measurements=(
            timed("middle", 0.5, configuration=four), timed("large", 2, configuration=four),
            timed("middle", 0.25, configuration=gpu, doubts=(Doubt.FELL_BACK,)), timed("large", 2, configuration=gpu),
            timed("middle", 4, configuration=batch),
        ),
        refusals=(Refusal(model=DIGESTS["small"], name="small.tflite", configuration=gpu, reason="no GPU", kind="unsupported"),),
    )  # fmt: skip
    ops = (
        OpTime(name="a", kind="CONV_2D", nanoseconds=3e6),
        OpTime(name="b", kind="SOFTMAX", nanoseconds=1e6, unit="gpu"),
    )
    profiled = timed("small", started="2026-11-21T11:00:00+00:00")
    yield Session(measurements=(replace(profiled, launches=(*profiled.launches[:-1], replace(profiled.launches[-1], ops=ops))),))  # fmt: skip
    yield Session(measurements=(timed("small", 0.001, SLOW, configuration=gpu, doubts=(Doubt.BELOW_FLOOR,)),))
    yield Session(measurements=(timed("small", 9, started="2020-01-01T00:00:00+00:00"),))
    yield Session(measurements=(timed("small", 1, model="ee" * 32),))


def models() -> tuple[Any, ...]:
    image = TaskVerdict(task="image-classification", modality=Modality.IMAGE, probability=0.9)
    text = TaskVerdict(task="word-prediction", modality=Modality.TEXT, probability=0.9)
    return tuple(
        facts.model(digest=digest, path=f"a.apk!assets/{name}.tflite", task=text if name == "word" else image)
        for name, digest in DIGESTS.items()
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("study")
    (folder / "measured").mkdir()
    for at, session in enumerate(sessions()):
        (folder / "measured" / f"{at}.json").write_bytes(msgspec.json.encode(session))
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.add("2026-11", "folder", "/", [Item(locator="/a")])
        (work,) = ledger.lease(1)
        ledger.finish(work.id, "a", "key", StoredResult(scan=facts.scan(models=models())))
        with Warehouse(folder, ledger) as warehouse:
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


ON_FAST = "Maker Fast, litert, 1 thread"
ON_SLOW = "Maker Slow, litert, 1 thread"


def test_latency_by_device_counts_each_model_once_and_its_last_measurement(corpus: Corpus) -> None:
    found = {row["runs_on"]: row for row in rows(corpus, "latency", "measured")}
    fast = found[ON_FAST]
    assert (fast["models"], fast["doubted"]) == (4, 0)
    assert fast["median"] == pytest.approx(0.006)
    assert fast["first_ratio"] == pytest.approx(3)
    assert fast["memory"] == 50_000_000
    assert found[ON_SLOW]["median"] == pytest.approx(0.03)
    assert "Maker Slow, litert (gpu), 1 thread" not in found, "an engine that was faster than possible did not run"
    assert found["Maker Fast, litert, 1 thread, batch 8"]["median"] == pytest.approx(0.005), "of one input"
    steps = [row for row in rows(corpus, "latency", "distribution") if row["runs_on"] == ON_FAST]
    assert (steps[0]["seconds"], steps[-1]["seconds"], len(steps)) == (0.001, 0.04, 101)


def test_one_device_beside_another(corpus: Corpus) -> None:
    (row,) = rows(corpus, "latency", "devices-compared")
    assert (row["device_name"], row["beside"], row["models"], row["faster_share"]) == ("Maker Slow", "Maker Fast", 3, 0)
    assert row["slower"] == pytest.approx(3)


def test_latency_that_is_proportional_to_macs_is_predicted(corpus: Corpus) -> None:
    found = {row["runs_on"]: row for row in rows(corpus, "latency", "macs-predict")}[ON_FAST]
    assert found["correlation"] == pytest.approx(1)
    assert (found["rank_correlation"], found["predicted"]) == (pytest.approx(1), 1)
    assert found["rate"] == pytest.approx(1e10)
    points = rows(corpus, "latency", "macs")
    assert [row["macs_per_second"] for row in points if row["runs_on"] == ON_FAST] == pytest.approx([1e10] * 4)


def test_latency_by_task(corpus: Corpus) -> None:
    found = {(row["task"], row["runs_on"]): row for row in rows(corpus, "latency", "by-task")}
    assert found["word-prediction", ON_FAST]["median"] == pytest.approx(0.001)
    assert found["image-classification", ON_FAST]["models"] == 3


def test_where_the_time_goes(corpus: Corpus) -> None:
    conv, soft = rows(corpus, "latency", "operators")
    assert (conv["kind"], conv["part"], conv["whole"], conv["elsewhere"]) == ("CONV_2D", 0.75, 0.75, 0)
    assert (soft["kind"], soft["part"], soft["elsewhere"], soft["runs_on"]) == ("SOFTMAX", 0.25, 1, ON_FAST)


def test_what_could_not_be_measured(corpus: Corpus) -> None:
    (row,) = rows(corpus, "latency", "refused")
    assert (row["engine"], row["delegate"], row["kind"], row["models"]) == ("litert", "gpu", "unsupported", 1)


def test_energy_leaves_out_what_no_meter_found(corpus: Corpus) -> None:
    (row,) = rows(corpus, "energy", "measured")
    assert (row["runs_on"], row["models"], row["detected"]) == (ON_FAST, 3, 2)
    assert row["median"] == pytest.approx(0.012)
    assert row["watts"] == pytest.approx(2)
    assert row["macs_per_joule"] == pytest.approx(5e9)
    found = {item["name"]: item for item in rows(corpus, "energy", "models")}
    assert found["word.tflite"]["joules"] is None
    assert found["middle.tflite"]["joules_high"] == pytest.approx(0.022)
    (refused,) = rows(corpus, "energy", "refused")
    assert (refused["reason"], refused["models"]) == ("charging: plugged in", 1)


def test_scenarios_from_times_and_joules(corpus: Corpus) -> None:
    found = {(row["scenario"], row["runs_on"]): row for row in rows(corpus, "energy", "scenarios")}
    call = found["video-call", ON_FAST]
    assert (call["models"], call["keep_up"], call["metered"]) == (3, 3, 2)
    share = (3600 * 15 * 0.004 + 3600 * 15 * 0.02) / 2 / (3.6 * 4000 * 3.85)
    assert call["battery"] == pytest.approx(share)
    camera = found["camera", ON_FAST]
    assert (camera["models"], camera["keep_up"]) == (3, 2), "40 ms are too long for 30 pictures a second"
    assert found["typing", ON_FAST]["models"] == 1
    assert not [key for key in found if key[0] == "sound"]


def test_threads_batches_and_back_ends(corpus: Corpus) -> None:
    (threads,) = rows(corpus, "accelerators", "threads")
    assert (threads["threads"], threads["models"], threads["slower"]) == (4, 2, 1)
    assert threads["median"] == pytest.approx((2 + 0.5) / 2)
    (batch,) = rows(corpus, "accelerators", "batches")
    assert (batch["batch"], batch["models"]) == (8, 1)
    assert batch["median"] == pytest.approx(2)
    (other,) = rows(corpus, "accelerators", "back-ends-measured")
    assert (other["beside"], other["back_end"], other["models"], other["slower"], other["fell_back"]) == ("litert", "litert (gpu)", 2, 1, 1)  # fmt: skip
    assert other["median"] == pytest.approx((4 + 0.5) / 2)


def test_where_operators_ran(corpus: Corpus) -> None:
    xnnpack, cpu = rows(corpus, "accelerators", "units")
    assert (xnnpack["runs_on"], xnnpack["unit"], xnnpack["models"], xnnpack["told"], xnnpack["alone"]) == (
        ON_FAST,
        "xnnpack",
        2,
        2,
        1,
    )
    assert (xnnpack["operators"], xnnpack["share"]) == (9, 0.75)
    assert (cpu["unit"], cpu["models"], cpu["alone"], cpu["operators"]) == ("cpu", 1, 0, 3)


def test_papers_show_the_same_beside_the_published(corpus: Corpus) -> None:
    devices = {row["device_name"]: row for row in rows(corpus, "imc21", "devices")}
    assert (devices["Maker Fast"]["models"], devices["Maker Slow"]["battery_mah"]) == (4, 3000)
    for name in ("latency", "latency-by-device", "energy", "scenarios", "threads", "batches", "backends"):
        assert rows(corpus, "imc21", name), name
    (reference,) = [
        part.reference() for each in PAPERS for part in each.parts if part.name == "latency" and part.reference
    ]
    assert reference.rows[0][1] == 3.4
    time = {row["runs_on"]: row for row in rows(corpus, "www19", "latency")}[ON_FAST]
    assert (time["below_15_ms"], time["models"]) == (0.75, 4)


@pytest.mark.parametrize("name", ["latency", "energy", "accelerators", "imc21", "www19"])
def test_columns_are_as_told_and_figures_are_drawn(corpus: Corpus, name: str) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    for each in (*REPORTS, *PAPERS):
        for part in each.parts if each.name == name else ():
            found = make_part(part, corpus)
            if isinstance(found.result, Refused):
                assert found.result.kind == "no data", (part.name, found.result)
                continue
            assert found.result.columns == tuple(column.name for column in part.columns), part.name
            if part.chart is not None:
                drawn = draw(found, corpus)
                assert drawn is not None
                assert drawn.svg.startswith("<svg")


def test_without_measurements_it_says_what_to_run(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add("2026-11", "folder", "/", [Item(locator="/a")])
        (work,) = ledger.lease(1)
        ledger.finish(work.id, "a", "key", StoredResult(scan=facts.scan(models=models())))
        with Warehouse(tmp_path, ledger) as warehouse:
            empty = Corpus(warehouse)
            for report, part in (
                ("latency", "measured"),
                ("imc21", "latency"),
                ("imc21", "devices"),
                ("www19", "latency"),
            ):
                result = made(empty, report, part).result
                assert isinstance(result, Refused)
                assert (result.kind, result.hint.startswith("nngauge measure STUDY")) == ("no data", True)
            result = made(empty, "energy", "measured").result
            assert isinstance(result, Refused)
            assert "--meter" in result.hint
