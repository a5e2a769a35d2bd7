"""What is used again among the models of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.reuse import Group, Member, Reuse, Share
from nngauge.units import format_count

_NAMED = 4
"""Members of a group that are named."""


def render_reuse(found: Reuse) -> RenderableType:
    """Shares, then groups of the same model, of families, and of equal graphs."""
    if not found.shares or not found.shares[0].whole:
        return Text("no models: nngauge study run", style="dim")
    parts: list[RenderableType] = [_shares(found.shares)]
    parts += _groups("the same model in several forms", found.same)
    parts += _groups("families: some of the weights in common", found.families)
    parts += _groups("the same graph with unrelated weights", found.architectures)
    if found.unread:
        parts.append(Text(f"{found.unread:,} distinct models have no weights that can be compared", style="dim"))
    return Lines(*parts)


def _shares(shares: Sequence[Share]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("")
    for title in ("all models", "", "without SDKs' models", ""):
        table.add_column(title, justify="right")
    for share in shares:
        table.add_row(share.what, *_figure(share.part, share.whole), *_figure(share.part_own, share.whole_own))
    return table


def _figure(part: int, whole: int) -> tuple[str, str]:
    return f"{part:,} of {whole:,}", f"{part / whole:.1%}" if whole else "–"


def _groups(title: str, groups: Sequence[Group]) -> Iterator[RenderableType]:
    if not groups:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("packages", justify="right")
    table.add_column("models", justify="right")
    for column in ("formats", "how", "which"):
        table.add_column(column, overflow="fold")
    for group in groups:
        table.add_row(
            f"{group.apps:,}",
            f"{group.models:,}",
            ", ".join(group.formats),
            "; ".join(group.relations),
            Text(_members(group)),
        )
    yield Text(f"\n{title}", style="bold")
    yield table


def _members(group: Group) -> str:
    named = [_member(member) for member in group.members[:_NAMED]]
    rest = group.models - len(named)
    return "; ".join(named) + (f"; and {rest:,} more" if rest > 0 else "")


def _member(member: Member) -> str:
    facts = [member.precision or "", f"{format_count(member.parameters)} parameters" if member.parameters else ""]
    facts.append(f"{member.apps:,} packages" if member.apps > 1 else "")
    facts.append("SDK" if member.sdk else "")
    told = ", ".join(fact for fact in facts if fact)
    return f"{member.name} ({told})" if told else member.name
