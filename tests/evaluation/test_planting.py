"""The minimal apps, the disguise, and the whole way from a library on disk to its score."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.evaluation.baseline import load_rules
from benchmarks.evaluation.fetch import fetch, locate
from benchmarks.evaluation.planting import container_of, disguise, place_of
from benchmarks.evaluation.runtimes import Missing, Result, evaluate
from benchmarks.evaluation.truth import Library, Runtime, load_runtimes, load_vocabulary
from nngauge.io.elf import read_elf
from tests.builders.elf import ElfSpec, build_elf

RUNTIME = Runtime(
    "pypi",
    "Some-Engine",
    "1.2",
    (Library("engine/lib*.so", "onnxruntime"), Library("gone.so", "tflite"), Library("plain.js", role="none")),
    platform="manylinux_2_28_x86_64",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "some_engine-1.2-manylinux_2_28_x86_64"
    (folder / "engine").mkdir(parents=True)
    (folder / "engine" / "libonnxruntime.so").write_bytes(
        build_elf(ElfSpec(soname="libonnxruntime.so", exports=("OrtGetApiBase",)))
    )
    (folder / "plain.js").write_text("console.log('nothing of interest in here');\n")
    return tmp_path


def test_from_disk_to_score(root: Path) -> None:
    results = list(evaluate([RUNTIME], [root / "absent", root], load_rules(), load_vocabulary().baseline))
    engine, gone, plain = results
    assert isinstance(engine, Result)
    assert engine.plain_score.verdict == engine.disguised_score.verdict == "exact"
    assert (engine.baseline, engine.baseline_verdict) == ((), "missed")
    assert isinstance(gone, Missing)
    assert gone.file == "gone.so"
    assert isinstance(plain, Result)
    assert plain.plain_score.verdict == "clean"
    assert plain.baseline is None


def test_disguise_hides_the_name(root: Path, tmp_path: Path) -> None:
    library = locate(RUNTIME, RUNTIME.libraries[0], [root])
    assert library is not None
    assert container_of(library) == "elf"
    disguise(library, "elf", tmp_path / "copy")
    elf = read_elf((tmp_path / "copy").read_bytes())
    assert elf.soname is not None
    assert elf.soname != "libonnxruntime.so"
    assert len(elf.soname) == len("libonnxruntime.so")
    assert elf.exports(b"OrtGetApiBase")
    assert b"libonnxruntime.so" not in (tmp_path / "copy").read_bytes()


def test_places() -> None:
    assert place_of("macho", "foo")[0] == ".ipa"
    assert place_of("script", "foo.js") == (".apk", "assets/www/foo.js")


def test_what_is_there_is_not_fetched_again(root: Path) -> None:
    assert fetch(RUNTIME, root) is None


def test_corpus() -> None:
    """With NNGAUGE_CORPUS (folders separated by the path separator): no library of it gets a wrong label."""
    corpus = os.environ.get("NNGAUGE_CORPUS")
    if not corpus:
        pytest.skip("NNGAUGE_CORPUS names no folder with unpacked packages")
    roots = [Path(part) for part in corpus.split(os.pathsep)]
    results = evaluate(load_runtimes(), roots, load_rules(), load_vocabulary().baseline)
    tried = [item for item in results if isinstance(item, Result)]
    assert tried
    wrong = [(item.title, item.file, item.plain_score.wrong) for item in tried if item.plain_score.wrong]
    missed = [(item.title, item.file) for item in tried if item.plain_score.verdict == "missed"]
    told = [(item.title, item.file) for item in tried if item.plain_score.version == "wrong"]
    assert not wrong
    assert not told
    assert not missed
