"""Huawei offline models (.om) for HiAI and Ascend: header ``IMOD`` and a table of partitions.

Header: https://gitee.com/ascend/metadef (inc/external/../framework/common/types.h, `ModelFileHeader`).
"""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io.binary import Buffer, Cursor

_MAGIC = b"IMOD"
_HEADER = 256
_NAMES = {0: "model", 1: "weights", 2: "tasks", 3: "kernels", 4: "CPU kernels", 5: "device configuration"}
_MAX_KIND = 32


class _Partition(Struct, frozen=True):
    kind: int
    offset: int
    size: int


def parse(data: ModelData) -> Graph:
    """Reads header and partition table; see `Format.parse` for the errors."""
    if bytes(data.buf[:4]) != _MAGIC:
        raise NotThisFormat("no IMOD magic")
    cursor = Cursor(data.buf, 4)
    header, version = cursor.u32(), cursor.u32()
    cursor.skip(64)
    length, encrypted = cursor.u32(), cursor.u8()
    cursor.skip(3)
    name = cursor.bytes(32).split(b"\0")[0].decode("utf-8", "replace")
    if header != _HEADER or length == 0:
        raise MalformedError(f"header of {header} bytes")
    if encrypted:
        raise UnsupportedError("an encrypted offline model")
    partitions = _partitions(data.buf)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        name=name if name.isprintable() else "",
        format_version=f"0x{version:X}",
        producer="Huawei offline model generator",
        metadata={"partitions": ", ".join(_NAMES.get(part.kind, str(part.kind)) for part in partitions)},
        notes=("compiled for an accelerator: the graph is not read",),
    )


def _partitions(buf: Buffer) -> list[_Partition]:
    """The table behind the header, whose numbers are 32 or 64 bits wide; only one reading fits into the file."""
    for width in (4, 8):
        cursor = Cursor(buf, _HEADER)
        count = cursor.u32()
        if not 1 <= count <= _MAX_KIND or cursor.left < width - 4 + 3 * width * count:
            continue
        cursor.skip(width - 4)
        read = cursor.u32 if width == 4 else cursor.u64
        found = [_Partition(read(), read(), read()) for _ in range(count)]
        inside = all(part.kind < _MAX_KIND and cursor.pos + part.offset + part.size <= len(buf) for part in found)
        if inside and any(part.kind == 0 and part.size for part in found) and len({p.kind for p in found}) == count:
            return found
    raise MalformedError("no partition table that fits into the file", where=f"@{_HEADER}")


FORMAT = Format(
    name="hiai_om",
    version=1,
    title="Huawei offline model",
    suffixes=(".om",),
    parse=parse,
    magics=(Magic(0, _MAGIC),),
    references=("https://gitee.com/ascend/metadef",),
    limitations=("the graph is not read",),
)
