"""Energy of a phone without its cable: its own gauge, its own clock, its own log."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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
_LONGEST: Final = 3600.0
"""Seconds without the cable: charge and temperature move."""


def measure_untethered(
    session: Untethered,
    loops: Mapping[str, Sequence[str]],
    plan: EnergyPlan,
    *,
    source: str = "/sys/class/power_supply/battery",
    known: MeterFacts | None = None,
) -> dict[str, Energy | EnergyRefusal]:
    """Energy of one inference of each of some programs on the phone, which take turns while its USB power is cut.

    The words of a loop run for `plan.loop_seconds` and print ``inferences N``. `source` is where the gauge is read (`gauge_of`).
    `known` is what the gauge was found to be before (by `probe`, say): loops are made long enough for it, and another gauge is
    refused. What goes wrong is a refusal; a loop whose engine does not run is one alone.
    """
    plan = fitted(plan, known) if known else plan
    names = list(loops)
    script = session_script(list(loops.values()), blocks=plan.blocks, baseline=plan.baseline_seconds, folder=source)
    try:
        course = session.run(script, _seconds(plan, len(loops)))
        logged = read_session(course.ran.out, names)
        phases = logged.phases
        while_measured = [item for item in logged.samples if phases[0].start <= item.seconds <= phases[-1].end]
        reading = interpret(while_measured, clock="session", source=source, known=known)
    except InputError as error:
        return {name: _refused(name, error) for name in names}
    return {
        name: _refused(name, UnsupportedError(f"the engine did not run: {logged.reasons[name]}"))
        if name in logged.reasons
        else energy(name, phases, reading, plan, course.doubts)
        for name in names
    }


def _seconds(plan: EnergyPlan, loops: int) -> float:
    each = plan.baseline_seconds + plan.loop_seconds + _LOADING
    return plan.baseline_seconds + each * plan.blocks * loops


def _refused(name: str, error: InputError) -> EnergyRefusal:
    return replace(refusal(error, "battery"), name=name)


def uncabled(
    device: OpenDevice,
    runtimes: Mapping[str, Runtime],
    usb: Callable[[bool], None],
    plan: EnergyPlan,
    *,
    clock: Clock,
    told: Callable[[Stage], None] = lambda _stage: None,
) -> Metered:
    """Energy of all configurations in one session without the cable, run by the runner on the device in turns.

    So what drifts hits all alike, and the cable is cut once; where that took more than an hour, it is cut again. `runtimes`: engine
    → library. What goes wrong with one configuration is its refusal.
    """

    def measured(loops: Mapping[str, tuple[Configuration, Request]]) -> Mapping[str, Energy | EnergyRefusal]:
        try:
            if device.facts().emulated:
                raise UnsupportedError("the processor is emulated: its energy is that of another machine")
            source = gauge_of(device)
        except InputError as error:
            return {name: _refused(name, error) for name in loops}
        found: dict[str, Energy | EnergyRefusal] = {}
        programs: dict[str, list[str]] = {}
        for name, asked in loops.items():
            try:
                programs[name] = program(*asked)
            except InputError as error:
                found[name] = _refused(name, error)
        for some in together(programs, plan):
            session = Untethered(device, usb, clock, told=told)
            found |= measure_untethered(session, some, plan, source=source)
        return found

    def program(configuration: Configuration, request: Request) -> list[str]:
        loop = for_seconds(request, plan.loop_seconds)
        return list(native_loop(device, loop, runtimes[configuration.engine], configuration.cpus))

    return measured


def together(loops: Mapping[str, list[str]], plan: EnergyPlan) -> Iterator[dict[str, list[str]]]:
    """So many at a time as an hour without the cable has room for, at least one; as evenly as can be."""
    most = max((count for count in range(1, len(loops) + 1) if _seconds(plan, count) <= _LONGEST), default=1)
    names = list(loops)
    size = math.ceil(len(names) / max(1, math.ceil(len(names) / most)))
    for at in range(0, len(names), max(1, size)):
        yield {name: loops[name] for name in names[at : at + size]}
