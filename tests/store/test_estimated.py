"""Estimates of a study as tables: what is in them, and files that are damaged or made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from nngauge.domain.estimate import Ground
from nngauge.domain.study_estimate import (
    ModelEstimates,
    Phone,
    Place,
    Reach,
    Shares,
    StudyEstimates,
    Told,
    ToldLanguage,
    Untold,
)
from nngauge.store.estimated import ESTIMATED_TABLES, estimated_rows
from nngauge.store.ledger import Ledger
from nngauge.store.schema import by_name
from nngauge.store.warehouse import Warehouse

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

MODEL = "ffcd" * 16
GROUND = Ground(profile="pixel-4/big/1/float32/tflite@2", method="m", source="s", models=100, error=0.02, coverage=0.9)


def whole() -> StudyEstimates:
    told = Told(0, 0, (20.0, 10.0, 40.0), 25.0, (5.0, 2.0, 10.0), "curve@1", ("instant",), ("a", "b"))
    bare = Told(1, 0, (2.0, 1.0, 4.0), None, None, "", ("instant", "flow"), ())
    text = ToldLanguage(1, 0, (9.0, 3.0, 27.0), None, (1e9, 9e8, 2e9), True, ("a",))
    nothing = ToldLanguage(0, None, None, None, None, None, ())
    refused = Untold(0, "latency", "TOO_FAR", "far", "hint")
    unread = Untold(None, "latency", "UNREAD", "no layers", "run")
    reach = Reach((0.5, 0.6, 0.7, 0.1), (0.6, 0.7, 0.8, 0.1), None, (("on the processor", 0.9),), "int8", "")
    return StudyEstimates(
        tool="nngauge 0", made="2026-11-22T00:00:00.000+00:00", level=0.9,
        phones=(Phone(id="pixel-4", name="Google Pixel 4", soc="Snapdragon 855", year=2019, tier="high"),),
        places=(Place("pixel-4", "big core", 1, "float32", "tflite"), Place("odd", "npu", 1, "int8", "")),
        grounds=(GROUND,),
        shares=Shares(title="phones", assumed=True, since=2022, goal=0.95, milliseconds=100.0),
        models=(
            ModelEstimates(digest=MODEL, name="m.tflite", format="tflite", macs=7, told=(told, bare), untold=(refused,), reach=reach),
            ModelEstimates(digest="ab" * 32, name="w", format="gguf", language=(text, nothing), untold=(unread,)),
        ),
    )  # fmt: skip


def write(study: Path, name: str, content: bytes) -> None:
    (study / "estimated").mkdir(exist_ok=True)
    (study / "estimated" / name).write_bytes(content)


def ask(study: Path, sql: str) -> list[tuple[Any, ...]]:
    with Ledger(study / "ledger.sqlite") as ledger, Warehouse(study, ledger) as facts:
        return facts.ask(sql).rows


def test_every_column_is_filled_in_order(tmp_path: Path) -> None:
    content = msgspec.json.encode(whole())
    rows = estimated_rows("a.json", content)
    assert {name for name, _ in rows} == {table.name for table in ESTIMATED_TABLES}
    for name, row in rows:
        assert len(row) == len(by_name(ESTIMATED_TABLES)[name].columns), name
    write(tmp_path, "a.json", content)
    for table in ESTIMATED_TABLES:
        types = ask(tmp_path, f"SELECT column_name, column_type FROM (DESCRIBE {table.name})")
        assert types == [(column.name, column.type) for column in table.columns], table.name
        assert ask(tmp_path, f"SELECT count(*) FROM {table.name}")[0][0]


def test_numbers_are_in_seconds_and_joules(tmp_path: Path) -> None:
    write(tmp_path, "a.json", msgspec.json.encode(whole()))
    assert ask(tmp_path, "SELECT seconds, seconds_low, seconds_high, baseline_seconds, joules, joules_high, doubts, verdict, number, "
                         "device_name, device_year, tier, profile, error, family_error, level FROM estimate ORDER BY seconds DESC") == [
        (0.02, 0.01, 0.04, 0.025, 0.005, 0.01, "a,b", "instant", int(MODEL[:16], 16), "Google Pixel 4", 2019, "high", GROUND.profile, 0.02, None, 0.9),
        (0.002, 0.001, 0.004, None, None, None, "", "instant,flow", int(MODEL[:16], 16), "odd", None, "", GROUND.profile, 0.02, None, 0.9),
    ]  # fmt: skip
    assert ask(tmp_path, "SELECT decode, prefill, memory_bytes, fits, profile FROM language_estimate ORDER BY 1") == [
        (9.0, None, 1_000_000_000, True, GROUND.profile),
        (None, None, None, None, None),
    ]
    assert ask(tmp_path, "SELECT device, kind, reason, hint, quantity FROM estimate_refusal ORDER BY kind") == [
        ("pixel-4", "TOO_FAR", "far", "hint", "latency"),
        (None, "UNREAD", "no layers", "run", "latency"),
    ]
    assert ask(tmp_path, 'SELECT likely, recent_low, "unknown", reached, assumed, budget_seconds, reason FROM reach') == [
        (0.6, 0.6, 0.1, None, True, 0.1, None)
    ]  # fmt: skip
    assert ask(tmp_path, "SELECT stage, share, budget_seconds FROM reach_plan") == [("on the processor", 0.9, 0.1)]


GOOD = msgspec.json.encode(whole())
HOSTILE = (
    (b'"macs":7', b'"macs":1' + b"0" * 30),
    (b'"m.tflite"', b'"m\\u0000.tflite"'),
    (b'"m.tflite"', b'"\\ud800"'),
    (b"[20.0,10.0,40.0]", b"[20.0,10.0]"),
    (b"[20.0,10.0,40.0]", b"[1e999,10.0,40.0]"),
    (b'"told":[[0,0', b'"told":[[7,0'),
    (b'"told":[[0,0', b'"told":[[-1,0'),
    (b'"told":[[0,0', b'"told":[[0,9'),
    (b"[1000000000.0", b"[1e300"),
    (b"nngauge.study-estimates/1", b"nngauge.study-estimates/9"),
    (b'"models":[', b'"models":' + b"[" * 5000),
)


@pytest.mark.parametrize(("old", "new"), HOSTILE)
def test_a_file_that_no_table_holds_is_told_and_stops_nothing(tmp_path: Path, old: bytes, new: bytes) -> None:
    assert old in GOOD
    write(tmp_path, "good.json", GOOD)
    write(tmp_path, "bad.json", GOOD.replace(old, new, 1))
    write(tmp_path, "empty.json", b"")
    assert ask(tmp_path, "SELECT DISTINCT file FROM estimate") == [("good.json",)]
    assert ask(tmp_path, "SELECT file, kind FROM estimate_refusal WHERE kind = 'DAMAGED' ORDER BY 1") == [
        ("bad.json", "DAMAGED"),
        ("empty.json", "DAMAGED"),
    ]


def test_a_study_without_estimates_has_empty_tables(tmp_path: Path) -> None:
    for table in ESTIMATED_TABLES:
        assert ask(tmp_path, f"SELECT count(*) FROM {table.name}") == [(0,)]
