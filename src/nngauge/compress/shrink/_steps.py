"""How much counts as nothing: what each format tries, one step after the other, until answers stay the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nngauge.compress.writing._api import Writer

_STEPS: Final = (
    ("shrink-6", "weights up to 1e-6 of the largest of their layer count as zero", 1e-6),
    ("shrink-9", "weights up to 1e-9 of the largest of their layer count as zero", 1e-9),
    ("shrink-0", "only weights of 0 count as zero", 0.0),
    ("tidy", "all channels stay", -1.0),
)


def writers(form: str, make: Callable[[str, str, float], Writer]) -> tuple[Writer, ...]:
    """The writers of a format, the one that promises most first; what a gate discards, the next may pass.

    `make` gets a name, a title, and the share of a layer's largest weight up to which weights count as zero; below 0 no
    channel goes.
    """
    return tuple(make(f"{form}-{name}", title, negligible) for name, title, negligible in _STEPS)
