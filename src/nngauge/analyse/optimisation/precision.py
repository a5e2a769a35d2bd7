"""Element types and quantisation of weights and activations, in sums and as a verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nngauge.analyse.optimisation.scopes import DEQUANTISERS, PALETTES, Scope, Source
from nngauge.domain.graph import DType, Graph, Node, Tensor
from nngauge.domain.optimisation import Granularity, Part, Precision, Scheme, Verdict

FLOATS: Final = frozenset({DType.FLOAT64, DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16})
SMALL_FLOATS: Final = frozenset({DType.FLOAT8_E4M3, DType.FLOAT8_E5M2, DType.FLOAT4_E2M1})
SMALL_INTEGERS: Final = frozenset(
    dtype for dtype in DType if re.fullmatch(r"u?int\d+", dtype) and int(dtype.rpartition("t")[2]) <= 16
)
BLOCKS: Final = frozenset(dtype for name, dtype in DType.__members__.items() if name.startswith("GGML_"))
_NBITS: Final = {"MatMulNBits": "bits", "GatherBlockQuantized": "bits"}
"""Operators whose packed weight has another width than its element type: the attribute that tells it."""
_INTEGER_KINDS: Final = frozenset({
    "QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd", "QAttention", "QEmbedLayerNormalization",
})  # fmt: skip
_DYNAMIC_KINDS: Final = frozenset({
    "MatMulInteger", "ConvInteger", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "DynamicQuantizeLSTM",
})  # fmt: skip
_HYBRID: Final = frozenset({"tflite", "litertlm", "mediapipe_task"})
"""Formats whose runtime multiplies float activations, quantised on the fly, with integer weights (hybrid kernels,
https://ai.google.dev/edge/litert/models/post_training_quant#dynamic_range_quantization)."""
_SIDE_KINDS: Final = frozenset({
    "Add", "Sub", "Mul", "Div", "Reshape", "Transpose", "Pad", "Slice", "Resize", "Constant", "Identity", "Cast", "Expand",
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "BatchNormalization", "LayerNormalization",
})  # fmt: skip
"""What reads constants that are no weights in the sense of a scheme: biases, shapes, scales."""
_WEIGHTED: Final = frozenset({"Conv", "FusedConv", "ConvTranspose", "Gemm", "LSTM", "GRU", "RNN"})
"""What has weights, also when the graph does not show them."""
MAJORITY: Final = 0.9
"""Share of the parameters that makes one scheme the model's."""
_EXAMPLES: Final = 3


def granularity(tensor: Tensor) -> Granularity:
    """How the tensor is quantised, from its element type and its scales."""
    if tensor.dtype in BLOCKS:
        return Granularity.BLOCKWISE
    quantization = tensor.quantization
    if quantization is None or quantization.scales == 0:
        return Granularity.NONE
    if quantization.scales == 1:
        return Granularity.PER_TENSOR
    axis, shape = quantization.axis, tensor.shape or ()
    if axis is not None and -len(shape) <= axis < len(shape) and shape[axis] == quantization.scales:
        return Granularity.PER_CHANNEL
    return Granularity.BLOCKWISE if axis is None or shape else Granularity.PER_CHANNEL


def precisions(tensors: Sequence[Tensor]) -> tuple[Precision, ...]:
    """Sums by element type and granularity, the most elements first."""
    sums: dict[tuple[DType, Granularity], list[int]] = {}
    for tensor in tensors:
        total = sums.setdefault((tensor.dtype, granularity(tensor)), [0, 0, 0])
        total[0] += 1
        total[1] += tensor.elements or 0
        total[2] += tensor.data.size if tensor.data else 0
    found = [
        Precision(dtype=dtype, granularity=grain, tensors=count, elements=elements, bytes=size)
        for (dtype, grain), (count, elements, size) in sums.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.elements, -each.tensors, each.dtype)))


class _Weight:
    """A weight with the scheme it is used under."""

    __slots__ = ("label", "name", "parameters", "scheme")

    def __init__(self, tensor: Tensor, scheme: Scheme, label: str, parameters: int | None = None) -> None:
        self.name = tensor.name
        self.parameters = (tensor.elements or 0) if parameters is None else parameters
        self.scheme = scheme
        self.label = label


def verdict(scopes: Sequence[Scope]) -> Verdict:
    """One scheme for the model, with the parts it was concluded from.

    Each operation's largest constant is its weight; element type and way of use of it and of the activation give the
    scheme. The scheme of `MAJORITY` of all parameters is the model's, else it is mixed.
    """
    weights = [weight for scope in scopes for weight in _weights(scope)]
    parts = _parts(weights)
    total = sum(part.parameters for part in parts)
    if not total:
        return _without_weights(scopes)
    first = parts[0]
    by_scheme = sum(part.parameters for part in parts if part.scheme is first.scheme)
    fakes = sum("fakequant" in node.op.lower() for scope in scopes for node in scope.graph.nodes)
    reasons = tuple(_sentence(part) for part in parts[:4])
    if fakes and first.scheme is Scheme.FLOAT:
        label = f"{Scheme.FAKE_QUANT} (FakeQuant left in)"
        share = first.parameters / total
        return Verdict(
            scheme=Scheme.FAKE_QUANT, label=label, share=share, parts=parts,
            reasons=(f"{fakes} FakeQuant operations around {first.label} weights", *reasons),
        )  # fmt: skip
    if first.parameters >= MAJORITY * total:
        return Verdict(
            scheme=first.scheme, label=first.label, share=first.parameters / total, parts=parts, reasons=reasons
        )
    if first.scheme is Scheme.BLOCKWISE and by_scheme >= MAJORITY * total:
        # k-quants give their sensitive layers more bits on purpose: Q4_K_M is q4_k with some q6_k.
        return Verdict(scheme=first.scheme, label=first.label, share=by_scheme / total, parts=parts, reasons=reasons)
    return Verdict(
        scheme=Scheme.MIXED, label=Scheme.MIXED.value, share=first.parameters / total, parts=parts, reasons=reasons
    )


def _without_weights(scopes: Sequence[Scope]) -> Verdict:
    """Nothing to conclude from: because there is nothing, or because the file does not hold it."""
    nodes = sum(node.kind in _WEIGHTED for scope in scopes for node in scope.graph.nodes)
    constants = sum(
        tensor.constant and tensor.dtype is DType.UNKNOWN for scope in scopes for tensor in scope.graph.tensors
    )
    delegates = sum(node.kind == "Delegate" for scope in scopes for node in scope.graph.nodes)
    reasons = (
        (nodes, f"{nodes} operations have weights that the file does not hold"),
        (constants, f"{constants} weights are of unknown type"),
        (delegates, f"{delegates} operations are compiled for an accelerator"),
    )
    told = tuple(reason for count, reason in reasons if count)
    scheme = Scheme.UNKNOWN if told else Scheme.NONE
    return Verdict(scheme=scheme, label=scheme.value, share=0.0, reasons=told)


def _sentence(part: Part) -> str:
    return f"{part.label}: {part.parameters} parameters in {part.tensors} tensors ({', '.join(part.examples)})"


def _parts(weights: Sequence[_Weight]) -> tuple[Part, ...]:
    groups: dict[tuple[Scheme, str], list[_Weight]] = {}
    for weight in weights:
        groups.setdefault((weight.scheme, weight.label), []).append(weight)
    parts = []
    for (scheme, label), members in groups.items():
        largest = sorted(members, key=lambda weight: (-weight.parameters, weight.name))[:_EXAMPLES]
        parts.append(
            Part(
                scheme=scheme, label=label, tensors=len(members), parameters=sum(weight.parameters for weight in members),
                examples=tuple(weight.name[:80] for weight in largest),
            )
        )  # fmt: skip
    return tuple(sorted(parts, key=lambda part: (-part.parameters, part.label)))


def _weights(scope: Scope) -> Iterator[_Weight]:
    """Each constant once: with the operation that reads it, then those that nothing in the graph reads."""
    seen: set[int] = set()
    yield from _read(scope, seen)
    if not seen:
        for tensor in scope.graph.tensors:
            if tensor.constant and is_weight(tensor):
                yield _alone(tensor)


def _read(scope: Scope, seen: set[int]) -> Iterator[_Weight]:
    """The largest constant of each operation, noting in `seen` which constants operations read."""
    for node in scope.graph.nodes:
        if node.kind in _SIDE_KINDS or node.op.lower() in DEQUANTISERS | PALETTES:
            continue
        found = [source for index in node.inputs if (source := scope.constant_behind(index)) is not None]
        found = [source for source in found if is_weight(source.tensor)]
        if not found:
            continue
        largest = max(found, key=lambda source: source.tensor.elements or 0)
        if largest.index not in seen:
            seen.add(largest.index)
            yield _used(scope, node, largest)
        seen.update(source.index for source in found)


def is_weight(tensor: Tensor) -> bool:
    """Types of weights; integers of 32 and 64 bits are biases, shapes and indices."""
    return (
        tensor.dtype in FLOATS
        or tensor.dtype in SMALL_FLOATS
        or tensor.dtype in SMALL_INTEGERS
        or tensor.dtype in BLOCKS
    )


def _alone(tensor: Tensor) -> _Weight:
    """By the element type alone."""
    if tensor.dtype in BLOCKS:
        return _Weight(tensor, Scheme.BLOCKWISE, f"{Scheme.BLOCKWISE} {tensor.dtype}")
    if tensor.quantization is not None and tensor.quantization.table:
        return _Weight(tensor, Scheme.PALETTISED, f"{Scheme.PALETTISED} {tensor.dtype}")
    if tensor.dtype in SMALL_INTEGERS:
        return _Weight(tensor, Scheme.WEIGHT_ONLY, f"{Scheme.WEIGHT_ONLY} {tensor.dtype}")
    return _Weight(tensor, Scheme.FLOAT, tensor.dtype.value)


def _used(scope: Scope, node: Node, source: Source) -> _Weight:
    """By the element types of weight and activation and what lies between."""
    tensor = source.tensor
    width = node.attributes.get(_NBITS.get(node.kind or "", ""))
    if isinstance(width, int) and 0 < width <= 8:
        packed = (tensor.elements or 0) * 8 // width if tensor.dtype is DType.UINT8 else None
        return _Weight(tensor, Scheme.WEIGHT_ONLY, f"{Scheme.WEIGHT_ONLY} int{width}", packed)
    if source.palette or (tensor.quantization is not None and tensor.quantization.table):
        return _Weight(tensor, Scheme.PALETTISED, f"{Scheme.PALETTISED} {tensor.dtype}")
    if tensor.dtype not in SMALL_INTEGERS:
        return _alone(tensor)
    if node.kind in _DYNAMIC_KINDS:
        return _Weight(tensor, Scheme.DYNAMIC, f"{Scheme.DYNAMIC} {tensor.dtype}")
    activation = activation_type(scope, node, source)
    if activation in (DType.INT16, DType.UINT16):
        return _Weight(
            tensor, Scheme.FULL_INTEGER, f"{Scheme.FULL_INTEGER} {tensor.dtype} with {activation} activations"
        )
    if activation is not None:
        return _Weight(tensor, Scheme.FULL_INTEGER, f"{Scheme.FULL_INTEGER} {tensor.dtype}")
    scheme = Scheme.DYNAMIC if _is_hybrid(scope.graph, source) else Scheme.WEIGHT_ONLY
    return _Weight(tensor, scheme, f"{scheme} {tensor.dtype}")


def _is_hybrid(graph: Graph, source: Source) -> bool:
    return graph.format in _HYBRID and not source.dequantised


def activation_type(scope: Scope, node: Node, weight: Source) -> DType | None:
    """The integer type of the node's activations, None when they are floats or unknown.

    A float activation right behind a dequantisation counts as an integer when the weight has one as well: that is how
    ONNX (QDQ) writes integer kernels. TFLite's runtime dequantises for real.
    """
    if node.kind in _INTEGER_KINDS:
        return weight.tensor.dtype
    for index in (*node.inputs, *node.outputs):
        tensor = scope.tensor(index)
        if tensor is None or scope.constant_behind(index) is not None:
            continue
        if tensor.dtype in SMALL_INTEGERS and (tensor.quantization is not None or index not in scope.graph.inputs):
            return tensor.dtype
        maker = scope.producers.get(index)
        if weight.dequantised and scope.graph.format not in _HYBRID and maker and _is_dequantiser(maker):
            inner = scope.tensor(maker.inputs[0]) if maker.inputs else None
            return inner.dtype if inner is not None and inner.dtype in SMALL_INTEGERS else weight.tensor.dtype
        if index in node.inputs and tensor.dtype in FLOATS:
            return None
    return None


def _is_dequantiser(node: Node) -> bool:
    return (node.kind or node.op).lower() in DEQUANTISERS
