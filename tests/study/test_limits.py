"""What is scanned again and what is not; interrupted runs are in tests/hostile/test_many.py."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

import nngauge.study
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure, Stage
from nngauge.runner import Limits, Outcome, scan_here
from nngauge.study import Study


@pytest.fixture
def app(tmp_path: Path) -> str:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")
    return str(path)


def run(tmp_path: Path, app: str, limits: Limits) -> list[Outcome]:
    with Study.open(tmp_path / "study") as study:
        return list(study.run([app], workers=1, limits=limits))


def test_a_finished_scan_is_kept_whatever_the_limits(tmp_path: Path, app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nngauge.study, "scan_each", lambda apps, **_: (scan_here(item, Limits()) for item in apps))
    first = run(tmp_path, app, Limits(seconds=60))
    again = run(tmp_path, app, Limits(seconds=120))
    assert [item.stored for item in (*first, *again)] == [False, True]
    assert first[0].result == again[0].result


def test_an_app_that_a_limit_ended_is_tried_again_with_other_limits(
    tmp_path: Path, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = Failure(stage=Stage.RUN, location=Location(path=app), error="Timeout", reason="not finished")
    monkeypatch.setattr(nngauge.study, "scan_each", lambda apps, **_: (Outcome(item, failure) for item in apps))
    assert [item.stored for item in run(tmp_path, app, Limits(seconds=1))] == [False]
    assert [item.stored for item in run(tmp_path, app, Limits(seconds=1))] == [True]
    assert [item.stored for item in run(tmp_path, app, Limits(seconds=2))] == [False]


def test_a_changed_file_is_scanned_again(tmp_path: Path, app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nngauge.study, "scan_each", lambda apps, **_: (scan_here(item, Limits()) for item in apps))
    run(tmp_path, app, Limits())
    with zipfile.ZipFile(app, "a") as archive:
        archive.writestr("b.txt", "more")
    assert [item.stored for item in run(tmp_path, app, Limits())] == [False]
