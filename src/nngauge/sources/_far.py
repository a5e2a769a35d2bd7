"""Packages of which only those bytes are fetched that a scan asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nngauge.errors import InputError, UnreadableError
from nngauge.io.remote import RemoteStore
from nngauge.io.source import ByteSource
from nngauge.packages import Package, open_source
from nngauge.sources._api import REACH


class Far:
    """A far-away package at hand."""

    def __init__(self, package: Package, store: RemoteStore) -> None:
        self.package = package
        self._store = store

    @property
    def fetched(self) -> int:
        """Bytes that came over the network so far."""
        return self._store.fetched


@contextmanager
def opened(
    source: ByteSource, store: RemoteStore, settings: Mapping[str, str], size: int | None = None
) -> Iterator[Far]:
    """The package in `source`, whose bytes `store` fetches; closed afterwards. `size`: what the source's list said.

    Raises, afterwards at the latest, why bytes did not come: a scan that met that is not the whole truth about the app.
    """
    if size is not None and source.size != size:
        source.close()
        raise UnreadableError(
            f"{source.size} bytes, {size} when it was listed",
            where=source.name,
            hint="nngauge study add lists it again",
        )
    try:
        package = open_source(source, sparing=settings.get(REACH) == "models")
    except InputError:
        _raise_lost(store)
        raise
    try:
        _raise_lost(store)
        yield Far(package, store)
    finally:
        package.close()
    _raise_lost(store)


def _raise_lost(store: RemoteStore) -> None:
    if store.lost is not None:
        raise store.lost
