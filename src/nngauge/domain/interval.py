"""A number with an interval around it, and the percentile that both are made with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from nngauge.errors import UsageError


class Interval(Struct, frozen=True):
    """An estimate with an interval around it, in the unit of what it was made from."""

    low: float
    middle: float
    high: float
    chance: float = 1.0
    """Of ratios: how often equal configurations would differ as much (two-sided p-value)."""

    @property
    def half_width(self) -> float:
        """The larger of both sides, as a share of the middle; infinity around zero."""
        if self.middle == 0:
            return math.inf
        return max(self.high - self.middle, self.middle - self.low) / abs(self.middle)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie, interpolated linearly. Raises `UsageError` for none."""
    if not values:
        raise UsageError("no samples, no percentile")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
