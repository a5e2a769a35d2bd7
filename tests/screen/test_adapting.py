"""Tables on narrow terminals: nothing but named columns goes, and no number is cut."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from nngauge.screen.adapting import Adapting


def table() -> Table:
    found = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False)
    for title in ("device", "input", "time", "what it rests on"):
        found.add_column(title, no_wrap=True)
    found.add_row("galaxy-a03s", "224×224", "12.345 ms", "little by little by little")
    return found


def text_of(width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(Adapting(table(), spare=("input",), whole=("time",)))
    return console.export_text()


def test_where_there_is_room_it_is_the_table_itself() -> None:
    plain = Console(width=100, record=True, file=io.StringIO())
    plain.print(table())
    assert text_of(100) == plain.export_text()


def test_a_narrow_one_breaks_lines_and_names_what_is_left_out() -> None:
    text = text_of(44)
    assert "…" not in text
    assert "12.345 ms" in text
    assert "224×224" not in text
    assert "no room for: input" in " ".join(text.split())
    assert text.count("little") == 3
    assert max(map(len, text.splitlines())) <= 44


def test_it_can_be_printed_twice() -> None:
    console = Console(width=44, record=True, file=io.StringIO())
    found = Adapting(table(), spare=("input",))
    console.print(found)
    first = console.export_text()
    console.print(found)
    assert console.export_text() == first
