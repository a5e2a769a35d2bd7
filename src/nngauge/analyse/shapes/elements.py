"""Arithmetic of single elements of small tensors: numbers as the operators have it, expressions as dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Element
from nngauge.domain.graph import Dim


def _real(left: Element, right: Element) -> tuple[float, float] | None:
    """Both as floats, when one is a float and the other a number."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return float(left), float(right)
    return None


def _has_float(left: Element, right: Element) -> bool:
    return isinstance(left, float) or isinstance(right, float)


def _exact(value: Element) -> Dim:
    """A float without fraction as the number it is; so expressions survive exporters that compute shapes in floats."""
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    return value


def _arithmetic(whole: Callable[[Dim, Dim], Dim], real: Callable[[float, float], float]) -> Callable[..., Element]:
    def compute(left: Element, right: Element) -> Element:
        if _has_float(left, right):
            pair = _real(left, right)
            if pair is not None:
                return real(*pair)
        return whole(_exact(left), _exact(right))

    return compute


def divided(left: Element, right: Element) -> Element:
    """Division: of integers towards 0, as C has it."""
    if _has_float(left, right):
        pair = _real(left, right)
        if pair is not None:
            return pair[0] / pair[1] if pair[1] else None
        # Of an expression by a float: only what has no remainder is the same number.
        whole = dims.divide(_exact(left), _exact(right))
        return whole if dims.multiply(whole, _exact(right)) == _exact(left) else None
    if isinstance(left, int) and isinstance(right, int):
        return (abs(left) // abs(right)) * (1 if (left < 0) == (right < 0) else -1) if right else None
    return dims.divide(_exact(left), _exact(right))


def floored(left: Element, right: Element) -> Element:
    """Division rounded down."""
    if _has_float(left, right):
        pair = _real(left, right)
        return float(math.floor(pair[0] / pair[1])) if pair and pair[1] and math.isfinite(pair[0] / pair[1]) else None
    return dims.divide(_exact(left), _exact(right))


def remainder(left: Element, right: Element) -> Element:
    """What division rounded down leaves; of floats unknown."""
    if isinstance(left, int) and isinstance(right, int):
        return left % right if right else None
    if _has_float(left, right):
        return None
    whole = dims.divide(_exact(left), _exact(right))
    return dims.subtract(_exact(left), dims.multiply(whole, _exact(right)))


def power(left: Element, right: Element) -> Element:
    """`left` to the power of `right`, where it stays small."""
    if isinstance(left, int) and isinstance(right, int) and abs(left) < 1 << 32 and 0 <= right <= 64:
        return dims.add(left**right, 0)
    pair = _real(left, right)
    if pair is None or pair[0] <= 0 or abs(math.log(pair[0]) * pair[1]) > 700:
        return None
    return float(pair[0] ** pair[1])


def equal(left: Element, right: Element) -> Element:
    """1 or 0; None when it depends on a symbol."""
    if left == right and left is not None:
        return 1
    if isinstance(left, int | float) and isinstance(right, int | float):
        return 0
    # Dimensions are never below 0: the −1 that exporters compare with is none.
    pairs = ((left, right), (right, left))
    return 0 if any(isinstance(a, str) and isinstance(b, int) and b < 0 for a, b in pairs) else None


def compared(test: Callable[[float, float], bool]) -> Callable[[Element, Element], Element]:
    """1 or 0 of two numbers."""

    def compute(left: Element, right: Element) -> Element:
        if isinstance(left, int | float) and isinstance(right, int | float):
            return int(test(left, right))
        return None

    return compute


def negated(value: Element) -> Element:
    """Minus `value`."""
    return -value if isinstance(value, int | float) else dims.multiply(value, -1)


def rounded(compute: Callable[[float], int]) -> Callable[[Element], Element]:
    """Rounds floats; expressions are whole already."""

    def one(value: Element) -> Element:
        if not isinstance(value, float):
            return value
        return float(compute(value)) if math.isfinite(value) else None

    return one


def of_number(compute: Callable[[float], float]) -> Callable[[Element], Element]:
    """A function of numbers that are 0 or more."""

    def number(value: Element) -> Element:
        return compute(value) if isinstance(value, int | float) and value >= 0 else None

    return number


ADD: Final = _arithmetic(dims.add, float.__add__)
SUBTRACT: Final = _arithmetic(dims.subtract, float.__sub__)
MULTIPLY: Final = _arithmetic(dims.multiply, float.__mul__)
LARGER: Final = _arithmetic(dims.larger, max)
SMALLER: Final = _arithmetic(dims.smaller, min)
