"""The box for SQL: what reads is answered within limits, everything else is refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from nngauge.web import workshop


def ask(client: TestClient, question: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/sql.json", params={"q": question}).json()["data"]
    return found


def test_answers(client: TestClient) -> None:
    found = ask(client, "SELECT count(*) AS apps, 'x' AS name, 1.5::DOUBLE AS d, DATE '2026-11-01' AS day FROM app;")
    assert found["problem"] == ""
    assert (found["columns"], found["rows"]) == (["apps", "name", "d", "day"], [[129, "x", 1.5, "2026-11-01"]])
    assert ask(client, "EXPLAIN SELECT 1")["rows"]
    assert ask(client, "SELECT 1 AS a, 2 AS a -- two alike")["rows"] == [[1, 2]]
    assert ask(client, "FROM range(5) ORDER BY 1 DESC")["rows"] == [[4], [3], [2], [1], [0]]
    assert ask(client, "SELECT 170141183460469231731687303715884105727::HUGEINT")["rows"][0][0].startswith("1701411834")


def test_rows_and_cells_are_bounded(client: TestClient) -> None:
    found = ask(client, "SELECT range AS n, repeat('x', 100000) AS long FROM range(5000)")
    assert (len(found["rows"]), found["more"]) == (workshop.SQL_ROWS, True)
    assert len(found["rows"][0][1]) == workshop.SQL_CELL + 1


@pytest.mark.parametrize(
    "question",
    [
        "DROP TABLE app",
        "WITH a AS (COPY (SELECT 1) TO '{target}') SELECT 1",
        "WITH a AS (DELETE FROM superseded RETURNING *) SELECT * FROM a",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'",
        "SELECT 1) AS a(x), (SELECT 2",
        "SELECT 1; SELECT 2",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('{ledger}')",
        "ATTACH '{ledger}'",
        "SET enable_external_access = true",
        "SELECT nothing FROM app",
        "SELECT '",
    ],
)
def test_refused_with_a_reason(client: TestClient, study: Path, tmp_path: Path, question: str) -> None:
    target = tmp_path / "written"
    found = ask(client, question.format(target=target, ledger=study / "ledger.sqlite"))
    assert found["problem"]
    assert found["rows"] == []
    assert not target.exists()
    page = client.get("/sql", params={"q": question})
    assert page.status_code == 200
    assert "No answer." in page.text


def test_what_takes_too_long_is_ended(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "SQL_SECONDS", 1.0)
    monkeypatch.setattr(workshop, "_GRACE", 1.0)
    found = ask(client, "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range <> b.range")
    assert "within" in found["problem"]
    monkeypatch.undo()
    assert ask(client, "SELECT 1 AS x")["rows"] == [[1]]


def test_what_needs_too_much_memory_is_ended(client: TestClient) -> None:
    assert ask(client, "SELECT list(range) FROM range(1000000000)")["problem"]
    assert ask(client, "SELECT count(*) FROM app")["rows"] == [[129]]
