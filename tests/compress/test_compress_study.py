"""Tables of a whole study: what is made, what is kept, what is tried again, and what stops nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

from nngauge import compressing
from nngauge.cli import cli
from nngauge.cli.compress_study import seconds_of
from nngauge.compressing import Done, StudyPlan, _Job, _Reply, compress_study
from nngauge.domain.compression import InputSource, Refusal, StudyTable
from nngauge.domain.model import ModelFile
from nngauge.domain.study import Item
from nngauge.domain.task import Modality, TaskVerdict
from nngauge.errors import StoreError, UsageError
from nngauge.runners.apart import Ended
from nngauge.screen.compress_study import Tally, progress_line
from nngauge.store.ledger import Ledger
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import Warehouse
from tests.builders import facts
from tests.compress.study_tables import table

MODELS = Path(__file__).parents[2] / "examples" / "models"
DIGITS = MODELS / "digits_tflite" / "digits_float32.tflite"
litert = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("ai_edge_litert", "numpy")), reason="the models are run with LiteRT"
)
Made = Callable[[_Job], _Reply | Ended]


def study_of(folder: Path, models: dict[str, bytes], apps: dict[str, tuple[str, ...]] | None = None) -> Path:
    """A study that keeps these models, each a file; `apps`: which of them are in which app, else all in one."""
    kept = {}
    for name, content in models.items():
        digest = hashlib.sha256(content).hexdigest()
        place = folder / "blobs" / digest[:2] / digest
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        path = f"a.apk!assets/{name}"
        form = {"onnx": "onnx", "param": "ncnn", "gguf": "gguf"}.get(name.rpartition(".")[2], "tflite")
        kept[name] = facts.model(
            digest=digest, path=path, format=form, parts=(ModelFile(location=facts.place(path), sha256=digest, size=len(content)),),
            task=TaskVerdict(task="handwriting-recognition", modality=Modality.IMAGE, probability=0.9),
        )  # fmt: skip
    with Ledger(folder / "ledger.sqlite") as ledger:
        for app, names in (apps or {"one": tuple(models)}).items():
            ledger.add("2026-11", "folder", "/", [Item(locator=f"/{app}")])
            (work,) = ledger.lease(1)
            scan = facts.scan(models=tuple(kept[name] for name in names))
            ledger.finish(work.id, app, "key", StoredResult(scan=scan))
    return folder


def names(found: Iterator[Done]) -> list[tuple[str, bool, str]]:
    return [
        (done.found.name, done.known, done.found.refusal.reason if done.found.refusal else "table") for done in found
    ]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models that a worker was given; each has a table."""
    return _workers(monkeypatch, lambda _: _Reply(table=table({8: 97})))


def _workers(monkeypatch: pytest.MonkeyPatch, made: Made) -> list[str]:
    """Does the work here, without an engine."""
    seen: list[str] = []

    def here(
        next_job: Callable[[], bytes | None], _work: Any, *, workers: int, seconds: float
    ) -> Generator[tuple[bytes, bytes | Ended], None, None]:
        assert workers
        assert seconds
        while (data := next_job()) is not None:
            job = msgspec.msgpack.decode(data, type=_Job)
            seen.append(job.name)
            answer = made(job)
            yield data, answer if isinstance(answer, Ended) else msgspec.msgpack.encode(answer)

    monkeypatch.setattr(compressing, "run_apart", here)
    monkeypatch.setattr(compressing, "engine_for", lambda _form: None)
    monkeypatch.setattr(compressing, "find_spec", lambda _name: True)
    return seen


def files(study: Path) -> list[Path]:
    return sorted((study / "compressed").glob("*.json"))


# --- without an engine ----------------------------------------------------------------------------------------------------


def test_models_of_most_apps_come_first_and_none_is_made_twice(tmp_path: Path, asked: list[str]) -> None:
    apps = {"one": ("a.tflite", "b.tflite", "c.onnx"), "two": ("b.tflite", "c.onnx"), "three": ("c.onnx",)}
    study = study_of(tmp_path, {"a.tflite": b"a", "b.tflite": b"b", "c.onnx": b"c"}, apps)
    assert names(compress_study(study, StudyPlan(top=2))) == [("c.onnx", False, "table"), ("b.tflite", False, "table")]
    assert names(compress_study(study, StudyPlan())) == [
        ("c.onnx", True, "table"), ("b.tflite", True, "table"), ("a.tflite", False, "table"),
    ]  # fmt: skip
    assert asked == ["c.onnx", "b.tflite", "a.tflite"]
    assert len(files(study)) == 3


def test_what_is_made_differently_is_made_again(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(tmp_path, {"a.tflite": b"a"})
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "1.png").write_bytes(b"x")
    (photos / "2\udcff.png").symlink_to("nowhere")
    for plan in (
        StudyPlan(),
        StudyPlan(seconds=5),
        StudyPlan(inputs=7),
        StudyPlan(prune=True),
        StudyPlan(folder=photos),
    ):
        list(compress_study(study, plan))
        list(compress_study(study, plan))
    assert len(asked) == 5
    (photos / "2.png").write_bytes(b"x")
    list(compress_study(study, StudyPlan(folder=photos)))
    assert len(asked) == 6, "other inputs give another table"
    monkeypatch.setattr(compressing, "__version__", "99")
    list(compress_study(study, StudyPlan()))
    assert len(asked) == 7, "so does another version"
    assert len(files(study)) == 7


def test_it_can_be_stopped_at_any_time(tmp_path: Path, asked: list[str]) -> None:
    study = study_of(tmp_path, {f"{name}.tflite": name.encode() for name in "abc"})
    every = compress_study(study, StudyPlan())
    next(every)
    every.close()
    assert len(files(study)) == 1
    assert len(list(compress_study(study, StudyPlan()))) == 3
    assert len(asked) == 3


def test_one_bad_model_is_one_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(job: _Job) -> _Reply | Ended:
        if job.name == "bad.tflite":
            return Ended("crashed", "the process ended with code -9")
        if job.name == "plain.tflite":
            return _Reply(refusal=Refusal(reason="no weights", explanation="none"))
        return _Reply(table=table({8: 97}))

    seen = _workers(monkeypatch, made)
    study = study_of(tmp_path, {"bad.tflite": b"1", "good.tflite": b"2", "plain.tflite": b"3", "x.gguf": b"4"})
    found = {name: reason for name, _, reason in names(compress_study(study, StudyPlan()))}
    assert found == {
        "bad.tflite": "crashed",
        "good.tflite": "table",
        "plain.tflite": "no weights",
        "x.gguf": "unsupported",
    }
    list(compress_study(study, StudyPlan()))
    assert len(seen) == 3, "neither of them is tried again"
    with Ledger(study / "ledger.sqlite") as ledger, Warehouse(study, ledger) as warehouse:
        kinds = warehouse.ask("SELECT kind FROM compression_refusal ORDER BY 1").rows
        assert warehouse.ask("SELECT count(*) FROM compression JOIN model USING (number)").rows == [(1,)]
    assert kinds == [("crashed",), ("no weights",), ("unsupported",)]


def test_top_counts_tables_not_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(job: _Job) -> _Reply | Ended:
        even = int(job.name[0]) % 2 == 0
        return _Reply(table=table({8: 9})) if even else _Reply(refusal=Refusal(reason="no weights", explanation=""))

    _workers(monkeypatch, made)
    study = study_of(tmp_path, {f"{at}.tflite": bytes([at]) for at in range(8)})
    found = list(compress_study(study, StudyPlan(top=3)))
    assert sum(done.found.table is not None for done in found) == 3


def test_what_took_too_long_is_tried_again_with_more_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _workers(monkeypatch, lambda _: Ended("timeout", "not finished"))
    study = study_of(tmp_path, {"a.tflite": b"a"})
    for timeout, times in ((10.0, 1), (10.0, 1), (5.0, 1), (20.0, 2), (20.0, 2)):
        assert names(compress_study(study, StudyPlan(timeout=timeout)))[0][2] == "timeout"
        assert len(seen) == times


def test_what_lacks_an_engine_waits_for_it(tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(tmp_path, {"a.tflite": b"a"})
    gone = compressing.TrialError("missing", "LiteRT is not installed", "pip install x")

    def missing(_form: str) -> None:
        raise gone

    with monkeypatch.context() as without:
        without.setattr(compressing, "engine_for", missing)
        assert names(compress_study(study, StudyPlan())) == [("a.tflite", False, "missing")]
        assert names(compress_study(study, StudyPlan())) == [("a.tflite", True, "missing")]
    assert asked == []
    assert names(compress_study(study, StudyPlan())) == [("a.tflite", False, "table")]
    with monkeypatch.context() as without:
        without.setattr(compressing, "engine_for", missing)
        assert names(compress_study(study, StudyPlan())) == [("a.tflite", True, "table")]
        without.setattr(compressing, "find_spec", lambda _name: None)
        assert names(compress_study(study, StudyPlan(prune=True))) == [("a.tflite", False, "missing")]


def test_a_damaged_file_is_made_again(tmp_path: Path, asked: list[str]) -> None:
    study = study_of(tmp_path, {"a.tflite": b"a"})
    list(compress_study(study, StudyPlan()))
    for content in (b"", b"{", b'{"model": 1}', msgspec.json.encode({})):
        files(study)[0].write_bytes(content)
        list(compress_study(study, StudyPlan()))
    assert len(asked) == 5


def test_a_budget_of_time_begins_no_other_model(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(tmp_path, {f"{name}.tflite": name.encode() for name in "abcd"})
    clock = iter([0.0, 10.0, 20.0, 31.0, 40.0, 50.0])
    monkeypatch.setattr(compressing.time, "monotonic", lambda: next(clock))
    assert len(list(compress_study(study, StudyPlan(budget=30.0)))) == 2


def test_a_line_for_logs_tells_rate_and_time_left() -> None:
    tally = Tally(made=3, known=10, refused=1)
    assert progress_line(tally, 54, tally.done, 80.0) == (
        "14 of 54: 3 made, 10 known already, 1 without a table, 2.2 a minute, 13 min 20 s left"
    )
    assert progress_line(Tally(known=2), 9, 2, 0.5) == "2 of 9: 2 known already"
    assert progress_line(Tally(), 9, 0, 0.0) == "0 of 9: none yet"


@pytest.mark.parametrize(("text", "seconds"), [("600", 600), ("90s", 90), ("1.5min", 90), (" 8h ", 28800), ("", None)])
def test_budgets(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["1MB", "25%", "0", "-5s", "nan", "1e9h", "s"])
def test_budgets_that_are_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        seconds_of(text)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, asked: list[str]) -> None:
    study = study_of(tmp_path, {"a.tflite": b"a"})
    (study / "compressed").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        list(compress_study(study, StudyPlan()))


def test_files_that_are_not_kept_have_no_table(tmp_path: Path, asked: list[str]) -> None:
    study = study_of(tmp_path, {"a.tflite": b"a", "b.tflite": b"b"})
    next((study / "blobs").rglob(hashlib.sha256(b"a").hexdigest())).unlink()
    assert names(compress_study(study, StudyPlan())) == [("b.tflite", False, "table")]


# --- the command ----------------------------------------------------------------------------------------------------------


def nngauge(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_the_command_says_what_it_did(tmp_path: Path, asked: list[str]) -> None:
    study = study_of(tmp_path, {"a.tflite": b"a", "b\x1b[31m.tflite": b"b", "x.gguf": b"x"})
    done = nngauge("compress", study, "--quiet")
    assert done.exit_code == 3
    assert "2 made, 1 without a table" in done.output
    assert "97.0 % (92…99)" in done.output
    assert "weights of gguf files are not changed in place" in done.output
    assert f"next: nngauge report {study} R18" in "".join(done.output.split("\n"))
    assert "\x1b" not in done.output
    again = json.loads(nngauge("compress", study, "--json", "--top", 1).stdout)
    assert (again["made"], again["known"], again["stopped"]) == (0, 1, False)
    assert next(one for one in again["models"] if one["refusal"] is None)["smallest"] == "8 bit"


def test_a_study_without_files_says_how_to_keep_them(tmp_path: Path, asked: list[str]) -> None:
    study = study_of(tmp_path, {"a.tflite": b"a"})
    for file in (study / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    assert "--keep-models" in str(getattr(nngauge("compress", study).exception, "hint", ""))


def test_options_that_do_not_belong_together(tmp_path: Path) -> None:
    study = study_of(tmp_path, {"a.tflite": b"a"})
    assert "--pareto is for one model" in str(nngauge("compress", study, "--pareto").exception)
    assert "--recipe is for one model" in str(nngauge("compress", study, "--recipe", "float16").exception)
    assert "is no time" in str(nngauge("compress", study, "--budget", "1MB").exception)
    assert "there is no file" in str(nngauge("compress", study, "--inputs", tmp_path / "nowhere").exception)
    if find_spec("numpy"):
        assert "--top is for a study" in str(nngauge("compress", DIGITS, "--top", "2").exception)


def test_ctrl_c_keeps_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(job: _Job) -> _Reply | Ended:
        if job.name == "b.tflite":
            raise KeyboardInterrupt
        return _Reply(table=table({8: 97}))

    _workers(monkeypatch, made)
    study = study_of(
        tmp_path, {"a.tflite": b"a", "b.tflite": b"b"}, {"1": ("a.tflite", "b.tflite"), "2": ("a.tflite",)}
    )
    done = nngauge("compress", study, "--quiet")
    assert done.exit_code == 130
    assert "every table until now is kept" in done.output
    assert len(files(study)) == 1


# --- with one -------------------------------------------------------------------------------------------------------------


@litert
def test_real_models_have_real_tables(tmp_path: Path) -> None:
    float32, int8 = DIGITS.read_bytes(), (DIGITS.parent / "digits_int8.tflite").read_bytes()
    study = study_of(
        tmp_path,
        {"float.tflite": float32, "int8.tflite": int8, "cut.tflite": float32[: len(float32) // 2], "x.gguf": b"x"},
    )
    found = {done.found.name: done.found for done in compress_study(study, StudyPlan(inputs=40, seconds=2, workers=2))}
    assert {name: one.refusal.reason for name, one in found.items() if one.refusal} == {
        "cut.tflite": "unreadable", "x.gguf": "unsupported",
    }  # fmt: skip
    made = found["float.tflite"].table
    assert made is not None
    assert made.inputs.name.startswith("pictures of digits"), "the task is the study's: the file alone does not tell it"
    alone = json.loads(nngauge("compress", DIGITS, "--json", "--count", 40, "--seconds", 2).stdout)
    rows = {row["variant"]["label"]: row["agreement"].get("sqnr") for row in alone["rows"]}
    assert {row.variant.label: row.agreement.sqnr if row.agreement else None for row in made.rows} == rows
    eight = found["int8.tflite"].table
    assert eight is not None
    assert next(row for row in eight.rows if row.variant.bits == 8).agreement is not None
    with Ledger(study / "ledger.sqlite") as ledger, Warehouse(study, ledger) as warehouse:
        assert warehouse.ask("SELECT count(*) FROM compression_row").rows == [(38,)]
    stored = msgspec.json.decode(files(study)[0].read_bytes(), type=StudyTable)
    assert stored.schema == "nngauge.compression/1"


@litert
def test_the_user_s_inputs_come_before_our_own(tmp_path: Path) -> None:
    import numpy as np

    folder = tmp_path / "arrays"
    folder.mkdir()
    chance = np.random.default_rng(1)
    for at in range(24):
        np.save(folder / f"{at}.npy", chance.random((1, 8, 8, 1), np.float32))
    words = MODELS / "keywords_tflite" / "keywords_float32.tflite"
    study = study_of(tmp_path / "study", {"digits.tflite": DIGITS.read_bytes(), "keywords.tflite": words.read_bytes()})
    plan = StudyPlan(folder=folder, inputs=24, seconds=1)
    sources = {
        done.found.name: done.found.table.inputs.source for done in compress_study(study, plan) if done.found.table
    }
    assert sources["digits.tflite"] is InputSource.USER
    assert sources["keywords.tflite"] is not InputSource.USER, "arrays of another shape: our own instead"
