"""``nngauge study``: many apps, again and again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL, study_diff, study_reuse, study_run
from nngauge.cli.screen import write_json

if TYPE_CHECKING:
    from nngauge.store.ledger import Ledger, Metadata

_FOLDER = click.Path(file_okay=False, path_type=Path)
_SHOWN = 50
"""Failures on a screen."""


class _InOrder(click.Group):
    """Lists its commands as they are written below: in the order a study needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - part of click's interface
        return list(self.commands)


@click.group("study", cls=_InOrder, short_help="Many apps, again and again: snapshots, runs, questions.")
def command() -> None:
    """A study is a folder: which packages there are in which snapshot, what was found in them, what failed and why.

    Exit codes: 0 all done · 1 an input, the store or a cluster failed · 2 wrong use · 3 some packages have no result ·
    130 stopped.
    """


@command.command("init", short_help="Make a new, empty study.")
@click.argument("folder", type=_FOLDER)
@click.option("--name", default="", help="Name of the study (default: the folder's).")
def init(folder: Path, name: str) -> None:
    """Makes a new, empty study in FOLDER."""
    from nngauge.study import Study

    with Study.create(folder, name) as study:
        click.echo(f"{study.ledger.facts()['name']}: a new study in {folder}; next: nngauge study add {folder} SOURCE")


@command.command("add", short_help="Add what a source has now to a snapshot.")
@click.argument("folder", type=_FOLDER)
@click.argument("sources", nargs=-1, required=True)
@click.option("--snapshot", default="", help="Name of the snapshot, best a date (default: this month, as 2026-11).")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one line a source.")
@click.option("--quiet", is_flag=True, help="No progress.")
def add(folder: Path, sources: tuple[str, ...], snapshot: str, *, as_json: bool, quiet: bool) -> None:
    """Adds what SOURCES have now: folders, lists of addresses, store indices, buckets, phones. Nothing is scanned yet.

    A package that is in the snapshot already is added only when it has changed. A source that cannot be read to its end
    adds nothing.
    """
    from nngauge.study import Study

    snapshot = snapshot or datetime.now(UTC).strftime("%Y-%m")
    with Study.open(folder) as study:
        for source in sources:
            known = study.ledger.facts()
            with _counting(source, quiet=quiet) as seen:
                new, changed = study.add(source, snapshot, seen=seen)
            if as_json:
                _print_json({"source": source, "snapshot": snapshot, "new": new, "changed": changed})
            else:
                click.echo(f"{source}: {new:,} new and {changed:,} changed packages in snapshot {snapshot}")
                _print_noted(known, study.ledger.facts())
    if not as_json:
        click.echo(f"next: nngauge study run {folder}")


def _print_noted(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """What a source wants remembered: whose key signed an index, how old it was."""
    for name, value in after.items():
        if before.get(name) != value:
            click.echo(f"noted: {name}: {value}")


@contextmanager
def _counting(source: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Shows how many items of a long list have come, where there is a terminal."""
    from rich.text import Text

    from nngauge.cli.screen import errors
    from nngauge.words.safe import one_line

    screen = errors()
    name = one_line(source)
    with screen.status(Text(f"reading {name}")) as line:
        if quiet or not screen.is_terminal:
            line.stop()
        yield lambda count: line.update(Text(f"reading {name}: {count:,} packages"))


def _print_json(value: object) -> None:
    import msgspec

    write_json(msgspec.json.encode(value))


command.add_command(study_run.command)


@command.command("status", short_help="How far the study has come.")
@click.argument("folder", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(folder: Path, *, as_json: bool) -> None:
    """How far the study has come, by snapshot."""
    from nngauge.study import look

    with look(folder) as ledger:
        if as_json:
            progress = [{"snapshot": item.snapshot, **item.counts} for item in ledger.progress()]
            _print_json({"study": ledger.facts(), "snapshots": progress, "store": ledger.stored()})
        else:
            _show_ledger(ledger)


def _show_ledger(ledger: Ledger) -> None:
    from nngauge.cli.screen import show
    from nngauge.screen.progress import render_status

    show(render_status(ledger.facts(), ledger.progress(), ledger.stored()))


@command.command("failures", short_help="What has no result, and why.")
@click.argument("folder", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object each.")
@click.option("--limit", type=click.IntRange(min=1), help=f"How many at most (default: {_SHOWN}; with --json all).")
def failures(folder: Path, limit: int | None, *, as_json: bool) -> None:
    """Packages without a result: why, and what to do about it."""
    from nngauge.cli.screen import show
    from nngauge.screen.progress import render_failures
    from nngauge.study import look
    from nngauge.words.tables import answer_json

    with look(folder) as ledger:
        kinds = ledger.failure_kinds()
        rows = ledger.failures(sum(kind[3] for kind in kinds) if as_json and limit is None else limit or _SHOWN)
    if as_json:
        write_json(answer_json(("snapshot", "locator", "state", "error", "reason", "hint", "attempts"), rows))
    else:
        show(render_failures(rows, kinds, folder))


@command.command("retry", short_help="Give what failed another chance.")
@click.argument("folder", type=_FOLDER)
@click.option("--snapshot", help="Only those of this snapshot.")
@click.option("--error", help="Only those that failed with this error (Timeout, DigestMismatch …).")
def retry(folder: Path, snapshot: str | None, error: str | None) -> None:
    """Gives failed and quarantined packages another chance with the next run."""
    from nngauge.study import Study

    with Study.open(folder) as study:
        count = study.ledger.retry(snapshot=snapshot, error=error)
    if count:
        click.echo(f"{count:,} packages wait again; next: nngauge study run {folder}")
    else:
        click.echo("no such package has failed")


command.add_command(study_diff.command)
command.add_command(study_reuse.command)


@command.command("sql", short_help="Ask a question in SQL.")
@click.argument("folder", type=_FOLDER)
@click.argument("question")
@click.option("--csv", "as_csv", is_flag=True, help="All rows as CSV.")
@click.option("--json", "as_json", is_flag=True, help="All rows as JSON.")
def sql(folder: Path, question: str, *, as_csv: bool, as_json: bool) -> None:
    """Answers a SELECT in DuckDB's SQL; `nngauge study tables` lists what there is to ask about."""
    from nngauge.store.warehouse import Warehouse
    from nngauge.study import look
    from nngauge.words.tables import answer_csv, answer_json

    with look(folder) as ledger, Warehouse(folder, ledger) as facts:
        answer = facts.ask(question)
    if as_csv:
        sys.stdout.write(answer_csv(answer.columns, answer.rows))
    elif as_json:
        write_json(answer_json(answer.columns, answer.rows))
    else:
        from nngauge.cli.screen import show
        from nngauge.screen.answers import render_answer

        show(render_answer(answer.columns, answer.rows))


@command.command("tables", short_help="The tables and columns to ask about.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def tables(*, as_json: bool) -> None:
    """The tables and columns that questions can be asked about."""
    from nngauge.cli.screen import show
    from nngauge.screen.answers import render_answer
    from nngauge.store.warehouse import TABLES

    if as_json:
        _print_json(
            [
                {"table": table.name, "column": column.name, "type": column.type, "meaning": column.meaning}
                for table in TABLES
                for column in table.columns
            ]
        )
        return
    rows: list[tuple[Any, ...]] = []
    for table in TABLES:
        rows.append((table.name, "", table.meaning))
        rows += [("", f"{column.name} {column.type}", column.meaning) for column in table.columns]
    show(render_answer(("table", "column", "meaning"), rows, most=0))


@command.command("export", short_help="Write all facts as Parquet or CSV.")
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


@command.command("verify", short_help="Check, and repair, the files of facts.")
@click.argument("folder", type=_FOLDER)
@click.option("--repair", is_flag=True, help="Give up damaged files: their packages are scanned again by the next run.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def verify(folder: Path, *, repair: bool, as_json: bool) -> None:
    """Reads every file of facts and compares digests. Exit code 3 when one is damaged."""
    from nngauge.store import shards
    from nngauge.study import Study

    with Study.open(folder) as study:
        files = len(study.ledger.shards())
        broken = shards.damaged(study.folder, study.ledger, digests=True)
        waiting = shards.repair(study.folder, study.ledger, broken) if repair and broken else 0
    if as_json:
        _print_json({"files": files, "damaged": [shard.file for shard in broken], "waiting": waiting})
    else:
        for shard in broken:
            again = "; give its tables to study metadata again" if shard.part == "market" else ""
            click.echo(f"damaged: {shard.file}, {shard.rows:,} rows{again}")
        click.echo(f"{files:,} files of facts, {len(broken):,} damaged")
        if broken:
            step = f"{waiting:,} packages wait again; next: nngauge study run {folder}"
            click.echo(step if repair else f"next: nngauge study verify --repair {folder}")
    raise click.exceptions.Exit(EXIT_PARTIAL if broken and not repair else EXIT_OK)


@command.command("metadata", short_help="Join what a store says of apps.")
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
