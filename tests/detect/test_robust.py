"""What builds do to an engine must not hide it: stripped, renamed, repackaged, split, packed, downloaded, left over.

Libraries are made up from the rules' examples; where real ones are unpacked beside the repository, they are tried too.
The same transformations over every real runtime make the table of `benchmarks.evaluation.robustness`.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.evaluation.robustness import Outcome, engines, table, transformed
from nngauge.detect.ruleset import load_rules
from nngauge.domain.technology import Grade
from nngauge.io.elf import read_elf
from nngauge.pipeline import Scanner
from tests.builders.engines import (
    ABSENT,
    CLASSES,
    INSTALLED,
    NAMES,
    PACKED,
    Engine,
    engine,
    everything,
    five,
    graded,
    made_library,
    plain,
    renamed,
    repackaged,
    scanned,
    stripped,
)
from tests.builders.packages import apk

RULES = load_rules()
RUNTIMES = Path(__file__).resolve().parents[3] / "corpus" / "runtimes"
OPTIONAL = {"zst": "zstandard", "7z": "py7zr"}
SHIPPED = (Grade.LIBRARY, Grade.EMBEDDED)


def made(technology: str) -> Engine:
    rule = RULES.by_id(technology)
    assert rule is not None
    library = made_library(rule)
    assert library is not None, f"{technology} has no native example"
    return engine(technology, library)


ENGINES = [made(technology) for technology in NAMES]
each = pytest.mark.parametrize("app", ENGINES, ids=lambda app: app.technology)


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner()


@pytest.mark.parametrize("transformation", INSTALLED)
@each
def test_an_installed_library_is_recognised(scanner: Scanner, app: Engine, transformation: str) -> None:
    found = graded(scanner, INSTALLED[transformation](app))[app.technology]
    assert found.grade in SHIPPED
    assert found.shipped
    assert not found.dead


@pytest.mark.parametrize("transformation", PACKED)
@each
def test_a_packed_library_is_recognised_and_said_to_be_packed(
    scanner: Scanner, app: Engine, transformation: str
) -> None:
    if transformation in OPTIONAL and find_spec(OPTIONAL[transformation]) is None:
        pytest.skip(f"needs {OPTIONAL[transformation]}, of the archives extra")
    found = graded(scanner, PACKED[transformation](app))[app.technology]
    assert (found.grade, found.shipped) == (Grade.PACKED, True)
    assert "assets/" in found.because


@pytest.mark.parametrize("transformation", ["downloaded", "downloaded, repackaged"])
@each
def test_a_downloaded_library_is_said_to_be_fetched(scanner: Scanner, app: Engine, transformation: str) -> None:
    found = graded(scanner, ABSENT[transformation](app))[app.technology]
    assert (found.grade, found.shipped, found.dead) == (Grade.FETCHED, False, False)
    assert app.name in {proof.value for proof in found.evidence}


@pytest.mark.parametrize(
    ("transformation", "grade"),
    [("left over", Grade.DEAD), ("brotli", Grade.PACKED), ("superpack", Grade.PACKED)],
)
@pytest.mark.parametrize("app", [app for app in ENGINES if app.classes], ids=lambda app: app.technology)
def test_classes_without_a_library_in_sight(scanner: Scanner, app: Engine, transformation: str, grade: Grade) -> None:
    found = graded(scanner, ABSENT[transformation](app))[app.technology]
    assert (found.grade, found.dead, found.shipped) == (grade, grade is Grade.DEAD, False)
    assert found.missing


def test_every_engine_with_classes_says_what_they_need() -> None:
    assert [name for name in CLASSES if (rule := RULES.by_id(name)) is None or rule.needs is None] == []


def test_the_full_name_without_a_call_that_takes_a_path_is_no_download(scanner: Scanner) -> None:
    app = replace(
        made("onnxruntime"), classes=(), models={}, strings=("libonnxruntime.so", "crash in libonnxruntime.so")
    )
    assert "onnxruntime" not in graded(scanner, apk({"classes2.dex": app.dex()}))


def test_a_split_set_belongs_together(scanner: Scanner) -> None:
    """Classes, library and models come from three packages."""
    scan = scanned(scanner, INSTALLED["split set"](made("tflite")))
    detections = [item for item in scan.detections if item.technology == "tflite"]
    parts = {proof.location.path.split("!")[1] for item in detections for proof in item.evidence}
    assert parts == {"base.apk", "split_config.arm64_v8a.apk"}
    assert [len(item.models) for item in scan.technologies if item.id == "tflite"] == [1]


def test_five_engines_stay_five(scanner: Scanner) -> None:
    names = ("tflite", "onnxruntime", "ncnn", "mnn", "pytorch-mobile")
    found = graded(scanner, five(tuple(made(name) for name in names)))
    assert {name for name, item in found.items() if item.shipped} == set(names)
    assert all(found[name].grade is Grade.LIBRARY for name in names if name != "ncnn")
    assert all(len(found[name].models) == (0 if name == "ncnn" else 1) for name in names)


def test_five_engines_of_which_two_are_dead(scanner: Scanner) -> None:
    whole = tuple(made(name) for name in ("onnxruntime", "ncnn", "mnn"))
    dead = [made(name) for name in ("tflite", "vosk")]
    files = {f"classes{index + 5}.dex": app.dex() for index, app in enumerate(dead)}
    files |= {f"lib/arm64-v8a/{app.name}": app.library for app in whole}
    found = graded(scanner, apk(files))
    assert {name for name, item in found.items() if item.dead} == {"tflite", "vosk"}
    assert {name for name, item in found.items() if item.shipped} == {"onnxruntime", "ncnn", "mnn"}


# --- the transformations do what they say -------------------------------------------------------------------------------


def test_stripping_takes_symbols_and_leaves_the_tables_that_loading_needs() -> None:
    library = made("onnxruntime").library
    bare = stripped(library)
    assert read_elf(bare).sections == ()
    assert read_elf(library).sections
    assert read_elf(bare).exports(b"OrtGetApiBase")


def test_renaming_changes_the_soname() -> None:
    library = made("tflite").library
    assert read_elf(library).soname == "libtensorflowlite_jni.so"
    assert b"libtensorflowlite_jni.so" not in renamed(library)
    assert read_elf(renamed(library)).exports(b"TfLiteInterpreterCreate")


def test_repackaging_leaves_no_class_name() -> None:
    app = made("tflite")
    assert b"org/tensorflow" in app.dex()
    assert b"org/tensorflow" not in repackaged(app).dex()
    assert b"libtensorflowlite_jni.so" not in everything(app)
    assert b"libtensorflowlite_jni.so" in plain(app)


# --- real libraries -----------------------------------------------------------------------------------------------------


def test_real_libraries_survive(scanner: Scanner) -> None:
    """Small ones from public repositories; the benchmark tries all."""
    outcomes: list[Outcome] = []
    for title, app in engines((), [RUNTIMES]):
        if len(app.library) < 5 << 20:
            outcomes += transformed(scanner, title, app)
    if not outcomes:
        pytest.skip("no real libraries are unpacked beside the repository")
    wrong = [item for item in outcomes if not item.right or item.wrong or item.version_kept is False]
    assert not wrong, table(wrong)


def test_the_table_says_what_is_lost() -> None:
    kept = Outcome("a 1", "a", "stripped", "runtime library", right=True, version_kept=True, wrong=())
    other = Outcome("a 1", "a", "zip", "dead reference", right=False, version_kept=False, wrong=("b",))
    lost = Outcome("a 1", "a", "xz", "", right=False, version_kept=None, wrong=())
    row = table([kept, other, lost]).splitlines()[-1]
    assert row.startswith("| a (a 1) | – | ✓v |")
    assert "| dead reference + b |" in row
    assert "| lost |" in row
