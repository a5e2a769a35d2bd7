"""The result of a check on a terminal, the list of rules, and one rule explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import fields
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nngauge.domain.finding import Finding, Severity
from nngauge.knowledge.deprecations import deprecations
from nngauge.knowledge.store_limits import store_limits
from nngauge.policy._api import Options, Rule, inner
from nngauge.policy.assessment import RANK, Assessment, Judged
from nngauge.policy.rules import RULE
from nngauge.units import format_bytes
from nngauge.words.amounts import plural

_STYLE: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_ROWS: Final = 6
"""Findings of one rule that are shown where nobody asked for all."""


_REMEDIES: Final = 3
"""Different remedies of one rule that are shown."""


def render_check(result: Assessment, threshold: Severity = Severity.ERROR, *, rows: int = _ROWS) -> RenderableType:
    """The whole screen; `rows` findings of each rule at most (0: all)."""
    blocks: list[RenderableType] = [_identity(result), _summary(result, threshold)]
    groups: dict[tuple[Severity, str], list[Judged]] = {}
    for item in result.findings:
        if item.counts:
            groups.setdefault((item.finding.severity, item.finding.rule), []).append(item)
    blocks += [_group(severity, RULE[rule], items, rows) for (severity, rule), items in groups.items()]
    blocks += [*_set_aside(result), *_not_evaluated(result)]
    return Group(*blocks)


def _identity(result: Assessment) -> RenderableType:
    app = result.dossier.scan.app
    name = Text(app.label or app.package_id or result.dossier.scan.path.rpartition("/")[2], style="bold")
    if app.version_name:
        name.append(f"  {app.version_name}", style="bold")
    facts = [app.package_id, f"{app.platform} {app.container}", format_bytes(app.size)]
    return Group(name, Text(" · ".join(fact for fact in facts if fact), style="dim"), Text())


def _summary(result: Assessment, threshold: Severity) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    table.add_row(Text("Policy", style="bold"), _verdict(result, threshold))
    counts = Text(" · ").join(_count(result, severity) for severity in Severity)
    kept = len(result.policy.rules) - len(
        {item.finding.rule for item in result.findings} | {item.rule for item in result.skipped}
    )
    table.add_row("", Text.assemble(counts, (f" · {kept} of {plural(len(result.policy.rules), 'rule')} kept", "dim")))
    if result.gain_bytes:
        gain = f"{format_bytes(result.gain_bytes)} could be saved, unpacked; what a remedy may cost is said with it"
        table.add_row("", Text(gain, style="green"))
    if not result.dossier.scan.complete:
        table.add_row("", Text("parts of the package could not be read: nothing is said about those", style="yellow"))
    return table


def _verdict(result: Assessment, threshold: Severity) -> Text:
    source = result.policy.title or result.policy.source
    if result.breaks(threshold):
        return Text.assemble(("✗ broken", "bold red"), f"  {source}")
    return Text.assemble(("✓ kept", "bold green"), f"  {source}")


def _count(result: Assessment, severity: Severity) -> Text:
    count = result.count(severity)
    return Text(plural(count, severity), style=_STYLE[severity] if count else "dim")


def _group(severity: Severity, rule: Rule, items: Sequence[Judged], rows: int) -> RenderableType:
    shown = items[:rows] if rows else items
    head = Text.assemble(
        ("\n"), (f"{severity}", _STYLE[severity]), "  ", (rule.id, "bold"), (f"  {rule.broken}", "dim")
    )
    if len(items) > 1:
        head.append(f"  {len(items)}", style="bold")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(overflow="fold", ratio=1)
    table.add_column(justify="right", no_wrap=True)
    for item in shown:
        table.add_row(_says(item.finding), _gain(item.finding))
    rest = (
        [Text(f"… and {len(items) - len(shown)} more (--all shows them)", style="dim")]
        if len(shown) < len(items)
        else []
    )
    return Group(head, Padding(Group(table, *rest, _advice(items)), (0, 0, 0, 2)))


def _says(finding: Finding) -> Text:
    text = Text(finding.says)
    if finding.location is not None:
        place = inner(finding.location)
        text.append(f"\n{place or finding.location.name}", style="dim")
    return text


def _gain(finding: Finding) -> Text:
    return Text(f"−{format_bytes(finding.gain_bytes)}" if finding.gain_bytes else "", style="green")


def _advice(items: Sequence[Judged]) -> RenderableType:
    """What to do: once where it is the same for all."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for remedy in list(dict.fromkeys(item.finding.remedy for item in items if item.finding.remedy))[:_REMEDIES]:
        table.add_row(Text("→", style="green"), Text(remedy, style="green"))
    risks = list(dict.fromkeys(item.finding.risk for item in items if item.finding.risk))
    if len(risks) == 1:
        table.add_row("", Text(risks[0], style="dim"))
    return table


def _set_aside(result: Assessment) -> Iterable[RenderableType]:
    exempt = [item for item in result.findings if item.exemption is not None]
    known = [item for item in result.findings if item.known and item.exemption is None]
    if exempt or known or result.lapsed or result.idle:
        yield Text("\nSet aside", style="bold")
    for item in exempt:
        until = f", until {item.exemption.until}" if item.exemption and item.exemption.until else ""
        reason = item.exemption.reason if item.exemption else ""
        yield Text.assemble(f"{item.finding.rule}: {item.finding.says} ", (f"exempt{until}: {reason}", "dim"))
    if known:
        yield Text(f"{plural(len(known), 'finding')} known from the baseline", style="dim")
    for one in result.lapsed:
        yield Text(f"exemption ended on {one.until}: {one.sentence} ({one.reason})", style="yellow")
    for one in result.idle:
        yield Text(f"exemption covers nothing: {one.sentence} ({one.reason})", style="dim")


def _not_evaluated(result: Assessment) -> Iterable[RenderableType]:
    if not result.skipped:
        return
    yield Text("\nNot evaluated", style="bold")
    by_reason: dict[str, list[str]] = {}
    for item in result.skipped:
        by_reason.setdefault(item.reason, []).append(item.rule)
    for reason, rules in by_reason.items():
        yield Text.assemble(", ".join(rules), (f"  {reason}", "dim"))


def render_rules(rules: Sequence[Rule], chosen: Sequence[tuple[Rule, Options]]) -> RenderableType:
    """All rules, with the severity that a policy gives them."""
    severities = {rule.id: options.severity or rule.severity for rule, options in chosen}
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("rule", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("about", no_wrap=True)
    table.add_column("what has to hold", overflow="fold", ratio=1)
    for rule in rules:
        severity = severities.get(rule.id)
        mark = Text(severity, style=_STYLE[severity]) if severity else Text("off", style="dim")
        table.add_row(rule.id, mark, Text(", ".join(rule.tags), style="dim"), rule.title)
    return table


def render_rule(rule: Rule) -> RenderableType:
    """One rule: why, how to fix, options with their defaults, and the data it rests on."""
    blocks: list[RenderableType] = [
        Text.assemble((rule.id, "bold"), f"  {rule.title}"),
        Text(f"{rule.severity} unless the policy says otherwise · {', '.join(rule.tags)}\n", style="dim"),
        Markdown(rule.help),
        Text("\nOptions", style="bold"),
        _options(rule),
    ]
    if rule.id == "deprecated-api":
        blocks += [Text("\nKnown", style="bold"), _deprecations()]
    if rule.id == "store-limit":
        blocks += [Text("\nKnown", style="bold"), _limits()]
    return Group(*blocks)


def _options(rule: Rule) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for name, value in option_defaults(rule).items():
        table.add_row(name, Text(f"= {value}", style="dim"))
    return table


def option_defaults(rule: Rule) -> dict[str, str]:
    """Options of a rule with their defaults, as a policy writes them."""
    every = {field.encode_name: getattr(rule.options(), field.name) for field in fields(rule.options)}
    every["severity"] = rule.severity
    return {name: _toml(value) for name, value in every.items()}


def _toml(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:_}"
    if isinstance(value, float):
        return f"{float(value):g}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value}"'


def _deprecations() -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("id", "what", "since", "ends", "instead", "source"):
        table.add_column(name, overflow="fold")
    for item in deprecations():
        ends = item.ends.isoformat() if item.ends else "–"
        table.add_row(item.id, item.title, item.since or "–", ends, item.instead, Text(item.source, style="dim"))
    return table


def _limits() -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("store", "limit", "severity", "of what", "read", "source"):
        table.add_column(name, overflow="fold")
    for item in sorted(store_limits(), key=lambda item: (item.store, item.part, -RANK[item.level])):
        source = Text(item.source, style="dim")
        table.add_row(item.store, format_bytes(item.bytes), item.level, item.what, item.read.isoformat(), source)
    return table
