"""Arithmetic of dimensions: numbers, canonical expressions in symbols (see `expression`), and None for unknown ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from nngauge.analyse.shapes import expression
from nngauge.analyse.shapes.expression import MAX_NUMBER, Terms
from nngauge.domain.graph import Dim

_REMEMBERED: Final = 1 << 14
"""Results kept of each operation: the same few sizes meet again and again in one network."""


def add(left: Dim, right: Dim) -> Dim:
    """Sum of two dimensions."""
    if isinstance(left, int) and isinstance(right, int):
        return _number(left + right)
    return None if left is None or right is None else _sum(left, right)


def subtract(left: Dim, right: Dim) -> Dim:
    """Difference of two dimensions."""
    return add(left, -right if isinstance(right, int) else multiply(right, -1))


def multiply(left: Dim, right: Dim) -> Dim:
    """Product of two dimensions; 0 × unknown is 0."""
    if isinstance(left, int) and isinstance(right, int):
        return _number(left * right)
    if left == 0 or right == 0:
        return 0
    return None if left is None or right is None else _product(left, right)


def product(dims: Iterable[Dim]) -> Dim:
    """Product of dimensions; 1 of none."""
    total: Dim = 1
    for dim in dims:
        total = multiply(total, dim)
    return total


def divide(left: Dim, right: Dim) -> Dim:
    """The quotient rounded down; None when the divisor is unknown or 0."""
    if isinstance(left, int) and isinstance(right, int):
        return left // right if right else None
    if left is None or right is None:
        return None
    return left if right == 1 else _quotient(left, right)


def divide_up(left: Dim, right: int) -> Dim:
    """The quotient rounded up, for a divisor above 0."""
    return divide(add(left, right - 1), right)


def larger(left: Dim, right: Dim) -> Dim:
    """The larger of two."""
    if isinstance(left, int) and isinstance(right, int):
        return max(left, right)
    return _choice("max", left, right)


def smaller(left: Dim, right: Dim) -> Dim:
    """The smaller of two."""
    if isinstance(left, int) and isinstance(right, int):
        return min(left, right)
    return _choice("min", left, right)


def substitute(dim: Dim, values: Mapping[str, Dim]) -> Dim:
    """`dim` with the symbols in `values` replaced."""
    if not isinstance(dim, str) or dim in values:
        return values[dim] if isinstance(dim, str) else dim
    if not any(name in values for name in expression.NAME.findall(dim)):
        return dim
    known = {name: _terms(value) for name, value in values.items() if value is not None}
    found = expression.parse(dim, known)
    return dim if found is None else _dim(found)


def same(left: Dim, right: Dim) -> bool:
    """Whether two dimensions may be equal: False only when they surely differ."""
    return left is None or right is None or left == right or isinstance(left, str) or isinstance(right, str)


@lru_cache(maxsize=_REMEMBERED)
def _sum(left: int | str, right: int | str) -> Dim:
    return _dim(expression.total(_terms(left), _terms(right)))


@lru_cache(maxsize=_REMEMBERED)
def _product(left: int | str, right: int | str) -> Dim:
    return _dim(expression.product(_terms(left), _terms(right)))


@lru_cache(maxsize=_REMEMBERED)
def _quotient(left: int | str, right: int | str) -> Dim:
    return _dim(expression.quotient(_terms(left), _terms(right)))


def _number(value: int) -> Dim:
    return value if -MAX_NUMBER < value < MAX_NUMBER else None


def _terms(dim: int | str) -> Terms:
    return expression.constant(dim) if isinstance(dim, int) else expression.terms(dim)


def _dim(found: Terms | None) -> Dim:
    if found is None:
        return None
    if not found.keys() - {()}:
        return _number(found.get((), 0))
    return expression.write(found)


def _choice(word: str, left: Dim, right: Dim) -> Dim:
    if left == right:
        return left
    return None if left is None or right is None else _chosen(word, left, right)


@lru_cache(maxsize=_REMEMBERED)
def _chosen(word: str, left: int | str, right: int | str) -> Dim:
    return _dim(expression.choice(word, _terms(left), _terms(right)))
