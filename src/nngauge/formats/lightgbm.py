"""LightGBM boosters in their text format.

Writer: https://github.com/microsoft/LightGBM/blob/master/src/boosting/gbdt_model_text.cpp
"""

from __future__ import annotations

import re

from nngauge.domain.graph import Completeness, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.limits import MAX_NODES, MAX_TEXT_MODEL

_MAGIC = b"tree\nversion=v"
_END = b"\nend of trees"
_TREE = re.compile(rb"^Tree=(\d{1,8})$", re.MULTILINE)
_FACTS = ("objective", "num_class", "max_feature_idx")


def parse(data: ModelData) -> Graph:
    """Counts trees and features; see `Format.parse` for the errors."""
    if bytes(data.buf[: len(_MAGIC)]) != _MAGIC:
        raise NotThisFormat("does not begin with a tree and its version")
    if len(data.buf) > MAX_TEXT_MODEL:
        raise LimitError(f"text of {len(data.buf)} bytes")
    content = bytes(data.buf)
    end = content.find(_END)
    if end < 0:
        raise MalformedError("no end of trees")
    numbers = [int(number) for number in _TREE.findall(content, 0, end)]
    first = content.find(b"\nTree=")
    header = content[: first if 0 <= first < end else end].decode("utf-8", "replace")
    facts = dict(line.split("=", 1) for line in header.splitlines() if "=" in line)
    sizes = facts.get("tree_sizes", "").split()
    if not numbers or numbers != list(range(len(numbers))) or len(sizes) != len(numbers):
        raise MalformedError(f"{len(numbers)} trees, {len(sizes)} sizes")
    highest = facts.get("max_feature_idx", "")
    if not highest.isdecimal() or len(highest) > 9:
        raise MalformedError("no number of features")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        nodes=(Node("Tree", "TreeEnsemble"),) * min(len(numbers), MAX_NODES),
        tensors=(Tensor("features", DType.FLOAT64, (None, int(highest) + 1)),),
        inputs=(0,),
        format_version=facts.get("version", "")[:16],
        producer="LightGBM",
        metadata={key: facts[key][:100] for key in _FACTS if key in facts},
        notes=("splits and leaves of the trees are not read",),
    )


FORMAT = Format(
    name="lightgbm",
    version=2,
    title="LightGBM",
    suffixes=(),
    parse=parse,
    magics=(Magic(0, _MAGIC),),
    references=("https://github.com/microsoft/LightGBM/blob/master/src/boosting/gbdt_model_text.cpp",),
    limitations=("splits and leaves of the trees are not read",),
)
