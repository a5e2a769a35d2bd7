"""Times on phones that nobody measured: those of another phone, scaled by how fast their cores are.

One core against one core: time ∝ 1 / (rate of the core type × clock). The rates are measured where a table has the core, and put
beside or between the neighbours of its line where none has (benchmarks/estimator/cores.py, which prints how far off that is).
Graphics units and neural processors are not scaled: measured times of one tell little of another.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.estimate import Estimate, EstimateDoubt, Ground, NoEstimate, Setting, Unit
from nngauge.knowledge import phones
from nngauge.knowledge.phones import Cluster, Soc

_DATA: Final = Path(__file__).with_name("cores.csv")
REFERENCE: Final = "pixel-4"
"""Whose times are scaled: Cortex-A76 at 2.84 GHz, the type that every table has."""

Ask = Callable[[Setting], Estimate | NoEstimate]
"""The estimator for one model."""


class Core(Struct, frozen=True, kw_only=True):
    """Speed of a core type."""

    rate: float
    """Work a second and gigahertz, of a Cortex-A76's."""
    factor: float
    """The truth should lie within × and ÷ this."""
    basis: str


@cache
def cores() -> Mapping[str, Core]:
    """Rates by core type."""
    with _DATA.open(encoding="utf-8", newline="") as file:
        return {
            row["core"]: Core(rate=float(row["rate"]), factor=float(row["factor"]), basis=row["basis"])
            for row in csv.DictReader(file)
        }


def scaled(ask: Ask, soc: Soc, setting: Setting) -> Estimate | None:
    """The reference's time for one big core, on a big core of this chip; None where the chip's core or clock is not known."""
    if setting.unit is not Unit.BIG or setting.threads != 1:
        return None
    reference = phones.find(REFERENCE)
    home = phones.chip(reference) if reference else None
    speed, base = speed_of(soc), speed_of(home) if home else None
    if speed is None or base is None:
        return None
    told = ask(replace(setting, device=REFERENCE))
    if isinstance(told, NoEstimate):
        return None
    ratio, factor = base[0] / speed[0], speed[1].factor
    return replace(
        told, setting=setting, value=told.value * ratio, low=told.low * ratio / factor, high=told.high * ratio * factor,
        baseline=None if told.baseline is None else told.baseline * ratio,
        ground=_ground(told.ground, soc, speed[1]), doubts=tuple(dict.fromkeys((*told.doubts, EstimateDoubt.OTHER_DEVICE))),
    )  # fmt: skip


def speed_of(soc: Soc) -> tuple[float, Core] | None:
    """Of its fastest core, in gigahertz of a Cortex-A76."""
    first: Cluster | None = soc.clusters[0] if soc.clusters else None
    core = cores().get(first.core) if first else None
    return None if first is None or core is None or first.ghz is None else (core.rate * first.ghz, core)


def _ground(ground: Ground, soc: Soc, core: Core) -> Ground:
    """Errors of the profile say nothing of the other phone."""
    return replace(
        ground, profile=f"{ground.profile} scaled to {soc.name} ({core.basis})", method=f"{ground.method}, scaled by core",
        coverage=None,
    )  # fmt: skip
