"""DER, the one way to write ASN.1 that certificates and signatures use (ITU-T X.690): elements inside elements."""

from __future__ import annotations

from typing import Final, NamedTuple

from nngauge.errors import LimitError, MalformedError, TruncatedError, UnsupportedError
from nngauge.limits import MAX_DER_ITEMS

INTEGER: Final = 0x02
OCTETS: Final = 0x04
OID: Final = 0x06
SEQUENCE: Final = 0x30
SET: Final = 0x31


class Element(NamedTuple):
    """One element: `tag`, first byte, first byte of its content, first byte past it."""

    tag: int
    start: int
    body: int
    end: int


def content(data: bytes, item: Element) -> bytes:
    """What is inside an element."""
    return data[item.body : item.end]


def encoded(data: bytes, item: Element) -> bytes:
    """An element with its tag and length."""
    return data[item.start : item.end]


def elements(data: bytes, parent: Element) -> list[Element]:
    """The elements inside `parent`. Raises as `element`, and `LimitError`."""
    items: list[Element] = []
    at = parent.body
    while at < parent.end:
        items.append(element(data, at, parent.end))
        at = items[-1].end
        if len(items) > MAX_DER_ITEMS:
            raise LimitError(f"more than {MAX_DER_ITEMS} elements", where=f"@{parent.start}")
    return items


def element(data: bytes, at: int, end: int) -> Element:
    """The element at `at`. Raises `TruncatedError`, `MalformedError`, `UnsupportedError` (what is not DER)."""
    if at + 2 > end:
        raise TruncatedError("element cut short", where=f"@{at}")
    tag, size, body = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F or size == 0x80:
        raise UnsupportedError("long tags and indefinite lengths are not DER", where=f"@{at}")
    if size > 0x80:
        width = size & 0x7F
        if width > 4 or body + width > end:
            raise MalformedError(f"length of {width} bytes", where=f"@{at}")
        size = int.from_bytes(data[body : body + width], "big")
        body += width
    if size > end - body:
        raise TruncatedError(f"element of {size} bytes, {end - body} left", where=f"@{at}")
    return Element(tag, at, body, body + size)
