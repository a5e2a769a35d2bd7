"""Measured energy of inference: joules above the device's baseline, with interval and what could have been seen at all.

Nothing here is modelled: what no meter measured has no place in these types.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class EnergyDoubt(StrEnum):
    """Why measured energy should not be believed without a second look."""

    CHARGING = "the device may have been charging"
    """It does not tell, or told otherwise in between; the battery's current is then not what the device takes."""
    COARSE_GAUGE = "coarse gauge"
    """The gauge gave few values, or the loop added less than ten of its steps."""
    BASELINE_MOVED = "baseline moved"
    """The baselines around a loop differ by more than a tenth of what the loop added."""
    SATURATED = "saturated"
    """Samples stand at the end of the meter's range."""
    SIGN_UNKNOWN = "sign of the current not known"
    """The device did not say that it discharges; all samples have one sign, and that was taken for it."""
    UNIT_UNCONFIRMED = "unit of the current told by its size only"
    """No charge counter confirms it."""
    COUNTER_DISAGREES = "charge counter disagrees"
    """The gauge's own charge counter and its integrated current differ by more than a quarter."""
    GAPS = "gaps"
    """Blocks without samples for a while were left out."""
    FEW_BLOCKS = "few blocks"
    SCREEN_ON = "screen on"
    RADIO_ON = "radio on"
    UNALIGNED = "clocks aligned badly"
    """The offset between meter and device is less certain than half a second."""
    OUTLIER = "one block stands apart"
    """It differs from the median by more than half of it, and far more than the others do. It was kept."""
    PART = "a part of the device"
    """Rails that were measured do not hold all that inference needs (memory, for one)."""


class MeterFacts(Struct, frozen=True, kw_only=True):
    """What is known of a meter, from its samples or its maker. None and empty where it is not."""

    name: str
    source: str = ""
    """Where values came from: a path in /sys, a serial number, the name of a format."""
    unit: str = ""
    """Unit of the raw current, as detected."""
    sign: int = 0
    """Of the raw current while discharging: -1 or 1."""
    refresh_seconds: float | None = None
    """How often new values come."""
    resolution_watts: float | None = None
    """Smallest step between values."""
    rails: tuple[str, ...] = ()


class Phase(Struct, frozen=True, kw_only=True):
    """A stretch of time in which the device did one thing."""

    block: int
    name: str = ""
    """Of the loop; empty: the device did nothing."""
    start: float
    """Seconds of the session's clock."""
    end: float
    inferences: int = 0
    busy: float | None = None
    """Seconds of it, at its end, in which inferences ran; None: all. Before, the model was loaded."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


class EnergyBlock(Struct, frozen=True, kw_only=True):
    """A loop with the baselines around it."""

    block: int
    seconds: float
    """In which inferences ran."""
    inferences: int
    loop_watts: float
    before_watts: float
    after_watts: float

    @property
    def baseline_watts(self) -> float:
        """Mean of both baselines: a baseline that moves evenly cancels."""
        return (self.before_watts + self.after_watts) / 2

    @property
    def joules(self) -> float:
        """Per inference, above the baseline. May be negative: that is noise."""
        return (self.loop_watts - self.baseline_watts) * self.seconds / self.inferences


class Energy(Struct, frozen=True, kw_only=True):
    """Energy of one inference above the baseline, of one loop on one device."""

    schema: str = "nngauge.energy/1"
    name: str = ""
    """Of the loop."""
    joules: float
    """Mean over blocks. Not to be told where `detected` is false."""
    low: float
    """95 % interval, bootstrapped over blocks."""
    high: float
    mde: float
    """Minimum detectable energy, joules per inference: an energy as large is told from nothing in most sessions as noisy."""
    baseline_watts: float
    blocks: tuple[EnergyBlock, ...]
    meter: MeterFacts
    doubts: tuple[EnergyDoubt, ...] = ()
    counter_ratio: float | None = None
    """Charge by the gauge's counter over charge by its current."""
    notes: tuple[str, ...] = ()

    @property
    def inferences(self) -> int:
        """In all blocks."""
        return sum(block.inferences for block in self.blocks)

    @property
    def detected(self) -> bool:
        """It is above the minimum detectable energy, and its interval above zero."""
        return self.joules >= self.mde and self.low > 0


class Obstacle(StrEnum):
    """Why energy was not measured."""

    NO_METER = "no meter"
    EMULATED = "emulated"
    CHARGING = "charging"
    GAUGE = "gauge"
    """Its unit, sign or values cannot be trusted."""
    TOO_COARSE = "too coarse"
    """It refreshes too seldom for loops as long as these."""
    TRACE = "recording"
    """Gaps, wrong order, another clock, no permission."""
    DEVICE = "device"
    LOOP = "loop"
    """It ran no inferences, or too short."""


class EnergyRefusal(Struct, frozen=True, kw_only=True):
    """Energy that could not be measured: a result, too."""

    name: str = ""
    kind: Obstacle
    reason: str
    hint: str = ""
