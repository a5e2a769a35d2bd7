"""The tables and figures of the IMC'21 study, one by one, on this corpus.

In the order of the publication as far as it is known: its full text was not at hand (docs/papers.md).
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from nngauge.report import accelerators, costs, energy, estimated, latency, layers, sharing, sweeps
from nngauge.report._api import Report
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

REPORT: Final = Report(
    id="IMC21",
    name="imc21",
    title="The IMC'21 study, again",
    question="What do the tables and figures of “Smart at what cost?” (gaugeNN) look like on this corpus?",
    origin="Almeida et al., Smart at what cost? Characterising Mobile Deep Neural Networks in the wild, IMC 2021, https://doi.org/10.1145/3487552.3487863",
    parts=(
        replace(sweeps.DEVICES, reference=reference("imc21", "devices")),
        DATASET,
        FRAMEWORKS,
        CATEGORIES,
        CHURN,
        TASKS_PART,
        beside(layers.REPORT, "per-model", "imc21", "layers", name="layers", title="Layers by modality"),
        beside(costs.REPORT, "by-task", "imc21", "cost", name="cost", title="Multiply-accumulates and parameters by task"),
        beside(sharing.REPORT, "shares", "imc21", "uniqueness", name="uniqueness", title="Uniqueness, shared weights, fine-tuning"),
        CLOUD,
        beside(latency.REPORT, "devices-compared", "imc21", "latency", name="latency", title="Latency: how much slower one device is"),
        replace(estimated.COMPARED, reference=reference("imc21", "latency"), name="latency-estimated", title="Latency: how much slower one phone is, estimated"),
        replace(latency.DISTRIBUTION, name="latency-by-device", title="Latency by device"),
        replace(estimated.ECDF, name="latency-by-device-estimated", title="Latency by device, estimated"),
        beside(energy.REPORT, "measured", "imc21", "energy", name="energy", title="Power, energy, efficiency"),
        beside(energy.REPORT, "scenarios", "imc21", "scenarios", name="scenarios", title="Scenarios"),
        OPTIMISATION,
        replace(sweeps.BATCHES, name="batches", title="Batches of inputs"),
        beside(accelerators.REPORT, "threads", "imc21", "threads", name="threads", title="Batch, threads, affinity"),
        BACKENDS,
        beside(accelerators.REPORT, "back-ends-measured", "imc21", "backends", name="backends", title="Backends: how much faster"),
    ),
    limitations=(
        "Most published numbers beside ours are recalled: the full text of the study was not at hand. They are marked, and not to be quoted.",
        "The study's models are those of Google Play in 2020 and 2021; ours are of the packages in this study.",
        "Its FLOPs are never put into a column of ours: they may be multiply-accumulates or twice as many.",
    ),
)  # fmt: skip
