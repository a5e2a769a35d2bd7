"""Places apps come from: each lists items, and opens one when its turn has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Final, Protocol

from msgspec import Struct

from nngauge.domain.study import Item
from nngauge.packages import Package

REACH: Final = "reach"
"""The setting of sources that says what a scan looks at: ``models`` saves what only other facts need."""


class Opened(Protocol):
    """A package at hand, for as long as its context lasts."""

    @property
    def package(self) -> Package:
        """To be scanned; its location begins with the item's locator."""

    @property
    def fetched(self) -> int:
        """Bytes that came over a network so far; 0 for local files."""


class Source(Struct, frozen=True, kw_only=True):
    """One kind of source."""

    name: str
    title: str
    example: str
    """How a user writes it."""
    claims: Callable[[str], bool]
    """Is a locator as given by a user of this kind? Asked in the order of `SOURCES`."""
    items: Callable[[str, MutableMapping[str, str]], Iterator[Item]]
    """`(locator, settings)` → what is there now. Raises `InputError` when the whole list cannot be read; a bad row is
    yielded as an item that fails when it is opened, never dropped silently. What it sets among the settings is kept with
    the study, shown to the user and there again the next time: whose key signed an index, how old it was."""
    open: Callable[[Item, Mapping[str, str]], AbstractContextManager[Opened]]
    """`(item, settings)` → its package. Raises `TransientError` when another attempt may do better, else `InputError`."""
    direct: bool = False
    """Its packages can be opened by their locators alone."""
    keeps_promises: bool = False
    """A digest is what a package is asked for by, or is signed: one whose facts are known does not have to be fetched."""
    references: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """Environment variables it reads credentials from; their values are never stored or shown."""
