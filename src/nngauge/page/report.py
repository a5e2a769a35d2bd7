"""Reports as one page: each question with its denominators, figure, table, data and SQL; works from disk, and prints.

Figures are part of the page as SVG in the colours of the page, so that they are there at once, without a script and in
print; each has a page of its own where it can be zoomed, with the script beside it (docs/adr/0016-figures.md).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from nngauge.page.environment import Column, Frame, Link, Measured, render
from nngauge.report import drawing
from nngauge.report._api import Column as ReportColumn
from nngauge.report._api import MadePart, MadeReport, Reference, Refusal
from nngauge.report.corpus import Corpus
from nngauge.report.files import DATA, FIGURES, Drawing, draw, put, stem, write_part
from nngauge.version import __version__
from nngauge.words.amounts import plural
from nngauge.words.tables import shown_value

_ROWS: Final = 50
"""Rows of a table on the page; the CSV has all."""
_SCRIPT: Final = "vega.js"
_IDS: Final = re.compile(r'(\bid="|url\(#|href="#)')
_AMOUNTS: Final = frozenset({"bytes", "macs", "parameters"})


class Figure(Struct, frozen=True):
    """A figure in a page."""

    svg: str
    """Ours: markup that is not escaped again."""
    title: str
    live: str = ""
    """Address of the page where it can be zoomed; empty: there is none."""


class Table(Struct, frozen=True):
    """The rows of a table that are shown, ready for the macro ``m.table``."""

    columns: tuple[Column, ...]
    rows: list[list[object]]
    left_out: int


class Published(Struct, frozen=True):
    """What a publication says about the same question."""

    reference: Reference
    table: Table


class PartView(Struct, frozen=True, kw_only=True):
    """One part as the templates show it: a table and perhaps a figure, or the reason why there is none."""

    made: MadePart
    anchor: str
    table: Table | None
    refusal: Refusal | None
    figure: Figure | None
    drawn: Drawing | None
    published: Published | None
    files: Sequence[tuple[str, str]] = ()
    """Title and address of everything to fetch."""


class Section(Struct, frozen=True, kw_only=True):
    """One report as the templates show it."""

    made: MadeReport
    anchor: str
    parts: tuple[PartView, ...]

    @property
    def answered(self) -> int:
        """Parts with an answer."""
        return sum(part.table is not None for part in self.parts)


def section(made: MadeReport, corpus: Corpus, kinds: Collection[str] = (), *, live: bool = False) -> Section:
    """The view of one report; `kinds`: files that lie beside the page. Without the libraries for figures there are none."""
    return Section(
        made=made,
        anchor=made.report.name,
        parts=tuple(_part(made, part, corpus, kinds, live=live) for part in made.parts),
    )


def _part(made: MadeReport, part: MadePart, corpus: Corpus, kinds: Collection[str], *, live: bool) -> PartView:
    name = stem(made, part)
    refused = part.result if isinstance(part.result, Refusal) else None
    answer = None if isinstance(part.result, Refusal) else part.result
    reference = part.part.reference() if part.part.reference else None
    drawn = draw(part, corpus) if drawing.installed() else None
    figure = None
    if drawn is not None:
        address = f"{FIGURES}/{name}.html" if live else ""
        figure = Figure(_apart(drawn.svg, name), part.part.title, address)
    files = _files(name, kinds, drawn=figure is not None) if answer else []
    if reference and "csv" in kinds:
        files.append(("published numbers as CSV", f"{DATA}/{name}.published.csv"))
    return PartView(
        made=part,
        anchor=name,
        table=_table(part.part.columns, answer.rows) if answer else None,
        refusal=refused,
        figure=figure,
        drawn=drawn,
        published=Published(reference, _table(reference.columns, reference.rows)) if reference else None,
        files=files,
    )


def _files(name: str, kinds: Collection[str], *, drawn: bool) -> list[tuple[str, str]]:
    found = [("data as CSV", f"{DATA}/{name}.csv")] if "csv" in kinds else []
    endings = [kind for kind in ("svg", "png", "pdf") if kind in kinds and drawn]
    return found + [(f"figure as {kind.upper()}", f"{FIGURES}/{name}.{kind}") for kind in endings]


def _table(columns: Sequence[ReportColumn], rows: Sequence[Sequence[Any]]) -> Table:
    greatest = [_greatest(column, [row[at] for row in rows]) for at, column in enumerate(columns)]
    heads = tuple(
        Column(title=column.name.replace("_", " "), numeric=_is_numeric([row[at] for row in rows]))
        for at, column in enumerate(columns)
    )
    shown = [
        [_cell(value, column, most) for value, column, most in zip(row, columns, greatest, strict=True)]
        for row in rows[:_ROWS]
    ]
    return Table(heads, shown, max(0, len(rows) - _ROWS))


def _is_numeric(values: Sequence[Any]) -> bool:
    told = [value for value in values if value is not None]
    return bool(told) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in told)


def _greatest(column: ReportColumn, values: Sequence[Any]) -> float:
    """What a full bar behind a number stands for; 0: no bars."""
    if column.basis != "counted":
        return 0.0
    if column.unit == "share":
        return 1.0
    if column.unit not in _AMOUNTS:
        return 0.0
    return max((float(value) for value in values if isinstance(value, int | float)), default=0.0)


def _cell(value: Any, column: ReportColumn, most: float) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return shown_value(value)
    if isinstance(value, int) and not most and column.unit in {"", "count"}:
        return value
    part = min(1.0, max(0.0, value / most)) if most else 0.0
    return Measured(shown_value(value, column.unit), part, value)


def _apart(svg: str, name: str) -> str:
    """An SVG whose ids meet no others of the page."""
    return _IDS.sub(lambda found: f"{found[1]}{name}-", svg)


def render_page(
    sections: Sequence[Section], corpus: Corpus, *, title: str, provenance: Sequence[tuple[str, str]] = ()
) -> str:
    """The page with all reports, contents first."""
    from markupsafe import Markup

    return render(
        "report.html",
        frame=Frame(
            title=title,
            description="What AI is inside the apps of this study.",
            links=[Link("Contents", "#contents"), Link("How to read this", "#reading")],
            provenance=provenance,
        ),
        sections=sections,
        snapshots=corpus.snapshots,
        facts=[("snapshots", ", ".join(corpus.snapshots) or "none"), *_counts(corpus)],
        markup=Markup,
    )


def _counts(corpus: Corpus) -> list[tuple[str, str]]:
    if not corpus.snapshots:
        return []
    listed, done = corpus.ask(
        "SELECT count(*), count(*) FILTER (state = 'done') FROM listing JOIN snapshots USING (snapshot)"
    ).rows[0]
    return [("packages listed", f"{listed:,}"), ("with a result", f"{done:,}")]


def write_page(
    made: Sequence[MadeReport], corpus: Corpus, folder: Path, kinds: Collection[str] = (), *, study: Mapping[str, str]
) -> Iterator[Path]:
    """Writes ``index.html``, data as CSV, the figures' own pages, and figures of the other `kinds`; says which files.

    `study`: facts of the study (`Ledger.facts`). Raises `StoreError` when the folder cannot be written.
    """
    kept = frozenset(kinds) | {"csv"}
    sections = [section(report, corpus, kept, live=True) for report in made]
    name = study.get("name", "study")
    provenance = [("study", name), ("made by", f"nngauge {__version__}"), ("reports", plural(len(made), "report"))]
    page = render_page(sections, corpus, title=f"{name}: AI in apps", provenance=provenance)
    yield put(folder / "index.html", page.encode())
    views = [view for each in sections for view in each.parts]
    for view in views:
        yield from write_part(view.made, view.anchor, view.drawn, folder, kept)
        if view.drawn is not None:
            yield put(folder / FIGURES / f"{view.anchor}.html", render_live(view, view.drawn).encode())
    if any(view.drawn for view in views):
        yield put(folder / FIGURES / _SCRIPT, drawing.script().encode())


def render_live(part: PartView, drawn: Drawing) -> str:
    """The page of one figure that can be zoomed, with `drawing.script` beside it as ``vega.js``."""
    from markupsafe import Markup

    told = msgspec.json.encode(drawing.zoomable(drawn.specified)).decode().replace("<", "\\u003c")
    return render(
        "figure.html",
        frame=Frame(title=part.made.part.title),
        back=f"../index.html#{part.anchor}",
        script=_SCRIPT,
        specified=Markup(told),  # noqa: S704 - JSON in which nothing can end the element that holds it
        counting=part.made.part.counting,
    )
