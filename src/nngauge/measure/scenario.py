"""What a model costs in daily use: events, feasibility, energy, battery. Only measured times and measured joules go in.

The arithmetic is that of `nngauge.knowledge.scenarios.daily`. What was not measured and not said is not in it, and is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.measurement import Configuration, Device, Doubt, Launch, Measurement
from nngauge.knowledge.scenarios import Battery, Events, Preset
from nngauge.knowledge.scenarios.daily import Feasible, Spent, Terms, Work, feasibility, spending, work
from nngauge.measure.primary import Clock, means, primary, singles, times


class Unknown(Struct, frozen=True):
    """A number that is not there, and how to get it."""

    what: str
    how: str


class Outcome(Struct, frozen=True, kw_only=True):
    """One model in one configuration in one scenario."""

    schema: str = "nngauge.scenario/1"
    name: str
    model: str
    configuration: Configuration
    device: Device
    preset: Preset
    work: Work
    feasible: Feasible | None = None
    spent: Spent | None = None
    at_most: float | None = None
    """Joules of the scenario that cannot be exceeded, where an inference's energy was too small to be found."""
    inputs: Terms = Terms()
    unknown: tuple[Unknown, ...] = ()
    notes: tuple[str, ...] = ()


def scenario(item: Measurement, preset: Preset, terms: Terms, battery: Battery) -> Outcome:
    """What a measured model means in a scenario; what is not known is told as such."""
    asked = work(preset)
    seconds, pooled, notes = _seconds(item, preset)
    feasible = feasibility(asked, pooled) if pooled else None
    terms = _with_capacity(terms, item.device)
    spent, at_most = spending(asked, seconds, terms, battery)
    return Outcome(
        name=item.name, model=item.model, configuration=item.configuration, device=item.device, preset=preset, work=asked,
        feasible=feasible, spent=spent, at_most=at_most, inputs=terms,
        unknown=tuple(_unknown(item, asked, terms, timed=bool(pooled))), notes=(*notes, *_remarks(item, terms)),
    )  # fmt: skip


# --- time ---------------------------------------------------------------------------------------------------------------


def _seconds(item: Measurement, preset: Preset) -> tuple[list[float], list[float], tuple[str, ...]]:
    """Seconds of an inference: the median of each launch, all runs, and what is to be known about them."""
    if preset.events is Events.TOKENS and (stages := _decoding(item.launches)):
        return [median(launch) for launch in stages], [value for launch in stages for value in launch], ()
    if not item.launches or Doubt.EMULATED in item.doubts or not all(launch.wall_ns for launch in item.launches):
        return [], [], ()
    clock = primary(item.launches, item.configuration.threads, item.configuration.delegate)
    notes: tuple[str, ...] = (
        ("times are processor time: other work ran while it was measured",) if clock is Clock.CPU else ()
    )
    if preset.events is Events.TOKENS:
        notes += ("the engine told no stages: one inference is taken for one token",)
    if (each := means(item.launches)) > 1:
        notes += (
            f"a sample is the mean of up to {each:,} inferences: the 95th percentile is widened to that of single ones",
        )
    middles, pooled = times(item.launches, clock), singles(item.launches, clock)
    return [value / 1e9 for value in middles], [value / 1e9 for value in pooled], notes


def _decoding(launches: Sequence[Launch]) -> list[list[float]]:
    """Seconds a token of each launch's decode stages."""
    found = [
        [value / stage.tokens / 1e9 for stage in launch.stages if stage.name == "decode" and stage.tokens for value in stage.wall_ns]
        for launch in launches
    ]  # fmt: skip
    return [launch for launch in found if launch]


# --- energy -------------------------------------------------------------------------------------------------------------


def _with_capacity(terms: Terms, device: Device) -> Terms:
    known = terms.battery_mah is None and device.battery_mah is not None and device.battery_mah > 0
    return replace(terms, battery_mah=device.battery_mah) if known else terms


# --- what is missing ----------------------------------------------------------------------------------------------------


def _unknown(item: Measurement, asked: Work, terms: Terms, *, timed: bool) -> list[Unknown]:
    found = []
    where = f" --device {item.device.id}" if item.device.kind != "host" else ""
    if not timed:
        found.append(Unknown("time, and so whether it keeps up", "measure on a device that is not emulated"))
    if terms.joules is None:
        found.append(
            Unknown(
                "energy, battery share, hours", f"nngauge measure MODEL{where} --energy, or --joules from your meter"
            )
        )
    if asked.read and terms.prefill_joules is None and terms.joules is not None:
        found.append(
            Unknown("energy of the prompts, and so of the chat", "--prefill-joules: of one token that is read")
        )
    if terms.battery_mah is None:
        found.append(Unknown("battery share", "--battery 4000mAh"))
    if terms.baseline_watts is None:
        found.append(
            Unknown("hours to empty", "--baseline 0.8W: what the device takes in the same state without inference")
        )
    return found


def _remarks(item: Measurement, terms: Terms) -> list[str]:
    """What the numbers leave out."""
    out = [
        name
        for name, value in (
            ("loading the model", terms.load_joules), ("the tail after a burst", terms.tail_joules),
            ("camera, microphone and screen", terms.sensor_watts),
        )
        if value is None
    ]  # fmt: skip
    notes = [f"not in the energy: {', '.join(out)}"] if out and terms.joules is not None else []
    if terms.joules is not None and terms.joules.low == terms.joules.high:
        notes.append("the joules came without an interval: theirs is not in the one that is told")
    notes += [f"doubt about the times: {doubt.value}" for doubt in item.doubts]
    return notes
