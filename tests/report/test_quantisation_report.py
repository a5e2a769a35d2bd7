"""R18 on compression tables made by hand, whose right answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from msgspec.structs import replace

from nngauge.domain.compression import (
    Agreement,
    Inputs,
    InputSource,
    Reference,
    Refusal,
    Row,
    Rule,
    StudyTable,
    Table,
)
from nngauge.domain.study import Item
from nngauge.domain.task import Modality, TaskVerdict
from nngauge.report import quantisation
from nngauge.report._api import Refusal as Refused
from nngauge.report.corpus import Corpus
from nngauge.report.files import draw
from nngauge.report.making import make_part
from nngauge.store.ledger import Ledger
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import Answer, Warehouse
from tests.builders import facts
from tests.compress.study_tables import pruned, table, told, version

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

NAMES: Final = ("brittle", "sturdy", "whole", "noisy", "bare", "engineless", "untried")
DIGESTS: Final = {name: f"{at:02x}" * 32 for at, name in enumerate(NAMES, 1)}
FORMATS: Final = {"whole": "onnx", "bare": "gguf", "engineless": "ncnn"}
TASKS: Final = {"whole": "face-landmarks", "noisy": "word-prediction"}


def identical(bits: int) -> Row:
    row = version(bits, None)
    same = Agreement(rule=Rule.TOP1, inputs=100, matched=100, low=0.963, high=1.0, identical=True)
    return replace(row, agreement=same)


def kept(name: str, found: Table | Refusal, **changes: Any) -> StudyTable:
    return told(DIGESTS[name], found, name=f"{name}.bin", format=FORMATS.get(name, "tflite"), **changes)


def tables() -> Iterator[StudyTable]:
    yield kept("brittle", replace(table({16: 100, 8: 97, 4: 20}), pruned=(pruned(0.5, 60), pruned(0.9, 0))))
    yield kept("brittle", table({16: 1, 8: 1, 4: 1}), made="2020-01-01T00:00:00+00:00")
    yield kept("brittle", Refusal(reason="missing", explanation="no engine then"), made="2019-01-01T00:00:00+00:00")
    yield kept("sturdy", table({16: 100, 8: 99, 4: 96}))
    yield kept("whole", replace(table({}), rows=(identical(16), identical(8), version(4, 50))))
    noise = Inputs(source=InputSource.NOISE, count=30)
    nothing = Reference(rule=Rule.NONE, because="no rule", inputs=30, withheld="no rule")
    yield kept("noisy", replace(table({16: None, 8: None, 4: None}), inputs=noise, reference=nothing))
    yield kept("bare", Refusal(reason="no weights", explanation="nothing to replace"))
    yield kept("engineless", Refusal(reason="missing", explanation="ncnn is not installed", hint="pip install ncnn"))
    yield told("ee" * 32, table({8: 0}))


def models(names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(
        facts.model(
            digest=DIGESTS[name], path=f"a.apk!assets/{name}.bin", format=FORMATS.get(name, "tflite"),
            task=TaskVerdict(task=TASKS.get(name, "image-classification"), modality=Modality.IMAGE, probability=0.9),
        )
        for name in names
    )  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("study")
    (folder / "compressed").mkdir()
    for at, one in enumerate(tables()):
        (folder / "compressed" / f"{at}.json").write_bytes(msgspec.json.encode(one))
    (folder / "compressed" / "broken.json").write_bytes(b"{")
    with Ledger(folder / "ledger.sqlite") as ledger:
        for place, names in (("a", NAMES), ("b", ("brittle", "bare"))):
            ledger.add("2026-11", "folder", "/", [Item(locator=f"/{place}")])
            (work,) = ledger.lease(1)
            app = msgspec.structs.replace(facts.scan().app, package_id=f"com.example.{place}", sha256=place * 64)
            ledger.finish(work.id, place, "key", StoredResult(scan=facts.scan(app=app, models=models(names))))
        with Warehouse(folder, ledger) as warehouse:
            yield Corpus(warehouse)


def rows(corpus: Corpus, part: str) -> list[dict[str, Any]]:
    found = next(item for item in quantisation.REPORT.parts if item.name == part)
    result = make_part(found, corpus).result
    assert isinstance(result, Answer), result
    assert result.columns == tuple(column.name for column in found.columns)
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


def by(corpus: Corpus, part: str, *keys: str) -> dict[Any, dict[str, Any]]:
    return {tuple(row[key] for key in keys) if len(keys) > 1 else row[keys[0]]: row for row in rows(corpus, part)}


def test_agreement_is_of_models_that_changed_and_whose_answers_are_told(corpus: Corpus) -> None:
    found = by(corpus, "agreement", "version")
    assert list(found) == ["16 bit float", "8 bit linear", "4 bit linear"]
    eight, four = found["8 bit linear"], found["4 bit linear"]
    assert (eight["models"], eight["judged"], eight["same"]) == (4, 2, 1)
    assert (eight["median"], eight["keep_95"], eight["keep_99"]) == pytest.approx((0.98, 1.0, 0.5))
    assert (four["judged"], four["same"], four["median"], four["keep_95"]) == (3, 0, 0.5, pytest.approx(1 / 3))
    assert four["packed"] == pytest.approx(0.125)


def test_an_older_table_of_the_same_model_does_not_count(corpus: Corpus) -> None:
    assert by(corpus, "models", "name")["brittle.bin"]["bits_8"] == 0.97
    assert [row["name"] for row in rows(corpus, "models")] == ["brittle.bin", "noisy.bin", "sturdy.bin", "whole.bin"]


def test_models_that_keep_their_answers(corpus: Corpus) -> None:
    found = by(corpus, "kept", "version", "agreement")
    eight = found["8 bit linear", "at least 99 %"]
    assert (eight["judged"], eight["kept"], eight["share"], eight["surely"]) == (2, 1, 0.5, 0)
    assert eight["low"] < 0.5 < eight["high"]
    assert found["16 bit float", "at least 95 %"]["surely"] == 2


def test_the_fewest_bits_that_keep_the_answers(corpus: Corpus) -> None:
    assert {(row["scheme"], row["bits"]): (row["models"], row["share"]) for row in rows(corpus, "fewest-bits")} == {
        ("linear", "8"): (2, pytest.approx(2 / 3)),
        ("linear", "4"): (1, pytest.approx(1 / 3)),
    }


def test_sizes_are_of_all_models(corpus: Corpus) -> None:
    found = by(corpus, "sizes", "version")["8 bit linear"]
    assert (found["models"], found["median"], found["deflated"], found["storable"], found["file"]) == (
        4,
        0.25,
        0.25,
        4,
        0.25,
    )
    assert by(corpus, "sizes", "version")["4 bit linear"]["storable"] == 0


def test_noise_tells_only_the_ratio(corpus: Corpus) -> None:
    found = by(corpus, "sqnr", "version")["8 bit linear"]
    assert (found["models"], found["told"], found["same"], found["median"]) == (4, 3, 1, 40.0)
    told_of = by(corpus, "inputs", "input_source")
    assert told_of["1/f noise"]["agreement"] == "not told: no rule for the task"
    assert (told_of["bundled samples"]["agreement"], told_of["bundled samples"]["models"]) == ("told", 3)


def test_by_task_and_format(corpus: Corpus) -> None:
    tasks = by(corpus, "by-task", "task", "version")
    assert tasks["image-classification", "8 bit linear"]["median"] == pytest.approx(0.98)
    assert (tasks["face-landmarks", "8 bit linear"]["judged"], tasks["face-landmarks", "8 bit linear"]["same"]) == (
        0,
        1,
    )
    assert tasks["word-prediction", "8 bit linear"]["median"] is None
    formats = by(corpus, "by-format", "format", "version")
    assert formats["onnx", "4 bit linear"]["median"] == 0.5
    assert formats["tflite", "4 bit linear"]["keep_95"] == 0.5


def test_zeros(corpus: Corpus) -> None:
    assert [(row["sparsity"], row["median"], row["keep_95"]) for row in rows(corpus, "pruned")] == [
        (0.5, 0.6, 0.0),
        (0.9, 0.0, 0.0),
    ]


def test_the_smallest_version_is_one_that_a_screen_would_advise(corpus: Corpus) -> None:
    found = by(corpus, "models", "name")
    assert (found["sturdy.bin"]["smallest"], found["sturdy.bin"]["smallest_bytes"]) == ("4 bit linear", 125_000)
    assert found["brittle.bin"]["smallest"] == "8 bit linear"
    assert found["noisy.bin"]["smallest"] is None


def test_why_others_have_no_table(corpus: Corpus) -> None:
    assert {(row["kind"], row["format"]): (row["models"], row["packages"]) for row in rows(corpus, "refused")} == {
        ("no weights", "gguf"): (1, 2),
        ("missing", "ncnn"): (1, 1),
        ("damaged", "-"): (1, None),
    }
    found = by(corpus, "coverage", "format")
    assert {name: (row["models"], row["tables"], row["without"], row["untried"]) for name, row in found.items()} == {
        "tflite": (4, 3, 0, 1),
        "onnx": (1, 1, 0, 0),
        "gguf": (1, 0, 1, 0),
        "ncnn": (1, 0, 1, 0),
    }
    assert (found["gguf"]["used"], found["tflite"]["used"]) == (0.0, pytest.approx(4 / 5))


def test_every_figure_is_drawn_and_every_question_can_be_asked_again(corpus: Corpus) -> None:
    for part in quantisation.REPORT.parts:
        made = make_part(part, corpus)
        assert isinstance(made.result, Answer), made.result
        assert corpus.facts.ask(made.sql).rows == made.result.rows
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    for part in quantisation.REPORT.parts:
        if part.chart is not None:
            assert draw(make_part(part, corpus), corpus)


def test_a_figure_without_anything_to_draw_is_an_empty_one(corpus: Corpus) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    for name in ("by-task", "agreement"):
        part = next(item for item in quantisation.REPORT.parts if item.name == name)
        made = make_part(part, corpus)
        assert isinstance(made.result, Answer)
        nothing = [tuple(cell if isinstance(cell, str | int) else None for cell in row) for row in made.result.rows]
        drawn = draw(replace(made, result=Answer(made.result.columns, nothing)), corpus)
        assert drawn is not None
        assert "null" not in drawn.svg


def test_without_tables_the_command_is_told(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add("2026-11", "folder", "/", [Item(locator="/a")])
        (work,) = ledger.lease(1)
        ledger.finish(work.id, "a", "key", StoredResult(scan=facts.scan()))
        with Warehouse(tmp_path, ledger) as warehouse:
            for part in quantisation.REPORT.parts:
                result = make_part(part, Corpus(warehouse)).result
                assert isinstance(result, Refused)
                assert result.hint.startswith("nngauge compress STUDY")
