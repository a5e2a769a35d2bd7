"""``nngauge study run``: scans what waits, shows how far it is, and can be stopped at any time."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL, EXIT_STOPPED
from nngauge.cli.scan import depth_of
from nngauge.cli.screen import write_json
from nngauge.cli.stopping import stoppable
from nngauge.limits import APP_MEMORY, APP_SECONDS, MIB

if TYPE_CHECKING:
    from nngauge.runners.tasks import Settings
    from nngauge.screen.progress import Tally
    from nngauge.study import Engine, Outcome, Study

_FOLDER = click.Path(file_okay=False, path_type=Path)
_LOG_SECONDS = 30.0
"""How often a run says how far it is where there is no terminal for a bar."""


@click.command("run", short_help="Scan every package that has no result yet.")
@click.argument("folder", type=_FOLDER)
@click.option(
    "--engine",
    default="local",
    show_default=True,
    help="Where: local, ray://HOST:10001, or ray:auto for this machine's.",
)
@click.option("--workers", type=click.IntRange(1, 100_000), help="Worker processes (default: one a core).")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=APP_SECONDS, show_default=True, help="Seconds per app."
)
@click.option(
    "--memory", type=click.IntRange(min=64), default=APP_MEMORY // MIB, show_default=True, help="MiB per worker."
)
@click.option("--extract", type=_FOLDER, help="Write the models that are found here.")
@click.option(
    "--keep-models", is_flag=True, help="Keep one copy of every model in the study, below blobs/, by its SHA-256."
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of sources: androzoo.parallel=4 (docs/sources.md).",
)
@click.option("--usage", is_flag=True, help="Read the code again: is each technology and model used, or only bundled?")
@click.option("--audit", is_flag=True, help="As --usage, and how well each model is protected (docs/protection.md).")
@click.option("--models-only", is_flag=True, help="Only models, no code: of packages behind addresses a small part.")
@click.option(
    "--no-networks",
    is_flag=True,
    help="No cost, precision and weights of each distinct model: less work, fewer questions.",
)
@click.option("--json", "as_json", is_flag=True, help="What was done, as JSON, when it is over.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    folder: Path,
    engine: str,
    workers: int | None,
    timeout: float,
    memory: int,
    extract: Path | None,
    keep_models: bool,
    sets: tuple[str, ...],
    usage: bool,
    audit: bool,
    models_only: bool,
    no_networks: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Scans every package of the study that has no result yet. Can be stopped or killed at any time and run again.

    A package that is the same as one with a result is not scanned. What failed for now (network, lost worker) is tried
    again after a pause, three times in all.

    On a Ray cluster the workers open the packages: folders must be there on every node under the same path, addresses
    are read from where they are, with the credentials in the workers' environment.

    Exit code 3 means that some packages have no result; `nngauge study failures` says which and why.
    """
    from nngauge.runners.tasks import Limits, Settings
    from nngauge.screen.progress import Tally
    from nngauge.store.blobs import FOLDER
    from nngauge.study import Study

    settings = Settings(
        limits=Limits(seconds=timeout, memory=memory * MIB),
        depth=depth_of(usage=usage, models_only=models_only, audit=audit),
        extract_to=str(extract.resolve()) if extract else None,
        blobs=str((folder / FOLDER).resolve()) if keep_models else None,
        networks=not no_networks,
        sources=_settings(sets),
    )
    started = time.monotonic()
    with Study.open(folder) as study:
        tally = Tally(study.prepare(settings))
        stopped = False
        try:
            with stoppable(), _engine(engine, workers, settings, idle=not tally.total) as chosen:
                outcomes = study.run(workers=workers or os.cpu_count() or 1, settings=settings, engine=chosen)
                _follow(outcomes, tally, quiet=quiet)
        except KeyboardInterrupt:
            stopped = True
        code = _report(study, tally, time.monotonic() - started, stopped=stopped, as_json=as_json, quiet=quiet)
    raise click.exceptions.Exit(code)


def _settings(sets: tuple[str, ...]) -> dict[str, str]:
    from nngauge.errors import UsageError

    pairs = [text.partition("=") for text in sets]
    if not all(name and value for name, _, value in pairs):
        raise UsageError("--set takes NAME=VALUE", hint="for example: --set androzoo.parallel=4")
    return {name: value for name, _, value in pairs}


@contextmanager
def _engine(name: str, workers: int | None, settings: Settings, *, idle: bool) -> Iterator[Engine | None]:
    """None: local workers. With nothing to do no cluster is asked."""
    if name == "local":
        yield None
        return
    from nngauge.runners.ray import PREFIX, cluster

    if idle and name.startswith(PREFIX):
        yield None
        return
    with cluster(name, workers=workers, settings=settings) as engine:
        yield engine


def _follow(outcomes: Generator[Outcome, None, None], tally: Tally, *, quiet: bool) -> None:
    """Counts, and shows progress."""
    from nngauge.cli.screen import progress
    from nngauge.screen.progress import progress_line

    started = said = time.monotonic()
    with closing(outcomes), progress(quiet=quiet) as bar:
        task = bar.add_task("scanning", total=tally.total, rate="", failed="")
        for outcome in outcomes:
            tally.add(outcome.result, again=outcome.again)
            now = time.monotonic()
            rate = f"{tally.done / max(1e-9, now - started):.1f}/s"
            bar.update(task, completed=tally.done, rate=rate, failed=tally.parts().removeprefix(", "))
            if bar.disable and not quiet and now - said > _LOG_SECONDS:
                said = now
                click.echo(progress_line(tally, now - started), err=True)


def _report(study: Study, tally: Tally, seconds: float, *, stopped: bool, as_json: bool, quiet: bool) -> int:
    """What was done and how the study stands; the exit code."""
    from nngauge.cli.screen import show
    from nngauge.domain.study import State
    from nngauge.screen.progress import end_line, next_step, render_status

    ledger = study.ledger
    if stopped:
        ledger.release()
    standing = ledger.progress()
    if as_json:
        import msgspec

        done = {"scanned": tally.scanned, "known": tally.known, "failed": tally.failed, "again": tally.again}
        snapshots = [{"snapshot": item.snapshot, **item.counts} for item in standing]
        document = {"stopped": stopped, "seconds": round(seconds, 3), **done, "snapshots": snapshots}
        write_json(msgspec.json.encode(document))
    elif not quiet:
        if stopped:
            click.echo("stopped; every result until now is kept", err=True)
        click.echo(end_line(tally, seconds), err=True)
        show(render_status(ledger.facts(), standing, ledger.stored()))
        if step := next_step(standing, study.folder):
            click.echo(step)
    if stopped:
        return EXIT_STOPPED
    return EXIT_OK if all(set(item.counts) == {State.DONE} for item in standing) else EXIT_PARTIAL
