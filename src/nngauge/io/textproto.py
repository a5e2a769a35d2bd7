"""A bounded reader of the protobuf text format, without schema.

Language: https://protobuf.dev/reference/protobuf/textformat-spec/. Repeated fields stay repeated entries in order.
"""

from __future__ import annotations

import re

from nngauge.errors import LimitError, MalformedError
from nngauge.limits import MAX_ITEMS, MAX_STRUCT_DEPTH

Message = list[tuple[str, "Value"]]
Value = str | Message

_TOKEN = re.compile(
    r"""(?:\s++|\#[^\n]*+)*+"""  # blanks and comments; possessive, so that nothing is tried twice
    r"""(?:([A-Za-z0-9_.+\-/]++)"""
    r"""|"([^"\\\n]*+(?:\\.[^"\\\n]*+)*+)"|'([^'\\\n]*+(?:\\.[^'\\\n]*+)*+)'"""
    r"""|([{}<>:\[\],;])|\Z|([\s\S]))"""
)
_MARK, _OTHER = 4, 5
"""The groups of punctuation and of anything that is no token; those before are words and texts."""
_CLOSING = {"{": "}", "<": ">"}


def read(text: str) -> Message:
    """The top-level message as `(name, value)` entries; texts without quotes, numbers as written.

    Raises `MalformedError` for anything that is not the text format, `LimitError` past the bounds.
    """
    builder = _Builder()
    for found in _TOKEN.finditer(text):
        group = found.lastindex
        if group is None:
            break
        if group < _MARK:
            builder.word(found[group])
        elif group == _MARK:
            builder.mark(found[_MARK])
        else:
            raise MalformedError(f"unexpected character {found[_OTHER]!r}", where=f"@{found.start(_OTHER)}")
    return builder.finished()


class _Builder:
    """The messages that are open, and the field whose value is due."""

    def __init__(self) -> None:
        self._stack: list[tuple[Message, str, str]] = [([], "", "")]
        """`(message, its closing mark, field name of the list it stands in)`."""
        self._name = ""
        self._listing = False
        self._extension = False
        """Inside the brackets of an extension's name, ``[package.field]``."""
        self._count = 0

    def word(self, value: str) -> None:
        """A field name or a plain value."""
        self._count += 1
        if self._count > MAX_ITEMS:
            raise LimitError(f"more than {MAX_ITEMS} entries")
        if not self._name:
            self._name = value
            return
        if self._extension:
            raise MalformedError("an extension's name is not closed")
        self._stack[-1][0].append((self._name, value))
        if not self._listing:
            self._name = ""

    def mark(self, mark: str) -> None:
        """Punctuation; commas and semicolons mean nothing."""
        if mark in ",;" or (mark == ":" and self._name):
            return
        if mark in "{<":
            self._open(mark)
        elif mark in "}>":
            self._close(mark)
        elif mark == "[" and self._name and not self._listing:
            self._listing = True
        elif mark == "[" and not self._name and not self._extension:
            self._extension = True
        elif mark == "]" and self._extension and self._name:
            self._extension = False
        elif mark == "]" and self._listing:
            self._name, self._listing = "", False
        else:
            raise MalformedError(f"{mark!r} out of place")

    def _open(self, mark: str) -> None:
        if not self._name or self._extension or len(self._stack) > MAX_STRUCT_DEPTH:
            raise MalformedError("a message without field name or nested too deeply")
        child: Message = []
        self._stack[-1][0].append((self._name, child))
        self._stack.append((child, _CLOSING[mark], self._name if self._listing else ""))
        self._name, self._listing = "", False

    def _close(self, mark: str) -> None:
        if self._stack[-1][1] != mark or self._name or self._listing:
            raise MalformedError("unbalanced message")
        self._name = self._stack.pop()[2]
        self._listing = bool(self._name)

    def finished(self) -> Message:
        """The top-level message."""
        if len(self._stack) > 1 or self._name or self._extension:
            raise MalformedError("the text ends inside a message")
        return self._stack[0][0]
