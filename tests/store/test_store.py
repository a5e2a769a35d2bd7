"""The ledger, the shards and the questions: what is kept, what a kill or a bad disk leaves, what cannot be asked."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.domain.acceleration import Acceleration, Hardware, Outcome
from nngauge.domain.attribution import Attribution, KnownModel, Likeness, Owner
from nngauge.domain.evidence import Confidence
from nngauge.domain.library import Library
from nngauge.domain.study import Item, State
from nngauge.domain.task import CoreVerdict, Modality, Role, TaskVerdict
from nngauge.domain.usage import Caller, UsageVerdict, Use
from nngauge.errors import StoreError, UnreadableError, UnsupportedError, UsageError
from nngauge.store import shards
from nngauge.store.ledger import MAX_ATTEMPTS, PAUSES, Ledger
from nngauge.store.rows import StoredResult, rows_of
from nngauge.store.schema import FACT_TABLES, LEDGER_TABLES, LISTING, VERSION
from nngauge.store.warehouse import Warehouse
from tests.builders import facts

pytest.importorskip("duckdb", reason="the extra `study` is not installed")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def items(count: int) -> list[Item]:
    return [Item(locator=f"/{number}.apk", size=number, stamp=str(number)) for number in range(count)]


def finish_all(ledger: Ledger, key: str = "key") -> None:
    """Every item that waits gets a result."""
    for work in ledger.lease(1000):
        ledger.finish(work.id, f"{work.id:04d}", key, StoredResult(scan=facts.scan(work.item.locator)))


def fill(ledger: Ledger, count: int, key: str = "key") -> None:
    """`count` apps have a result in the journal, or had one before."""
    ledger.add("2026-11", "folder", "/", items(count))
    finish_all(ledger, key)


def states(ledger: Ledger) -> dict[State, int]:
    return ledger.progress()[0].counts


def ask(folder: Path, ledger: Ledger, sql: str) -> list[tuple[object, ...]]:
    with Warehouse(folder, ledger) as warehouse:
        return warehouse.ask(sql).rows


# --- items --------------------------------------------------------------------------------------------------------------


def test_items_are_added_once_and_wait_again_when_they_change(ledger: Ledger) -> None:
    assert ledger.add("a", "folder", "/", items(3)) == (3, 0)
    finish_all(ledger)
    assert ledger.add("a", "folder", "/", items(3)) == (0, 0)
    assert ledger.add("a", "folder", "/", [Item(locator="/1.apk", size=1, stamp="other")]) == (0, 1)
    assert states(ledger) == {State.DONE: 2, State.WAITING: 1}
    assert ledger.add("b", "folder", "/", items(1)) == (1, 0)


def test_what_a_dead_run_had_leased_waits_again(ledger: Ledger) -> None:
    ledger.add("a", "folder", "/", items(5))
    assert [work.attempts for work in ledger.lease(2)] == [1, 1]
    assert len(ledger.lease(9)) == 3
    assert ledger.lease(9) == []
    assert ledger.release() == 5
    assert [work.attempts for work in ledger.lease(9)] == [1] * 5


def test_postponed_items_wait_longer_each_time(ledger: Ledger) -> None:
    ledger.add("a", "folder", "/", items(1))
    problem = facts.scan().failures[0]
    now = 1000.0
    for pause in PAUSES[:MAX_ATTEMPTS]:
        (work,) = ledger.lease(1, now=now)
        ledger.postpone(work, problem, pause=True, now=now)
        assert ledger.next_attempt() == now + pause
        assert ledger.lease(1, now=now + pause - 1) == []
        now += pause
    assert ledger.failures() == [("a", "/0.apk", "waiting", problem.error, problem.reason, "", MAX_ATTEMPTS)]


def test_failed_and_quarantined_items_can_be_retried(ledger: Ledger) -> None:
    ledger.add("a", "folder", "/", items(3))
    first, second, third = ledger.lease(3)
    problem = StoredResult(failure=facts.scan().failures[0])
    ledger.finish(first.id, "x", "key", problem)
    ledger.finish(second.id, "y", "key", problem, given_up=True)
    ledger.finish(third.id, "z", "key", StoredResult(scan=facts.scan()))
    assert states(ledger) == {State.FAILED: 1, State.QUARANTINED: 1, State.DONE: 1}
    assert ledger.retry(error="Timeout") == 0
    assert ledger.retry(snapshot="b") == 0
    assert ledger.retry() == 2
    assert states(ledger) == {State.WAITING: 2, State.DONE: 1}


def test_results_of_other_rules_are_made_again(ledger: Ledger) -> None:
    fill(ledger, 2, "old")
    assert ledger.stale(("old", "bounded")) == 0
    assert ledger.stale(("new", "bounded")) == 2


def test_a_lease_tells_all_that_the_source_told(ledger: Ledger) -> None:
    item = Item(locator="x", size=5, stamp="etag", sha256="ab", package_id="p", version_code="3")
    ledger.add("a", "fdroid", "https://example.org/repo", [item])
    (work,) = ledger.lease(1)
    assert (work.source, work.snapshot, work.item) == ("fdroid", "a", item)


# --- results and shards -------------------------------------------------------------------------------------------------


def test_a_result_is_there_before_and_after_it_is_sealed(tmp_path: Path, ledger: Ledger) -> None:
    fill(ledger, 3)
    question = "SELECT app, technology, version, library_bytes FROM detection ORDER BY app"
    before = ask(tmp_path, ledger, question)
    assert before[0] == ("0001", "tflite", "2.17.0", 3_000_000)
    assert len(before) == 3
    assert shards.seal(tmp_path, ledger, least=1) == 3
    assert ledger.journal_size() == 0
    assert ask(tmp_path, ledger, question) == before
    with Warehouse(tmp_path, ledger) as warehouse:
        assert warehouse.result("0002") == StoredResult(scan=facts.scan("/1.apk"))
        assert [app for app, _ in warehouse.documents()] == ["0001", "0002", "0003"]


def test_every_column_of_the_schema_is_filled_in_order(tmp_path: Path, ledger: Ledger) -> None:
    rows = rows_of(
        "app", "key", StoredResult(scan=facts.scan(**everything()), networks=(facts.network(),), audit=facts.audit())
    )
    for table in FACT_TABLES:
        assert rows.get(table.name), f"nothing of {table.name} is tested"
        assert all(len(row) == len(table.columns) for row in rows[table.name]), table.name
    fill(ledger, 1)
    shards.seal(tmp_path, ledger, least=1)
    with Warehouse(tmp_path, ledger) as warehouse:
        for table in (*FACT_TABLES, LISTING):
            assert warehouse.ask(f"SELECT * FROM {table.name}").columns == table.names
        for table in FACT_TABLES:
            types = warehouse.ask(f"SELECT column_name, column_type FROM (DESCRIBE {table.name})").rows
            assert types == [(column.name, column.type) for column in table.columns], table.name


def test_a_later_result_replaces_the_one_in_a_shard(tmp_path: Path, ledger: Ledger) -> None:
    fill(ledger, 3)
    shards.seal(tmp_path, ledger, least=1)
    ledger.stale(("new",))
    (work,) = ledger.lease(1)
    newer = facts.scan(detections=(facts.detection(version="9"),))
    ledger.finish(work.id, "0001", "new", StoredResult(scan=newer))
    question = "SELECT app, version FROM detection ORDER BY app"
    wanted = [("0001", "9"), ("0002", "2.17.0"), ("0003", "2.17.0")]
    assert ask(tmp_path, ledger, question) == wanted
    shards.seal(tmp_path, ledger, least=1)
    assert ask(tmp_path, ledger, question) == wanted
    assert ask(tmp_path, ledger, "SELECT count(*) FROM app") == [(3,)]


def test_small_batches_are_merged_and_nothing_changes(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "BATCH", 4)
    ledger.add("a", "folder", "/", items(48))
    for _ in range(16):
        for work in ledger.lease(3):
            ledger.finish(work.id, f"{work.id:04d}", "key", StoredResult(scan=facts.scan(work.item.locator)))
        shards.seal(tmp_path, ledger, least=1)
    ledger.stale(("new",))
    (work,) = ledger.lease(1)
    ledger.finish(work.id, "0001", "new", StoredResult(scan=facts.scan(models=())))
    before = ask(tmp_path, ledger, "SELECT * FROM model ORDER BY ALL")
    assert len(before) == 47
    assert len({shard.batch for shard in ledger.shards()}) == 16
    assert shards.merge(tmp_path, ledger) == 16
    assert len({shard.batch for shard in ledger.shards()}) == 1
    assert ask(tmp_path, ledger, "SELECT * FROM model ORDER BY ALL") == before
    assert ledger.superseded() == []
    assert len(list(tmp_path.glob("facts/model/*.parquet"))) == 1


def test_files_from_before_a_column_was_added_can_be_asked_and_merged(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they do not say is NULL; what nobody asks for any more is left out."""
    fill(ledger, 1)
    shards.seal(tmp_path, ledger, least=1)
    (old,) = tmp_path.glob("facts/technology/*.parquet")
    with shards.connect() as database:
        database.execute(f"CREATE TABLE old AS SELECT * EXCLUDE (grade), 1 AS gone FROM '{old}'")
        database.execute(f"COPY old TO '{old}' (FORMAT parquet)")
    wanted: list[tuple[object, ...]] = [("0001", None, "tflite")]
    question = "SELECT app, grade, technology FROM technology ORDER BY app"
    assert ask(tmp_path, ledger, question) == wanted
    ledger.add("b", "folder", "/", items(2))
    finish_all(ledger)
    shards.seal(tmp_path, ledger, least=1)
    assert len(found := ask(tmp_path, ledger, question)) == 3
    assert {row[1] for row in found} == {None, "runtime library"}
    monkeypatch.setattr(shards, "_MERGE", 2)
    assert shards.merge(tmp_path, ledger) == 2
    assert ask(tmp_path, ledger, question) == found
    with Warehouse(tmp_path, ledger) as warehouse:
        assert "gone" not in warehouse.ask("SELECT * FROM technology").columns


def test_the_number_of_a_model_is_made_for_files_from_before_it(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, 1)
    shards.seal(tmp_path, ledger, least=1)
    question = "SELECT digest, number FROM model"
    wanted: list[tuple[object, ...]] = [("ab" * 32, 0xABABABABABABABAB)]
    assert ask(tmp_path, ledger, question) == wanted
    (old,) = tmp_path.glob("facts/model/*.parquet")
    with shards.connect() as database:
        database.execute(f"CREATE TABLE old AS SELECT * EXCLUDE (number) FROM '{old}'")
        database.execute(f"COPY old TO '{old}' (FORMAT parquet)")
    assert ask(tmp_path, ledger, question) == wanted
    ledger.add("b", "folder", "/", items(2))
    finish_all(ledger)
    shards.seal(tmp_path, ledger, least=1)
    monkeypatch.setattr(shards, "_MERGE", 2)
    shards.merge(tmp_path, ledger)
    found = ask(tmp_path, ledger, question)
    assert len(found) == 3
    assert set(found) == set(wanted)


def test_a_package_that_failed_as_a_whole_is_a_fact(tmp_path: Path, ledger: Ledger) -> None:
    ledger.add("a", "folder", "/", items(1))
    (work,) = ledger.lease(1)
    ledger.finish(work.id, "unopened-x", "key", StoredResult(failure=facts.scan().failures[0]))
    assert ask(tmp_path, ledger, "SELECT app, error FROM failure") == [("unopened-x", "TruncatedError")]
    assert ask(tmp_path, ledger, "SELECT count(*) FROM app") == [(0,)]
    wanted = [("failed", "unopened-x", "TruncatedError")]
    assert ask(tmp_path, ledger, "SELECT state, app, error FROM listing") == wanted


def test_an_item_whose_facts_are_known_shares_them(tmp_path: Path, ledger: Ledger) -> None:
    fill(ledger, 1)
    ledger.add("later", "folder", "/", items(1))
    (work,) = ledger.lease(1)
    assert ledger.known("0001", "key")
    assert not ledger.known("0001", "other")
    ledger.finish(work.id, "0001", "key", None)
    assert ask(tmp_path, ledger, "SELECT count(*) FROM app") == [(1,)]
    wanted = [("2026-11", "0001"), ("later", "0001")]
    assert ask(tmp_path, ledger, "SELECT snapshot, app FROM listing ORDER BY 1") == wanted


def everything() -> dict[str, object]:
    """What scans of issue 4 say, beyond `facts.scan`."""
    by = Attribution(owner=Owner.SDK, sdk="mlkit", confidence=Confidence.LIKELY, because="its folder says so")
    (kept,) = facts.scan().technologies
    why = {"confidence": Confidence.CERTAIN, "reason": "a path leads there"}
    return {
        "technologies": (replace(kept, owner=by, missing=("libtflite.so", "x")),),
        "models": (
            facts.model(
                owner=by,
                task=TaskVerdict(task="keyword-spotting", modality=Modality.AUDIO, probability=0.75),
                known=KnownModel(
                    id="kws", title="KWS", source="x", likeness=Likeness.WEIGHTS, confidence=Confidence.CERTAIN
                ),
            ),
        ),
        "libraries": (
            Library(location=facts.place("a.apk!lib/arm64-v8a/liba.so"), size=700, technologies=("tflite",), owner=by),
            Library(location=facts.place("a.apk!lib/arm64-v8a/libb.so"), size=30),
        ),
        "accelerations": (
            Acceleration(
                accelerator="tflite-gpu", title="GPU delegate", engine="tflite", hardware=Hardware.GPU, abi="arm64-v8a",
                outcome=Outcome.MISSING, missing=("libgpu.so", "libcl*.so"),
            ),
        ),
        "usage": (
            UsageVerdict(subject="tflite", use=Use.USED, caller=Caller.SDK, **why),
            UsageVerdict(subject="a.apk!assets/m.tflite", model=True, use=Use.BUNDLED, **why),
        ),
        "core": CoreVerdict(role=Role.EXTRA, probability=0.5),
    }  # fmt: skip


def test_what_a_scan_concludes_can_be_asked(tmp_path: Path, ledger: Ledger) -> None:
    ledger.add("a", "folder", "/", items(1))
    (work,) = ledger.lease(1)
    ledger.finish(work.id, "x", "key", StoredResult(scan=facts.scan(**everything())))
    answers = {
        "SELECT grade, shipped, dead, missing, versions, owner, sdk, used, caller FROM technology":
            ("runtime library", True, False, "libtflite.so,x", '["2.17.0"]', "sdk", "mlkit", "used", "sdk"),
        "SELECT task, task_probability, modality, owner, sdk, known, likeness, used FROM model":
            ("keyword-spotting", 0.75, "audio", "sdk", "mlkit", "kws", "same weights", "bundled"),
        "SELECT owner, sdk FROM library WHERE size = 700": ("sdk", "mlkit"),
        "SELECT owner, sdk FROM library WHERE size = 30": (None, None),
        "SELECT accelerator, engine, hardware, abi, outcome, missing, size FROM acceleration":
            ("tflite-gpu", "tflite", "gpu", "arm64-v8a", "asked for but not shipped", "libgpu.so,libcl*.so", 0),
        "SELECT role, role_probability, models, model_bytes, library_bytes, ai_library_bytes FROM app":
            ("extra", 0.5, 1, 4096, 730, 700),
    }  # fmt: skip
    for question, wanted in answers.items():
        assert ask(tmp_path, ledger, question) == [wanted], question


# --- faults -------------------------------------------------------------------------------------------------------------


def test_what_a_killed_run_left_behind_is_swept_away(tmp_path: Path, ledger: Ledger) -> None:
    fill(ledger, 2)
    shards.seal(tmp_path, ledger, least=1)
    stray = tmp_path / "facts/model/000009.parquet"
    stray.write_bytes(b"half")
    (tmp_path / "facts/.pending").mkdir()
    fill(ledger, 3)
    assert shards.seal(tmp_path, ledger, least=1) == 1
    assert not stray.exists()
    assert not (tmp_path / "facts/.pending").exists()
    assert ask(tmp_path, ledger, "SELECT count(*) FROM model") == [(3,)]


@pytest.mark.parametrize("step", ["write_tables", "file_digest"])
def test_a_full_disk_leaves_the_journal(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fill(ledger, 2)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shards, step, full)
        with pytest.raises(StoreError, match="No space left"):
            shards.seal(tmp_path, ledger, least=1)
    assert ledger.journal_size() == 2
    assert shards.seal(tmp_path, ledger, least=1) == 2
    assert ask(tmp_path, ledger, "SELECT count(*) FROM model") == [(2,)]


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped"])
def test_a_damaged_shard_is_found_and_its_apps_wait_again(tmp_path: Path, ledger: Ledger, damage: str) -> None:
    fill(ledger, 2)
    shards.seal(tmp_path, ledger, least=1)
    fill(ledger, 3)
    shards.seal(tmp_path, ledger, least=1)
    shard = next(item for item in ledger.shards() if item.part == "model" and item.batch == 1)
    file = tmp_path / shard.file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:-9] if damage == "cut" else data)
    assert shards.damaged(tmp_path, ledger, digests=False) == ([] if damage == "flipped" else [shard])
    assert shards.damaged(tmp_path, ledger, digests=True) == [shard]
    assert shards.repair(tmp_path, ledger, [shard]) == 2
    assert states(ledger) == {State.DONE: 1, State.WAITING: 2}
    assert ask(tmp_path, ledger, "SELECT app FROM app") == [("0003",)]
    finish_all(ledger)
    assert ask(tmp_path, ledger, "SELECT count(*) FROM model") == [(3,)]


def test_a_shard_that_is_gone_is_said(tmp_path: Path, ledger: Ledger) -> None:
    fill(ledger, 1)
    shards.seal(tmp_path, ledger, least=1)
    (tmp_path / ledger.shards()[0].file).unlink()
    with pytest.raises(StoreError, match="is gone"):
        Warehouse(tmp_path, ledger)


def test_other_files_and_other_schemas_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to be read as one" * 10)
    with pytest.raises(UnreadableError):
        Ledger(tmp_path / "text")
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(UnsupportedError):
        Ledger(newer)


def test_a_ledger_of_the_schema_before_is_completed_and_keeps_what_it_has(tmp_path: Path, ledger: Ledger) -> None:
    fill(ledger, 2)
    ledger.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:  # as version 2 left it
        connection.executescript("DROP TABLE metadata; DROP TABLE metadata_problem; PRAGMA user_version = 2;")
    opened = Ledger(tmp_path / "ledger.sqlite")
    assert list(opened.metadata()) == []
    assert states(opened) == {State.DONE: 2}
    assert opened.journal_size() == 2
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)


# --- questions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE superseded", "SELECT 1; SELECT 2", "COPY app TO 'stolen.csv'", "ATTACH 'x.db'", "INSTALL httpfs",
        "SET enable_external_access = true", "SELEC", "SELECT * FROM nowhere", "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'", "SELECT * FROM glob('/*')", "PRAGMA version", "CREATE TABLE t (a INT)", "",
    ],
)  # fmt: skip
def test_questions_only_read_and_only_the_study(tmp_path: Path, ledger: Ledger, sql: str) -> None:
    fill(ledger, 1)
    with Warehouse(tmp_path, ledger) as warehouse, pytest.raises(UsageError):
        warehouse.ask(sql)


def test_an_empty_study_can_be_asked(tmp_path: Path, ledger: Ledger) -> None:
    for table in (*FACT_TABLES, LISTING):
        assert ask(tmp_path, ledger, f"SELECT count(*) FROM {table.name}") == [(0,)]


def test_the_schema_is_consistent() -> None:
    for table in (*LEDGER_TABLES, *FACT_TABLES, LISTING):
        assert len(set(table.names)) == len(table.names)
        assert all(column.meaning for column in table.columns)
        for index in (*table.indexes, table.key):
            assert all(part.strip() in table.names for part in index.split(",") if part)
    assert all(table.names[0] == "app" for table in FACT_TABLES)
