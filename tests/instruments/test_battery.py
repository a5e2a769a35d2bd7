"""A gauge read through a device: files, services, polling that does not hurry, logs kept on the phone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from nngauge.devices import Command, Ran
from nngauge.errors import LimitError, MalformedError, TransientError, UnsupportedError, UsageError
from nngauge.instruments import METERS, Setup, meter_named, polling
from nngauge.instruments.battery import METER, logging_script, read_log, waiting_script
from nngauge.instruments.polling import Poller, SystemClock, poll
from tests.builders.power import FakeClock, FakeDevice, ran

BATTERY = "/sys/class/power_supply/battery"


def until(count: int) -> Callable[[], bool]:
    left = iter([False] * count)
    return lambda: next(left, True)


def test_polled_at_its_interval_in_the_middle_of_a_reading() -> None:
    clock = FakeClock()

    def read() -> int:
        clock.time += 0.1  # reading takes a tenth of a second
        return 7

    found = poll(read, clock, 0.5, until(4))
    assert [time for time, _ in found] == pytest.approx([100.05, 100.55, 101.05, 101.55])


def test_late_readings_are_not_made_up_for() -> None:
    clock = FakeClock()

    def read() -> int:
        clock.time += 2.0
        return 7

    found = poll(read, clock, 0.5, until(4))
    assert [after[0] - before[0] for before, after in pairwise(found)] == pytest.approx([2.0] * 3)


def test_never_faster_than_twice_a_second() -> None:
    with pytest.raises(UsageError, match=r"at most every 0\.5 s"):
        poll(lambda: 1, FakeClock(), 0.1, until(3))
    with pytest.raises(UsageError):
        Poller(lambda: 1, FakeClock(), 0.1)


def test_a_lost_connection_is_a_gap_and_many_are_an_end() -> None:
    turns = iter(range(100))

    def read() -> int:
        if 2 <= (turn := next(turns)) < 5:
            raise TransientError("gone")
        return turn

    found = poll(read, FakeClock(), 0.5, until(8))
    assert [value for _, value in found] == [0, 1, 5, 6, 7]
    with pytest.raises(TransientError):
        poll(lambda: (_ for _ in ()).throw(TransientError("gone")), FakeClock(), 0.5, until(50))


def test_a_recording_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "MAX_POWER_SAMPLES", 5)
    with pytest.raises(LimitError):
        poll(lambda: 1, FakeClock(), 0.5, lambda: False)


def test_the_thread_gives_its_values_and_its_failure() -> None:
    poller = Poller(lambda: 3, SystemClock(), 0.5)
    found = poller.stop()
    assert {value for _, value in found} <= {3}

    def fail() -> int:
        raise MalformedError("broken")

    failing = Poller(fail, SystemClock(), 0.5)
    with pytest.raises(MalformedError, match="broken"):
        failing.stop()


def test_the_clock_goes_on() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(-1)
    assert clock.now() >= before


class Battery:
    """Files of a battery whose current changes at every reading."""

    def __init__(self) -> None:
        self.readings = 0

    def current(self) -> bytes:
        self.readings += 1
        return b"%d\n" % -(200_000 + 37 * self.readings)


def test_files_of_the_kernel() -> None:
    battery = Battery()
    device = FakeDevice(
        {
            f"{BATTERY}/current_now": battery.current, f"{BATTERY}/voltage_now": b"3852000\n",
            f"{BATTERY}/status": b"Discharging\n", f"{BATTERY}/charge_counter": b"2900000\n",
        }
    )  # fmt: skip
    recording = meter_named("battery").open(Setup(clock=(clock := FakeClock()), device=device)).start()
    while clock.time < 140:  # a clock that tests move lets the thread run as fast as it can
        pass
    found = recording.stop()
    assert found.facts.source == BATTERY
    assert (found.facts.unit, found.facts.sign) == ("uA", -1)
    assert found.trace.power[0] == pytest.approx(0.2 * 3.852, rel=0.01)


def answering(current: bytes) -> Callable[[Command], Ran]:
    return lambda _command: ran(current)


def test_android_services_where_files_may_not_be_read() -> None:
    told = b"Current Battery Service state:\n  AC powered: false\n  status: 3\n  voltage: 3852\n  Charge counter: 2900000\n"
    turns = iter(range(1_000_000))
    device = FakeDevice(
        answers={
            ("cmd", "battery", "get", "current_now"): lambda _c: ran(b"%d\n" % (-250_000 - next(turns))),
            ("dumpsys", "battery"): answering(told),
        }
    )
    clock = FakeClock()
    recording = METER.open(Setup(clock=clock, device=device)).start()
    while clock.time < 140:
        pass
    found = recording.stop()
    assert found.facts.source == "cmd battery"
    assert found.trace.volts[0] == pytest.approx(3.852)
    assert not found.doubts or "sign" not in str(found.doubts)


@pytest.mark.parametrize("files", [{}, {f"{BATTERY}/current_now": b"-1\n"}])
def test_no_gauge(files) -> None:
    with pytest.raises(UnsupportedError, match="no battery gauge"):
        METER.open(Setup(clock=FakeClock(), device=FakeDevice(files)))


def test_a_device_is_needed() -> None:
    for kind in METERS:
        if kind.open is not None and kind.name != "none":
            with pytest.raises(UsageError):
                kind.open(Setup(clock=FakeClock()))


def test_logs_kept_on_the_phone(tmp_path) -> None:
    """The script that a phone runs, run by this machine's shell over files like those."""
    for name, text in (
        ("current_now", "-123456"),
        ("voltage_now", "3852000"),
        ("charge_counter", "2900000"),
        ("status", "Discharging"),
    ):
        (tmp_path / name).write_text(text + "\n")
    script = logging_script("/sys/class/power_supply/battery").replace(BATTERY, str(tmp_path))
    script = script.replace("while :", "n=0; while [ $n -lt 3 ]").replace("sleep 0.5", "n=$((n+1))")
    out = subprocess.run(["sh", "-c", script], capture_output=True, timeout=20, check=True).stdout
    found = read_log(out)
    assert len(found) == 3
    assert (found[0].current, found[0].voltage, found[0].counter, found[0].status) == (
        -123456,
        3852000,
        2900000,
        "Discharging",
    )
    (tmp_path / "charge_counter").unlink()
    out = subprocess.run(["sh", "-c", script], capture_output=True, timeout=20, check=True).stdout
    assert read_log(out)[0].counter is None


def test_hostile_logs() -> None:
    good = b"g 12.50 -100000 3850000 - Discharging"
    assert (
        len(
            read_log(
                b"\n".join(
                    [b"g", b"g x y z", b"\xff" * 500, good, b"g 1e9 1 1 1 x", good + b" $(reboot) more than twenty"]
                )
            )
        )
        == 1
    )
    with pytest.raises(MalformedError):
        read_log(b"nothing here")


@pytest.mark.parametrize("folder", ["/data", "/sys/class/power_supply/a b", "/sys/class/power_supply/x;reboot"])
def test_hostile_folders(folder: str) -> None:
    with pytest.raises(UsageError):
        logging_script(folder)
    with pytest.raises(UsageError):
        logging_script(interval=0.1)


def test_names() -> None:
    assert meter_named("none").name == "none"
    with pytest.raises(UsageError, match="no such power meter"):
        meter_named("ammeter")
    assert len({kind.name for kind in METERS}) == len(METERS)
    for kind in METERS:
        assert kind.limitations
        assert kind.open or kind.load


@pytest.mark.parametrize("shell", ["sh", "mksh"])
def test_the_service_is_read_where_the_files_may_not_be(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    told = r"  Max charging voltage: 0\n  Charge counter: 2912000\n  status: 3\n  voltage: 4012\n"
    script = f"cmd() {{ echo -312000; }}; dumpsys() {{ printf '{told}'; }}; "
    text = script + logging_script("cmd battery").replace("done", "break; done")
    out = subprocess.run([shell, "-c", text], capture_output=True, timeout=20, check=True).stdout
    (sample,) = read_log(out)
    assert (sample.current, sample.voltage, sample.counter, sample.status) == (-312000, 4012, 2912000, "3")
    assert "sleep 2" in logging_script("cmd battery", 0.5)


@pytest.mark.parametrize(("status", "ended"), [("Discharging", 0), ("Charging", 1), ("Full", 1), (None, 0)])
def test_waiting_for_the_cable(status: str | None, ended: int, tmp_path: Path) -> None:
    if status is not None:
        (tmp_path / "status").write_text(f"{status}\n")
    script = waiting_script(BATTERY, 1).replace(BATTERY, str(tmp_path))
    assert subprocess.run(["sh", "-c", script], capture_output=True, timeout=20, check=False).returncode == ended
