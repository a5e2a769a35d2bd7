"""Which paths the formats of several files get to choose from."""

from __future__ import annotations

import pytest

from nngauge.extract import siblings as module
from nngauge.extract.siblings import Siblings

PATHS = ("a/x.param", "a/x.bin", "a-b/y.bin", "a/sub/z.bin", "b/x.bin", "root.bin", "a/x.bin", "a0", "c/d/e.bin")


def test_paths_in_the_folder_and_below() -> None:
    found = Siblings(PATHS, ["a/x.param"])
    assert list(found.of("a/x.param")) == ["a/sub/z.bin", "a/x.bin", "a/x.param"]
    assert found.index["a/x.bin"] == 1  # the first of two
    assert not found.exhausted


@pytest.mark.parametrize("lead", ["a/x.param", "a/sub/z.bin", "root.bin", "c/d/e.bin"])
def test_other_leads_change_nothing(lead: str) -> None:
    assert Siblings(PATHS, [lead]).of(lead) == Siblings(PATHS, PATHS).of(lead)


def test_only_folders_of_leads_are_kept() -> None:
    assert sorted(Siblings(PATHS, ["a/sub/z.bin", "c/d/e.bin"]).index) == ["a/sub/z.bin", "c/d/e.bin"]
    assert len(Siblings(PATHS, ["root.bin"]).index) == len(set(PATHS))


def test_the_paths_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SIBLINGS", 2)
    found = Siblings(PATHS, ["a/x.param"])
    assert found.exhausted
    assert len(found.index) == 2


def test_the_looks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BINDING", 5)
    found = Siblings(PATHS, ["a/x.param"])
    assert len(found.of("a/x.param")) == 3
    assert not found.exhausted
    assert not found.of("a/x.param")
    assert found.exhausted
