"""What a plan means for time, by the estimator alone: never by this machine, whose kernels are not those of a phone."""

from __future__ import annotations

from nngauge.domain.cost import Cost
from nngauge.domain.estimate import Estimate, NoEstimate
from nngauge.domain.planning import Time, Within
from nngauge.estimate import estimate, fastest


def time_on(cost: Cost, form: str, device: str, threads: int = 1, budget: float | None = None) -> Time:
    """Milliseconds of one inference on a device, and whether a budget of milliseconds is kept.

    Bits of weights alone do not change it: the runtime turns such weights into floats before it multiplies. What would is
    arithmetic in 8 bits throughout, which is estimated beside it.
    """
    floats = estimate(cost, fastest(device, threads), form=form)
    eight = estimate(cost, fastest(device, threads, precision="int8"), form=form)
    return Time(
        device=device, threads=threads, budget=budget,
        planned=floats if isinstance(floats, Estimate) else None, int8=eight if isinstance(eight, Estimate) else None,
        missing=floats.explanation if isinstance(floats, NoEstimate) else "",
        within=_within(floats, budget) if isinstance(floats, Estimate) and budget is not None else None,
    )  # fmt: skip


def _within(found: Estimate, budget: float) -> Within:
    if found.high <= budget:
        return Within.YES
    return Within.NO if found.low > budget else Within.PERHAPS
