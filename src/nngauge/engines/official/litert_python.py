"""``benchmark_litert_model.py`` (``litert-benchmark``) of the ai-edge-litert wheel: its ``--result_json``.

https://github.com/google-ai-edge/LiteRT/blob/main/litert/python/tools/benchmark_litert_model.py
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.engines.official import _reading as reading
from nngauge.engines.official._api import Job, Output, Told, Tool
from nngauge.errors import MalformedError

_TIMES: Final = {
    "avg_ms": "mean_ns", "median_ms": "median_ns", "min_ms": "least_ns", "max_ms": "most_ns", "std_ms": "deviation_ns",
    "init_ms": "load_ns", "warmup_first_ms": "first_ns", "warmup_avg_ms": "warmup_ns",
}  # fmt: skip


class _Latency(Struct):
    init_ms: float
    warmup_first_ms: float
    warmup_avg_ms: float
    num_warmup_runs: int
    avg_ms: float
    min_ms: float
    max_ms: float
    median_ms: float
    std_ms: float
    p5_ms: float
    p95_ms: float
    num_runs: int


class _Result(Struct):
    latency: _Latency
    model: str = ""
    accelerators: str | list[str] = ""
    fully_accelerated: bool | None = None


def command(binary: str, job: Job) -> tuple[str, ...]:
    """A delegate is ``gpu`` or ``npu``."""
    words = (
        binary, "--model", job.model, "--num_threads", str(job.threads), "--num_runs", str(job.runs),
        "--warmup_runs", str(job.warmup), "--result_json", f"{job.folder}/result.json",
    )  # fmt: skip
    return (*words, f"--use_{job.delegate}") if job.delegate else words


def parse(output: Output) -> tuple[Told, ...]:
    """One summary, rounded to 10 µs by the script."""
    data = reading.file_ending(output, ".json") or output.out
    found = decode(data)
    times = found.latency
    facts: dict[str, float | None] = {ours: 1e6 * getattr(times, theirs) for theirs, ours in _TIMES.items()}
    facts |= {"runs": times.num_runs, "warmup_runs": times.num_warmup_runs}
    summary = reading.summary(facts, {"5": 1e6 * times.p5_ms, "95": 1e6 * times.p95_ms})
    asked = [found.accelerators] if isinstance(found.accelerators, str) else found.accelerators
    alone = bool(asked) and all(name.upper() == "CPU" for name in asked)  # for which it says False, too
    partly = ("not all operators ran on the accelerator",) if found.fully_accelerated is False and not alone else ()
    return (Told(name=found.model.replace("\\", "/").rpartition("/")[2], summary=summary, notes=partly),)


def decode(data: bytes) -> _Result:
    """Raises `MalformedError`, `TruncatedError`."""
    if not data:
        raise MalformedError("there is no result", hint="the script writes it with --result_json FILE")
    return reading.decode(data, _Result)


TOOL = Tool(
    name="litert-benchmark",
    title="LiteRT's benchmark script (compiled model)",
    binaries=("litert-benchmark",),
    formats=frozenset({"tflite"}),
    install="pip install ai-edge-litert",
    parse=parse,
    command=command,
    results=lambda _job: ("result.json",),
    on_device=False,
    references=("https://github.com/google-ai-edge/LiteRT/blob/main/litert/python/tools/benchmark_litert_model.py",),
    limitations=("tells averages and percentiles in steps of 10 µs, no samples", "times only this machine"),
)
