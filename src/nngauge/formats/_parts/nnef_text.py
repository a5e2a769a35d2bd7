"""The NNEF language as far as graphs use it: assignments of calls with literals, lists and tuples.

Grammar: https://registry.khronos.org/NNEF/specs/1.0/nnef-1.0.5.html (chapter 3). Expressions with operators and
comprehensions stand in fragments, which are skipped; in the graph itself they are refused.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from nngauge.errors import LimitError, MalformedError, UnsupportedError
from nngauge.limits import MAX_ITEMS, MAX_NODES, MAX_STRUCT_DEPTH

_TOKEN: Final = re.compile(
    r"""\s+|\#[^\n]*|(?P<name>[A-Za-z_]\w*)|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<text>"[^"\n]*"|'[^'\n]*')|(?P<mark>->|[()\[\]{}<>,;:=]|[-+*/^!&|?%]=?)"""
)
_SKIPPED: Final = frozenset({"extension", "fragment"})
_MAX_DIGITS: Final = 32


class Name(Struct, frozen=True):
    """A tensor by its name."""

    name: str


class Invocation(Struct, frozen=True):
    """A call: arguments by name, ``""`` for those by place."""

    op: str
    arguments: list[tuple[str, Expression]]
    dtype: str = ""


Expression = bool | int | float | str | Name | Invocation | tuple["Expression", ...]


class Assignment(Struct, frozen=True):
    """Tensors made by an expression; a list or tuple of them for operations with several."""

    targets: tuple[str, ...]
    value: Expression


class Document(Struct, frozen=True):
    """A graph in text."""

    version: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    assignments: list[Assignment]
    extensions: tuple[str, ...]
    fragments: tuple[str, ...]


def read_document(source: str) -> Document:
    """The version, what is declared before the graph, and the graph.

    Raises `MalformedError` for anything that is not the language, `UnsupportedError` for expressions in the graph.
    """
    return _Parser(source).document()


class _Parser:
    def __init__(self, source: str) -> None:
        self._tokens = _tokens(source)
        self._at = 0

    def document(self) -> Document:
        self._word("version")
        version = self._next()[1]
        self._mark(";")
        skipped: dict[str, list[str]] = {"extension": [], "fragment": []}
        while self._peek()[1] in _SKIPPED:
            word = self._next()[1]
            skipped[word].append(self._peek()[1])
            self._skip(word)
        self._word("graph")
        name = self._name()
        inputs = self._names()
        self._mark("->")
        outputs = self._names()
        self._mark("{")
        assignments = []
        while self._peek() != ("mark", "}"):
            assignments.append(self._assignment())
            if len(assignments) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} operations")
        self._next()
        return Document(
            version, name, inputs, outputs, assignments, tuple(skipped["extension"]), tuple(skipped["fragment"])
        )

    def _assignment(self) -> Assignment:
        opening = self._peek()[1]
        targets = self._targets("[", "]") if opening == "[" else self._targets("(", ")") if opening == "(" else None
        if targets is None:
            targets = (self._name(),)
        self._mark("=")
        value = self._expression(0)
        self._mark(";")
        return Assignment(targets, value)

    def _targets(self, opening: str, closing: str) -> tuple[str, ...]:
        self._mark(opening)
        found = []
        while self._peek()[1] != closing:
            found.append(self._name())
            if self._peek()[1] != closing:
                self._mark(",")
        self._next()
        return tuple(found)

    def _names(self) -> tuple[str, ...]:
        return self._targets("(", ")")

    def _expression(self, depth: int) -> Expression:
        if depth > MAX_STRUCT_DEPTH:
            raise MalformedError("expressions nested too deeply")
        kind, text = self._next()
        found: Expression
        if kind == "number":
            found = _number(text)
        elif kind == "text":
            found = text[1:-1]
        elif kind == "name":
            found = self._named(text, depth)
        elif text in ("[", "("):
            found = self._sequence("]" if text == "[" else ")", depth)
        else:
            raise MalformedError(f"{text[:20]!r} where a value is due")
        if self._peek()[0] != "end" and self._peek()[1] not in (",", ";", "]", ")"):
            raise UnsupportedError(f"an expression with {self._peek()[1][:20]!r} in the graph")
        return found

    def _named(self, text: str, depth: int) -> Expression:
        if text in ("true", "false"):
            return text == "true"
        dtype = ""
        if self._peek()[1] == "<":
            self._next()
            dtype = self._name()
            self._mark(">")
        if self._peek()[1] != "(":
            return Name(text)
        self._next()
        arguments: list[tuple[str, Expression]] = []
        while self._peek()[1] != ")":
            key = ""
            if self._peek()[0] == "name" and self._peek(1)[1] == "=":
                key = self._name()
                self._next()
            arguments.append((key, self._expression(depth + 1)))
            if self._peek()[1] != ")":
                self._mark(",")
        self._next()
        return Invocation(text, arguments, dtype)

    def _sequence(self, closing: str, depth: int) -> tuple[Expression, ...]:
        found = []
        while self._peek()[1] != closing:
            found.append(self._expression(depth + 1))
            if self._peek()[1] != closing:
                self._mark(",")
        self._next()
        return tuple(found)

    def _skip(self, word: str) -> None:
        """Past a declaration: up to its semicolon, or past the body of a fragment."""
        depth = 0
        while True:
            mark = self._next()[1]
            depth += (mark == "{") - (mark == "}")
            if depth < 0:
                raise MalformedError("a bracket that nothing opened")
            if not depth and (mark == ";" or (mark == "}" and word == "fragment")):
                return

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise MalformedError("the text ends inside the graph")
        self._at += 1
        return self._tokens[self._at - 1]

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise MalformedError(f"{text[:20]!r} where a name is due")
        return text

    def _word(self, word: str) -> None:
        if self._next() != ("name", word):
            raise MalformedError(f"no {word!r} where one is due")

    def _mark(self, mark: str) -> None:
        found = self._next()
        if found != ("mark", mark):
            raise MalformedError(f"{found[1][:20]!r} where {mark!r} is due")


def _tokens(source: str) -> list[tuple[str, str]]:
    found = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise MalformedError(f"unexpected character {source[at]!r}", where=f"@{at}")
        at = match.end()
        if match.lastgroup is not None:
            found.append((match.lastgroup, match.group()))
            if len(found) > MAX_ITEMS:
                raise LimitError(f"more than {MAX_ITEMS} words")
    return found


def _number(text: str) -> int | float:
    if len(text) > _MAX_DIGITS:
        raise MalformedError(f"number of {len(text)} digits")
    return int(text) if text.lstrip("+-").isdecimal() else float(text)
