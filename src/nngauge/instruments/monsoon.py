"""Monsoon's power monitors, through the maker's Python package where the user has it: the lab's standard for phones.

https://www.msoon.com/high-voltage-power-monitor; the package (``Monsoon`` 0.1.88, MIT) samples at 5 kHz in a loop that ends when
a trigger fires, so it runs on a thread and the trigger asks whether to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, Protocol

from nngauge.domain.energy import EnergyDoubt, MeterFacts
from nngauge.errors import MalformedError, TransientError, UnreadableError, UnsupportedError, UsageError
from nngauge.instruments._api import Clock, Meter, MeterKind, Reading, Recording, Setup
from nngauge.instruments.trace import Trace, checked, thinned

_HZ: Final = 5000
_THIN: Final = 50
"""Samples that become one: 10 ms, far below any loop."""
_MOST_AMPS: Final = 6.0
"""Continuous, of the high-voltage model."""
_VOLTS: Final = (0.8, 13.5)
_START_SECONDS: Final = 30.0


class Sampler(Protocol):
    """What is needed of the maker's package."""

    def supply(self, volts: float) -> None:
        """Switches the main channel on, at this voltage."""

    def sample(self, stopped: Callable[[], bool]) -> tuple[Sequence[float], Sequence[float], Sequence[float], int]:
        """Samples until `stopped`: seconds since it began, milliamperes, volts, and how many were dropped."""


class Monsoon:
    """A power monitor that supplies the device in place of its battery."""

    name = "monsoon"
    outside = True

    def __init__(self, sampler: Sampler, clock: Clock, volts: float, serial: str = "") -> None:
        if not _VOLTS[0] <= volts <= _VOLTS[1]:
            raise UsageError(f"{volts:g} V cannot be supplied", hint=f"{_VOLTS[0]} to {_VOLTS[1]} V")
        self._sampler, self._clock, self._serial = sampler, clock, serial
        sampler.supply(volts)

    def start(self) -> Recording:
        """Samples until it is stopped."""
        return _Sampling(self._sampler, self._clock, self._serial)


class _Sampling:
    def __init__(self, sampler: Sampler, clock: Clock, serial: str) -> None:
        self._sampler, self._clock, self._serial = sampler, clock, serial
        self._stop = threading.Event()
        self._found: tuple[Sequence[float], Sequence[float], Sequence[float], int] | None = None
        self._problem: Exception | None = None
        self._started = clock.now()
        self._thread = threading.Thread(target=self._run, name="nngauge-monsoon", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._sampler.sample(self._stop.is_set)
        except (OSError, ValueError, TransientError) as error:  # what pyusb and the package raise
            self._problem = error

    def stop(self) -> Reading:
        ended = self._clock.now()
        self._stop.set()
        self._thread.join(_START_SECONDS)
        if self._thread.is_alive() or self._problem is not None or self._found is None:
            said = str(self._problem or "it does not answer")
            raise TransientError(f"the power monitor failed: {said[:200]}", where=self._serial)
        return reading(*self._found, ended=ended, serial=self._serial)


def reading(
    seconds: Sequence[float],
    milliamps: Sequence[float],
    volts: Sequence[float],
    dropped: int,
    *,
    ended: float,
    serial: str = "",
) -> Reading:
    """What was sampled, on the session's clock: the last sample was taken when it was told to stop.

    Times are counted, not taken from the package, which gives all samples of a packet the time at which it was read.
    Raises `MalformedError` for samples that were dropped or do not fill the time.
    """
    count = len(milliamps)
    if count < 2 * _THIN or len(volts) != count or len(seconds) != count:
        raise MalformedError(f"the power monitor gave {count} samples", where=serial)
    span = seconds[-1] - seconds[0]
    if dropped > count // 1000 or abs(count / _HZ - span) > max(0.01 * span, 0.1):
        raise MalformedError(
            f"{count} samples in {span:.2f} s, {dropped} dropped: not {_HZ} a second", where=serial,
            hint="a USB port of its own, nothing else on this machine",
        )  # fmt: skip
    step = span / (count - 1)
    trace = Trace(
        rail="main", clock="session", seconds=tuple(ended - (count - 1 - at) * step for at in range(count)),
        amps=tuple(float(value) * 1e-3 for value in milliamps), volts=tuple(float(value) for value in volts),
    )  # fmt: skip
    high = sum(amps >= 0.995 * _MOST_AMPS for amps in trace.amps)
    facts = MeterFacts(name="monsoon", source=serial, unit="mA", sign=1, refresh_seconds=step * _THIN, rails=("main",))
    return Reading(
        trace=thinned(checked(trace), _THIN), facts=facts, doubts=(EnergyDoubt.SATURATED,) if high > 2 else (), outside=True,
        uncertain_seconds=0.1,
    )  # fmt: skip


# --- the maker's package ---------------------------------------------------------------------------------------------------


class _Package:
    """The maker's package behind three calls."""

    def __init__(self, serial: str) -> None:
        try:
            maker, engine = import_module("Monsoon.HVPM"), import_module("Monsoon.sampleEngine")
        except ImportError:
            raise UnsupportedError("the package of the power monitor is missing", hint="pip install Monsoon") from None
        self._engine: Any = engine
        self._monitor: Any = maker.Monsoon()
        try:
            self._monitor.setup_usb(serial or None)
            self._monitor.getSerialNumber()
        except (OSError, ValueError, AttributeError) as error:  # it prints, and goes on without a device
            raise UnreadableError(
                f"no power monitor answers: {error}"[:200], where=serial, hint="cable, power, permission for USB"
            ) from None

    def supply(self, volts: float) -> None:
        try:
            self._monitor.setVout(volts)
        except (OSError, ValueError) as error:
            raise UnreadableError(f"the power monitor does not supply: {error}"[:200]) from None

    def sample(self, stopped: Callable[[], bool]) -> tuple[Sequence[float], Sequence[float], Sequence[float], int]:
        channels = self._engine.channels
        engine = self._engine.SampleEngine(self._monitor)
        engine.ConsoleOutput(False)  # noqa: FBT003 - the package's own
        engine.disableCSVOutput()
        for channel in (channels.MainCurrent, channels.MainVoltage):
            engine.enableChannel(channel)
        engine.setStopTrigger(lambda _value, _level: stopped(), 1)
        engine.startSampling(self._engine.triggers.SAMPLECOUNT_INFINITE)
        samples = engine.getSamples()
        return (
            samples[channels.timeStamp],
            samples[channels.MainCurrent],
            samples[channels.MainVoltage],
            int(engine.dropped),
        )


def _open(setup: Setup) -> Meter:
    if setup.volts is None:
        raise UsageError("what voltage is the power monitor to supply?", hint="the battery's nominal one, 3.85")
    return Monsoon(_Package(setup.serial), setup.clock, setup.volts, setup.serial)


METER: Final = MeterKind(
    name="monsoon",
    title="Monsoon power monitor",
    open=_open,
    references=("https://www.msoon.com/high-voltage-power-monitor", "https://pypi.org/project/Monsoon/"),
    limitations=(
        "The battery has to be bypassed, and USB power cut while it samples.",
        "Not tried on a monitor of ours: tests speak to a stand-in for the maker's package.",
    ),
)
