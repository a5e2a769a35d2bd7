"""Texts from outside made safe to show: nothing that a terminal acts on, no forged lines, no formulas in a CSV."""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = {code: None for code in (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
                    if code not in (9, 10)}  # fmt: skip
"""C0 and C1 controls (escape sequences) and the bidirectional overrides that make names read backwards."""


_BREAKS: Final = {9: " ", 10: " "}


def printable(text: str) -> str:
    """`text` without characters that a terminal acts on."""
    return text.translate(_CONTROLS)


def one_line(text: str) -> str:
    """`text` as one line: a name with line breaks could otherwise forge rows of a report."""
    return printable(text).translate(_BREAKS)


_BRIEF: Final = 160


def brief(text: str, most: int = _BRIEF) -> str:
    """`text` with its middle left out where it is longer than `most`: names may have 64 KiB, and both ends tell most."""
    head = most // 2
    return text if len(text) <= most else f"{text[:head]}…{text[len(text) + head + 1 - most :]}"


_RAW: Final = re.compile(rb"\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\x7f")
"""In UTF-8: what encoders of JSON leave as it is, and what terminals act on or turn text round with."""


def plain_json(document: bytes) -> bytes:
    """The same JSON with C1 controls, line separators and bidirectional overrides as escapes."""
    return _RAW.sub(lambda found: f"\\u{ord(found[0].decode()):04x}".encode(), document)


_FORMULA: Final = frozenset("=+-@")


def csv_text(text: str) -> str:
    """One cell of a CSV: a text that a spreadsheet would run as a formula gets an apostrophe in front.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    plain = one_line(text)
    return f"'{plain}" if plain.lstrip()[:1] in _FORMULA else plain
