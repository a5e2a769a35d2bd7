"""``nngauge study``: many apps, again and again."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL
from nngauge.limits import APP_MEMORY, APP_SECONDS, MIB

if TYPE_CHECKING:
    from nngauge.store.ledger import Ledger, Metadata
    from nngauge.study import Outcome, Study

_FOLDER = click.Path(file_okay=False, path_type=Path)
_LOG_SECONDS = 30.0
"""How often a run says how far it is where there is no terminal for a bar."""


@click.group("study", short_help="Many apps, again and again: snapshots, runs, questions.")
def command() -> None:
    """A study is a folder: which packages there are in which snapshot, what was found in them, what failed and why."""


@command.command("init")
@click.argument("folder", type=_FOLDER)
@click.option("--name", default="", help="Name of the study (default: the folder's).")
def init(folder: Path, name: str) -> None:
    """Makes a new, empty study in FOLDER."""
    from nngauge.study import Study

    with Study.create(folder, name) as study:
        click.echo(f"{study.ledger.facts()['name']}: a new study in {folder}; next: nngauge study add {folder} SOURCE")


@command.command("add")
@click.argument("folder", type=_FOLDER)
@click.argument("sources", nargs=-1, required=True)
@click.option("--snapshot", default="", help="Name of the snapshot, best a date (default: this month, as 2026-11).")
def add(folder: Path, sources: tuple[str, ...], snapshot: str) -> None:
    """Adds what SOURCES have now: folders, lists of addresses, store indices, buckets, phones. Nothing is scanned yet."""
    from nngauge.study import Study

    snapshot = snapshot or datetime.now(UTC).strftime("%Y-%m")
    with Study.open(folder) as study:
        for source in sources:
            known = study.ledger.facts()
            new, changed = study.add(source, snapshot)
            click.echo(f"{source}: {new:,} new and {changed:,} changed packages in snapshot {snapshot}")
            for name, value in study.ledger.facts().items():
                if known.get(name) != value:
                    click.echo(f"noted: {name}: {value}")


@command.command("run")
@click.argument("folder", type=_FOLDER)
@click.option("--workers", type=click.IntRange(1, 512), help="Worker processes (default: one a core).")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=APP_SECONDS, show_default=True, help="Seconds per app."
)
@click.option(
    "--memory", type=click.IntRange(min=64), default=APP_MEMORY // MIB, show_default=True, help="MiB per worker."
)
@click.option(
    "--extract", type=click.Path(file_okay=False, path_type=Path), help="Write the models that are found here."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def run(folder: Path, workers: int | None, timeout: float, memory: int, extract: Path | None, *, quiet: bool) -> None:
    """Scans every package of the study that has no result yet. Can be killed at any time and run again.

    Exit code 3 means that some packages have no result; `nngauge study failures` says which and why.
    """
    from nngauge.runners.tasks import Limits, Settings
    from nngauge.study import Study

    settings = Settings(
        limits=Limits(seconds=timeout, memory=memory * MIB), extract_to=str(extract) if extract else None
    )
    with Study.open(folder) as study:
        total = study.prepare(settings)
        failed = _follow(study.run(workers=workers or os.cpu_count() or 1, settings=settings), total, quiet=quiet)
        _show_status(study)
    raise click.exceptions.Exit(EXIT_PARTIAL if failed else EXIT_OK)


def _follow(outcomes: Iterable[Outcome], total: int, *, quiet: bool) -> int:
    """Shows progress; the number of packages that ended without a result."""
    from nngauge.cli.screen import progress
    from nngauge.domain.outcome import Failure
    from nngauge.report.progress import progress_line

    done = failed = 0
    started = said = time.monotonic()
    with progress(quiet=quiet) as bar:
        task = bar.add_task("scanning", total=total, rate="", failed="")
        for outcome in outcomes:
            if outcome.again:
                continue
            done += 1
            failed += isinstance(outcome.result, Failure)
            now = time.monotonic()
            rate = f"{done / max(1e-9, now - started):.1f}/s"
            bar.update(task, advance=1, rate=rate, failed=f"{failed} failed" if failed else "")
            if bar.disable and not quiet and now - said > _LOG_SECONDS:
                said = now
                click.echo(progress_line(done, total, failed, now - started), err=True)
    if not quiet and done:
        click.echo(progress_line(done, total, failed, time.monotonic() - started), err=True)
    return failed


@command.command("status")
@click.argument("folder", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(folder: Path, *, as_json: bool) -> None:
    """How far the study has come, by snapshot."""
    from nngauge.study import look

    with look(folder) as ledger:
        if as_json:
            import msgspec

            progress = [{"snapshot": item.snapshot, **item.counts} for item in ledger.progress()]
            click.echo(msgspec.json.encode({"study": ledger.facts(), "snapshots": progress}))
        else:
            _show_ledger(ledger)


def _show_status(study: Study) -> None:
    _show_ledger(study.ledger)


def _show_ledger(ledger: Ledger) -> None:
    from nngauge.cli.screen import show
    from nngauge.report.progress import render_status

    show(render_status(ledger.facts(), ledger.progress(), ledger.stored()))


@command.command("failures")
@click.argument("folder", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object each.")
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, help="How many at most.")
def failures(folder: Path, limit: int, *, as_json: bool) -> None:
    """Packages without a result: why, and what to do about it."""
    from nngauge.cli.screen import show
    from nngauge.report.answers import answer_json
    from nngauge.report.progress import render_failures
    from nngauge.study import look

    with look(folder) as ledger:
        rows = ledger.failures(limit)
    if as_json:
        click.echo(answer_json(("snapshot", "locator", "state", "error", "reason", "hint", "attempts"), rows))
    else:
        show(render_failures(rows))


@command.command("retry")
@click.argument("folder", type=_FOLDER)
@click.option("--snapshot", help="Only those of this snapshot.")
@click.option("--error", help="Only those that failed with this error (Timeout, DigestMismatch …).")
def retry(folder: Path, snapshot: str | None, error: str | None) -> None:
    """Gives failed and quarantined packages another chance with the next run."""
    from nngauge.study import Study

    with Study.open(folder) as study:
        count = study.ledger.retry(snapshot=snapshot, error=error)
    click.echo(f"{count:,} packages wait again; next: nngauge study run {folder}")


@command.command("sql")
@click.argument("folder", type=_FOLDER)
@click.argument("question")
@click.option("--csv", "as_csv", is_flag=True, help="All rows as CSV.")
@click.option("--json", "as_json", is_flag=True, help="All rows as JSON.")
def sql(folder: Path, question: str, *, as_csv: bool, as_json: bool) -> None:
    """Answers a SELECT in DuckDB's SQL; `nngauge study tables` lists what there is to ask about."""
    from nngauge.report.answers import answer_csv, answer_json, render_answer
    from nngauge.store.warehouse import Warehouse
    from nngauge.study import look

    with look(folder) as ledger, Warehouse(folder, ledger) as facts:
        answer = facts.ask(question)
    if as_csv:
        sys.stdout.write(answer_csv(answer.columns, answer.rows))
    elif as_json:
        click.echo(answer_json(answer.columns, answer.rows))
    else:
        from nngauge.cli.screen import show

        show(render_answer(answer.columns, answer.rows))


@command.command("tables")
def tables() -> None:
    """The tables and columns that questions can be asked about."""
    from nngauge.cli.screen import show
    from nngauge.report.answers import render_answer
    from nngauge.store.warehouse import TABLES

    rows: list[tuple[Any, ...]] = []
    for table in TABLES:
        rows.append((table.name, "", table.meaning))
        rows += [("", f"{column.name} {column.type}", column.meaning) for column in table.columns]
    show(render_answer(("table", "column", "meaning"), rows, most=0))


@command.command("export")
@click.argument("folder", type=_FOLDER)
@click.option("--parquet", type=_FOLDER, help="One Parquet file a table into this folder.")
@click.option("--csv", "as_csv", type=_FOLDER, help="One CSV file a table into this folder.")
def export(folder: Path, parquet: Path | None, as_csv: Path | None) -> None:
    """Writes all facts as one file a table, for pandas, R, polars, spreadsheets; existing files are replaced."""
    from nngauge.errors import UsageError
    from nngauge.store.warehouse import Warehouse
    from nngauge.study import look

    if parquet is None and as_csv is None:
        raise UsageError("export to what?", hint="--parquet FOLDER or --csv FOLDER")
    targets = [item for item in (parquet, as_csv) if item is not None]
    with look(folder) as ledger, Warehouse(folder, ledger, exports=targets) as facts:
        for target, kind in ((parquet, "parquet"), (as_csv, "csv")):
            for name, rows in facts.export(target, kind) if target else ():
                click.echo(f"{rows:>12,} rows  {target}/{name}.{kind}")


@command.command("verify")
@click.argument("folder", type=_FOLDER)
@click.option("--repair", is_flag=True, help="Give up damaged files: their packages are scanned again by the next run.")
def verify(folder: Path, *, repair: bool) -> None:
    """Reads every file of facts and compares digests. Exit code 3 when one is damaged."""
    from nngauge.store import shards
    from nngauge.study import Study

    with Study.open(folder) as study:
        broken = shards.damaged(study.folder, study.ledger, digests=True)
        for shard in broken:
            again = "; give its tables to study metadata again" if shard.part == "market" else ""
            click.echo(f"damaged: {shard.file}, {shard.rows:,} rows{again}")
        if repair and broken:
            count = shards.repair(study.folder, study.ledger, broken)
            click.echo(f"{count:,} packages wait again; next: nngauge study run {folder}")
        click.echo(f"{len(study.ledger.shards()):,} files of facts, {len(broken):,} damaged")
    raise click.exceptions.Exit(EXIT_PARTIAL if broken and not repair else EXIT_OK)


@command.command("metadata")
@click.argument("folder", type=_FOLDER)
@click.argument("tables", nargs=-1, type=click.Path(path_type=Path))
@click.option("--snapshot", default="", help="Of all rows (default: each row's own, else the month of its date).")
@click.option(
    "--column", "columns", multiple=True, metavar="FIELD=NAME", help="What the table calls a field, if not as usual."
)
@click.option("--descriptions", is_flag=True, help="Keep the long texts, too.")
@click.option("--replace", is_flag=True, help="Forget what was known of the same snapshots.")
@click.option("--problems", is_flag=True, help="Show the first bad rows and cells of all tables, with their lines.")
def metadata(
    folder: Path,
    tables: tuple[Path, ...],
    snapshot: str,
    columns: tuple[str, ...],
    *,
    descriptions: bool,
    replace: bool,
    problems: bool,
) -> None:
    """Reads TABLES of what a store says of apps: category, rank, downloads, rating, developer … CSV or JSON lines.

    They become the table `market`, to be joined with `listing` by package_id and snapshot. Without TABLES: what was read.
    """
    from nngauge.sources.listings import Listings
    from nngauge.store.market import read_listings
    from nngauge.study import Study, look

    named = _named(columns)
    if tables:
        with Study.open(folder) as study:
            for table in tables:
                listings = Listings(str(table), snapshot=snapshot, columns=named, descriptions=descriptions)
                _show_metadata(read_listings(study.folder, study.ledger, listings, replace=replace))
        if not problems:
            return
    with look(folder) as ledger:
        for item in ledger.metadata() if not tables else ():
            _show_metadata(item)
        for file, line, field, reason, text in ledger.metadata_problems() if problems else ():
            click.echo(f"{file}:{line}: {field + ': ' if field else ''}{reason}: {text!r}")


def _named(columns: Iterable[str]) -> dict[str, str]:
    from nngauge.errors import UsageError

    pairs = [column.partition("=") for column in columns]
    if not all(field and name for field, _, name in pairs):
        raise UsageError("a column is given as FIELD=NAME", hint="--column package_id=pkg")
    return {field: name for field, _, name in pairs}


def _show_metadata(item: Metadata) -> None:
    left = (
        f", {item.refused:,} rows refused and {item.unreadable:,} cells left empty"
        if item.refused + item.unreadable
        else ""
    )
    click.echo(f"{item.file}: {item.kept:,} apps from {item.rows:,} rows in snapshot {item.snapshots}{left}")
