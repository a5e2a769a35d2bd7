"""Made reports as files: data as CSV, figures as SVG, PNG, PDF and Vega-Lite, ready for a paper."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from nngauge.errors import StoreError
from nngauge.report import drawing
from nngauge.report._api import MadePart, MadeReport, Reference, Refusal
from nngauge.report.corpus import Corpus
from nngauge.words.tables import answer_csv

DATA: Final = "data"
FIGURES: Final = "figures"
KINDS: Final = ("csv", "svg", "png", "pdf", "json")
"""``json``: the figure's specification in Vega-Lite, with its data."""


def stem(made: MadeReport, part: MadePart) -> str:
    """What the files of a part are called, without ending."""
    return f"{made.report.name}-{part.part.name}"


class Drawing(Struct, frozen=True):
    """A figure, drawn once for all its files."""

    specified: dict[str, Any]
    """Vega-Lite, data included."""
    svg: str
    """In the colour of its surroundings (`drawing.svg`)."""


def draw(part: MadePart, corpus: Corpus) -> Drawing | None:
    """The part's figure; None where nothing is to be drawn. Raises `UsageError` without the libraries."""
    if part.part.chart is None or isinstance(part.result, Refusal):
        return None
    drawing.require()
    specified = drawing.specification(part.part.chart(part.result, corpus))
    return Drawing(specified, drawing.svg(specified))


def write(made: MadeReport, corpus: Corpus, folder: Path, kinds: Collection[str]) -> Iterator[Path]:
    """Writes the files of one report to ``folder/data`` and ``folder/figures``, and says which. Raises `StoreError`."""
    for part in made.parts:
        drawn = draw(part, corpus) if set(kinds) - {"csv"} else None
        yield from write_part(part, stem(made, part), drawn, folder, kinds)


def write_part(
    part: MadePart, name: str, drawn: Drawing | None, folder: Path, kinds: Collection[str]
) -> Iterator[Path]:
    """The same of one part, whose files are called `name` and whose figure is drawn already."""
    if "csv" in kinds and part.part.reference is not None:
        yield put(folder / DATA / f"{name}.published.csv", _published(part.part.reference()).encode())
    if "csv" in kinds and not isinstance(part.result, Refusal):
        yield put(folder / DATA / f"{name}.csv", answer_csv(part.result.columns, part.result.rows).encode())
    if drawn is not None:
        for kind in KINDS:
            if kind in kinds and kind != "csv":
                yield put(folder / FIGURES / f"{name}.{_ENDINGS.get(kind, kind)}", _as_file(drawn, kind))


def _published(told: Reference) -> str:
    """The published numbers, each row with where they come from and how certain they are."""
    columns = (*(column.name for column in told.columns), "published_in", "certainty")
    return answer_csv(columns, [(*row, f"{told.source} {told.url}".strip(), told.certainty) for row in told.rows])


_ENDINGS: Final = {"json": "vl.json"}


def _as_file(drawn: Drawing, kind: str) -> bytes:
    if kind == "svg":
        return drawing.on_paper(drawn.svg).encode()
    if kind == "png":
        return drawing.png(drawn.svg)
    if kind == "pdf":
        return drawing.pdf(drawn.svg)
    return msgspec.json.format(msgspec.json.encode(drawn.specified), indent=1)


def put(file: Path, content: bytes) -> Path:
    """Writes a file and the folders above it. Raises `StoreError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(file)) from None
    return file
