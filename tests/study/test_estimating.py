"""All models of a study estimated: once each, whatever stops it, anew with other profiles; refusals are facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nngauge import estimating
from nngauge.api import analyse_model
from nngauge.cli import cli
from nngauge.domain.cost import Family
from nngauge.domain.estimate import Estimate, Setting, Unit
from nngauge.errors import MalformedError, NngaugeError, StoreError, UsageError
from nngauge.estimate.answers import Asked
from nngauge.estimate.choice import estimate
from nngauge.estimating import Wanted, estimate_study
from nngauge.store.ledger import Ledger
from nngauge.store.warehouse import Warehouse
from tests.builders.estimates import digest, study
from tests.estimate import costs

pytest.importorskip("duckdb", reason="the extra `study` is not installed")
ROOT = Path(__file__).parents[2]
STORY = ROOT / "examples" / "models" / "story_gguf" / "story_llama_q4_0.gguf"
PIXEL = Wanted(asked=(Asked(devices=("pixel-4",), units=(Unit.BIG, Unit.GPU)),))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "study"
    place.mkdir()
    return place


def ask(study: Path, sql: str) -> list[tuple[Any, ...]]:
    with Ledger(study / "ledger.sqlite") as ledger, Warehouse(study, ledger) as facts:
        return facts.ask(sql).rows


def files(study: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (study / "estimated").glob("*.json")}


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(one) for one in arguments])
    if isinstance(result.exception, NngaugeError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def strange() -> Any:
    return costs.cost([costs.layer(Family.RECURRENT, "LSTM", (1, 50, 64), (1, 50, 64), macs=50_000_000)])


def test_estimates_are_those_of_the_files(folder: Path) -> None:
    cost = costs.mobile()
    study(folder, {"net": cost})
    done = estimate_study(folder, PIXEL)
    assert (done.models, done.known) == (1, 0)
    direct = estimate(cost, Setting(device="pixel-4", unit=Unit.BIG), form="tflite")
    assert isinstance(direct, Estimate)
    rows = ask(
        folder,
        "SELECT seconds, seconds_low, seconds_high, baseline_seconds, profile, runtime, macs, digest FROM estimate WHERE unit = 'big core'",
    )
    (row,) = rows
    assert row[:4] == pytest.approx(
        [value / 1e3 for value in (direct.value, direct.low, direct.high, direct.baseline or 0)], rel=1e-4
    )
    assert row[4:] == (direct.ground.profile, direct.setting.runtime, cost.macs, digest("net"))  # fmt: skip


def test_what_is_known_is_not_made_again_and_the_rest_is(folder: Path) -> None:
    study(folder, {f"net {at}": costs.mobile(8 + at) for at in range(70)})
    told: list[tuple[int, int]] = []

    def stop(done: int, models: int) -> None:
        told.append((done, models))
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        estimate_study(folder, PIXEL, told=stop)
    assert told == [(0, 70), (64, 70)]
    first = files(folder)
    assert len(first) == 1
    assert estimate_study(folder, PIXEL).known == 64
    assert len(files(folder)) == 2
    assert first.items() <= files(folder).items(), "what was kept stays as it was"
    assert estimate_study(folder, PIXEL).known == 70
    assert ask(folder, "SELECT count(*), count(DISTINCT digest) FROM estimate") == [(140, 70)]
    with Ledger(folder / "ledger.sqlite") as ledger:
        assert "estimated" in ledger.facts()


def test_other_profiles_and_other_questions_make_them_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study(folder, {"net": costs.mobile()})
    estimate_study(folder, PIXEL)
    monkeypatch.setattr(estimating, "grounds", lambda: "newer")
    assert estimate_study(folder, PIXEL).known == 0
    assert estimate_study(folder, PIXEL).known == 1
    other = Wanted(asked=(Asked(devices=("galaxy-s10",)),))
    assert estimate_study(folder, other).known == 0
    assert ask(folder, "SELECT device, count(*) FROM estimate GROUP BY 1 ORDER BY 1") == [("galaxy-s10", 1), ("pixel-4", 4)]  # fmt: skip


def test_a_name_of_a_phone_is_its_id(folder: Path) -> None:
    study(folder, {"net": costs.mobile()})
    estimate_study(folder, PIXEL)
    named = Wanted(asked=(Asked(devices=("Google Pixel 4", "pixel-4"), units=(Unit.BIG, Unit.GPU)),))
    assert estimate_study(folder, named).known == 1


def test_refusals_are_facts_with_their_reasons(folder: Path) -> None:
    models = {"net": costs.mobile(), "odd": strange(), "bad": "TruncatedError: cut", "unseen": None}
    study(folder, models)
    estimate_study(folder, Wanted(asked=(Asked(devices=("pixel-4", "nobody"), units=(Unit.BIG,)),)))
    found = ask(folder, "SELECT digest, device, kind, reason FROM estimate_refusal ORDER BY ALL")
    kinds = {(row[0], row[1]): row[2] for row in found}
    assert kinds == {
        (digest("net"), "nobody"): "NO_DEVICE", (digest("odd"), "nobody"): "NO_DEVICE", (digest("odd"), "pixel-4"): "OPERATORS",
        (digest("bad"), None): "UNREAD", (digest("unseen"), None): "UNREAD",
    }  # fmt: skip
    assert "TruncatedError: cut" in {row[3] for row in found}
    assert estimate_study(folder, PIXEL).models == 4


def test_layers_that_come_later_are_estimated_then(folder: Path) -> None:
    study(folder, {"net": None, "other": costs.mobile()})
    assert estimate_study(folder, PIXEL).known == 0
    assert estimate_study(folder, PIXEL).known == 2, "as long as nothing is there, nothing is written again"
    study(folder, {"net": costs.mobile()}, locator="/b")
    done = estimate_study(folder, PIXEL)
    assert (done.models, done.known) == (2, 1)
    assert ask(folder, "SELECT count(DISTINCT digest) FROM estimate") == [(2,)]
    assert estimate_study(folder, PIXEL).known == 2


def test_layers_that_make_no_sense_stop_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study(folder, {"net": costs.mobile(), "other": costs.mobile(24)})
    real = estimating._batches

    def damaged(*arguments: Any) -> Any:
        for done, batch in real(*arguments):
            yield done, [(one, "{" if one.digest == digest("net") else work) for one, work in batch]

    monkeypatch.setattr(estimating, "_batches", damaged)
    estimate_study(folder, PIXEL)
    assert ask(folder, "SELECT digest, kind FROM estimate_refusal") == [(digest("net"), "UNREAD")]
    assert ask(folder, "SELECT DISTINCT digest FROM estimate") == [(digest("other"),)]


def test_a_language_model_is_asked_where_there_are_rows_of_it(folder: Path) -> None:
    language = analyse_model(STORY, weights=False, digest=False).language
    assert language is not None
    study(folder, {"story": language})
    asked = (Asked(devices=("galaxy-s25",), units=(Unit.NPU,)),)
    estimate_study(folder, Wanted(asked=asked, listed=True))
    units = ask(folder, "SELECT unit, decode IS NOT NULL FROM language_estimate ORDER BY 1")
    assert {unit for unit, _ in units} >= {"big core", "gpu", "npu"}
    assert all(told for _, told in units)
    assert ask(folder, "SELECT count(*) FROM estimate") == [(0,)]


# --- the command ----------------------------------------------------------------------------------------------------------


def test_the_command_tells_places_refusals_and_coverage(folder: Path) -> None:
    study(folder, {"net": costs.mobile(), "odd": strange()})
    text = run("estimate", folder, "--coverage", "--quiet", code=3).output
    assert "2 distinct models: 2 estimated" in text, "neural processors take recurrent layers, with doubt"
    assert "Google Pixel 4        1 big core        1" in text
    assert "operators: no training network has recurrent" in text
    assert "AN ASSUMPTION" in text
    assert "next: nngauge report" in text
    again = run("estimate", folder, "--coverage", "--quiet", code=3).output
    assert "2 distinct models, 2 known already" in again
    found = json.loads(run("estimate", folder, "--coverage", "--json", "--quiet", code=3).stdout)
    assert found["models"] == found["known"] == 2
    assert {place["device"] for place in found["places"]} >= {"pixel-4", "galaxy-s25"}
    assert found["reach"]["assumed"] is True
    assert found["reach"]["unknown"] == 1


def test_every_model_told_is_exit_code_0(folder: Path) -> None:
    study(folder, {"net": costs.mobile()})
    found = json.loads(
        run("estimate", folder, "--device", "Pixel 4", "--unit", "big", "--threads", "1,2", "--json", "--quiet").stdout
    )
    assert [(place["device"], place["threads"], place["models"]) for place in found["places"]] == [
        ("pixel-4", 2, 1),
        ("pixel-4", 1, 1),
    ]
    assert found["reach"] is None


def test_a_list_of_ones_own_and_the_most_used_models(folder: Path, tmp_path: Path) -> None:
    study(folder, {"net": costs.mobile(), "other": costs.mobile(24)})
    mine = tmp_path / "mine.csv"
    mine.write_text("device,units\ngalaxy-s10,little\n")
    found = json.loads(run("estimate", folder, "--phones", mine, "--top", 1, "--json", "--quiet").stdout)
    assert found["models"] == 1
    assert [(place["device"], place["unit"]) for place in found["places"]] == [("galaxy-s10", "little core")]
    mine.write_text("nothing")
    with pytest.raises(MalformedError, match="no list of phones"):
        run("estimate", folder, "--phones", mine)


@pytest.mark.parametrize(
    "arguments",
    [("--input", "a=1x2"), ("--task", "x"), ("--scenario", "x"), ("--fps", "30"), ("--budget", "50ms")],
)
def test_what_makes_no_sense_for_a_study_is_refused(folder: Path, arguments: tuple[str, str]) -> None:
    study(folder, {"net": costs.mobile()})
    with pytest.raises(UsageError, match=arguments[0]):
        run("estimate", folder, *arguments)


def test_lists_are_for_studies() -> None:
    with pytest.raises(UsageError, match="--top is for studies"):
        run("estimate", STORY, "--device", "pixel-4", "--top", 3)


def test_a_study_without_models_and_one_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study(folder, {})
    with pytest.raises(UsageError, match="no model to estimate"):
        estimate_study(folder, PIXEL)
    study(folder, {"net": costs.mobile()}, locator="/b")
    (folder / "estimated").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        estimate_study(folder, PIXEL)
