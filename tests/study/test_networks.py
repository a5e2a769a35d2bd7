"""The facts of models that a study keeps: once each, whatever is scanned again, and nothing that stops the app."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nngauge.analyse import network as analysis
from nngauge.api import analyse_model, open_model
from nngauge.domain.network import Network
from nngauge.errors import TruncatedError
from nngauge.pipeline import Scanner
from nngauge.pipeline.networks import facts
from nngauge.runners.networks import Sent
from nngauge.runners.tasks import Reply, Settings, Task, attempt
from nngauge.store.warehouse import Warehouse
from nngauge.study import Study, look

pytest.importorskip("duckdb", reason="the extra `study` is not installed")
MODELS = Path(__file__).parents[2] / "examples" / "models"
DIGITS = MODELS / "digits_tflite"
SCANNER = Scanner()


def package(path: Path, *models: Path, text: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("about.txt", text or path.name)
        for model in models:
            archive.write(model, f"assets/{model.name}")
    return path


class Workers:
    """An engine: items go to its workers in turn, each with a memory of what it sent."""

    def __init__(self, count: int = 1, settings: Settings | None = None) -> None:
        self.sent = [Sent() for _ in range(count)]
        self.settings = settings or Settings(networks=True)

    def __call__(self, tasks: Iterator[Task]) -> Iterator[tuple[Task, Reply]]:
        for at, task in enumerate(tasks):
            yield task, attempt(SCANNER, task, self.settings, self.sent[at % len(self.sent)])


def run(study: Path, workers: Workers) -> None:
    with Study.open(study) as opened:
        assert all(not outcome.again for outcome in opened.run(engine=workers, settings=workers.settings))


def ask(study: Path, sql: str) -> list[tuple[object, ...]]:
    with look(study) as ledger, Warehouse(study, ledger) as facts_:
        return facts_.ask(sql).rows


@pytest.fixture
def study(tmp_path: Path) -> Path:
    apps = tmp_path / "apps"
    apps.mkdir()
    for name in ("a.apk", "b.apk", "c.apk", "d.apk"):
        package(apps / name, DIGITS / "digits_float32.tflite")
    package(apps / "e.apk", DIGITS / "digits_int8.tflite", MODELS / "shapes_onnx" / "shapes_classifier.onnx")
    with Study.create(tmp_path / "study") as made:
        made.add(str(apps), "2026-11")
    return tmp_path / "study"


def test_each_distinct_model_has_one_row_of_facts(study: Path) -> None:
    run(study, Workers(2))
    assert ask(study, "SELECT count(*), count(DISTINCT digest) FROM network") == [(3, 3)]
    assert ask(study, "SELECT count(*), count(DISTINCT digest) FROM model") == [(6, 3)]
    whole = analyse_model(DIGITS / "digits_int8.tflite")
    found = ask(
        study,
        "SELECT DISTINCT macs, network.parameters, weight_bytes, peak_bytes, precision FROM network JOIN model USING (digest) "
        "WHERE name = 'digits_int8.tflite'",
    )
    assert whole.cost.peak is not None
    verdict = whole.optimisation.verdict.label
    assert found == [
        (whole.cost.macs, whole.cost.parameters, whole.cost.weight_bytes, whole.cost.peak.bytes, verdict)
    ]  # fmt: skip
    sums = ask(
        study,
        "SELECT sum(family.macs) - any_value(network.macs) FROM family JOIN network USING (digest) GROUP BY digest",
    )
    assert sums == [(0,)] * 3
    assert ask(study, "SELECT count(*) FROM tensor") == [(4 + 3 + 11,)]
    assert ask(study, "SELECT count(*) FROM tensor WHERE known_high IS NOT NULL AND exact IS NOT NULL") == [(6,)]


def test_facts_made_again_under_other_rules_replace_the_old_ones(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(study, Workers(2))
    before = ask(study, "SELECT * EXCLUDE (app, key) FROM network ORDER BY digest")
    monkeypatch.setattr("nngauge.study.scan_key", lambda _: "other rules")
    workers = Workers(2)
    with Study.open(study) as opened:
        outcomes = opened.run(engine=workers, settings=workers.settings)
        next(outcomes)  # killed after the first
        outcomes.close()  # type: ignore[attr-defined]
    assert ask(study, "SELECT count(DISTINCT digest) FROM network") == [(3,)]
    run(study, Workers(2))
    assert ask(study, "SELECT * EXCLUDE (app, key) FROM network ORDER BY digest") == before
    assert ask(study, "SELECT DISTINCT key FROM network") == [("other rules with networks",)]


def test_what_a_study_without_facts_of_models_lacks_is_made_by_the_next_run(study: Path) -> None:
    run(study, Workers(1, Settings()))
    assert ask(study, "SELECT count(*) FROM network") == [(0,)]
    run(study, Workers())
    assert ask(study, "SELECT count(*) FROM network") == [(3,)]


def test_documents_stay_as_they_are(study: Path) -> None:
    run(study, Workers())
    assert ask(study, "SELECT count(*) FROM document WHERE contains(document, 'weights_left_out')") == [(0,)]
    with look(study) as ledger, Warehouse(study, ledger) as facts_:
        ((app,),) = facts_.ask("SELECT DISTINCT app FROM model WHERE format = 'onnx'").rows
        result = facts_.result(app)
    assert result is not None
    assert result.scan == SCANNER.scan(study.parent / "apps" / "e.apk")


def test_a_worker_sends_the_facts_of_a_model_once_and_again_with_the_same_app() -> None:
    sent = Sent(most=2)
    networks = tuple(Network(digest=name, plugin="x@1") for name in ("m", "n"))
    sent.add(networks, "app")
    assert sent.has("m", "other")
    assert not sent.has("m", "app")
    sent.add((Network(digest="o", plugin="x@1"),), "app")
    assert not sent.has("m", "other"), "the oldest is forgotten"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TruncatedError("cut short"), "TruncatedError: cut short"),
        (MemoryError(), "gave up: MemoryError"),
        (KeyError("x"), "InternalError: KeyError: 'x'"),
    ],
)
def test_what_goes_wrong_is_the_reason_why_there_are_no_facts(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(analysis, "infer_shapes", fail)
    assert of(DIGITS / "digits_int8.tflite").reason == reason


def test_a_model_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def forever(*_: object) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            pass

    monkeypatch.setattr(analysis, "infer_shapes", forever)
    begun = time.monotonic()
    assert of(DIGITS / "digits_int8.tflite", 0.2).reason == "not analysed within 0.2 s"
    assert time.monotonic() - begun < 10


def of(path: Path, seconds: float = 10) -> Network:
    from nngauge.analyse.summary import summarise

    with open_model(path) as extracted:
        return facts(summarise(extracted), extracted, seconds)


def test_one_value_over_and_over_is_no_weight_to_recognise() -> None:
    found = of(MODELS / "shapes_onnx" / "shapes_classifier.onnx")
    assert found.reason is None
    assert sum(item.exact is not None for item in found.tensors) >= 6
    assert [item.order for item in found.tensors] == sorted(item.order for item in found.tensors)


def test_facts_of_a_language_model() -> None:
    found = of(MODELS / "story_gguf" / "story_llama_q4_0.gguf")
    assert found.language is not None
    assert (found.language.family, found.language.context, found.language.layers) == ("Llama", 128, 2)
    assert len(found.tensors) == 21
