"""The explorer over time: preparation, growth, answers that take long, the command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from nngauge.domain.study import Item
from nngauge.errors import UsageError
from nngauge.store.ledger import Ledger
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import Warehouse
from nngauge.web import explorer as explorer_module
from nngauge.web.explorer import Explorer
from nngauge.web.patience import Patience, Ready, Working
from nngauge.web.prepared import Prepared
from nngauge.web.serving import build
from nngauge.web.tables import STEPS
from tests.web.made import SNAPSHOTS, an_app, store


@pytest.fixture
def small(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    store(folder, [(an_app(number), SNAPSHOTS) for number in range(1, 4)])
    return folder


def wait_for(what: str, condition: object, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.05)
    pytest.fail(f"{what} within {seconds} s")


def test_prepared_tables_are_kept_for_the_next_start(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Prepared(small)
    first.prepare()
    first.close()
    (kept,) = (small / "cache").glob("explorer-*.duckdb")
    shared: list[str] = []
    monkeypatch.setattr(Warehouse, "share", lambda self, name, sql, parameters=(): shared.append(name))
    again = Prepared(small)
    again.prepare()
    assert again.progress.done == tuple(step.name for step in STEPS)
    assert shared == []
    again.close()
    with Ledger(small / "ledger.sqlite") as ledger:
        ledger.set_fact("changed", "yes")
    monkeypatch.undo()
    Prepared(small).close()
    assert not kept.exists()


def test_a_folder_that_cannot_be_written_and_a_damaged_cache_do_not_matter(small: Path) -> None:
    with Ledger(small / "ledger.sqlite") as ledger, ledger.unchanging() as changes:
        pass
    probe = Prepared(small)
    name = next((small / "cache").glob("explorer-*.duckdb"))
    probe.close()
    name.write_bytes(b"not a database" * 1000)
    assert changes
    prepared = Prepared(small)
    prepared.prepare()
    assert not prepared.progress.error
    prepared.close()


def test_pages_say_how_far_the_preparation_is(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    share = Warehouse.share

    def slow(self: Warehouse, name: str, sql: str, parameters: tuple[object, ...] = ()) -> None:
        if name == "app_entry":
            go.wait(60)
        share(self, name, sql, parameters)

    monkeypatch.setattr(Warehouse, "share", slow)
    monkeypatch.setattr("nngauge.web.serving._WAIT", 0.05)
    found = Explorer(small, keep=False)
    found.start(wait=0.1)
    with TestClient(build(found), base_url="http://localhost") as client:
        wait_for("the overview", lambda: client.get("/").status_code == 200)
        answer = client.get("/apps")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "sorting apps" in answer.text
        assert client.get("/apps.json").json()["preparing"]["done"] == ["overview"]
        go.set()
        wait_for("the apps", lambda: client.get("/apps").status_code == 200)


def test_a_study_that_grows_is_shown_as_it_is_soon(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer_module, "_LOOK", 0.05)
    monkeypatch.setattr(explorer_module, "_LEAST_REST", 0.05)
    monkeypatch.setattr(explorer_module, "_REST", 0.0)
    found = Explorer(small)
    found.start(wait=30)
    with TestClient(build(found), base_url="http://localhost") as client:
        before = client.get("/apps.json").json()
        assert client.get("/apps.json").json() == before
        with Ledger(small / "ledger.sqlite") as ledger:
            ledger.add("2026-12", "folder", "apps", [Item(locator="new.apk")])
            (work,) = ledger.lease(1)
            scan = an_app(50)
            ledger.finish(work.id, scan.app.sha256, "key", StoredResult(scan=scan))
        wait_for("the new app", lambda: client.get("/apps.json").json()["data"]["total"] == 4)
        assert client.get("/apps.json").json()["state"] > before["state"]
        assert client.get(f"/apps/{scan.app.sha256}").status_code == 200


def test_what_is_no_study_or_damaged_is_said(tmp_path: Path, small: Path) -> None:
    for file in (small / "facts").rglob("*.parquet") if (small / "facts").exists() else ():
        file.unlink()
    with Ledger(small / "ledger.sqlite") as ledger:
        from nngauge.store import shards

        shards.seal(small, ledger, least=1)
    next((small / "facts" / "app").glob("*.parquet")).unlink()
    found = Explorer(small)
    found.start(wait=5)
    with TestClient(build(found), base_url="http://localhost") as client:
        wait_for("the reason", lambda: client.get("/").status_code == 500)
        assert "a file of facts is gone" in client.get("/").text.lower().replace("&#39;", "'")


def test_patience(small: Path) -> None:
    prepared = Prepared(small, keep=False)
    patience = Patience(prepared.own_session)
    go = threading.Event()
    asked: list[int] = []

    def work(facts: Warehouse) -> int:
        asked.append(1)
        go.wait(30)
        return int(facts.ask("SELECT 42").rows[0][0])

    assert isinstance(patience.ask("a", work, wait=0.01), Working)
    second = patience.ask("b", lambda _: 1, wait=0.01)
    assert isinstance(second, Working)
    assert second.ahead == 1
    go.set()
    answer = patience.ask("a", work, wait=30)
    assert isinstance(answer, Ready)
    assert (answer.answer, asked) == (42, [1])

    def fails(_: Warehouse) -> int:
        raise UsageError("no")

    with pytest.raises(UsageError):
        patience.ask("c", fails, wait=30)
    assert patience.ask("c", lambda _: 5, wait=30) == Ready(5, pytest.approx(0, abs=5))
    patience.close()
    prepared.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command(small: Path, tmp_path: Path, how: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "nngauge", "serve", str(small), "--port", "0", "--bind", "0.0.0.0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r":(\d+)/\?token=(\S{20,})", line)
        assert found, line
        request = urllib.request.Request(
            f"http://127.0.0.1:{found[1]}/index.json", headers={"Authorization": f"Bearer {found[2]}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert b"nngauge.explorer/1" in answer.read()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=30)
        assert refused.value.code == 401
        process.send_signal(how)
        _, errors = process.communicate(timeout=60)
        assert "Traceback" not in errors, errors
    assert not list(tmp_path.glob("nngauge-*"))
