"""Profiles of Qualcomm AI Hub: the JSON of ``job.download_profile()`` or ``qai-hub`` downloads.

https://app.aihub.qualcomm.com/docs/. Times are microseconds, memory is bytes; layers name the unit that ran them.
"""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Reply
from nngauge.engines.official import _reading as reading
from nngauge.engines.official._api import Output, Summary, Told, Tool
from nngauge.errors import LimitError, MalformedError
from nngauge.limits import MAX_NODES


class _Execution(Struct):
    estimated_inference_time: float
    estimated_inference_peak_memory: float | None = None
    first_load_time: float | None = None
    warm_load_time: float | None = None
    first_load_peak_memory: float | None = None
    all_inference_times: list[float] = []


class _Layer(Struct):
    name: str = ""
    type: str = ""
    compute_unit: str = ""
    execution_time: float | None = None


class _Profile(Struct):
    execution_summary: _Execution
    execution_detail: list[_Layer] = []
    all_inference_times: list[float] = []


def parse(output: Output) -> tuple[Told, ...]:
    """One model: the hub's estimate as a summary, its runs as samples where they are there."""
    data = reading.file_ending(output, ".json") or output.out
    if not data:
        raise MalformedError("there is no profile", hint="job.download_profile() gives it")
    found = reading.decode(data, _Profile)
    facts = found.execution_summary
    runs = facts.all_inference_times or found.all_inference_times
    if max(len(runs), len(found.execution_detail)) > MAX_NODES:
        raise LimitError(f"more than {MAX_NODES} layers or runs")
    peak = _bytes(facts.estimated_inference_peak_memory)
    summary = Summary(
        runs=len(runs) or None, median_ns=_ns(facts.estimated_inference_time), load_ns=_maybe(facts.warm_load_time),
        peak_bytes=peak,
    )  # fmt: skip
    first = _maybe(facts.first_load_time)
    notes = [] if first is None else [f"the first load took {first / 1e6:,.0f} ms: it compiles"]
    return (
        Told(
            samples=_samples(runs, facts, peak) if runs else None, summary=summary, ops=_ops(found.execution_detail),
            delegated=_units(found.execution_detail), notes=tuple(notes),
        ),
    )  # fmt: skip


def _samples(runs: list[float], facts: _Execution, peak: int | None) -> Reply:
    """All runs are told, the first among them."""
    times = tuple(reading.whole(1e3 * value) for value in runs)
    load = reading.whole(_maybe(facts.warm_load_time) or 0)
    return Reply(engine="qai-hub", version="", load_ns=load, first_ns=times[0], wall_ns=times, peak_bytes=peak)


def _ops(layers: list[_Layer]) -> tuple[OpTime, ...]:
    return tuple(
        OpTime(
            name=layer.name[:500], kind=layer.type[:100], nanoseconds=_ns(layer.execution_time),
            unit=layer.compute_unit[:20].lower(),
        )
        for layer in layers
        if layer.execution_time is not None
    )  # fmt: skip


def _units(layers: list[_Layer]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for layer in layers:
        unit = layer.compute_unit[:20].lower()
        counts[unit] = counts.get(unit, 0) + 1
    return counts


def _ns(microseconds: float) -> float:
    return 1e3 * reading.checked(microseconds)


def _maybe(microseconds: float | None) -> float | None:
    """The hub writes -1 for what it did not measure."""
    return None if microseconds is None or microseconds < 0 else _ns(microseconds)


def _bytes(value: float | None) -> int | None:
    return None if value is None or value < 0 else reading.whole(value)


TOOL = Tool(
    name="qai-hub",
    title="Qualcomm AI Hub profile",
    binaries=(),
    formats=frozenset({"tflite", "onnx", "qnn_context", "snpe_dlc"}),
    install="pip install qai-hub, and an account",
    parse=parse,
    on_device=False,
    references=("https://app.aihub.qualcomm.com/docs/",),
    limitations=(
        "runs on hosted phones: the model is sent to Qualcomm's cloud",
        "does not measure power",
        "the estimated time is the hub's own statistic of its runs, told here as the median",
    ),
)
