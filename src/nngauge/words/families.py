"""Layers summed up by family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from nngauge.domain.cost import Amount, Family, Layer

_KINDS = 5


class FamilyRow(Struct, frozen=True):
    """One family of layers."""

    family: Family
    layers: int
    macs: Amount | None
    """Of all runs (loop bodies times their repeats); None when no layer's is known as a number."""
    share: float | None
    """Of the MACs of all families, 0 to 1."""
    parameters: int
    kinds: tuple[tuple[str, int], ...]
    """The most frequent operations."""


def family_rows(layers: Sequence[Layer]) -> list[FamilyRow]:
    """One row a family: most MACs first, then most layers. Expressions count as unknown."""
    groups: dict[Family, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(layer.family, []).append(layer)
    macs = {family: _macs(group) for family, group in groups.items()}
    total = sum(count or 0 for count in macs.values())
    rows = [
        FamilyRow(
            family,
            len(group),
            macs[family],
            (macs[family] or 0) / total if total else None,
            sum(layer.parameters for layer in group if isinstance(layer.parameters, int)),
            tuple(Counter(layer.kind or layer.op for layer in group).most_common(_KINDS)),
        )
        for family, group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-(macs[row.family] or 0), -row.layers, row.family.value))


def _macs(group: Sequence[Layer]) -> int | None:
    known = [layer.macs * layer.repeats for layer in group if isinstance(layer.macs, int)]
    return sum(known) if known else None
