"""In which order advice is given.

The worth of a piece of advice is the share of the package (or file) that it saves, plus the share of time that it saves on
the devices asked for (their mean), both times what is left after risk: 1 without risk, 0.9, 0.6 and 0.3 for low, medium and
high. Advice without amounts comes last, maintenance that ends an announced support first among it.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean
from typing import Final

from msgspec.structs import replace

from nngauge.domain.advice import Advice, Risk

CERTAINTY: Final = {Risk.NONE: 1.0, Risk.LOW: 0.9, Risk.MEDIUM: 0.6, Risk.HIGH: 0.3}
"""Part of the gain that counts."""
_EFFORT: Final = ("a command", "a change of the build", "a change of the code", "new training")


def ranked(items: Iterable[Advice], size: int) -> tuple[Advice, ...]:
    """`items` with their worth, the best first; `size`: bytes of the package or file."""
    weighed = [replace(item, worth=_worth(item, size)) for item in items]
    return tuple(sorted(weighed, key=lambda item: (-item.worth, _EFFORT.index(item.effort), item.kind, item.says)))


def _worth(item: Advice, size: int) -> float:
    smaller = min(1.0, (item.gain_bytes or 0) / size) if size else 0.0
    faster = max(0.0, fmean(one.share for one in item.faster)) if item.faster else 0.0
    return round((smaller + faster) * CERTAINTY[item.risk], 6)
