"""Exact amounts: integers, or polynomials with integer coefficients in the names of dynamic dimensions.

An amount is written in one canonical way (``3*N**2 + 4*N*seq + 7``: higher degree first, then by name), so that equal
amounts are equal texts. What is no polynomial (``floor(H/2)``) is kept as one factor, in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from nngauge.domain.cost import Amount

_MAX_TEXT: Final = 1_024
"""Characters of one dimension's expression that are read; longer ones are one factor."""
_MAX_DEPTH: Final = 16
_MAX_TERMS: Final = 256
_MAX_DEGREE: Final = 32
_TOKEN: Final = re.compile(r"\s*(\d+|[A-Za-z_][\w.:/]*|\*\*|[()+*-])")

_Monomial = tuple[str, ...]
_Terms = Mapping[_Monomial, int]


class _NotPolynomialError(Exception):
    """The text is something else; it becomes one factor."""


def plus(amounts: Iterable[Amount]) -> Amount:
    """Sum."""
    number = 0
    terms: dict[_Monomial, int] = {}
    for amount in amounts:
        if isinstance(amount, int):
            number += amount
        else:
            _accumulate(terms, _parse(amount))
    if not terms:
        return number
    _accumulate(terms, {(): number})
    return _text(terms)


def times(amounts: Iterable[Amount]) -> Amount:
    """Product; what would have too many terms is written as factors in parentheses."""
    number = 1
    symbolic: list[str] = []
    for amount in amounts:
        if isinstance(amount, int):
            number *= amount
        else:
            symbolic.append(amount)
    if not symbolic or not number:
        return number
    terms: _Terms = {(): number}
    for text in symbolic:
        try:
            terms = _multiply(terms, _parse(text))
        except _NotPolynomialError:
            terms = _multiply(terms, {(f"({text})",): 1}, bounded=False)
    return _text(terms)


def divide(amount: Amount, divisor: int) -> Amount | None:
    """`amount` ÷ `divisor`, None where the result is no whole number."""
    if isinstance(amount, int):
        return amount // divisor if divisor and not amount % divisor else None
    terms = _parse(amount)
    if not divisor or any(count % divisor for count in terms.values()):
        return None
    return _text({monomial: count // divisor for monomial, count in terms.items()})


def at(amount: Amount, value: int) -> int:
    """The amount with every symbol at `value`: for ordering amounts, not for printing them."""
    if isinstance(amount, int):
        return amount
    return sum(count * value ** len(monomial) for monomial, count in _parse(amount).items())


def substitute(amount: Amount, known: Mapping[str, int]) -> Amount:
    """The amount with numbers for some of its symbols."""
    if isinstance(amount, int) or not known:
        return amount
    return plus(
        times((count, *(known.get(factor, factor) for factor in monomial)))
        for monomial, count in _parse(amount).items()
    )


def canonical(text: str) -> Amount:
    """`text` in the canonical writing."""
    return _text(_parse(text))


@lru_cache(maxsize=4_096)
def _parse(text: str) -> _Terms:
    if len(text) <= _MAX_TEXT:
        try:
            return _Parser(text).parse()
        except _NotPolynomialError:
            pass
    return {(text if text.startswith("(") or _single(text) else f"({text})",): 1}


def _single(text: str) -> bool:
    """Whether the text can stand as a factor without parentheses: a name, or a call of a function."""
    return re.fullmatch(r"[\w.:/]+(\(.*\))?", text) is not None


def _text(terms: _Terms) -> Amount:
    """The canonical writing; a number where no symbol is left."""
    ordered = sorted(((m, c) for m, c in terms.items() if c), key=lambda term: (-len(term[0]), term[0]))
    if not ordered:
        return 0
    if len(ordered) == 1 and not ordered[0][0]:
        return ordered[0][1]
    result = ""
    for place, (monomial, count) in enumerate(ordered):
        sign = "-" if count < 0 else "+"
        size = abs(count)
        factors = [str(size)] if size != 1 or not monomial else []
        factors.extend(_powers(monomial))
        body = "*".join(factors)
        result += (f"-{body}" if sign == "-" else body) if not place else f" {sign} {body}"
    return result


def _powers(monomial: _Monomial) -> Iterator[str]:
    for factor in dict.fromkeys(monomial):
        power = monomial.count(factor)
        yield factor if power == 1 else f"{factor}**{power}"


def _accumulate(into: dict[_Monomial, int], terms: _Terms, sign: int = 1) -> None:
    for monomial, count in terms.items():
        into[monomial] = into.get(monomial, 0) + sign * count


def _multiply(first: _Terms, second: _Terms, *, bounded: bool = True) -> _Terms:
    if bounded and len(first) * len(second) > _MAX_TERMS:
        raise _NotPolynomialError
    result: dict[_Monomial, int] = {}
    for left, count in first.items():
        for right, other in second.items():
            if bounded and len(left) + len(right) > _MAX_DEGREE:
                raise _NotPolynomialError
            monomial = tuple(sorted(left + right))
            result[monomial] = result.get(monomial, 0) + count * other
    return result


class _Parser:
    """Sums, differences, products and whole powers of numbers and names."""

    def __init__(self, text: str) -> None:
        self._tokens = list(self._split(text))
        self._place = 0

    @staticmethod
    def _split(text: str) -> Iterator[str]:
        place = 0
        text = text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise _NotPolynomialError
            yield match[1]
            place = match.end()

    def parse(self) -> _Terms:
        terms = self._sum(0)
        if self._place != len(self._tokens):
            raise _NotPolynomialError
        return terms

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _next(self) -> str:
        part = self._peek()
        self._place += 1
        return part

    def _sum(self, depth: int) -> _Terms:
        terms: dict[_Monomial, int] = {}
        sign = -1 if self._peek() == "-" else 1
        if sign < 0:
            self._place += 1
        _accumulate(terms, self._product(depth), sign)
        while self._peek() in {"+", "-"}:
            sign = 1 if self._next() == "+" else -1
            _accumulate(terms, self._product(depth), sign)
        return terms

    def _product(self, depth: int) -> _Terms:
        terms = self._power(depth)
        while self._peek() == "*":
            self._place += 1
            terms = _multiply(terms, self._power(depth))
        return terms

    def _power(self, depth: int) -> _Terms:
        factor = terms = self._factor(depth)
        if self._peek() == "**":
            self._place += 1
            exponent = self._next()
            if not exponent.isdigit() or not 1 <= int(exponent) <= _MAX_DEGREE:
                raise _NotPolynomialError
            for _ in range(int(exponent) - 1):
                terms = _multiply(terms, factor)
        return terms

    def _factor(self, depth: int) -> _Terms:
        part = self._next()
        if part == "(" and depth < _MAX_DEPTH:
            terms = self._sum(depth + 1)
            if self._next() != ")":
                raise _NotPolynomialError
            return terms
        if part.isdigit():
            return {(): int(part)}
        if not part or not (part[0].isalpha() or part[0] == "_") or self._peek() == "(":
            raise _NotPolynomialError
        return {(part,): 1}
