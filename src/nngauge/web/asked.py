"""What a request asks for: parameters with bounds. Nothing of it is ever a path or a piece of SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from nngauge.errors import UsageError

MOST: Final = 200
"""Characters of a parameter."""
MOST_SQL: Final = 4_000
MOST_QUERY: Final = 16_384
"""Bytes of all parameters together."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_WORDS: Final = 8
"""Words of a search; all must be there."""


class Asked:
    """The path parameters and query parameters of one request; `path` is where it went."""

    def __init__(self, path: str, parameters: Mapping[str, str], place: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._parameters = {name: value for name, value in parameters.items() if value}
        self._place = place or {}

    def place(self, name: str) -> str:
        """A part of the path."""
        return self._place[name]

    def digest(self, name: str) -> str | None:
        """A part of the path that must be a SHA-256 in lower case; None when it is not."""
        value = self._place[name]
        return value if _DIGEST.fullmatch(value) else None

    def text(self, name: str, most: int = MOST) -> str:
        """A text; empty where there is none. Raises `UsageError` when it is too long or holds control characters."""
        value = self._parameters.get(name, "")
        if len(value) > most:
            raise UsageError(f"{name} is longer than {most} characters")
        if any(ord(char) < 32 and char not in "\t\n\r" for char in value):
            raise UsageError(f"{name} has control characters in it")
        return value.encode("utf-8", "replace").decode("utf-8")

    def words(self, name: str) -> list[str]:
        """The words of a search, in lower case."""
        return self.text(name).lower().split()[:_WORDS]

    def choice(self, name: str, choices: Sequence[str], otherwise: str = "") -> str:
        """One of `choices`. Raises `UsageError` for anything else."""
        value = self.text(name) or otherwise
        if value and value not in choices:
            raise UsageError(f"{name} is none of {', '.join(choices)}")
        return value

    def number(self, name: str, least: int, most: int, otherwise: int) -> int:
        """A whole number within bounds. Raises `UsageError` for anything else."""
        value = self.text(name, 12)
        if not value:
            return otherwise
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            raise UsageError(f"{name} is no number from {least} to {most}")
        return int(value)

    def key(self, name: str) -> str:
        """A SHA-256, or nothing. Raises `UsageError` for anything else."""
        value = self.text(name)
        if value and not _DIGEST.fullmatch(value):
            raise UsageError(f"{name} is no SHA-256")
        return value

    def href(self, path: str | None = None, **changes: str | int | None) -> str:
        """This address with other parameters; None or empty takes one away. A position in a list is given up."""
        kept = (
            {}
            if path is not None
            else {name: value for name, value in self._parameters.items() if name not in _POSITION}
        )
        kept |= {name: str(value) for name, value in changes.items() if value not in (None, "")}
        for name, value in changes.items():
            if value in (None, ""):
                kept.pop(name, None)
        return (path or self.path) + (f"?{urlencode(kept)}" if kept else "")

    @property
    def canonical(self) -> str:
        """The same request always has the same text."""
        return f"{self.path}?{urlencode(sorted(self._parameters.items()))}"


_POSITION: Final = ("after", "before")
