"""Energy of a phone without its cable: its own gauge, its own clock, its own log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.energy import Energy, EnergyRefusal, MeterFacts
from nngauge.errors import InputError
from nngauge.instruments.gauge import interpret
from nngauge.instruments.untethered import Untethered, read_session, session_script
from nngauge.measure.energy import EnergyPlan, energy, fitted, refusal

_LOADING: Final = 5.0
"""Seconds that a loop may take to begin."""


def measure_untethered(
    session: Untethered,
    words: Sequence[str],
    plan: EnergyPlan,
    *,
    folder: str = "/sys/class/power_supply/battery",
    name: str = "loop",
    known: MeterFacts | None = None,
) -> Energy | EnergyRefusal:
    """Energy of one inference of a program on the phone, while its USB power is cut.

    `words` run for `plan.loop_seconds` and print ``inferences N``. `known` is what the gauge was found to be before (by
    `probe`, say): loops are made long enough for it, and another gauge is refused. What goes wrong is a refusal.
    """
    plan = fitted(plan, known) if known else plan
    script = session_script(words, blocks=plan.blocks, baseline=plan.baseline_seconds, folder=folder)
    seconds = plan.baseline_seconds * (plan.blocks + 1) + (plan.loop_seconds + _LOADING) * plan.blocks
    try:
        course = session.run(script, seconds)
        phases, samples = read_session(course.ran.out, name)
        reading = interpret(samples, clock="session", source=folder, known=known)
    except InputError as error:
        return replace(refusal(error, "battery"), name=name)
    return energy(name, phases, reading, plan, course.doubts)
