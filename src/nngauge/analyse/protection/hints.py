"""What else the app says about one file, besides its bytes."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from nngauge.domain.evidence import Evidence

SEALED_NAME: Final = re.compile(
    r"(?:\.|_|-)(?:enc|encrypted|crypt|crypted|aes\d*|cipher|sealed|lock|locked|sec|secure|xor|lrtc)(?:$|[._-])",
    re.IGNORECASE,
)
"""Names that promise encryption."""


class KeyFound(Struct, frozen=True, kw_only=True):
    """Something with the shape of a key; its value is not kept."""

    bytes: int
    """Length of the key it would be."""
    form: str
    """``32 hexadecimal digits``, ``file of 16 bytes`` …"""
    near: bool
    """It stands in the code that names the file, or in its folder with a name that speaks of keys."""
    evidence: Evidence


class Hints(Struct, frozen=True, kw_only=True):
    """Everything known about one file that its own bytes do not tell."""

    promised: tuple[str, ...] = ()
    """Titles of the formats that its name promises."""
    worded: bool = False
    """Its path speaks of models."""
    sealed: bool = False
    """Its name speaks of encryption."""
    mentions: tuple[Evidence, ...] = ()
    """Code that names the file."""
    crypto: tuple[Evidence, ...] = ()
    """Decryption in the classes that name the file, and in those that they call."""
    loads: tuple[Evidence, ...] = ()
    """Calls of runtimes for models in these classes."""
    crypto_anywhere: tuple[Evidence, ...] = ()
    """Decryption anywhere in the app's code."""
    modes: tuple[str, ...] = ()
    """Cipher transformations that code near the file asks for, else that any code asks for."""
    keys: tuple[KeyFound, ...] = ()
    same_start: tuple[str, ...] = ()
    """Other files with the same first 16 bytes."""
    described_by: tuple[str, ...] = ()
    """Plain files beside it that tell its inputs, outputs or layers."""
    runtime: bool = False
    """Code that runs models is in the app."""
    plain_models: int = 0
    """Models of the app that could be read."""

    @property
    def about_models(self) -> bool:
        """Does anything say that this file is a model? An app may encrypt other things as well."""
        if self.promised or self.worded or self.described_by or self.loads:
            return True
        return self.runtime and not self.plain_models and (self.sealed or bool(self.mentions and self.crypto))


def sealed_name(path: str) -> bool:
    """Does the last component of `path` promise encryption?"""
    return SEALED_NAME.search(path.rpartition("/")[2]) is not None
