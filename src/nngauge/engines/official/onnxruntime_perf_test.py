"""``onnxruntime_perf_test``: its text in the spellings of several versions, its result file, and profiles of ONNX Runtime.

https://github.com/microsoft/onnxruntime/tree/main/onnxruntime/test/perftest. The result file has the seconds of every run;
the profile (``-p``) has events with microseconds: ``model_run`` a run, ``…_kernel_time`` an operator in a run.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Reply
from nngauge.engines.official import _reading as reading
from nngauge.engines.official._api import Job, Output, Summary, Told, Tool
from nngauge.errors import LimitError, MalformedError, TruncatedError
from nngauge.limits import MAX_ITEMS, MAX_NODES

_N: Final = reading.NUMBER
_FACTS: Final = {
    "load_ns": re.compile(rf"Session creation time cost: ?{_N} s"),
    "first_ns": re.compile(rf"First inference time cost: ?{_N} ms"),
    "mean_ns": re.compile(rf"Average (?:inference )?time cost(?: total)?: ?{_N} ms"),
    "runs": re.compile(rf"Total (?:inference requests|iterations): ?{_N}"),
    "peak_bytes": re.compile(rf"Peak working set size: ?{_N}"),
}
_LATENCY: Final = re.compile(rf"(Min|Max|P\d{{2,3}}) Latency(?::| is) ?{_N} s")
_RUN: Final = re.compile(rf"^[^,]{{1,4096}}(?:,[\d.eE+-]{{1,40}})?,{_N},\d{{1,20}}\s*$")
_STATISTICS: Final = {"Min": "least_ns", "Max": "most_ns", "P50": "median_ns"}
_SECONDS, _MILLISECONDS = 1e9, 1e6
_KERNEL: Final = "_kernel_time"


class _Event(Struct):
    name: str = ""
    cat: str = ""
    dur: float = 0
    args: dict[str, object] = {}


def command(binary: str, job: Job) -> tuple[str, ...]:
    """Random inputs (``-I``), percentiles (``-s``), every run in a file; a delegate is a provider: ``nnapi``, ``xnnpack``."""
    words = [binary, "-I", "-s", "-m", "times", "-r", str(job.runs), "-x", str(job.threads)]
    words += ["-e", job.delegate] if job.delegate else []
    words += ["-p", f"{job.folder}/ort"] if job.profile else []
    return (*words, job.model, f"{job.folder}/runs.csv")


def parse(output: Output) -> tuple[Told, ...]:
    """One model: summary from the text, samples from the result file or the profile."""
    profile = reading.file_ending(output, ".json")
    runs, ops, load = _profile(profile) if profile else ([], (), 0)
    if table := reading.file_ending(output, ".csv", ".txt", ".out"):
        runs = _result_file(table) or runs
    summary = _summary(output)
    if summary is None and not runs:
        if any(
            "Setting intra_op_num_threads" in line or "Session creation" in line for line in reading.printed(output)
        ):
            raise TruncatedError("onnxruntime_perf_test did not come to its end")
        raise MalformedError("is no output of onnxruntime_perf_test")
    return (Told(samples=_samples(runs, load, summary) if runs else None, summary=summary, ops=ops),)


def _summary(output: Output) -> Summary | None:
    facts: dict[str, float] = {}
    shares: dict[str, float] = {}
    for line in reading.printed(output):
        for name, pattern in _FACTS.items():
            if found := pattern.search(line):
                facts[name] = reading.number(found[1]) * _unit(name)
        if found := _LATENCY.search(line):
            shares[found[1]] = _SECONDS * reading.number(found[2])
    if "mean_ns" not in facts:
        return None
    facts |= {ours: shares[name] for name, ours in _STATISTICS.items() if name in shares}
    return reading.summary(facts, {_percent(name): value for name, value in shares.items() if name not in _STATISTICS})


def _unit(name: str) -> float:
    return {"load_ns": _SECONDS, "first_ns": _MILLISECONDS, "mean_ns": _MILLISECONDS}.get(name, 1.0)


def _percent(name: str) -> str:
    """``P999`` is 99.9 %."""
    return name[1:] if len(name) == 3 else f"{name[1:3]}.{name[3:]}"


def _samples(runs: list[int], load: int, summary: Summary | None) -> Reply:
    """The first inference is told apart by the text, not by the files."""
    load = load or round(summary.load_ns or 0 if summary else 0)
    first = round(summary.first_ns or 0) if summary else 0
    peak = summary.peak_bytes if summary else None
    return Reply(engine="onnxruntime", version="", load_ns=load, first_ns=first, wall_ns=tuple(runs), peak_bytes=peak)


def _result_file(data: bytes) -> list[int]:
    """Lines ``model,seconds,bytes``, since 2025 ``model,seconds to submit,seconds,bytes``."""
    runs: list[int] = []
    for line in reading.lines(data):
        if (found := _RUN.match(line)) is None:
            continue
        runs.append(round(_SECONDS * reading.number(found[1])))
        if len(runs) > MAX_ITEMS:
            raise LimitError(f"more than {MAX_ITEMS} runs")
    return runs


def _profile(data: bytes) -> tuple[list[int], tuple[OpTime, ...], int]:
    """Runs, operators (of one run, on average) and nanoseconds of loading."""
    events = reading.decode(data, list[_Event])
    runs = [reading.whole(1e3 * event.dur) for event in events if event.name == "model_run"]
    load = sum(reading.whole(1e3 * event.dur) for event in events if _loads(event.name))
    return runs, _ops(events, max(1, len(runs))), load


def _loads(name: str) -> bool:
    return name == "session_initialization" or name.startswith("model_loading")


def _ops(events: list[_Event], runs: int) -> tuple[OpTime, ...]:
    total: dict[tuple[str, str, str], list[float]] = {}
    for event in events:
        if event.cat == "Node" and event.name.endswith(_KERNEL):
            kind, provider = str(event.args.get("op_name", ""))[:100], str(event.args.get("provider", ""))[:100]
            key = (event.name[: -len(_KERNEL)][:500], kind, provider.removesuffix("ExecutionProvider").lower())
            total.setdefault(key, []).append(reading.checked(event.dur))
            if len(total) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} operators")
    return tuple(
        OpTime(name=name, kind=kind, unit=unit, calls=max(1, len(times) // runs), nanoseconds=1e3 * sum(times) / runs)
        for (name, kind, unit), times in total.items()
    )


TOOL = Tool(
    name="onnxruntime_perf_test",
    title="ONNX Runtime onnxruntime_perf_test",
    binaries=("onnxruntime_perf_test",),
    formats=frozenset({"onnx", "ort"}),
    install="build ONNX Runtime with its tests: onnxruntime_perf_test lies beside them",
    parse=parse,
    command=command,
    results=lambda _job: ("runs.csv",),
    references=("https://github.com/microsoft/onnxruntime/tree/main/onnxruntime/test/perftest",),
    limitations=(
        "told apart from the runs is only the first inference, in whole milliseconds",
        "names its profile after the clock: give it to `parse` as a file",
    ),
)
