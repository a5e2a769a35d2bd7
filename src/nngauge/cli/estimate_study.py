"""``nngauge estimate STUDY``: every distinct model of a study, on the same phones."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL, EXIT_STOPPED
from nngauge.cli.screen import write_json
from nngauge.cli.stopping import stoppable

if TYPE_CHECKING:
    from nngauge.estimate.answers import Asked
    from nngauge.estimate.calibration import Calibration
    from nngauge.estimating import Covered, Done, Wanted

_LOG_SECONDS: Final = 30.0
"""How often it says how far it is where there is no terminal for a bar."""


def estimate_models(
    study: Path, asked: Asked, calibrations: tuple[Calibration, ...], *, listed: Path | None, covered: Covered | None, top: int | None,
    as_json: bool, quiet: bool,
) -> NoReturn:  # fmt: skip
    """Estimates, shows progress and what was told, and ends with the exit code.

    `asked` without devices: those of the list of phones, ours or `listed`.
    """
    from nngauge.estimate.reference import references
    from nngauge.estimating import Wanted, asked_of, summary_of

    questions = (asked,) if asked.devices else asked_of(references(listed), asked)
    wanted = Wanted(asked=questions, listed=not asked.devices and not asked.units, covered=covered, top=top)
    done = _followed(study, wanted, calibrations, quiet=quiet)
    if done is None:
        click.echo("stopped; every estimate until now is kept, and the same command goes on", err=True)
        raise click.exceptions.Exit(EXIT_STOPPED)
    summary = summary_of(study, done)
    if as_json:
        import msgspec

        write_json(msgspec.json.encode(summary))
    else:
        from nngauge.cli.screen import show
        from nngauge.screen.estimate_study import render_study

        show(render_study(summary, study))
    raise click.exceptions.Exit(EXIT_PARTIAL if summary.refusals else EXIT_OK)


def _followed(study: Path, wanted: Wanted, calibrations: tuple[Calibration, ...], *, quiet: bool) -> Done | None:
    """What was done; None when it was stopped."""
    from nngauge.cli.screen import progress
    from nngauge.estimating import estimate_study

    said = time.monotonic()
    with progress(quiet=quiet) as bar:
        task = bar.add_task("estimating", total=None, rate="", failed="")

        def told(done: int, models: int) -> None:
            nonlocal said
            bar.update(task, completed=done, total=models)
            if bar.disable and not quiet and time.monotonic() - said > _LOG_SECONDS:
                said = time.monotonic()
                click.echo(f"{done:,} of {models:,} models", err=True)

        try:
            with stoppable():
                return estimate_study(study, wanted, calibrations, told=told)
        except KeyboardInterrupt:
            return None
