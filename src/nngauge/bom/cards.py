"""Model cards: what is known of a model besides its identity, from its file, its network and its audit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from nngauge.bom.cleaning import SHORT, clean
from nngauge.bom.inventory import Card
from nngauge.domain.attribution import Likeness
from nngauge.domain.cost import Family
from nngauge.domain.dossier import ModelDossier
from nngauge.domain.graph import Completeness
from nngauge.domain.model import Model, Port
from nngauge.domain.network import LanguageFacts, Network
from nngauge.domain.task import TASK, Modality
from nngauge.words.amounts import format_shape

MODALITIES: Final = {
    Modality.IMAGE: "computer vision",
    Modality.AUDIO: "audio processing",
    Modality.TEXT: "natural language processing",
    Modality.SENSOR: "sensor data",
    Modality.TABLE: "tabular data",
}
_PORTS: Final = 64
_NOTES: Final = 16
_KINDS: Final = 512
"""Kinds of operators; the richest vocabulary in a model file has about 150 in use."""
_FAMILIES: Final = (
    (Family.TREE, "decision trees"),
    (Family.ATTENTION, "transformer"),
    (Family.RECURRENT, "recurrent neural network"),
    (Family.CONVOLUTION, "convolutional neural network"),
    (Family.DEPTHWISE, "convolutional neural network"),
    (Family.TRANSPOSED, "convolutional neural network"),
    (Family.DENSE, "feed-forward neural network"),
)
"""The first kind of layer that a network has names its architecture family."""
_TREES: Final = frozenset({"xgboost", "lightgbm", "catboost"})


def card_of(dossier: ModelDossier) -> Card:
    """The card of one model."""
    model, network = dossier.model, dossier.network
    task = TASK.get(model.task.task) if model.task else None
    modality = model.task.modality if model.task else Modality.UNKNOWN
    return Card(
        task=task.title.lower() if task else "",
        modality=MODALITIES.get(modality, ""),
        family=_family(model, network),
        architecture=_architecture(model, network),
        inputs=_ports(model.inputs),
        outputs=_ports(model.outputs),
        limitations=tuple(dict.fromkeys(clean(note) for note in _limitations(dossier)))[:_NOTES],
        figures=tuple((name, str(value)) for name, value in _figures(dossier) if value not in (None, "")),
    )


def _family(model: Model, network: Network | None) -> str:
    if network is not None and network.language is not None:
        return "transformer"
    if model.format in _TREES:
        return "decision trees"
    found = {share.family for share in network.families} if network is not None else set()
    return next((name for family, name in _FAMILIES if family.value in found), "")


def _architecture(model: Model, network: Network | None) -> str:
    """Its name, where the published model with the same layers has one, or the file of a language model tells."""
    if model.known is not None and model.known.likeness is not Likeness.TRUNK:
        return clean(model.known.architecture or model.known.title)
    language = network.language if network is not None else None
    return clean(language.architecture) if language is not None else ""


def _ports(ports: Sequence[Port]) -> tuple[str, ...]:
    return tuple(clean(f"{port.name}: {port.dtype.value} {format_shape(port.shape)}") for port in ports[:_PORTS])


def _limitations(dossier: ModelDossier) -> Iterator[str]:
    """What is known to be missing or odd; not what might be."""
    if dossier.model.completeness is not Completeness.FULL:
        yield f"not all of it could be read: {dossier.model.completeness.value}"
    yield from dossier.model.notes
    if dossier.network is not None and dossier.network.reason:
        yield f"not analysed: {dossier.network.reason}"


def _figures(dossier: ModelDossier) -> Iterator[tuple[str, object]]:
    model, network = dossier.model, dossier.network
    yield "parameters", model.parameters
    yield "operations", model.nodes
    yield "operators", _counts(model.ops)
    yield "weight-types", _counts(model.weights)
    if network is None:
        return
    at_least = " or more" if network.lower_bound else ""
    yield "macs", None if network.macs is None else clean(f"{network.macs}{at_least}", SHORT)
    yield "weight-bytes", network.weight_bytes
    yield "peak-activation-bytes", None if network.peak_bytes is None else clean(str(network.peak_bytes), SHORT)
    yield "precision", network.precision
    yield "sparsity", None if network.sparsity is None else f"{network.sparsity:.4f}"
    yield "structure", network.structure
    yield "layers", network.layers
    if network.language is not None:
        yield from _language(network.language)


def _counts(counts: Mapping[str, int]) -> str:
    """As JSON, whole: a cut one would compare as if there were none."""
    named = {clean(name, SHORT): count for name, count in sorted(counts.items())[:_KINDS]}
    return json.dumps(named, ensure_ascii=False) if named else ""


def _language(facts: LanguageFacts) -> Iterator[tuple[str, object]]:
    yield "language-role", facts.role
    yield "language-family", clean(facts.family, SHORT)
    yield "context-tokens", facts.context
    yield "layer-count", facts.layers
    yield "embedding-width", facts.embedding
    yield "vocabulary", facts.vocabulary
    yield "bits-per-weight", None if facts.bits_per_weight is None else f"{facts.bits_per_weight:.3f}"
