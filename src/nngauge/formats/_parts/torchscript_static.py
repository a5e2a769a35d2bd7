"""Arithmetic that the code of a scripted model does on plain numbers, so that what never runs is not shown."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Final

MAX_NUMBER: Final = 1 << 63
"""TorchScript's integers have 64 bits."""
_MAX_TEXT: Final = 4096

Plain = bool | int | float | str | None

_BINARY: Final[Mapping[str, Callable[[float, float], bool | int | float]]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "gt": operator.gt, "le": operator.le, "ge": operator.ge,
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "floordiv": operator.floordiv, "remainder": operator.mod, "__and__": operator.and_, "__or__": operator.or_,
}  # fmt: skip
_COMPARE: Final = {"eq": operator.eq, "ne": operator.ne}


def evaluate(name: str, args: Sequence[object]) -> tuple[Plain] | None:
    """The value of ``torch.<name>(*args)`` in a tuple, None where it is not plain arithmetic.

    Identity of anything with None is known too: a value of the graph never is None.
    """
    if name in ("__is__", "__isnot__") and len(args) == 2 and None in args:
        same = args[0] is None and args[1] is None
        return (same if name == "__is__" else not same,)
    if not all(isinstance(arg, bool | int | float | str | None) for arg in args):
        return None
    if len(args) == 1:
        return _unary(name, args[0])
    if len(args) != 2:
        return None
    left, right = args
    if isinstance(left, str) or isinstance(right, str) or left is None or right is None:
        return (_COMPARE[name](left, right),) if name in _COMPARE else None
    if not isinstance(left, bool | int | float) or not isinstance(right, bool | int | float) or name not in _BINARY:
        return None
    try:
        return _bounded(_BINARY[name](left, right))
    except (ArithmeticError, TypeError):
        return None


def _unary(name: str, value: object) -> tuple[Plain] | None:
    if name == "__not__" or (name == "Bool" and isinstance(value, bool | int | float)):
        return (not value if name == "__not__" else bool(value),)
    if isinstance(value, str) and name == "len":
        return (len(value),)
    if not isinstance(value, bool | int | float):
        return None
    try:
        if name in ("Int", "IntImplicit"):
            return _bounded(int(value))
        if name in ("Float", "FloatImplicit"):
            return _bounded(float(value))
        return _bounded(-value) if name == "neg" else None
    except (ArithmeticError, ValueError):
        return None


def _bounded(value: bool | float) -> tuple[Plain] | None:  # noqa: FBT001  (any plain number)
    return (value,) if isinstance(value, float) or abs(value) < MAX_NUMBER else None


def literal(value: object) -> tuple[Plain] | None:
    """A literal of the code, in a tuple; None for those too large to be honest."""
    if value is None or isinstance(value, bool | float):
        return (value,)
    if isinstance(value, int):
        return _bounded(value)
    return (value[:_MAX_TEXT],) if isinstance(value, str) else None
