"""The tables of the app page: columns and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.outcome import Coverage, Treatment
from nngauge.domain.protection import Audit, AuditedModel
from nngauge.domain.scan import Scan
from nngauge.domain.task import UNKNOWN
from nngauge.page.bytes_map import BytesMap
from nngauge.page.environment import Column, Measured, inner, percent
from nngauge.units import format_bytes
from nngauge.words.amounts import plural, short_amount

ROWS: Final = 300
"""Of any table; what is left out is counted, and `--json` has it."""
_KINDS: Final = 12
_NAMES: Final = 4
_SAID: Final = {
    Treatment.SCANNED: "every byte searched for traces",
    Treatment.PARSED: "read as a model",
    Treatment.OPENED: "archives: their entries are counted on their own",
    Treatment.HEAD_ONLY: "only the beginning, which says that it is media or the like",
    Treatment.LEFT_OUT: "not asked for",
    Treatment.UNREAD: "could not be read; the failures say why",
}


class Table(Struct, frozen=True, kw_only=True):
    """One table; empty ones are not shown."""

    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[object]]
    note: str = ""
    sortable: bool = True


def tables(dossier: Dossier, where: BytesMap, rest: Sequence[ModelDossier]) -> dict[str, Table]:
    """All of them by name."""
    scan = dossier.scan
    return {
        "parts": _parts(scan),
        "bytes": _bytes(where),
        "files": _files(where),
        "models": _models(rest),
        "grades": _grades(dossier.audit),
        "failures": _failures(scan),
        "candidates": _candidates(scan),
        "anomalies": _anomalies(scan),
        "account": _account(scan.coverage),
    }


def _parts(scan: Scan) -> Table:
    return Table(
        caption="Parts",
        columns=(Column(title="Part", code=True), Column(title="Role"), Column(title="Size", numeric=True)),
        rows=[
            (part.path, part.role, Measured(format_bytes(part.size), _share(part.size, scan.app.size), part.size))
            for part in scan.app.parts[:ROWS]
        ],
        note=_cut(len(scan.app.parts)),
    )


def _bytes(where: BytesMap) -> Table:
    return Table(
        caption="Bytes by kind of content",
        columns=(Column(title="Kind"), Column(title="What"), Column(title="Bytes", numeric=True), Column(title="Share", numeric=True)),
        rows=[
            (
                area.title, area.meaning, Measured(format_bytes(area.size), _share(area.size, where.total), area.size),
                Measured(percent(area.size / where.total), 0.0, area.size),
            )
            for area in where.areas
        ],
        note=f"of {format_bytes(where.total)} unpacked",
    )  # fmt: skip


def _files(where: BytesMap) -> Table:
    found = sorted(((size, name, area.title) for area in where.areas for name, size in area.files), reverse=True)
    return Table(
        caption="Largest files of models and libraries",
        columns=(Column(title="File", code=True), Column(title="Kind"), Column(title="Bytes", numeric=True)),
        rows=[
            (name, title, Measured(format_bytes(size), _share(size, found[0][0]), size)) for size, name, title in found[:50]
        ],
        note=f"the first 50 of {len(found):,}" if len(found) > 50 else "",
    )  # fmt: skip


def _models(rest: Sequence[ModelDossier]) -> Table:
    return Table(
        caption="Smaller models",
        columns=(
            Column(title="Model", code=True), Column(title="What for"), Column(title="Format"), Column(title="Protection"),
            Column(title="Parameters", numeric=True), Column(title="Size", numeric=True), Column(title="Where", code=True),
        ),
        rows=[
            (
                item.model.name, _task(item), item.model.title, item.protection.protection.grade if item.protection else None,
                short_amount(item.model.parameters), Measured(format_bytes(item.model.size), 0.0, item.model.size),
                inner(item.places[0]) if item.places else "",
            )
            for item in rest[: 10 * ROWS]
        ],
        note=plural(len(rest), "model") + " without a card" + (f", the first {10 * ROWS:,}" if len(rest) > 10 * ROWS else ""),
    )  # fmt: skip


def _task(item: ModelDossier) -> str:
    task = item.model.task
    return task.title if task is not None and task.task != UNKNOWN else "unknown"


def _grades(audit: Audit | None) -> Table:
    """What each grade that occurs leaves open, and what would help."""
    groups: dict[str, list[AuditedModel]] = {}
    for item in audit.models if audit is not None else ():
        groups.setdefault(item.protection.grade, []).append(item)
    return Table(
        caption="How models are kept from being read",
        columns=(
            Column(title="How"), Column(title="Models", numeric=True), Column(title="Which"),
            Column(title="What somebody with the app could do"), Column(title="What would help"),
        ),
        rows=[
            (grade, len(found), _named(item.name or item.location.name for item in found),
             found[0].protection.attack, found[0].protection.remedy)
            for grade, found in groups.items()
        ],
        note="the least protected first",
        sortable=False,
    )  # fmt: skip


def _named(names: Iterable[str]) -> str:
    each = list(dict.fromkeys(names))
    rest = f" and {len(each) - _NAMES} more" if len(each) > _NAMES else ""
    return ", ".join(each[:_NAMES]) + rest


def _failures(scan: Scan) -> Table:
    return Table(
        caption="Failures",
        columns=(Column(title="Where", code=True), Column(title="Stage"), Column(title="Error"), Column(title="Why")),
        rows=[
            (inner(item.location), item.stage, item.error, item.reason + (f" ({item.hint})" if item.hint else ""))
            for item in scan.failures[:ROWS]
        ],
        note=_cut(len(scan.failures)),
    )


def _candidates(scan: Scan) -> Table:
    return Table(
        caption="Files that might be models and were not accepted",
        columns=(
            Column(title="File", code=True), Column(title="Why it was looked at"), Column(title="Size", numeric=True),
            Column(title="Formats tried"), Column(title="Why not"),
        ),
        rows=[
            (
                inner(item.location), f"{item.suspicion} ({item.confidence})", Measured(format_bytes(item.size), 0.0, item.size),
                ", ".join(item.formats), item.reason,
            )
            for item in scan.candidates[:ROWS]
        ],
        note=_cut(len(scan.candidates)),
    )  # fmt: skip


def _anomalies(scan: Scan) -> Table:
    return Table(
        caption="Oddities of the package",
        columns=(Column(title="Kind"), Column(title="Where", code=True), Column(title="What"), Column(title="Entries", numeric=True)),
        rows=[(item.kind, inner(item.location), item.detail, item.count) for item in scan.anomalies[:ROWS]],
        note=_cut(len(scan.anomalies)),
    )  # fmt: skip


def _account(coverage: Sequence[Coverage]) -> Table:
    rows = []
    for treatment in Treatment:
        items = [item for item in coverage if item.treatment is treatment]
        if items:
            size = sum(item.size for item in items)
            entries = sum(item.entries for item in items)
            rows.append((treatment, _SAID[treatment], entries, Measured(format_bytes(size), 0.0, size), _kinds(items)))
    return Table(
        caption="The account of every entry",
        columns=(
            Column(title="Treatment"), Column(title="What was done"), Column(title="Entries", numeric=True),
            Column(title="Bytes", numeric=True, note="unpacked"), Column(title="Kinds"),
        ),
        rows=rows,
        note="nothing is passed over silently",
        sortable=False,
    )  # fmt: skip


def _kinds(items: Iterable[Coverage]) -> str:
    kinds: Counter[str] = Counter()
    for item in items:
        kinds[item.kind] += item.entries
    rest = len(kinds) - _KINDS
    named = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common(_KINDS))
    return named + (f" and {plural(rest, 'other kind')}" if rest > 0 else "")


def _cut(count: int) -> str:
    return f"{count:,}" + (f", the first {ROWS} shown; nngauge scan --json has all" if count > ROWS else "")


def _share(part: int, whole: int) -> float:
    return min(1.0, part / whole) if whole else 0.0
