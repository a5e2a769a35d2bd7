"""XGBoost boosters: JSON, UBJSON, and the binary format that was dropped in release 3.1.

Schema: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html
"""

from __future__ import annotations

import re

from nngauge.domain.graph import Completeness, DType, Graph, Node, Tensor
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData, starts
from nngauge.formats._parts.json_text import JsonObject, mapping, read_object, text
from nngauge.formats._parts.ubjson import read_ubjson
from nngauge.io.binary import Cursor
from nngauge.limits import MAX_NODES

_JSON = re.compile(rb'\{\s*"(learner|version)"\s*:\s*[\[{]')
_UBJSON = (b"{L\0\0\0\0\0\0\0\x07learner", b"{L\0\0\0\0\0\0\0\x07version")
_BINARY = b"binf"
_BINARY_PARAMETERS = 136
"""Size of `LearnerModelParamLegacy` (src/learner.cc)."""
_BOOSTERS = {"gbtree", "gblinear", "dart"}


def probe(head: bytes, size: int, _name: str) -> bool:
    """The JSON object begins with its learner or its version."""
    return size > 200 and head[:1] == b"{" and (head[:17] in _UBJSON or _JSON.match(head) is not None)


def parse(data: ModelData) -> Graph:
    """Counts trees and features; see `Format.parse` for the errors."""
    head = bytes(data.buf[:512])
    if head[:4] == _BINARY:
        return _binary(data)
    if not probe(head, len(data.buf), data.name):
        raise NotThisFormat("neither a learner nor a version in front")
    extent = None
    if head[:17] in _UBJSON:
        value, extent = read_ubjson(data.buf)
        document = mapping(value)
    else:
        document = read_object(data.buf)
    return _booster(document, extent)


def _booster(document: JsonObject, extent: int | None) -> Graph:
    learner = mapping(document.get("learner"))
    booster, settings = mapping(learner.get("gradient_booster")), mapping(learner.get("learner_model_param"))
    kind = text(booster.get("name"))
    if kind not in _BOOSTERS or "objective" not in learner or "num_feature" not in settings:
        raise NotThisFormat("no gradient booster with objective and features")
    model = mapping(booster.get("model")) or mapping(mapping(booster.get("gbtree")).get("model"))
    trees = model.get("trees")
    count = len(trees) if isinstance(trees, list) else 0
    if kind != "gblinear" and not count:
        raise MalformedError("a booster without trees")
    version = document.get("version")
    numbers = [str(part) for part in version[:3] if type(part) is int] if isinstance(version, list) else []
    objective = text(mapping(learner["objective"]).get("name"))
    return _graph(kind, count, text(settings["num_feature"]), objective, ".".join(numbers), extent)


def _graph(kind: str, trees: int, features: str, objective: str, version: str, extent: int | None) -> Graph:
    width = int(features) if features.isdecimal() and len(features) < 10 else None
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        nodes=(Node("Tree", "TreeEnsemble"),) * min(trees, MAX_NODES),
        tensors=(Tensor("features", DType.FLOAT32, (None, width)),),
        inputs=(0,),
        producer=f"XGBoost {version}" if version else "XGBoost",
        metadata={"booster": kind, "objective": objective[:100]},
        extent=extent,
        notes=("splits and leaves of the trees are not read",),
    )


def _binary(data: ModelData) -> Graph:
    cursor = Cursor(data.buf, 4)
    cursor.skip(4)
    features = cursor.u32()
    cursor.skip(12)
    major, minor = cursor.u32(), cursor.u32()
    cursor.seek(4 + _BINARY_PARAMETERS)
    names = []
    for _ in range(2):
        size = cursor.u64()
        if size > 64:
            raise MalformedError("the objective or booster has no plausible name", where=f"@{cursor.pos}")
        names.append(cursor.bytes(size).decode("ascii", "replace"))
    objective, kind = names
    if kind not in _BOOSTERS or not objective.isprintable() or not features:
        raise MalformedError(f"booster {kind!r}")
    trees = cursor.u32() if kind != "gblinear" and cursor.left >= 4 else 0
    if trees * 20 > cursor.left:
        raise MalformedError(f"{trees} trees in {cursor.left} bytes")
    return _graph(kind, trees, str(features), objective, f"{major}.{minor}" if major else "", None)


FORMAT = Format(
    name="xgboost",
    version=2,
    title="XGBoost",
    suffixes=(".ubj", ".xgb"),
    parse=parse,
    magics=(Magic(0, _BINARY),),
    probe=probe,
    gate=starts(b"{"),
    references=("https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html",),
    limitations=("splits and leaves of the trees are not read",),
)
