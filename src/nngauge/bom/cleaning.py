"""Texts of apps on their way into a document that other programs read: one line, bounded, valid Unicode."""

from __future__ import annotations

from typing import Final

from nngauge.domain.location import Location
from nngauge.words.safe import one_line

_LONGEST: Final = 2048
SHORT: Final = 256
"""For names and versions: CycloneDX allows versions of at most 1024 characters."""


def clean(text: str, most: int = _LONGEST) -> str:
    """`text` as XML Schema's ``normalizedString``, which both formats ask for, without what drives a terminal.

    Lone surrogates, which file names can hold and UTF-8 cannot, become question marks.
    """
    plain = one_line(text).encode("utf-8", "replace").decode("utf-8").strip()
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def inside(location: Location, package: str) -> str:
    """The path of `location` inside the package, whatever the package file is called; ``.`` for the package itself."""
    path = location.path
    if path.startswith(package):
        path = path[len(package) :].lstrip("!/")
    return clean(path) or "."
