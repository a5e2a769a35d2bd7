"""The small zip that some model files carry behind their own bytes (TensorFlow Lite metadata, MediaPipe).

Only names and the end are read, forward from the first local header; nothing is inflated.
Layout: APPNOTE 6.3.10, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

from __future__ import annotations

from typing import NamedTuple

from nngauge.errors import TruncatedError
from nngauge.io.binary import Buffer, Cursor
from nngauge.limits import MAX_PATH_BYTES

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_MAX_FILES = 4096
"""Associated files of one model; real ones carry one to five label lists and vocabularies."""


class ZipTail(NamedTuple):
    """File `names` in order and the offset one past the end record."""

    names: tuple[str, ...]
    end: int


def zip_tail(buf: Buffer, start: int) -> ZipTail | None:
    """The zip that begins at `start`, None when there is none or it cannot be walked (streamed sizes, damage)."""
    try:
        return _walk(Cursor(buf, start))
    except TruncatedError:
        return None


def _walk(cursor: Cursor) -> ZipTail | None:
    names: list[str] = []
    while cursor.left >= 4 and len(names) <= _MAX_FILES:
        signature = cursor.bytes(4)
        if signature == _LOCAL:
            cursor.skip(14)
            packed = cursor.u32()
            cursor.skip(4)
            name, extra = cursor.u16(), cursor.u16()
            names.append(cursor.bytes(min(name, MAX_PATH_BYTES)).decode("utf-8", "replace"))
            cursor.skip(max(0, name - MAX_PATH_BYTES) + extra + packed)
        elif signature == _CENTRAL:
            cursor.skip(24)
            cursor.skip(cursor.u16() + cursor.u16() + cursor.u16() + 12)
        elif signature == _END:
            cursor.skip(16)
            cursor.skip(cursor.u16())
            return ZipTail(tuple(names), cursor.pos)
        else:
            return None
    return None
