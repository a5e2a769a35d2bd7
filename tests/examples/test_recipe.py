"""The recipe from fine-tuning to files, at a tiny size. Needs PyTorch, which the locked environment does not have."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(find_spec("torch") is None, reason="the recipe needs PyTorch: pip install torch onnxscript"),
    pytest.mark.skipif(find_spec("onnxscript") is None, reason="PyTorch's ONNX exporter needs onnxscript"),
]


def test_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A network is trained, exported and compressed; each step is a line, with the reason where it was left out."""
    from examples import fine_tune_and_ship as recipe

    routes = [route for route in recipe.ROUTES if route[1] in {"onnx", "ncnn", "mnn"}]
    monkeypatch.setattr(recipe, "ROUTES", routes)
    words = ["recipe", str(tmp_path), "--pictures", "128", "--epochs", "1", "--device", "pixel-4"]
    monkeypatch.setattr(sys, "argv", words)
    recipe.main()
    said = capsys.readouterr().out
    assert "fine-tuned:" in said
    assert (tmp_path / "net.onnx").is_file()
    assert (tmp_path / "net-int8.onnx").stat().st_size < (tmp_path / "net.onnx").stat().st_size
    for _, target, name in routes:
        line = next(line for line in said.splitlines() if line.startswith(name))
        assert (tmp_path / name).exists() or f"{target}" in line or "not written" in line


def test_pictures_can_be_told_apart() -> None:
    """Every class is drawn, and none looks like noise alone."""
    from examples import fine_tune_and_ship as recipe

    for stripes in (False, True):
        drawn, labels = recipe.pictures(64, 0, stripes=stripes)
        assert tuple(drawn.shape) == (64, 3, recipe.SIDE, recipe.SIDE)
        assert set(labels.tolist()) == {0, 1, 2, 3}
        assert float(drawn.std()) > 0.1
