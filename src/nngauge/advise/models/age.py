"""Files of an age that today's tools do not take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.advise._api import Adviser, Question, commands, place
from nngauge.domain.advice import Advice, Effort, Risk
from nngauge.domain.dossier import ModelDossier
from nngauge.policy.rules.precision import FLOATS, int8_gain


def _old(question: Question, one: ModelDossier) -> Iterator[Advice]:
    """Without a signature, quantisers return a float file unchanged."""
    if one.model.format != "tflite" or one.optimisation is None or not int8_gain(one, FLOATS):
        return
    if any(key.startswith("signature:") for key in one.model.metadata):
        return
    yield Advice(
        kind="legacy-schema",
        title="Bring the file up to date",
        says=f"{one.model.name} has no signature, as files of older converters have none. Today's quantisers return such "
        "files as they are, without a word.",
        subject=one.model.digest,
        location=place(one),
        gain_says="tools of today take it; nngauge compress does this by itself before it quantises",
        risk=Risk.NONE,
        risk_says="The new file is kept only if all answers are the same bit for bit.",
        effort=Effort.COMMAND,
        do="Write it anew, with a signature, names and present operator codes.",
        commands=commands(question, one, "compress {model} --recipe modernise -o {out}"),
    )


LEGACY: Final = Adviser(
    name="legacy-schema",
    advise=_old,
    references=("https://github.com/google-ai-edge/ai-edge-quantizer/issues/266",),
)
