"""The screen of what is worth doing, and its JSON form: the best first, each with gain, risk and command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nngauge.domain.advice import Advice, AdviceList, Faster, Risk
from nngauge.units import format_bytes
from nngauge.words.amounts import plural

SCHEMA: Final = "nngauge.advice/1"
_STYLE: Final = {Risk.NONE: "green", Risk.LOW: "green", Risk.MEDIUM: "yellow", Risk.HIGH: "red"}
_ROWS: Final = 8
"""Kinds of advice that are shown where nobody asked for all."""
_EACH: Final = 3
"""Pieces of one kind, likewise."""


class AdviceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A list of advice with the name of the schema."""

    schema: str = SCHEMA
    advice: AdviceList


def encode_advice(advice: AdviceList) -> bytes:
    """As one line of UTF-8 JSON."""
    return msgspec.json.encode(AdviceDocument(advice=advice))


def render_advice(advice: AdviceList, *, everything: bool = False) -> RenderableType:
    """The whole screen; with `everything`, nothing is cut."""
    groups: dict[str, list[Advice]] = {}
    for item in advice.items:
        groups.setdefault(item.kind, []).append(item)
    shown = list(groups.values()) if everything else list(groups.values())[:_ROWS]
    blocks: list[RenderableType] = [*_head(advice)]
    blocks += [_group(number, items, advice.size, everything=everything) for number, items in enumerate(shown, 1)]
    if len(groups) > len(shown):
        blocks.append(Text(f"\n… and {plural(len(groups) - len(shown), 'more kind')} of advice (--all)", style="dim"))
    return Group(*blocks, *_silent(advice, everything=everything))


def _head(advice: AdviceList) -> Iterator[RenderableType]:
    yield Text(advice.title, style="bold")
    yield Text(f"{format_bytes(advice.size)}", style="dim")
    yield Text()
    if not advice.items:
        yield Text("Nothing was found that would be worth doing.", style="green")
        return
    line = Text(f"{plural(len(advice.items), 'thing')} worth doing")
    if advice.gain_bytes:
        share = f" ({_percent(advice.gain_bytes / advice.size)} of it, unpacked)" if advice.size else ""
        line.append(f"; together up to {format_bytes(advice.gain_bytes)} less{share}", style="green")
    yield line
    if not advice.devices:
        yield Text("Speed was not looked at: --device pixel-4 estimates it.", style="dim")


def _group(number: int, items: Sequence[Advice], size: int, *, everything: bool) -> RenderableType:
    first = items[0]
    head = Text.assemble(f"\n{number:>2}  ", (first.title, "bold"))
    if len(items) > 1:
        head.append(f"  {len(items)}", style="bold")
    head.append("  risk ", style="dim")
    head.append(str(first.risk), style=_STYLE[first.risk])
    head.append(f" · {first.effort}", style="dim")
    shown = items if everything else items[:_EACH]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", ratio=1)
    table.add_column(justify="right", no_wrap=True)
    for item in shown:
        table.add_row(_says(item), _gain(item, size))
    rest = [Text(f"… and {len(items) - len(shown)} more (--all)", style="dim")] if len(shown) < len(items) else []
    return Group(head, Padding(Group(table, *rest, *_ways(shown)), (0, 0, 0, 4)))


def _says(item: Advice) -> Text:
    text = Text(item.says)
    for one in item.faster:
        text.append(f"\n{_speed(one)}", style="cyan" if one.share > 0 else "yellow")
    if item.gain_says:
        text.append(f"\nGain: {item.gain_says}.", style="dim")
    return text


def _speed(one: Faster) -> str:
    where = one.before.setting
    change = f"{_percent(one.share)} less" if one.share >= 0 else f"{_percent(-one.share)} more"
    return (
        f"{where.device}, {where.unit}: {one.before.value:.3g} → {one.after.value:.3g} ms, {change} "
        f"(estimated; {one.after.low:.3g} to {one.after.high:.3g} ms)"
    )


def _gain(item: Advice, size: int) -> Text:
    if not item.gain_bytes:
        return Text()
    share = f"  {_percent(item.gain_bytes / size)}" if size else ""
    return Text(f"{'' if item.exact else '≈ '}−{format_bytes(item.gain_bytes)}{share}", style="green")


def _ways(items: Sequence[Advice]) -> Iterator[RenderableType]:
    """What to do, what it risks and the commands: each once."""
    for text in dict.fromkeys(item.do for item in items if item.do):
        yield Text.assemble(("→ ", "bold"), text)
    for text in dict.fromkeys(item.risk_says.strip() for item in items if item.risk_says):
        yield Text(f"  {text}", style="dim")
    for line in dict.fromkeys(line for item in items for line in item.commands):
        yield Text(f"  $ {line}", style="cyan", overflow="fold")


def _silent(advice: AdviceList, *, everything: bool) -> Iterator[RenderableType]:
    if not advice.silent:
        return
    yield Text("\nNot looked at", style="bold")
    shown = advice.silent if everything else advice.silent[:_EACH]
    for line in shown:
        yield Text(f"  {line}", style="dim")
    if len(shown) < len(advice.silent):
        yield Text(f"  … and {len(advice.silent) - len(shown)} more (--all)", style="dim")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
