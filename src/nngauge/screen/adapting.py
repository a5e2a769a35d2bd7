"""Tables on narrow terminals: lines are broken, columns that can be spared go, numbers are never cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

_ENDLESS = 10_000
_NARROW = 2


class Adapting(Struct, frozen=True):
    """A table as it is where there is room; else with less space between the columns, and cells of several lines."""

    table: Table
    spare: tuple[str, ...] = ()
    """Titles of columns that go where there is no room, and are named below the table."""
    whole: tuple[str, ...] = ()
    """Titles of columns whose cells stay in one line."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        wanted = console.measure(self.table, options=options.update(max_width=_ENDLESS)).maximum
        if wanted <= options.max_width:
            yield from console.render(self.table, options)
            return
        yield from console.render(_narrowed(self.table, self.spare, self.whole), options)
        if self.spare:
            left = f"no room for: {', '.join(self.spare)}; a wider terminal, a pipe or --json has all"
            yield from console.render(Text(left, style="dim"), options)


def _narrowed(table: Table, spare: Sequence[str], whole: Sequence[str]) -> Table:
    columns = [column for column in table.columns if column.header not in spare]
    found = Table(
        box=None, show_header=table.show_header, header_style=table.header_style, padding=(0, _NARROW, 0, 0), pad_edge=False
    )  # fmt: skip
    for column in columns:
        kept = column.header in whole
        found.add_column(column.header, justify=column.justify, style=column.style, no_wrap=kept, overflow="fold")
    for row in zip(*(column.cells for column in columns), strict=True):
        found.add_row(*row)
    return found
