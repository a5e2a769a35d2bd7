"""``nngauge compress STUDY``: the compression table of every distinct model of a study."""

from __future__ import annotations

import os
import re
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL, EXIT_STOPPED
from nngauge.cli.screen import write_json
from nngauge.cli.stopping import stoppable

if TYPE_CHECKING:
    from nngauge.compressing import StudyPlan
    from nngauge.screen.compress_study import Line, Tally

_LOG_SECONDS: Final = 30.0
"""How often it says how far it is where there is no terminal for a bar."""
_UNITS: Final = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}


def seconds_of(text: str) -> float | None:
    """``600``, ``600s``, ``30min``, ``8h`` as seconds; None for an empty text. Raises `UsageError`."""
    from nngauge.errors import UsageError

    found = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*(s|min|h|)\s*", text)
    if text and (found is None or not float(found[1])):
        raise UsageError(f"{text!r} is no time", hint="of a study --budget is time: 600s, 30min or 8h")
    return float(found[1]) * _UNITS[found[2]] if found is not None and text else None


def compress_models(
    study: Path, folder: Path | None, count: int, seconds: float | None, *, prune: bool, top: int | None, budget: str, timeout: float,
    workers: int | None, as_json: bool, quiet: bool,
) -> NoReturn:  # fmt: skip
    """Makes tables, shows progress and what was found, and ends with the exit code."""
    from nngauge.compress.ready import SECONDS
    from nngauge.compressing import StudyPlan
    from nngauge.errors import UsageError
    from nngauge.screen.compress_study import Tally

    plan = StudyPlan(
        folder=folder, inputs=count, seconds=seconds or SECONDS, prune=prune, top=top, budget=seconds_of(budget), timeout=timeout,
        workers=workers or os.cpu_count() or 1,
    )  # fmt: skip
    started = time.monotonic()
    tally, stopped = Tally(), False
    lines: list[Line] = []
    try:
        with stoppable():
            _follow(study, plan, tally, lines, quiet=quiet)
    except KeyboardInterrupt:
        stopped = True
    if not lines and not stopped and plan.budget is None:
        raise UsageError(
            "there is no model to compress", where=str(study), hint="nngauge study run STUDY --keep-models keeps their files"
        )  # fmt: skip
    _tell(study, lines, tally, time.monotonic() - started, stopped=stopped, as_json=as_json)
    code = EXIT_STOPPED if stopped else EXIT_PARTIAL if tally.refused else EXIT_OK
    raise click.exceptions.Exit(code)


def _follow(study: Path, plan: StudyPlan, tally: Tally, lines: list[Line], *, quiet: bool) -> None:
    from nngauge.cli.screen import progress
    from nngauge.compressing import compress_study, models_of
    from nngauge.screen.compress_study import line_of, progress_line

    models = models_of(study)
    total = min(plan.top or models, models)
    begun = said = time.monotonic()
    with closing(compress_study(study, plan)) as every, progress(quiet=quiet) as bar:
        task = bar.add_task("compressing", total=total, rate="", failed="")
        for done in every:
            lines.append(line_of(done.found))
            tally.add(done.found, known=done.known)
            now = time.monotonic()
            looked = tally.done if plan.top is None else tally.tables
            without = f"{tally.refused:,} without a table" if tally.refused else ""
            bar.update(task, completed=looked, rate=tally.rate(now - begun), failed=without)
            if bar.disable and not quiet and now - said > _LOG_SECONDS:
                said = now
                click.echo(progress_line(tally, total, looked, now - begun), err=True)


def _tell(study: Path, lines: list[Line], tally: Tally, seconds: float, *, stopped: bool, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show
    from nngauge.screen.compress_study import render_study

    if as_json:
        done = {"made": tally.made, "known": tally.known, "refused": tally.refused}
        write_json(msgspec.json.encode({"stopped": stopped, "seconds": round(seconds, 3), **done, "models": lines}))
        return
    if stopped:
        click.echo("stopped; every table until now is kept, and the same command goes on", err=True)
    show(render_study(lines, tally, seconds, study))
