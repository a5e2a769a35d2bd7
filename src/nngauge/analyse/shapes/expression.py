"""Polynomials in symbols, and their canonical text: what a dimension is when it is no number.

Atoms are symbols and the texts ``floor(a/3)``, ``max(a, b)``, ``min(a, b)`` of polynomials; coefficients are integers.
Equal polynomials have equal texts. Everything is bounded: what grows past the bounds is None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import gcd
from typing import Final

Monomial = tuple[str, ...]
"""Atoms in order, repeated for powers; the empty one belongs to the constant."""
Terms = Mapping[Monomial, int]
"""Coefficients, none of them 0."""

MAX_TEXT: Final = 200
"""Characters of one expression; five convolutions one after the other need about 20."""
MAX_NUMBER: Final = 1 << 64
"""Numbers from here on are unknown: no runtime counts further, and long chains of products must stay cheap."""
_MAX_TERMS: Final = 12
_MAX_DEGREE: Final = 8
_MAX_DEPTH: Final = 12
"""Parentheses in parentheses."""
_TOKEN: Final = re.compile(r"\s*(?:(\d{1,20})|([^\W\d][\w.]*)|(//|[-+*/(),]))")
NAME: Final = re.compile(r"[^\W\d][\w.]*")
"""A symbol or the name of a function."""
_FLOOR: Final = re.compile(r"floor\((.+)/(\d+)\)")
_NO_NAME: Final = re.compile(r"[^\w.]+")


def symbol(name: str) -> str:
    """`name` in the spelling of symbols: letters, digits, ``_`` and ``.``, no digit first."""
    plain = _NO_NAME.sub("_", name[: MAX_TEXT // 2])
    return plain if plain and (plain[0].isalpha() or plain[0] == "_") else f"_{plain}"


def constant(value: int) -> Terms:
    """The polynomial of a number."""
    return {(): value} if value else {}


@lru_cache(maxsize=4096)
def terms(text: str) -> Terms:
    """The polynomial of a text; text that is no expression counts as one symbol."""
    found = parse(text, {})
    return {(symbol(text),): 1} if found is None else found


def parse(text: str, values: Mapping[str, Terms]) -> Terms | None:
    """The polynomial of a text with the symbols in `values` replaced, None when it is no expression.

    Understands what exporters write besides our own texts: ``//``, ``ceil``, and fractions inside `floor`.
    """
    if len(text) > MAX_TEXT:
        return None
    try:
        return _Parser(text, values).whole()
    except _NoExpressionError:
        return None


def total(left: Terms, right: Terms) -> Terms:
    """Sum of two polynomials."""
    found = dict(left)
    for monomial, factor in right.items():
        factor += found.pop(monomial, 0)
        if factor:
            found[monomial] = factor
    return found


def product(left: Terms, right: Terms) -> Terms | None:
    """Product of two polynomials."""
    if len(left) * len(right) > _MAX_TERMS * _MAX_TERMS:
        return None
    found: dict[Monomial, int] = {}
    for one, factor in left.items():
        for other, more in right.items():
            monomial = tuple(sorted(one + other))
            found[monomial] = found.get(monomial, 0) + factor * more
    return {monomial: factor for monomial, factor in found.items() if factor}


def quotient(left: Terms, right: Terms) -> Terms | None:
    """`left` / `right` rounded down; by an expression only where it divides whatever the symbols are."""
    if not right:
        return None
    exact = _exact(left, right)
    if exact is not None:
        return exact
    divisor = right.get((), 0)
    return _floor(left, divisor) if len(right) == 1 and divisor > 0 else None


def choice(word: str, left: Terms, right: Terms) -> Terms | None:
    """``max`` or ``min`` of two polynomials."""
    difference = total(left, {monomial: -factor for monomial, factor in right.items()})
    if not difference.keys() - {()}:
        return left if (difference.get((), 0) >= 0) == (word == "max") else right
    texts = [write(left), write(right)]
    if None in texts:
        return None
    return {(f"{word}({', '.join(sorted(map(str, texts)))})",): 1}


def write(found: Terms) -> str | None:
    """Canonical text, highest degree first."""
    if len(found) > _MAX_TERMS or any(
        len(monomial) > _MAX_DEGREE or abs(factor) >= MAX_NUMBER for monomial, factor in found.items()
    ):
        return None
    if not found:
        return "0"
    text = " ".join(_term(monomial, found[monomial]) for monomial in sorted(found, key=_order))
    text = text[2:] if text.startswith("+ ") else f"-{text[2:]}"
    return text if len(text) <= MAX_TEXT else None


def _order(monomial: Monomial) -> tuple[int, Monomial]:
    return -len(monomial), monomial


def _term(monomial: Monomial, factor: int) -> str:
    """``+ 3*H*W``."""
    size = abs(factor)
    names = "*".join(monomial)
    body = str(size) if not names else names if size == 1 else f"{size}*{names}"
    return f"{'-' if factor < 0 else '+'} {body}"


def _exact(left: Terms, right: Terms) -> Terms | None:
    """The quotient when there is no remainder: by one monomial, or of proportional sums."""
    if len(right) == 1:
        return _by_monomial(left, *next(iter(right.items())))
    if not left:
        return left
    first, leading = min(left, key=_order), min(right, key=_order)
    ratio = _by_monomial({first: left[first]}, leading, right[leading])
    return ratio if ratio and product(ratio, right) == dict(left) else None


def _by_monomial(left: Terms, monomial: Monomial, divisor: int) -> Terms | None:
    found: dict[Monomial, int] = {}
    for names, factor in left.items():
        rest = list(names)
        for name in monomial:
            if name not in rest:
                return None
            rest.remove(name)
        if factor % divisor:
            return None
        found[tuple(rest)] = factor // divisor
    return found


def _floor(left: Terms, divisor: int) -> Terms | None:
    """What divides comes out of the `floor`, and the constant's remainder stays in it, so that equals look equal."""
    outside: dict[Monomial, int] = {}
    inside: dict[Monomial, int] = {}
    for monomial, factor in left.items():
        whole, rest = divmod(factor, divisor)
        if not rest:
            outside[monomial] = whole
        elif monomial:
            inside[monomial] = factor
        else:
            inside[monomial] = rest
            if whole:
                outside[monomial] = whole
    if not inside.keys() - {()}:
        return outside
    body, below = _reduced(*_flattened(inside, divisor))
    text = write(body)
    if text is None:
        return None
    plain = len(body) == 1 and len(next(iter(body))) == 1 and next(iter(body.values())) == 1
    return total(outside, {(f"floor({text if plain else f'({text})'}/{below})",): 1})


def _flattened(inside: Terms, divisor: int) -> tuple[Terms, int]:
    """``floor((floor(x/a) + c)/b)`` is ``floor((x + a*c)/(a*b))``."""
    atoms = [monomial for monomial in inside if monomial]
    found = _FLOOR.fullmatch(atoms[0][0]) if len(atoms) == 1 == len(atoms[0]) and inside[atoms[0]] == 1 else None
    if found is None:
        return inside, divisor
    inner = int(found[2])
    return total(terms(found[1]), constant(inside.get((), 0) * inner)), divisor * inner


def _reduced(inside: Terms, divisor: int) -> tuple[Terms, int]:
    """``floor((2*x + 3)/4)`` is ``floor((x + 1)/2)``."""
    shared = gcd(divisor, *(factor for monomial, factor in inside.items() if monomial))
    if shared == 1:
        return inside, divisor
    reduced = {monomial: factor // shared for monomial, factor in inside.items()}
    return {monomial: factor for monomial, factor in reduced.items() if factor}, divisor // shared


class _NoExpressionError(Exception):
    """The text is no expression (as far as we read them)."""


class _Parser:
    """Recursive descent; values are fractions: a polynomial and a positive divisor."""

    def __init__(self, text: str, values: Mapping[str, Terms]) -> None:
        self._pieces = self._split(text)
        self._values = values
        self._pos = self._depth = 0

    @staticmethod
    def _split(text: str) -> list[str]:
        pieces, pos = [], 0
        text = text.rstrip()
        while pos < len(text):
            found = _TOKEN.match(text, pos)
            if found is None:
                raise _NoExpressionError
            pieces.append(found[found.lastindex or 0])
            pos = found.end()
        return [*pieces, ""]

    def whole(self) -> Terms:
        """The value of the text."""
        found = self._rounded(self._sum())
        if self._pieces[self._pos]:
            raise _NoExpressionError
        return found

    def _next(self) -> str:
        piece = self._pieces[self._pos]
        self._pos += 1 if piece else 0
        return piece

    def _expect(self, wanted: str) -> None:
        if self._next() != wanted:
            raise _NoExpressionError

    def _sum(self) -> tuple[Terms, int]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _NoExpressionError
        negative = self._pieces[self._pos] == "-"
        self._pos += negative
        found = self._times(self._product(), {(): -1}) if negative else self._product()
        while self._pieces[self._pos] in ("+", "-"):
            sign = 1 if self._next() == "+" else -1
            above, below = self._product()
            first = self._known(product(found[0], {(): below}))
            second = self._known(product(above, {(): sign * found[1]}))
            found = total(first, second), found[1] * below
        self._depth -= 1
        return found

    def _product(self) -> tuple[Terms, int]:
        found = self._factor()
        while self._pieces[self._pos] in ("*", "/", "//"):
            sign = self._next()
            above, below = self._factor()
            if sign == "*":
                found = self._known(product(found[0], above)), found[1] * below
            elif above.keys() != {()} or above[()] <= 0:
                raise _NoExpressionError
            else:
                found = self._times(found, {(): below})
                found = found[0], found[1] * above[()]
                found = (self._rounded(found), 1) if sign == "//" else found
        return found

    def _factor(self) -> tuple[Terms, int]:
        piece = self._next()
        if piece.isdecimal():
            return constant(int(piece)), 1
        if piece == "(":
            found = self._sum()
            self._expect(")")
            return found
        if not piece or not (piece[0].isalpha() or piece[0] == "_"):
            raise _NoExpressionError
        if self._pieces[self._pos] == "(":
            self._pos += 1
            return self._call(piece), 1
        return self._values.get(piece, {(piece,): 1}), 1

    def _call(self, word: str) -> Terms:
        above, below = self._sum()
        if word in ("max", "min"):
            self._expect(",")
            found = choice(word, self._rounded((above, below)), self._rounded(self._sum()))
        elif word == "ceil":
            found = self._rounded((total(above, constant(below - 1)), below))
        elif word == "floor":
            found = self._rounded((above, below))
        else:
            raise _NoExpressionError
        self._expect(")")
        return self._known(found)

    def _times(self, value: tuple[Terms, int], factor: Terms) -> tuple[Terms, int]:
        return self._known(product(value[0], factor)), value[1]

    def _rounded(self, value: tuple[Terms, int]) -> Terms:
        return value[0] if value[1] == 1 else self._known(quotient(value[0], {(): value[1]}))

    @staticmethod
    def _known(found: Terms | None) -> Terms:
        if found is None:
            raise _NoExpressionError
        return found
