"""Kills, a full disk, damaged shards, a server that vanishes: afterwards a study is what it is without them.

A short form of ``python -m benchmarks.market.faults``, which kills 200 times.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from benchmarks.market import faults
from nngauge.domain.study import State
from nngauge.runners.tasks import Settings
from nngauge.store import ledger as ledgers
from nngauge.study import Study
from tests.builders.webserver import Answer, served

pytest.importorskip("duckdb")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds workers in /proc")

APPS = 40


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return faults.market(tmp_path_factory.mktemp("market"), APPS)


@pytest.fixture(scope="module")
def expected(apps: Path) -> dict[str, list[str]]:
    study = faults.new_study(apps.parent / "whole", apps)
    faults.finish(study)
    return faults.facts(study)


def require_same(study: Path, expected: dict[str, list[str]]) -> None:
    assert faults.account(study) == ""
    assert faults.difference(expected, faults.facts(study)) == ""


def test_killed_workers_and_killed_runs(tmp_path: Path, apps: Path, expected: dict[str, list[str]]) -> None:
    study = faults.new_study(tmp_path / "study", apps)
    done = faults.kill_often(study, 10, random.Random(3), delay=0.2, seconds=300)
    assert done.total() >= 3
    faults.finish(study)
    require_same(study, expected)


def test_a_full_disk(tmp_path: Path, apps: Path, expected: dict[str, list[str]]) -> None:
    study = faults.new_study(tmp_path / "study", apps)
    ended = faults.fill_disk(study, (70_000, 150_000, 400_000))
    assert ended["refused"] > 0
    faults.finish(study)
    require_same(study, expected)


def test_damaged_shards(tmp_path: Path, apps: Path, expected: dict[str, list[str]]) -> None:
    study = faults.new_study(tmp_path / "study", apps)
    faults.finish(study)
    assert faults.break_shards(study, 2, random.Random(2)) > 0
    faults.finish(study)
    require_same(study, expected)


def test_a_server_that_vanishes_and_comes_back(tmp_path: Path, apps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "PAUSES", (0.1, 0.2, 0.3))
    files = {path.name: path.read_bytes() for path in sorted(apps.glob("2024-06/*/*.apk"))[:3]}
    studies = {name: tmp_path / name for name in ("whole", "disturbed")}
    with served(files) as site:
        for folder in studies.values():
            with Study.create(folder) as study:
                for name in files:
                    study.add(site.url(name), "2024-06")
        with Study.open(studies["whole"]) as study:
            list(study.run(settings=Settings()))
        gone = [False]

        def fault(answer: Answer) -> None:
            if gone[0]:
                answer.cut = 0

        site.fault = fault
        with Study.open(studies["disturbed"]) as study:
            for _ in study.run(settings=Settings()):
                gone[0] = True  # after the first
            states = study.ledger.progress()[0].counts
            assert states[State.QUARANTINED] > 0
            gone[0] = False
            assert study.ledger.retry() >= states[State.QUARANTINED]
            list(study.run(settings=Settings()))
    assert faults.account(studies["disturbed"]) == ""
    assert faults.difference(faults.facts(studies["whole"]), faults.facts(studies["disturbed"])) == ""
