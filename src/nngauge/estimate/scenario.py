"""What an estimated model would mean in daily use: the same arithmetic as for measured ones, with modelled numbers throughout.

The types here are not those of measured scenarios (`nngauge.measure.scenario`): what is modelled is never shown as measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

from msgspec import Struct

from nngauge.domain.estimate import Estimate, NoEstimate, Setting
from nngauge.estimate.energy import energy
from nngauge.knowledge import phones
from nngauge.knowledge.scenarios import Battery, Events, Preset
from nngauge.knowledge.scenarios.daily import Feasible, Joules, Spent, Terms, Work, feasibility, spending, work

_STEPS: Final = 41
"""Times that stand for an estimate's interval."""
_MODELLED: Final = "modelled from power curves"


class Modelled(Struct, frozen=True, kw_only=True):
    """One model in one setting in one scenario; every number of it is estimated."""

    schema: str = "nngauge.modelled-scenario/1"
    setting: Setting
    preset: Preset
    work: Work
    latency: Estimate
    energy: Estimate | NoEstimate
    feasible: Feasible
    """By the interval of the estimated time: no run was measured."""
    spent: Spent | None = None
    """None where no energy can be modelled. 95 % intervals."""
    battery_mah: int | None = None
    """Of the phone, in the knowledge base."""
    notes: tuple[str, ...] = ()


def modelled(latency: Estimate, preset: Preset, battery: Battery) -> Modelled:
    """The scenario with this time and the energy that is modelled from it."""
    asked, told = work(preset), energy(latency)
    phone = phones.find(latency.setting.device)
    capacity = phone.battery_mah if phone else None
    seconds = _times(latency)
    spent = None
    if isinstance(told, Estimate) and preset.events is not Events.TOKENS:
        terms = Terms(joules=_joules(told), battery_mah=capacity)
        spent, _ = spending(asked, seconds, terms, battery)
    return Modelled(
        setting=latency.setting, preset=preset, work=asked, latency=latency, energy=told, feasible=feasibility(asked, seconds),
        spent=spent, battery_mah=capacity, notes=_notes(told, preset, capacity),
    )  # fmt: skip


def _times(latency: Estimate) -> list[float]:
    """Seconds, spread as the interval says: log-normal on each side of the middle."""
    edge = NormalDist().inv_cdf((1 + latency.level) / 2)
    up, down = math.log(latency.high / latency.value) / edge, math.log(latency.value / latency.low) / edge
    draws = (NormalDist().inv_cdf((step + 0.5) / _STEPS) for step in range(_STEPS))
    return [latency.value / 1000 * math.exp(draw * (up if draw > 0 else down)) for draw in draws]


def _joules(told: Estimate) -> Joules:
    """The interval is that of the energy alone: it holds that of the time."""
    return Joules(middle=told.value / 1000, low=told.low / 1000, high=told.high / 1000, source=_MODELLED)


def _notes(told: Estimate | NoEstimate, preset: Preset, capacity: int | None) -> tuple[str, ...]:
    found: Sequence[str] = (
        f"every number is modelled: time by the profile, energy as time × power of the cores ({told.ground.source.rpartition('power: ')[2]})"
        if isinstance(told, Estimate) else f"no energy: {told.explanation}",
        "not in the energy: memory, loading the model, camera, microphone and screen",
        "" if capacity else "battery share: the phone's capacity is not known",
        "a chat's tokens are not modelled from the time of one inference" if preset.events is Events.TOKENS else "",
    )  # fmt: skip
    return tuple(note for note in found if note)
