"""Made reports as files: data as CSV, figures as SVG, PNG, PDF and Vega-Lite, ready for a paper."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

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


def figure_of(part: MadePart, corpus: Corpus) -> dict[str, Any] | None:
    """The part's figure as Vega-Lite; None where nothing is to be drawn. Raises `UsageError` without the libraries."""
    if part.part.chart is None or isinstance(part.result, Refusal):
        return None
    drawing.require()
    return drawing.specification(part.part.chart(part.result, corpus))


def write(made: MadeReport, corpus: Corpus, folder: Path, kinds: Collection[str]) -> Iterator[Path]:
    """Writes the files of one report to ``folder/data`` and ``folder/figures``, and says which. Raises `StoreError`."""
    for part in made.parts:
        name = stem(made, part)
        if "csv" in kinds and part.part.reference is not None:
            yield put(folder / DATA / f"{name}.published.csv", _published(part.part.reference()).encode())
        if isinstance(part.result, Refusal):
            continue
        if "csv" in kinds:
            text = answer_csv(part.result.columns, part.result.rows)
            yield put(folder / DATA / f"{name}.csv", text.encode())
        drawn = [kind for kind in KINDS if kind in kinds and kind != "csv"]
        specified = figure_of(part, corpus) if drawn else None
        for kind in drawn if specified is not None else ():
            yield put(folder / FIGURES / f"{name}.{_ENDINGS.get(kind, kind)}", _drawn(specified or {}, kind))


def _published(told: Reference) -> str:
    """The published numbers, each row with where they come from and how certain they are."""
    columns = (*(column.name for column in told.columns), "published_in", "certainty")
    return answer_csv(columns, [(*row, f"{told.source} {told.url}".strip(), told.certainty) for row in told.rows])


_ENDINGS: Final = {"json": "vl.json"}


def _drawn(specified: dict[str, Any], kind: str) -> bytes:
    if kind == "svg":
        return drawing.svg(specified).replace("currentColor", "black").encode()
    if kind == "png":
        return drawing.png(specified)
    if kind == "pdf":
        return drawing.pdf(specified)
    return msgspec.json.format(msgspec.json.encode(specified), indent=1)


def put(file: Path, content: bytes) -> Path:
    """Writes a file and the folders above it. Raises `StoreError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(file)) from None
    return file
