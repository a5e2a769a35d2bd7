"""Weights that are wider than they need to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.advise._api import Adviser, Question, commands, place
from nngauge.advise.speed import quantised
from nngauge.domain.advice import Advice, Effort, Risk
from nngauge.domain.dossier import ModelDossier
from nngauge.domain.graph import DType
from nngauge.estimate.npu import int8_risk
from nngauge.policy.rules.precision import FLOATS, int8_gain
from nngauge.units import format_bytes

LEAST_BYTES: Final = 50_000
"""Gains below are not worth a release."""
_WRITTEN: Final = frozenset({"tflite", "onnx", "mnn", "coreml", "gguf"})
"""Formats of which `nngauge compress -o` writes smaller files."""
_HALVES: Final = frozenset({"tflite", "onnx"})


def _int8(question: Question, one: ModelDossier) -> Iterator[Advice]:
    gain = int8_gain(one, FLOATS)
    if gain is None or gain < max(LEAST_BYTES, one.model.size // 10):
        return
    writes = one.model.format in _WRITTEN
    faster, risk = quantised(question, one), int8_risk()
    yield Advice(
        kind="int8-weights",
        title="Quantise weights to int8",
        says=f"{one.model.name} ({format_bytes(one.model.size)}) keeps its weights in "
        f"{one.network.precision if one.network else 'floats'}; as int8 they take {format_bytes(gain)} less.",
        subject=one.model.digest,
        location=place(one),
        gain_bytes=gain,
        faster=faster,
        gain_says="times are those of int8 weights and activations (--recipe int8-static)" if faster else "",
        risk=Risk.MEDIUM,
        risk_says=f"Answers change a little. On neural processors, int8 made {risk.slower} of {risk.cases} measured cases slower.",
        effort=Effort.COMMAND,
        do="Look at the table of agreement, then write the int8 file and try it on the app's own inputs.",
        commands=(
            *commands(question, one, "compress {model}"),
            *(commands(question, one, "compress {model} --recipe int8-weights -o {out}")[-1:] if writes else ()),
        ),
    )


def _stored_halves(question: Question, one: ModelDossier) -> Iterator[Advice]:
    """float32 that was float16 once: half of the bytes are zeros."""
    if one.optimisation is None or one.model.format not in _HALVES:
        return
    halves = [state for state in one.optimisation.tensors if state.holds == DType.FLOAT16]
    gain = sum(state.elements * 2 for state in halves)
    if gain < LEAST_BYTES:
        return
    yield Advice(
        kind="stored-float16",
        title="Store float16 as float16",
        says=f"{len(halves)} weight tensors of {one.model.name} are float32 that hold nothing but float16 values: half of "
        f"their bytes say nothing.",
        subject=one.model.digest,
        location=place(one),
        gain_bytes=gain,
        exact=True,
        risk=Risk.NONE,
        risk_says="The weights stay what they are; the runtime widens them when it loads the model.",
        effort=Effort.COMMAND,
        do="Write the weights as float16.",
        commands=commands(question, one, "compress {model} --recipe float16 -o {out}"),
    )


INT8: Final = Adviser(
    name="int8-weights",
    advise=_int8,
    references=("https://ai.google.dev/edge/litert/models/post_training_quantization",),
)
STORED_HALVES: Final = Adviser(
    name="stored-float16",
    advise=_stored_halves,
    references=("https://ai.google.dev/edge/litert/models/post_training_float16_quant",),
)
