"""SQL for shares and texts: the share itself, and the interval of Wilson's score in which the share of a larger market may lie.

E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927), 209-212,
https://doi.org/10.1080/01621459.1927.10502953
"""

from __future__ import annotations

from typing import Final

_Z: Final = 1.959964
"""Quantile of the normal distribution for 95 %."""
HUNDREDTHS: Final = "[step / 100 FOR step IN range(101)]"
"""SQL for 0, 0.01 … 1: the steps of a distribution that are kept, for `quantile_disc`."""


def literal(text: str) -> str:
    """SQL for a text."""
    return "'" + text.replace("'", "''") + "'"


def share(count: str, of: str) -> str:
    """SQL for `count` ÷ `of`, NULL when there is nothing to divide by."""
    return f"(({count}) / nullif(({of})::DOUBLE, 0))"


def low(count: str, of: str) -> str:
    """SQL for the lower end of the 95 % interval of a share."""
    return _wilson(count, of, "-")


def high(count: str, of: str) -> str:
    """SQL for the upper end of the 95 % interval of a share."""
    return _wilson(count, of, "+")


def _wilson(count: str, of: str, sign: str) -> str:
    z2 = _Z * _Z
    spread = f"sqrt(({count})::DOUBLE * (({of}) - ({count})) / ({of}) + {z2 / 4:.6f})"
    ends = "greatest(0, {})" if sign == "-" else "least(1, {})"
    return f"CASE WHEN ({of}) > 0 THEN {ends.format(f'(({count}) + {z2 / 2:.6f} {sign} {_Z} * {spread}) / (({of}) + {z2:.6f})')} END"
