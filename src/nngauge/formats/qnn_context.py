"""Qualcomm QNN context binaries: a graph compiled for one accelerator.

Undocumented. The big-endian words in front are those Netron knows
(https://github.com/lutzroeder/netron/blob/main/source/qnn.js); the sizes behind them in version 3 were read off a file of
the LiteRT test data and must add up to the file.
"""

from __future__ import annotations

import re

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io import flatbuffer
from nngauge.io.binary import Cursor
from nngauge.io.flatbuffer import Table

_V3 = bytes.fromhex("00000002 00000003 00000000 00000001")
_OLDER = tuple(
    bytes.fromhex(text)
    for text in (
        "00000002 00000001 00000000 04000000",
        "00000002 00000001 00000000 0c000000",
        "00000002 00000002 00000000 00000000",
    )
)
_HEADER = 40
_BUILD = re.compile(r"v\d+\.\d+[\w.]{0,60}")


def parse(data: ModelData) -> Graph:
    """Checks the header's sizes; see `Format.parse` for the errors."""
    head = bytes(data.buf[:16])
    if head in _OLDER:
        raise UnsupportedError(f"QNN context binary of version {head[7]}, whose layout is not known")
    if head != _V3:
        raise NotThisFormat("no QNN context header")
    cursor = Cursor(data.buf, 16)
    description, start, size = cursor.u64(), cursor.u64(), cursor.u64()
    if description < 16 or _HEADER + description > start or start + size > len(data.buf):
        raise MalformedError("the parts do not fit into the file", where="@16")
    root = flatbuffer.root(memoryview(data.buf)[_HEADER : _HEADER + description])
    if not root.fields:
        raise MalformedError("an empty description", where=f"@{_HEADER}")
    build = _build(root)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        format_version="3",
        producer=f"Qualcomm QNN {build}".strip(),
        metadata={"program_bytes": str(size)},
        extent=start + size,
        notes=("compiled for an accelerator: the graph is not read",),
    )


def _build(root: Table) -> str:
    """Build of the SDK (``v2.33.0.250220031845_105259``), where the one file that was seen has it."""
    try:
        inner = root.table(0)
        description = inner.table(2) if inner is not None else None
        text = description.string(1) if description is not None else ""
    except MalformedError:
        return ""
    return text if _BUILD.fullmatch(text) else ""


FORMAT = Format(
    name="qnn_context",
    version=2,
    title="Qualcomm QNN context",
    suffixes=(),
    parse=parse,
    magics=tuple(Magic(0, magic) for magic in (_V3, *_OLDER)),
    references=("https://github.com/lutzroeder/netron/blob/main/source/qnn.js",),
    limitations=("undocumented format: the graph is not read", "versions 1 and 2 are recognised only"),
)
