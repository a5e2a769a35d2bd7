"""``nngauge report``: what a study says, as tables, a page, figures and data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL
from nngauge.cli.screen import write_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nngauge.report._api import MadePart, MadeReport, Reference, Report
    from nngauge.report.corpus import Corpus

_ROWS: Final = 20
"""Rows of a table on a screen."""


@click.command("report", short_help="What a study says: tables, figures, a page.")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.argument("names", nargs=-1)
@click.option(
    "--html", type=click.Path(file_okay=False, path_type=Path), help="Write a page with figures and data there."
)
@click.option("--csv", "csv", is_flag=True, help="Write the tables as CSV.")
@click.option("--svg", is_flag=True, help="Write the figures as SVG.")
@click.option("--png", is_flag=True, help="Write the figures as PNG, 300 pixels an inch.")
@click.option("--pdf", is_flag=True, help="Write the figures as PDF.")
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path), help="Where files go without --html (default: report)."
)
@click.option("--snapshot", "snapshots", multiple=True, help="Only this snapshot; may be given again (default: all).")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--list", "listing", is_flag=True, help="List the reports and their questions.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    folder: Path | None,
    names: tuple[str, ...],
    html: Path | None,
    to: Path | None,
    snapshots: tuple[str, ...],
    *,
    csv: bool,
    svg: bool,
    png: bool,
    pdf: bool,
    as_json: bool,
    listing: bool,
    quiet: bool,
) -> None:
    """Makes reports about the study in FOLDER: all of them, or those with the given NAMES or ids (R1, prevalence, www19).

    Without --html, --csv or the like the tables are shown on the screen. Nothing is scanned: a report whose facts the
    study lacks says so, and what to run.
    Exit codes: 0 all done · 1 the store failed · 2 wrong use · 3 a part could not be made.
    """
    from nngauge.errors import UsageError

    if listing:
        _list(as_json=as_json)
        return
    if folder is None:
        raise UsageError("which study?", hint="nngauge report STUDY, or nngauge report --list")
    wanted = {"csv": csv, "svg": svg, "png": png, "pdf": pdf}
    kinds = frozenset(kind for kind, yes in wanted.items() if yes)
    raise click.exceptions.Exit(_report(folder, names, snapshots, html, to, kinds, as_json=as_json, quiet=quiet))


def _report(
    folder: Path,
    names: Sequence[str],
    snapshots: Sequence[str],
    html: Path | None,
    to: Path | None,
    kinds: frozenset[str],
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    from nngauge.report.choosing import chosen
    from nngauge.report.corpus import Corpus
    from nngauge.report.drawing import require
    from nngauge.store.warehouse import Warehouse
    from nngauge.study import look

    reports = chosen(names)
    if html or kinds - {"csv"}:
        require()
    with look(folder) as ledger, Warehouse(folder, ledger) as facts:
        corpus = Corpus(facts, snapshots)
        made = _made(reports, corpus, quiet=quiet)
        if html:
            from nngauge.page.report import write_page

            kept = list(made)
            files = write_page(kept, corpus, html, kinds, study=ledger.facts())
            _say_files(files, html / "index.html", quiet=quiet)
        elif kinds:
            from nngauge.report.files import write

            target = to or Path("report")
            kept = list(made)
            _say_files((file for report in kept for file in write(report, corpus, target, kinds)), target, quiet=quiet)
        elif as_json:
            kept = list(made)
        else:
            kept = list(_shown(made, corpus))
    if as_json:
        from nngauge.report.documents import encode

        write_json(encode(kept))
    return EXIT_PARTIAL if any(_failed(part) for report in kept for part in report.parts) else EXIT_OK


def _made(reports: Sequence[Report], corpus: Corpus, *, quiet: bool) -> Iterator[MadeReport]:
    from nngauge.cli.screen import progress
    from nngauge.report.making import make

    with progress(quiet=quiet) as bar:
        line = bar.add_task("reports", total=len(reports), rate="", failed="")
        for report in reports:
            bar.update(line, description=report.name)
            yield make(report, corpus)
            bar.advance(line)


def _failed(part: MadePart) -> bool:
    from nngauge.report._api import Refusal

    return isinstance(part.result, Refusal) and part.result.kind == "failed"


def _say_files(files: Iterable[Path], first: Path, *, quiet: bool) -> None:
    count = sum(1 for _ in files)
    if not quiet:
        click.echo(f"{count:,} files; look at {first}", err=True)


def _shown(made: Iterable[MadeReport], corpus: Corpus) -> Iterator[MadeReport]:
    from nngauge.cli.screen import show

    for report in made:
        show(_render(report, corpus))
        yield report


def _render(made: MadeReport, corpus: Corpus) -> RenderableType:
    from rich.console import Group
    from rich.rule import Rule
    from rich.text import Text

    report = made.report
    snapshots = ", ".join(corpus.snapshots) or "none"
    parts = [item for part in made.parts for item in _render_part(part)]
    return Group(
        Rule(Text(f"{report.id} {report.title}", style="bold"), align="left", style="dim"),
        Text(report.question),
        Text(f"snapshots: {snapshots}", style="dim"),
        *parts,
        *(Text(f"limitation: {text}", style="dim") for text in report.limitations),
        Text(),
    )


def _render_part(made: MadePart) -> Iterator[RenderableType]:
    from rich.text import Text

    from nngauge.report._api import Refusal
    from nngauge.screen.answers import render_answer

    part = made.part
    yield Text(f"\n{part.title}", style="bold")
    if isinstance(made.result, Refusal):
        refusal = made.result
        hint = f" → {refusal.hint}" if refusal.hint else ""
        yield Text(f"{refusal.kind}: {refusal.reason}{hint}", style="yellow")
    else:
        yield Text(f"counted: {part.counting}", style="dim")
        units = [column.unit for column in part.columns]
        yield render_answer(made.result.columns, made.result.rows, units=units, most=_ROWS)
    if part.note:
        yield Text(part.note, style="dim")
    if part.reference is not None:
        yield from _render_reference(part.reference())


def _render_reference(told: Reference) -> Iterator[RenderableType]:
    from rich.text import Text

    from nngauge.screen.answers import render_answer

    sure = f" ({told.certainty})" if told.certainty else ""
    yield Text(f"published, not ours: {told.source}{sure}", style="cyan")
    units = [column.unit for column in told.columns]
    yield render_answer([column.name for column in told.columns], told.rows, units=units, most=_ROWS)
    if told.note:
        yield Text(told.note, style="dim")


def _list(*, as_json: bool) -> None:
    from nngauge.report import PAPERS, REPORTS

    reports = (*REPORTS, *PAPERS)
    if as_json:
        import msgspec

        told = [
            {"id": report.id, "name": report.name, "title": report.title, "question": report.question,
             "origin": report.origin, "needs": report.needs, "parts": [part.name for part in report.parts]}
            for report in reports
        ]  # fmt: skip
        click.echo(msgspec.json.encode(told))
        return
    from nngauge.cli.screen import show
    from nngauge.screen.answers import render_answer

    show(render_answer(("id", "name", "question"), [(item.id, item.name, item.question) for item in reports], most=0))
