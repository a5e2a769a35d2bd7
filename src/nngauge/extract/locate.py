"""From a location back to its bytes, so that evidence can be shown and not only named."""

from __future__ import annotations

from collections.abc import Sequence

from nngauge.domain.location import Location
from nngauge.errors import UnreadableError
from nngauge.extract.load import load
from nngauge.io.source import ByteSource
from nngauge.packages import Entry, Package, open_container


def open_location(package: Package, location: Location) -> ByteSource:
    """The innermost entry that `location` names, as a whole. Raises `UnreadableError` when it is not there."""
    for part in sorted(package.parts, key=lambda part: -len(part.location.path)):
        prefix = part.location.path + "!"
        if location.path.startswith(prefix):
            found = _descend(part.container.entries, location.path[len(prefix) :])
            if found is not None:
                return found
    raise UnreadableError("nothing there", where=str(location))


def _descend(entries: Sequence[Entry], rest: str) -> ByteSource | None:
    for entry in entries:
        if rest == entry.path:
            return load(entry, None).source
    for entry in entries:
        if rest.startswith(entry.path + "!"):
            container = open_container(load(entry, None).source, entry.path)
            found = _descend(container.entries, rest[len(entry.path) + 1 :])
            if found is not None:
                return found
    return None
