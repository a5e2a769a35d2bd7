"""What can be worth doing to a model, one adviser each."""

from __future__ import annotations

from typing import Final

from nngauge.advise._api import Adviser
from nngauge.advise.models.age import LEGACY
from nngauge.advise.models.cheaper import CHEAPER
from nngauge.advise.models.precision import INT8, STORED_HALVES
from nngauge.advise.models.waste import DEAD_CHANNELS, DUPLICATE_CONSTANTS, UNFOLDED

ADVISERS: Final[tuple[Adviser, ...]] = (
    DEAD_CHANNELS,
    DUPLICATE_CONSTANTS,
    INT8,
    STORED_HALVES,
    UNFOLDED,
    LEGACY,
    CHEAPER,
)
"""All of them."""
