"""Many apps: whatever one of them does to its worker is one recorded failure, and a killed run resumes."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.errors import UsageError
from nngauge.limits import MIB
from nngauge.runners.plain import Outcome, scan_each, scan_here
from nngauge.runners.tasks import Limits, Settings
from nngauge.store.warehouse import Warehouse
from nngauge.study import Study
from tests.builders.studies import app, facts_of, settled
from tests.builders.workers import misbehave
from tests.builders.zips import Member, archive

GOOD = ["a", "b", "c", "d", "e"]
BAD = {
    "hang": "Timeout", "spin": "Timeout", "killed": "WorkerDied", "exit": "WorkerDied", "hungry": "OutOfMemory",
    "bug": "InternalError",
}  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2])
def test_every_app_gets_an_outcome(tmp_path: Path, workers: int) -> None:
    names = [name for pair in zip(GOOD, BAD, strict=False) for name in pair] + ["bug"]
    paths = {app(tmp_path, name): name for name in names}
    limits = Limits(seconds=8, memory=400 * MIB)  # a busy machine takes seconds to start a worker
    outcomes = list(scan_each(paths, workers=workers, settings=Settings(limits=limits), work=misbehave))
    assert sorted(outcome.path for outcome in outcomes) == sorted(paths)
    for outcome in outcomes:
        name = paths[outcome.path]
        if name in BAD:
            assert isinstance(outcome.result, Failure)
            assert outcome.result.error == BAD[name]
            assert outcome.result.reason
        else:
            assert isinstance(outcome.result, Scan)
            assert len(outcome.result.models) == 1


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    paths = [app(tmp_path, name) for name in ("a", "b", "hang1", "hang2", "c")]
    start = time.monotonic()
    outcomes = scan_each(paths, workers=2, settings=Settings(limits=Limits(seconds=60)), work=misbehave)
    next(iter(outcomes))
    outcomes.close()  # type: ignore[attr-defined]
    assert time.monotonic() - start < 20


def test_here_a_time_out_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> None:
        time.sleep(30)

    monkeypatch.setattr("nngauge.pipeline.Scanner.scan_package", slow)
    outcome = scan_here(app(tmp_path, "a"), Settings(limits=Limits(seconds=0.2)))
    assert isinstance(outcome.result, Failure)
    assert outcome.result.error == "Timeout"


def test_here_an_alarm_between_two_steps_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nngauge.runners.local.attempt", lambda *_: time.sleep(30))  # outside of what attempt guards
    outcome = scan_here(app(tmp_path, "a"), Settings(limits=Limits(seconds=0.05)))
    assert isinstance(outcome.result, Failure)
    assert outcome.result.error == "Timeout"


def test_here_a_bug_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr("nngauge.pipeline.Scanner.scan_package", broken)
    outcome = scan_here(app(tmp_path, "a"), Settings())
    assert isinstance(outcome.result, Failure)
    assert outcome.result.error == "InternalError"


# --- studies --------------------------------------------------------------------------------------------------------------


def run(study: Path, apps: Path, output: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nngauge", "scan", str(apps), "--study", str(study), "--workers", "2", "--json"]
    return subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)


def test_killed_at_any_moment_it_resumes(tmp_path: Path) -> None:
    apps = tmp_path / "apps"
    apps.mkdir()
    for index in range(30):
        app(apps, f"app{index}")
    (apps / "empty.apk").write_bytes(b"")
    whole = tmp_path / "whole"
    assert run(whole, apps).communicate()[0].count(b"\n") == 31
    killed = tmp_path / "killed"
    rng = random.Random(4)
    done = []
    for target in (0, 3, 9, 16, 23):
        process = run(killed, apps, subprocess.DEVNULL)
        while process.poll() is None and settled(killed) < target:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.wait()
        done.append(settled(killed))
    assert done == sorted(done), "a kill lost results"
    assert len(set(done)) > 2, "the kills came too early or too late to tell anything"
    last = run(killed, apps)
    assert last.communicate()[0].count(b"\n") == 31
    assert facts_of(killed) == facts_of(whole)
    assert len(facts_of(whole)["app"]) == 30
    again = run(killed, apps)
    again.communicate()
    assert facts_of(killed) == facts_of(whole)
    assert again.returncode == last.returncode


def kept(study: Path, paths: list[str]) -> dict[str, Outcome]:
    with Study.open_or_create(study) as opened:
        return {outcome.path: outcome for outcome in opened.keep(paths, workers=1, settings=Settings())}


def test_stored_results_are_not_scanned_again(tmp_path: Path) -> None:
    paths = [app(tmp_path, name) for name in GOOD]
    first = kept(tmp_path / "study", paths)
    second = kept(tmp_path / "study", paths)
    assert not any(outcome.stored for outcome in first.values())
    assert all(outcome.stored for outcome in second.values())
    assert {path: item.result for path, item in first.items()} == {path: item.result for path, item in second.items()}


def test_a_changed_app_is_scanned_again(tmp_path: Path) -> None:
    paths = [app(tmp_path, "a"), app(tmp_path, "b")]
    kept(tmp_path / "study", paths)
    with zipfile.ZipFile(paths[0], "a") as changed:
        changed.writestr("more.txt", "more")
    outcomes = kept(tmp_path / "study", paths)
    assert (outcomes[paths[0]].stored, outcomes[paths[1]].stored) == (False, True)
    assert isinstance(result := outcomes[paths[0]].result, Scan)
    assert sum(item.entries for item in result.coverage) == 2


def test_the_same_package_is_scanned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [app(tmp_path, "a"), str(tmp_path / "copy.apk"), str(tmp_path / "look-alike.apk")]
    shutil.copy(paths[0], paths[1])
    data = bytearray(archive([Member(name=b"big", data=bytes(200_000))], comment=b""))
    Path(paths[2]).write_bytes(data)
    data[100] ^= 1  # far from the end: the same finger-print, another digest
    (tmp_path / "other.apk").write_bytes(data)
    paths.append(str(tmp_path / "other.apk"))
    outcomes = kept(tmp_path / "study", paths)
    assert len(outcomes) == 4
    with Study.open(tmp_path / "study") as study, Warehouse(study.folder, study.ledger) as facts:
        assert facts.ask("SELECT count(*), count(DISTINCT app) FROM app").rows == [(3, 3)]
        assert facts.ask("SELECT count(*) FROM listing WHERE state = 'done'").rows == [(4,)]


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    path = app(tmp_path, "a")
    with Study.create(tmp_path / "study"):
        with pytest.raises(UsageError, match="another run"):
            Study.open(tmp_path / "study")
        done = subprocess.run(
            [sys.executable, "-m", "nngauge", "scan", path, "--study", str(tmp_path / "study")],
            capture_output=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert b"another run" in done.stderr
