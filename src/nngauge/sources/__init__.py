"""Where apps come from. One file a kind; the first that claims a locator lists it."""

from nngauge.errors import UsageError
from nngauge.sources import adb, androzoo, fdroid, folder, store, urls, web
from nngauge.sources._api import Opened, Source

__all__ = ["SOURCES", "Opened", "Source", "source_for", "source_named"]

SOURCES: tuple[Source, ...] = (
    urls.SOURCE,
    androzoo.SOURCE,
    fdroid.SOURCE,
    adb.SOURCE,
    folder.SOURCE,
    store.SOURCE,
    web.SOURCE,
)


def source_for(locator: str) -> Source:
    """The kind of source that a locator belongs to. Raises `UsageError`."""
    for source in SOURCES:
        if source.claims(locator):
            return source
    examples = ", ".join(source.example for source in SOURCES)
    raise UsageError(f"no kind of source is written like {locator!r}", hint=f"for example: {examples}")


def source_named(name: str) -> Source:
    """The kind of source with this name. Raises `UsageError`."""
    for source in SOURCES:
        if source.name == name:
            return source
    raise UsageError(f"no kind of source is called {name!r}", hint=", ".join(source.name for source in SOURCES))
