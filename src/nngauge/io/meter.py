"""Keeps the work done on a file in proportion to its size.

References may be shared: a hundred thousand FlatBuffers tables can all point at one vector of a million elements, and a
pickle can repeat one tuple for ever. Each read is legal, their product is not, so a parser counts what it takes.
"""

from __future__ import annotations

from nngauge.errors import LimitError


class Meter:
    """Allows `limit` units of work and raises `LimitError` beyond.

    A unit is one element, character or table read. `for_size` gives the allowance of a file: four units a byte are far
    more than honest files need, because every element takes at least a byte and is read about once.
    """

    __slots__ = ("left",)

    def __init__(self, limit: int) -> None:
        self.left = limit

    @classmethod
    def for_size(cls, size: int) -> Meter:
        """A meter for a file of `size` bytes."""
        return cls(4 * size + 65_536)

    def spend(self, units: int) -> None:
        """Takes `units` from the allowance."""
        self.left -= units
        if self.left < 0:
            raise LimitError("shared references multiply the work beyond the size of the file")
