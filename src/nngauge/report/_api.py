"""What a report is: a question about a study, answered by parts; each part is one table, and often a figure.

A report computes no facts: its parts are SQL over the facts of a study, or functions that ask such questions. A new
report is one new file beside this one and one more name in `nngauge.report.REPORTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from altair import Chart, FacetChart, HConcatChart, LayerChart, VConcatChart

    from nngauge.report.corpus import Corpus

    Figure = Chart | LayerChart | HConcatChart | VConcatChart | FacetChart

Unit = Literal[
    "", "count", "share", "points", "ratio", "bytes", "macs", "parameters", "seconds", "joules", "watts", "days", "date"
]
"""How a number is shown: a ``share`` of 0.123 as 12.3 %, ``points`` are percentage points ÷ 100, ``bytes`` as 1.2 MB; in
CSV and JSON all are plain numbers. ``""``: a text, a truth value, a plain number."""
Basis = Literal["counted", "computed", "measured", "estimated", "published"]
"""Where the numbers of a column come from; one column never mixes two of them. ``counted``: read in packages or told by a
store; ``computed``: exact arithmetic on the graph of a model (MACs, bytes); ``measured``: times, memory, energy and answers of runs; ``estimated``: a model of reality said so."""


class Column(Struct, frozen=True):
    """One column of a part's table."""

    name: str
    """As the SQL calls it."""
    meaning: str
    unit: Unit = ""
    basis: Basis = "counted"


class Reference(Struct, frozen=True):
    """Numbers that others published, shown beside ours, never in the same column."""

    source: str
    """The publication, with table or figure."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    note: str = ""
    """What has to be known to compare: other rules, other years, contradictions inside the publication."""
    url: str = ""
    certainty: str = ""
    """How the numbers were obtained: printed, read by eye off a figure, recalled and not verified."""


class Part(Struct, frozen=True, kw_only=True):
    """One table of a report, and what is drawn of it."""

    name: str
    """Unique in its report: lower-case words with hyphens. Files are called ``<report>-<part>.csv``."""
    title: str
    ask: str | Callable[[Corpus], Answer]
    """One SELECT over the facts (docs/reference/facts.md) and the prepared tables (`nngauge.report.prepared`), or a
    function that asks several."""
    columns: tuple[Column, ...]
    """Every column of the answer, in its order."""
    counting: str
    """What one counted thing is, and out of which: the denominators in words."""
    needs: tuple[str, ...] = ()
    """``table`` or ``table.column``: facts of which the study must have at least one, else there is "no data"."""
    snapshots: int = 1
    """How many snapshots it takes."""
    chart: Callable[[Answer, Corpus], Figure] | None = None
    """Draws the answer; imports Altair when called (`nngauge.report.drawing` has the house's kinds of figures)."""
    note: str = ""
    """What a reader must know so as not to be misled."""
    reference: Callable[[], Reference] | None = None


class Report(Struct, frozen=True, kw_only=True):
    """One question and the parts that answer it."""

    id: str
    """``R1`` …, or the short name of a publication."""
    name: str
    """Lower-case words with hyphens, as users write it."""
    title: str
    question: str
    origin: str
    """Who asked it first: publication with table or figure."""
    parts: tuple[Part, ...]
    limitations: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Facts that its parts need, each once."""
        return tuple(dict.fromkeys(need for part in self.parts for need in part.needs))


class Refusal(Struct, frozen=True):
    """Why there is no table: nothing to count (``no data``), or the question could not be answered (``failed``)."""

    kind: Literal["no data", "failed"]
    reason: str
    hint: str = ""
    """What to run to get it."""


class MadePart(Struct, frozen=True, kw_only=True):
    """A part with its answer, or the reason why there is none."""

    part: Part
    result: Answer | Refusal
    sql: str = ""
    """The question as one SELECT that `nngauge study sql` answers; empty where a function asked."""
    seconds: float = 0.0


class MadeReport(Struct, frozen=True, kw_only=True):
    """A report about one study."""

    report: Report
    parts: tuple[MadePart, ...]
