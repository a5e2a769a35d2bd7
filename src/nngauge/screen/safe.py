"""What goes on a terminal, without control characters: no file name can drive the screen."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from nngauge.words.safe import printable


class Safe(Struct, frozen=True):
    """Renders another renderable and filters what it puts on the screen."""

    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self.inner, options):
            if segment.control:
                continue
            yield Segment(printable(segment.text), segment.style)
