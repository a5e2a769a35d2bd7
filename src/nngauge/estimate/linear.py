"""Symmetric systems of linear equations, small ones."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from nngauge.errors import MalformedError


def factor(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    """Cholesky's lower factor of a symmetric positive matrix, of which the lower half is read. Raises `MalformedError`."""
    lower: list[list[float]] = []
    for row, line in enumerate(matrix):
        made: list[float] = []
        for column in range(row):
            known = lower[column]
            dot = sum(left * right for left, right in zip(made, known, strict=False))
            made.append((line[column] - dot) / known[column])
        rest = line[row] - sum(value * value for value in made)
        if rest <= 0.0:
            raise MalformedError("the matrix is not positive definite")
        made.append(sqrt(rest))
        lower.append(made)
    return lower


def forward(lower: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """X of L x = b."""
    found: list[float] = []
    for line, value in zip(lower, right, strict=True):
        dot = sum(left * known for left, known in zip(line, found, strict=False))
        found.append((value - dot) / line[len(found)])
    return found


def backward(lower: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """X of Lᵀ x = b."""
    found = [0.0] * len(right)
    rest = list(right)
    for row in range(len(right) - 1, -1, -1):
        found[row] = rest[row] / lower[row][row]
        for column in range(row):
            rest[column] -= lower[row][column] * found[row]
    return found
