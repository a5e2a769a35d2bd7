"""``nngauge advise``: everything worth doing about an app or a model, with gain, risk and the command that does it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL
from nngauge.cli.either import no_app_either
from nngauge.cli.measure import names
from nngauge.cli.screen import show, write_json

if TYPE_CHECKING:
    from nngauge.advise import Question


@click.command("advise", short_help="What is worth doing: gain, risk, command.")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--device", "devices", default="", callback=names, metavar="A,B",
    help="Estimate what each step does to speed on these phones: pixel-4,galaxy-s10.",
)  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Cores that estimates are for."
)
@click.option("--all", "everything", is_flag=True, help="Do not cut the list.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def command(path: Path, *, devices: tuple[str, ...], threads: int, everything: bool, as_json: bool) -> None:
    """Reads PATH, an app or a model file, and lists what would make its AI smaller, faster or longer-lived.

    The best first: share of bytes and of time saved, less what risk leaves of it. docs/advice.md tells what is looked for.
    Nothing is changed. Exit code 3 means that some part of the app could not be read.
    """
    from msgspec.structs import replace

    from nngauge.advise import advise
    from nngauge.estimate.calibration import own_calibrations
    from nngauge.screen.advice import encode_advice, render_advice

    question = replace(_question(path, devices, threads), calibrations=own_calibrations())
    result = advise(question)
    if as_json:
        write_json(encode_advice(result))
    else:
        show(render_advice(result, everything=everything))
    complete = question.app is None or question.app.scan.complete
    raise click.exceptions.Exit(EXIT_OK if complete else EXIT_PARTIAL)


def _question(path: Path, devices: tuple[str, ...], threads: int) -> Question:
    from nngauge.advise import about_app, about_model
    from nngauge.analyse.summary import summarise
    from nngauge.api import open_model
    from nngauge.auditing.dossier import dossier_of, dossier_of_model
    from nngauge.domain.scan import Depth
    from nngauge.errors import UnsupportedError
    from nngauge.pipeline import Scanner

    try:
        with open_model(path) as extracted:
            one = dossier_of_model(summarise(extracted), extracted)
    except UnsupportedError as error:  # no model file: then it is an app, or scanning says why it is not
        with no_app_either(error):
            return about_app(dossier_of(path, Scanner(depth=Depth.USAGE)), devices=devices, threads=threads)
    return about_model(str(path), one, devices=devices, threads=threads)
