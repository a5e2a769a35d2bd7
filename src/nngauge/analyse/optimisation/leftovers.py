"""What inference does not need: training and debug operations, identities, unfolded batch normalisation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nngauge.analyse.optimisation.scopes import Scope
from nngauge.domain.graph import Node
from nngauge.domain.optimisation import BatchNorm, Leftover

_EXAMPLES: Final = 3
_KINDS: Final = {
    "dropout": re.compile(r"^(Dropout|DROPOUT|AlphaDropout|SpatialDropout\dD|GaussianNoise|GaussianDropout)$"),
    "fake quantisation": re.compile(r"fake_?quant", re.IGNORECASE),
    "gradient": re.compile(r"(Grad(ient)?|Backprop(Input|Filter)?(V\d)?|BackpropInput|YieldOp|SymbolicGradient)$"),
    "optimizer": re.compile(
        r"^(Flex)?(Resource)?(Sparse)?(Apply(Adam\w*|GradientDescent|Momentum|RMSProp|Adagrad\w*|Adadelta|Ftrl\w*)"
        r"|AdamOptimizer|AdamWOptimizer|SGDOptimizer(V2)?|LambOptimizer|InPlaceAccumulator(V2)?|adamw?|sgd|momentum)$"
    ),
    "loss": re.compile(
        r"(WithLoss|EuclideanLoss|HingeLoss|ContrastiveLoss|CrossEntropy(Loss|WithLogits)\w*|SoftmaxCrossEntropy\w*"
        r"|NegativeLogLikelihoodLoss|softmax_with_cross_entropy)$"
    ),
    "debug": re.compile(
        r"^(Print|PrintV2|Assert|CheckNumerics\w*|DebugIdentity\w*|DebugNumericSummary\w*|DebugNanCount\w*|TimelineLabel"
        r"|HistogramSummary|ScalarSummary|MergeSummary|assert|print|aten::print|prim::RaiseException)$"
    ),
    "checkpoint": re.compile(r"^(Flex)?(SaveV2|RestoreV2|Save|Restore|SaveSlices|MergeV2Checkpoints|ShardedFilename)$"),
}
"""Names of operations, in the words of the formats."""
_SLOTS: Final = re.compile(
    r"(/Adam(_\d)?$|/(RMSProp|Momentum|Adagrad|Ftrl)(_\d)?$|optimizer_?(state|weights)|exp_avg(_sq)?$|momentum_buffer$"
    r"|^beta[12]_power$)"
)
"""Names of an optimizer's state beside the weights: TensorFlow's slots, Keras' and PyTorch's dictionaries."""
_CONVOLUTIONS: Final = frozenset({"Conv", "FusedConv", "ConvTranspose"})
_LINEAR: Final = _CONVOLUTIONS | {"Gemm", "FusedGemm", "MatMul"}


def leftovers(scopes: Sequence[Scope]) -> tuple[Leftover, ...]:
    """All kinds found, in a fixed order."""
    found: dict[str, list[str]] = {}
    for scope in scopes:
        for what, name in _of(scope):
            found.setdefault(what, []).append(name)
    order = (*_KINDS, "training mode", "identity", "identity chain", "optimizer state")
    return tuple(
        Leftover(what=what, count=len(found[what]), examples=tuple(name[:80] for name in found[what][:_EXAMPLES]))
        for what in order
        if what in found
    )


def leftover_kind(op: str) -> str:
    """What an operation, by its source name, is left over from: ``gradient``, ``loss``, ``debug`` …; empty for all others."""
    name = op.rpartition(".")[2]  # the domain of an ONNX operator stands in front
    return next((what for what, pattern in _KINDS.items() if pattern.search(name)), "")


def _of(scope: Scope) -> Iterator[tuple[str, str]]:
    for node in scope.graph.nodes:
        name = node.name or node.op
        op = node.op.rpartition(".")[2]
        for what, pattern in _KINDS.items():
            if pattern.search(op):
                yield what, name
        if node.attributes.get("training_mode") in (1, True):
            yield "training mode", name
        if node.kind == "Identity" and len(node.inputs) == len(node.outputs) == 1:  # not a fan-out
            yield "identity", name
            before = scope.producers.get(node.inputs[0])
            if before is not None and before.kind == "Identity":
                yield "identity chain", name
    for tensor in scope.graph.tensors:
        if tensor.constant and _SLOTS.search(tensor.name[-200:]):
            yield "optimizer state", tensor.name


def batch_norm(scopes: Sequence[Scope]) -> BatchNorm:
    """Batch normalisation that is left, and convolutions with a bias."""
    nodes = foldable = convolutions = biased = 0
    for scope in scopes:
        for node in scope.graph.nodes:
            if node.kind == "BatchNormalization":
                nodes += 1
                foldable += _is_foldable(scope, node)
            elif node.kind in _CONVOLUTIONS:
                convolutions += 1
                biased += _has_bias(node)
    return BatchNorm(nodes=nodes, foldable=foldable, convolutions=convolutions, with_bias=biased)


def _is_foldable(scope: Scope, node: Node) -> bool:
    """Right behind a linear operation that nothing else reads: scale and shift can go into its weights."""
    data = node.inputs[0] if node.inputs else -1
    maker = scope.producers.get(data)
    return maker is not None and maker.kind in _LINEAR and maker is not node and scope.readers.get(data, 0) == 1


def _has_bias(node: Node) -> bool:
    given = node.attributes.get("bias")
    return bool(given) if isinstance(given, int) else len(node.inputs) > 2 and node.inputs[2] >= 0
