"""What a battery gauge's numbers mean: unit, sign and refresh, from the numbers themselves, and whether to believe them.

Android's documentation says microamperes, positive while charging. Of five phones measured (7,500 recordings of a minute), one
told milliamperes, one was positive while discharging, and refreshes lay between 0.35 and more than 10 s. So nothing is taken for
granted, and what cannot be told is refused: https://developer.android.com/reference/android/os/BatteryManager.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.energy import EnergyDoubt, MeterFacts
from nngauge.errors import MalformedError, UnsupportedError
from nngauge.instruments._api import Reading
from nngauge.instruments.trace import Trace, checked

_CHARGING: Final = ("charging", "full", "not charging", "2", "4", "5")
"""What ``status`` says in /sys (words) and in `dumpsys battery` (numbers) while power comes from outside."""
_DISCHARGING: Final = ("discharging", "3")
_ENDS: Final = frozenset(
    {2**15 - 1, -(2**15), 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), (2**15 - 1) * 1000, -(2**15) * 1000}
)
"""Ends of integers: a register that is full, or Android's way to say that it does not know."""
_MOST_MILLIAMPS: Final = 8_000
"""No phone draws more; read as microamperes it is less than any phone that is awake."""
_LEAST_MICROAMPS: Final = 20_000
"""No phone that is awake draws less."""
_VOLT_SCALES: Final = ((2.5, 22.0, 1.0), (2_500.0, 22_000.0, 1e-3), (2.5e6, 2.2e7, 1e-6))
"""One to five lithium cells in volts, millivolts and microvolts."""
_ONE_SIGN: Final = 0.95
_STUCK_SECONDS: Final = 30.0
_STUCK_REFRESHES: Final = 10.0
_LEAST_CHANGES: Final = 5
_COUNTER_STEPS: Final = 20
_COUNTER_AGREES: Final = (0.8, 1.25)


class GaugeSample(Struct, frozen=True, kw_only=True):
    """What a gauge said at one time, as it said it."""

    seconds: float
    current: int
    voltage: int
    counter: int | None = None
    """Charge counter, microampere-hours."""
    status: str = ""


def interpret(
    samples: Sequence[GaugeSample], *, clock: str, source: str = "", known: MeterFacts | None = None
) -> Reading:
    """The power that these samples tell.

    `known` is what the same gauge was found to be before. Raises `UnsupportedError` for a gauge that cannot be believed, with the
    reason, and `MalformedError` for samples out of order.
    """
    _useable(samples)
    doubts: list[EnergyDoubt] = []
    sign = _sign(samples, doubts)
    refresh = _refresh(samples)
    volts = _volts(samples)
    scale, ratio = _scale(samples, doubts)
    trace = checked(
        Trace(
            rail="battery", clock=clock, seconds=tuple(sample.seconds for sample in samples), volts=tuple(volts),
            amps=tuple(sign * sample.current * scale for sample in samples),
        )
    )  # fmt: skip
    facts = MeterFacts(
        name="battery", source=source, unit="mA" if scale == 1e-3 else "uA", sign=sign, refresh_seconds=refresh,
        resolution_watts=_step([sample.current for sample in samples]) * scale * fmean(volts), rails=("battery",),
    )  # fmt: skip
    _same(facts, known)
    return Reading(trace=trace, facts=facts, doubts=tuple(doubts), counter_ratio=ratio)


# --- can it be used at all -------------------------------------------------------------------------------------------------


def _useable(samples: Sequence[GaugeSample]) -> None:
    if len(samples) < 2:
        raise UnsupportedError("the battery gauge gave no values", hint="use another meter")
    for before, after in pairwise(samples):
        if after.seconds <= before.seconds:
            raise MalformedError(f"gauge samples are not in order at {after.seconds:g} s")
    if any(sample.status.strip().lower() in _CHARGING for sample in samples):
        raise UnsupportedError(
            "power came from outside: the battery's current is not what the device takes",
            hint="cut the USB power, use wireless debugging, or measure rails",
        )
    currents = [sample.current for sample in samples]
    if any(current in _ENDS for current in currents):
        raise UnsupportedError("the gauge's current stands at the end of its range, or it does not know it")
    if not any(currents):
        raise UnsupportedError("the gauge always says 0", hint="this device does not tell its current")
    if len(set(currents)) == 1:
        raise UnsupportedError(f"the gauge always says {currents[0]}")


def _sign(samples: Sequence[GaugeSample], doubts: list[EnergyDoubt]) -> int:
    """The sign that the current has while discharging."""
    told = [sample.current for sample in samples if sample.current]
    share = sum(current > 0 for current in told) / len(told)
    if 1 - _ONE_SIGN < share < _ONE_SIGN:
        raise UnsupportedError(
            f"{share:.0%} of the currents are positive, the others negative",
            hint="was the battery charging in between?",
        )
    if not all(sample.status.strip().lower() in _DISCHARGING for sample in samples):
        doubts.append(EnergyDoubt.SIGN_UNKNOWN)
    return 1 if share > 0.5 else -1


# --- refresh ---------------------------------------------------------------------------------------------------------------


def _refresh(samples: Sequence[GaugeSample]) -> float:
    """Usual seconds between new values; never less than between samples."""
    changes = [after.seconds for before, after in pairwise(samples) if after.current != before.current]
    if len(changes) < _LEAST_CHANGES:
        raise UnsupportedError(
            f"the gauge gave {len(changes) + 1} values in {samples[-1].seconds - samples[0].seconds:.0f} s",
            hint="longer loops, or another meter",
        )
    usual = median(after - before for before, after in pairwise(changes))
    edges = [samples[0].seconds, *changes, samples[-1].seconds]
    longest, at = max((after - before, before) for before, after in pairwise(edges))
    if longest > max(_STUCK_SECONDS, _STUCK_REFRESHES * usual):
        raise UnsupportedError(f"the gauge was stuck for {longest:.0f} s from {at:.1f} s", hint="usually new every "
                               f"{usual:.1f} s")  # fmt: skip
    return usual


def _step(values: Sequence[int]) -> int:
    """The smallest difference between values that the gauge gave."""
    distinct = sorted(set(values))
    return min(after - before for before, after in pairwise(distinct))


# --- units -----------------------------------------------------------------------------------------------------------------


def _volts(samples: Sequence[GaugeSample]) -> list[float]:
    """In volts; one scale for all."""
    usual = median(sample.voltage for sample in samples)
    for low, high, scale in _VOLT_SCALES:
        if low <= usual <= high:
            volts = [sample.voltage * scale for sample in samples]
            if min(volts) < 0.6 * usual * scale or max(volts) > 1.6 * usual * scale:
                raise UnsupportedError(f"voltages from {min(volts):.2f} V to {max(volts):.2f} V are not a battery's")
            return volts
    currents = median(abs(sample.current) for sample in samples)
    swapped = any(low <= currents <= high for low, high, scale in _VOLT_SCALES if scale < 1)
    raise UnsupportedError(
        f"a voltage of {usual:g} is no battery's in V, mV or µV",
        hint="current and voltage look swapped" if swapped else "",
    )


def _scale(samples: Sequence[GaugeSample], doubts: list[EnergyDoubt]) -> tuple[float, float | None]:
    """Amperes of the raw current's unit, and charge by the counter over charge by the current."""
    ordered = sorted(abs(sample.current) for sample in samples)
    most = ordered[int(0.95 * (len(ordered) - 1))]
    by_size = 1e-3 if most < _MOST_MILLIAMPS else 1e-6 if most >= _LEAST_MICROAMPS else None
    counted = _counted(samples)
    if counted is None:
        if by_size is None:
            raise UnsupportedError(f"a current of {most} may be mA or µA", hint="no charge counter tells which")
        doubts.append(EnergyDoubt.UNIT_UNCONFIRMED)
        return by_size, None
    ratios = {scale: counted / (_integrated(samples) * scale) for scale in (1e-3, 1e-6)}
    by_counter = next((scale for scale, ratio in ratios.items() if 0.2 < ratio < 5), None)
    if by_counter is None or by_size not in (None, by_counter):
        raise UnsupportedError(
            f"a current of {most} and the charge counter ({counted / 3.6:.3f} mAh used) fit no unit together"
        )
    ratio = ratios[by_counter]
    if not _COUNTER_AGREES[0] <= ratio <= _COUNTER_AGREES[1]:
        doubts.append(EnergyDoubt.COUNTER_DISAGREES)
    return by_counter, ratio


def _counted(samples: Sequence[GaugeSample]) -> float | None:
    """Coulombs that left the battery by the charge counter, None where it is absent or too coarse to tell."""
    told = [sample.counter for sample in samples if sample.counter is not None]
    if len(told) < len(samples) or len(set(told)) <= _COUNTER_STEPS:
        return None
    used = told[0] - told[-1]
    return used * 3.6e-3 if used > 0 else None


def _integrated(samples: Sequence[GaugeSample]) -> float:
    """The raw current's magnitude over time."""
    return sum(
        (after.seconds - before.seconds) * (abs(before.current) + abs(after.current)) / 2
        for before, after in pairwise(samples)
    )


# --- the same gauge as before ----------------------------------------------------------------------------------------------


def _same(facts: MeterFacts, known: MeterFacts | None) -> None:
    """Recordings are mixed up more easily than gauges change."""
    if known is None or not known.unit:
        return
    slower = (facts.refresh_seconds or 0) > 2.5 * (known.refresh_seconds or float("inf"))
    faster = (facts.refresh_seconds or 0) < 0.4 * (known.refresh_seconds or 0)
    if facts.unit != known.unit or facts.sign != known.sign or slower or faster:
        raise UnsupportedError(
            f"not the gauge that was seen before: {_told(facts)}, then {_told(known)}",
            hint="are recordings of two devices mixed up?",
        )


def _told(facts: MeterFacts) -> str:
    return f"{facts.unit}, sign {facts.sign:+d}, new every {facts.refresh_seconds or 0:.2f} s"


def shifted(samples: Sequence[GaugeSample], seconds: float) -> list[GaugeSample]:
    """Samples on a clock that is ahead by so many seconds."""
    return [replace(sample, seconds=sample.seconds + seconds) for sample in samples]
