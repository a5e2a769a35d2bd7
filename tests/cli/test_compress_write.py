"""``nngauge compress --recipe``: what is written, what is said, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nngauge.cli import cli
from nngauge.cli.compress_write import RECIPES
from nngauge.compress.writing import WRITERS, Recipe
from nngauge.errors import UsageError

pytest.importorskip("numpy")

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
MODEL = EXAMPLES / "digits_tflite" / "digits_float32.tflite"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["compress", *words, "--quiet"])


def test_recipes_are_those_of_the_writers() -> None:
    """Every name stands for a recipe that some writer has."""
    assert {str(Recipe(name)) for name in RECIPES} == set(RECIPES)
    offered = {recipe for writer in WRITERS for recipe in writer.recipes} - {
        Recipe.MIXED,
        Recipe.SHRINK,
        Recipe.CONVERT,
    }
    assert offered == {Recipe(name) for name in RECIPES}


def test_file_is_written_and_told(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_quantizer", reason='needs pip install "nngauge[compress]"')
    ran = run(str(MODEL), "-o", str(tmp_path / "small.tflite"), "--count", "8")
    assert ran.exit_code == 0, ran.output
    for word in ("int8-weights; written to", "deflated", "signal to noise", "ai-edge-quantizer"):
        assert word in ran.output
    assert (tmp_path / "small.tflite").stat().st_size < MODEL.stat().st_size
    again = run(str(MODEL), "-o", str(tmp_path / "small.tflite"))
    assert isinstance(again.exception, UsageError)
    assert "--force" in str(again.exception)


def test_modernised_file_is_identical(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    ran = run(str(MODEL), "-o", str(tmp_path / "new.tflite"), "--recipe", "modernise", "--count", "4", "--json")
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.output)
    assert said["likeness"]["identical"] is True
    assert said["before"]["macs"] == said["after"]["macs"]


def test_recipe_of_another_format_names_those_there_are() -> None:
    ran = run(str(MODEL), "--recipe", "q8_0")
    assert isinstance(ran.exception, UsageError)
    assert "int8-weights" in str(ran.exception)
    ran = run(str(EXAMPLES / "trees" / "wine_xgboost.json"), "--recipe", "int8-weights")
    assert isinstance(ran.exception, UsageError)
    assert "formats that can be written" in str(ran.exception)


def test_recipe_and_budget_exclude_each_other() -> None:
    ran = run(str(MODEL), "--recipe", "int8-weights", "--budget", "50%")
    assert isinstance(ran.exception, UsageError)


def test_calibration_folder_without_pictures(tmp_path: Path) -> None:
    """What is wrong with the user's folder is said; nothing is written."""
    pytest.importorskip("ai_edge_quantizer", reason='needs pip install "nngauge[compress]"')
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "a.png").write_bytes(b"no picture")
    words = ("--recipe", "int8-static", "--calibration", str(tmp_path / "inputs"), "-o", str(tmp_path / "s.tflite"))
    ran = run(str(MODEL), *words)
    assert ran.exit_code != 0
    assert not (tmp_path / "s.tflite").exists()


def test_what_cannot_be_done_is_told_before_any_work(tmp_path: Path) -> None:
    """Nothing runs: each is refused in well under a second of processor time, and leaves nothing behind."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"mine")
    cases: dict[tuple[str, ...], str] = {
        ("--svg", str(tmp_path / "none" / "a.svg")): "no such folder",
        ("--svg", str(tmp_path / "a.svg"), "-o", str(tmp_path / "b.tflite")): "belong to the table",
        ("-o", str(folder)): "is a folder",
        ("-o", str(folder), "--force"): "is a folder",
        ("--calibration", str(folder)): "int8-static",
        ("--recipe", "int8-static", "--calibration", str(folder), "--inputs", str(folder)): "two folders",
        ("--budget", "50%", "--device", "pixle-4"): "pixel-4",
    }
    for words, says in cases.items():
        ran = run(str(MODEL), *words)
        assert isinstance(ran.exception, UsageError), (words, ran.output, ran.exception)
        assert says in str(ran.exception)
    assert [path.name for path in tmp_path.rglob("*")] == ["photos", "a.png"]
