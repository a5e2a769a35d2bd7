"""Zips with the same bytes for the same content: fixed dates, a fixed order, no platform in the headers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

EPOCH = (1981, 1, 1, 1, 1, 2)
"""The date that Android's build tools write."""

ALREADY_PACKED = (".png", ".gz", ".zip", ".apk", ".tflite", ".arsc")
"""Android's tools store these as they are; everything else is deflated."""


def pack(entries: Mapping[str, bytes], *, store_everything: bool = False) -> bytes:
    """A zip of `entries` in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 0
            stored = store_everything or name.endswith(ALREADY_PACKED)
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()
