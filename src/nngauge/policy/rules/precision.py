"""Weights that are larger than they need to be, and models that are there twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.domain.dossier import ModelDossier
from nngauge.domain.finding import Severity
from nngauge.domain.graph import DType
from nngauge.policy._api import Hit, Options, Rule, Size, Subject, Unevaluated, lead, listed, shown
from nngauge.units import format_bytes

_FLOAT: Final = frozenset({DType.FLOAT32, DType.FLOAT64})
FLOATS: Final = _FLOAT | {DType.FLOAT16, DType.BFLOAT16}
_INT8: Final = frozenset({DType.INT8, DType.UINT8})
_WIDTH: Final = {DType.FLOAT32: 4, DType.FLOAT64: 8, DType.FLOAT16: 2, DType.BFLOAT16: 2}
_SMALL: Final = 1024
"""Elements of a tensor below which quantisers leave it alone."""
_ACCURACY: Final = (
    "Accuracy changes: measure it on the app's own task. Speed gains depend on the phone; a few models become slower."
)


class Large(Options, frozen=True, kw_only=True):
    """Options of ``float32-weights``."""

    at_least: Size = Size(1_000_000)
    """Bytes that int8 would save; less is not reported."""


class Copies(Options, frozen=True, kw_only=True):
    """Options of ``duplicate-model``."""

    at_least: Size = Size(10_000)
    """Bytes of a model; copies of smaller ones are not worth it."""


def int8_gain(one: ModelDossier, dtypes: frozenset[DType] = _FLOAT) -> int | None:
    """Bytes that int8 weights would save: three of four for each float32 element, scales of the channels taken off.

    Exact where the weights' tensors are known, otherwise by the count of float32 parameters; None where neither is.
    `dtypes`: the element types that would be replaced. Biases, gains and small tensors stay as they are, as quantisers leave them.
    """
    network = one.network
    if network is not None and network.tensors:
        floats = [each for each in network.tensors if each.layer and each.dtype in dtypes and each.elements >= _SMALL]
        return sum(each.bytes - each.elements - 4 * (each.shape[0] if each.shape else 1) for each in floats)
    if not one.model.weights:
        return None
    return sum((width - 1) * one.model.weights.get(dtype, 0) for dtype, width in _WIDTH.items() if dtype in dtypes)


def _is_float(one: ModelDossier) -> bool:
    return _share(one, _FLOAT) > 0.5


def _is_int8(one: ModelDossier) -> bool:
    return _share(one, _INT8) > 0.5


def _share(one: ModelDossier, dtypes: frozenset[DType]) -> float:
    every = sum(one.model.weights.values())
    return sum(one.model.weights.get(dtype, 0) for dtype in dtypes) / every if every else 0.0


def _same_network(one: ModelDossier, other: ModelDossier) -> bool:
    """The same weighted layers in any format."""
    first, second = one.network, other.network
    return bool(first and second and first.layers and first.layers == second.layers)


def _beside(subject: Subject, _: Options) -> Iterator[Hit | Unevaluated]:
    floats = [one for one in subject.models if _is_float(one)]
    whole = [one for one in subject.models if _is_int8(one)]
    unread = sum(one.network is None or not one.network.layers for one in floats)
    for one in floats:
        twin = next((other for other in whole if _same_network(one, other)), None)
        if twin is not None:
            yield Hit(
                says=f"{one.model.name} ({format_bytes(one.model.size)}) has float32 weights, and {twin.model.name} "
                f"({format_bytes(twin.model.size)}) is the same architecture in int8.",
                location=lead(one),
                subject=one.model.digest,
                remedy=f"Ship the int8 one alone, or quantise this one as {twin.model.name} was.",
                gain_bytes=int8_gain(one) or None,
                risk=_ACCURACY,
            )
    if unread and whole:
        yield Unevaluated(f"the layers of {unread} of {len(floats)} float32 models are not known")


def _large(subject: Subject, options: Large) -> Iterator[Hit | Unevaluated]:
    unknown = [
        one.model.name for one in subject.models if int8_gain(one) is None and one.model.size >= options.at_least
    ]
    for one in subject.models:
        gain = int8_gain(one)
        if gain is not None and gain >= options.at_least and _is_float(one):
            known = f" It is {one.model.known.sentence}." if one.model.known else ""
            yield Hit(
                says=f"{one.model.name} keeps its weights in float32; int8 weights would take {format_bytes(gain)} less of "
                f"{format_bytes(one.model.size)}.{known}",
                location=lead(one),
                subject=one.model.digest,
                remedy="Quantise the weights to int8 (dynamic range, or weight-only), or store them in float16 for half of it.",
                gain_bytes=gain,
                risk=_ACCURACY,
            )
    if unknown:
        yield Unevaluated(f"the weights of {listed(unknown)} could not be read")


def _copies(subject: Subject, options: Copies) -> Iterator[Hit]:
    for one in subject.models:
        extra = len(one.places) - 1
        if extra > 0 and one.model.size >= options.at_least:
            names = listed(shown(lead(one).__class__(path=place.partition("@")[0])) for place in one.places)
            yield Hit(
                says=f"{one.model.name} ({format_bytes(one.model.size)}) is in the app {extra + 1} times: {names}.",
                location=lead(one),
                subject=one.model.digest,
                remedy="Keep one copy, and let all features load it from there.",
                gain_bytes=extra * one.model.size,
                risk="Components that bring their own copy look for it at their own place.",
            )


_QUANTISE: Final = "https://ai.google.dev/edge/litert/models/post_training_quantization"

FLOAT32_BESIDE_INT8: Final = Rule(
    id="float32-beside-int8",
    title="No float32 where int8 exists",
    broken="float32 where int8 exists",
    why="The same network in int8 takes a quarter of the bytes and usually less time and energy. Where the app already "
    "ships the int8 one, the work is done.",
    fix="Ship the int8 model alone, or quantise the other one the same way.",
    severity=Severity.WARNING,
    check=_beside,
    sources=(_QUANTISE, "https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html"),
    tags=("size", "performance"),
)
FLOAT32_WEIGHTS: Final = Rule(
    id="float32-weights",
    title="Large weights are not kept in float32",
    broken="Large weights in float32",
    why="Weights of 8 bits take a quarter of the bytes of float32; weight-only quantisation needs no data and leaves the "
    "arithmetic as it is. The gain given is the difference of the stored weights, before the package is compressed.",
    fix="Quantise with the tools of the format (ai-edge-quantizer, onnxruntime.quantization, coremltools.optimize, "
    "mnnconvert), and compare outputs on real inputs.",
    severity=Severity.NOTE,
    options=Large,
    check=_large,
    sources=(_QUANTISE, "https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html"),
    tags=("size", "performance"),
)
DUPLICATE_MODEL: Final = Rule(
    id="duplicate-model",
    title="No model is in the app twice",
    broken="The same model more than once",
    why="Identical files in several places are downloaded and stored several times; packages do not share them.",
    fix="Keep one copy in the base, and load it from all features.",
    severity=Severity.WARNING,
    options=Copies,
    check=_copies,
    sources=("https://developer.android.com/topic/performance/reduce-apk-size",),
    tags=("size",),
)
