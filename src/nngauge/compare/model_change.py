"""How a model changed from one version to the next, told by the facts of both."""

from __future__ import annotations

import json
import re
from typing import Final

from msgspec import Struct

from nngauge.analyse.sizes import BITS
from nngauge.domain.graph import DType
from nngauge.domain.snapshot_difference import ModelChange

_FEWER_BITS: Final = 0.8
"""Below this ratio of mean bits a parameter a model was quantised: biases and scales alone never move it so far."""
_SAME_SIZE: Final = 0.1
"""Quantised models have scales, zero points and tables beside: their numbers of parameters differ by a few percent."""
_QUANTISING: Final = re.compile(
    r"^(de)?quantize(linear)?$|^dynamicquantizelinear$|^(de)?quanti[sz]e[a-z_]*$|^(re)?quantize$", re.IGNORECASE
)
_QUANTISED: Final = re.compile(r"^(qlinear|quantized_|fused)|(integer|nbits|_quant|_int8)$", re.IGNORECASE)
"""Marks of the quantised variant in an operator's name: ``QLinearConv``, ``ConvInteger``, ``MatMulNBits``."""


class ModelFacts(Struct, frozen=True):
    """What the tables say of one model."""

    digest: str
    format: str
    size: int
    parameters: int | None
    nodes: int | None
    inputs: str
    outputs: str
    ops: str
    weights: str
    layers: str | None = None
    """`network.layers`: the same architecture in any format."""
    structure: str | None = None
    precision: str | None = None


class Weights(Struct, frozen=True):
    """The weight tensors of two models, compared."""

    first: int
    second: int
    same: int
    """Equal bytes."""


def model_change(first: ModelFacts, second: ModelFacts, weights: Weights | None = None) -> tuple[ModelChange, str]:
    """How `first` became `second`, and one phrase that says what this rests on."""
    change = _change(first, second, weights)
    return change, "; ".join(part for part in (_told(first, second, change), _tensors(weights)) if part)


def _change(first: ModelFacts, second: ModelFacts, weights: Weights | None) -> ModelChange:
    if first.format != second.format:
        return ModelChange.CONVERTED
    if _unread(first) or _unread(second):
        return ModelChange.UNKNOWN
    if not _same_architecture(first, second):
        return ModelChange.ARCHITECTURE
    narrower = _narrower(first, second)
    if narrower is not None:
        return narrower
    if first.parameters != second.parameters or _counts(first.weights) != _counts(second.weights):
        return ModelChange.LAYERS
    if _ports(first) != _ports(second):
        return ModelChange.INTERFACE
    if weights is not None and weights.first == weights.second == weights.same:
        return ModelChange.FILE
    return ModelChange.WEIGHTS


def _told(first: ModelFacts, second: ModelFacts, change: ModelChange) -> str:
    parts = []
    if change is ModelChange.CONVERTED:
        parts.append(f"{first.format} → {second.format}")
        if first.layers and first.layers == second.layers:
            parts.append("the same layers")
    bits = (_bits(first), _bits(second))
    if change in (ModelChange.CONVERTED, ModelChange.QUANTISED, ModelChange.WIDENED):
        if first.precision and second.precision and first.precision != second.precision:
            parts.append(f"{first.precision} → {second.precision}")
        elif bits[0] and bits[1] and abs(bits[0] - bits[1]) > 0.5:
            parts.append(f"{bits[0]:.3g} → {bits[1]:.3g} bits a parameter")
    if change is ModelChange.ARCHITECTURE and first.nodes and second.nodes:
        parts.append(f"{first.nodes:,} → {second.nodes:,} operations")
    if change in (ModelChange.ARCHITECTURE, ModelChange.LAYERS) and first.parameters and second.parameters:
        parts.append(f"{first.parameters:,} → {second.parameters:,} parameters")
    return ", ".join(parts)


def _tensors(weights: Weights | None) -> str:
    if weights is None or not max(weights.first, weights.second):
        return ""
    total = max(weights.first, weights.second)
    if weights.same == total:
        return f"all {total:,} weight tensors are the same"
    return f"{total - weights.same:,} of {total:,} weight tensors differ"


def _unread(facts: ModelFacts) -> bool:
    return facts.parameters is None and not facts.nodes


def _same_architecture(first: ModelFacts, second: ModelFacts) -> bool:
    """Equal operations, but for those of quantisation; else the same weighted layers, when both had them read."""
    if first.ops == second.ops or (first.layers and first.layers == second.layers):
        return True
    return _operations(first.ops) == _operations(second.ops)


def _operations(ops: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, count in json.loads(ops).items():
        if not _QUANTISING.search(name):
            plain = _QUANTISED.sub("", name).lower() or name
            found[plain] = found.get(plain, 0) + count
    return found


def _narrower(first: ModelFacts, second: ModelFacts) -> ModelChange | None:
    """Quantised or widened: other bits for about the same number of parameters."""
    if first.weights == second.weights or not first.parameters or not second.parameters:
        return None
    before, after = _bits(first), _bits(second)
    alike = abs(first.parameters - second.parameters) <= _SAME_SIZE * max(first.parameters, second.parameters)
    if not before or not after or not alike:
        return None
    if after < _FEWER_BITS * before:
        return ModelChange.QUANTISED
    return ModelChange.WIDENED if before < _FEWER_BITS * after else None


def _bits(facts: ModelFacts) -> float | None:
    """Mean bits of a parameter; by the file's size where a type has no fixed number (GGML's blocks)."""
    weights = _counts(facts.weights)
    total = sum(weights.values())
    if not total:
        return None
    known = [BITS.get(DType(name)) if name in _NAMES else None for name in weights]
    if None in known:
        return facts.size * 8 / total
    return sum(bits * count for bits, count in zip(known, weights.values(), strict=True) if bits) / total


_NAMES: Final = frozenset(dtype.value for dtype in DType)


def _counts(weights: str) -> dict[str, int]:
    return dict(json.loads(weights))


def _ports(facts: ModelFacts) -> list[tuple[str, str]]:
    """Types and shapes of inputs and outputs; names are no change of the interface."""
    return [
        (str(port.get("dtype")), str(port.get("shape")))
        for text in (facts.inputs, facts.outputs)
        for port in json.loads(text)
    ]
