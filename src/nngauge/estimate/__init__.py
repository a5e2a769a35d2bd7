"""What a model would cost where nobody measured it: predictions with intervals, each with what it rests on.

How it works and how far off it is: docs/estimates.md, docs/evaluation.md.
"""

from __future__ import annotations

from nngauge.estimate.choice import DeviceCard, devices, estimate, fastest, profiles
from nngauge.estimate.library import Profile

__all__ = ["DeviceCard", "Profile", "devices", "estimate", "fastest", "profiles"]
