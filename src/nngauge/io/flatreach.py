"""Reading a FlatBuffer while keeping count: of the work done, and of how far into the data it reaches.

The format stores no total size, so a model inside a larger file ends where the furthest thing it refers to ends.
"""

from __future__ import annotations

import struct
from typing import Any

from nngauge.errors import LimitError
from nngauge.io.binary import Buffer
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_ITEMS, MAX_STRING

_TABLE_COST = 48
"""Units of the meter for a table in a list: a dozen bytes of file, the least that a table with content takes."""
_MAX_PADDING = 16
"""The largest alignment in use; fewer zeros than this before the end of the data are padding too."""
_WIDTHS = {code: struct.calcsize("<" + code) for code in "bBhHiIqQfd?"}
_ONE = {code: struct.Struct("<" + code).unpack_from for code in _WIDTHS}


class Reach:
    """Metered reads of one FlatBuffer; `end` is one past the furthest byte that anything read refers to."""

    def __init__(self, root: Table) -> None:
        self.buf: Buffer = root.buf
        self.meter = Meter.for_size(len(root.buf))
        self.end = root.end
        self._root = root

    def tables(self, table: Table, field: int, limit: int = MAX_ITEMS) -> list[Table]:
        """A vector of sub-tables."""
        start, count = table.vector(field, 4)
        if count > limit:
            raise LimitError(f"{count} entries in one list", where=f"@{start}")
        self.meter.spend(_TABLE_COST * count)
        found = table.tables(field)
        last = max(found, key=_position).end if found else 0
        self.end = max(self.end, start + 4 * count, last)
        return found

    def table(self, table: Table, field: int) -> Table | None:
        """A sub-table."""
        found = table.table(field)
        if found is not None and found.pos >= self.end:
            self.end = found.end
        return found

    def text(self, table: Table, field: int) -> str:
        """A string (bad UTF-8 replaced)."""
        start, size = table.vector(field, 1)
        return self._text(start, size) if start else ""

    def texts(self, table: Table, field: int) -> list[str]:
        """A vector of strings."""
        start, count = table.vector(field, 4)
        self.meter.spend(count)
        self.end = max(self.end, start + 4 * count)
        return [self._text(*place) for place in table.string_places(field)]

    def _text(self, start: int, size: int) -> str:
        if size > MAX_STRING:
            raise LimitError(f"string of {size} bytes", where=f"@{start}")
        self.meter.spend(size)
        end = start + size
        if end >= self.end:
            self.end = end + 1
        return str(self.buf[start:end], "utf-8", "replace")

    def numbers(self, table: Table, field: int, code: str = "i") -> tuple[Any, ...]:
        """A vector of scalars by `struct` code."""
        width = _WIDTHS[code]
        start, count = table.vector(field, width)
        if not start:
            return ()
        self.meter.spend(count)
        self.end = max(self.end, start + width * count)
        if count == 1:  # the most frequent case by far: one input, one output
            return _ONE[code](self.buf, start)
        return struct.unpack_from(f"<{count}{code}", self.buf, start)

    def place(self, table: Table, field: int, width: int = 1) -> tuple[int, int]:
        """`(offset, bytes)` of a vector that is not read."""
        start, count = table.vector(field, width)
        self.end = max(self.end, start + width * count)
        return start, width * count

    def extent(self, unit: int) -> int:
        """Where the FlatBuffer ends: `end`, shared vtables behind it, and zeros up to a multiple of `unit`.

        May lie past the data when a table does.
        """
        end = max(self.end, self._root.vtables_end)
        padded = -(-end // unit) * unit
        if len(self.buf) - end < _MAX_PADDING:
            padded = len(self.buf)
        return padded if end <= padded <= len(self.buf) and not any(self.buf[end:padded]) else end


def _position(table: Table) -> int:
    return table.pos
