"""Questions read and do nothing else, however they are dressed."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.errors import UsageError
from nngauge.store.ledger import Ledger
from nngauge.store.warehouse import Warehouse

pytest.importorskip("duckdb")


@pytest.fixture
def facts(tmp_path: Path) -> Warehouse:
    with Ledger(tmp_path / "ledger.sqlite") as ledger, Warehouse(tmp_path, ledger) as warehouse:
        yield warehouse  # type: ignore[misc]


@pytest.mark.parametrize(
    "question",
    [
        "SELECT count(*) FROM app",
        "FROM app",
        "VALUES (1), (2)",
        "DESCRIBE app",
        "SHOW TABLES",
        "SUMMARIZE app",
        "WITH a AS (SELECT 1 AS x) SELECT x FROM a -- why not",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT * FROM t",
        "SELECT 1 UNION SELECT 2 INTERSECT SELECT 3",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT count(*) FROM app",
        "explain (format json) SELECT 1",
        "SELECT 'COPY_QUERY_NODE', '; DELETE FROM app' AS \"copy\"",
        "SELECT app FROM app WHERE app = 'x' ORDER BY 1 LIMIT 3;",
    ],
)  # fmt: skip
def test_reading_is_answered(facts: Warehouse, question: str) -> None:
    facts.ask(question)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "INSERT INTO superseded VALUES ('a', 1)",
        "WITH a AS (INSERT INTO superseded VALUES ('a', 1) RETURNING *) SELECT * FROM a",
        "WITH a AS (DELETE FROM superseded RETURNING *) SELECT * FROM a",
        "WITH a AS (UPDATE superseded SET batch = 2 RETURNING *) SELECT * FROM a",
        "WITH a AS (COPY (SELECT 1) TO '{target}') SELECT 1",
        "WITH b AS (SELECT 1), a AS MATERIALIZED (COPY (SELECT 1) TO '{target}') SELECT * FROM b",
        "SELECT * FROM (WITH a AS (COPY (SELECT 1) TO '{target}') SELECT 1)",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'",
        "EXPLAIN ANALYZE DELETE FROM superseded",
        "EXPLAIN /* x */ ANALYZE DELETE FROM superseded",
        "EXPLAIN ANALYZE WITH a AS (COPY (SELECT 1) TO '{target}') SELECT 1",
        "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{target}'",
        "COPY app TO '{target}'",
        "CREATE TABLE a AS SELECT 1",
        "ATTACH '{target}'",
        "SET memory_limit = '1TB'",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "SELECT * FROM read_text('/etc/hostname')",
        "FROM '/etc/hosts.csv'",
        "SELECT * FROM glob('/*')",
        "SELECT \ud800",
    ],
)  # fmt: skip
def test_anything_else_is_refused(facts: Warehouse, tmp_path: Path, question: str) -> None:
    target = tmp_path / "written"
    with pytest.raises(UsageError):
        facts.ask(question.replace("{target}", str(target)))
    assert not target.exists()
    assert facts.ask("SELECT count(*) FROM superseded").rows == [(0,)]


def test_files_that_may_be_read_are_not_written(tmp_path: Path) -> None:
    """The files of facts are on DuckDB's list of allowed paths, which knows no "for reading only"."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger, Warehouse(tmp_path, ledger) as facts:
        (listing,) = facts.ask("SELECT unnest(current_setting('allowed_paths'))").rows[0]
        before = Path(listing).read_bytes()
        with pytest.raises(UsageError):
            facts.ask(f"WITH a AS (COPY (SELECT 1 AS x) TO '{listing}') SELECT 1")
        assert Path(listing).read_bytes() == before


def test_sessions_share_what_is_shared_and_nothing_else(facts: Warehouse) -> None:
    one, other = facts.session(), facts.session()
    one.keep("mine", "SELECT 1 AS x")
    one.share("ours", "SELECT 2 AS x")
    assert one.ask("SELECT x FROM mine").rows == [(1,)]
    assert other.ask("SELECT x FROM ours").rows == [(2,)]
    with pytest.raises(UsageError):
        other.ask("SELECT x FROM mine")
    one.close()
    other.close()


def test_the_shelf_keeps_what_is_shared(tmp_path: Path) -> None:
    changes: list[int] = []

    def shelf(number: int) -> Path:
        changes.append(number)
        return tmp_path / "shelf.duckdb"

    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        with Warehouse(tmp_path, ledger, shelf=shelf) as facts:
            facts.share("ours", "SELECT 2 AS x")
        with Warehouse(tmp_path, ledger, shelf=shelf) as facts:
            assert facts.ask("SELECT x FROM ours").rows == [(2,)]
    assert changes == [0, 0]
