"""CatBoost models (.cbm): magic, length, and a FlatBuffers core.

Schema: https://github.com/catboost/catboost/blob/master/catboost/libs/model/flatbuffers/model.fbs
"""

from __future__ import annotations

import re

from nngauge.domain.graph import Completeness, DType, Graph, Node, Tensor
from nngauge.errors import MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io import flatbuffer
from nngauge.limits import MAX_NODES

_MAGIC = b"CBM1"
_FORMAT_VERSION = "FlabuffersModel_v1"
"""Spelled so in catboost/libs/model/model.cpp."""
_SIZES, _FLOATS = 2, 5
_RELEASE = re.compile(r"release/(\d+(?:\.\d+)+)|\bv(\d+(?:\.\d+)+)")


def parse(data: ModelData) -> Graph:
    """Counts trees and features; see `Format.parse` for the errors."""
    head = bytes(data.buf[:8])
    if head[:4] != _MAGIC:
        raise NotThisFormat("no CBM1 magic")
    size = int.from_bytes(head[4:8], "little")
    if not 8 <= size <= len(data.buf) - 8:
        raise TruncatedError(f"a core of {size} bytes in a file of {len(data.buf)}")
    core = flatbuffer.root(memoryview(data.buf)[8 : 8 + size])
    version, trees = core.string(0), core.table(1)
    if version != _FORMAT_VERSION or trees is None:
        raise MalformedError(f"core of version {version[:40]!r}")
    depths = trees.ints(_SIZES)
    if not depths or any(not 0 <= depth <= 4096 for depth in depths):
        raise MalformedError("no trees, or trees of impossible depth")
    facts = {}
    for pair in core.tables(2)[:64]:
        facts[pair.string(0)[:60]] = pair.string(1)[:500]
    features = trees.vector(_FLOATS, 4)[1] or None
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        nodes=(Node("Tree", "TreeEnsemble"),) * min(len(depths), MAX_NODES),
        tensors=(Tensor("features", DType.FLOAT32, (None, features)),),
        inputs=(0,),
        format_version=version,
        producer=f"CatBoost {release[1] or release[2]}"
        if (release := _RELEASE.search(facts.get("catboost_version_info", "")))
        else "CatBoost",
        metadata={key: facts[key] for key in ("model_guid", "train_finish_time") if key in facts},
        notes=("splits and leaves of the trees are not read",),
    )


FORMAT = Format(
    name="catboost",
    version=2,
    title="CatBoost",
    suffixes=(".cbm",),
    parse=parse,
    magics=(Magic(0, _MAGIC),),
    references=("https://github.com/catboost/catboost/blob/master/catboost/libs/model/flatbuffers/model.fbs",),
    limitations=("splits and leaves of the trees are not read", "categorical and text features are not listed"),
)
