"""Energy of a phone without its cable: its own gauge, its own clock, its own log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.devices import OpenDevice
from nngauge.domain.energy import Energy, EnergyRefusal, MeterFacts
from nngauge.domain.measurement import Configuration
from nngauge.engines import Request
from nngauge.engines.native import Runtime, native_loop
from nngauge.errors import InputError, UnsupportedError
from nngauge.instruments import Clock
from nngauge.instruments.battery import gauge_of
from nngauge.instruments.gauge import interpret
from nngauge.instruments.untethered import Stage, Untethered, read_session, session_script
from nngauge.measure.energy import EnergyPlan, energy, fitted, for_seconds, refusal
from nngauge.measure.session import Metered

_LOADING: Final = 5.0
"""Seconds that a loop may take to begin."""


def measure_untethered(
    session: Untethered,
    words: Sequence[str],
    plan: EnergyPlan,
    *,
    source: str = "/sys/class/power_supply/battery",
    name: str = "loop",
    known: MeterFacts | None = None,
) -> Energy | EnergyRefusal:
    """Energy of one inference of a program on the phone, while its USB power is cut.

    `words` run for `plan.loop_seconds` and print ``inferences N``. `source` is where the gauge is read (`gauge_of`). `known` is
    what the gauge was found to be before (by `probe`, say): loops are made long enough for it, and another gauge is refused.
    What goes wrong is a refusal.
    """
    plan = fitted(plan, known) if known else plan
    script = session_script(words, blocks=plan.blocks, baseline=plan.baseline_seconds, folder=source)
    seconds = plan.baseline_seconds * (plan.blocks + 1) + (plan.loop_seconds + _LOADING) * plan.blocks
    try:
        course = session.run(script, seconds)
        phases, samples = read_session(course.ran.out, name)
        while_measured = [item for item in samples if phases[0].start <= item.seconds <= phases[-1].end]
        reading = interpret(while_measured, clock="session", source=source, known=known)
    except InputError as error:
        return replace(refusal(error, "battery"), name=name)
    return energy(name, phases, reading, plan, course.doubts)


def uncabled(
    device: OpenDevice,
    runtimes: Mapping[str, Runtime],
    usb: Callable[[bool], None],
    plan: EnergyPlan,
    *,
    clock: Clock,
    told: Callable[[Stage], None] = lambda _stage: None,
) -> Metered:
    """Energy of each configuration in a session of its own without the cable, run by the runner on the device.

    `runtimes`: engine → library. What goes wrong with one configuration is its refusal.
    """

    def measured(loops: Mapping[str, tuple[Configuration, Request]]) -> Mapping[str, Energy | EnergyRefusal]:
        return {name: one(name, *asked) for name, asked in loops.items()}

    def one(name: str, configuration: Configuration, request: Request) -> Energy | EnergyRefusal:
        try:
            if device.facts().emulated:
                raise UnsupportedError("the processor is emulated: its energy is that of another machine")
            source = gauge_of(device)
            loop = for_seconds(request, plan.loop_seconds)
            words = native_loop(device, loop, runtimes[configuration.engine], configuration.cpus)
        except InputError as error:
            return replace(refusal(error, "battery"), name=name)
        return measure_untethered(Untethered(device, usb, clock, told=told), words, plan, source=source, name=name)

    return measured
