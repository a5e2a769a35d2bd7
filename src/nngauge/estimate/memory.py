"""Memory at the peak of an inference, and the time to the first result.

On processors: weights (packed a second time by the runtime), activations alive together, and a part for every layer and for the
runtime itself; coefficients from TFLite files measured in LiteRT. On neural processors only what the process holds is known,
from the memory column of the AI Hub rows. docs/estimates-npu-llm.md says how far off both are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from nngauge.domain.cost import Cost
from nngauge.domain.estimate import Estimate, EstimateDoubt, Ground, NoEstimate, Quantity, Reason, Setting, Unit

METHOD: Final = "weights + activations + layers"
_FILE: Final = Path(__file__).with_name("profiles") / "memory.json"
_HALF: Final = frozenset({"float32", "float16", "float"})
"""Precisions that neural processors hold in 16 bits."""
_MOST: Final = 1 << 60
"""Bytes; shapes from a file may say anything."""
_CPU_RUNTIMES: Final = frozenset({"", "tflite", "litert", "xnnpack"})


class Line(Struct, frozen=True, kw_only=True):
    """A sum of amounts × coefficients with the errors of models that were left out."""

    constant: float
    weights: float
    """Of a byte of weights."""
    activations: float
    """Of a byte of the peak; of a millisecond of an inference where the line tells times."""
    layers: float
    error: float
    """Median."""
    width: float
    """Factor of the 90 % interval."""
    coverage: float
    models: int


class Profile(Struct, frozen=True, kw_only=True):
    """What is shipped."""

    id: str
    source: str
    cpu: Line
    """Bytes, LiteRT with XNNPACK."""
    load: Line
    """Milliseconds to the first result, loading included."""
    npu_source: str
    npu: Mapping[str, Line]
    """Bytes that the process holds, by runtime."""


@cache
def profile() -> Profile:
    """The profile that is shipped."""
    return msgspec.json.decode(_FILE.read_bytes(), type=Profile)


def estimate(cost: Cost, setting: Setting) -> Estimate | NoEstimate:
    """Bytes that the model adds to a process at the peak of an inference, weights included."""
    known = profile()
    if setting.unit is Unit.NPU:
        return _npu(cost, setting)
    if setting.unit is Unit.GPU or setting.runtime not in _CPU_RUNTIMES:
        where = "a GPU" if setting.unit is Unit.GPU else setting.runtime
        return _none(Quantity.MEMORY, setting, Reason.NO_PROFILE, f"Memory of models on {where} was not measured.")
    amounts = _amounts(cost)
    if amounts is None:
        return _none(Quantity.MEMORY, setting, Reason.NOT_COUNTED, "Weights or activations of the model are not known.")
    weights, activations = amounts
    line = known.cpu
    value = _sum(line, weights, activations, len(cost.layers))
    doubts = [EstimateDoubt.LOWER_BOUND] if cost.lower_bound else []
    return Estimate(
        quantity=Quantity.MEMORY,
        setting=setting,
        value=value,
        low=max(value / line.width, 0.0),
        high=value * line.width,
        ground=_ground(known.id, known.source, line),
        baseline=float(weights),
        doubts=(EstimateDoubt.OTHER_DEVICE, *doubts),
    )


def first(cost: Cost, setting: Setting, latency: Estimate) -> Estimate | NoEstimate:
    """Milliseconds from opening the file to its first result, where one of many inferences takes `latency`.

    Parts for weights and layers are a desktop core's, packing included; phones take longer, so that the interval's upper end is
    the honest one.
    """
    if setting.unit in {Unit.NPU, Unit.GPU}:
        return _none(
            Quantity.FIRST,
            setting,
            Reason.NO_PROFILE,
            "Accelerators compile a model when it is opened; how long that takes was not measured.",
        )
    amounts = _amounts(cost)
    if amounts is None:
        return _none(Quantity.FIRST, setting, Reason.NOT_COUNTED, "Weights of the model are not known.")
    line = profile().load
    value = _sum(line, amounts[0], latency.value, len(cost.layers))
    return Estimate(
        quantity=Quantity.FIRST,
        setting=setting,
        value=value,
        low=max(value / line.width, latency.low),
        high=max(value, latency.high) * line.width,
        ground=_ground(profile().id, profile().source, line),
        baseline=latency.value,
        doubts=(EstimateDoubt.OTHER_DEVICE,),
    )


def _npu(cost: Cost, setting: Setting) -> Estimate | NoEstimate:
    known = profile()
    runtime = setting.runtime or "qnn_dlc"
    amounts = _amounts(cost)
    line = known.npu.get(runtime)
    if line is None:
        there = ", ".join(sorted(known.npu)) or "none"
        return _none(
            Quantity.MEMORY,
            setting,
            Reason.NO_PROFILE,
            f"How much memory a process holds with {runtime} on a neural processor follows from nothing known here ({there} does).",
        )
    if amounts is None:
        return _none(Quantity.MEMORY, setting, Reason.NOT_COUNTED, "Weights or activations of the model are not known.")
    scale = _scale(cost, setting.precision)
    value = _sum(line, amounts[0] * scale, amounts[1] * scale, len(cost.layers))
    return Estimate(
        quantity=Quantity.MEMORY,
        setting=setting,
        value=value,
        low=value / line.width,
        high=value * line.width,
        ground=_ground(known.id, known.npu_source, line),
        baseline=float(amounts[0]),
        doubts=(EstimateDoubt.OTHER_DEVICE,),
    )


def _scale(cost: Cost, precision: str) -> float:
    """Bytes of an element in `precision` over those in the file, from its bytes and parameters."""
    parameters = cost.parameters if isinstance(cost.parameters, int) else 0
    stored = (cost.weight_bytes or 0) / parameters if parameters else 4.0
    return (2.0 if precision in _HALF else 1.0) / min(max(stored, 0.5), 8.0)


def _amounts(cost: Cost) -> tuple[int, int] | None:
    """Bytes of weights and of activations alive together."""
    if cost.weight_bytes is None or cost.peak is None or not isinstance(cost.peak.bytes, int):
        return None
    return min(cost.weight_bytes, _MOST), min(cost.peak.bytes, _MOST)


def _sum(line: Line, weights: float, activations: float, layers: int) -> float:
    return line.constant + line.weights * weights + line.activations * activations + line.layers * layers


def _ground(identity: str, source: str, line: Line) -> Ground:
    return Ground(
        profile=identity, method=METHOD, source=source, models=line.models, error=line.error, coverage=line.coverage
    )


def _none(quantity: Quantity, setting: Setting, reason: Reason, explanation: str) -> NoEstimate:
    hint = "nngauge measure tells load, first inference and memory"
    return NoEstimate(quantity=quantity, setting=setting, reason=reason, explanation=explanation, hint=hint)
