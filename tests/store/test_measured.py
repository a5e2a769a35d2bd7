"""Sessions of a study as tables: what is in them, what follows when files come, change and go."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nngauge.domain.energy import Energy, EnergyBlock, EnergyRefusal, MeterFacts, Obstacle
from nngauge.domain.measurement import Configuration, Doubt, Measurement, ModelEnergy, OpTime, Refusal, Session
from nngauge.errors import UsageError
from nngauge.measure.summary import summary
from nngauge.store import kept
from nngauge.store.ledger import Ledger
from nngauge.store.measured import session_rows
from nngauge.store.schema import MEASURED_TABLES, by_name
from nngauge.store.warehouse import TABLES, Warehouse
from tests.measure.sessions import launch, measurement, state

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

MODEL = "ffcd" * 16
"""A digest whose first 64 bits are a large number."""
BLOCK = EnergyBlock(block=0, seconds=60, inferences=600, loop_watts=2, before_watts=1, after_watts=1)


def timed(seed: int = 1, launches: int = 6, **changes: Any) -> Measurement:
    chance = random.Random(seed)
    made = tuple(
        launch(chance, block=at, before=state(), after=state(), peak_bytes=9000 + at) for at in range(launches)
    )
    return measurement(made, **({"model": MODEL, "summary": summary(made, 1)} | changes))


def energy(joules: float) -> Energy:
    return Energy(
        joules=joules, low=joules - 0.01, high=joules + 0.01, mde=0.02, baseline_watts=0.8, blocks=(BLOCK,),
        meter=MeterFacts(name="monsoon"),
    )  # fmt: skip


def write(study: Path, name: str, session: Session) -> Path:
    (study / "measured").mkdir(exist_ok=True)
    file = study / "measured" / name
    file.write_bytes(msgspec.json.encode(session))
    return file


def ask(study: Path, sql: str) -> list[tuple[Any, ...]]:
    with Ledger(study / "ledger.sqlite") as ledger, Warehouse(study, ledger) as facts:
        return facts.ask(sql).rows


def whole() -> Session:
    item = timed(doubts=(Doubt.WIDE, Doubt.UNCHECKED))
    profiled = msgspec.structs.replace(item.launches[-1], ops=(OpTime(name="conv1", kind="CONV_2D", nanoseconds=5e6, unit="gpu"),), delegated={"gpu": 3})  # fmt: skip
    item = msgspec.structs.replace(item, launches=(*item.launches[:-1], profiled))
    other = Configuration(engine="litert", threads=4, cpus=(4, 5))
    return Session(
        measurements=(item, timed(2, configuration=other)),
        refusals=(Refusal(model=MODEL, name="m.tflite", configuration=Configuration(engine="litert", delegate="gpu"), reason="no GPU", kind="unsupported"),),
        energies=(
            ModelEnergy(model=MODEL, name="m.tflite", configuration=item.configuration, energy=energy(0.05)),
            ModelEnergy(model=MODEL, name="m.tflite", configuration=other, refusal=EnergyRefusal(kind=Obstacle.CHARGING, reason="it was charging")),
        ),
    )  # fmt: skip


def test_every_column_is_filled_in_order(tmp_path: Path) -> None:
    write(tmp_path, "a.json", whole())
    rows = list(session_rows("a.json", msgspec.json.encode(whole())))
    assert {name for name, _ in rows} == {table.name for table in MEASURED_TABLES}
    for name, row in rows:
        assert len(row) == len(by_name(MEASURED_TABLES)[name].columns), name
    with Ledger(tmp_path / "ledger.sqlite") as ledger, Warehouse(tmp_path, ledger) as facts:
        for table in MEASURED_TABLES:
            types = facts.ask(f"SELECT column_name, column_type FROM (DESCRIBE {table.name})").rows
            assert types == [(column.name, column.type) for column in table.columns], table.name
            assert facts.ask(f"SELECT count(*) FROM {table.name}").rows[0][0]


def test_numbers_are_those_of_the_session(tmp_path: Path) -> None:
    session = whole()
    write(tmp_path, "a.json", session)
    first, second = ask(
        tmp_path,
        "SELECT number, steady_seconds, steady_low, steady_high, p95_seconds, first_seconds, load_seconds, cpu_seconds, runs, "
        "launches, peak_bytes, doubts, cores, delegated, joules, joules_mde, meter, energy_refused, finite, difference, clock "
        "FROM measurement ORDER BY nth",
    )
    found = session.measurements[0].summary
    assert found is not None
    assert found.low_ns is not None
    assert found.high_ns is not None
    assert first[0] == int(MODEL[:16], 16)
    assert first[1:5] == pytest.approx(
        (found.steady_ns / 1e9, found.low_ns / 1e9, found.high_ns / 1e9, found.p95_ns / 1e9)
    )
    assert first[5:7] == (0.03, 0.005)
    assert first[8:11] == (180, 6, 9005)
    assert first[11:] == ("interval wider than asked for,outputs were not compared with a reference", "", '{"gpu":3}', 0.05, 0.02, "monsoon", None, True, 0.001, "wall")  # fmt: skip
    assert second[12] == "4,5"
    assert second[14:18] == (None, None, None, "charging: it was charging")
    assert ask(tmp_path, "SELECT operator, kind, seconds, unit, number FROM operator_time") == [
        ("conv1", "CONV_2D", 0.005, "gpu", int(MODEL[:16], 16))
    ]
    assert ask(tmp_path, "SELECT kind, delegate, reason FROM measurement_refusal") == [("unsupported", "gpu", "no GPU")]
    assert ask(tmp_path, "SELECT celsius, hz, battery FROM launch LIMIT 1") == [(45.0, 2.8e9, 0.8)]


def test_energy_that_was_not_found_is_no_zero(tmp_path: Path) -> None:
    item = timed()
    faint = ModelEnergy(model=MODEL, name="m", configuration=item.configuration, energy=energy(0.015))
    write(tmp_path, "a.json", Session(measurements=(item,), energies=(faint,)))
    assert ask(tmp_path, "SELECT joules, joules_low, joules_mde, joules_high FROM measurement") == [
        (None, None, 0.02, 0.025)
    ]


def test_an_emulated_processor_has_no_times(tmp_path: Path) -> None:
    bare = tuple(msgspec.structs.replace(one, wall_ns=(), cpu_ns=(), load_ns=0, first_ns=0) for one in timed().launches)
    assert summary(bare, 1) is None
    write(tmp_path, "a.json", Session(measurements=(measurement(bare),)))
    assert ask(tmp_path, "SELECT steady_seconds, load_seconds, runs, peak_bytes FROM measurement") == [
        (None, None, 0, 9005)
    ]
    assert ask(tmp_path, "SELECT DISTINCT steady_seconds, load_seconds FROM launch") == [(None, None)]


def test_one_launch_has_no_interval(tmp_path: Path) -> None:
    write(tmp_path, "a.json", Session(measurements=(timed(launches=1),)))
    ((low, high, steady),) = ask(tmp_path, "SELECT steady_low, steady_high, steady_seconds FROM measurement")
    assert (low, high) == (None, None)
    assert steady == pytest.approx(0.01, rel=0.05)


def test_samples_are_read_from_the_session_and_from_nowhere_else(tmp_path: Path) -> None:
    session = whole()
    write(tmp_path, "a.json", session)
    write(tmp_path, "b.json", Session(measurements=(timed(3),)))
    rows = ask(
        tmp_path, "SELECT sample, wall_ns, cpu_ns FROM samples('a.json') WHERE nth = 2 AND launch = 3 ORDER BY sample"
    )
    wanted = session.measurements[1].launches[2]
    assert rows == [(at, *pair) for at, pair in enumerate(zip(wanted.wall_ns, wanted.cpu_ns, strict=True), 1)]
    assert ask(tmp_path, "SELECT session, count(*) FROM samples('*.json') GROUP BY 1 ORDER BY 1") == [
        ("a.json", 360),
        ("b.json", 180),
    ]
    (tmp_path / "secret.json").write_text('{"measurements": []}')
    for name in ("../secret.json", "../ledger.sqlite", "../measured/../secret.json"):
        with pytest.raises(UsageError):
            ask(tmp_path, f"SELECT * FROM samples('{name}')")


def test_tables_follow_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    question = "SELECT session, engine_version FROM measurement ORDER BY ALL"
    a = write(tmp_path, "a.json", Session(measurements=(timed(engine_version="1"),)))
    write(tmp_path, "b.json", Session(measurements=(timed(engine_version="1"),)))
    assert ask(tmp_path, question) == [("a.json", "1"), ("b.json", "1")]
    read: list[Path] = []
    real = kept._content
    monkeypatch.setattr(kept, "_content", lambda file, largest: (read.append(file), real(file, largest))[1])
    assert ask(tmp_path, question) == [("a.json", "1"), ("b.json", "1")]
    assert not read, "what is known is not read again"
    write(tmp_path, "c.json", Session(measurements=(timed(engine_version="1"),)))
    assert len(ask(tmp_path, question)) == 3
    assert [file.name for file in read] == ["c.json"]
    write(tmp_path, "a.json", Session(measurements=(timed(engine_version="22"),)))
    os.utime(a, ns=(1, 1))
    assert ask(tmp_path, question) == [("a.json", "22"), ("b.json", "1"), ("c.json", "1")]
    a.unlink()
    assert ask(tmp_path, question) == [("b.json", "1"), ("c.json", "1")]
    for file in (tmp_path / "cache" / "measured-1").glob("*.parquet"):
        file.unlink()
    assert len(ask(tmp_path, question)) == 2, "a cache that lost its files is made again"
    for name in ("b.json", "c.json"):
        (tmp_path / "measured" / name).unlink()
    assert ask(tmp_path, question) == []


def test_many_small_parts_become_one(tmp_path: Path) -> None:
    for at in range(20):
        write(tmp_path, f"{at:02}.json", Session(measurements=(timed(launches=1),)))
        assert ask(tmp_path, "SELECT count(*), count(DISTINCT session) FROM measurement") == [(at + 1, at + 1)]
    assert len(list((tmp_path / "cache" / "measured-1").glob("*.json"))) < 16


def test_two_that_open_at_once_count_nothing_twice(tmp_path: Path) -> None:
    write(tmp_path, "a.json", Session(measurements=(timed(),)))
    ask(tmp_path, "SELECT 1")
    write(tmp_path, "b.json", Session(measurements=(timed(),)))
    kept = tmp_path / "cache" / "measured-1"
    before = {file.name: file.read_bytes() for file in kept.iterdir()}
    for file in kept.iterdir():
        file.unlink()
    ask(tmp_path, "SELECT 1")  # the other process knew neither, and made one part of both
    for name, content in before.items():
        (kept / name).write_bytes(content)
    assert ask(tmp_path, "SELECT session FROM measurement ORDER BY 1") == [("a.json",), ("b.json",)]


def test_a_damaged_file_is_told_and_stops_nothing(tmp_path: Path) -> None:
    write(tmp_path, "good.json", Session(measurements=(timed(),)))
    for name, content in (
        ("a.json", b"{"),
        ("b.json", b""),
        ("c.json", b"[" * 100_000),
        ("d.json", b'{"measurements": [1]}'),
    ):
        (tmp_path / "measured" / name).write_bytes(content)
    (tmp_path / "measured" / ".partial-x.json").write_bytes(b"{")
    (tmp_path / "measured" / "linked.json").symlink_to(tmp_path / "measured" / "good.json")
    (tmp_path / "measured" / "folder.json").mkdir()
    assert ask(tmp_path, "SELECT session FROM measurement") == [("good.json",)]
    assert ask(tmp_path, "SELECT session, kind, engine FROM measurement_refusal ORDER BY 1") == [
        (f"{name}.json", "damaged", None) for name in "abcd"
    ]


def test_a_cache_that_somebody_else_wrote_leads_nowhere(tmp_path: Path) -> None:
    write(tmp_path, "a.json", Session(measurements=(timed(),)))
    ask(tmp_path, "SELECT 1")
    kept = tmp_path / "cache" / "measured-1"
    (manifest,) = kept.glob("*.json")
    content = msgspec.json.decode(manifest.read_bytes())
    for change in ({"tables": ["/../../../outside"]}, {"name": "../x"}, {"tables": 5}, {"files": {}}):
        manifest.write_bytes(msgspec.json.encode(content | change))
        assert ask(tmp_path, "SELECT session FROM measurement") == [("a.json",)]


HOSTILE = (
    ("big.json", b'"macs":300000000', b'"macs":1' + b"0" * 30),
    ("huge.json", b'"load_ns":5000000', b'"load_ns":1' + b"0" * 400),
    ("word.json", b'"m.tflite"', b'"m\\u0000.tflite"'),
    ("half.json", b'"m.tflite"', b'"\\ud800"'),
    ("far.json", b'"steady_ns":', b'"steady_ns":1e308,"x":'),
    ("deep.json", b'"clusters":[', b'"clusters":' + b"[" * 5000),
    ("seed.json", b'"seed":0', b'"seed":18446744073709551615'),
)


@pytest.mark.parametrize(("name", "old", "new"), HOSTILE)
def test_a_session_that_no_table_holds_stops_nothing(tmp_path: Path, name: str, old: bytes, new: bytes) -> None:
    good = msgspec.json.encode(Session(measurements=(timed(),)))
    write(tmp_path, "good.json", Session(measurements=(timed(),)))
    assert old in good
    (tmp_path / "measured" / name).write_bytes(good.replace(old, new))
    found = [
        row[0]
        for row in ask(
            tmp_path, "SELECT session FROM measurement UNION ALL SELECT session FROM measurement_refusal ORDER BY 1"
        )
    ]
    assert found == sorted(["good.json", name])


def test_a_study_without_measurements_has_empty_tables(tmp_path: Path) -> None:
    for table in MEASURED_TABLES:
        assert ask(tmp_path, f"SELECT * FROM {table.name}") == []
    assert not (tmp_path / "cache" / "measured-1").exists()
    with Ledger(tmp_path / "ledger.sqlite") as ledger, Warehouse(tmp_path, ledger, exports=[tmp_path / "out"]) as facts:
        assert dict(facts.export(tmp_path / "out", "csv"))["measurement"] == 0
    assert {table.name for table in MEASURED_TABLES} < {table.name for table in TABLES}


def test_the_schema_of_measurements_is_consistent() -> None:
    for table in MEASURED_TABLES:
        assert len(set(table.names)) == len(table.names)
        assert all(column.meaning for column in table.columns)
        assert all(part.strip() in table.names for part in table.key.split(",") if part)
