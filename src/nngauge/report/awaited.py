"""Parts of R15 and R18 that wait for facts that nobody has estimated yet; each says which."""

from __future__ import annotations

from typing import Final

from nngauge.report._api import Part, Report

_FIGURES: Final = "Multiply-accumulates and bytes are in the report `costs`; they are no replacement."


def _awaited(name: str, title: str, counting: str, absent: str) -> Part:
    return Part(name=name, title=title, ask="SELECT 1", columns=(), counting=counting, absent=absent)


ESTIMATED_LATENCY: Final = _awaited(
    "estimated",
    "Estimated latency",
    "models and classes of devices",
    f"No estimator with a known error is built in yet. {_FIGURES}",
)
QUANTISATION: Final = Report(
    id="R18",
    name="quantisation",
    title="What quantising would do",
    question="How small would the models be with fewer bits, and would their answers stay the same?",
    origin="lecture notes on mobile deep learning: table of bits and methods",
    parts=(
        _awaited(
            "agreement",
            "Bits and methods: size and agreement",
            "models, bits and methods",
            "It takes a quantiser and runs of both models on the same inputs; agreement cannot be told from a file. How many bytes "
            "8-bit weights would save is in the report `modernisation`.",
        ),
    ),
)
