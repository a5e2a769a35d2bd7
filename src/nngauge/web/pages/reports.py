"""Reports, made when somebody asks for them and kept while the study does not change."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.page.report import Section, section
from nngauge.report import PAPERS, REPORTS
from nngauge.report._api import MadeReport, Refusal, Report
from nngauge.report.corpus import Corpus
from nngauge.report.documents import ReportDocument, document
from nngauge.report.files import stem
from nngauge.report.making import make as make_report
from nngauge.store.warehouse import Warehouse
from nngauge.web.asked import Asked
from nngauge.web.patience import Ready
from nngauge.web.view import Desk, Missing, Shown, View
from nngauge.words.tables import answer_csv


class ReportRow(Struct, frozen=True, kw_only=True):
    """One report in the list."""

    id: str
    name: str
    """Its address is ``/reports/`` and this."""
    title: str
    question: str
    parts: int
    paper: bool
    """It reproduces a publication."""


class Reports(Struct, frozen=True, kw_only=True):
    """The page of all reports."""

    title: str
    snapshots: list[str]
    reports: list[ReportRow]


class ReportPage(Struct, frozen=True, kw_only=True):
    """One report; `report` is what `nngauge report --json` prints."""

    title: str
    snapshots: list[str]
    snapshot: str
    """The only one that is reported on; empty: all."""
    seconds: float
    """How long it took to make."""
    report: ReportDocument


class Data(Struct, frozen=True):
    """A file to fetch."""

    csv: str


class _Made(Struct, frozen=True):
    made: MadeReport
    section: Section


def make(desk: Desk, asked: Asked) -> Reports:
    """The page of all reports."""
    del asked
    rows = [_row(report, paper=paper) for reports, paper in ((REPORTS, False), (PAPERS, True)) for report in reports]
    return Reports(title="Reports", snapshots=desk.snapshots(), reports=rows)


def _row(report: Report, *, paper: bool) -> ReportRow:
    return ReportRow(
        id=report.id, name=report.name, title=report.title, question=report.question, parts=len(report.parts), paper=paper
    )  # fmt: skip


def make_one(desk: Desk, asked: Asked) -> Shown:
    """The page of one report; what is not made yet is made first."""
    report = _report(asked.place("report"))
    snapshot = asked.text("snapshot")
    found = _made(desk, report, snapshot)
    page = ReportPage(
        title=report.title,
        snapshots=desk.snapshots(),
        snapshot=snapshot,
        seconds=round(found.seconds, 2),
        report=document(found.answer.made),
    )
    return Shown(page, {"section": found.answer.section})


def _report(name: str) -> Report:
    report = next((item for item in (*REPORTS, *PAPERS) if name in {item.name, item.id}), None)
    if report is None:
        raise Missing("no such report")
    return report


def _made(desk: Desk, report: Report, snapshot: str) -> Ready[_Made]:
    if snapshot and snapshot not in desk.snapshots():
        raise Missing("no such snapshot")
    kept = desk.state.patience.kept

    def work(facts: Warehouse) -> _Made:
        corpus = kept.get("corpus")
        if kept.get("corpus of") != snapshot or not isinstance(corpus, Corpus):
            corpus = Corpus(facts, (snapshot,) if snapshot else ())
            kept["corpus"], kept["corpus of"] = corpus, snapshot
        made = make_report(report, corpus)
        return _Made(made, section(made, corpus, ("csv",)))

    return desk.slowly(f"report {report.name} {snapshot}", work)


def make_data(desk: Desk, asked: Asked) -> Data:
    """The table of one part as CSV. Raises `Missing` where it has no rows."""
    name = asked.place("file").removesuffix(".csv")
    report = next((item for item in (*REPORTS, *PAPERS) if name in _tables(item)), None)
    made = _made(desk, report, asked.text("snapshot")).answer.made if report else None
    part = next((part for part in made.parts if stem(made, part) == name), None) if made else None
    if part is None or isinstance(part.result, Refusal):
        raise Missing("no such table")
    return Data(answer_csv(part.result.columns, part.result.rows))


def _tables(report: Report) -> set[str]:
    return {f"{report.name}-{part.name}" for part in report.parts}


VIEW: Final = View(
    path="/reports",
    name="reports",
    title="Reports",
    says="all reports with their questions",
    template="web/reports.html",
    make=make,
    step="overview",
    section="/reports",
)
ONE: Final = View(
    path="/reports/{report}",
    name="report",
    title="One report",
    says="tables, figures and SQL of one report; made when it is first asked for, which takes seconds in a large study",
    template="web/report.html",
    make=make_one,
    step="overview",
    parameters=(("snapshot", "only this one; all unless said"),),
    section="/reports",
)
DATA: Final = View(
    path="/reports/data/{file}",
    name="data",
    title="A table of a report",
    says="one table of a report as CSV",
    template="",
    make=make_data,
    step="overview",
    parameters=(("snapshot", "only this one; all unless said"),),
    section="/reports",
    cached=False,
)
