"""``nngauge calibrate``: ten small networks measured on a device, so that others can be estimated there."""

from __future__ import annotations

import datetime as dt
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL

if TYPE_CHECKING:
    from nngauge.domain.estimate import Setting
    from nngauge.domain.measurement import Session
    from nngauge.estimate.calibration import Calibration

_SECONDS = 20.0
"""For each network, more or less."""


@click.command("calibrate", short_help="Ten small models measured: a profile for your phone.")
@click.option(
    "--device", "address", default="host", show_default=True, help="host, adb:SERIAL, ssh:HOST (nngauge devices)."
)
@click.option("--name", default="", metavar="ID", help="What estimates call the device; default: its model.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Cores used.")
@click.option("--cpus", default="", metavar="4,5", help="Bind to these cores.")
@click.option("--delegate", default="", metavar="NAME", help="Calibrate this accelerator: gpu.")
@click.option(
    "--runtime",
    "libraries",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run with this LiteRT or TFLite C library: needed on a phone.",
)
@click.option(
    "--launches", type=click.IntRange(1, 100), default=3, show_default=True, help="Processes for each network."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here instead of your own folder."
)
@click.option("--force", is_flag=True, help="Write over an older calibration.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    address: str,
    name: str,
    threads: int,
    cpus: str,
    delegate: str,
    libraries: tuple[Path, ...],
    launches: int,
    output: Path | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measures ten networks that come with nngauge, and keeps what mixture of the devices in its library explains their times.

    From then on `nngauge estimate MODEL --device ID` tells times for this device. Takes a few minutes on a phone. Exit code
    3: some of the ten could not be measured; five are enough.
    """
    from nngauge.domain.estimate import Setting, Unit
    from nngauge.errors import UsageError
    from nngauge.estimate.calibration import own_folder

    if launches < 1 or not all(part.isdecimal() for part in cpus.split(",") if part):
        raise UsageError(f"--cpus {cpus!r} is no list of cores", hint="--cpus 4,5")
    accelerator = bool(delegate)
    unit, cores = (Unit.GPU, 1) if accelerator else (Unit.BIG, threads)

    def file(device: str) -> Path:
        return output or own_folder() / f"{_slug(device)}-{unit.name.lower()}-{cores}.json"

    if output is not None or name:
        _require_free(file(name), force=force)  # before minutes of measuring
    session, title, id_ = _measured(
        address,
        threads=cores,
        cpus=tuple(int(part) for part in cpus.split(",") if part),
        delegate=delegate,
        libraries=libraries,
        launches=launches,
        quiet=quiet,
    )
    setting = Setting(device=name or id_, unit=unit, threads=cores, precision="float32", runtime="tflite")
    found = _fitted(session, setting, title)
    _keep(found, file(setting.device), force=force)
    _tell(found, session, file(setting.device), as_json=as_json)
    raise click.exceptions.Exit(EXIT_PARTIAL if session.refusals else EXIT_OK)


def _measured(
    address: str,
    *,
    threads: int,
    cpus: tuple[int, ...],
    delegate: str,
    libraries: tuple[Path, ...],
    launches: int,
    quiet: bool,
) -> tuple[Session, str, str]:
    """The ten anchors on the device, what it is called, and what estimates are to call it."""
    from nngauge.cli.screen import progress
    from nngauge.cli.stopping import stoppable
    from nngauge.devices import open_device
    from nngauge.errors import UsageError
    from nngauge.estimate.anchors import write_anchors
    from nngauge.measure.protocol import Plan, Progress
    from nngauge.measuring import Wanted, joined, runtimes_for, sessions_here, subjects_at

    wanted = Wanted(threads=(threads,), delegates=(delegate,), cpus=cpus)
    plan = Plan(least_launches=launches, most_launches=3 * launches, seconds=_SECONDS)
    with stoppable(), tempfile.TemporaryDirectory(prefix="nngauge-") as folder, open_device(address) as device:
        facts = device.facts()
        runtimes = runtimes_for(Path(folder), libraries, facts.abi, Path(folder) / "libraries") if libraries else None
        if runtimes is None and address != "host":
            raise UsageError(
                "a phone needs a runtime library to measure with",
                hint="--runtime libLiteRt.so (or libtensorflowlite_c.so) of its processor; docs/native-runner.md",
            )
        subjects = [
            one
            for file in write_anchors(Path(folder)).values()
            for one in subjects_at(file, Path(folder), shapes={}, feeds={})
        ]
        with progress(quiet=quiet) as bar:
            task = bar.add_task("measuring anchors", total=launches, rate="", failed="")

            def told(now: Progress) -> None:
                bar.update(task, completed=now.launches, total=now.expected)

            sessions = sessions_here(subjects, wanted, device, plan, Path(folder), told=told, runtimes=runtimes)
            session = joined(sessions)
    title = " ".join(part for part in (facts.maker, facts.model) if part) or facts.soc or facts.id
    return session, title, "host" if address == "host" else _slug(facts.model or facts.id)


def _slug(name: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:64] or "device"


def _fitted(session: Session, setting: Setting, title: str) -> Calibration:
    from nngauge.domain.measurement import Doubt
    from nngauge.estimate.anchors import LIBRARY
    from nngauge.estimate.calibration import calibrate
    from nngauge.estimate.library import library
    from nngauge.version import __version__

    wrong = {Doubt.EMULATED, Doubt.BELOW_FLOOR, Doubt.NOT_FINITE}
    times = {
        one.name.removesuffix(".tflite"): one.summary.steady_ns / 1e6
        for one in session.measurements
        if one.summary is not None and not wrong & set(one.doubts)
    }
    made = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return calibrate(times, setting, library(LIBRARY), title=title, made=made, tool=f"nngauge {__version__}")


def _require_free(file: Path, *, force: bool) -> None:
    from nngauge.errors import UsageError

    if file.exists() and not force:
        raise UsageError("is there already", where=str(file), hint="--force writes over it")


def _keep(found: Calibration, file: Path, *, force: bool) -> None:
    import msgspec

    from nngauge.errors import UsageError
    from nngauge.io.atomic import write_atomically

    _require_free(file, force=force)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, [msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n"])
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(file)) from None


def _tell(found: Calibration, session: Session, file: Path, *, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.screen.calibration import render_calibration

    if as_json:
        write_json(msgspec.json.encode(found))
    else:
        show(render_calibration(found, session.refusals, str(file)))
