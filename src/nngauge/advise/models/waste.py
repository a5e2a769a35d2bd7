"""Bytes and work that change nothing: dead channels, constants kept twice, operations that could be folded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.advise._api import Adviser, Question, commands, place
from nngauge.domain.advice import Advice, Effort, Risk
from nngauge.domain.dossier import ModelDossier
from nngauge.units import format_bytes
from nngauge.words.amounts import plural

_LEAST_BYTES: Final = 4_096
_LEAST_SHARE: Final = 0.02
"""Of the weights' bytes that lie in dead channels, or of the file in copies: less is not worth a word."""
_SHRUNK: Final = frozenset({"tflite", "onnx"})


def _dead(question: Question, one: ModelDossier) -> Iterator[Advice]:
    if one.optimisation is None:
        return
    dead = [state for state in one.optimisation.tensors if state.dead_channels and state.channels]
    gain = sum(state.bytes * (state.dead_channels or 0) // (state.channels or 1) for state in dead)
    if gain < _LEAST_BYTES or gain < _LEAST_SHARE * one.model.size:
        return
    count = sum(state.dead_channels or 0 for state in dead)
    yield Advice(
        kind="dead-channels",
        title="Remove channels that do nothing",
        says=f"{plural(count, 'output channel')} in {plural(len(dead), 'layer')} of {one.model.name} have weights that are "
        f"nought but for rounding. Their own weights take {format_bytes(gain)}; those of the layers that read them go, too.",
        subject=one.model.digest,
        location=place(one),
        gain_bytes=gain,
        risk=Risk.NONE,
        risk_says="The result is thrown away unless all its answers equal those of the original.",
        effort=Effort.COMMAND,
        do="Cut them out.",
        commands=commands(question, one, "shrink {model} -o {out}") if one.model.format in _SHRUNK else (),
    )


def _copies(question: Question, one: ModelDossier) -> Iterator[Advice]:
    if one.optimisation is None:
        return
    gain = sum(item.wasted for item in one.optimisation.duplicates)
    if gain < _LEAST_BYTES or gain < _LEAST_SHARE * one.model.size:
        return
    yield Advice(
        kind="duplicate-constants",
        title="Keep equal constants once",
        says=f"{plural(len(one.optimisation.duplicates), 'constant')} of {one.model.name} are stored more than once, byte by "
        f"byte the same.",
        subject=one.model.digest,
        location=place(one),
        gain_bytes=gain,
        exact=True,
        risk=Risk.NONE,
        risk_says="The numbers stay the same.",
        effort=Effort.COMMAND,
        do="Let all operations read one copy.",
        commands=commands(question, one, "shrink {model} -o {out}") if one.model.format in _SHRUNK else (),
    )


def _unfolded(_: Question, one: ModelDossier) -> Iterator[Advice]:
    norms = one.optimisation.batch_norm if one.optimisation else None
    if norms is None or not norms.foldable:
        return
    yield Advice(
        kind="unfolded-normalisation",
        title="Fold normalisations into the convolutions",
        says=f"{plural(norms.foldable, 'batch normalisation')} of {one.model.name} stand right behind a convolution or dense "
        "layer that could absorb them.",
        subject=one.model.digest,
        location=place(one),
        gain_says="fewer operations; some runtimes fold them when they load the model",
        risk=Risk.LOW,
        risk_says="Answers stay the same within rounding.",
        effort=Effort.BUILD,
        do="Export the model for inference again, or run the simplifier of its format (onnxslim, onnxsim).",
    )


DEAD_CHANNELS: Final = Adviser(name="dead-channels", advise=_dead, references=("https://arxiv.org/abs/1608.08710",))
DUPLICATE_CONSTANTS: Final = Adviser(
    name="duplicate-constants",
    advise=_copies,
    references=("https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs",),
)
UNFOLDED: Final = Adviser(
    name="unfolded-normalisation", advise=_unfolded, references=("https://arxiv.org/abs/1712.05877",)
)
