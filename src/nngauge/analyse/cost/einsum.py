"""Multiply-accumulates of an Einstein sum."""

from __future__ import annotations

from nngauge.analyse.amounts import times
from nngauge.analyse.cost.operation import Operation, UnknownCostError, known
from nngauge.domain.cost import Amount
from nngauge.domain.graph import Dim

_ELLIPSIS = "..."


def einsum(operation: Operation) -> Amount:
    """Product of the sizes of all indices of two operands; 0 for one operand, which is only summed or moved."""
    terms = operation.text("equation").replace(" ", "").partition("->")[0].split(",")
    if len(terms) == 1 and terms[0]:
        return 0
    if len(terms) != 2:
        raise UnknownCostError("an Einsum of more than two operands may be evaluated in any order")
    sizes: dict[str, Dim] = {}
    for place, term in enumerate(terms):
        for index, dim in zip(*_named_axes(term, operation.shape(place)), strict=True):
            if index not in sizes or sizes[index] in {1, None}:
                sizes[index] = dim
    return times([known(dim, "an Einsum operand") for dim in sizes.values()])


def _named_axes(term: str, shape: tuple[Dim, ...]) -> tuple[list[str], tuple[Dim, ...]]:
    """An index for every axis; axes under the ellipsis are numbered from the last."""
    before, ellipsis, after = term.partition(_ELLIPSIS)
    hidden = len(shape) - len(before) - len(after)
    if hidden < 0 or (hidden and not ellipsis):
        raise UnknownCostError("an Einsum's equation and operands differ")
    return [*before, *(f"-{count}" for count in range(hidden, 0, -1)), *after], shape
