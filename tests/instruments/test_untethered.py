"""Sessions without a cable: a phone that is gone while its power is cut, and everything that goes wrong on the way."""

from __future__ import annotations

import subprocess

import pytest

from nngauge.devices import Command, Ran
from nngauge.domain.energy import Energy, EnergyDoubt, EnergyRefusal, Obstacle
from nngauge.domain.measurement import Device, State
from nngauge.errors import MalformedError, TransientError, UsageError
from nngauge.instruments.gauge import interpret
from nngauge.instruments.untethered import Stage, Untethered, read_session, session_script
from nngauge.measure.energy import EnergyPlan, energy
from nngauge.measure.untethered import measure_untethered, together
from tests.builders.power import FakeClock, FakeDevice, gauged, ran

LOG = b"the daemon's log"


class Phone(FakeDevice):
    """Unreachable while its power is cut, and for a while after."""

    def __init__(
        self, clock: FakeClock, *, back_after: float = 8.0, ends_at: float = 0.0, screen: bool = False
    ) -> None:
        super().__init__(state=State(at=0, screen_on=screen), facts=Device(id="adb:PHONE1", kind="adb"))
        self.clock, self.back_after, self.ends_at = clock, back_after, ends_at
        self.powered, self.since = True, -1e9
        self.airplane, self.stubborn, self.killed = "0", False, False
        self.switched: list[bool] = []
        self.hub_fails = 0
        self.log = LOG

    def usb(self, on: bool) -> None:
        if on and self.hub_fails:
            self.hub_fails -= 1
            raise TransientError("hub does not answer")
        self.switched.append(on)
        self.powered, self.since = on, self.clock.time

    def there(self) -> None:
        if not self.powered or self.clock.time < self.since + self.back_after:
            raise TransientError("device offline")

    def run(self, command: Command) -> Ran:
        self.there()
        self.commands.append(command)
        if command.words[:3] == ("cmd", "connectivity", "airplane-mode") and not self.stubborn:
            self.airplane = "1" if command.words[3] == "enable" else "0"
        return ran(self.airplane.encode() + b"\n" if command.words[0] == "settings" else b"")

    def spawn(self, command: Command) -> Phone:
        self.there()
        self.commands.append(command)
        return self

    def done(self) -> bool:
        self.there()
        return self.clock.time >= self.ends_at

    def wait(self, seconds: float) -> Ran:
        self.there()
        return ran(self.log)

    def kill(self) -> None:
        self.killed = True


def test_the_whole_way() -> None:
    clock = FakeClock()
    phone = Phone(clock)
    told: list[Stage] = []
    course = Untethered(phone, phone.usb, clock, told=told.append).run("true", 600)
    assert told == list(Stage)
    assert [stage for stage, _ in course.stages] == list(Stage)
    assert course.ran.out == LOG
    assert phone.switched == [False, True]
    assert phone.airplane == "0"
    assert course.doubts == ()
    times = dict(course.stages)
    assert times[Stage.MEASURED] - times[Stage.CUT] == pytest.approx(605)
    assert any(command.words == ("input", "keyevent", "KEYCODE_SLEEP") for command in phone.commands)


def test_what_was_off_stays_off() -> None:
    clock = FakeClock()
    phone = Phone(clock)
    phone.airplane = "1"
    Untethered(phone, phone.usb, clock).run("true", 60)
    assert phone.airplane == "1"


def test_radio_and_screen_that_stay_on_are_doubts() -> None:
    clock = FakeClock()
    phone = Phone(clock, screen=True)
    phone.stubborn = True
    course = Untethered(phone, phone.usb, clock).run("true", 60)
    assert course.doubts == (EnergyDoubt.RADIO_ON, EnergyDoubt.SCREEN_ON)


def test_a_phone_that_does_not_come_back() -> None:
    clock = FakeClock()
    phone = Phone(clock, back_after=10_000)
    phone.since = -1e9
    with pytest.raises(TransientError, match="did not come back"):
        Untethered(phone, phone.usb, clock, patience=120).run("true", 60)
    assert phone.switched == [False, True]


def test_a_daemon_that_does_not_end_is_ended() -> None:
    clock = FakeClock()
    phone = Phone(clock, ends_at=1e9)
    with pytest.raises(TransientError, match="did not end"):
        Untethered(phone, phone.usb, clock, patience=60).run("true", 60)
    assert phone.killed
    assert phone.airplane == "0"


def test_a_daemon_that_takes_longer_is_waited_for() -> None:
    clock = FakeClock()
    phone = Phone(clock, ends_at=clock.time + 60 + 5 + 40)
    Untethered(phone, phone.usb, clock).run("true", 60)
    assert clock.time >= phone.ends_at


def test_a_hub_is_asked_again_and_power_comes_back_whatever_happens() -> None:
    clock = FakeClock()
    phone = Phone(clock)
    phone.hub_fails = 2
    Untethered(phone, phone.usb, clock).run("true", 60)
    assert phone.switched == [False, True]
    phone.hub_fails = 4
    with pytest.raises(TransientError, match="hub"):
        Untethered(phone, phone.usb, clock).run("true", 60)
    assert phone.switched[-1] is True


def test_an_interrupted_wait_switches_power_on() -> None:
    clock = FakeClock()
    phone = Phone(clock)

    class Interrupted(FakeClock):
        def sleep(self, seconds: float) -> None:
            if seconds > 30:
                raise KeyboardInterrupt
            super().sleep(seconds)

    phone.back_after = 0.0
    phone.clock = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        Untethered(phone, phone.usb, phone.clock).run("true", 60)
    assert phone.switched == [False, True]
    assert phone.airplane == "0"


def test_a_device_connected_by_radio() -> None:
    phone = Phone(FakeClock())
    phone.id = "adb:192.168.1.20:5555"
    with pytest.raises(UsageError, match="connected by radio"):
        Untethered(phone, phone.usb, FakeClock())


# --- the daemon's script and its log ---------------------------------------------------------------------------------------


def test_the_script_runs_in_a_shell(tmp_path) -> None:
    for name, text in (("current_now", "-123456"), ("voltage_now", "3852000"), ("status", "Discharging")):
        (tmp_path / name).write_text(text + "\n")
    folder = "/sys/class/power_supply/battery"
    script = session_script(
        [["sh", "-c", f"sleep 0.05; echo 'ran; inferences: {count}'"] for count in (42, 7)],
        blocks=3, baseline=0.2, folder=folder, lead=0.05,
    )  # fmt: skip
    script = script.replace(folder, str(tmp_path)).replace("/sys/power/", f"{tmp_path}/")
    out = subprocess.run(["sh", "-c", script], capture_output=True, timeout=30, check=True).stdout
    logged = read_session(out, ("net", "other"))
    loops = [(1, "net", 42), (1, "other", 7), (2, "other", 7), (2, "net", 42), (3, "net", 42), (3, "other", 7)]
    expected = [(0, "", 0), *(phase for loop in loops for phase in (loop, (loop[0], "", 0)))]
    assert [(phase.block, phase.name, phase.inferences) for phase in logged.phases] == expected
    assert logged.samples[0].current == -123456
    assert not logged.reasons
    assert (tmp_path / "wake_lock").read_text() == "nngauge\n"


def log(samples, marks) -> bytes:
    lines = [
        f"g {s.seconds:.2f} {s.current} {s.voltage} {'-' if s.counter is None else s.counter} {s.status}"
        for s in samples
    ]
    lines += [
        f"p {kind} {block} {time:.2f}" + (f"\no inferences: {count}" if count else "")
        for kind, block, time, count in marks
    ]
    return "\n".join(lines).encode()


def test_from_a_log_to_joules() -> None:
    """Five loops of a minute at 2.1 W above 0.6 W, 3,000 inferences each: 30 mJ."""
    marks, time = [("b", 0, 0.5, 0)], 60.5
    for block in range(1, 6):
        marks += [("l", block, time, 3000), ("b", block, time + 60, 0)]
        time += 120
    marks.append(("e", 5, time, 0))

    def watts(at: float) -> float:
        return 2.1 if at >= 60.5 and (at - 60.5) % 120 < 60 else 0.6

    logged = read_session(log(gauged(watts, time + 5, refresh=0.5), marks), ["net"])
    found = energy("net", logged.phases, interpret(logged.samples, clock="session"), EnergyPlan())
    assert isinstance(found, Energy)
    assert found.joules == pytest.approx(0.030, rel=0.02)
    assert found.doubts == ()


def test_the_whole_session_of_a_phone() -> None:
    """The phone's log comes back with its cable; one that charged meanwhile is refused."""
    marks, time = [("b", 0, 0.5, 0)], 60.5
    for block in range(1, 6):
        marks += [("l", block, time, 3000), ("b", block, time + 60, 0)]
        time += 120
    marks.append(("e", 5, time, 0))

    def watts(at: float) -> float:
        return 2.1 if at >= 60.5 and (at - 60.5) % 120 < 60 else 0.6

    def run(status: str) -> tuple[Phone, Energy | EnergyRefusal]:
        clock = FakeClock()
        phone = Phone(clock)
        phone.log = log(gauged(watts, time + 5, refresh=1.0, status=status), marks)
        loops = {"net": ["./run", "60 s"]}
        return phone, measure_untethered(Untethered(phone, phone.usb, clock), loops, EnergyPlan())["net"]

    phone, found = run("Discharging")
    assert isinstance(found, Energy)
    assert found.joules == pytest.approx(0.030, rel=0.03)
    assert any("./run '60 s'" in command.words[-1] for command in phone.commands)
    assert dict(Untethered(phone, phone.usb, phone.clock).run("true", 1).stages)[Stage.COLLECTED]
    _, charged = run("Charging")
    assert isinstance(charged, EnergyRefusal)
    assert charged.name == "net"
    assert "power came from outside" in charged.reason


def turns(failing: str = "") -> tuple[bytes, float]:
    """A log of two loops that take turns: 1.5 W and 3 W above 0.6 W, 3,000 inferences a minute each; and its seconds."""
    marks, time, busy = [("b", 0, 0.5, 0)], 60.5, list[tuple[float, float]]()
    for block in range(1, 6):
        for loop in ("l0", "l1") if block % 2 else ("l1", "l0"):
            ran = loop != failing
            marks += [(loop, block, time, 3000 if ran else 0), ("b", block, time + 60, 0)]
            busy += [(time, 2.1 if loop == "l0" else 3.6)] if ran else []
            time += 120
    marks.append(("e", 5, time, 0))

    def watts(at: float) -> float:
        return next((power for start, power in busy if start <= at < start + 60), 0.6)

    text = log(gauged(watts, time + 5, refresh=0.5), marks).decode()
    said = 'o {"ok":false,"reason":"Unsupported operator FOO"}'
    lines = []
    for line in text.splitlines():
        lines += [line, said] if failing and line.startswith(f"p {failing} ") else [line]
    return "\n".join(lines).encode(), time


def test_loops_that_take_turns_are_told_apart() -> None:
    clock = FakeClock()
    phone = Phone(clock)
    phone.log, seconds = turns()
    loops = {"net": ["./net"], "other": ["./other"]}
    found = measure_untethered(Untethered(phone, phone.usb, clock), loops, EnergyPlan())
    assert [told.joules for told in found.values() if isinstance(told, Energy)] == pytest.approx(
        [0.030, 0.060], rel=0.03
    )
    assert phone.switched == [False, True], "the cable is cut once"
    assert clock.now() > seconds


def test_an_engine_that_does_not_run_is_one_configuration_s_refusal() -> None:
    clock = FakeClock()
    phone = Phone(clock)
    phone.log, _ = turns(failing="l1")
    found = measure_untethered(Untethered(phone, phone.usb, clock), {"net": ["a"], "other": ["b"]}, EnergyPlan())
    assert isinstance(found["net"], Energy)
    assert isinstance(found["other"], EnergyRefusal)
    assert (found["other"].kind, found["other"].name) == (Obstacle.LOOP, "other")
    assert "Unsupported operator FOO" in found["other"].reason


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (5, [5]), (6, [3, 3]), (11, [4, 4, 3])])
def test_no_session_without_the_cable_takes_more_than_an_hour(count: int, sizes: list[int]) -> None:
    loops = {str(at): ["run"] for at in range(count)}
    found = list(together(loops, EnergyPlan()))
    assert [len(one) for one in found] == sizes
    assert [name for one in found for name in one] == list(loops)
    assert [len(one) for one in together({"a": ["x"], "b": ["y"]}, EnergyPlan(loop_seconds=3600.0))] == [1, 1]


@pytest.mark.parametrize(
    "marks",
    [
        [],
        [("b", 0, 1.0, 0), ("l", 1, 2.0, 5), ("b", 1, 3.0, 0)],
        [("b", 0, 1.0, 0), ("l", 1, 5.0, 5), ("b", 1, 3.0, 0), ("e", 1, 6.0, 0)],
    ],
)
def test_logs_that_are_not_whole(marks) -> None:
    with pytest.raises(MalformedError):
        read_session(log(gauged(lambda _t: 1.0, 10), marks))


def test_a_loop_that_nobody_asked_for_is_no_whole_log() -> None:
    with pytest.raises(MalformedError):
        read_session(turns()[0], ["net"])
