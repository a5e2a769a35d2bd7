"""Sessions as files: what other programs, other versions and accidents leave in them is said, never a traceback."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace
from rich.console import Console

from nngauge.cli import cli
from nngauge.domain.measurement import Configuration, Session
from nngauge.errors import NngaugeError
from nngauge.measure.comparison import compare
from nngauge.screen.measurement import nanoseconds, render_comparison, render_session
from tests.measure.sessions import launch, measurement

CHANCE = random.Random(11)
ONE = measurement(tuple(launch(CHANCE, block=at) for at in range(6)))
WORDS = (("compare-runs",), ("scenario", "--preset", "camera", "--joules", "3mJ", "--battery", "4Ah"))


def nngauge(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)


def kept(folder: Path, session: object, name: str = "session.json") -> Path:
    path = folder / name
    path.write_bytes(session if isinstance(session, bytes) else msgspec.json.encode(session))
    return path


def test_one_session_alone_compares_its_configurations(tmp_path: Path) -> None:
    more = replace(
        ONE,
        configuration=Configuration(engine="litert", threads=4),
        launches=tuple(launch(CHANCE, 5e6, block=at) for at in range(6)),
    )
    both = kept(tmp_path, Session(measurements=(ONE, more)))
    told = nngauge("compare-runs", both)
    assert "4 threads beside litert, 1 thread" in " ".join(told.output.split())
    assert "launches took turns" in told.output
    (row,) = msgspec.json.decode(nngauge("compare-runs", both, "--json").stdout)
    assert (row["verdict"], row["paired"]) == ("faster", True)
    alone = kept(tmp_path, Session(measurements=(ONE,)), "alone.json")
    assert "no two configurations" in str(nngauge("compare-runs", alone).exception)
    assert "is the same twice" in str(nngauge("compare-runs", alone, alone).exception)
    other = kept(tmp_path, Session(measurements=(replace(more, name="other", model="ee" * 32),)), "other.json")
    said = str(nngauge("compare-runs", alone, other, "--exit-code").exception)
    assert "m.tflite: litert, 1 thread against other: litert, 4 threads" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no measurement"),
        (b"{}", "is no measurement"),
        (b"[" * 100_000, "is no measurement"),
        (b"\xff\xfe{}", "is no measurement"),
        (b'{"schema": "nngauge.scan/1"}', "is 'nngauge.scan/1'"),
        (b'{"schema": "nngauge.measurement/2", "measurements": [{"new": 1}]}', "is 'nngauge.measurement/2'"),
        (msgspec.json.encode(Session(measurements=(ONE,)))[:-300], "is no measurement"),
    ],
    ids=range(7),
)
def test_what_is_no_session_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    for words in WORDS:
        assert said in str(nngauge(words[0], kept(tmp_path, content), *words[1:]).exception)


BROKEN: list[dict[str, Any]] = [
    {"wall_ns": ()},
    {"wall_ns": (1, 2), "cpu_ns": (1,)},
    {"wall_ns": (-5,) * 30},
    {"wall_ns": (10**300,) * 30},
    {"load_ns": -1},
    {"inferences_per_sample": 0},
    {"inferences_per_sample": -3},
]


@pytest.mark.parametrize("changes", BROKEN, ids=range(len(BROKEN)))
def test_launches_that_contradict_themselves_are_no_measurement(tmp_path: Path, changes: dict[str, Any]) -> None:
    whole = msgspec.json.decode(msgspec.json.encode(Session(measurements=(ONE,))))
    whole["measurements"][0]["launches"][1] |= changes
    for words in WORDS:
        assert "contradict themselves" in str(nngauge(words[0], kept(tmp_path, whole), *words[1:]).exception)


def test_any_damage_is_an_error_or_an_answer_and_drives_no_terminal(tmp_path: Path) -> None:
    chance = random.Random(2)
    values = (None, 0, -1, 2**70, 1e308, "", [], {}, "\x1b[31m\u202e", True, [[]], [-5], [1.5])
    clean = msgspec.json.encode(Session(measurements=(ONE, replace(ONE, configuration=Configuration(engine="b")))))
    for _ in range(150):
        damaged = msgspec.json.decode(clean)
        place: Any = damaged["measurements"][0]
        while True:
            key = chance.choice(list(place) if isinstance(place, dict) else range(min(len(place), 2)))
            below = place[key]
            if not isinstance(below, dict | list) or not below or chance.random() < 0.2:
                place[key] = chance.choice(values)
                break
            place = below
        path = kept(tmp_path, damaged)
        for words in WORDS:
            done = nngauge(words[0], path, *words[1:])
            assert done.exception is None or isinstance(done.exception, NngaugeError), repr(done.exception)
            assert "\x1b" not in done.output


def test_an_interval_without_1_that_is_not_told_is_explained(tmp_path: Path) -> None:
    others = [
        replace(
            ONE,
            configuration=Configuration(engine=f"engine {at}"),
            launches=tuple(launch(CHANCE, 1.5e7, block=block) for block in range(6)),
        )
        for at in range(4)
    ]
    told = " ".join(nngauge("compare-runs", kept(tmp_path, Session(measurements=(ONE, *others)))).output.split())
    assert told.count("cannot tell") == 4, "six pairs cannot tell four differences at once"
    assert "chance makes one" in told
    alone = nngauge("compare-runs", kept(tmp_path, Session(measurements=(ONE, others[0])))).output
    assert "slower by" in alone
    assert "chance makes one" not in alone


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0 ns"), (999, "999 ns"), (3_400_000, "3.40 ms"), (31e6, "31.0 ms"), (593e3, "593 µs"), (999_600, "1.00 ms"),
     (9_996, "10.0 µs"), (99_960, "100 µs"), (12e9, "12.0 s"), (1.3e12, "1,300 s")],
)  # fmt: skip
def test_times_have_three_digits_that_count(value: float, said: str) -> None:
    assert nanoseconds(value) == said


@pytest.mark.parametrize("width", [80, 100, 140])
def test_tables_keep_their_numbers_whole_at_any_width(width: int) -> None:
    asked = Configuration(engine="native:libtensorflowlite_jni.so", threads=4, delegate="xnnpack", cpus=(4, 5, 6, 7))
    item = replace(ONE, configuration=asked, name="a_model_with_a_rather_long_name_for_a_terminal.tflite")
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False)
    console.print(render_session(Session(measurements=(item, replace(item, configuration=ONE.configuration)))))
    console.print(render_comparison(compare([(ONE, item)])))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    said = text.getvalue()
    for number in ("5.00 ms", "30.0 ms", "9.99 ms", "± 1.0 %", "0.996 – 1.004", "the same"):
        assert number in said, (width, number)
    assert ("no room for" in said) is (width < 120)
