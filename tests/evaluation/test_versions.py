"""Series of versions, the table of builds made from them, and how told versions are scored."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.evaluation.builds import collect, unambiguous
from benchmarks.evaluation.runtimes import Look, score
from benchmarks.evaluation.series import load_series
from benchmarks.evaluation.truth import Library, Runtime
from nngauge.detect.builds import published_version
from tests.builders.elf import build_elf

SERIES = """
[[series]]
registry = "pypi"
name = "engine"
platform = "aarch64"
file = "libengine.so"
expect = "tflite"
versions = ["1.0.0", "1.1.0", "1.2.0.post1"]
held_out = ["1.1.0"]

[[series]]
registry = "npm"
name = "engine-native"
file = "libengine.so"
expect = "tflite"
versions = ["7.0=1.1.0", "8.0=1.3.0"]
held_out = []
"""


def test_a_version_is_held_out_of_every_series(tmp_path: Path) -> None:
    (tmp_path / "series.toml").write_text(SERIES)
    found = load_series(tmp_path / "series.toml")
    assert [(item.version, item.libraries[0].version, item.held_out) for item in found] == [
        ("1.0.0", "1.0.0", False),
        ("1.1.0", "1.1.0", True),
        ("1.2.0.post1", "1.2.0", False),
        ("7.0", "1.1.0", True),
        ("8.0", "1.3.0", False),
    ]


def test_series_of_the_evaluation_hold_versions_out() -> None:
    found = load_series()
    assert sum(item.held_out for item in found) * 4 > len(found)


def runtime(version: str, *, held_out: bool = False, fresh: bool = False) -> Runtime:
    library = Library("libengine.so", "tflite", version)
    return Runtime("pypi", "engine", version, (library,), "aarch64", fresh=fresh, held_out=held_out)


def test_builds_are_those_of_known_versions_alone(tmp_path: Path) -> None:
    wanted = [runtime("1.0"), runtime("1.1", held_out=True), runtime("1.2", fresh=True), runtime("1.3"), runtime("1.4")]
    builds = {"1.0": "aa" * 20, "1.1": "bb" * 20, "1.2": "cc" * 20, "1.3": "dd" * 20, "1.4": "aa" * 20}
    for item in wanted:
        folder = tmp_path / item.folder
        folder.mkdir()
        (folder / "libengine.so").write_bytes(build_elf(build_id=bytes.fromhex(builds[item.version])))
    rows = unambiguous(collect([*wanted, runtime("1.5")], [tmp_path]))  # 1.5 is not on disk
    assert rows == [("tflite", "1.3", "dd" * 20, "pypi:engine 1.3")]  # 1.0 and 1.4 are the same bytes


def test_the_table_of_builds_is_read() -> None:
    table = Path(published_version.__code__.co_filename).parent / "builds.tsv"
    rows = [line.split("\t") for line in table.read_text().splitlines() if not line.startswith("#")]
    assert rows == sorted(rows)
    assert len(rows) > 100
    assert all(published_version(technology, build) == version for technology, version, build, _ in rows)
    assert published_version("tflite", "ff" * 20) is None


def test_held_out_versions_are_not_in_the_table() -> None:
    held = {(item.libraries[0].expect, item.libraries[0].version) for item in load_series() if item.held_out}
    table = Path(published_version.__code__.co_filename).parent / "builds.tsv"
    known = {tuple(line.split("\t")[:2]) for line in table.read_text().splitlines()}
    assert not held & known


@pytest.mark.parametrize(
    ("version", "bounds", "verdict"),
    [
        ("2.1", None, "right"),
        ("2.2", None, "wrong"),
        (None, ">2.0,<2.2", "range"),
        (None, ">2.1", "wrong"),
        (None, None, "none"),
    ],
)
def test_a_range_is_not_a_version(version: str | None, bounds: str | None, verdict: str) -> None:
    versions = {"tflite": version} if version else {}
    seen = Look(("tflite",), (), (), versions, {"tflite": bounds} if bounds else {}, {})
    assert score(Library("x", "tflite", "2.1"), seen).version == verdict
