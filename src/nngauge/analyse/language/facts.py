"""Numbers out of text metadata, bounded to what a model can be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_COUNTED: Final = re.compile(r"(\d{1,9}) × ")
_MAX_NUMBER: Final = 1 << 40
"""No width, count or length of a model comes near it; a hostile file may say anything."""
MAX_LAYERS: Final = 4096
"""Layers of one model; the largest published ones have about 130."""


class Facts:
    """Metadata of one file under a prefix (``llama.``)."""

    def __init__(self, metadata: Mapping[str, str], prefix: str = "") -> None:
        self.metadata = metadata
        self.prefix = prefix

    def text(self, *keys: str) -> str:
        """The first that is there, empty otherwise."""
        return next((value for key in keys if (value := self.metadata.get(self.prefix + key, ""))), "")

    def integer(self, *keys: str) -> int | None:
        """The first that is a whole number, None otherwise; of a list that says the same for all layers, that number."""
        for key in keys:
            found = self.integers(key)
            if found:
                return max(found)
        return None

    def integers(self, key: str) -> tuple[int, ...]:
        """A number or a list of them; empty for anything else."""
        text = self.metadata.get(self.prefix + key, "")
        items = text[1:-1].split(", ") if text.startswith("[") and text.endswith("]") else [text]
        if len(items) > MAX_LAYERS:
            return ()
        found = [_integer(item) for item in items]
        return tuple(value for value in found if value is not None) if None not in found else ()

    def flag(self, key: str) -> bool | None:
        """True or False, None for anything else."""
        return {"true": True, "false": False}.get(self.metadata.get(self.prefix + key, "").lower())

    def flags(self, key: str) -> tuple[bool, ...]:
        """A list of truth values; empty for anything else."""
        text = self.metadata.get(self.prefix + key, "")
        items = text[1:-1].split(", ") if text.startswith("[") else []
        known = {"true": True, "false": False, "1": True, "0": False}
        found = [known.get(item.lower()) for item in items[:MAX_LAYERS]]
        return tuple(bool(value) for value in found) if found and None not in found else ()

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty for anything else."""
        text = self.metadata.get(self.prefix + key, "")
        return tuple(text[1:-1].split(", ")) if text.startswith("[") and len(text) > 2 else ()

    def counted(self, key: str) -> int | None:
        """Length of an array that the parser only counted (``32000 × string``)."""
        found = _COUNTED.match(self.metadata.get(self.prefix + key, ""))
        return int(found[1]) if found else None


def _integer(text: str) -> int | None:
    """A whole number from 0 to what is plausible; floats of whole numbers count."""
    sign_free = text.removesuffix(".0")
    if sign_free.isascii() and sign_free.isdecimal() and len(sign_free) <= 13 and int(sign_free) <= _MAX_NUMBER:
        return int(sign_free)
    return None
