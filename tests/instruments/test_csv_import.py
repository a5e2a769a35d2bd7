"""Tables of meters with known energy, their traps, and tables that are refused with what to do."""

from __future__ import annotations

import random
import time

import pytest

from nngauge.errors import InputError, LimitError, MalformedError, UnsupportedError, UsageError
from nngauge.instruments import Wanted, csv_import
from nngauge.instruments.csv_import import METER, parse
from nngauge.instruments.trace import energy

NOTHING = Wanted()


def rows(step: float, count: int, *cells: str, separator: str = ",", digits: int = 6) -> str:
    return "".join(separator.join([f"{at * step:.{digits}f}", *cells]) + "\n" for at in range(count))


MAKERS = {
    "Monsoon's program": ("Time (s),Main Avg Current (mA),Main Avg Voltage (V)\n" + rows(0.0002, 10001, "500.0", "4.0"), NOTHING),
    "Monsoon's program, power": ("Time (s),Main Avg Power (mW)\n" + rows(0.0002, 10001, "2000"), NOTHING),
    "Monsoon's Python library": (
        "Time(ms),Main(mA),Main Voltage(V),\n"
        + "".join(f"{at // 3 * 0.0006:.7f},500.0,4.0,\n" for at in range(10002)), NOTHING,
    ),
    "Otii": ("Timestamp,Main current (A),Main voltage (V)\n" + rows(0.001, 2001, "0.5", "4.0"), NOTHING),
    "Otii, one channel": ("Timestamp,Value\n" + rows(0.001, 2001, "0.5"), Wanted(value_unit="A", volts=4.0)),
    "Joulescope": ("#time,current,voltage,power,charge,energy\n" + rows(0.5, 5, "0.5", "4.0", "2.0", "0", "0"), NOTHING),
    "table in milliseconds": ("time (ms),power (mW)\n" + rows(1, 2001, "2000"), NOTHING),
    "table with names for units": ("timestamp_us;I_uA;U_mV\n" + rows(1000, 2001, "500000", "4000", separator=";"), NOTHING),
    "decimal commas": ("Time (s);Current (A);Voltage (V)\n" + rows(0.001, 2001, "0,5", "4,0", separator=";").replace(".", ","), NOTHING),
    "tabs, quotes, a preface": ('Export\nof a meter\n"Time (s)"\t"Power [W]"\n' + rows(0.001, 2001, "2", separator="\t"), NOTHING),
    "a byte order mark": ("\ufeffTime (s),Power (W)\r\n" + rows(0.001, 2001, "2").replace("\n", "\r\n"), NOTHING),
    "seconds in exponents": ("time (s),power (W)\n" + "".join(f"{at}e-3,2.0E0\n" for at in range(2001)), NOTHING),
}  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
def test_known_energy(maker: str) -> None:
    text, wanted = MAKERS[maker]
    found = parse(text.encode(), wanted, "file.csv")
    assert energy(found.trace, found.trace.start + 0.1, found.trace.start + 1.9) == pytest.approx(3.6, rel=1e-3)
    assert found.outside


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("Timestamp,Value\n0,1\n1,1\n", "without a unit", "tell its unit"),
        ("time (s),current (mA)\n0,1\n1,1\n", "current without a voltage", "supply's voltage"),
        ("time,power (W)\n0,1\n1,1\n", "unit of the time", "s, ms, us or ns"),
        ("time (s),temperature (C)\n0,1\n1,1\n", "no column with a current or a power", "power"),
        ("time (s),power (MW)\n0,1\n1,1\n", "no column with a current or a power", "power"),
        ("a,b\n1,2\n", "no header", "time"),
        ("time (s),cpu (W),gpu (W)\n0,1,1\n1,1,1\n", "several columns", "which rail"),
        ("Time(ms),Main(mA),Main Voltage(V)\n0,1,4\n0.2,1,4\n0.4,1,4\n", "may be seconds or milliseconds", "tell it"),
        ("\0\0time (s),power (W)\n", "not a table of text", ""),
        ("", "no header", "time"),
    ],
)  # fmt: skip
def test_what_is_not_told_is_not_guessed(text: str, reason: str, hint: str) -> None:
    with pytest.raises(UnsupportedError, match=reason) as raised:
        parse(text.encode(), NOTHING, "file.csv")
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("0,1\n1,x\n", "line 3: not a number"),
        ("0,1\n1\n", "line 3: 1 columns instead of 2"),
        ("0,1\n1,nan\n", "line 3: not a number"),
        ("0,1\n1,inf\n", "line 3: not a number"),
        ("0,1\n1,1e999\n", "not a finite number"),
        ("0,1\n1,1_000\n", "not a number"),
        ("0,1\n1,0x10\n", "not a number"),
        ("0,1\n", "fewer than two rows"),
        ("0,1\n2,1\n1,1\n", "not in order"),
        ("0,1\n1,1\n1,1\n", "two samples"),
        ("0,99999\n1,1\n", "99999 W"),
        ("0,1\n1,²\n", "not a number"),
    ],
)
def test_bad_rows_are_named(table: str, reason: str) -> None:
    with pytest.raises(MalformedError) as raised:
        parse(("time (s),power (W)\n" + table).encode(), NOTHING, "file.csv")
    assert reason in str(raised.value)


def test_units_that_are_told() -> None:
    table = "Time(ms),Main(mA),Main Voltage(V)\n" + rows(0.2, 2001, "500", "4")
    assert parse(table.encode(), Wanted(time_unit="ms")).trace.end == pytest.approx(0.4)
    assert parse(table.encode(), Wanted(time_unit="s")).trace.end == pytest.approx(400)
    with pytest.raises(UsageError, match="unknown unit"):
        parse(table.encode(), Wanted(time_unit="weeks"))


def test_rails_by_name() -> None:
    table = "time (s),cpu (W),gpu (W)\n" + rows(0.1, 50, "1", "3")
    assert parse(table.encode(), Wanted(rails=("gpu",))).trace.watts[0] == 3


def test_bounds(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    with pytest.raises(LimitError, match="a line of"):
        parse(b"time (s),power (W)\n0," + b"1" * 5000, NOTHING)
    with pytest.raises(LimitError, match="columns"):
        parse(b"time (s)" + b",x" * 500, NOTHING)
    monkeypatch.setattr(csv_import, "MAX_POWER_SAMPLES", 10)
    with pytest.raises(LimitError, match="rows"):
        parse(("time (s),power (W)\n" + rows(0.1, 50, "1")).encode(), NOTHING)
    path = tmp_path / "x.csv"
    path.write_bytes(b"x" * 100)
    monkeypatch.setattr(csv_import, "MAX_POWER_FILE", 99)
    with pytest.raises(LimitError, match="the recording is larger"):
        csv_import.METER.load(path, NOTHING)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("time (µs),power (mW)\n{}", "utf-8"),
        ("time (\u03bcs),power (mW)\n{}", "utf-8"),
        ("time (µs),power (mW)\n{}", "cp1252"),
        ("time (µs),power (mW)\n{}", "utf-8-sig"),
        ("time (µs)\tpower (mW)\n{}", "utf-16"),
        ("time (µs);power (mW)\r\n{}", "utf-16-be"),
    ],
)
def test_the_letter_of_a_millionth_in_every_encoding(text: str, encoding: str) -> None:
    separator = next(one for one in ";\t," if one in text)
    data = text.format("".join(f"{at * 10_000}{separator}2000\n" for at in range(101)))
    found = parse((b"\xfe\xff" if encoding == "utf-16-be" else b"") + data.encode(encoding), NOTHING)
    assert energy(found.trace, 0, 1) == pytest.approx(2)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_between_other_separators(separator: str) -> None:
    lines = "".join(f"{at / 100:.2f}{separator}2,5\n".replace(".", ",") for at in range(101))
    found = parse(f"time (s){separator}power (W)\n{lines}".encode(), NOTHING)
    assert energy(found.trace, 0, 1) == pytest.approx(2.5)


def test_hostile_text_ends_soon() -> None:
    chance = random.Random(7)
    good = ("#time,current,voltage\n" + rows(0.5, 40, "0.5", "4.0")).encode()
    started = time.process_time()
    for _ in range(500):
        data = bytearray(good)
        for _ in range(chance.randint(1, 10)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            parse(bytes(data), NOTHING)
        except InputError:
            continue
    for piece in (b"1" * 3000 + b"\n", b"," * 4000, b"-+-+" * 900 + b"\n", b"\n" * 500_000, b"(" * 4000):
        with pytest.raises(InputError):
            parse(b"time (s),power (W)\n0," + piece, NOTHING)
        with pytest.raises(InputError):
            parse(piece, NOTHING)
    assert time.process_time() - started < 10


def test_loaded_from_a_file(tmp_path) -> None:
    path = tmp_path / "main.csv"
    path.write_text(MAKERS["Otii"][0])
    assert METER.load is not None
    assert METER.load(path, NOTHING).facts.name == "otii"
