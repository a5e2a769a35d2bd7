"""The facts of one distinct model that studies keep: what `analyse_model` finds, in sums, and a print of each weight."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from nngauge.analyse.attribution.layers import WeightLayer, structure, weight_layers
from nngauge.analyse.attribution.published import known_model, known_network
from nngauge.analyse.attribution.sketch import MAX_TENSORS, Sketch, sketches
from nngauge.analyse.constants import Constants
from nngauge.analyse.cost import model_cost
from nngauge.analyse.difference import tensor_digest
from nngauge.analyse.language import language_model
from nngauge.analyse.optimisation import optimisation_state
from nngauge.analyse.optimisation.precision import is_weight
from nngauge.analyse.shapes import infer_shapes
from nngauge.analyse.workload import workload
from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Amount, Cost
from nngauge.domain.graph import Graph, Tensor
from nngauge.domain.language import LanguageModel
from nngauge.domain.model import Model
from nngauge.domain.network import FamilyShare, LanguageFacts, Network, WeightPrint
from nngauge.extract.attempt import Extracted
from nngauge.io.source import ByteSource
from nngauge.limits import MAX_STRUCT_DEPTH, MIB

MAX_PRINTS: Final = 1024
"""Weights of one model of which something is kept, the largest ones: language models have some hundreds."""
MIN_ELEMENTS: Final = 16
"""Smaller constants are equal by chance."""
_HASHED: Final = 1024 * MIB
"""Bytes of one model's weights that are digested: about a second."""
_BLANK: Final = 4096
"""Bytes that tell nearly every weight from one value over and over; a power of two, so that it holds whole elements."""
_NUMBER: Final = 2**63
"""Beyond, a number is kept as text: no real network, and more than databases and MessagePack hold."""


def network(model: Model, extracted: Extracted) -> Network:
    """The facts of one model whose bytes are at hand.

    Tens of milliseconds for usual models, a second for gigabytes. Raises `InputError` when the bytes cannot be read.
    """
    return network_and_analysis(model, extracted)[0]


def network_and_analysis(model: Model, extracted: Extracted) -> tuple[Network, Analysis]:
    """As `network`, and the analysis that the facts are taken from: the graph with its shapes, and every layer."""
    parts = [piece.source for piece in extracted.pieces]
    inferred = infer_shapes(extracted.graph, Constants(parts), {})
    cost = model_cost(inferred.graph)
    state = optimisation_state(inferred.graph, parts)
    layers = weight_layers(extracted.graph)
    form = structure(extracted.graph, layers)
    found = _sketches(layers, parts)
    known = known_model(model) or known_network(model, form, list(found.values()))
    weights = [tensor for tensor in _weights(extracted.graph) if (tensor.elements or 0) >= MIN_ELEMENTS]
    language = language_model(inferred.graph)
    facts = Network(
        digest=model.digest,
        plugin=model.plugin,
        macs=_amount(cost.macs),
        parameters=_amount(cost.parameters),
        weight_bytes=_number(cost.weight_bytes),
        peak_bytes=_amount(cost.peak.bytes if cost.peak else None),
        read_bytes=_amount(cost.read_bytes),
        written_bytes=_amount(cost.written_bytes),
        lower_bound=cost.lower_bound,
        scheme=state.verdict.scheme,
        precision=state.verdict.label,
        sparsity=state.sparsity,
        near_zero=state.near_zero,
        clustered=sum(item.clustered for item in state.tensors) if any(item.read for item in state.tensors) else None,
        structure=form.exact,
        layers=form.layers,
        trunk=form.trunk,
        known=known.id if known else None,
        likeness=known.likeness if known else None,
        language=_language(language),
        families=tuple(_families(cost)),
        tensors=tuple(_prints(weights, {id(layer.tensor) for layer in layers}, found, parts)),
        weights_left_out=max(0, len(weights) - MAX_PRINTS),
        workload=workload(cost, language),
    )
    analysis = Analysis(
        model=model,
        graph=inferred.graph,
        cost=cost,
        optimisation=state,
        language=language,
        problems=inferred.problems,
    )
    return facts, analysis


def _amount(amount: Amount | None) -> Amount | None:
    return str(amount) if isinstance(amount, int) and amount >= _NUMBER else amount


def _number(amount: Amount | None) -> int | None:
    return amount if isinstance(amount, int) and amount < _NUMBER else None


def _families(cost: Cost) -> Iterator[FamilyShare]:
    """Sums of layers × their runs, as the totals are."""
    groups: dict[str, list[tuple[Amount | None, Amount | None]]] = {}
    for layer in cost.layers:
        macs = layer.macs * layer.repeats if isinstance(layer.macs, int) else layer.macs
        groups.setdefault(layer.family.value, []).append((macs, layer.parameters))
    for family, figures in groups.items():
        yield FamilyShare(
            family=family,
            layers=len(figures),
            macs=_sum(macs for macs, _ in figures),
            parameters=_sum(parameters for _, parameters in figures),
        )


def _sum(figures: Iterable[Amount | None]) -> int | None:
    total = 0
    for figure in figures:
        if not isinstance(figure, int):
            return None
        total += figure
    return _number(total)


def _language(facts: LanguageModel | None) -> LanguageFacts | None:
    if facts is None:
        return None
    return LanguageFacts(
        role=facts.role,
        family=facts.family,
        architecture=facts.architecture,
        context=_number(facts.context),
        layers=_number(facts.layers),
        embedding=_number(facts.embedding),
        vocabulary=_number(facts.vocabulary),
        bits_per_weight=facts.bits_per_weight,
        cache_bytes=_number(facts.kv_bytes_per_token()),
    )


# --- weights ------------------------------------------------------------------------------------------------------------


def _weights(graph: Graph, depth: int = 0) -> Iterator[Tensor]:
    yield from (tensor for tensor in graph.tensors if tensor.constant and is_weight(tensor))
    for inner in graph.subgraphs if depth < MAX_STRUCT_DEPTH else ():
        yield from _weights(inner, depth + 1)


def _sketches(layers: Sequence[WeightLayer], parts: Sequence[ByteSource]) -> dict[int, Sketch]:
    """Sketches by `id` of their tensor, in the order of `layers`, of the largest ones."""
    kept = layers
    if len(layers) > MAX_TENSORS:
        floor = sorted((layer.tensor.elements or 0 for layer in layers), reverse=True)[MAX_TENSORS - 1]
        kept = [layer for layer in layers if (layer.tensor.elements or 0) >= floor][:MAX_TENSORS]
    found = ((layer, sketches((layer,), parts)) for layer in kept)
    return {id(layer.tensor): sketch[0] for layer, sketch in found if sketch}


def _prints(
    weights: Sequence[Tensor], layers: Collection[int], found: dict[int, Sketch], parts: Sequence[ByteSource]
) -> Iterator[WeightPrint]:
    """Of the largest weights, in the order of the file. `layers`: `id` of those of layers, none where no operation is known."""
    floor = sorted((tensor.elements or 0 for tensor in weights), reverse=True)[:MAX_PRINTS]
    room, kept = _HASHED, 0
    for order, tensor in enumerate(weights):
        if kept == MAX_PRINTS:
            return
        if (tensor.elements or 0) < floor[-1]:
            continue
        kept += 1
        size = tensor.data.size if tensor.data else 0
        exact = None
        if size <= room and not _is_blank(tensor, parts):
            room -= size
            exact = tensor_digest(tensor, parts)
        sketch = found.get(id(tensor))
        yield WeightPrint(
            order=order,
            elements=_number(tensor.elements) or 0,
            dtype=tensor.dtype,
            bytes=size,
            layer=id(tensor) in layers if layers else len(tensor.shape or ()) > 1,
            exact=exact.hex() if exact else None,
            shape=sketch.shape if sketch else None,
            bits=divmod(sketch.bits, 2**64) if sketch else (0, 0),
            known=divmod(sketch.known, 2**64) if sketch else (0, 0),
        )


def _is_blank(tensor: Tensor, parts: Sequence[ByteSource]) -> bool:
    """One value over and over, like new biases and gains: equal in models that have nothing to do with each other."""
    span = tensor.data
    if span is None:
        return tensor.values is not None and len(set(tensor.values)) <= 1
    if not 0 <= span.part < len(parts) or not tensor.elements or span.size % tensor.elements:
        return False
    width = span.size // tensor.elements
    value = parts[span.part].read(span.offset, width)
    head = parts[span.part].read(span.offset, min(span.size, _BLANK))
    if head != _repeated(value, len(head)):
        return False
    return all(
        bytes(chunk) == _repeated(value, len(chunk)) for chunk in parts[span.part].chunks(span.offset, span.size)
    )


def _repeated(value: bytes, size: int) -> bytes:
    return value * (size // max(1, len(value)))
