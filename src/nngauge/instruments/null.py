"""No meter: times only, and a refusal instead of 0 joules."""

from __future__ import annotations

from typing import Final

from nngauge.errors import UnsupportedError
from nngauge.instruments._api import Meter, MeterKind, Recording, Setup


class NullMeter:
    """Records nothing, and says so."""

    name = "none"
    outside = True

    def start(self) -> Recording:
        """Raises `UnsupportedError`: at once, not after minutes of loops."""
        raise UnsupportedError("no power meter was used", hint="--meter")


def _open(setup: Setup) -> Meter:  # noqa: ARG001 - as all meters are opened
    return NullMeter()


METER: Final = MeterKind(
    name="none", title="No meter", open=_open, limitations=("Nothing is measured: energy is refused, never 0.",)
)
