"""Hailo executables (.hef), version 0: a header with the MD5 of the protobuf behind it.

Header: https://github.com/hailo-ai/hailort/blob/master/hailort/libhailort/src/hef/hef_internal.hpp
"""

from __future__ import annotations

import hashlib

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io.binary import Cursor
from nngauge.io.protobuf import fields
from nngauge.limits import GIB

_MAGIC = b"\x01HEF"


def parse(data: ModelData) -> Graph:
    """Checks the digest and the message; see `Format.parse` for the errors."""
    if bytes(data.buf[:4]) != _MAGIC:
        raise NotThisFormat("no HEF magic")
    cursor = Cursor(data.buf, 4, order=">")
    version, size = cursor.u32(), cursor.u32()
    cursor.skip(4)
    if version:
        raise UnsupportedError(f"HEF version {version}, whose header is not known")
    expected = cursor.bytes(16)
    start = cursor.pos
    cursor.skip(size)
    if size > GIB:
        raise LimitError(f"a message of {size} bytes")
    digest = hashlib.md5(memoryview(data.buf)[start : cursor.pos], usedforsecurity=False).digest()
    if digest != expected or not size:
        raise MalformedError("the digest does not belong to the message")
    if not any(True for _ in fields(data.buf, start, cursor.pos)):
        raise MalformedError("an empty message")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        format_version=str(version),
        producer="Hailo dataflow compiler",
        extent=cursor.pos,
        notes=("compiled for an accelerator: the graph is not read",),
    )


FORMAT = Format(
    name="hailo_hef",
    version=1,
    title="Hailo executable",
    suffixes=(".hef",),
    parse=parse,
    magics=(Magic(0, _MAGIC),),
    references=("https://github.com/hailo-ai/hailort/blob/master/hailort/libhailort/src/hef/hef_internal.hpp",),
    limitations=("the graph is not read", "header versions above 0 are recognised only"),
)
