"""The protection of a model that a parser accepted: where it was, what it is called, and what was done to its content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.analyse.protection.hints import Hints
from nngauge.analyse.protection.profile import UNIFORM_SCORE, score
from nngauge.analyse.protection.sentences import attack, remedy
from nngauge.analyse.protection.signals import around, cipher_of, signal
from nngauge.analyse.protection.vocabulary import STRIPPED_SHARE, nameless, speaking_share
from nngauge.domain.evidence import Confidence, EvidenceKind
from nngauge.domain.graph import DType, Graph, Tensor
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.protection import Grade, Protection, Signal, SignalKind
from nngauge.formats import Format
from nngauge.io.source import ByteSource
from nngauge.limits import KIB

_VENDOR_FORMATS: Final = {
    "hailo_hef": "Hailo", "hiai_om": "Huawei's NPU", "rknn": "Rockchip's NPU", "qnn_context": "Qualcomm's QNN",
}  # fmt: skip
_VENDOR_OPS: Final = {
    "edgetpu-custom-op": "Google's Edge TPU",
    "ethos-u": "Arm's Ethos-U (Vela)",
    "neuron": "MediaTek's NeuroPilot",
    "qnn": "Qualcomm's QNN",
    "samsung": "Samsung's ENN",
    "eden": "Samsung's EDEN",
    "dispatch_op": "LiteRT's ahead-of-time compilation",
    "tpu_custom": "Google Tensor",
    "epcontext": "an execution provider of ONNX Runtime",
}
"""Words in the names of the custom operation that holds a compiled network."""
_NATIVE: Final = (".so", ".dylib", ".framework/")
_WEIGHTS: Final = 64 * KIB
_LARGE: Final = 4 * KIB
"""Smaller constants say too little about their distribution."""
_TENSORS: Final = 16
_NEVER_UNIFORM: Final = frozenset(
    {DType.FLOAT64, DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16, DType.INT8, DType.UINT8}
)
"""Learned weights of these types are bell-shaped, or have few exponents; block formats of 2 to 4 bits may be even."""
_NOISE_SHARE: Final = 0.8


def protection_of_model(
    model: Model, form: Format, graph: Graph, sources: Sequence[ByteSource], depth: int
) -> Protection:
    """How a readable model is protected. `sources`: its parts; `depth`: archives between the package and the model."""
    lead = model.parts[0].location
    found = [
        *_weights(graph, sources, lead),
        *_vendor(model, lead),
        *_placed(lead, form),
        *_names(graph, lead),
        *_packed(depth, lead),
        *_renamed(form, model, lead),
    ]
    parsed = signal(SignalKind.STRUCTURE, lead, f"reads as {form.title}", EvidenceKind.STRUCTURE, form.name)
    if not found:
        found = [
            (Grade.PLAIN, signal(SignalKind.NAME, lead, "its name tells what it is", EvidenceKind.FILE_NAME, lead.name))
        ]
    grades = tuple(dict.fromkeys(grade for grade, _ in found))
    first = grades[0]
    return Protection(
        grades=grades,
        confidence=Confidence.LIKELY if first in (Grade.STRIPPED, Grade.ENCRYPTED_WEIGHTS) else Confidence.CERTAIN,
        signals=(parsed, *(item for _, item in found)),
        attack=attack(first),
        remedy=remedy(first),
        reveals=form.title,
    )


def corroborated(protection: Protection, location: Location, hints: Hints) -> Protection:
    """With what code and neighbours say, where weights are encrypted; anything else is as it was."""
    if protection.grade is not Grade.ENCRYPTED_WEIGHTS:
        return protection
    return replace(protection, signals=(*protection.signals, *around(location, hints)), cipher=cipher_of(hints))


_Found = Iterator[tuple[Grade, Signal]]


def _weights(graph: Graph, sources: Sequence[ByteSource], lead: Location) -> _Found:
    """Weights that are noise although the description of the network is not."""
    large = [item for item in _constants(graph) if item.dtype in _NEVER_UNIFORM][:_TENSORS]
    noise = [item for item in large if _is_noise(item, sources)]
    if noise and len(noise) >= _NOISE_SHARE * len(large):
        says = f"the bytes of {len(noise)} of {len(large)} large {noise[0].dtype} weights are noise, which learned weights never are"
        yield Grade.ENCRYPTED_WEIGHTS, signal(SignalKind.STATISTICS, lead, says, EvidenceKind.STATISTICS, noise[0].name)


def _constants(graph: Graph) -> Iterator[Tensor]:
    for tensor in graph.tensors:
        if tensor.data is not None and tensor.data.size >= _LARGE:
            yield tensor
    for part in graph.subgraphs:
        yield from _constants(part)


def _is_noise(tensor: Tensor, sources: Sequence[ByteSource]) -> bool:
    span = tensor.data
    if span is None or span.part >= len(sources):
        return False
    content = sources[span.part].read(span.offset, min(span.size, _WEIGHTS))
    return len(content) >= _LARGE and score(Counter(content), len(content)) < UNIFORM_SCORE


def _vendor(model: Model, lead: Location) -> _Found:
    target = _VENDOR_FORMATS.get(model.format) or _compiled_for(model.ops)
    if target is None:
        return
    yield (
        Grade.VENDOR,
        signal(SignalKind.STRUCTURE, lead, f"compiled for {target}", EvidenceKind.STRUCTURE, model.format),
    )


def _compiled_for(ops: Iterable[str]) -> str | None:
    names = [name.lower() for name in ops]
    return next((who for word, who in _VENDOR_OPS.items() if any(word in name for name in names)), None)


def _placed(lead: Location, form: Format) -> _Found:
    """Found inside something else."""
    if lead.offset is None or lead.offset == 0:
        return
    inner = lead.path.rpartition("!")[2].lower()
    if inner.endswith(_NATIVE[:2]) or _NATIVE[2] in inner:
        says = f"{form.title} stands at byte {lead.offset} of a native library"
        yield Grade.CODE, signal(SignalKind.STRUCTURE, lead, says, EvidenceKind.STRUCTURE, form.name)
    else:
        says = f"{form.title} stands in the clear at byte {lead.offset} of a larger file"
        yield Grade.PRIVATE, signal(SignalKind.STRUCTURE, lead, says, EvidenceKind.STRUCTURE, form.name)


def _names(graph: Graph, lead: Location) -> _Found:
    share = speaking_share(graph)
    if share is not None and share < STRIPPED_SHARE:
        says = f"only {share:.0%} of the names of tensors and layers contain a word of the field"
    elif nameless(graph):
        says = "tensors and layers have no names"
    elif graph.format == "ncnn" and graph.format_version == "binary":
        says = "binary parameters of ncnn: numbers stand for the names, and the text is not shipped"
    else:
        return
    yield (
        Grade.STRIPPED,
        signal(SignalKind.STRUCTURE, lead, says, EvidenceKind.STRUCTURE, f"{len(graph.tensors)} tensors"),
    )


def _packed(depth: int, lead: Location) -> _Found:
    if depth > 0:
        outer = lead.path.split("!")[-2].rpartition("/")[2]
        says = f"inside the archive {outer}"
        yield Grade.COMPRESSED, signal(SignalKind.STRUCTURE, lead, says, EvidenceKind.FILE_NAME, outer)


def _renamed(form: Format, model: Model, lead: Location) -> _Found:
    """A name that does not tell the format. Formats without customary names cannot be renamed."""
    if not form.suffixes or lead.offset:
        return
    path = lead.path.rpartition("!")[2].lower()
    if path.endswith(form.suffixes) or any(f"{suffix}/" in path for suffix in form.suffixes) or _customary(form, path):
        return
    says = f"{form.title} goes by the name {model.name}"
    yield Grade.RENAMED, signal(SignalKind.NAME, lead, says, EvidenceKind.FILE_NAME, model.name)


_CUSTOMARY: Final = {
    "torchscript": (".bin", ".model", ".torchscript", ".zip"),
    "tf_graph": (".pbtxt", ".meta"),
    "tf_saved_model": (".pb",),
    "tfjs": (".json",),
    "mxnet": (".json",),
    "caffe": (".txt",),
    "tflite": (".tflite.uncompressed", ".litertlm", ".task"),
    "ggml_legacy": (".bin",),
    "ncnn": (".bin",),
    "gguf": (".bin",),
    "xgboost": (".json", ".bin", ".model"),
    "lightgbm": (".txt", ".model"),
    "qnn_context": (".bin",),
    "executorch": (".ptd",),
    "paddle": (".pdiparams",),
    "tnn": (".tnnmodel",),
    "darknet": (".conv.15",),
    "kaldi": (".raw",),
}
"""Endings that are usual too, beyond those a format is looked for by."""


def _customary(form: Format, path: str) -> bool:
    return path.endswith(_CUSTOMARY.get(form.name, ()))
