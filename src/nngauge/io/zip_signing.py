"""The APK Signing Block: signatures that stand between the last entry and the central directory.

Format: https://source.android.com/docs/security/features/apksigning/v2#apk-signing-block-format
"""

from __future__ import annotations

import struct
from typing import Final

from nngauge.errors import LimitError, MalformedError
from nngauge.io.certificates import BLOCK_MAGIC
from nngauge.io.zip import ZipArchive
from nngauge.limits import MAX_SIGNING_BLOCK, MAX_SIGNING_PAIRS

_FOOTER: Final = struct.Struct("<Q16s")  # size without its own first copy, magic
_SIZE: Final = struct.Struct("<Q")
_PAIR: Final = struct.Struct("<QI")  # size with the id, id


def find_signing_block(archive: ZipArchive) -> tuple[int, int] | None:
    """Offset and size in the source of the whole block; None when there is none.

    Raises `MalformedError` when its two size fields disagree and `LimitError` past `limits.MAX_SIGNING_BLOCK`.
    """
    if archive.directory is None or archive.directory.start < 32:
        return None
    end = archive.directory.start
    size, magic = _FOOTER.unpack(archive.source.read(end - _FOOTER.size, _FOOTER.size))
    if magic != BLOCK_MAGIC:
        return None
    if size > MAX_SIGNING_BLOCK:
        raise LimitError(f"signing block of {size} bytes", where=archive.source.name)
    start = end - size - _SIZE.size
    if start < 0 or size < _FOOTER.size or _SIZE.unpack(archive.source.read(start, _SIZE.size))[0] != size:
        raise MalformedError("signing block with contradicting sizes", where=f"{archive.source.name}@{end}")
    return start, size + _SIZE.size


def signing_block(archive: ZipArchive) -> dict[int, memoryview]:
    """The values in the block by their id, without copying; the first of equal ids, as Android takes it.

    Empty when there is no block; errors as in `find_signing_block`, and `MalformedError` for a pair that does not fit.
    """
    found = find_signing_block(archive)
    if found is None:
        return {}
    offset, size = found
    block = archive.source.view(offset, size)
    pairs: dict[int, memoryview] = {}
    at = _SIZE.size
    end = size - _FOOTER.size
    for _ in range(MAX_SIGNING_PAIRS):
        if at >= end:
            return pairs
        if at + _PAIR.size > end:
            raise MalformedError("signing block ends inside a pair", where=f"{archive.source.name}@{offset + at}")
        length, key = _PAIR.unpack_from(block, at)
        after = at + 8 + length
        if length < 4 or after > end:
            raise MalformedError("signing block pair does not fit", where=f"{archive.source.name}@{offset + at}")
        pairs.setdefault(key, block[at + _PAIR.size : after])
        at = after
    raise LimitError(f"more than {MAX_SIGNING_PAIRS} pairs in a signing block", where=archive.source.name)
