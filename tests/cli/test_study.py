"""The verbs of studies, as a person and as a program would use them."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nngauge.cli import cli, main
from nngauge.cli.study import command as study_command
from nngauge.errors import StoreError, UnreadableError, UsageError
from nngauge.study import Study
from tests.builders.studies import app, settled

pytest.importorskip("duckdb", reason="DuckDB is an extra: pip install nngauge[study]")


def run(*arguments: object, columns: int = 140) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(cli, ["study", *(str(item) for item in arguments)])


def good(*arguments: object, code: int = 0, columns: int = 140) -> str:
    done = run(*arguments, columns=columns)
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three apps, a copy of one and something that is none, in two snapshots."""
    folder = tmp_path_factory.mktemp("studied")
    apps = folder / "apps"
    apps.mkdir()
    for name in ("a", "b", "c"):
        app(apps, name)
    (apps / "copy.apk").write_bytes((apps / "a.apk").read_bytes())
    (apps / "letter.apk").write_text("Dear reader")
    study = folder / "study"
    assert "next: nngauge study add" in good("init", study, "--name", "Three apps")
    added = good("add", study, apps, "--snapshot", "2026-08")
    assert "5 new and 0 changed packages in snapshot 2026-08" in added
    assert f"next: nngauge study run {study}" in added
    ended = good("run", study, "--workers", "1", code=3)
    assert "5 packages in" in ended
    assert "3 scanned, 1 known already, 1 failed" in ended
    assert f"1 packages have no result; next: nngauge study failures {study}" in ended
    assert "5 new" in good("add", study, apps, "--snapshot", "2026-11")
    report = json.loads(good("run", study, "--workers", "1", "--json", "--quiet", code=3))
    assert (report["scanned"], report["known"], report["failed"], report["stopped"]) == (0, 4, 1, False)
    assert report["snapshots"][1] == {"snapshot": "2026-11", "done": 4, "failed": 1}
    return study


def test_every_verb_says_what_it_is_for() -> None:
    lines = run("--help").output
    names = list(study_command.commands)
    assert names[:3] == ["init", "add", "run"]
    for name in names:
        assert run(name, "--help").exit_code == 0
        (line,) = [item for item in lines.splitlines() if item.startswith(f"  {name} ")]
        assert "..." not in line, "cut short"


def test_nothing_to_do_is_said(studied: Path) -> None:
    assert "nothing to do: no package waits" in good("run", studied, code=3)
    assert "nothing to do" in good("run", studied, "--engine", "ray://nowhere:1", code=3), "no cluster is asked"


def test_status(studied: Path) -> None:
    text = good("status", studied)
    assert "Three apps" in text
    assert "2026-11" in text
    document = json.loads(good("status", studied, "--json"))
    assert document["snapshots"][0] == {"snapshot": "2026-08", "done": 4, "failed": 1}
    assert document["store"]["results"] == 4


def test_failures_say_what_where_why_and_what_next(studied: Path) -> None:
    text = good("failures", studied, columns=400)  # paths of temporary folders are long in some places
    for wanted in ("NotThisFormat", "letter.apk", "neither an app package nor an archive", "study retry", "what to do"):
        assert wanted in text, wanted
    rows = json.loads(good("failures", studied, "--json"))
    assert [Path(row["locator"]).name for row in rows] == ["letter.apk"] * 2
    assert "1 more" in good("failures", studied, "--limit", "1")


def test_questions(studied: Path) -> None:
    question = "SELECT snapshot, count(*) AS packages FROM listing GROUP BY 1 ORDER BY 1"
    assert "2 rows" in good("sql", studied, question)
    assert json.loads(good("sql", studied, question, "--json")) == [
        {"snapshot": "2026-08", "packages": 5}, {"snapshot": "2026-11", "packages": 5},
    ]  # fmt: skip
    rows = list(csv.reader(io.StringIO(good("sql", studied, question, "--csv"))))
    assert rows == [["snapshot", "packages"], ["2026-08", "5"], ["2026-11", "5"]]


@pytest.mark.parametrize(
    ("question", "said"),
    [("DROP TABLE app", "read-only"), ("SELECT x FROM app", "Referenced column"), ("hm", "syntax")],
)
def test_bad_questions_are_wrong_use(studied: Path, question: str, said: str) -> None:
    done = run("sql", studied, question)
    assert isinstance(done.exception, UsageError)
    assert said in str(done.exception)


def test_tables_are_explained() -> None:
    assert "listing" in good("tables")
    columns = json.loads(good("tables", "--json"))
    assert {"table", "column", "type", "meaning"} == set(columns[0])
    assert all(column["meaning"] for column in columns)


def test_export(studied: Path, tmp_path: Path) -> None:
    text = good("export", studied, "--parquet", tmp_path / "p", "--csv", tmp_path / "c")
    assert "10 rows" in text
    assert len((tmp_path / "c" / "listing.csv").read_text().splitlines()) == 11
    assert (tmp_path / "p" / "app.parquet").read_bytes()[:4] == b"PAR1"
    assert isinstance(run("export", studied).exception, UsageError)


def test_verify_and_repair(tmp_path: Path) -> None:
    app(tmp_path, "a")
    study = tmp_path / "study"
    good("init", study)
    good("add", study, tmp_path / "a.apk")
    good("run", study, "--workers", "1", "--quiet")
    assert "0 damaged" in good("verify", study)
    shard = next((study / "facts" / "model").glob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    assert "next: nngauge study verify --repair" in good("verify", study, code=3)
    assert json.loads(good("verify", study, "--json", code=3))["damaged"] == [str(shard.relative_to(study))]
    assert "1 packages wait again" in good("verify", study, "--repair")
    assert "1 scanned" in good("run", study, "--workers", "1")
    assert "0 damaged" in good("verify", study)


def test_retry(tmp_path: Path) -> None:
    (tmp_path / "letter.apk").write_text("Dear reader")
    study = tmp_path / "study"
    good("init", study)
    document = json.loads(good("add", study, tmp_path / "letter.apk", "--snapshot", "2026-11", "--json"))
    assert document == {"source": f"{tmp_path}/letter.apk", "snapshot": "2026-11", "new": 1, "changed": 0}
    good("run", study, "--workers", "1", "--quiet", code=3)
    assert "no such package" in good("retry", study, "--error", "Timeout")
    assert "1 packages wait again" in good("retry", study, "--error", "NotThisFormat")
    app(tmp_path, "a")
    (tmp_path / "a.apk").replace(tmp_path / "letter.apk")
    assert "1 scanned" in good("run", study, "--workers", "1")
    assert "nothing failed" in good("failures", study)


def test_wrong_use_names_the_way_out(tmp_path: Path, studied: Path) -> None:
    for verb in ("status", "run", "failures", "retry", "verify"):
        done = run(verb, tmp_path / "nothing")
        assert isinstance(done.exception, UsageError)
        assert "nngauge study init" in str(done.exception)
    assert isinstance(run("init", studied).exception, UsageError)
    assert isinstance(run("add", studied, tmp_path / "nowhere").exception, UnreadableError)
    snapshots = json.loads(good("status", studied, "--json"))["snapshots"]
    assert [item["snapshot"] for item in snapshots] == ["2026-08", "2026-11"], "what could not be read added nothing"
    app(tmp_path, "a")
    study = tmp_path / "study"
    good("init", study)
    good("add", study, tmp_path / "a.apk")
    problem = run("run", study, "--engine", "slurm").exception
    assert isinstance(problem, UsageError)
    assert "ray:auto" in str(problem)
    with Study.open(study):
        assert "another run" in str(run("run", study).exception)


def test_a_missing_file_of_facts_is_named(tmp_path: Path) -> None:
    app(tmp_path, "a")
    study = tmp_path / "study"
    good("init", study)
    good("add", study, tmp_path / "a.apk")
    good("run", study, "--workers", "1", "--quiet")
    next((study / "facts" / "app").glob("*.parquet")).unlink()
    problem = run("sql", study, "SELECT 1").exception
    assert isinstance(problem, StoreError)
    assert "verify --repair" in str(problem)


def stopped_after_two(study: Path, how: signal.Signals) -> tuple[int, str]:
    """Exit code and messages of a run that is told to stop when two packages are done."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nngauge", "study", "run", str(study), "--workers", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while settled(study) < 2 and process.poll() is None:
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how) if how is signal.SIGINT else process.send_signal(how)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopping_keeps_everything(tmp_path: Path, how: signal.Signals) -> None:
    apps = tmp_path / "apps"
    apps.mkdir()
    for number in range(40):
        app(apps, f"app{number}")
    for attempt in range(8):
        study = tmp_path / f"study{attempt}"
        good("init", study)
        good("add", study, apps)
        ended, said = stopped_after_two(study, how)
        before = settled(study)
        if before < 40:  # else it was done before this process had its turn on a busy machine
            break
    assert 2 <= before < 40, "it ended too early or too late to tell anything"
    assert ended == 130, said
    assert "stopped; every result until now is kept" in said
    assert "Traceback" not in said
    states = json.loads(good("status", study, "--json"))["snapshots"][0]
    assert states["done"] + states["waiting"] == 40
    report = json.loads(good("run", study, "--workers", "1", "--json"))
    assert report["scanned"] + report["known"] == 40 - before


def test_long_lists_show_how_far_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c", "d", "e"):
        app(tmp_path, name)
    monkeypatch.setattr("nngauge.study._SEEN", 2)
    counts: list[int] = []
    with Study.create(tmp_path / "study") as study:
        study.add(str(tmp_path), "2026-11", seen=counts.append)
    assert counts == [2, 4]


def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], studied: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["nngauge", "study", "sql", str(studied), "SELECT x FROM app"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "LINE 1" in error
