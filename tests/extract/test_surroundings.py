"""The files around a model on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import nngauge
from nngauge.errors import UnreadableError, UnsupportedError
from nngauge.extract import surroundings as module
from nngauge.extract.surroundings import Surroundings
from tests.builders.models import tflite


def _fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"?")


def test_around_a_file_are_its_folder_and_one_below(tmp_path: Path) -> None:
    _fill(tmp_path, "net.param", "net.bin", "a/weights.bin", "a/b/too.deep", "a.txt")
    around = Surroundings(tmp_path / "net.param")
    assert around.names == ("a/weights.bin", "a.txt", "net.bin", "net.param")
    assert list(around.leads()) == ["net.param", "net.bin"]
    assert around.path("a/weights.bin") == tmp_path / "a" / "weights.bin"


def test_in_a_folder_all_files_of_any_depth_shallow_leads_first(tmp_path: Path) -> None:
    _fill(tmp_path, "m.mlpackage/Manifest.json", "m.mlpackage/Data/a/model.mlmodel", "other.bin")
    around = Surroundings(tmp_path / "m.mlpackage")
    assert list(around.leads()) == ["m.mlpackage/Manifest.json", "m.mlpackage/Data/a/model.mlmodel"]


def test_no_more_files_than_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SIBLINGS", 2)
    _fill(tmp_path, "a", "b", "c")
    assert len(Surroundings(tmp_path / "a").names) == 2


def test_the_folder_is_not_listed_for_a_format_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(folder: str) -> Iterator[os.DirEntry[str]]:
        raise AssertionError(f"{folder} was listed")

    monkeypatch.setattr(module, "_entries", listed)
    place = tmp_path / "net.tflite"
    place.write_bytes(tflite())
    assert nngauge.read_graph(place).format == "tflite"


def test_a_missing_file_and_one_that_is_no_model_are_typed(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError):
        nngauge.read_graph(tmp_path / "nowhere" / "net.tflite")
    (tmp_path / "letter.txt").write_bytes(b"Dear all")
    with pytest.raises(UnsupportedError):
        nngauge.read_graph(tmp_path / "letter.txt")
