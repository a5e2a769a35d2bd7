"""What converters wrote about themselves, and signs that a model is meant to be trained on the device."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nngauge.analyse.optimisation.leftovers import leftovers
from nngauge.analyse.optimisation.scopes import Scope
from nngauge.domain.graph import Graph

_MARKS: Final = (
    "converter", "converter version", "min_runtime_version", "ir_version", "conversion", "optimum_version", "file_type",
    "general.quantized_by", "general.quantization_version", "general.file_type", "compiler", "com.github.apple.coremltools.version",
    "com.github.apple.coremltools.source", "onnx.infer", "onnx.quant.pre_process", "olive_version",
)  # fmt: skip
"""Keys of `Graph.metadata` that tell what made the file."""
_SIGNATURE: Final = "signature:"
_TRAINING_SIGNATURES: Final = frozenset(
    {"train", "train_step", "initialize", "save", "restore", "get_weights", "set_weights"}
)
"""Names in TensorFlow's on-device training guide and its successors
(https://ai.google.dev/edge/litert/conversion/tensorflow/build/ondevice_training)."""
_DECISIVE: Final = ("train", "train_step")
_ORT_ARTEFACTS: Final = frozenset({"lazy_reset_grad", "step"})
"""Inputs of ONNX Runtime's training and optimizer graphs (onnxruntime/python/tools/training/artifacts.py)."""
_UPDATABLE: Final = re.compile(r"updat(e)?able", re.IGNORECASE)


def marks(graph: Graph) -> tuple[tuple[str, str], ...]:
    """Format version, producer and what the metadata says about conversion and quantisation."""
    found = [("format", " ".join(filter(None, (graph.format, graph.format_version))))]
    if graph.producer:
        found.append(("producer", graph.producer))
    found += [(key, graph.metadata[key][:200]) for key in _MARKS if graph.metadata.get(key)]
    return tuple(found)


def training(scopes: Sequence[Scope]) -> tuple[str, ...]:
    """Evidence for on-device training, empty when there is none.

    Variables alone are none: streaming models keep their state in them.
    """
    graph = scopes[0].graph
    return (*_signatures(graph), *_operations(scopes), *_declared(graph))


def _signatures(graph: Graph) -> Iterator[str]:
    names = [key.removeprefix(_SIGNATURE) for key in graph.metadata if key.startswith(_SIGNATURE)]
    if any(name.startswith(_DECISIVE) for name in names):
        for name in names:
            if name in _TRAINING_SIGNATURES or name.startswith(_DECISIVE):
                yield f"signature {name}"


def _operations(scopes: Sequence[Scope]) -> Iterator[str]:
    found = {each.what: each for each in leftovers(scopes)}
    if "gradient" in found and ("optimizer" in found or "loss" in found):
        yield f"{found['gradient'].count} gradient operations"
    if "optimizer" in found:
        yield f"{found['optimizer'].count} optimizer operations"
    names = {scope.graph.tensors[index].name for scope in scopes for index in scope.graph.inputs if index >= 0}
    if names & _ORT_ARTEFACTS and ("gradient" in found or "optimizer" in found):
        yield "inputs of an ONNX Runtime training artefact"


def _declared(graph: Graph) -> Iterator[str]:
    for key, value in graph.metadata.items():
        if _UPDATABLE.search(key) and value.lower() not in ("", "false", "0", "no"):
            yield f"{key[:80]} = {value[:40]}"
