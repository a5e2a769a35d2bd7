"""What must hold of ``nngauge show`` and ``compare`` on one model file, in every form of output."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.console import Console, RenderableType

from attacks._api import Check, Result, Shown
from nngauge.domain.graph import Completeness
from nngauge.errors import NngaugeError, UnsupportedError
from nngauge.screen.safe import Safe
from nngauge.words.safe import printable

FORGED = "sha256       0000"
"""Begins a line of a name; must not begin a line of a screen."""
_ACTIVE = frozenset({"script", "foreignObject", "image", "a", "use", "iframe"})


def show(path: Path) -> Result:
    """Reads, analyses, renders and compares; the refusal where there is one."""
    from nngauge.api import analyse_model, compare_models
    from nngauge.screen.layers import chosen_layers, layers_csv, render_layers
    from nngauge.screen.model_card import render_analysis
    from nngauge.screen.model_comparison import render_comparison
    from nngauge.words.documents import encode_analysis

    try:
        analysis = analyse_model(path)
        compared = _printed(render_comparison(compare_models(path, path), everything=True))
    except NngaugeError as error:
        return error
    rows = chosen_layers(analysis)
    return Shown(
        analysis=analysis,
        screens=(_printed(render_analysis(analysis)), _printed(render_layers(analysis, rows)), compared),
        table=layers_csv(rows),
        document=encode_analysis(analysis, str(path)),
        picture=_drawn(analysis),
    )


def _drawn(analysis: object) -> str:
    from nngauge.picture.network_svg import render_svg

    try:
        return render_svg(analysis)  # type: ignore[arg-type]
    except UnsupportedError:
        return ""


def _printed(renderable: RenderableType) -> str:
    stream = io.StringIO()
    Console(file=stream, width=140, highlight=False, emoji=False, markup=False).print(Safe(renderable))
    return stream.getvalue()


def refusal(title: str, words: str) -> Check:
    """Refused, with the format that it was taken for and these words."""

    def check(result: Result) -> str:
        if not isinstance(result, NngaugeError):
            return "not refused"
        text = result.what
        return "" if title in text and words in text else f"refused with {text!r}"

    return check


def shown(result: Result) -> str:
    """Read, and its totals are numbers, expressions or unknown."""
    return "" if isinstance(result, Shown) else f"refused: {result}"


def marked(words: str) -> Check:
    """Marked as read in part, with a note that has these words."""

    def check(result: Result) -> str:
        if not isinstance(result, Shown):
            return f"refused: {result}"
        graph = result.analysis.graph
        if graph.completeness is Completeness.FULL:
            return "marked as whole"
        return "" if any(words in note for note in graph.notes) else f"notes: {graph.notes}"

    return check


def at_least(result: Result) -> str:
    """Totals are lower bounds and printed as such."""
    if not isinstance(result, Shown):
        return f"refused: {result}"
    cost = result.analysis.cost
    if not (cost.lower_bound or cost.parameters_lower_bound):
        return "totals are no lower bounds"
    card = result.screens[0]
    told = "at least " in card or "not known: see the warnings" in card or "none was read" in card
    return "" if told else "the lower bound is not printed"


def clean(result: Result) -> str:
    """A typed refusal; or screens without control characters, a CSV that is one, JSON, and an SVG of shapes and text."""
    if isinstance(result, NngaugeError):
        return "" if "ParserError" not in str(result) and "Error: " not in result.what else f"a parser's bug: {result}"
    if not isinstance(result, Shown):
        return "not shown"
    checks: tuple[Callable[[Shown], str], ...] = (_screens, _table, _document, _picture)
    return "; ".join(filter(None, (check(result) for check in checks)))


def _screens(result: Shown) -> str:
    if any(printable(screen) != screen for screen in result.screens):
        return "control characters on the screen"
    forged = (line for screen in result.screens for line in screen.splitlines() if line.startswith(FORGED))
    return next((f"a line that a name made: {line!r}" for line in forged), "")


def _table(result: Shown) -> str:
    rows = list(csv.reader(io.StringIO(result.table)))
    if len(rows) != len(result.analysis.cost.layers) + 1:
        return f"{len(rows)} rows in the CSV"
    if any(cell.lstrip()[:1] in ("=", "+", "-", "@") for row in rows for cell in row):
        return "a formula in the CSV"
    return (
        ""
        if printable(result.table.replace("\r\n", "")) == result.table.replace("\r\n", "")
        else "control characters in the CSV"
    )


def _document(result: Shown) -> str:
    json.loads(result.document)
    return "" if b"\x1b" not in result.document else "control characters in the JSON"


def _picture(result: Shown) -> str:
    if not result.picture:
        return ""
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(result.picture).iter()}
    return f"the picture has {sorted(tags & _ACTIVE)}" if tags & _ACTIVE else ""
