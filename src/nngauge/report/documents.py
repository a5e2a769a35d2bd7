"""Made reports as JSON with a stable schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from nngauge.report._api import Column, MadePart, MadeReport, Reference, Refusal

SCHEMA = "nngauge.report/1"
"""The number is raised when a field changes its meaning or goes away; additions keep it."""


class ReferenceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that others published; never in the rows of ours."""

    source: str
    url: str
    certainty: str
    """Printed, read by eye off a figure, recalled and not verified …"""
    note: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]


class PartDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One part: either `rows` or `refusal`."""

    name: str
    title: str
    counting: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]] | None = None
    """Objects of column name → value; shares are 0 to 1, bytes are bytes."""
    refusal: Refusal | None = None
    reference: ReferenceDocument | None = None
    note: str = ""
    sql: str = ""
    """One SELECT for `nngauge study sql`; empty where several questions were asked."""
    seconds: float = 0.0


class ReportDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One report with the name of the schema."""

    schema: str = SCHEMA
    id: str
    name: str
    title: str
    question: str
    origin: str
    limitations: tuple[str, ...]
    parts: tuple[PartDocument, ...]


def document(made: MadeReport) -> ReportDocument:
    """The report as it is written in JSON."""
    report = made.report
    return ReportDocument(
        id=report.id, name=report.name, title=report.title, question=report.question, origin=report.origin,
        limitations=report.limitations, parts=tuple(map(_part, made.parts)),
    )  # fmt: skip


def encode(made: Iterable[MadeReport]) -> bytes:
    """JSON: a list of reports."""
    return msgspec.json.encode([document(report) for report in made])


def _part(made: MadePart) -> PartDocument:
    part, result = made.part, made.result
    return PartDocument(
        name=part.name, title=part.title, counting=part.counting, columns=part.columns, note=part.note, sql=made.sql,
        seconds=round(made.seconds, 4), refusal=result if isinstance(result, Refusal) else None,
        rows=None if isinstance(result, Refusal) else [dict(zip(result.columns, row, strict=True)) for row in result.rows],
        reference=_reference(part.reference()) if part.reference else None,
    )  # fmt: skip


def _reference(told: Reference) -> ReferenceDocument:
    names = [column.name for column in told.columns]
    return ReferenceDocument(
        source=told.source, url=told.url, certainty=told.certainty, note=told.note, columns=told.columns,
        rows=[dict(zip(names, row, strict=True)) for row in told.rows],
    )  # fmt: skip
