"""The screen about two bills of materials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.bom import BomChange, BomChangeKind, BomDifference, BomSide
from nngauge.units import format_bytes
from nngauge.words.amounts import plural
from nngauge.words.safe import one_line

_TITLES: Final = {"app": "App", "model": "Models", "library": "Code", "platform": "Platform", "service": "Services"}
_MARKS: Final = {BomChangeKind.ADDED: "+", BomChangeKind.REMOVED: "−"}
_STYLES: Final = {
    BomChangeKind.ADDED: "green",
    BomChangeKind.REMOVED: "red",
    BomChangeKind.UPGRADED: "green",
    BomChangeKind.DOWNGRADED: "red",
}


def render_bom_difference(difference: BomDifference) -> RenderableType:
    """What is compared, then the changes of models, code, platform and services."""
    blocks: list[RenderableType] = [_sides(difference), _verdict(difference)]
    blocks += [Text(f"! {one_line(note)}", style="yellow") for note in difference.notes]
    for item, title in _TITLES.items():
        changes = [change for change in difference.changes if change.item == item]
        if changes:
            blocks += [Text(f"\n{title}", style="bold").append(f"  {_counts(changes)}", style="dim"), _table(changes)]
    return Group(*blocks)


def _sides(difference: BomDifference) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), show_header=False, pad_edge=False)
    for side in (difference.first, difference.second):
        table.add_row(*_side(side))
    return table


def _side(side: BomSide) -> Iterator[str]:
    yield one_line(f"{side.app} {side.version}".strip() or "unnamed app")
    yield plural(side.models, "model")
    yield plural(side.items, "line")
    yield "" if side.bytes is None else format_bytes(side.bytes)
    yield one_line(f"{side.source}, {side.path}")


def _verdict(difference: BomDifference) -> Text:
    same = plural(difference.same, "line")
    if not difference.changes:
        return Text(f"Nothing changed; {same} the same.", style="bold green")
    return Text(f"{plural(len(difference.changes), 'change')}; {same} the same.", style="bold")


def _counts(changes: Sequence[BomChange]) -> str:
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.kind.value] = counts.get(change.kind.value, 0) + 1
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def _table(changes: Sequence[BomChange]) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for column in ("", "name", "what", "from", "to"):
        table.add_column(column, overflow="fold")
    table.add_column("bytes", justify="right", no_wrap=True)
    for change in changes:
        what = change.detail if change.kind is BomChangeKind.MODEL else change.kind.value
        table.add_row(
            _MARKS.get(change.kind, "≠"), one_line(change.name), one_line(what), one_line(change.first),
            one_line(change.second), _bytes(change), style=_STYLES.get(change.kind, "yellow"),
        )  # fmt: skip
    return table


def _bytes(change: BomChange) -> str:
    sizes = (change.first_bytes, change.second_bytes)
    if sizes == (None, None):
        return ""
    texts = ["–" if size is None else format_bytes(size) for size in sizes]
    return texts[0] if texts[0] == texts[1] else " → ".join(texts)
