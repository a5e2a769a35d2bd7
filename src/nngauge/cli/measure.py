"""``nngauge measure``: how fast models run, on this machine or on a phone."""

from __future__ import annotations

import sys
import tempfile
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL
from nngauge.cli.show import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress as Bar

    from nngauge.devices import OpenDevice
    from nngauge.domain.measurement import Session
    from nngauge.engines.native import Runtime
    from nngauge.instruments import Meter
    from nngauge.measure.energy import EnergyPlan
    from nngauge.measure.protocol import Plan, Progress
    from nngauge.measuring import Wanted


class _Energy(NamedTuple):
    """What energy is measured with, and how long."""

    meter: str
    plan: EnergyPlan
    usb: str
    """How the phone's USB power is cut; empty: it is not."""
    volts: float | None
    rails: tuple[str, ...]


def _numbers(_context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdecimal() and len(part) < 5 for part in parts):
        raise click.BadParameter("numbers, separated by commas: 1,4", param=parameter)
    return tuple(dict.fromkeys(int(part) for part in parts))


def _counts(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    found = _numbers(context, parameter, text)
    if 0 in found:
        raise click.BadParameter("numbers above 0", param=parameter)
    return found


def names(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[str, ...]:
    """Names that an option got, separated by commas."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


@click.command("measure", short_help="How fast models run, here or on a phone.")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--device", "address", default="host", show_default=True, help="host, adb:SERIAL, ssh:HOST (nngauge devices)."
)
@click.option(
    "--engine",
    "engines",
    default="",
    callback=names,
    metavar="A,B",
    help="Engines; default: the usual one of the format.",
)
@click.option(
    "--runtime",
    "libraries",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run with this library (LiteRT, TFLite C, ONNX Runtime C) instead of an installed engine.",
)
@click.option("--app-runtime", is_flag=True, help="Run the models of an app with the libraries that the app ships.")
@click.option("--threads", default="1", callback=_counts, show_default=True, metavar="1,4", help="Numbers of threads.")
@click.option(
    "--delegate",
    "delegates",
    default="",
    callback=names,
    metavar="A,B",
    help="Accelerators, as the engine calls them.",
)
@click.option(
    "--batch", "batches", default="1", callback=_counts, show_default=True, metavar="1,8", help="Batch sizes."
)
@click.option("--cpus", default="", callback=_numbers, metavar="4,5", help="Bind to these cores.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=SHAPE", help="Fix the shape of an input: image=1x224x224x3."
)
@click.option(
    "--feed", "feeds", multiple=True, metavar="NAME=FILE", help="Raw numbers for an input instead of random ones."
)
@click.option("--launches", type=click.IntRange(1, 1000), show_default="6", help="Processes at least.")
@click.option("--most-launches", type=click.IntRange(1, 1000), show_default="20", help="Processes at most.")
@click.option(
    "--precision",
    type=click.FloatRange(0.1, 100),
    default=2.0,
    show_default=True,
    help="Percent at which the interval is narrow enough.",
)
@click.option(
    "--seconds", type=click.FloatRange(min=0), default=600.0, show_default=True, help="For each model, more or less."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of inputs and of the order of launches.")
@click.option("--energy", is_flag=True, help="Energy of an inference, too.")
@click.option(
    "--meter",
    metavar="NAME",
    help="Power meter for --energy: battery (the usual one of phones), perfetto, powercap (of other machines), monsoon.",
)
@click.option(
    "--volts", type=click.FloatRange(min=0), help="That --meter monsoon supplies: the battery's nominal ones."
)
@click.option(
    "--rails", default="", callback=names, metavar="A,B", help="Patterns of what --meter perfetto or powercap adds up."
)
@click.option(
    "--usb",
    default="",
    metavar="HOW",
    help="Cut a phone's USB power meanwhile (with --meter battery): uhubctl:1-1.4:2, ykush:1 or manual.",
)
@click.option(
    "--energy-blocks", type=click.IntRange(2, 100), default=5, show_default=True, help="Loops between baselines."
)
@click.option(
    "--energy-seconds",
    type=click.FloatRange(1, 3600),
    default=60.0,
    show_default=True,
    help="Of a loop, of a baseline.",
)
@click.option("--top", type=click.IntRange(min=1), help="Of a study: only so many models, those that most apps have.")
@click.option("--profile", is_flag=True, help="Time of each operator, where the engine tells.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Keep everything in this file, as JSON."
)
@click.option(
    "--mlperf",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the results in this file, in the format of the MLPerf Mobile app.",
)
@click.option(
    "--record",
    "recording",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write down all that the device answers: --device replay:FILE gives it again.",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    path: Path,
    address: str,
    engines: tuple[str, ...],
    libraries: tuple[Path, ...],
    app_runtime: bool,
    threads: tuple[int, ...],
    delegates: tuple[str, ...],
    batches: tuple[int, ...],
    cpus: tuple[int, ...],
    inputs: tuple[str, ...],
    feeds: tuple[str, ...],
    launches: int | None,
    most_launches: int | None,
    precision: float,
    seconds: float,
    seed: int,
    energy: bool,
    meter: str | None,
    volts: float | None,
    rails: tuple[str, ...],
    usb: str,
    energy_blocks: int,
    energy_seconds: float,
    top: int | None,
    profile: bool,
    output: Path | None,
    mlperf: Path | None,
    recording: Path | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Runs a model file, the models of an app or those that a study keeps, and says how long an inference takes.

    Every launch is a process of its own; launches of all configurations take turns. Loading, the first inference and the
    steady state are told apart, with an interval over launches and every reason for doubt. Exit code 3: something could
    not be measured; it says what and why. Of a study (run with --keep-models) every distinct model is measured once; what
    was measured is kept there, the same command goes on with the rest, and reports and `study sql` show it.
    """
    from nngauge.cli.files import require_free
    from nngauge.engines import engine_named
    from nngauge.errors import UsageError
    from nngauge.measure.energy import EnergyPlan
    from nngauge.measure.protocol import Plan
    from nngauge.measuring import Wanted, is_study

    require_free(output, mlperf, recording, force=force)  # before minutes of measuring
    least, most = _bounds(launches, most_launches)
    if energy and meter is None:
        meter = "battery" if address.startswith("adb:") else "powercap"
    if meter is not None and not energy:
        raise UsageError("--meter is for energy", hint=f"--energy --meter {meter}")
    if volts is not None and meter != "monsoon":
        raise UsageError("--volts is what --energy --meter monsoon supplies")
    if usb and (meter != "battery" or not address.startswith("adb:")):
        raise UsageError("--usb is for phones with --energy --meter battery", hint="--device adb:SERIAL")
    wanted = Wanted(
        engines=tuple(dict.fromkeys(engine_named(name).name for name in engines)), threads=threads or (1,),
        delegates=delegates or ("",), batches=batches or (1,), cpus=cpus,
    )  # fmt: skip
    plan = Plan(
        least_launches=least, most_launches=most, precision=precision / 100, seconds=seconds, seed=seed,
    )  # fmt: skip
    native = libraries or (() if app_runtime or address != "host" else None)
    whole = as_json or output is not None or mlperf is not None or not is_study(path)
    session = _measure(
        path,
        address,
        wanted,
        plan,
        dict(shape_of(text) for text in inputs),
        feeds,
        native,
        top=top,
        profile=profile,
        energy=_Energy(
            meter,
            EnergyPlan(blocks=energy_blocks, baseline_seconds=energy_seconds, loop_seconds=energy_seconds),
            usb,
            volts,
            rails,
        )
        if meter is not None
        else None,
        recording=recording,
        quiet=quiet,
        whole=whole,
    )
    if whole:
        _tell(session, output, mlperf, as_json=as_json)
    raise click.exceptions.Exit(EXIT_PARTIAL if _refused(session) else EXIT_OK)


def _refused(session: Session) -> bool:
    return bool(session.refusals) or any(one.refusal is not None for one in session.energies)


def _bounds(least: int | None, most: int | None) -> tuple[int, int]:
    """Launches at least and at most; one that is told moves the default of the other out of its way."""
    from nngauge.errors import UsageError
    from nngauge.measure.protocol import Plan

    if least is not None and most is not None and most < least:
        raise UsageError(f"--launches {least} and at most {most} cannot be kept")
    usual = Plan()
    if least is None:
        least = min(usual.least_launches, most or usual.least_launches)
    return least, max(usual.most_launches, least) if most is None else most


def _measure(
    path: Path,
    address: str,
    wanted: Wanted,
    plan: Plan,
    shapes: dict[str, tuple[int, ...]],
    feeds: tuple[str, ...],
    native: tuple[Path, ...] | None,
    *,
    top: int | None,
    profile: bool,
    energy: _Energy | None,
    recording: Path | None,
    quiet: bool,
    whole: bool,
) -> Session:
    """All sessions in one; unless `whole`, each is shown as soon as it is over, and only what was refused is given back.

    Samples of a model take megabytes, a study has thousands of models: the files that it keeps have them.
    """
    from nngauge.cli.screen import progress
    from nngauge.cli.stopping import stoppable
    from nngauge.errors import UsageError
    from nngauge.measuring import is_study, joined, note_measured, runtimes_for, sessions_here, subjects_at
    from nngauge.store.measured import MEASURED

    with stoppable(), tempfile.TemporaryDirectory(prefix="nngauge-") as folder, _opened(address, recording) as device:
        _require_cores(wanted.cpus, device)
        subjects = subjects_at(path, Path(folder), shapes=shapes, feeds=dict(_feed(text) for text in feeds))
        first = next(subjects, None)
        if first is None:
            raise UsageError("there is no model to measure", where=str(path), hint="nngauge scan tells what is inside")
        runtimes = None
        if native is not None:
            runtimes = _of_engines(
                runtimes_for(path, native, device.facts().abi, Path(folder) / "libraries"), wanted.engines
            )
            if not runtimes:
                engine = f" of {' or '.join(wanted.engines)}" if wanted.engines else ""
                raise UsageError(
                    f"no runtime library{engine} for {device.facts().abi or 'this device'}", where=str(path),
                    hint="--runtime FILE: libLiteRt.so, libtensorflowlite_c.so or libonnxruntime.so of this processor",
                )  # fmt: skip
        with progress(quiet=quiet) as bar:
            task = bar.add_task("measuring", total=plan.least_launches, rate="", failed="")

            def told(now: Progress) -> None:
                bar.update(task, completed=now.launches, total=now.expected, rate=f"{now.running} to go")

            kept = path / MEASURED if is_study(path) else None
            try:
                sessions = sessions_here(
                    chain([first], subjects), wanted, device, plan, Path(folder), profile=profile, told=told, kept=kept,
                    meter=(_meter(energy, device), energy.plan) if energy is not None and not energy.usb else None,
                    usb=(_switch(energy.usb), energy.plan) if energy is not None and energy.usb else None,
                    runtimes=runtimes, most=top,
                )  # fmt: skip
                if whole:
                    return joined(sessions)
                return joined(_shown(session, bar) for session in sessions)
            finally:
                if kept is not None and kept.is_dir():
                    note_measured(path)


def _shown(session: Session, bar: Bar) -> Session:
    """Shows what came of a model above the bar; what is left of it without its samples."""
    from msgspec.structs import replace

    from nngauge.cli.screen import show
    from nngauge.screen.measurement import render_session

    if not bar.disable:
        bar.stop()
    show(render_session(session))
    if not bar.disable:
        bar.start()
    return replace(session, measurements=())


def _of_engines(found: dict[str, Runtime], engines: tuple[str, ...]) -> dict[str, Runtime]:
    """The libraries of these engines; all, if none is named."""
    meant = {"litert_compiled": "litert"}  # one library has both, and the runner uses the compiled model where it can
    wanted = {meant.get(name, name) for name in engines}
    return {
        name: one for name, one in found.items() if not wanted or one.interface.replace("tflite", "litert") in wanted
    }


def _require_cores(cpus: tuple[int, ...], device: OpenDevice) -> None:
    from nngauge.errors import UsageError

    there = sorted(core for cluster in device.facts().clusters for core in cluster.cores)
    absent = [core for core in cpus if there and core not in there]
    if absent:
        raise UsageError(
            f"there is no core {absent[0]}", where=device.id, hint=f"--cpus: of {', '.join(map(str, there))}"
        )


def _opened(address: str, recording: Path | None) -> OpenDevice:
    """The device, with all that it answers written down where that is wanted."""
    from nngauge.devices import open_device, record
    from nngauge.errors import UsageError

    device = open_device(address)
    try:
        return record(device, recording) if recording is not None else device
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror or error}", where=str(recording)) from None


def _meter(asked: _Energy, device: OpenDevice) -> Meter:
    from nngauge.errors import UsageError
    from nngauge.instruments import Setup, SystemClock, meter_named

    kind = meter_named(asked.meter)
    if kind.open is None:
        raise UsageError(
            "only reads recordings",
            where=asked.meter,
            hint="a meter that records: battery, perfetto, powercap, monsoon",
        )
    return kind.open(Setup(clock=SystemClock(), device=device, volts=asked.volts, rails=asked.rails))


def _switch(text: str) -> Callable[[bool], None]:
    """What switches USB power off and on, with this machine's programs or by asking."""
    from nngauge.devices import open_device
    from nngauge.errors import UsageError
    from nngauge.instruments.usb_power import switch, usb_power

    power, port = usb_power(text)
    if power.words is None and not sys.stdin.isatty():
        raise UsageError("nobody is there to pull the cable", hint="--usb uhubctl:1-1.4:2, ykush:1, or a terminal")

    def switched(on: bool) -> None:
        with open_device("host") as here:
            switch(
                power, port, on=on, run=here.run, ask=lambda said: click.pause(f"{said} Then press a key.", err=True)
            )

    return switched


def _feed(text: str) -> tuple[str, Path]:
    from nngauge.errors import UsageError

    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise UsageError(f"--feed {text!r} is not NAME=FILE", hint="for example: --feed image=photo.raw")
    return name, Path(file)


def _tell(session: Session, output: Path | None, mlperf: Path | None, *, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.files import write_whole
    from nngauge.cli.screen import show, write_json
    from nngauge.screen.measurement import render_session

    data = msgspec.json.encode(session)
    if output is not None:
        write_whole(output, [msgspec.json.format(data, indent=1), b"\n"])
    if as_json:
        write_json(data)
    else:
        show(render_session(session))
    if mlperf is not None:
        from nngauge.measure.mlperf import as_mlperf

        write_whole(mlperf, [msgspec.json.format(msgspec.json.encode(as_mlperf(session)), indent=1), b"\n"])
