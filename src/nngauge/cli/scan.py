"""``nngauge scan``: one app, or many."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli import EXIT_ERROR, EXIT_OK, EXIT_PARTIAL
from nngauge.cli.screen import write_json
from nngauge.limits import APP_MEMORY, APP_SECONDS, MIB

if TYPE_CHECKING:
    from nngauge.domain.scan import Depth
    from nngauge.runners.plain import Outcome
    from nngauge.runners.tasks import Settings


@click.command("scan", short_help="What AI is inside one app, or many.")
@click.argument("paths", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Facts as JSON, one line an app.")
@click.option(
    "--extract", type=click.Path(file_okay=False, path_type=Path), help="Write the models and their sidecars here."
)
@click.option(
    "--study", type=click.Path(file_okay=False, path_type=Path), help="Keep all facts in this folder; resumes."
)
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page about the one app into this file.",
)
@click.option("--workers", type=click.IntRange(1, 512), help="Worker processes for many apps (default: one a core).")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=APP_SECONDS, show_default=True, help="Seconds per app."
)
@click.option(
    "--memory", type=click.IntRange(min=64), default=APP_MEMORY // MIB, show_default=True, help="MiB per worker."
)
@click.option("--usage", is_flag=True, help="Read the code again: is each technology and model used, or only bundled?")
@click.option("--models-only", is_flag=True, help="Only models, no code: of packages behind addresses a small part.")
@click.option("--all", "everything", is_flag=True, help="Do not cut the tables of the report.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    paths: tuple[str, ...],
    as_json: bool,
    extract: Path | None,
    study: Path | None,
    page: Path | None,
    workers: int | None,
    timeout: float,
    memory: int,
    usage: bool,
    models_only: bool,
    everything: bool,
    quiet: bool,
) -> None:
    """Scans apps: APK, XAPK, APKS, APKM, AAB, IPA, OBB, AAR, split folders, any archive; folders are searched for apps.

    An address (https://…, s3://…) is scanned without downloading all of it.

    One app prints its report; many print a line each and a summary. Exit code 3 means that some app or part of an app
    could not be read; the report says which and why.
    """
    from nngauge.runners.tasks import Limits, Settings

    limits = Limits(seconds=timeout, memory=memory * MIB)
    settings = Settings(
        limits=limits,
        depth=depth_of(usage=usage, models_only=models_only),
        extract_to=str(extract) if extract else None,
        networks=study is not None,
    )
    apps = [app for path in paths for app in _apps_at(path)]
    if page is not None:
        outcomes: Iterable[Outcome] = [_with_page(page, apps, settings, study)]
    elif study is not None:
        outcomes = _in_study(study, apps, workers, settings)
    else:
        outcomes = _outcomes(apps, workers, settings)
    if as_json:
        code = _print_json(outcomes)
    elif len(apps) == 1 and study is None:
        code = _print_one(next(iter(outcomes)), everything=everything)
    else:
        code = _print_many(outcomes, len(apps), quiet=quiet)
    raise click.exceptions.Exit(code)


def depth_of(*, usage: bool, models_only: bool, audit: bool = False) -> Depth:
    """How closely the options ask to look. Raises `UsageError`."""
    from nngauge.domain.scan import Depth
    from nngauge.errors import UsageError

    if (usage or audit) and models_only:
        raise UsageError(f"--{'audit' if audit else 'usage'} reads the code that --models-only leaves out")
    if audit:
        return Depth.AUDIT
    return Depth.USAGE if usage else Depth.MODELS if models_only else Depth.DEFAULT


def _apps_at(place: str) -> Iterator[str]:
    """The apps at a path or address."""
    from nngauge.errors import UsageError
    from nngauge.packages import discover

    if "://" in place:
        from nngauge.sources import source_for

        if not source_for(place).direct:
            raise UsageError("is a list of packages", where=place, hint="nngauge study add keeps such lists")
        yield place
        return
    if not Path(place).exists():
        raise UsageError("no such file or folder", where=place)
    yield from map(str, discover(place))


def _outcomes(apps: list[str], workers: int | None, settings: Settings) -> Iterator[Outcome]:
    from nngauge.runners.plain import scan_each, scan_here

    if len(apps) == 1 and workers is None:
        yield scan_here(apps[0], settings)
        return
    count = workers or min(len(apps), os.cpu_count() or 1)
    yield from scan_each(apps, workers=max(1, count), settings=settings)


def _in_study(folder: Path, apps: list[str], workers: int | None, settings: Settings) -> Iterator[Outcome]:
    from nngauge.study import Study

    with Study.open_or_create(folder) as study:
        yield from study.keep(apps, workers=workers or os.cpu_count() or 1, settings=settings)


def _with_page(page: Path, apps: list[str], settings: Settings, study: Path | None) -> Outcome:
    """Scans one app and writes the page about it."""
    from nngauge.errors import UsageError

    if study is not None or len(apps) != 1:
        found = f"{len(apps)} apps" if study is None else "--study"
        hint = "nngauge report STUDY --html DIR and nngauge serve STUDY show many apps"
        raise UsageError(f"--html is about one app, not {found}", hint=hint)
    from nngauge.domain.outcome import Failure
    from nngauge.runners.dossiers import dossier_here
    from nngauge.runners.plain import Outcome

    dossier = dossier_here(apps[0], settings)
    if isinstance(dossier, Failure):
        return Outcome(apps[0], dossier)
    from nngauge.page.app import app_page
    from nngauge.policy import assess
    from nngauge.units import format_bytes

    result = assess(dossier)
    content = app_page(dossier, result.counting, unchecked=result.unchecked).encode()
    try:
        page.write_bytes(content)
    except OSError as error:
        raise UsageError(error.strerror or "cannot be written", where=str(page)) from None
    click.echo(f"{page}: {format_bytes(len(content))}, opens in any browser", err=True)
    return Outcome(apps[0], dossier.scan)


def _print_json(outcomes: Iterable[Outcome]) -> int:
    from nngauge.domain.scan import Scan
    from nngauge.words.documents import encode_failure, encode_scan

    code = EXIT_OK
    for outcome in outcomes:
        result = outcome.result
        data = encode_scan(result) if isinstance(result, Scan) else encode_failure(outcome.path, result)
        write_json(data)
        code = max(code, _code(outcome))
    return code


def _print_one(outcome: Outcome, *, everything: bool) -> int:
    from nngauge.cli.screen import show
    from nngauge.domain.scan import Scan
    from nngauge.screen.app import render_scan

    if isinstance(outcome.result, Scan):
        show(render_scan(outcome.result, rows=0) if everything else render_scan(outcome.result))
        return _code(outcome)
    click.echo(f"nngauge: {outcome.path}: {outcome.result.reason}", err=True)
    return EXIT_ERROR


def _print_many(outcomes: Iterable[Outcome], total: int, *, quiet: bool) -> int:
    from nngauge.cli.screen import console, progress
    from nngauge.screen.corpus import Summary, render_line, render_summary
    from nngauge.screen.safe import Safe

    screen = console()
    summary = Summary()
    codes: Counter[int] = Counter()
    started = time.monotonic()
    with progress(quiet=quiet) as bar:
        task = bar.add_task("scanning", total=total, rate="", failed="")
        for outcome in outcomes:
            summary.add(outcome.result, stored=outcome.stored)
            codes[_code(outcome)] += 1
            if not outcome.stored:
                (screen if bar.disable else bar.console).print(Safe(render_line(outcome.path, outcome.result)))
            rate = (summary.apps - summary.stored) / max(1e-9, time.monotonic() - started)
            failed = f"{summary.failed} failed" if summary.failed else ""
            bar.update(task, advance=1, rate=f"{rate:.1f}/s", failed=failed)
    screen.print(Safe(render_summary(summary, time.monotonic() - started)))
    return EXIT_PARTIAL if codes[EXIT_PARTIAL] else EXIT_OK


def _code(outcome: Outcome) -> int:
    from nngauge.domain.scan import Scan

    complete = isinstance(outcome.result, Scan) and outcome.result.complete
    return EXIT_OK if complete else EXIT_PARTIAL
