"""Where something is: a path through nested containers, and a byte range inside the innermost one."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace


class Location(Struct, frozen=True, kw_only=True):
    """`path` joins nested containers with ``!``: ``store.xapk!base.apk!lib/arm64-v8a/libfoo.so``."""

    path: str
    offset: int | None = None
    """Bytes from the start of the innermost entry, after inflation."""
    size: int | None = None
    """Bytes covered."""

    def __str__(self) -> str:
        text = self.path
        if self.offset is not None:
            text += f"@{self.offset}"
            if self.size is not None:
                text += f"+{self.size}"
        return text

    @property
    def name(self) -> str:
        """The last path component."""
        return self.path.rpartition("!")[2].rpartition("/")[2]

    def at(self, offset: int, size: int | None = None) -> Location:
        """The same path, another range."""
        return replace(self, offset=offset, size=size)

    def inside(self, entry: str) -> Location:
        """An entry of the container that this location names."""
        return Location(path=f"{self.path}!{entry}")
