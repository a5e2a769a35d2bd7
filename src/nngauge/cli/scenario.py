"""``nngauge scenario``: what a measured model means for a day's battery, and whether it keeps up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nngauge.domain.energy import Energy
    from nngauge.domain.measurement import Measurement, Session
    from nngauge.knowledge.scenarios import Preset
    from nngauge.knowledge.scenarios.daily import Terms
    from nngauge.measure.scenario import Outcome


@click.command("scenario", short_help="Battery and dropped frames of a measured model in daily use.")
@click.argument("session", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--preset", "name", metavar="NAME", help="A scenario, or a file.toml of your own (--list).")
@click.option("--list", "listing", is_flag=True, help="The presets, with the source of every number.")
@click.option(
    "--fps", default="", metavar="30,1", help="Frames a second instead of the preset's; several are compared."
)
@click.option("--only", default="", metavar="NAME", help="The model of this name, of a session with several.")
@click.option("--device", default="", metavar="ID", help="Of a study with measurements of several devices: which.")
@click.option(
    "--joules", default="", metavar="24.6mJ", help="Measured energy of an inference; 22..27mJ: with its interval."
)
@click.option("--prefill-joules", default="", metavar="2mJ", help="Measured energy of a prompt's token (chat).")
@click.option(
    "--energy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measured energy, as JSON; default: what the session holds.",
)
@click.option("--load-joules", default="", metavar="1.2J", help="Measured energy of loading the model.")
@click.option(
    "--tail-joules", default="", metavar="0.3J", help="Measured energy after a burst, until the device rests."
)
@click.option("--sensors", default="", metavar="0.8W", help="Measured power of camera, microphone or screen.")
@click.option("--baseline", default="", metavar="0.8W", help="Measured power of the device without inference.")
@click.option("--battery", default="", metavar="4000mAh", help="Capacity; default: what the device told.")
@click.option("--voltage", default="", metavar="3.85V", help="Nominal voltage of the battery.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def command(
    session: Path | None,
    name: str | None,
    listing: bool,
    fps: str,
    only: str,
    device: str,
    energy: Path | None,
    as_json: bool,
    **said: str,
) -> None:
    """Takes what `nngauge measure -o SESSION.json` kept, or a study, and measured joules, into a scenario of daily use.

    Tells whether the device keeps up (dropped frames from the 95th percentile of the time), and energy, charge and share
    of the battery with an interval. Nothing is modelled: without measured joules it says which numbers are not known,
    and what to run.
    """
    from nngauge.cli.compare_runs import read_session
    from nngauge.errors import UsageError
    from nngauge.knowledge.scenarios import preset_names, read_preset

    if listing:
        _list([read_preset(one) for one in preset_names()], as_json=as_json)
        return
    if session is None or name is None:
        raise UsageError(
            "a session and a preset are needed", hint="nngauge scenario SESSION.json --preset video-call; --list"
        )
    preset = read_preset(name)
    measured = read_session(session, device)
    items = [one for one in measured.measurements if only in ("", one.name)]
    if not items:
        raise UsageError(f"there is no measurement{f' of {only!r}' if only else ''}", where=str(session))
    outcomes = _outcomes(items, _presets(preset, fps), _energies(energy, measured), _said(said), alone=len(items) == 1)
    _tell(outcomes, as_json=as_json)


def _list(presets: Sequence[Preset], *, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.screen.scenario import render_presets

    if as_json:
        write_json(msgspec.json.encode(presets))
    else:
        show(render_presets(presets))


def _presets(preset: Preset, fps: str) -> list[Preset]:
    from nngauge.errors import UsageError
    from nngauge.knowledge.scenarios.daily import at_fps

    if not fps:
        return [preset]
    try:
        return [at_fps(preset, float(one)) for one in fps.split(",")]
    except ValueError:
        raise UsageError(f"--fps {fps!r} is no list of numbers", hint="for example --fps 30,1") from None


def _energies(path: Path | None, session: Session) -> Callable[[Measurement], Energy | None]:
    """That of a file, by the model's name; else what was measured with the times, of the same configuration."""
    from nngauge.measure.quantities import energy_of, read_energies

    if path is not None:
        told = read_energies(path)
        return lambda item: energy_of(item.name, told)
    measured = {(one.model, one.configuration): one.energy for one in session.energies}
    return lambda item: measured.get((item.model, item.configuration))


def _said(said: dict[str, str]) -> Terms:
    """What the options tell."""
    from nngauge.knowledge.scenarios.daily import Terms
    from nngauge.measure.quantities import joules, quantity

    def number(option: str, unit: str) -> float | None:
        return quantity(said[option], unit, f"--{option.replace('_', '-')}") if said[option] else None

    return Terms(
        joules=joules(said["joules"], "--joules") if said["joules"] else None,
        prefill_joules=joules(said["prefill_joules"], "--prefill-joules") if said["prefill_joules"] else None,
        load_joules=number("load_joules", "J"), tail_joules=number("tail_joules", "J"),
        sensor_watts=number("sensors", "W"), baseline_watts=number("baseline", "W"),
        battery_mah=number("battery", "mAh"), voltage=number("voltage", "V"),
    )  # fmt: skip


def _outcomes(
    items: Sequence[Measurement],
    presets: Sequence[Preset],
    energy: Callable[[Measurement], Energy | None],
    terms: Terms,
    *,
    alone: bool,
) -> list[Outcome]:
    from nngauge.errors import UsageError
    from nngauge.knowledge.scenarios import read_battery
    from nngauge.measure.scenario import scenario

    if terms.joules is not None and not alone:
        raise UsageError("--joules is of one model in one configuration, the session has several", hint="--only NAME")
    battery = read_battery()
    return [scenario(item, preset, _with_energy(energy(item), terms), battery) for item in items for preset in presets]


def _with_energy(found: Energy | None, terms: Terms) -> Terms:
    """What an option says counts before what was measured."""
    from msgspec.structs import replace

    from nngauge.measure.quantities import of_energy

    if found is None:
        return terms
    baseline = found.baseline_watts if terms.baseline_watts is None else terms.baseline_watts
    return replace(terms, joules=terms.joules or of_energy(found), baseline_watts=baseline)


def _tell(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.screen.scenario import render_outcomes

    if as_json:
        write_json(msgspec.json.encode(outcomes))
    else:
        show(render_outcomes(outcomes))
