"""The tables and figures of the IMC'21 study, one by one, on this corpus.

In the order of the publication as far as it is known: its full text was not at hand (docs/papers.md).
"""

from __future__ import annotations

from typing import Final

from nngauge.report import costs, layers, sharing
from nngauge.report._api import Column, Part, Report
from nngauge.report.imc21_parts import (
    BACKENDS,
    CATEGORIES,
    CHURN,
    CLOUD,
    DATASET,
    FRAMEWORKS,
    OPTIMISATION,
    TASKS_PART,
)
from nngauge.report.published import beside, reference

_NO_RUNS: Final = (
    "this version measures nothing on devices and estimates no time or energy; what models cost in multiply-accumulates and "
    "memory is in the part about cost"
)


def _unmeasured(name: str, title: str, *columns: Column, absent: str = _NO_RUNS) -> Part:
    """A table that needs runs on devices: in its place, with the published numbers, until there are some."""
    nothing = ", ".join(f"NULL AS {column.name}" for column in columns)
    return Part(
        name=name, title=title, ask=f"SELECT {nothing} WHERE false", columns=columns, absent=absent,
        counting="models on devices", reference=reference("imc21", name),
    )  # fmt: skip


_DEVICE: Final = Column("device", "what it ran on")
_MODEL: Final = Column("model", "the model")

REPORT: Final = Report(
    id="IMC21",
    name="imc21",
    title="The IMC'21 study, again",
    question="What do the tables and figures of “Smart at what cost?” (gaugeNN) look like on this corpus?",
    origin="Almeida et al., Smart at what cost? Characterising Mobile Deep Neural Networks in the wild, IMC 2021, https://doi.org/10.1145/3487552.3487863",
    parts=(
        _unmeasured("devices", "Devices", _DEVICE, Column("kind", "phone or board")),
        DATASET,
        FRAMEWORKS,
        CATEGORIES,
        CHURN,
        TASKS_PART,
        beside(layers.REPORT, "per-model", "imc21", "layers", name="layers", title="Layers by modality"),
        beside(costs.REPORT, "by-task", "imc21", "cost", name="cost", title="Multiply-accumulates and parameters by task"),
        beside(sharing.REPORT, "shares", "imc21", "uniqueness", name="uniqueness", title="Uniqueness, shared weights, fine-tuning"),
        CLOUD,
        _unmeasured("latency", "Latency by device", _DEVICE, _MODEL, Column("seconds", "of one inference", "seconds", "counted")),
        _unmeasured("energy", "Power, energy, efficiency", _DEVICE, _MODEL, Column("energy", "of one inference", "joules", "counted")),
        _unmeasured("scenarios", "Scenarios", Column("scenario", "what a user does"), Column("battery", "share of a battery", "share", "estimated")),
        OPTIMISATION,
        _unmeasured("threads", "Batch, threads, affinity", _DEVICE, Column("threads", "threads", "count"), Column("seconds", "of one inference", "seconds", "counted")),
        BACKENDS,
        _unmeasured("backends", "Backends: how much faster", Column("backend", "what ran it"), Column("speed_up", "times as fast as plain CPU kernels", "ratio", "counted")),
    ),
    limitations=(
        "Most published numbers beside ours are recalled: the full text of the study was not at hand. They are marked, and not to be quoted.",
        "The study's models are those of Google Play in 2020 and 2021; ours are of the packages in this study.",
        "Its FLOPs are never put into a column of ours: they may be multiply-accumulates or twice as many.",
    ),
)  # fmt: skip
