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
