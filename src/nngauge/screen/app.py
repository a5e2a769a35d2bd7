"""The screen about one app: one page for a normal one. Builds Rich renderables; the command line prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.acceleration import Acceleration, Outcome
from nngauge.domain.app import App
from nngauge.domain.attribution import Attribution, Owner
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence
from nngauge.domain.graph import Completeness
from nngauge.domain.model import Candidate, Model
from nngauge.domain.outcome import Anomaly, Coverage, Failure, Treatment
from nngauge.domain.scan import Scan, Verdict
from nngauge.domain.task import UNKNOWN, CoreVerdict, Role
from nngauge.domain.technology import Grade, Technology
from nngauge.domain.usage import Caller, UsageVerdict, Use
from nngauge.units import format_bytes, format_count
from nngauge.words.grouping import DistinctModel, distinct_models
from nngauge.words.safe import brief

_ROWS = 14
"""Rows of one table before the rest is summed up, so that a normal app stays on one screen."""
_WIDEST = 36
"""Characters of a cell that does not fold."""
_SURE = 0.5
"""A task counts as told from this probability on; below it is shown dim."""
_GRADE_STYLE = {
    Grade.LIBRARY: "green",
    Grade.EMBEDDED: "green",
    Grade.PACKED: "green",
    Grade.FRAMEWORK: "cyan",
    Grade.DEFINED: "cyan",
    Grade.FETCHED: "magenta",
    Grade.REFERENCED: "yellow",
    Grade.DECLARED: "yellow",
    Grade.ENDPOINT: "magenta",
    Grade.MODELS: "dim",
    Grade.DEAD: "red",
}


def render_scan(scan: Scan, *, rows: int = _ROWS) -> RenderableType:
    """The whole report; `rows` is the length at which tables are cut (0: never)."""
    blocks: list[RenderableType] = [_identity(scan), _verdict(scan.verdict, scan.core)]
    found = scan.technologies
    uses = {item.subject: item for item in scan.usage}
    if found:
        blocks += [_heading("AI technologies", len(found)), _technology_table(found, rows, uses)]
    stuck = [item for item in scan.accelerations if item.outcome is Outcome.MISSING]
    if stuck:
        blocks += [_heading("Asked for, but not shipped", len(stuck)), _stuck_table(stuck, rows)]
    models = distinct_models(scan.models)
    if models:
        total = sum(item.model.size for item in models)
        blocks += [_heading("Models", len(models), format_bytes(total)), _model_table(models, rows, uses)]
    doubts = [*_candidate_lines(scan.candidates), *_failure_lines(scan.failures), *_anomaly_lines(scan.anomalies)]
    if doubts:
        blocks += [_heading("Not read, or odd", len(doubts)), _doubt_table(doubts, rows)]
    blocks += [Text(), _account(scan.coverage)]
    return Group(*blocks)


def _identity(scan: Scan) -> RenderableType:
    app = scan.app
    name = Text(brief(app.label or app.package_id or scan.path.rpartition("/")[2]), style="bold")
    if app.version_name:
        name.append(f"  {brief(app.version_name)}", style="bold")
    if app.version_code:
        name.append(f" ({app.version_code})", style="dim")
    facts = [brief(app.package_id or ""), f"{app.platform} {app.container}", format_bytes(app.size), *app.abis[:4]]
    if app.min_os or app.target_os:
        facts.append(f"OS {app.min_os or '?'} to {app.target_os or '?'}")
    facts += _identity_extras(app)
    return Group(name, Text(" · ".join(fact for fact in facts if fact), style="dim"), Text())


def _identity_extras(app: App) -> Iterable[str]:
    if app.permissions:
        yield f"{len(app.permissions)} permissions"
    if app.signers:
        yield f"signer {app.signers[0][:12]}"
    if len(app.parts) > 1:
        yield f"{len(app.parts)} parts"


def _verdict(verdict: Verdict, core: CoreVerdict | None) -> RenderableType:
    answers = (
        ("runtime present", verdict.runtime_present),
        ("model present", verdict.model_present),
        ("model elsewhere", verdict.model_elsewhere),
    )
    line = Text("Verdict   ", style="bold")
    for title, answer in answers:
        line.append("● " if answer else "○ ", style="green" if answer else "dim")
        line.append(f"{title}: {'yes' if answer else 'no'}   ", style="" if answer else "dim")
    reasons = [Text(f"          {reason}", style="dim") for reason in verdict.because]
    if not any(answer for _, answer in answers):
        reasons = [Text("          no AI was found in this package", style="dim")]
    if core is not None and core.role is not Role.UNKNOWN:
        why = "; ".join(proof.value for proof in core.because[:2])
        reasons.append(Text(f"          AI is a {core.role} ({core.probability:.0%}): {why}", style="dim"))
    return Group(line, *reasons)


def _heading(title: str, count: int, extra: str = "") -> RenderableType:
    text = Text(f"\n{title}", style="bold")
    text.append(f"  {count}" + (f", {extra}" if extra else ""), style="dim")
    return text


def _grid(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim", pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        ratio = 1 if column.startswith("~") else None
        table.add_column(
            column.lstrip(">~"), justify="right" if right else "left", overflow="fold" if ratio else "ellipsis",
            no_wrap=not ratio, ratio=ratio, max_width=None if ratio else _WIDEST,
        )  # fmt: skip
    return table


def _technology_table(found: Sequence[Technology], rows: int, uses: Mapping[str, UsageVerdict]) -> RenderableType:
    table = _grid("technology", "version", "kind", "how", *(["used"] if uses else []), "~where")
    shown = found if not rows else found[:rows]
    for tech in shown:
        how = Text(f"inside {tech.host}" if tech.host else tech.grade, style=_GRADE_STYLE[tech.grade])
        style = "dim" if tech.confidence is Confidence.POSSIBLE else ""
        title = Text(tech.title, style=style or ("bold" if tech.category is Category.RUNTIME else ""))
        if tech.confidence is not Confidence.CERTAIN:
            title.append(f" ({tech.confidence})", style="dim")
        used = [_used_cell(uses.get(tech.id))] if uses else []
        table.add_row(title, ", ".join(tech.versions[:2]) or "–", tech.category, how, *used, _where(tech))
    return _with_rest(table, len(found) - len(shown), "technologies")


def _used_cell(verdict: UsageVerdict | None) -> Text:
    if verdict is None or verdict.use is Use.UNKNOWN:
        return Text("unknown", style="dim")
    by = f" by {verdict.via or verdict.caller}" if verdict.use is Use.USED and verdict.caller is not Caller.APP else ""
    return Text(f"{verdict.use}{by}", style="green" if verdict.use is Use.USED else "yellow")


def _where(tech: Technology) -> Text:
    place = Text(_inner(tech.location.path))
    if tech.library_bytes:
        place.append(f"  {format_bytes(tech.library_bytes)}", style="dim")
    if tech.places > 1:
        place.append(f"  +{tech.places - 1} more", style="dim")
    return place


def _stuck_table(stuck: Sequence[Acceleration], rows: int) -> RenderableType:
    table = _grid("accelerator", "abi", "~missing", "~what comes of it")
    shown = stuck if not rows else stuck[:rows]
    for item in shown:
        table.add_row(
            Text(item.title, style="red"), item.abi or "–", ", ".join(item.missing), Text(item.consequence, style="dim")
        )
    return _with_rest(table, len(stuck) - len(shown), "accelerators")


def _model_table(models: Sequence[DistinctModel], rows: int, uses: Mapping[str, UsageVerdict]) -> RenderableType:
    used = ["used"] if uses else []
    table = _grid("~model", "what for", "whose", *used, "format", ">size", "weights", ">params", "~where")
    shown = models if not rows else models[:rows]
    for item in shown:
        model = item.model
        where = Text(_inner(item.places[0]))
        if len(item.places) > 1:
            where.append(f"  +{len(item.places) - 1} more", style="dim")
        table.add_row(
            _name_cell(model), _task_cell(model), _owner_cell(model.owner),
            *([_used_cell(uses.get(item.places[0]))] if uses else []), _format_cell(model), format_bytes(model.size),
            next(iter(model.weights), "–"),
            format_count(model.parameters) if model.parameters is not None else "–", where,
        )  # fmt: skip
    return _with_rest(table, len(models) - len(shown), "models")


def _name_cell(model: Model) -> Text:
    text = Text(brief(model.name))
    if model.known is not None:
        text.append(f"\n= {model.known.sentence}", style="dim")
    return text


def _task_cell(model: Model) -> Text:
    verdict = model.task
    if verdict is None or verdict.task == UNKNOWN:
        return Text("unknown", style="dim")
    return Text(verdict.title.partition(" (")[0], style="" if verdict.probability >= _SURE else "dim")


def _owner_cell(owner: Attribution | None) -> Text:
    if owner is None or owner.owner is Owner.UNKNOWN:
        return Text("unknown", style="dim")
    return Text(owner.title if owner.owner is Owner.SDK else owner.owner, style="cyan" if owner.sdk else "")


def _format_cell(model: Model) -> Text:
    text = Text(model.title.partition(" (")[0].partition(" / ")[0])
    if model.completeness is not Completeness.FULL:
        text.append(f" ({model.completeness})", style="dim")
    return text


def _candidate_lines(candidates: Sequence[Candidate]) -> list[tuple[str, str, str]]:
    return [(item.suspicion, _inner(str(item.location)), item.reason) for item in candidates]


def _failure_lines(failures: Sequence[Failure]) -> list[tuple[str, str, str]]:
    return [(item.error, _inner(str(item.location)), item.reason) for item in failures]


def _anomaly_lines(anomalies: Sequence[Anomaly]) -> list[tuple[str, str, str]]:
    return [
        (item.kind, _inner(str(item.location)), item.detail + (f" ({item.count} entries)" if item.count > 1 else ""))
        for item in anomalies
    ]


def _doubt_table(lines: Sequence[tuple[str, str, str]], rows: int) -> RenderableType:
    table = _grid("what", "where", "~why")
    shown = lines if not rows else lines[:rows]
    for what, where, why in shown:
        table.add_row(Text(what, style="yellow"), where, Text(brief(why, 400), style="dim"))
    return _with_rest(table, len(lines) - len(shown), "lines; --json has them all")


def _with_rest(table: Table, rest: int, what: str) -> RenderableType:
    return Group(table, Text(f"… and {rest} more {what}", style="dim")) if rest > 0 else table


def _account(coverage: Sequence[Coverage]) -> Text:
    entries: Counter[Treatment] = Counter()
    sizes: Counter[Treatment] = Counter()
    for item in coverage:
        entries[item.treatment] += item.entries
        sizes[item.treatment] += item.size
    parts = [
        f"{treatment} {entries[treatment]} ({format_bytes(sizes[treatment])})"
        for treatment in Treatment
        if entries[treatment]
    ]
    return Text("Every entry: " + ", ".join(parts) if parts else "No entries.", style="dim")


def _inner(path: str) -> str:
    """A location without the package file itself, of a length that fits."""
    return brief(path.partition("!")[2] or path.rpartition("/")[2])
