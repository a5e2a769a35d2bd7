"""``nngauge estimate``: how long models would take on phones that nobody has at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL
from nngauge.cli.either import no_app_either
from nngauge.cli.estimate_study import estimate_models
from nngauge.cli.estimate_views import covered_by, tell_coverage, tell_scenarios
from nngauge.cli.measure import names
from nngauge.cli.show import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nngauge.estimate.answers import Answers, Asked, Subject
    from nngauge.estimate.calibration import Calibration

_UNITS = ("big", "middle", "little", "gpu", "npu")


def _counts(_context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and 0 < int(part[:4]) <= 64 and len(part) < 4 for part in parts):
        raise click.BadParameter("numbers of cores, separated by commas: 1,4", param=parameter)
    return tuple(int(part) for part in parts)


@click.command("estimate", short_help="How long models would take on phones.")
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--device",
    "devices",
    default="",
    callback=names,
    metavar="A,B",
    help="Phones or chips: pixel-4,galaxy-s10 (--list).",
)
@click.option("--threads", default="1", callback=_counts, show_default=True, metavar="1,4", help="Cores used.")
@click.option(
    "--unit", "units", multiple=True, type=click.Choice(_UNITS), help="Default: the fastest cores that have a profile."
)
@click.option("--precision", default="", metavar="float32|int8", help="Default: what the model computes with.")
@click.option("--runtime", default="", metavar="NAME", help="Only profiles of this runtime: tflite, qnn_dlc.")
@click.option(
    "--calibration",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `nngauge calibrate -o` wrote; those in your own folder are read anyway.",
)
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=SHAPE", help="Fix the shape of an input: image=1x224x224x3."
)
@click.option(
    "--level", type=click.Choice(["50", "80", "90", "95"]), default="90", show_default=True,
    help="Percent of truths that the interval is to hold.",
)  # fmt: skip
@click.option("--coverage", "covered", is_flag=True, help="Which part of the phones in use runs it within --budget.")
@click.option("--budget", default="", metavar="100ms", help="Longest time of an inference, for --coverage.")
@click.option(
    "--shares",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own table of phones in use (CSV).",
)
@click.option("--task", default="", metavar="TASK", help="For smaller published networks in the plan of --coverage.")
@click.option(
    "--scenario", default="", metavar="NAME", help="Battery and dropped frames in daily use, all modelled: video-call."
)
@click.option("--fps", default="", metavar="30,1", help="Frames a second instead of the scenario's.")
@click.option(
    "--phones",
    "listed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of a study without --device: your own list of phones (CSV) instead of ours.",
)
@click.option("--top", type=click.IntRange(min=1), help="Of a study: only so many models, those that most apps have.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--list", "listing", is_flag=True, help="The devices that have profiles.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def command(
    path: Path | None,
    devices: tuple[str, ...],
    threads: tuple[int, ...],
    units: tuple[str, ...],
    precision: str,
    runtime: str,
    files: tuple[Path, ...],
    inputs: tuple[str, ...],
    level: str,
    covered: bool,
    budget: str,
    shares: Path | None,
    task: str,
    scenario: str,
    fps: str,
    listed: Path | None,
    top: int | None,
    quiet: bool,
    listing: bool,
    as_json: bool,
) -> None:
    """Estimates a model file, or every model of an app, on devices that were measured with other networks.

    Each time has an interval, what the multiply-accumulates alone would tell, and how far off the profile is for networks
    that it has not seen. Where there is no ground for a number it says what is missing. Exit code 3: some could not be told.
    Of a study every distinct model is estimated once, on a list of phones where no --device is given; what was told is kept
    there, the same command goes on with the rest, and reports and `study sql` show it. --coverage adds the share of phones.
    """
    from nngauge.domain.estimate import Unit
    from nngauge.errors import UsageError
    from nngauge.estimate.answers import Asked
    from nngauge.study import is_study

    if listing:
        _list(as_json=as_json)
        return
    asked = Asked(
        devices=devices, threads=threads, units=tuple(Unit[unit.upper()] for unit in units), precision=precision,
        runtime=runtime, level=int(level) / 100,
    )  # fmt: skip
    if path is not None and is_study(path):
        only_files = {"--input": inputs, "--task": task, "--scenario": scenario, "--fps": fps}
        _refuse(only_files, path, "is for model files and apps, not for studies")
        reach = covered_by(budget, shares) if covered else None
        _refuse({} if covered else {"--budget": budget, "--shares": shares}, path, "goes with --coverage")
        estimate_models(
            path, asked, _calibrations(files), listed=listed, covered=reach, top=top, as_json=as_json, quiet=quiet
        )
    _refuse({"--phones": listed, "--top": top}, path, "is for studies")
    if path is not None and covered:
        subjects = _subjects(path, dict(shape_of(text) for text in inputs))
        costs = [(one.name, one.format, one.cost) for one in subjects]
        tell_coverage(costs, path, latency=budget, shares=shares, task=task, precision=precision, as_json=as_json)
        return
    if path is None or not devices:
        raise UsageError("a model and a device are needed", hint="nngauge estimate MODEL --device pixel-4; --list")
    found = _answers(path, asked, dict(shape_of(text) for text in inputs), files)
    if scenario:
        tell_scenarios(found, name=scenario, fps=fps, as_json=as_json)
    else:
        _tell(found, as_json=as_json)
    raise click.exceptions.Exit(EXIT_OK if _complete(found) else EXIT_PARTIAL)


def _answers(path: Path, asked: Asked, shapes: dict[str, tuple[int, ...]], files: tuple[Path, ...]) -> Answers:
    from nngauge.errors import UsageError
    from nngauge.estimate.answers import Answers, answers

    subjects = _subjects(path, shapes)
    if not subjects:
        raise UsageError("there is no model to estimate", where=str(path), hint="nngauge scan tells what is inside")
    own = _calibrations(files)
    return Answers(models=tuple(answers(one, asked, own) for one in subjects))


def _calibrations(files: tuple[Path, ...]) -> tuple[Calibration, ...]:
    from nngauge.estimate.calibration import own_calibrations, read_calibration

    return (*(read_calibration(file) for file in files), *own_calibrations())


def _refuse(options: Mapping[str, object], path: Path | None, why: str) -> None:
    """Raises `UsageError` for the first of `options` that was given."""
    from nngauge.errors import UsageError

    given = next((name for name, value in options.items() if value), None)
    if given is not None:
        raise UsageError(f"{given} {why}", where=str(path) if path is not None else "", hint="nngauge estimate --help")


def _subjects(path: Path, shapes: dict[str, tuple[int, ...]]) -> list[Subject]:
    """The models at a path: a model file, else those of an app, each distinct one once. Raises `UsageError` for none."""
    from nngauge.api import analyse_model
    from nngauge.errors import UnsupportedError, UsageError
    from nngauge.estimate.answers import Subject

    try:
        analysis = analyse_model(path, shapes, weights=False, digest=False)
    except UnsupportedError as error:  # no model file: then it is an app, or scanning says why it is not
        with no_app_either(error):
            found = _of_app(path)
        if found:
            return found
        raise UsageError(
            "there is no model to estimate", where=str(path), hint="nngauge scan tells what is inside"
        ) from None
    return [Subject(name=path.name, format=analysis.model.format, cost=analysis.cost, language=analysis.language)]


def _of_app(path: Path) -> list[Subject]:
    from nngauge.analyse.constants import Constants
    from nngauge.analyse.cost import model_cost
    from nngauge.analyse.language import language_model
    from nngauge.analyse.shapes import infer_shapes
    from nngauge.domain.model import Model
    from nngauge.estimate.answers import Subject
    from nngauge.extract.attempt import Extracted
    from nngauge.pipeline import Scanner

    found: dict[str, Subject] = {}

    def keep(model: Model, extracted: Extracted) -> None:
        if model.digest not in found:
            parts = Constants([piece.source for piece in extracted.pieces])
            graph = infer_shapes(extracted.graph, parts).graph
            found[model.digest] = Subject(
                name=model.name, format=model.format, cost=model_cost(graph), language=language_model(graph)
            )

    Scanner().scan(path, keep)
    return list(found.values())


def _complete(found: Answers) -> bool:
    from nngauge.domain.estimate import Estimate

    told = [answer.latency for model in found.models for answer in model.answers]
    told += [answer.decode for model in found.models for answer in model.language]
    return all(isinstance(one, Estimate) for one in told)


def _list(*, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.estimate import devices
    from nngauge.estimate.calibration import own_calibrations
    from nngauge.screen.estimate import render_devices

    cards = devices(own_calibrations())
    if as_json:
        write_json(msgspec.json.encode(cards))
    else:
        show(render_devices(cards))


def _tell(found: Answers, *, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.screen.estimate import render_answers

    if as_json:
        write_json(msgspec.json.encode(found))
    else:
        show(render_answers(found))
