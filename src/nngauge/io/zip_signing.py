"""The APK Signing Block: signatures that stand between the last entry and the central directory.

Format: https://source.android.com/docs/security/features/apksigning/v2#apk-signing-block-format
"""

from __future__ import annotations

import struct
from typing import Final

from nngauge.errors import LimitError, MalformedError
from nngauge.io.certificates import BLOCK_MAGIC
from nngauge.io.zip import ZipArchive
from nngauge.limits import MAX_SIGNING_BLOCK

_FOOTER: Final = struct.Struct("<Q16s")  # size without its own first copy, magic
_SIZE: Final = struct.Struct("<Q")


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
