"""What a plan means for time, by the estimator alone: never by this machine, whose kernels are not those of a phone."""

from __future__ import annotations

from collections.abc import Sequence

from nngauge.domain.cost import Cost
from nngauge.domain.estimate import Estimate, NoEstimate, Reason
from nngauge.domain.planning import Time, Within
from nngauge.errors import UsageError
from nngauge.estimate import estimate, fastest
from nngauge.estimate.calibration import Calibration


def time_on(
    cost: Cost, form: str, device: str, threads: int = 1, budget: float | None = None, *,
    calibrations: Sequence[Calibration] = (),
) -> Time:  # fmt: skip
    """Milliseconds of one inference on a device, and whether a budget of milliseconds is kept.

    Raises `UsageError` for a device that nobody knows.

    Bits of weights alone do not change it: the runtime turns such weights into floats before it multiplies. What would is
    arithmetic in 8 bits throughout, which is estimated beside it.
    """
    floats, eight = (
        estimate(
            cost, fastest(device, threads, precision=precision, calibrations=calibrations), form=form,
            calibrations=calibrations,
        )
        for precision in ("float32", "int8")
    )  # fmt: skip
    if isinstance(floats, NoEstimate) and floats.reason is Reason.NO_DEVICE:
        raise UsageError(floats.explanation, hint=floats.hint)
    return Time(
        device=device, threads=threads, budget=budget,
        planned=floats if isinstance(floats, Estimate) else None, int8=eight if isinstance(eight, Estimate) else None,
        missing=f"{floats.explanation} ({floats.hint})" if isinstance(floats, NoEstimate) else "",
        within=_within(floats, budget) if isinstance(floats, Estimate) and budget is not None else None,
    )  # fmt: skip


def _within(found: Estimate, budget: float) -> Within:
    if found.high <= budget:
        return Within.YES
    return Within.NO if found.low > budget else Within.PERHAPS
