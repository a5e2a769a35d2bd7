"""Words that models are full of: names of layers and tensors, and what it means when they are missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nngauge.domain.graph import Graph

_WORDS: Final = (
    "conv", "depthwise", "pointwise", "relu", "bias", "batch_?norm", "layer_?norm", "pool", "dense", "softmax", "sigmoid",
    "tanh", "lstm", "gru", "embed", "attention", "attn", "query", "logits", "kernel", "weight", "concat", "reshape",
    "transpose", "pad", "matmul", "gemm", "mul", "add", "input", "output", "block", "layer", "stage", "expand", "project",
    "squeeze", "upsample", "resize", "deconv", "classif", "detect", "feature", "fully_?connected", "inner_?product", "fc\\d*",
    "scale", "gamma", "beta", "moving", "running", "mean", "var", "dropout", "quant", "lambda", "activation", "encoder",
    "decoder", "token", "hidden", "gate", "residual", "norm", "flatten", "serving", "cast", "gather", "slice", "split", "mask",
    "image", "prob", "score", "box", "anchor", "landmark", "head", "mlp", "ffn", "proj", "cell", "state", "module", "model",
    "net", "data", "label", "argmax", "const", "variable", "tower", "tensor", "swish", "elu", "stem", "branch", "mixed",
    "inception", "\\dx\\d", "reduce", "fire\\d", "loss", "placeholder", "call", "anchor", "frame", "video", "audio", "signal",
)  # fmt: skip
_WORD: Final = re.compile("|".join(_WORDS), re.IGNORECASE)
_DISTINCT: Final = re.compile(
    rb"(?:depthwise|BatchNorm|batch_normalization|MatMul|BiasAdd|Conv2D|conv2d|Convolution|InnerProduct|Softmax|softmax"
    rb"|StatefulPartitionedCall|serving_default|min_runtime_version|TFLITE_METADATA|FusedBatchNorm|MobilenetV\d|ExpandedConv"
    rb"|leaky_relu|relu6?|Relu6?|sigmoid|LayerNorm|layer_norm|self_attn|attention|moving_variance|running_mean|kernel|gamma)"
)
STRIPPED_SHARE: Final = 0.2
"""Names with a word of the field: median 0.96 over 129 public models; below this only compiled and test graphs."""
_GENERATED: Final = re.compile(
    r"%?\d+(?:[._:/]\w{1,12})*|(?:op|in|out|splitncnn|tensor|node|fused|t|n|v|x)_?\d+(?:_\w+)?"
)
"""Numbers, as the exporters of PyTorch and ncnn write them: they say nothing, and nobody took anything away."""
_NUMBER: Final = re.compile(r"[_:/-]?\d+$")
_FEW_NODES: Final = 12
"""Smaller graphs are tests and helpers, whose names are single letters."""
_MANY_NAMES: Final = 20_000
SPEAKING: Final = 4
"""Different words of frameworks that a file must contain to be taken for a model that cannot be parsed."""


def speaking_share(graph: Graph) -> float | None:
    """Share of the names of tensors and nodes in which a word of the field occurs; None when too few were given by people."""
    ops = frozenset(_ops(graph))
    given = [name for name in _names(graph) if name]
    names = [name for name in given if not _GENERATED.fullmatch(name) and _NUMBER.sub("", name.lower()) not in ops]
    if _nodes(graph) < _FEW_NODES or len(names) < max(_FEW_NODES, len(given) // 2):
        return None
    return sum(_WORD.search(name) is not None for name in names) / len(names)


def nameless(graph: Graph) -> bool:
    """A network of some size of which hardly anything has a name: formats whose names are optional, with none given."""
    tensors, names = len(graph.tensors), sum(1 for tensor in graph.tensors if tensor.name)
    named_nodes = sum(1 for node in graph.nodes if node.name)
    return len(graph.nodes) >= _FEW_NODES and tensors >= _FEW_NODES and names + named_nodes < STRIPPED_SHARE * tensors


def words_in(content: bytes) -> tuple[str, ...]:
    """Different words of frameworks in raw bytes."""
    return tuple(dict.fromkeys(match.decode() for match in _DISTINCT.findall(content)))


def _nodes(graph: Graph) -> int:
    return len(graph.nodes) + sum(_nodes(part) for part in graph.subgraphs)


def _ops(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        yield node.op.lower()
    for part in graph.subgraphs:
        yield from _ops(part)


def _names(graph: Graph) -> Iterator[str]:
    for tensor in graph.tensors[:_MANY_NAMES]:
        yield tensor.name
    for node in graph.nodes[:_MANY_NAMES]:
        yield node.name
    for part in graph.subgraphs:
        yield from _names(part)
