"""The power monitor through a stand-in for its maker's package, and the package's calls through a stand-in for its modules."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable

import pytest

from nngauge.domain.energy import EnergyDoubt
from nngauge.errors import MalformedError, TransientError, UnreadableError, UnsupportedError, UsageError
from nngauge.instruments import Setup
from nngauge.instruments.monsoon import METER, Monsoon, reading
from nngauge.instruments.trace import energy
from tests.builders.power import FakeClock


def samples(seconds: float, milliamps: float = 500.0, volts: float = 4.0, lost: int = 0):
    """Packets of three samples that carry one time, as the package tells them."""
    count = int(seconds * 5000)
    kept = count - lost
    return [at // 3 * seconds / (count / 3) for at in range(kept - 1)] + [seconds], [milliamps] * kept, [volts] * kept


class Sampler:
    def __init__(self, seconds: float = 20.0, problem: Exception | None = None) -> None:
        self.seconds, self.problem, self.volts = seconds, problem, 0.0

    def supply(self, volts: float) -> None:
        self.volts = volts

    def sample(self, stopped: Callable[[], bool]):
        while not stopped():
            pass
        if self.problem:
            raise self.problem
        return *samples(self.seconds), 0


def test_known_energy_on_the_sessions_clock() -> None:
    clock, sampler = FakeClock(), Sampler()
    recording = Monsoon(sampler, clock, 4.0).start()
    clock.sleep(20)
    found = recording.stop()
    assert sampler.volts == 4.0
    assert found.trace.end == pytest.approx(120, abs=0.02)
    assert found.trace.start == pytest.approx(100, abs=0.02)
    assert energy(found.trace, 105, 115) == pytest.approx(20, rel=1e-3)
    assert found.outside


def test_lost_samples() -> None:
    with pytest.raises(MalformedError, match="not 5000 a second"):
        reading(*samples(20, lost=2000), 0, ended=120)
    with pytest.raises(MalformedError, match="dropped"):
        reading(*samples(20), 500, ended=120)
    with pytest.raises(MalformedError, match="gave 5 samples"):
        reading([1] * 5, [1] * 5, [1] * 5, 0, ended=120)


def test_at_the_end_of_its_range() -> None:
    assert reading(*samples(20, 6000.0), 0, ended=120).doubts == (EnergyDoubt.SATURATED,)


@pytest.mark.parametrize("problem", [OSError("gone"), ValueError("Power Monitor Error")])
def test_a_monitor_that_fails(problem: Exception) -> None:
    with pytest.raises(TransientError, match="failed"):
        Monsoon(Sampler(problem=problem), FakeClock(), 4.0).start().stop()


@pytest.mark.parametrize("volts", [0.0, 20.0, -4.0])
def test_voltages_that_break_phones(volts: float) -> None:
    with pytest.raises(UsageError, match="cannot be supplied"):
        Monsoon(Sampler(), FakeClock(), volts)


def test_the_package_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Monsoon", None)
    with pytest.raises(UnsupportedError) as raised:
        METER.open(Setup(clock=FakeClock(), volts=4.0))
    assert raised.value.hint == "pip install Monsoon"
    with pytest.raises(UsageError, match="what voltage"):
        METER.open(Setup(clock=FakeClock()))


class Engine:
    """As much of the package's sampling as is called, with its habits: the trigger is asked about each sample."""

    dropped = 0

    def __init__(self, monitor: object) -> None:
        self.enabled: list[int] = []

    def ConsoleOutput(self, _on: bool) -> None: ...  # noqa: N802
    def disableCSVOutput(self) -> None: ...  # noqa: N802

    def enableChannel(self, channel: int) -> None:  # noqa: N802
        self.enabled.append(channel)

    def setStopTrigger(self, style: Callable[[float, float], bool], level: float) -> None:  # noqa: N802
        self.style, self.level = style, level

    def startSampling(self, limit: int) -> None:  # noqa: N802
        while not self.style(1.0, self.level):
            pass

    def getSamples(self):  # noqa: N802
        times, main, volts = samples(20)
        return [times, main, [], [], volts, []]


def packaged(monkeypatch: pytest.MonkeyPatch, there: bool = True) -> None:
    class Monitor:
        def setup_usb(self, serial: str | None) -> None: ...

        def getSerialNumber(self) -> int:  # noqa: N802
            if not there:
                raise AttributeError("'NoneType' object has no attribute 'getValue'")
            return 12345

        def setVout(self, volts: float) -> None:  # noqa: N802
            if volts > 4.5:
                raise ValueError("dacCalLow out of tolerance")

    package, hvpm, engine = (types.ModuleType(name) for name in ("Monsoon", "Monsoon.HVPM", "Monsoon.sampleEngine"))
    hvpm.Monsoon = Monitor
    engine.SampleEngine = Engine
    engine.channels = types.SimpleNamespace(timeStamp=0, MainCurrent=1, MainVoltage=4)
    engine.triggers = types.SimpleNamespace(SAMPLECOUNT_INFINITE=0xFFFFFFFF)
    for module in (package, hvpm, engine):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_the_packages_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    packaged(monkeypatch)
    clock = FakeClock()
    recording = METER.open(Setup(clock=clock, volts=4.0, serial="12345")).start()
    clock.sleep(20)
    assert energy(recording.stop().trace, 105, 115) == pytest.approx(20, rel=1e-3)
    with pytest.raises(UnreadableError, match="does not supply"):
        METER.open(Setup(clock=clock, volts=5.0))


def test_no_monitor_there(monkeypatch: pytest.MonkeyPatch) -> None:
    packaged(monkeypatch, there=False)
    with pytest.raises(UnreadableError, match="no power monitor answers"):
        METER.open(Setup(clock=FakeClock(), volts=4.0))
