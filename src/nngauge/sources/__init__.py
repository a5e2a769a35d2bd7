"""Where apps come from. One file a kind; the first that claims a locator lists it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Final

from nngauge.errors import UsageError
from nngauge.sources import folder
from nngauge.sources._api import REACH, Opened, Source

__all__ = ["REACH", "SOURCES", "Opened", "Source", "source_for", "source_named"]

SOURCES: tuple[Source, ...]
"""All kinds, in the order in which they are asked. Imported when first asked for: most scans only see local files."""
_KINDS: Final = ("urls", "androzoo", "fdroid", "adb", "folder", "store", "web")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]+:")


def __getattr__(name: str) -> object:
    if name != "SOURCES":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = tuple(import_module(f"{__name__}.{kind}").SOURCE for kind in _KINDS)
    globals()[name] = found
    return found


def _sources() -> tuple[Source, ...]:
    found = globals().get("SOURCES")
    return found if found is not None else __getattr__("SOURCES")  # type: ignore[return-value]


def source_for(locator: str) -> Source:
    """The kind of source that a locator belongs to. Raises `UsageError`."""
    if "SOURCES" not in globals() and _SCHEME.match(locator) is None:
        return folder.SOURCE
    sources = _sources()
    for source in sources:
        if source.claims(locator):
            return source
    examples = ", ".join(source.example for source in sources)
    raise UsageError(f"no kind of source is written like {locator!r}", hint=f"for example: {examples}")


def source_named(name: str) -> Source:
    """The kind of source with this name. Raises `UsageError`."""
    if "SOURCES" not in globals() and name == folder.SOURCE.name:
        return folder.SOURCE
    sources = _sources()
    for source in sources:
        if source.name == name:
            return source
    raise UsageError(f"no kind of source is called {name!r}", hint=", ".join(source.name for source in sources))
