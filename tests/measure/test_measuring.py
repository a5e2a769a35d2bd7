"""The command on real engines: a file, an app, a study; what is missing and what is refused. No times are asserted."""

from __future__ import annotations

import hashlib
import json
import platform
import random
import shutil
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from nngauge.cli import cli
from nngauge.cli.measure import _of_engines
from nngauge.devices import open_device
from nngauge.domain.graph import Graph
from nngauge.domain.measurement import Configuration, Session
from nngauge.engines import Request
from nngauge.engines.native import Runtime
from nngauge.errors import UsageError
from nngauge.measure.protocol import Plan
from nngauge.measure.session import Subject
from nngauge.measuring import HostBench, Wanted, configurations, sessions_here, subjects_at
from nngauge.store.models import KeptModel
from tests.builders.samples import model
from tests.measure.sessions import PHONE, launch, measurement

MODELS = Path(__file__).parents[2] / "examples" / "models"
DIGITS = MODELS / "digits_tflite" / "digits_float32.tflite"
MACS = 52_224
"""As `nngauge show` counts them."""
litert = pytest.mark.skipif(find_spec("ai_edge_litert") is None, reason="LiteRT is not installed (make oracles)")
QUICK = ("--launches", "2", "--most-launches", "2", "--quiet")


def nngauge(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), standalone_mode=False)


def measured(*words: str) -> Session:
    result = nngauge("measure", *words, *QUICK, "--json")
    return msgspec.json.decode(result.stdout, type=Session)


@litert
def test_a_model_file_is_measured_and_its_outputs_are_those_of_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(DIGITS.parent)
    session = measured(DIGITS.name, "--threads", "1,2", "-o", str(tmp_path / "a.json"))
    assert [item.configuration.threads for item in session.measurements] == [1, 2]
    assert not session.refusals
    for item in session.measurements:
        assert (item.name, item.format, item.macs) == ("digits_float32.tflite", "tflite", MACS)
        assert len(item.launches) == 2
        assert all(launch.load_ns > 0 and launch.first_ns > 0 and len(launch.wall_ns) >= 30 for launch in item.launches)
        assert item.output is not None
        assert item.output.varies
        assert item.output.finite
        assert item.output.reference.startswith("litert ")
        assert item.output.difference is not None
        assert item.output.difference < 1e-5
    assert json.loads((tmp_path / "a.json").read_text())["schema"] == "nngauge.measurement/1"


@litert
def test_the_models_of_an_app_are_measured_and_what_no_engine_runs_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.apk", "w") as app:
        app.writestr("assets/digits.bin", DIGITS.read_bytes())
        app.writestr("assets/other.gguf", model("gguf"))
    session = measured(str(tmp_path / "a.apk"), "--engine", "litert")
    assert [item.name for item in session.measurements] == ["digits.bin"]
    (refusal,) = session.refusals
    assert (refusal.name, refusal.kind, refusal.hint) == ("other.gguf", "unsupported", "--engine llamacpp")


@litert
def test_two_measurements_of_the_same_are_compared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        measured(str(DIGITS), "-o", str(tmp_path / name))
    result = nngauge("compare-runs", str(tmp_path / "a"), str(tmp_path / "b"), "--json", "--exit-code")
    (row,) = json.loads(result.stdout)
    assert row["verdict"] == "cannot tell", "two launches a side can tell nothing"
    assert result.exit_code == 0
    (tmp_path / "c").write_bytes(msgspec.json.encode(Session()))
    (tmp_path / "d").write_text('{"schema": "nngauge.measurement/1", "measurements": [1]}')
    assert "in both" in str(nngauge("compare-runs", str(tmp_path / "a"), str(tmp_path / "c")).exception)
    refused = nngauge("compare-runs", str(tmp_path / "a"), str(tmp_path / "d"))
    assert "is no measurement" in str(refused.exception)


@litert
def test_a_runtime_library_runs_the_model_with_our_runner() -> None:
    import ai_edge_litert

    if platform.machine() != "x86_64":
        pytest.skip("the library is of another processor than the prebuilt runner's")
    library = Path(next(iter(ai_edge_litert.__path__))) / "libLiteRt.so"
    session = measured(str(DIGITS), "--runtime", str(library))
    (one,) = session.measurements
    assert one.configuration.engine == "native:libLiteRt.so"
    assert one.library == hashlib.sha256(library.read_bytes()).hexdigest()
    assert one.output is not None
    assert one.output.difference is not None
    assert one.output.difference < 1e-5
    refused = measured(str(MODELS / "shapes_onnx" / "shapes_classifier.onnx"), "--runtime", str(library))
    assert [item.kind for item in refused.refusals] == ["unsupported"]


def test_the_libraries_of_an_app_are_asked_for_by_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.apk", "w") as app:
        app.writestr("assets/digits.tflite", DIGITS.read_bytes())
    refused = nngauge("measure", str(tmp_path / "a.apk"), "--app-runtime", *QUICK)
    assert "no runtime library for" in str(refused.exception)
    assert "--runtime FILE" in str(refused.exception)


def test_an_engine_that_is_not_there_is_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nngauge.measuring.installed", lambda _: False)
    result = nngauge("measure", str(DIGITS), "--engine", "litert", *QUICK, "--json")
    session = msgspec.json.decode(result.stdout, type=Session)
    (refusal,) = session.refusals
    assert (refusal.kind, refusal.name) == ("missing", "digits_float32.tflite")
    assert "pip install" in refusal.hint
    assert result.return_value == 3


@litert
def test_a_damaged_model_is_the_engines_answer(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(DIGITS.read_bytes()[:3000])
    with open_device("host") as device:
        bench = HostBench(device, tmp_path)
        reply = bench.launch(
            Configuration(engine="litert"), Request(files=(str(tmp_path / "m.tflite"),), format="tflite")
        )
    assert reply.trouble is not None
    assert reply.trouble.kind in {"failed", "unsupported", "crashed"}


def test_sweeps_are_all_combinations() -> None:
    found = configurations(Wanted(engines=("litert", "ncnn"), threads=(1, 4), batches=(1, 8)), "tflite")
    assert len(found) == 4
    assert {item.engine for item in found} == {"litert"}
    assert configurations(Wanted(engines=("ncnn",)), "tflite") == ()
    with pytest.raises(UsageError, match="there is no engine 'litert-compiled'"):
        configurations(Wanted(engines=("litert-compiled",)), "tflite")


@litert
def test_a_study_is_measured_once_and_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb", reason="the extra `study` is not installed")
    with zipfile.ZipFile(tmp_path / "a.apk", "w") as app:
        for name in ("digits_float32", "digits_int8"):
            app.writestr(f"assets/{name}.tflite", (DIGITS.parent / f"{name}.tflite").read_bytes())
    study = tmp_path / "study"
    for words in (
        ("init", str(study)), ("add", str(study), str(tmp_path / "a.apk")), ("run", str(study), "--keep-models", "--workers", "1"),
    ):  # fmt: skip
        nngauge("study", *words)
    first = measured(str(study))
    assert sorted(item.name for item in first.measurements) == ["digits_float32.tflite", "digits_int8.tflite"]
    files = sorted((study / "measured").glob("*.json"))
    assert len(files) == 2
    files[0].unlink()
    launched: list[Configuration] = []
    real = HostBench.launch
    monkeypatch.setattr(
        HostBench, "launch", lambda self, cell, request: (launched.append(cell), real(self, cell, request))[1]
    )
    again = measured(str(study))
    assert {item.name for item in again.measurements} == {item.name for item in first.measurements}
    assert len([item for item in launched if not item.delegate]) == 2, "only the model that was gone is launched"


def test_models_of_a_study_keep_their_names(tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="the extra `study` is not installed")
    with zipfile.ZipFile(tmp_path / "a.apk", "w") as app:
        app.writestr("assets/net.param", (MODELS / "shapes_ncnn" / "shapes_classifier.param").read_bytes())
        app.writestr("assets/net.bin", (MODELS / "shapes_ncnn" / "shapes_classifier.bin").read_bytes())
    study = tmp_path / "study"
    for words in (
        ("init", str(study)),
        ("add", str(study), str(tmp_path / "a.apk")),
        ("run", str(study), "--keep-models", "--workers", "1"),
    ):
        nngauge("study", *words)
    (waiting,) = subjects_at(study, tmp_path / "work", shapes={}, feeds={})
    found = waiting.opened()
    assert [file.name for file in found.files] == ["net.param", "net.bin"]
    assert found.format == "ncnn"


def test_energy_wants_a_meter_that_records() -> None:
    assert "--meter is for energy" in str(nngauge("measure", str(DIGITS), "--meter", "battery").exception)
    assert "is what --energy --meter monsoon" in str(nngauge("measure", str(DIGITS), "--volts", "3.8").exception)
    if find_spec("Monsoon") is None:
        told = nngauge("measure", str(DIGITS), "--energy", "--meter", "monsoon", "--volts", "3.85")
        assert "package of the power monitor is missing" in str(told.exception)
    assert "only reads recordings" in str(nngauge("measure", str(DIGITS), "--energy", "--meter", "csv").exception)
    assert "no such power meter" in str(nngauge("measure", str(DIGITS), "--energy", "--meter", "x").exception)


def test_wrong_use_is_said() -> None:
    assert "not NAME=FILE" in str(nngauge("measure", str(DIGITS), "--feed", "x").exception)
    assert "not the address of a device" in str(nngauge("measure", str(DIGITS), "--device", "phone").exception)
    assert "neither an app package" in str(nngauge("measure", __file__).exception)


def test_numbers_that_cannot_be_are_said_before_anything_is_started(tmp_path: Path) -> None:
    def said(*words: str) -> str:
        done = nngauge("measure", str(DIGITS), *words)
        assert done.exit_code != 0
        return f"{done.output} {done.exception}"

    assert "numbers above 0" in said("--threads", "0")
    assert "numbers above 0" in said("--batch", "1,0")
    assert "cannot be kept" in said("--launches", "5", "--most-launches", "2")
    assert "there is no core 4000" in said("--cpus", "4000")
    assert "there is no engine 'nope'" in said("--engine", "litert,nope", "--device", "adb:NONE")


def test_files_to_be_written_are_looked_at_before_minutes_of_measuring(tmp_path: Path) -> None:
    def said(*words: object) -> str:
        return str(nngauge("measure", str(DIGITS), *map(str, words)).exception)

    there = tmp_path / "there.json"
    there.write_text("kept")
    for option in ("-o", "--mlperf", "--record"):
        assert "is there already" in said(option, there)
        assert "no such folder" in said(option, tmp_path / "nowhere" / "x")
    assert "is there already" in str(nngauge("doctor", "-o", str(there)).exception)
    assert "cannot be one file" in said("-o", tmp_path / "x", "--mlperf", tmp_path / "x")
    assert there.read_text() == "kept"


@litert
def test_an_engine_has_the_names_that_people_use_and_no_meter_is_partly_done(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text("older")
    words = ("--engine", "tflite,litert", "--threads", "1,1", "--energy", "--meter", "none", "--most-launches", "1")
    done = nngauge("measure", str(DIGITS), *words, "-o", str(kept), "--force")
    assert done.return_value == 3, "energy was asked for and not measured"
    session = json.loads(kept.read_bytes())
    assert [item["configuration"]["engine"] for item in session["measurements"]] == ["litert"]
    assert len(session["measurements"][0]["launches"]) == 1
    assert session["energies"][0]["refusal"]["kind"] == "no meter"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two apps: one model is in both, one needs another engine."""
    pytest.importorskip("duckdb", reason="the extra `study` is not installed")
    folder = tmp_path_factory.mktemp("measured")
    for app, names in (("a", ("digits_float32", "digits_int8")), ("b", ("digits_float32",))):
        with zipfile.ZipFile(folder / f"{app}.apk", "w") as made:
            for name in names:
                made.writestr(f"assets/{name}.tflite", (DIGITS.parent / f"{name}.tflite").read_bytes())
            if app == "a":
                made.writestr("assets/story.gguf", model("gguf"))
    made_study = folder / "study"
    for words in (
        ("init", str(made_study)), ("add", str(made_study), str(folder)), ("run", str(made_study), "--keep-models", "--workers", "1"),
    ):  # fmt: skip
        nngauge("study", *words)
    return made_study


@litert
def test_a_study_s_measurements_are_tables_reports_and_a_session(study: Path, tmp_path: Path) -> None:
    question = "SELECT name, engine, launches, steady_seconds > 0 AS timed FROM measurement ORDER BY name"
    assert json.loads(nngauge("study", "sql", str(study), question, "--json").stdout) == []
    mlperf = tmp_path / "mlperf.json"
    (item,) = measured(str(study), "--top", "1", "--mlperf", str(mlperf)).measurements
    assert item.name == "digits_float32.tflite", "the one of most apps"
    assert item.summary is not None
    (result,) = json.loads(mlperf.read_text())["results"]
    assert (result["benchmark_id"], result["backend_settings"]["framework"]) == (item.model, "litert")
    everything = measured(str(study))
    assert [(one.name, one.kind) for one in everything.refusals if one.kind != "missing"] in (
        [],
        [("story.gguf", "failed")],
    )
    rows = json.loads(nngauge("study", "sql", str(study), question, "--json").stdout)
    assert [(row["name"], row["engine"], row["launches"], row["timed"]) for row in rows] == [
        (f"digits_{kind}.tflite", "litert", 2, True) for kind in ("float32", "int8")
    ]
    assert "no data" not in nngauge("report", str(study), "latency", "--csv", "--to", str(tmp_path / "out")).output
    assert (tmp_path / "out" / "data" / "latency-measured.csv").read_text().count("litert") == 1
    shutil.copytree(study / "measured", tmp_path / "again" / "measured")
    compared = json.loads(nngauge("compare-runs", str(study), str(tmp_path / "again"), "--json").stdout)
    assert {row["verdict"] for row in compared} == {"cannot tell"}, "two launches a side can tell nothing"
    told = json.loads(
        nngauge("scenario", str(study), "--preset", "camera", "--only", "digits_int8.tflite", "--json").stdout
    )
    assert told[0]["feasible"]["dropped"] == 0


@litert
def test_what_was_asked_for_besides_times_is_measured_though_times_are_there(study: Path) -> None:
    measured(str(study), "--top", "1")
    before = len(list((study / "measured").glob("*.json")))
    measured(str(study), "--top", "1", "--profile")
    assert len(list((study / "measured").glob("*.json"))) == before + 1
    measured(str(study), "--top", "1", "--profile")
    assert len(list((study / "measured").glob("*.json"))) == before + 1


@litert
def test_what_lacked_its_engine_is_measured_once_it_is_there(tmp_path: Path, study: Path) -> None:
    shutil.copytree(study, tmp_path / "study", ignore=shutil.ignore_patterns("measured", "cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nngauge.measuring.installed", lambda _: False)
        nngauge("measure", str(tmp_path / "study"), "--top", "1", "--engine", "litert", *QUICK)
    question = "SELECT kind, hint LIKE 'pip install%' AS told FROM measurement_refusal"
    assert json.loads(nngauge("study", "sql", str(tmp_path / "study"), question, "--json").stdout) == [
        {"kind": "missing", "told": True}
    ]
    (item,) = measured(str(tmp_path / "study"), "--top", "1", "--engine", "litert").measurements
    assert item.launches
    assert json.loads(nngauge("study", "sql", str(tmp_path / "study"), question, "--json").stdout) == []


def test_a_folder_without_measurements_and_one_of_several_devices_are_said(tmp_path: Path) -> None:
    (tmp_path / "measured").mkdir()
    assert "no measurements" in str(nngauge("compare-runs", str(tmp_path), str(tmp_path)).exception)
    chance = random.Random(1)
    for at, kind in enumerate(("adb:1", "adb:2")):
        made = tuple(launch(chance, block=block) for block in range(6))
        item = measurement(made, device=msgspec.structs.replace(PHONE, id=kind))
        (tmp_path / "measured" / f"{at}.json").write_bytes(msgspec.json.encode(Session(measurements=(item,))))
    refused = nngauge("compare-runs", str(tmp_path), str(tmp_path))
    assert "several devices" in str(refused.exception)
    assert "adb:2" in str(getattr(refused.exception, "hint", ""))
    told = nngauge("scenario", str(tmp_path), "--preset", "camera", "--device", "adb:2", "--json")
    assert [row["device"]["id"] for row in json.loads(told.stdout)] == ["adb:2"]


def test_a_model_of_a_study_is_opened_when_its_turn_comes_and_not_when_it_is_known(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of models neither wait for each other's networks nor stay in memory."""
    course: list[str] = []

    def opened(kept: KeptModel) -> Subject:
        course.append(f"opened {kept.model.name}")
        return Subject(
            digest=kept.model.digest,
            name=kept.model.name,
            format="tflite",
            files=kept.files,
            graph=Graph(format="tflite"),
        )

    def ran(subjects: Sequence[Subject], cells: Sequence[Configuration], *_: object, **__: object) -> Session:
        course.append(f"measured {subjects[0].name}")
        return Session(measurements=(measurement((launch(random.Random(1)),), name=subjects[0].name),))

    monkeypatch.setattr("nngauge.measuring._of_kept", opened)
    monkeypatch.setattr("nngauge.measuring.measure", ran)

    def noted(session: Session) -> Session:
        course.append("session")
        return session

    def sessions(folder: Path, most: int | None = None) -> list[Session]:
        with open_device("host") as device:
            waiting = subjects_at(study, tmp_path / "work", shapes={}, feeds={})
            wanted = Wanted(engines=("litert",))
            found = sessions_here(waiting, wanted, device, Plan(), tmp_path, kept=folder, most=most)
            return list(map(noted, found))

    digits = [f"digits_{kind}.tflite" for kind in ("float32", "int8")]
    first, second = ([f"opened {name}", f"measured {name}", "session"] for name in digits)
    assert len(sessions(tmp_path / "kept", most=1)) == 1
    assert course == first
    course.clear()
    found = sessions(tmp_path / "kept")
    assert course[0] == "session", "what is kept is not opened again"
    assert [item for item in course if item != "session"] == second[:2]
    assert {item.name for session in found for item in session.measurements} == set(digits)
    assert [item.name for session in found for item in session.refusals] == ["story.gguf"]
    course.clear()
    assert len(sessions(tmp_path / "kept", most=2)) == 2
    assert course == ["session", "session"], "so many, those that are known counted"


@litert
def test_what_came_of_each_model_of_a_study_is_shown_before_the_next_one_is_measured(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(study, tmp_path / "study", ignore=shutil.ignore_patterns("measured", "cache"))
    shown: list[int] = []
    monkeypatch.setattr("nngauge.cli.screen.show", lambda _: shown.append(len(list(tmp_path.glob("study/measured/*")))))
    done = nngauge("measure", str(tmp_path / "study"), "--engine", "litert", *QUICK)
    assert done.return_value == 3, "what no engine runs is partly done"
    assert shown[:2] == [1, 2]
    assert len(shown) == 3
    assert not done.stderr


def test_on_a_device_engines_choose_among_the_libraries() -> None:
    def runtime(name: str, interface: str) -> Runtime:
        return Runtime(name=name, path=Path(name), sha256="", abi="arm64-v8a", interface=interface, bionic=True)

    found = {one.name: one for one in (runtime("a", "litert"), runtime("b", "tflite"), runtime("c", "onnxruntime"))}
    assert list(_of_engines(found, ())) == ["a", "b", "c"]
    assert list(_of_engines(found, ("litert",))) == list(_of_engines(found, ("litert_compiled",))) == ["a", "b"]
    assert list(_of_engines(found, ("onnxruntime", "litert"))) == ["a", "b", "c"]
    assert list(_of_engines(found, ("onnxruntime",))) == ["c"]
    assert _of_engines(found, ("openvino",)) == {}
