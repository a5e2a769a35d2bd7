"""Store listings in the facts: what later tables add, what a kill or a bad disk leaves, and questions over both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nngauge.cli import cli
from nngauge.domain.market import FIELDS
from nngauge.domain.study import Item
from nngauge.errors import InputError, StoreError
from nngauge.sources.listings import Listings
from nngauge.store import market as module
from nngauge.store import shards
from nngauge.store.ledger import Ledger, Metadata
from nngauge.store.market import read_listings
from nngauge.store.rows import StoredResult
from nngauge.store.schema import LEDGER_TABLES, MARKET, by_name
from nngauge.store.warehouse import Warehouse
from nngauge.study import Study
from tests.builders import facts

pytest.importorskip("duckdb", reason="the extra `study` is not installed")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def read(ledger: Ledger, folder: Path, text: str, snapshot: str = "2026-11", **told: Any) -> Metadata:
    file = folder / "table.csv"
    file.write_text(text)
    replace = told.pop("replace", False)
    return read_listings(folder, ledger, Listings(str(file), snapshot=snapshot, **told), replace=replace)


def ask(ledger: Ledger, folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with Warehouse(folder, ledger) as warehouse:
        return warehouse.ask(sql).rows


def test_the_table_is_what_the_reader_gives() -> None:
    assert MARKET.names == (*(field.name for field in FIELDS), "import", "line")
    assert set(Metadata.__struct_fields__) == set(by_name(LEDGER_TABLES)["metadata"].names)


def test_listings_are_joined_with_apps_by_package_and_snapshot(ledger: Ledger, tmp_path: Path) -> None:
    """Folders do not tell package ids: they are known when the app was scanned."""
    for snapshot in ("2026-10", "2026-11"):
        ledger.add(snapshot, "folder", "/", [Item(locator="/a.apk", size=1, stamp="1")])
    scan = facts.scan("/a.apk")
    package = scan.app.package_id
    first, second = ledger.lease(2)
    ledger.finish(first.id, "app", "key", StoredResult(scan=scan))
    ledger.finish(second.id, "app", "key", None)
    read(ledger, tmp_path, f'package,category,installs\n{package},TOOLS,"1,000+"\n', "2026-10")
    read(ledger, tmp_path, f'package,category,installs\n{package},GAME,"5,000+"\nx.y,GAME,\n', "2026-11")
    question = (
        "SELECT snapshot, app, category, downloads FROM market JOIN listing USING (package_id, snapshot) ORDER BY 1"
    )
    assert ask(ledger, tmp_path, question) == [("2026-10", "app", "TOOLS", 1000), ("2026-11", "app", "GAME", 5000)]
    assert ask(ledger, tmp_path, "SELECT app.app FROM market JOIN app USING (package_id) GROUP BY 1") == [("app",)]


def test_what_a_source_says_of_a_package_id_stays(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add("s", "fdroid", "/", [Item(locator="/a.apk", package_id="told.by.source")])
    ledger.finish(ledger.lease(1)[0].id, "app", "key", StoredResult(scan=facts.scan("/a.apk")))
    assert ask(ledger, tmp_path, "SELECT package_id FROM listing") == [("told.by.source",)]


def test_an_empty_study_has_an_empty_market(ledger: Ledger, tmp_path: Path) -> None:
    assert ask(ledger, tmp_path, "SELECT count(*) FROM market") == [(0,)]


def test_of_several_rows_the_latest_counts(ledger: Ledger, tmp_path: Path) -> None:
    text = "package,date,rank\na.b,2026-11-05,1\na.b,2026-11-20,2\na.b,2026-11-01,3\na.c,,4\na.c,,5\na.c,2026-11-01,6\n"
    record = read(ledger, tmp_path, text)
    assert (record.rows, record.kept) == (6, 2)
    assert ask(ledger, tmp_path, "SELECT package_id, rank, line FROM market ORDER BY 1") == [
        ("a.b", 2, 3),
        ("a.c", 6, 7),
    ]


def test_later_tables_add_and_correct_and_empty_nothing(ledger: Ledger, tmp_path: Path) -> None:
    read(ledger, tmp_path, "package,rank,rating\na.b,1,4.5\na.c,2,3\n")
    read(ledger, tmp_path, "package,rating,ads\na.b,4,yes\na.d,,no\n")
    assert ask(ledger, tmp_path, 'SELECT package_id, rank, rating, ads, "import" FROM market ORDER BY 1') == [
        ("a.b", 1, 4.0, True, 2), ("a.c", 2, 3.0, None, 1), ("a.d", None, None, False, 2),
    ]  # fmt: skip
    assert ask(ledger, tmp_path, "SELECT count(*), count(DISTINCT (package_id, snapshot)) FROM market") == [(3, 3)]
    assert [item.batch for item in ledger.metadata()] == [2, 2]


def test_replacing_forgets_the_snapshot_and_no_other(ledger: Ledger, tmp_path: Path) -> None:
    read(ledger, tmp_path, "package,snapshot,rank\na.b,one,1\na.b,two,2\na.c,two,3\n", "")
    read(ledger, tmp_path, "package,rating\na.b,4\n", "two", replace=True)
    assert ask(ledger, tmp_path, "SELECT package_id, snapshot, rank, rating FROM market ORDER BY 2") == [
        ("a.b", "one", 1, None), ("a.b", "two", None, 4.0),
    ]  # fmt: skip


def test_other_snapshots_stay_in_their_files(ledger: Ledger, tmp_path: Path) -> None:
    read(ledger, tmp_path, "package,rank\na.b,1\n", "one")
    (before,) = ledger.shards()
    read(ledger, tmp_path, "package,rank\na.b,2\n", "two")
    assert before in ledger.shards()
    assert len(ledger.shards()) == 2
    read(ledger, tmp_path, "package,rank\na.c,2\n", "two")
    assert before in ledger.shards()
    assert len(ledger.shards()) == 2
    assert len(list((tmp_path / "facts" / "market").iterdir())) == 2, "what was merged is gone"


def test_the_same_table_is_not_read_twice(ledger: Ledger, tmp_path: Path) -> None:
    first = read(ledger, tmp_path, "package,rank\na.b,1\n")
    assert read(ledger, tmp_path, "package,rank\na.b,1\n") == first
    assert read(ledger, tmp_path, "package,rank\na.b,1\n", "other").id == 2
    assert read(ledger, tmp_path, "package,rank\na.b,1\n", columns={"downloads": "rank"}).id == 3
    assert read(ledger, tmp_path, "package,rank\na.b,1\n", replace=True).id == 4


def test_bad_rows_are_kept_in_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    record = read(ledger, tmp_path, "package,rank\na.b,x\nno id,1\n" + "no id,1\n" * 200)
    assert (record.rows, record.kept, record.refused, record.unreadable) == (202, 1, 201, 1)
    problems = ledger.metadata_problems()
    assert len(problems) == 100
    assert problems[:2] == [
        (str(tmp_path / "table.csv"), 2, "rank", "not a number", "x"),
        (str(tmp_path / "table.csv"), 3, "", "no name of a package", "no id"),
    ]


@pytest.mark.parametrize("text", ["title\nx\n", "package\nno id\n", ""])
def test_a_table_that_is_none_changes_nothing(ledger: Ledger, tmp_path: Path, text: str) -> None:
    read(ledger, tmp_path, "package,rank\na.b,1\n")
    before = ledger.shards(), ledger.metadata()
    with pytest.raises(InputError):
        read(ledger, tmp_path, text)
    assert (ledger.shards(), ledger.metadata()) == before
    assert not (tmp_path / "facts" / ".pending").exists()


@pytest.mark.parametrize("at", ["write", "list"])
def test_a_kill_while_a_table_is_read_changes_nothing(
    ledger: Ledger, tmp_path: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(ledger, tmp_path, "package,rank\na.b,1\n")

    class Kill(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Kill

    with monkeypatch.context() as patch:
        if at == "write":
            patch.setattr(module, "write_parquet", kill)
        else:
            patch.setattr(Ledger, "add_metadata", kill)
        with pytest.raises(Kill):
            read(ledger, tmp_path, "package,rank\na.b,2\na.c,3\n")
    assert ask(ledger, tmp_path, "SELECT package_id, rank FROM market") == [("a.b", 1)]
    read(ledger, tmp_path, "package,rank\na.b,2\na.c,3\n")
    assert ask(ledger, tmp_path, "SELECT package_id, rank FROM market ORDER BY 1") == [("a.b", 2), ("a.c", 3)]
    assert len(list((tmp_path / "facts" / "market").iterdir())) == 1


def test_a_full_disk_is_said_and_changes_nothing(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_parquet", full)
        with pytest.raises(StoreError, match="No space left"):
            read(ledger, tmp_path, "package,rank\na.b,1\n")
    assert (ledger.shards(), ledger.metadata()) == ([], [])


def test_a_damaged_file_is_found_given_up_and_read_again(ledger: Ledger, tmp_path: Path) -> None:
    read(ledger, tmp_path, "package,rank\na.b,x\n")
    (shard,) = ledger.shards()
    (tmp_path / shard.file).write_bytes(b"x")
    assert shards.damaged(tmp_path, ledger, digests=True) == [shard]
    assert shards.repair(tmp_path, ledger, [shard]) == 0
    assert (ledger.metadata(), ledger.metadata_problems()) == ([], [])
    read(ledger, tmp_path, "package,rank\na.b,x\n")
    assert ask(ledger, tmp_path, "SELECT count(*) FROM market") == [(1,)]


def test_merging_facts_leaves_listings_alone(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty batches of facts and twenty of listings, one as small as the other."""
    monkeypatch.setattr(shards, "BATCH", 1)
    for at in range(20):
        ledger.add("s", "folder", "/", [Item(locator=f"/{at}.apk", stamp="1")])
        ledger.finish(ledger.lease(1)[0].id, f"{at:04d}", "key", StoredResult(scan=facts.scan(f"/{at}.apk")))
        shards.seal(tmp_path, ledger, least=1)
        read(ledger, tmp_path, f"package,rank\na.b,{at + 1}\n", f"s{at:02d}")
    assert shards.merge(tmp_path, ledger) >= 16
    assert ask(ledger, tmp_path, "SELECT count(*), sum(rank) FROM market") == [(20, 210)]
    assert ask(ledger, tmp_path, "SELECT count(*) FROM app") == [(20,)]


# --- the command line ---------------------------------------------------------------------------------------------------


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["study", *words])
    return done.exit_code, done.output


def test_from_the_command_line(tmp_path: Path) -> None:
    folder, table = tmp_path / "study", tmp_path / "charts.csv"
    Study.create(folder).__exit__(None, None, None)
    table.write_text("handle;Place;category\na.b;1;TOOLS\nno id;2;GAME\na.c;third;GAME\n")
    code, said = run("metadata", str(folder), str(table), "--snapshot", "2026-11", "--column", "package_id=handle",
                     "--column", "rank=Place")  # fmt: skip
    assert (code, "2 apps from 3 rows in snapshot 2026-11, 1 rows refused and 1 cells left empty" in said) == (0, True)
    code, said = run("metadata", str(folder), "--problems")
    assert "charts.csv:3: no name of a package: 'no id'" in said
    assert "charts.csv:4: rank: not a number: 'third'" in said
    code, said = run("sql", str(folder), "SELECT package_id, rank FROM market ORDER BY 1", "--csv")
    assert said.splitlines() == ["package_id,rank", "a.b,1", "a.c,"]
    assert "market" in run("tables")[1]
    exported = tmp_path / "out"
    assert run("export", str(folder), "--parquet", str(exported))[0] == 0
    assert (exported / "market.parquet").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.csv"], "absent.csv"), (["--column", "rank", "t.csv"], "FIELD=NAME"),
        (["--column", "ranks=x", "t.csv"], "no field is called"),
    ],
)  # fmt: skip
def test_mistakes_on_the_command_line(tmp_path: Path, words: list[str], said: str) -> None:
    Study.create(tmp_path / "study").__exit__(None, None, None)
    done = CliRunner().invoke(cli, ["study", "metadata", str(tmp_path / "study"), *words])
    assert done.exit_code != 0
    assert said in done.output + str(done.exception)
