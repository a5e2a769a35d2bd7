"""Looks for many names at once in bytes: as many passes as there are batches, not as there are names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nngauge.detect.literals import Literals

_BATCH: Final = 4_000
"""Names compiled together."""
MAX_NAMES: Final = 20_000
"""Names looked for; what lies beyond counts as not found."""

_LONGEST: Final = 1_000
"""Characters; hyperscan refuses patterns of 16,000, and one UTF-16 character is written as up to 16 in a pattern."""


def named_in(data: bytes, names: Iterable[str]) -> set[str]:
    """Those of `names` that are in `data`, as UTF-8 or UTF-16, whole or as a part of something longer.

    Names of more than a thousand characters, which no app loads anything by, count as not found.
    """
    wanted = sorted({name for name in names if 0 < len(name) <= _LONGEST})[:MAX_NAMES]
    found: set[str] = set()
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        forms = [name.encode("utf-8", "replace") for name in batch]
        forms += [name.encode("utf-16-le", "replace") for name in batch]
        literals = Literals(forms, [True] * len(forms))
        found.update(batch[index % len(batch)] for index, _ in literals.scan_first(data))
    return found
