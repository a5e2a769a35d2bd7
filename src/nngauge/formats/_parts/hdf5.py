"""Text attributes of an HDF5 file, found by scanning for attribute messages instead of walking the whole file.

Keras keeps what identifies its models in attributes of the root group (``keras_version``, ``model_config``,
``layer_names``). Message layout: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html (IV.A.2.m, III.E).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice

from nngauge.io.binary import Buffer
from nngauge.limits import CHUNK_BYTES, MIB

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MAX_SCAN = 64 * MIB
"""Bytes searched for attributes; writers put them with the root group, in the first megabytes."""
_FIXED, _VARIABLE = 3, 9
_MAX_TEXT = 32 * MIB
_MAX_HITS = 4096
"""Occurrences of a name that are examined; each layer group repeats ``weight_names``."""


def attribute(buf: Buffer, name: str) -> str | None:
    """The text of the attribute `name` of any object, ``""`` when it is there but holds no single text."""
    wanted = name.encode() + b"\0"
    for at in islice(_occurrences(buf, wanted), _MAX_HITS):
        found = _message(buf, at, len(wanted))
        if found is not None:
            return found
    return None


def _occurrences(buf: Buffer, wanted: bytes) -> Iterator[int]:
    end = min(len(buf), _MAX_SCAN)
    for start in range(0, end, CHUNK_BYTES):
        piece = bytes(buf[start : min(start + CHUNK_BYTES + len(wanted) - 1, end)])
        at = piece.find(wanted)
        while at >= 0:
            yield start + at
            at = piece.find(wanted, at + 1)


def _message(buf: Buffer, name_at: int, name_size: int) -> str | None:
    """The value of the attribute message whose name stands at `name_at`, None when there is no such message."""
    for version, back in ((1, 8), (2, 8), (3, 9)):
        if name_at < back:
            continue
        declared, type_size, space_size = struct.unpack_from("<HHH", buf, name_at - back + 2)
        if buf[name_at - back] != version or declared != name_size or not 8 <= type_size <= 512 or space_size > 512:
            continue
        unit = 8 if version == 1 else 1
        type_at = name_at + _padded(name_size, unit)
        data_at = type_at + _padded(type_size, unit) + _padded(space_size, unit)
        if data_at + 16 <= len(buf) and buf[type_at] >> 4 in (1, 2, 3):
            return _value(buf, type_at, data_at)
    return None


def _padded(size: int, unit: int) -> int:
    return (size + unit - 1) // unit * unit


def _value(buf: Buffer, type_at: int, data_at: int) -> str:
    kind = buf[type_at] & 0x0F
    width: int = struct.unpack_from("<I", buf, type_at + 4)[0]
    if kind == _FIXED:
        size = min(width, len(buf) - data_at, _MAX_TEXT)
        return bytes(buf[data_at : data_at + size]).rstrip(b"\0").decode("utf-8", "replace")
    if kind == _VARIABLE:
        size, heap, index = struct.unpack_from("<IQI", buf, data_at)
        return _heap_object(buf, heap, index, size)
    return ""


def _heap_object(buf: Buffer, heap: int, index: int, size: int) -> str:
    """One object of a global heap collection."""
    if heap + 16 > len(buf) or bytes(buf[heap : heap + 4]) != b"GCOL" or size > _MAX_TEXT:
        return ""
    end = min(heap + struct.unpack_from("<Q", buf, heap + 8)[0], len(buf))
    at = heap + 16
    while at + 16 <= end:
        number, _, length = struct.unpack_from("<HHxxxxQ", buf, at)
        if number == index:
            stop = min(at + 16 + min(size, length), end)
            return bytes(buf[at + 16 : stop]).decode("utf-8", "replace")
        if number == 0:
            break
        at += 16 + _padded(length, 8)
    return ""
