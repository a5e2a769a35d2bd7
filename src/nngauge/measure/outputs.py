"""Are the outputs those of the model? Finite, not the same for another input, and near to those of a reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from nngauge.domain.measurement import OutputCheck
from nngauge.engines import Reply, Written
from nngauge.measure.inputs import numbers

TOLERANCE: Final = 0.02
"""Largest difference from the reference, as a share of its largest value: kernels of other engines round otherwise, and
int8 ones by a step. Larger ones are a doubt."""


def check(reply: Reply, reference: str = "", difference: float | None = None) -> OutputCheck | None:
    """What a reply says of its outputs; None when it says nothing."""
    if not reply.digests:
        return None
    return OutputCheck(
        finite=reply.finite,
        varies=len(reply.digests) < 2 or reply.digests[0] != reply.digests[1],
        digest=reply.digests[0],
        reference=reference,
        difference=difference,
    )


def difference(ours: bytes, theirs: bytes, written: Sequence[Written], reference: Sequence[Written]) -> float | None:
    """The largest difference of any number, as a share of the reference's largest; infinity where shapes differ.

    Outputs are compared in their order. None where nothing can be compared.
    """
    if len(written) != len(reference):
        return math.inf
    worst: float | None = None
    start_ours = start_theirs = 0
    for one, other in zip(written, reference, strict=True):
        mine = numbers(ours[start_ours : start_ours + one.size], one.dtype)
        wanted = numbers(theirs[start_theirs : start_theirs + other.size], other.dtype)
        start_ours += one.size
        start_theirs += other.size
        if len(mine) != len(wanted):
            return math.inf
        if not wanted:
            continue
        scale = max(map(abs, wanted)) or 1.0
        apart = max(abs(a - b) for a, b in zip(mine, wanted, strict=True)) / scale
        worst = max(worst or 0.0, math.inf if math.isnan(apart) else apart)
    return worst
