"""The screen about two snapshots, and their changes as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.snapshot_difference import AppChange, ChangeKind, ModelTotals, Shift, SnapshotDifference
from nngauge.units import format_bytes
from nngauge.words.safe import one_line
from nngauge.words.tables import answer_csv

ROWS: Final = 5
"""Lines of a table before the rest is summed up: everything fits one screen."""
COLUMNS: Final = (
    "kind", "platform", "package_id", "subject", "first", "second", "detail", "first_bytes", "second_bytes",
)  # fmt: skip
_STYLE: Final = {
    **dict.fromkeys((ChangeKind.CHECK_IN, ChangeKind.ADOPTED, ChangeKind.UPGRADED, ChangeKind.SDK_ADDED), "green"),
    **dict.fromkeys((ChangeKind.ACCELERATOR_ADDED, ChangeKind.MODEL_ADDED), "green"),
    **dict.fromkeys((ChangeKind.CHECK_OUT, ChangeKind.DROPPED, ChangeKind.DOWNGRADED, ChangeKind.SDK_REMOVED), "red"),
    **dict.fromkeys((ChangeKind.ACCELERATOR_REMOVED, ChangeKind.MODEL_REMOVED), "red"),
}


def render_snapshots(difference: SnapshotDifference) -> RenderableType:
    """Totals, then the changes that `difference` names."""
    blocks: list[RenderableType] = [_head(difference)]
    blocks += [Text(f"! {one_line(note)}", style="yellow") for note in difference.notes]
    blocks += [Text(), _meanings(difference)]
    blocks += _shifts("Technologies", difference.technologies, difference)
    if difference.switches:
        blocks += [_heading("Switches"), *_switches(difference)]
    if difference.versions:
        blocks += [_heading("Versions"), *_versions(difference)]
    blocks += _shifts("SDKs", difference.sdks, difference)
    blocks += _shifts("Accelerators", difference.accelerators, difference)
    blocks += [_heading("Models"), _models(difference.models)]
    if difference.changes:
        blocks += [_heading("Changes", _left_out(difference)), _changes(difference.changes)]
    return Group(*blocks)


def changes_csv(changes: Iterable[AppChange]) -> str:
    """One row a change, with a header."""
    rows = [
        (
            item.kind.value, item.platform, item.package_id, item.subject, item.first, item.second, item.detail,
            item.first_bytes, item.second_bytes,
        )
        for item in changes
    ]  # fmt: skip
    return answer_csv(COLUMNS, rows)


def _head(difference: SnapshotDifference) -> Text:
    title = f"{one_line(difference.first.name)} → {one_line(difference.second.name)}"
    if difference.app is not None:
        title = f"{one_line(difference.app)}  {title}"
    text = Text(title, style="bold")
    text.append(
        f"  {difference.kept:,} packages in both ({difference.identical:,} with the same bytes), {difference.new:,} new, "
        f"{difference.gone:,} gone; {format_bytes(difference.first_bytes)} → {format_bytes(difference.second_bytes)}",
        style="not bold",
    )
    return text


def _heading(title: str, extra: str = "") -> Text:
    text = Text(f"\n{title}", style="bold")
    return text.append(f"  {extra}", style="dim") if extra else text


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(Text(one_line(column)), justify="right" if at else "left", overflow="fold")
    return table


def _numbers(*numbers: int) -> Iterator[Text]:
    """Zeros are dim: what changed is found at a glance."""
    return (Text(f"{number:,}" if number else "–", style="" if number else "dim") for number in numbers)


def _meanings(difference: SnapshotDifference) -> Table:
    names = (difference.first.name, difference.second.name)
    table = _table("Packages with AI", *names, "check-in", "check-out", "new", "gone")
    for item in difference.meanings:
        cells = _numbers(item.before, item.after, item.check_in, item.check_out, item.new, item.gone)
        table.add_row(Text(item.meaning.value), *cells)
    return table


def _moved(shift: Shift) -> int:
    """In how many kept packages something happened."""
    return shift.adopted + shift.dropped + shift.upgraded + shift.downgraded + shift.version_changed


def _shifts(title: str, shifts: Sequence[Shift], difference: SnapshotDifference) -> list[RenderableType]:
    """Those with most changes; a heading alone where there are none."""
    if not shifts:
        return []
    moved = sorted((item for item in shifts if _moved(item)), key=lambda item: -_moved(item))
    if not moved:
        says = "the same in all packages that are in both" if difference.kept else "no package is in both"
        return [_heading(title, f"{len(shifts):,}, {says}")]
    versions = any(item.upgraded or item.downgraded or item.version_changed for item in moved)
    columns = ("adopted", "dropped", "new", "gone", *(("upgraded", "downgraded", "other version") if versions else ()))
    table = _table("", difference.first.name, difference.second.name, *columns)
    for item in moved[:ROWS]:
        figures = [item.before, item.after, item.adopted, item.dropped, item.new, item.gone]
        figures += [item.upgraded, item.downgraded, item.version_changed] if versions else []
        table.add_row(Text(one_line(item.title)), *_numbers(*figures))
    rest = len(moved) - ROWS
    more = f"{rest:,} more with changes" if rest > 0 else ""
    return [_heading(title, more), table]


def _switches(difference: SnapshotDifference) -> Iterator[Text]:
    for item in difference.switches[:ROWS]:
        line = f"{', '.join(item.dropped)} → {', '.join(item.adopted)}"
        yield Text(one_line(line)).append(f"  {_packages(item.packages)}, {item.family}", style="dim")
    if len(difference.switches) > ROWS:
        yield Text(f"… and {len(difference.switches) - ROWS:,} more", style="dim")


def _versions(difference: SnapshotDifference) -> Iterator[Text]:
    for item in difference.versions[:ROWS]:
        line = f"{item.technology} {', '.join(item.first)} → {', '.join(item.second)}"
        yield Text(one_line(line)).append(f"  {item.kind.value}, {_packages(item.packages)}", style="dim")
    if len(difference.versions) > ROWS:
        yield Text("… and more; --csv has them all", style="dim")


def _packages(count: int) -> str:
    return f"{count:,} package" + ("" if count == 1 else "s")


def _models(models: ModelTotals) -> Text:
    changed = sum(models.changed.values())
    kinds = ", ".join(
        f"{count:,} {name}" for name, count in sorted(models.changed.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    text = Text(f"{models.kept:,} the same, {models.added:,} added, {models.removed:,} removed, {changed:,} changed")
    if kinds:
        text.append(f" ({kinds})")
    return text.append(f"; {format_bytes(models.first_bytes)} → {format_bytes(models.second_bytes)}")


def _left_out(difference: SnapshotDifference) -> str:
    left = difference.changes_left_out
    return f"{left:,} more; --csv and --json have them all" if left else ""


def _changes(changes: Sequence[AppChange]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for item in changes:
        what = Text(one_line(item.subject))
        if _sides(item):
            what.append(f"  {_sides(item)}")
        if item.detail:
            what.append(f"  {one_line(item.detail)}", style="dim")
        table.add_row(Text(item.kind.value, style=_STYLE.get(item.kind, "")), Text(one_line(item.package_id)), what)
    return table


def _sides(item: AppChange) -> str:
    """Before and after; digests are cut, sizes stand for those of models."""
    if item.kind in (ChangeKind.MODEL_ADDED, ChangeKind.MODEL_REMOVED, ChangeKind.MODEL_CHANGED):
        sizes = [format_bytes(size) for size in (item.first_bytes, item.second_bytes) if size is not None]
        return " → ".join(sizes)
    if item.kind is ChangeKind.MODEL_MOVED:
        return f"was {one_line(item.first)}"
    if item.kind is ChangeKind.SIGNER:
        return f"{item.first[:16]}… → {item.second[:16]}…"
    return one_line(" → ".join(text for text in (item.first, item.second) if text))
