"""Exact numbers and expressions as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from nngauge.domain.cost import Amount
from nngauge.units import format_bytes, format_count

_EXPRESSION = 48
"""Characters of an expression in dynamic dimensions; longer ones say only that they are."""


def short_amount(amount: Amount | None) -> str:
    """``300774272`` → ``"301 M"``; an expression as it is; ``–`` for None."""
    if amount is None:
        return "–"
    return format_count(amount) if isinstance(amount, int) else _expression(amount)


def exact_amount(amount: Amount | None) -> str:
    """``300774272`` → ``"300,774,272"``; an expression as it is; ``–`` for None."""
    if amount is None:
        return "–"
    return f"{amount:,}" if isinstance(amount, int) else _expression(amount)


def byte_amount(amount: Amount | None) -> str:
    """``1536`` → ``"1.5 kB"``; an expression with its unit; ``–`` for None."""
    if amount is None:
        return "–"
    return format_bytes(amount) if isinstance(amount, int) else f"{_expression(amount)} B"


def plural(count: int, noun: str) -> str:
    """``1 tensor``, ``2,000 tensors``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def format_shape(shape: Sequence[int | str | None] | None) -> str:
    """``(1, 224, None)`` → ``"1×224×?"``; a scalar is ``"scalar"``, an unknown rank ``"?"``."""
    if shape is None:
        return "?"
    return "×".join("?" if dim is None else str(dim) for dim in shape) or "scalar"


def _expression(text: str) -> str:
    return text if len(text) <= _EXPRESSION else f"{text[: _EXPRESSION - 1]}…"
