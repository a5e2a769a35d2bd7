"""One device of the knowledge base on a terminal: what is known, what is not, and from where."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.knowledge import phones
from nngauge.knowledge.phones import Cluster, Phone, Soc
from nngauge.words.safe import one_line

_UNKNOWN = "not known"


def render_phone(phone: Phone) -> RenderableType:
    """The device, then each of its chips."""
    rows = [
        ("released", str(phone.year) if phone.year else _UNKNOWN),
        ("memory", ", ".join(f"{size / 1024:g} GB" for size in phone.ram_mb) or _UNKNOWN),
        ("battery", f"{phone.battery_mah:,} mAh" if phone.battery_mah else _UNKNOWN),
        ("also called", ", ".join(phone.aliases) or "–"),
    ]
    blocks: list[RenderableType] = [
        Text(f"\n{one_line(phone.name)}", style="bold").append(
            f"  {phone.id}, {phone.kind.value}", style="not bold dim"
        ),
        _grid(rows),
    ]
    known = [phones.socs()[soc] for soc in phone.socs]
    for soc in known:
        blocks += [render_soc(soc, sources=False)]
    if not known:
        blocks.append(Text("chip not known", style="yellow"))
    return Group(*blocks, *_sources((*phone.sources, *(one for soc in known for one in soc.sources))))


def render_soc(soc: Soc, *, sources: bool = True) -> RenderableType:
    """A chip."""
    rows = [
        ("cores", " + ".join(_cluster(one) for one in soc.clusters) or _UNKNOWN),
        ("GPU", soc.gpu or _UNKNOWN),
        ("NPU", soc.npu or _UNKNOWN),
        ("memory bandwidth", f"{soc.bandwidth_gbs:g} GB/s" if soc.bandwidth_gbs else _UNKNOWN),
        ("line", soc.tier.value if soc.tier else _UNKNOWN),
        ("also called", ", ".join(soc.aliases) or "–"),
    ]
    head = Text(f"\n{one_line(soc.name)}", style="bold").append(
        f"  {soc.id}, {soc.maker or 'maker not known'}", style="not bold dim"
    )
    return Group(head, _grid(rows), *(_sources(soc.sources) if sources else ()))


def _cluster(one: Cluster) -> str:
    clock = f" at {one.ghz:g} GHz" if one.ghz else ""
    return f"{one.count} × {one.core or 'cores of unknown type'}{clock}"


def _grid(rows: list[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(one_line(value), style="yellow" if value == _UNKNOWN else ""))
    return table


def _sources(names: tuple[str, ...]) -> Iterator[Text]:
    for name in dict.fromkeys(names):
        source = phones.sources()[name]
        yield Text(f"source: {one_line(source.title)} ({source.license}), {source.where}", style="dim")


def render_table() -> RenderableType:
    """How many there are of what."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for name in ("kind", "devices", "chip known", "year known", "memory known", "battery known"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind in phones.Kind:
        found = [phone for phone in phones.phones().values() if phone.kind is kind]
        known = (
            sum(map(bool, column))
            for column in zip(*((p.socs, p.year, p.ram_mb, p.battery_mah) for p in found), strict=True)
        )
        table.add_row(kind.value, str(len(found)), *(str(count) for count in known))
    cores = sum(bool(soc.clusters) and all(one.core for one in soc.clusters) for soc in phones.socs().values())
    tail = Text(
        f"{len(phones.phones())} devices, {len(phones.socs())} chips, the cores of {cores} are known; {len(phones.sources())} sources",
        style="dim",
    )
    return Group(table, tail)
