"""From a model's cost to what studies keep of it, and back to a cost that estimates are made from."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from nngauge.domain.cost import Amount, Cost, Layer, PeakMemory
from nngauge.domain.graph import Dim
from nngauge.domain.language import LanguageModel
from nngauge.domain.workload import LayerWork, Shapes, Workload

MAX_LAYERS: Final = 16_384
"""Layers of a model that are kept: some ten times those of the largest networks for phones, 1 MB of JSON."""
_NUMBER: Final = 2**63
"""Beyond, a number is kept as text: no real network, and more than databases and MessagePack hold."""
_TEXT: Final = 200
"""Characters of a text from the file."""
_DIMENSIONS: Final = 1 << 18
"""Of all shapes of a model that is kept: a megabyte of JSON."""
_FROM_CONSTANTS: Final = "computed from constants"


def workload(cost: Cost, language: LanguageModel | None = None) -> Workload | None:
    """What is kept of a model; None of one with more layers, or longer shapes, than that."""
    if len(cost.layers) > MAX_LAYERS or sum(map(_dimensions, cost.layers)) > _DIMENSIONS:
        return None
    return Workload(
        macs=_amount(cost.macs),
        weight_bytes=_number(cost.weight_bytes),
        peak_bytes=_amount(cost.peak.bytes) if cost.peak else None,
        lower_bound=cost.lower_bound,
        assumptions=tuple(text[:_TEXT] for text in cost.assumptions),
        layers=tuple(_kept(layer) for layer in cost.layers),
        language=replace(language, tokenizer=None, chat_template=None, notes=()) if language else None,
    )


def cost_of(kept: Workload) -> Cost:
    """The cost again, as far as estimates ask for it: layers have no names, totals are those that were kept."""
    return Cost(
        macs=kept.macs,
        parameters=None,
        weight_bytes=kept.weight_bytes,
        read_bytes=None,
        written_bytes=None,
        peak=PeakMemory(bytes=kept.peak_bytes, layer=0) if kept.peak_bytes is not None else None,
        layers=tuple(_layer(index, layer) for index, layer in enumerate(kept.layers)),
        lower_bound=kept.lower_bound,
        assumptions=kept.assumptions,
    )


def _dimensions(layer: Layer) -> int:
    return sum(1 + len(shape or ()) for shape in (*layer.inputs, *layer.outputs))


def _kept(layer: Layer) -> LayerWork:
    return LayerWork(
        layer.kind[:_TEXT] if layer.kind else layer.kind,
        layer.family,
        _shapes(layer.inputs),
        _shapes(layer.outputs),
        layer.dtype,
        layer.weight_dtype,
        layer.attributes[:_TEXT],
        _amount(layer.macs),
        _amount(layer.parameters),
        _number(layer.weight_bytes),
        _amount(layer.read_bytes),
        _amount(layer.written_bytes),
        layer.repeats if layer.repeats < _NUMBER else 0,
        layer.note.startswith(_FROM_CONSTANTS),
    )


def _layer(index: int, kept: LayerWork) -> Layer:
    return Layer(
        index=index, name="", op=kept.kind or "", kind=kept.kind, family=kept.family, inputs=kept.inputs, outputs=kept.outputs,
        dtype=kept.dtype, weight_dtype=kept.weight_dtype, attributes=kept.attributes, macs=kept.macs,
        parameters=kept.parameters, weight_bytes=kept.weight_bytes, read_bytes=kept.read_bytes,
        written_bytes=kept.written_bytes, repeats=kept.repeats, note=_FROM_CONSTANTS if kept.constant else "",
    )  # fmt: skip


def _shapes(shapes: Shapes) -> Shapes:
    return tuple(tuple(_dim(dim) for dim in shape) if shape is not None else None for shape in shapes)


def _dim(dim: Dim) -> Dim:
    if isinstance(dim, str):
        return dim[:_TEXT]
    return str(dim)[:_TEXT] if dim is not None and abs(dim) >= _NUMBER else dim


def _amount(amount: Amount | None) -> Amount | None:
    if isinstance(amount, str):
        return amount[:_TEXT]
    return str(amount)[:_TEXT] if amount is not None and amount >= _NUMBER else amount


def _number(amount: int | None) -> int | None:
    return amount if amount is not None and amount < _NUMBER else None
