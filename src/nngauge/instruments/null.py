"""No meter: the same session without one, to try it or to measure times only."""

from __future__ import annotations

from typing import Final

from nngauge.errors import UnsupportedError
from nngauge.instruments._api import Meter, MeterKind, Reading, Recording, Setup


class NullMeter:
    """Records nothing, and says so instead of 0 joules."""

    name = "none"
    outside = True

    def start(self) -> Recording:
        """Begins to record nothing."""
        return _Nothing()


class _Nothing:
    def stop(self) -> Reading:
        raise UnsupportedError("no power meter was used", hint="--meter")


def _open(setup: Setup) -> Meter:  # noqa: ARG001 - as all meters are opened
    return NullMeter()


METER: Final = MeterKind(
    name="none", title="No meter", open=_open, limitations=("Nothing is measured: energy is refused, never 0.",)
)
