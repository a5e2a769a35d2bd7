from __future__ import annotations

import zipfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks.evaluation import tasks_page
from benchmarks.evaluation.tasks import (
    Answer,
    Labelled,
    Outcome,
    coverage_at,
    evaluate,
    fit,
    keyword,
    load,
    out_of_fold,
)
from benchmarks.evaluation.tasks_core import LabelledApp, core_table
from benchmarks.evaluation.tasks_core import load as load_apps
from nngauge.domain.task import TASK, UNKNOWN

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tasks.md"


def test_the_list_is_sound_and_divided_by_repository() -> None:
    listed = load()
    assert len(listed) >= 400
    assert {model.task for model in listed} <= {*TASK, UNKNOWN}
    assert len({model.sha256 for model in listed}) == len(listed)
    for model in listed:
        held = sha256(model.repository.encode()).digest()[0] & 1
        assert model.split == ("hold-out" if held else "dev")
        assert len(model.sha256) == 64
    assert min(Counter(model.split for model in listed).values()) > 150


def test_missing_and_changed_files_are_left_out(tmp_path: Path) -> None:
    source = ROOT / "examples" / "models" / "digits_tflite" / "digits_float32.tflite"
    (tmp_path / "a+b").mkdir()
    (tmp_path / "a+b" / "mnist.tflite").write_bytes(source.read_bytes())
    digest = sha256(source.read_bytes()).hexdigest()
    rows = [
        Labelled("dev", "handwriting-recognition", "a/b", "mnist.tflite", digest, "path", ()),
        Labelled("dev", "handwriting-recognition", "a/b", "mnist.tflite", "0" * 64, "path", ()),
        Labelled("dev", "handwriting-recognition", "a/b", "absent.tflite", digest, "path", ()),
    ]
    (outcome,) = evaluate(rows, tmp_path)
    assert outcome.format == "tflite"
    assert outcome.keyword == "handwriting-recognition"
    assert max(outcome.named, key=outcome.named.__getitem__) == "handwriting-recognition"
    assert outcome.named["handwriting-recognition"] > outcome.bare["handwriting-recognition"]


def test_the_baseline_takes_the_first_keyword() -> None:
    assert keyword("models/face_landmark.tflite") == "face-landmarks"
    assert keyword("assets/a.tflite") == UNKNOWN


def test_coverage_stops_where_precision_falls() -> None:
    answers = [Answer("a", "a", 0.9)] * 19 + [Answer("b", "a", 0.8)] + [Answer("b", "a", 0.5)] * 5
    assert coverage_at(answers, 0.95) == (20, 0.8)
    assert coverage_at([Answer("a", UNKNOWN, 0.9)], 0.95) == (0, None)
    tied = [Answer("a", "a", 0.9), Answer("b", "a", 0.9)]
    assert coverage_at(tied, 0.95) == (0, None)


def _outcome(repository: str, task: str, strength: float, split: str = "hold-out") -> Outcome:
    model = Labelled(split, task, repository, "m.onnx", "0" * 64, "path", ())
    return Outcome(model, "onnx", {"face-detection": strength}, {}, UNKNOWN)


def test_the_temperature_follows_what_is_right() -> None:
    sure = [("face-detection", {"face-detection": 6.0})] * 20
    unsure = [("face-detection", {"face-detection": 6.0}), ("pose-estimation", {"face-detection": 6.0})] * 10
    assert fit(sure) < fit(unsure)


def test_tables_are_made_of_the_answers() -> None:
    held = [_outcome(f"o/r{i}", "face-detection", 7.0) for i in range(20)]
    wrong = _outcome("o/w", "pose-estimation", 7.0)
    nothing = _outcome("o/n", UNKNOWN, 0.0)
    text = tasks_page.tables([*held, wrong, nothing, _outcome("o/d", "face-detection", 7.0, "dev")], 30)
    assert "23 of 30" in text
    assert "21 of 22 (95 %)" in text
    assert "| `pose-estimation` | `face-detection` | 1 |" in text
    assert "not at hand" in tasks_page.tables([], 5)
    assert len(out_of_fold([*held, wrong], names=True)) == 21


def test_the_page_has_the_taxonomy_of_the_code() -> None:
    page = PAGE.read_text()
    assert tasks_page.taxonomy() in page
    measured = page.partition("<!-- measured -->")[2].partition("<!-- end of measured -->")[0]
    assert tasks_page.filled(page, measured) == page


def test_core_labels_are_read_from_the_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "apps.xlsx"
    strings = ["com.a.selfie", "image", "photo beauty", "yes", "com.b.bank", "word&amp;emoji prediction", "no"]
    shared = "".join(f"<si><t>{text}</t></si>" for text in strings)
    rows = [(0, 1, 2, 3), (4, 1, 5, 6), (0, 1, 2, 3)]
    sheet = "".join(
        "<row >" + "".join(f'<c r="{c}{n}" t="s"><v>{v}</v></c>' for c, v in zip("ABCD", row, strict=True)) + "</row>"
        for n, row in enumerate(rows, 1)
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/sharedStrings.xml", shared)
        archive.writestr("xl/worksheets/sheet2.xml", sheet)
    assert load_apps(path) == (
        LabelledApp("com.a.selfie", ("image-enhancement",), core=True),
        LabelledApp("com.b.bank", ("word-prediction",), core=False),
    )


@pytest.mark.parametrize(
    ("package", "core", "cell"), [("com.fun.selfie", True, "1 of 1"), ("com.fun.selfie", False, "0 of 1")]
)
def test_the_core_table_counts_right_answers(package: str, core: bool, cell: str) -> None:
    text = core_table([LabelledApp(package, ("face-landmarks",), core)])
    assert cell in text
