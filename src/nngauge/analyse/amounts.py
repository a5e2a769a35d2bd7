"""Exact amounts: integers, or polynomials with integer coefficients in the names of dynamic dimensions.

Written as the dimensions are (`shapes.expression`): sums of products, higher degree first, then by name, so that equal
amounts are equal texts (``2*N*N + 4*N*seq + 7``). Factors are names and calls (``floor(H/2)``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from nngauge.analyse.shapes.expression import Monomial, Terms, product, symbol
from nngauge.analyse.shapes.expression import terms as expression_terms
from nngauge.domain.cost import Amount

_MAX_TERMS: Final = 256
"""Summands of one amount; dimensions have at most a dozen, amounts of real models two or three."""
_MAX_DEGREE: Final = 32
_MAX_TEXT: Final = 16_384
"""Characters of one amount that are read back."""
_ATOM: Final = re.compile(r"[^\W\d][\w.]*(\([\w.()+*/, -]*\))?")


def plus(amounts: Iterable[Amount]) -> Amount:
    """Sum."""
    number = 0
    terms: dict[Monomial, int] = {}
    for amount in amounts:
        if isinstance(amount, int):
            number += amount
            continue
        for monomial, count in _terms(amount).items():
            terms[monomial] = terms.get(monomial, 0) + count
    if not terms:
        return number
    terms[()] = terms.get((), 0) + number
    return _text(terms)


def times(amounts: Iterable[Amount]) -> Amount:
    """Product; one name for what has more terms than can be written."""
    number = 1
    symbolic: list[str] = []
    for amount in amounts:
        if isinstance(amount, int):
            number *= amount
        else:
            symbolic.append(amount)
    if not symbolic or not number:
        return number
    terms: Terms = {(): number}
    for text in symbolic:
        found = product(terms, _terms(text))
        if found is None or max(map(len, found), default=0) > _MAX_DEGREE:
            return symbol("*".join(symbolic))
        terms = found
    return _text(terms)


def divide(amount: Amount, divisor: int) -> Amount | None:
    """`amount` ÷ `divisor`, None where the result is no whole number."""
    if not divisor:
        return None
    if isinstance(amount, int):
        return None if amount % divisor else amount // divisor
    terms = _terms(amount)
    if any(count % divisor for count in terms.values()):
        return None
    return _text({monomial: count // divisor for monomial, count in terms.items()})


def at(amount: Amount, value: int) -> int:
    """The amount with every factor at `value`: for ordering amounts, not for printing them."""
    if isinstance(amount, int):
        return amount
    return sum(count * value ** len(monomial) for monomial, count in _terms(amount).items())


def canonical(text: str) -> Amount:
    """The amount that a dimension's text stands for; text that is no expression is one name."""
    return _text(expression_terms(text))


@lru_cache(maxsize=4_096)
def _terms(text: str) -> Terms:
    found: dict[Monomial, int] = {}
    for summand in _summands(text[:_MAX_TEXT]):
        count, factors = 1, []
        for factor in _split(summand, "*"):
            if factor.isdecimal():
                count *= int(factor[:_MAX_DEGREE])
            elif _ATOM.fullmatch(factor):
                factors.append(factor)
            elif factor.startswith("-"):
                count = -count
            else:
                return {(symbol(text),): 1}
        monomial = tuple(sorted(factors))
        found[monomial] = found.get(monomial, 0) + count
    return found if len(found) <= _MAX_TERMS else {(symbol(text),): 1}


def _summands(text: str) -> Iterator[str]:
    """Summands of a canonical text, negative ones with ``-1*`` before them."""
    for positive in _split(text, "+"):
        first, *negative = _split(positive, "-")
        if first:
            yield first
        yield from (f"-*{part}" for part in negative)


def _split(text: str, sign: str) -> list[str]:
    """Parts between `sign` outside of parentheses."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == sign and not depth:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


def _text(terms: Terms) -> Amount:
    """The canonical writing; a number where no symbol is left."""
    ordered = sorted(((m, count) for m, count in terms.items() if count), key=lambda term: (-len(term[0]), term[0]))
    if not ordered or not ordered[0][0]:
        return ordered[0][1] if ordered else 0
    text = " ".join(_summand(monomial, count) for monomial, count in ordered)
    return text[2:] if text.startswith("+ ") else f"-{text[2:]}"


def _summand(monomial: Monomial, count: int) -> str:
    """``+ 3*H*W``."""
    size = abs(count)
    body = "*".join(monomial if size == 1 and monomial else (str(size), *monomial))
    return f"{'-' if count < 0 else '+'} {body}"
