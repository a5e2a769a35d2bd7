"""What every power meter offers: start, stop, and what is to be known of its values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from nngauge.devices import OpenDevice
from nngauge.domain.energy import EnergyDoubt, MeterFacts
from nngauge.instruments.trace import Trace


class Clock(Protocol):
    """Time, that tests make pass."""

    def now(self) -> float:
        """Monotonic seconds."""

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""


class Reading(Struct, frozen=True, kw_only=True):
    """What a meter recorded, checked."""

    trace: Trace
    facts: MeterFacts
    doubts: tuple[EnergyDoubt, ...] = ()
    counter_ratio: float | None = None
    """Charge by a gauge's counter over charge by its current."""
    outside: bool = False
    """Measured before the battery, or on rails behind it: charging does not matter."""
    uncertain_seconds: float = 0.0
    """How sure the clock of the trace is, beside the session's."""


class Recording(Protocol):
    """A meter that records."""

    def stop(self) -> Reading:
        """Ends it. Raises `InputError` for values that cannot be trusted."""


class Meter(Protocol):
    """A meter, ready to record on the clock that it was opened with. Raises `InputError` where it cannot."""

    @property
    def name(self) -> str:
        """As in `MeterKind`."""

    @property
    def outside(self) -> bool:
        """As in `Reading`."""

    def start(self) -> Recording:
        """Begins to record."""


class Setup(Struct, frozen=True, kw_only=True):
    """With what a meter is opened."""

    clock: Clock
    device: OpenDevice | None = None
    serial: str = ""
    """Of an external meter; empty: the only one there is."""
    volts: float | None = None
    """That an external meter is to supply."""
    rails: tuple[str, ...] = ()
    """Patterns (``*VDD_CPU*``) of what to measure; empty: what the meter takes for inference."""
    interval: float = 0.5
    """Seconds between readings of what is polled."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What to take from a recording."""

    rails: tuple[str, ...] = ()
    volts: float | None = None
    """Supply voltage, where only the current was recorded."""
    time_unit: str = ""
    """s, ms, us or ns, where the file does not tell or tells wrong."""
    value_unit: str = ""
    """A, mA, uA, W …: likewise, of a column that is called *value*."""


class MeterKind(Struct, frozen=True, kw_only=True):
    """A kind of power meter, as a value: one file each."""

    name: str
    title: str
    open: Callable[[Setup], Meter] | None = None
    """To record now. Raises `UsageError` where something is missing, naming it."""
    load: Callable[[Path, Wanted], Reading] | None = None
    """From a recording made by other software. Raises `InputError`."""
    references: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
