"""The screen about how well the models of one app are protected, and its JSON form. A person reads it in a minute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.attribution import Owner
from nngauge.domain.evidence import Confidence
from nngauge.domain.outcome import Failure
from nngauge.domain.protection import (
    Audit,
    AuditedModel,
    Check,
    Cipher,
    Grade,
    IntegrityFinding,
    Protection,
    SignalKind,
)
from nngauge.units import format_bytes

SCHEMA = "nngauge.audit/1"
_ROWS = 12
_UNKNOWN_ROWS = 3
_SIGNALS = 2
_NAMES = 3
_STYLE = {
    Grade.PLAIN: "red", Grade.RENAMED: "red", Grade.COMPRESSED: "red", Grade.ENCODED: "red", Grade.PRIVATE: "red",
    Grade.STRIPPED: "yellow", Grade.CODE: "yellow", Grade.VENDOR: "yellow", Grade.WEAK: "red", Grade.KEY_BESIDE: "red",
    Grade.ENCRYPTED_HEADER: "yellow", Grade.ENCRYPTED_WEIGHTS: "green", Grade.ENCRYPTED: "green", Grade.FETCHED: "cyan",
    Grade.UNIFORM: "dim",
}  # fmt: skip
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "dim")}
_SHOWN_FIRST = (
    SignalKind.KEY, SignalKind.WRAPPER, SignalKind.STATISTICS, SignalKind.STRUCTURE, SignalKind.CODE, SignalKind.SIBLING,
    SignalKind.NAME, SignalKind.SIZE,
)  # fmt: skip
"""Kinds of signals in the order in which they convince."""


class AuditDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """An audit, or the failure that stands in its place, with the name of the schema."""

    schema: str = SCHEMA
    path: str
    audit: Audit | None = None
    failure: Failure | None = None


def encode_audit(path: str, result: Audit | Failure) -> bytes:
    """One audit as one line of UTF-8 JSON."""
    if isinstance(result, Audit):
        return msgspec.json.encode(AuditDocument(path=path, audit=result))
    return msgspec.json.encode(AuditDocument(path=path, failure=result))


def render_audit(audit: Audit, *, rows: int = _ROWS) -> RenderableType:
    """The whole screen; `rows` is the length at which the table of models is cut (0: never)."""
    blocks: list[RenderableType] = [_identity(audit), _summary(audit.summary)]
    if audit.models:
        blocks += [_heading("Models", len(audit.models)), _models(audit.models, rows), *_meanings(audit.models)]
    findings = [*audit.integrity, *_model_findings(audit.models)]
    if findings:
        blocks += [_heading("Could they be swapped?"), *(_finding(item) for item in findings)]
    if audit.unknown:
        blocks += [_heading("Uniform bytes, purpose unknown", len(audit.unknown)), *_unknown(audit.unknown, rows)]
    if audit.failures:
        blocks.append(
            Text(f"\n{len(audit.failures)} parts could not be read; `nngauge scan` lists them", style="yellow")
        )
    return Group(*blocks)


def _identity(audit: Audit) -> RenderableType:
    app = audit.app
    name = Text(app.label or app.package_id or audit.path.rpartition("/")[2], style="bold")
    if app.version_name:
        name.append(f"  {app.version_name}", style="bold")
    facts = [app.package_id, f"{app.platform} {app.container}", format_bytes(app.size)]
    return Group(name, Text(" · ".join(fact for fact in facts if fact), style="dim"), Text())


def _summary(sentences: Iterable[str]) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for at, sentence in enumerate(sentences):
        table.add_row(Text("" if at else "In short", style="bold"), sentence)
    return table


def _heading(title: str, count: int | None = None) -> RenderableType:
    text = Text(f"\n{title}", style="bold")
    if count is not None:
        text.append(f"  {count}", style="dim")
    return text


def _models(models: Sequence[AuditedModel], rows: int) -> RenderableType:
    """One line per model or, where several are alike in all that is said about them, per group."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("model", overflow="ellipsis", no_wrap=True, max_width=36)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("how", no_wrap=True)
    table.add_column("whose", overflow="ellipsis", no_wrap=True, max_width=18)
    table.add_column("why", overflow="fold", ratio=1)
    groups: dict[tuple[str, str, str], list[AuditedModel]] = {}
    for item in models:
        groups.setdefault((_grades(item.protection).plain, _owner(item), _why(item.protection)), []).append(item)
    shown = list(groups.values()) if not rows else list(groups.values())[:rows]
    for group in shown:
        size = sum(item.size for item in group)
        table.add_row(
            _names(group, rows), format_bytes(size) if size else "–", _grades(group[0].protection), _owner(group[0]),
            Text(_why(group[0].protection), style="dim"),
        )  # fmt: skip
    rest = len(models) - sum(len(group) for group in shown)
    return Group(table, Text(f"… and {rest} more models", style="dim")) if rest else table


def _names(group: Sequence[AuditedModel], rows: int) -> Text:
    named = group if not rows else group[:_NAMES]
    text = Text("\n").join(
        Text.assemble(item.name, (f" ×{item.places}" if item.places > 1 else "", "dim")) for item in named
    )
    if len(group) > len(named):
        text.append(f"\n… and {len(group) - len(named)} more", style="dim")
    return text


def _grades(protection: Protection) -> Text:
    first, *others = protection.grades
    text = Text(first, style=_STYLE[first])
    if protection.confidence is not Confidence.CERTAIN:
        text.append(f" ({protection.confidence})", style="dim")
    if protection.cipher is not None:
        text.append(f"\n{_cipher(protection.cipher)}", style="dim")
    if others:
        text.append("\n" + ", ".join(others), style="dim")
    return text


def _cipher(cipher: Cipher) -> str:
    parts = [cipher.name + (f"-{cipher.mode}" if cipher.mode else "")]
    if cipher.key_bytes:
        parts.append(f"key of {cipher.key_bytes} bytes")
    return ", ".join(parts)


def _owner(item: AuditedModel) -> str:
    if item.owner is None:
        return "–"
    return item.owner.title if item.owner.owner is Owner.SDK and item.owner.title else item.owner.owner.value


def _why(protection: Protection) -> str:
    ordered = sorted(protection.signals, key=lambda item: _SHOWN_FIRST.index(item.kind))
    return "; ".join(item.says for item in ordered[:_SIGNALS])


def _meanings(models: Sequence[AuditedModel]) -> list[RenderableType]:
    """What each grade that occurs leaves open, and what would help: once, not per model."""
    first = {item.protection.grade: item.protection for item in models}
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("how", no_wrap=True)
    table.add_column("what somebody with the app could do", overflow="fold", ratio=1)
    table.add_column("what would help", overflow="fold", ratio=1)
    for grade, protection in first.items():
        table.add_row(Text(grade, style=_STYLE[grade]), protection.attack, Text(protection.remedy, style="dim"))
    return [Text(), table]


def _model_findings(models: Sequence[AuditedModel]) -> list[IntegrityFinding]:
    """Findings about single models, equal ones together."""
    groups: dict[tuple[Check, str], list[tuple[str, IntegrityFinding]]] = {}
    for item in models:
        for finding in item.integrity:
            groups.setdefault((finding.check, finding.says), []).append((item.name, finding))
    found = []
    for same in groups.values():
        names = list(dict.fromkeys(name for name, _ in same))
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        says = f"{', '.join(names[:2])}{more}: {same[0][1].says}"
        found.append(msgspec.structs.replace(same[0][1], says=says))
    return found


def _finding(finding: IntegrityFinding) -> RenderableType:
    mark, style = _MARKS[finding.good]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    table.add_row(Text(f"{mark} {finding.check}: {finding.answer}", style=style), finding.says)
    return table


def _unknown(files: Sequence[AuditedModel], rows: int) -> list[RenderableType]:
    shown = files if not rows else files[:_UNKNOWN_ROWS]
    lines: list[RenderableType] = [
        Text(f"{item.location.path.partition('!')[2]}  {format_bytes(item.size)}", style="dim") for item in shown
    ]
    rest = len(files) - len(shown)
    return [*lines, Text(f"… and {rest} more", style="dim")] if rest else lines
