"""Compression tables of a study as tables: what is in them, and what files that are none of ours do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from nngauge.domain.compression import Agreement, Inputs, InputSource, Reference, Refusal, Row, Rule, StudyTable
from nngauge.store.compressed import COMPRESSED_TABLES, compressed_rows
from nngauge.store.ledger import Ledger
from nngauge.store.schema import by_name
from nngauge.store.warehouse import Warehouse
from tests.compress.study_tables import pruned, table, told, version

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

MODEL = "ffcd" * 16
"""A digest whose first 64 bits are a large number."""
NUMBER = int(MODEL[:16], 16)


def write(study: Path, name: str, content: StudyTable | bytes) -> None:
    (study / "compressed").mkdir(exist_ok=True)
    data = content if isinstance(content, bytes) else msgspec.json.encode(content)
    (study / "compressed" / name).write_bytes(data)


def ask(study: Path, sql: str) -> list[tuple[Any, ...]]:
    with Ledger(study / "ledger.sqlite") as ledger, Warehouse(study, ledger) as facts:
        return facts.ask(sql).rows


def whole() -> StudyTable:
    broken = replace(version(1, None), agreement=None, refusal=Refusal(reason="crashed", explanation="signal 11"))
    same = Row(
        variant=version(16, None).variant, sizes=version(16, None).sizes,
        agreement=Agreement(rule=Rule.TOP1, inputs=100, matched=100, low=0.96, high=1.0, identical=True),
    )  # fmt: skip
    made = table({})
    rows = (same, version(8, 97, top5=0.99, error=0.01), version(4, 20, not_finite=3, sqnr=None), broken)
    return told(MODEL, replace(made, rows=rows, pruned=(pruned(0.5, 60),)))


def test_every_column_is_filled_in_order(tmp_path: Path) -> None:
    write(tmp_path, "a.json", whole())
    write(tmp_path, "b.json", told(MODEL, Refusal(reason="no weights", explanation="none", hint="show")))
    with Ledger(tmp_path / "ledger.sqlite") as ledger, Warehouse(tmp_path, ledger) as facts:
        for one in COMPRESSED_TABLES:
            types = facts.ask(f"SELECT column_name, column_type FROM (DESCRIBE {one.name})").rows
            assert types == [(column.name, column.type) for column in one.columns], one.name
            assert facts.ask(f"SELECT count(*) FROM {one.name}").rows[0][0], one.name
    for name in ("a.json", "b.json"):
        for place, row in compressed_rows(name, (tmp_path / "compressed" / name).read_bytes()):
            assert len(row) == len(by_name(COMPRESSED_TABLES)[place].columns)


def test_numbers_are_those_of_the_table(tmp_path: Path) -> None:
    write(tmp_path, "a.json", whole())
    assert ask(
        tmp_path,
        "SELECT number, engine, input_source, inputs, rule, distinct_answers, chance, withheld, shipped_bytes, shipped_deflated, weights, "
        "notes, cpu_seconds, wanted_inputs, wanted_seconds FROM compression",
    ) == [
        (NUMBER, "litert", "bundled samples", 100, "top-1", 40, 0.1, None, 1_000_000, 500_000, 4, "one; two", 2.5, 100, 10.0)
    ]  # fmt: skip
    rows = ask(
        tmp_path,
        "SELECT bits, scheme, packed_bytes, file_bytes, identical, matched, agreement, sqnr, not_finite, refused FROM compression_row "
        "WHERE sparsity IS NULL ORDER BY bits DESC",
    )
    assert rows == [
        (16, "float", 500_000, 500_000, True, 100, 1.0, None, 0, None),
        (8, "linear", 250_000, 250_000, False, 97, 0.97, 40.0, 0, None),
        (4, "linear", 125_000, None, False, 20, 0.2, None, 3, None),
        (1, "linear", 31_250, None, None, None, None, None, None, "crashed: signal 11"),
    ]
    assert ask(tmp_path, "SELECT top5, error, round(low, 3), round(high, 3) FROM compression_row WHERE bits = 8") == [
        (0.99, 0.01, 0.915, 0.99)
    ]
    assert ask(tmp_path, "SELECT bits, scheme, sparsity, scope, agreement FROM compression_row WHERE bits IS NULL") == [
        (None, None, 0.5, "per layer", 0.6)
    ]


def test_what_is_withheld_is_not_told(tmp_path: Path) -> None:
    made = replace(
        table({8: None}), inputs=Inputs(source=InputSource.NOISE, count=100),
        reference=Reference(rule=Rule.NONE, because="no rule", inputs=100, withheld="no rule"),
    )  # fmt: skip
    write(tmp_path, "a.json", told(MODEL, made))
    assert ask(tmp_path, "SELECT rule, withheld, chance, input_source FROM compression") == [
        ("none", "no rule", None, "1/f noise")
    ]
    assert ask(tmp_path, "SELECT matched, agreement, low, sqnr FROM compression_row") == [(None, None, None, 40.0)]


def test_refusals_are_kept_with_their_reason(tmp_path: Path) -> None:
    write(tmp_path, "a.json", told(MODEL, Refusal(reason="missing", explanation="LiteRT is not there", hint="pip")))
    assert ask(tmp_path, "SELECT number, format, kind, reason, hint FROM compression_refusal") == [
        (NUMBER, "tflite", "missing", "LiteRT is not there", "pip")
    ]
    assert not ask(tmp_path, "SELECT * FROM compression")


GOOD = msgspec.json.encode(told(MODEL, table({8: 97})))
HOSTILE = {
    "empty": b"",
    "cut": GOOD[:-9],
    "deep": b"[" * 100_000,
    "list": b"[1]",
    "huge": GOOD.replace(b'"elements":225000', b'"elements":1' + b"0" * 40),
    "vast": GOOD.replace(b'"matched":97', b'"matched":1' + b"0" * 400),
    "nul": GOOD.replace(b'"tflite"', b'"\\u0000"'),
    "half": GOOD.replace(b'"tflite"', b'"\\ud800"'),
    "rule": GOOD.replace(b'"rule":"top-1"', b'"rule":"mine"'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_no_table_holds_is_told_and_stops_nothing(tmp_path: Path, name: str) -> None:
    assert HOSTILE[name] != GOOD
    write(tmp_path, "bad.json", HOSTILE[name])
    write(tmp_path, "good.json", GOOD)
    assert ask(tmp_path, "SELECT file FROM compression") == [("good.json",)]
    assert ask(tmp_path, "SELECT file, kind, number FROM compression_refusal") == [("bad.json", "damaged", None)]


def test_numbers_in_a_file_stay_numbers(tmp_path: Path) -> None:
    write(tmp_path, "a.json", GOOD.replace(b'"sqnr":40.0', b'"sqnr":1e308').replace(b'"high":0.98', b'"high":-0.98'))
    assert ask(tmp_path, "SELECT count(*) FROM compression_row WHERE sqnr > 1e300") == [(1,)]
