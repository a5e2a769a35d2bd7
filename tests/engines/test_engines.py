from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from nngauge import engines
from nngauge.engines import ENGINES, Engine, engine_named, engines_for, installed
from nngauge.errors import UsageError
from nngauge.formats import FORMATS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "src" / "nngauge" / "engines"


def test_names_are_unique_and_those_of_their_modules() -> None:
    assert len({engine.name for engine in ENGINES}) == len(ENGINES)
    assert all(engine.module == f"nngauge.engines.{engine.name}" for engine in ENGINES)
    assert all(importlib.import_module(engine.module).ENGINE is engine for engine in ENGINES)


def test_every_module_with_an_engine_is_listed() -> None:
    files = {path.stem for path in FOLDER.glob("*.py") if "\nENGINE = Engine(" in path.read_text()}
    assert files == {engine.name for engine in ENGINES}


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_an_engine_says_what_it_runs_how_it_is_installed_and_where_that_is_written(engine: Engine) -> None:
    assert engine.formats <= {one.name for one in FORMATS}
    assert engine.install.startswith("pip install")
    assert engine.references
    assert engine.title in (ROOT / "docs" / "engines.md").read_text()
    module = importlib.import_module(engine.module)
    assert callable(module.load)
    assert callable(module.version)


def test_no_library_is_imported_before_it_is_used() -> None:
    heavy = ", ".join(repr(engine.package) for engine in ENGINES)
    code = (
        "import sys, nngauge.engines, nngauge.engines.local, nngauge.engines.child; "
        f"print([name for name in ({heavy}, 'numpy') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "[]"


def test_tools_of_mnn_are_never_imported() -> None:
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            texts = [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            assert not any(name.startswith("MNN.tools") for name in (*names, module))
            assert "MNN.tools" not in {text for text in texts if " " not in text}


def test_engines_are_found_by_name_and_by_format() -> None:
    assert engine_named("ncnn").title == "ncnn"
    assert [engine.name for engine in engines_for("tflite")] == ["litert", "litert_compiled", "openvino"]
    assert engines_for("darknet") == ()
    with pytest.raises(UsageError, match="there is no engine 'tf'") as caught:
        engine_named("tf")
    assert "onnxruntime" in caught.value.hint


def test_an_engine_is_installed_when_its_package_is_there() -> None:
    assert installed(Engine(name="x", title="", formats=frozenset(), module="", package="json", install=""))
    assert not installed(Engine(name="x", title="", formats=frozenset(), module="", package="no_such", install=""))


def test_exported_names_are_sorted() -> None:
    assert engines.__all__ == sorted(engines.__all__)
