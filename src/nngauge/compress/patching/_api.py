"""What differs between formats when weights are changed in place: where the scales of integer weights lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from nngauge.analyse.optimisation.scopes import Scope

if TYPE_CHECKING:
    from nngauge.compress.subject import Subject


_LEAST: Final = 1e-30
_MOST: Final = 1e30
"""Scales that float32 can multiply and divide by."""
_FARTHEST: Final = 1 << 15
"""Zero points beyond this are damage: stored numbers have eight bits."""


class Lattice(Struct, frozen=True, kw_only=True):
    """What the integers of a weight stand for: ``scale × (stored − zero point)``."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None = None
    """Dimension that the scales go along; None for one scale."""


class Format(Struct, frozen=True, kw_only=True):
    """One format whose weights can be changed in place."""

    name: str
    lattice: Callable[[Subject, int, Scope, int], Lattice | None]
    """`(model, number of the graph, graph, index of the tensor)` → its scales, None where they are not known."""
    storage: dict[str, tuple[int, ...]]
    """Scheme → numbers of bits in which the format has a place for such weights, kernels included."""


def fitting(scales: tuple[float, ...], zeros: tuple[int, ...], axis: int, shape: tuple[object, ...]) -> Lattice | None:
    """The lattice, where the numbers of scales and zero points go with the shape, and can be computed with."""
    if not scales or (len(zeros) not in (0, 1, len(scales))):
        return None
    if not all(_LEAST <= scale <= _MOST for scale in scales) or not all(abs(zero) <= _FARTHEST for zero in zeros):
        return None
    if len(scales) == 1:
        return Lattice(scales=scales, zero_points=zeros or (0,))
    if not -len(shape) <= axis < len(shape) or shape[axis] != len(scales):
        return None
    return Lattice(scales=scales, zero_points=zeros or (0,), axis=axis % len(shape))
