"""What had been read when a parser stopped: refusals say it, so that a truncated file is not just "malformed"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nngauge.errors import InputError


@contextmanager
def telling(progress: Callable[[], str]) -> Iterator[None]:
    """Adds `progress` to the `InputError` that leaves the block; asked only then."""
    try:
        yield
    except InputError as error:
        what = f"{error.what}; read before that: {progress() or 'nothing'}"
        raise type(error)(what, where=error.where, hint=error.hint) from error
