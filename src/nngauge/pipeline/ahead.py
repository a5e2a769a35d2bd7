"""Entries of far-away packages, asked for together before they are looked at one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from nngauge.limits import REMOTE_AHEAD
from nngauge.packages import Entry, ask_ahead, is_remote

T = TypeVar("T")


def heads_ahead(entries: Sequence[Entry], wanted: Sequence[bool]) -> None:
    """Asks for the heads of the `wanted` ones; errors as in `nngauge.packages.ask_ahead`."""
    if is_remote(entries):
        ask_ahead((entry for entry, ask in zip(entries, wanted, strict=True) if ask), heads=True)


def contents_ahead(
    items: Iterator[tuple[Entry, T]], entries: Sequence[Entry], is_read: Callable[[Entry, T], bool]
) -> Iterator[tuple[Entry, T]]:
    """`items`, which are of the container with these `entries`; the contents of those that `is_read` come in batches."""
    if not is_remote(entries):
        yield from items
        return
    for batch in _batches(items):
        ask_ahead((entry for entry, look in batch if is_read(entry, look)), heads=False)
        yield from batch


def _batches(items: Iterable[tuple[Entry, T]]) -> Iterator[list[tuple[Entry, T]]]:
    """Batches of about `limits.REMOTE_AHEAD` bytes."""
    batch: list[tuple[Entry, T]] = []
    size = 0
    for item in items:
        batch.append(item)
        size += max(0, item[0].stored_size)
        if size >= REMOTE_AHEAD:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
