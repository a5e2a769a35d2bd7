"""Consoles: width, colour and progress decided in one place."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress

_PIPE_WIDTH = 140


def console(file: IO[str] | None = None) -> Console:
    """A console on stdout; plain and wide when it is not a terminal."""
    from rich.console import Console

    stream = file or sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=False, emoji=False, markup=False)


def show(renderable: RenderableType) -> None:
    """Prints a report, without whatever a hostile name would do to the terminal."""
    from nngauge.screen.safe import Safe

    console().print(Safe(renderable))


def write_json(document: bytes) -> None:
    """Puts JSON on stdout as a line: the same values, and nothing in it that a terminal acts on."""
    from nngauge.words.safe import plain_json

    sys.stdout.buffer.write(plain_json(document) + b"\n")
    sys.stdout.buffer.flush()


def errors() -> Console:
    """A console on stderr, for what is no answer."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def progress(*, quiet: bool) -> Progress:
    """A bar on stderr with count, rate, time left and failures; silent when quiet or not a terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("[red]{task.fields[failed]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=errors(),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    )
