"""Tokens per second on chips without rows: from the peak of their memory and the speed of their cores or neural processor.

Each of the numbers of `nngauge.estimate.language` is a power of both, fitted to the devices that have rows. How far off that is with
devices left out is in docs/estimates-npu-llm.md; there is a law only where that is within 25 % in the median, and it is used only
between the slowest and the fastest of those devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from nngauge.knowledge.phones import Soc

LITTLE: Final = frozenset({
    "cortex-a7", "cortex-a53", "cortex-a55", "cortex-a510", "cortex-a520", "zephyr", "mistral", "tempest", "thunder", "icestorm",
    "blizzard", "sawtooth", "a17-e", "a18-e", "a19-e",
})  # fmt: skip
"""Cores that runtimes leave idle, or wait for."""
MEMORY: Final = 75.0
"""GB/s that are 1 in the laws."""
SPEED: Final[Mapping[str, float]] = {"cpu": 25.0, "npu": 0.7}
"""What is 1 in the laws: gigahertz of all big cores together; speed of networks, of a Galaxy S25's."""


class Figures(Struct, frozen=True, kw_only=True):
    """What is known of a chip."""

    memory: float
    """Peak, 10⁹ bytes a second."""
    speed: float | None
    """Of the unit, in what `SPEED` counts."""


class Terms(Struct, frozen=True, kw_only=True):
    """Of decoding, or of prefill."""

    start: tuple[float, float, float, float]
    """Milliseconds at `MEMORY` and `SPEED`."""
    memory: tuple[float, float, float]
    """Powers of the memory's peak; the token's own time does not change."""
    speed: tuple[float, float, float]
    error: float
    """Median, devices left out."""
    width: float
    """Factor of the 90 % interval: what holds 90 % of the rows of left-out devices, there and over all laws."""


class Law(Struct, frozen=True, kw_only=True):
    """A runtime on a unit of any chip."""

    runtime: str
    unit: str
    memory: tuple[float, float]
    """The devices that it was fitted to, lowest and highest."""
    speed: tuple[float, float]
    terms: Mapping[str, Terms]
    """Decode, prefill."""


def figures(soc: Soc, unit: str, processors: Mapping[str, float]) -> Figures | None:
    """Of a chip; None where the peak of its memory is not known. `processors`: speeds of neural processors by chip."""
    if soc.bandwidth_gbs is None:
        return None
    return Figures(memory=soc.bandwidth_gbs, speed=processors.get(soc.id) if unit == "npu" else _cores(soc, unit))


def _cores(soc: Soc, unit: str) -> float | None:
    """Gigahertz of its big cores together."""
    if unit != "cpu" or not soc.clusters:
        return None
    big = [cluster for cluster in soc.clusters if cluster.core not in LITTLE]
    if not big or any(cluster.ghz is None or not cluster.core for cluster in big):
        return None
    return sum(cluster.count * (cluster.ghz or 0.0) for cluster in big)


def outside(law: Law, chip: Figures) -> str | None:
    """Why a law tells nothing of a chip; None when it does."""
    if chip.speed is None:
        what = "its neural processor" if law.unit == "npu" else "its cores and their clocks"
        return f"nothing is known of {what}"
    if not law.memory[0] <= chip.memory <= law.memory[1]:
        return f"its memory has {chip.memory:g} GB/s, those measured had {law.memory[0]:g} to {law.memory[1]:g}"
    if not law.speed[0] <= chip.speed <= law.speed[1]:
        unit = "times a Galaxy S25's neural processor" if law.unit == "npu" else "GHz in its big cores together"
        return f"it has {chip.speed:.3g} {unit}, those measured had {law.speed[0]:.3g} to {law.speed[1]:.3g}"
    return None


def coefficients(terms: Terms, chip: Figures, unit: str) -> tuple[float, float, float, float]:
    """Milliseconds of 10⁹ bytes (or products), 10⁸ elements of the cache, 30 layers, a token."""
    memory, speed = chip.memory / MEMORY, (chip.speed or SPEED[unit]) / SPEED[unit]
    first, second, third = (
        start * memory**power * speed**other
        for start, power, other in zip(terms.start[:3], terms.memory, terms.speed, strict=True)
    )
    return first, second, third, terms.start[3]
