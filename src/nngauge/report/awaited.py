"""R15, R16 and R18: reports that wait for facts that nobody has measured or estimated yet; each says which."""

from __future__ import annotations

from typing import Final

from nngauge.report._api import Part, Report

_FIGURES: Final = "Multiply-accumulates and bytes are in the report `costs`; they are no replacement."


def _awaited(name: str, title: str, counting: str, absent: str) -> Part:
    return Part(name=name, title=title, ask="SELECT 1", columns=(), counting=counting, absent=absent)


LATENCY: Final = Report(
    id="R15",
    name="latency",
    title="How fast models are",
    question="How long does one inference take, the first and the later ones, on phones of each class, and do MACs predict it?",
    origin="IMC'21, latency by device; MDLBench",
    limitations=("Measured and estimated latencies will be separate parts and never share a column.",),
    parts=(
        _awaited(
            "measured",
            "Measured latency",
            "runs of a model on a device",
            f"Nothing was executed: the models would have to be run on phones, warm-up and heat controlled. {_FIGURES}",
        ),
        _awaited(
            "estimated",
            "Estimated latency",
            "models and classes of devices",
            f"No estimator with a known error is built in yet. {_FIGURES}",
        ),
    ),
)
ENERGY: Final = Report(
    id="R16",
    name="energy",
    title="What models take from the battery",
    question="How much energy does one inference take, and how much of a battery an hour of use?",
    origin="IMC'21, energy and scenarios",
    limitations=("Measured and estimated energy will be separate parts and never share a column.",),
    parts=(
        _awaited(
            "measured",
            "Measured energy",
            "runs of a model on a device with its power recorded",
            f"Nothing was executed: it takes a power monitor, or the phone's fuel gauge, while the models run. {_FIGURES}",
        ),
        _awaited(
            "scenarios",
            "Battery in an hour of use",
            "models in a scenario of use",
            "It takes the energy of one inference, measured or estimated, and how often an app runs it.",
        ),
    ),
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
