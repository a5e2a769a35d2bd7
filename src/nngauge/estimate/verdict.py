"""What a response time means for whoever waits: Nielsen, Usability Engineering (1993), chapter 5, after Miller (1968).

https://www.nngroup.com/articles/response-times-3-important-limits/: 0.1 s feels instantaneous, 1 s is the limit for the flow of
thought, 10 s for attention.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from nngauge.domain.estimate import Estimate


class Verdict(StrEnum):
    """How a wait feels."""

    INSTANT = "instant"
    """At most 0.1 s."""
    FLOW = "flow"
    """At most 1 s: noticed, but thought goes on."""
    ATTENTION = "attention"
    """At most 10 s: a progress bar, please."""
    SLOW = "too slow"


LIMITS: Final[Mapping[Verdict, float]] = {Verdict.INSTANT: 100.0, Verdict.FLOW: 1000.0, Verdict.ATTENTION: 10_000.0}
"""Milliseconds."""


def verdict(milliseconds: float) -> Verdict:
    """Of a response that takes so long."""
    return next((kind for kind, limit in LIMITS.items() if milliseconds <= limit), Verdict.SLOW)


def verdicts(estimate: Estimate) -> tuple[Verdict, ...]:
    """Of both ends of an estimate's interval; one where they agree."""
    return tuple(dict.fromkeys((verdict(estimate.low), verdict(estimate.high))))
