"""``nngauge compress``: what fewer bits would cost one model, or the models of a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli import EXIT_ERROR, EXIT_OK
from nngauge.cli.compress_write import RECIPES, write_by_recipe
from nngauge.cli.files import require_free, write_whole
from nngauge.cli.screen import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nngauge.compress.ready import Wanted
    from nngauge.compress.subject import Subject
    from nngauge.domain.compression import Refusal, Table


@click.command("compress", short_help="What fewer bits would cost a model, or all of a study.")
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--inputs", "folder", metavar="DIR", type=click.Path(path_type=Path),
    help="Your pictures, WAV or .npy files; without it samples that nngauge draws itself.",
)  # fmt: skip
@click.option("--input", "shapes", multiple=True, metavar="NAME=SHAPE", help="Fix an open shape: image=1x224x224x3.")
@click.option("--count", type=click.IntRange(1, 10_000), default=129, show_default=True, help="Inputs at most.")
@click.option(
    "--seconds", type=click.FloatRange(1), help="Processor time, more or less; fewer inputs fit it.  [default: 10; 60 for a plan]"
)  # fmt: skip
@click.option(
    "--budget", metavar="SIZE", default="",
    help="Plan bits for each weight: 1MB, 512KiB or 25% at most. Of a study: time, 600s, 30min or 8h.",
)  # fmt: skip
@click.option("--pareto", is_flag=True, help="Plan bits for each weight, for all budgets.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a file: by --budget, or by --recipe.")
@click.option("--bits", default="", metavar="4,8,16", help="With --budget or --pareto: the bits to choose from.")
@click.option(
    "--device", default="", metavar="NAME", help="With a plan: estimate its time there (nngauge estimate --list)."
)
@click.option(
    "--latency", type=click.FloatRange(0, min_open=True), metavar="MS", help="With --device: a budget of time."
)
@click.option(
    "--python", default="", metavar="FILE", help="Another Python that has the tool which writes, numpy and msgspec."
)
@click.option("--prune", is_flag=True, help="Also set the smallest weights to zero, 10 to 90 % of them.")
@click.option(
    "--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw size against agreement into this file."
)
@click.option("--recipe", type=click.Choice(RECIPES), help="How to write without a budget.  [default: int8-weights]")
@click.option(
    "--calibration", metavar="DIR", type=click.Path(path_type=Path),
    help="Inputs that show the ranges of activations, for int8-static and int16-static.",
)  # fmt: skip
@click.option(
    "--timeout", type=click.FloatRange(1), default=600.0, show_default=True,
    help="Seconds for the tool that writes; of a study: for each model.",
)  # fmt: skip
@click.option(
    "--top", type=click.IntRange(min=1), help="Of a study: so many tables at most, of the models that most apps have."
)
@click.option("--workers", type=click.IntRange(1, 256), help="Of a study: models at a time.  [default: one a core]")
@click.option("--force", is_flag=True, help="Write over what is there.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    model: Path,
    folder: Path | None,
    shapes: tuple[str, ...],
    count: int,
    seconds: float | None,
    budget: str,
    pareto: bool,
    output: Path | None,
    bits: str,
    device: str,
    latency: float | None,
    python: str,
    prune: bool,
    svg: Path | None,
    recipe: str | None,
    calibration: Path | None,
    timeout: float,
    top: int | None,
    workers: int | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Runs a model with its weights in 16 to 1 bits, three ways each, and says how often it still answers the same.

    With --budget it finds the best bits for each weight, and -o writes that file; with --recipe all weights get the same, and
    the file is read again, run and compared. Without them nothing is written: weights are
    replaced in a copy that is thrown away. The share is agreement with the shipped model, never
    accuracy; docs/compression.md explains every column. Exit code 1: there is no table, and it says why.

    Of a study (run with --keep-models) every distinct model gets its table, those of most apps first. Tables are kept there,
    the same command goes on with the rest, and `nngauge report STUDY R18` and `study sql` show them. Exit code 3: some models
    have none.
    """
    from nngauge.cli.show import shape_of
    from nngauge.compress.ready import Wanted
    from nngauge.study import is_study

    if is_study(model):
        from nngauge.cli.compress_study import compress_models

        _require_table(
            {
                "--input": shapes, "--pareto": pareto, "--output": output, "--bits": bits, "--device": device, "--latency": latency,
                "--python": python, "--svg": svg, "--recipe": recipe, "--calibration": calibration, "--force": force,
            }
        )  # fmt: skip
        compress_models(
            model, folder, count, seconds, prune=prune, top=top, budget=budget, timeout=timeout, workers=workers, as_json=as_json,
            quiet=quiet,
        )  # fmt: skip
    _require_numpy()
    from nngauge.compressing import subject_at

    _require_model({"--top": top, "--workers": workers})
    planned = bool(budget or pareto)
    require_free(svg, force=force)
    _require_one_way(planned=planned, recipe=recipe)
    _require_device(planned=planned, device=device, latency=latency)
    _require_calibrated(recipe, calibration, folder)
    _require_fitting(planned=planned, budget=budget, pareto=pareto, bits=bits)
    if planned or output is not None or recipe is not None:
        _require_no_table(prune=prune, svg=svg)
    time = seconds or (60.0 if planned else 10.0)
    wanted = Wanted(
        folder=calibration or folder, shapes=dict(shape_of(text) for text in shapes), inputs=count, seconds=time
    )
    if planned:
        from nngauge.cli.compress_budget import plan_bits

        plan_bits(
            model, subject_at(model), wanted, budget=budget, output=output, bits=bits, python=python, force=force,
            as_json=as_json, quiet=quiet, device=device, latency=latency,
        )  # fmt: skip
    if output is not None or recipe is not None:
        write_by_recipe(model, output, recipe, wanted, force=force, as_json=as_json, timeout=timeout, python=python)
    found = _table(subject_at(model), wanted, prune=prune, quiet=quiet)
    _tell(found, svg, as_json=as_json)


def _require_table(others: Mapping[str, object]) -> None:
    """Raises `UsageError` for options that belong to one model."""
    from nngauge.errors import UsageError

    name = next((name for name, value in others.items() if value), None)
    if name is not None:
        raise UsageError(f"{name} is for one model, not for a study", hint="nngauge compress STUDY makes tables only")


def _require_model(others: Mapping[str, object]) -> None:
    """Raises `UsageError` for options that belong to a study."""
    from nngauge.errors import UsageError

    name = next((name for name, value in others.items() if value), None)
    if name is not None:
        raise UsageError(f"{name} is for a study, not for one model", hint="nngauge compress STUDY --top 20")


def _require_numpy() -> None:
    from importlib.util import find_spec

    from nngauge.errors import UsageError

    if find_spec("numpy") is None:
        raise UsageError(
            "compressing needs numpy and an engine that runs the model", hint='pip install "nngauge[compress]"'
        )


def _require_fitting(*, planned: bool, budget: str, pareto: bool, bits: str) -> None:
    """Raises `UsageError` for options that do not go together."""
    from nngauge.errors import UsageError

    if budget and pareto:
        raise UsageError("--budget is one point of --pareto: give one of them")
    if not planned and bits:
        raise UsageError("--bits belongs to a plan", hint="nngauge compress MODEL --budget 1MB -o small.tflite")


def _require_device(*, planned: bool, device: str, latency: float | None) -> None:
    from nngauge.errors import UsageError

    if not planned and (device or latency is not None):
        raise UsageError("--device and --latency belong to a plan", hint="nngauge estimate MODEL --device NAME")
    if latency is not None and not device:
        raise UsageError("a budget of time needs a device", hint="--device pixel-4; nngauge estimate --list")


def _require_no_table(*, prune: bool, svg: Path | None) -> None:
    from nngauge.errors import UsageError

    if prune or svg is not None:
        raise UsageError("--prune and --svg belong to the table, not to a plan or a file")


def _require_calibrated(recipe: str | None, calibration: Path | None, folder: Path | None) -> None:
    from nngauge.errors import UsageError

    if calibration is not None and (recipe is None or not recipe.endswith("-static")):
        raise UsageError("--calibration belongs to --recipe int8-static or int16-static", hint="--inputs DIR elsewhere")
    if calibration is not None and folder is not None:
        raise UsageError(
            "--calibration and --inputs are two folders for one thing", hint="half of --calibration is compared with"
        )


def _require_one_way(*, planned: bool, recipe: str | None) -> None:
    from nngauge.errors import UsageError

    if planned and recipe is not None:
        raise UsageError("--recipe gives all weights the same bits, a plan each its own: give one of them")


def _table(subject: Subject, wanted: Wanted, *, prune: bool, quiet: bool) -> Table | Refusal:
    from nngauge.cli.screen import progress
    from nngauge.compress.table import compression_table, plan

    with progress(quiet=quiet) as bar:
        task = bar.add_task("versions", total=len(plan(prune=prune)), rate="", failed="")
        return compression_table(
            subject, wanted, prune=prune, told=lambda done, total: bar.update(task, completed=done, total=total)
        )


def _tell(found: Table | Refusal, svg: Path | None, *, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show
    from nngauge.domain.compression import Refusal
    from nngauge.screen.compress import render_refusal, render_table

    if svg is not None and not isinstance(found, Refusal):
        from nngauge.picture.compression_svg import draw

        write_whole(svg, [draw(found).encode()])
    if as_json:
        write_json(msgspec.json.encode(found))
    else:
        show(render_refusal(found) if isinstance(found, Refusal) else render_table(found))
    raise click.exceptions.Exit(EXIT_ERROR if isinstance(found, Refusal) else EXIT_OK)
