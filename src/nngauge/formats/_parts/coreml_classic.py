"""Core ML models that are no neural networks: tree ensembles, linear models, vector machines and feature processing.

Each becomes one operation over the model's inputs, with what it has learned as constants.
Specification: TreeEnsemble.proto, GLMRegressor.proto, SVM.proto and others in
https://github.com/apple/coremltools/tree/main/mlmodel/format.
"""

from __future__ import annotations

from typing import Final

from nngauge.domain.graph import Attribute, DType, Node, Tensor
from nngauge.formats._parts.coreml_message import Message
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import VARINT, Field, fields
from nngauge.limits import MAX_ITEMS

KINDS: Final = {
    "glmClassifier": "LinearClassifier", "glmRegressor": "LinearRegressor",
    "supportVectorClassifier": "SVMClassifier", "supportVectorRegressor": "SVMRegressor",
    "treeEnsembleClassifier": "TreeEnsembleClassifier", "treeEnsembleRegressor": "TreeEnsembleRegressor",
    "oneHotEncoder": "OneHotEncoder", "imputer": "Imputer", "featureVectorizer": "FeatureVectorizer",
    "dictVectorizer": "DictVectorizer", "scaler": "Scaler", "categoricalMapping": "CategoryMapper",
    "normalizer": "Normalizer", "arrayFeatureExtractor": "ArrayFeatureExtractor",
    "nonMaximumSuppression": "NonMaxSuppression", "identity": "Identity", "classConfidenceThresholding": "Identity",
    "customModel": "Custom",
}  # fmt: skip
_BUILT_IN: Final = frozenset({
    "textClassifier", "wordTagger", "visionFeaturePrint", "soundAnalysisPreprocessing", "gazetteer", "wordEmbedding",
    "audioFeaturePrint",
})  # fmt: skip
"""Parts of the operating system: the file holds settings, not the network."""
_DOUBLE: Final = 8
_LEAF: Final = 6
"""`TreeNode.nodeBehavior` of leaves."""


def read_classic(
    buf: Buffer, where: Field, name: str, ports: list[Tensor], inputs: int
) -> tuple[tuple[Node, ...], tuple[Tensor, ...], str]:
    """One operation with its constants behind `ports` (of which the first `inputs` are read), and what is not read."""
    learned, attributes = _learned(buf, where, name)
    tensors = [*ports, *learned]
    reads = (*range(inputs), *range(len(ports), len(tensors)))
    kind = "Custom" if name in _BUILT_IN else KINDS.get(name)
    node = Node(name, kind, name, reads, tuple(range(inputs, len(ports))), attributes)
    note = "" if name in KINDS else f"the body of a {name} is not read"
    if name in _BUILT_IN:
        note = f"the network of a {name} is part of the operating system"
    return (node,), tuple(tensors), note


def _learned(buf: Buffer, where: Field, name: str) -> tuple[list[Tensor], dict[str, Attribute]]:
    if name.startswith("treeEnsemble"):
        return _trees(buf, where)
    params = Message.of(buf, where)
    if name.startswith("glm"):
        return _linear(params), {}
    if name.startswith("supportVector"):
        return _vectors(params, classifier=name.endswith("Classifier"))
    return [], {}


def _trees(buf: Buffer, where: Field) -> tuple[list[Tensor], dict[str, Attribute]]:
    """Trees by their numbers; thresholds of branches and values of leaves lie in a message for each node."""
    inner = Message.of(buf, where).message(1)
    if inner is None:
        return [], {}
    branches = values = 0
    trees: set[int] = set()
    for item in inner.all(1)[:MAX_ITEMS]:
        tree = leaf = 0
        for part in fields(buf, item.start, item.end):
            if part.wire == VARINT and part.number in (1, 3):
                tree, leaf = (part.value, leaf) if part.number == 1 else (tree, part.value)
            elif part.number == 20:
                values += 1
        trees.add(tree)
        branches += leaf != _LEAF
    counts = {"thresholds": branches, "leaf values": values}
    tensors = [Tensor(label, DType.FLOAT64, (count,), constant=True) for label, count in counts.items() if count]
    return tensors, {"trees": len(trees), "nodes": len(inner.all(1))}


def _linear(params: Message) -> list[Tensor]:
    """One row of weights for each output, and an offset."""
    rows = [Message.of(params.buf, item) for item in params.all(1)]
    columns = rows[0].count(1, _DOUBLE) if rows else 0
    found = []
    if columns:
        place = rows[0].span(1) if len(rows) == 1 else None
        found.append(Tensor("weights", DType.FLOAT64, (len(rows), columns), place, constant=True))
    offsets = params.count(2, _DOUBLE)
    if offsets:
        found.append(Tensor("offset", DType.FLOAT64, (offsets,), params.span(2), constant=True))
    return found


def _vectors(params: Message, *, classifier: bool) -> tuple[list[Tensor], dict[str, Attribute]]:
    """Support vectors, dense or sparse, and their coefficients."""
    sparse, dense = params.message(3 if classifier else 2), params.message(4 if classifier else 3)
    found: list[Tensor] = []
    if dense is not None and dense.all(1):
        rows = dense.all(1)
        columns = Message.of(params.buf, rows[0]).count(1, _DOUBLE)
        found.append(Tensor("support vectors", DType.FLOAT64, (len(rows), columns), constant=True))
    elif sparse is not None and sparse.all(1):
        entries = sum(len(Message.of(params.buf, item).all(1)) for item in sparse.all(1))
        found.append(Tensor("support vectors", DType.FLOAT64, (entries,), constant=True))
    lists = [Message.of(params.buf, item) for item in params.all(5 if classifier else 4)]
    count = sum(item.count(1, _DOUBLE) for item in lists)
    if count:
        found.append(Tensor("coefficients", DType.FLOAT64, (count,), constant=True))
    return found, {"kernel": _kernel(params.message(1))}


def _kernel(params: Message | None) -> str:
    names = {1: "linear", 2: "rbf", 3: "polynomial", 4: "sigmoid"}
    return next((names[number] for number in params.numbers() if number in names), "") if params is not None else ""
