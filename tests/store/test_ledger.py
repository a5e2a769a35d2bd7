from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.errors import MalformedError, UnreadableError, UnsupportedError
from nngauge.store.ledger import Ledger
from nngauge.store.schema import FACT_TABLES, TABLES, VERSION
from tests.builders import facts


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "study.sqlite")


def counts(ledger: Ledger) -> dict[str, int]:
    return {table.name: ledger.query(f"SELECT count(*) FROM {table.name}")[0][0] for table in TABLES}


def test_a_result_is_stored_with_all_its_facts(ledger: Ledger) -> None:
    ledger.begin("/a.apk")
    assert ledger.state("/a.apk") == ("running", None, None, None)
    ledger.record("/a.apk", "key", (10, 20), facts.scan())
    assert ledger.state("/a.apk") == ("done", "key", 10, 20)
    assert ledger.result("/a.apk") == facts.scan()
    assert counts(ledger) == {
        "work": 1, "app": 1, "detection": 1, "model": 1, "occurrence": 1, "candidate": 1, "failure": 1, "anomaly": 1, "coverage": 1,
    }  # fmt: skip
    assert ledger.query("SELECT technology, version, library_bytes FROM detection") == [("tflite", "2.17.0", 3_000_000)]
    assert ledger.query("SELECT runtime_present, model_elsewhere FROM app") == [(1, 0)]


def test_recording_again_replaces(ledger: Ledger) -> None:
    for version in ("2.17.0", "2.18.0"):
        ledger.begin("/a.apk")
        ledger.record("/a.apk", "key", (10, 20), facts.scan(detections=(facts.detection(version=version),)))
    assert counts(ledger)["app"] == counts(ledger)["detection"] == 1
    assert ledger.query("SELECT version FROM detection") == [("2.18.0",)]
    assert ledger.query("SELECT attempts FROM work") == [(2,)]


def test_one_model_in_many_apps_is_one_row(ledger: Ledger) -> None:
    for name in "abc":
        ledger.begin(name)
        ledger.record(name, "key", (0, 0), facts.scan(f"{name}.apk"))
    assert counts(ledger)["model"] == 1
    assert counts(ledger)["occurrence"] == 3
    assert [path for path, _ in ledger.results()] == ["a", "b", "c"]


def test_a_failure_is_a_result(ledger: Ledger) -> None:
    failure = facts.scan().failures[0]
    ledger.begin("/bad")
    ledger.record("/bad", "key", (1, 1), failure)
    assert ledger.state("/bad") == ("failed", "key", 1, 1)
    assert ledger.result("/bad") == failure
    assert ledger.query("SELECT platform FROM app") == [(None,)]


def test_a_broken_write_leaves_nothing(ledger: Ledger) -> None:
    ledger.begin("/a.apk")
    with pytest.raises(sqlite3.Error):
        ledger.record("/a.apk", "key", (10, 20), facts.scan(coverage=(replace(facts.scan().coverage[0], size=None),)))
    assert counts(ledger)["app"] == 0
    assert ledger.state("/a.apk") == ("running", None, None, None)


def test_nothing_stored_is_said(ledger: Ledger) -> None:
    with pytest.raises(MalformedError, match="no result"):
        ledger.result("/never")


def test_other_files_and_newer_schemas_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to be read as one" * 10)
    with pytest.raises(UnreadableError):
        Ledger(tmp_path / "text")
    newer = tmp_path / "newer.sqlite"
    Ledger(newer).query(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(UnsupportedError):
        Ledger(newer)


def test_the_schema_is_consistent() -> None:
    names = {table.name for table in TABLES}
    assert set(FACT_TABLES) <= names
    for table in TABLES:
        columns = [column.name for column in table.columns]
        assert len(set(columns)) == len(columns)
        assert all(column.meaning for column in table.columns)
        for index in (*table.indexes, table.key):
            assert all(part.strip() in columns for part in index.split(",") if part)
        if table.name in FACT_TABLES:
            assert columns[0] == "app"
