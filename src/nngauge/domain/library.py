"""Native code of an app: one ELF or Mach-O file, and what its tables say."""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.attribution import Attribution
from nngauge.domain.location import Location


class Library(Struct, frozen=True, kw_only=True):
    """One native binary, whether AI was found in it or not."""

    location: Location
    size: int
    """Uncompressed bytes."""
    abi: str | None = None
    """Android ABI, processor (``hexagon``) or Mach-O CPU; None when the headers could not be read."""
    soname: str | None = None
    """DT_SONAME or LC_ID_DYLIB."""
    needed: tuple[str, ...] = ()
    """DT_NEEDED or LC_LOAD_DYLIB, at most `limits.MAX_NEEDED`."""
    build_id: str | None = None
    """GNU build identifier or LC_UUID, hexadecimal."""
    technologies: tuple[str, ...] = ()
    """Rule ids of what was detected in it."""
    owner: Attribution | None = None
    """Whose it is; None in apps without AI."""
