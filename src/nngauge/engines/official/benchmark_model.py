"""``benchmark_model`` of TensorFlow Lite and LiteRT: text of all versions, ``BenchmarkResult`` and operators as CSV.

https://github.com/google-ai-edge/LiteRT/tree/main/tflite/tools/benchmark and
https://github.com/google-ai-edge/LiteRT/blob/main/litert/tools/benchmark_litert_model.h. Versions differ in what they
print (prefixes, percentiles since 2023, a block of results with the compiled model), not in what it means: times of
lines with ``count=`` are microseconds, the last such line before the result is of the timed runs.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec.structs import replace

from nngauge.engines.official import _reading as reading
from nngauge.engines.official._api import Job, Output, Summary, Told, Tool
from nngauge.engines.official.benchmark_result import read_result
from nngauge.engines.official.op_profile import read_ops
from nngauge.errors import MalformedError, TruncatedError

_N: Final = reading.NUMBER
_COUNT: Final = re.compile(rf"\bcount={_N}(?: first={_N})? curr={_N}")
_FIELD: Final = re.compile(rf"\b(min|max|avg|std|p5|median|p95)={_N}")
_TIMINGS: Final = re.compile(
    rf"Inference timings in us: Init: {_N}, First inference: {_N}, Warmup \(avg\): {_N}, Inference \(avg\): {_N}"
)
_OLD_TIMINGS: Final = re.compile(
    rf"Average inference timings in us: Warmup: {_N}, Init: {_N}, (?:no stats|Inference): {_N}"
)
_MEMORY: Final = re.compile(rf"[Mm]emory footprint[^:(]{{0,60}}\(MB\): init={_N} overall={_N}")
_PEAK: Final = re.compile(
    rf"(?:Overall peak memory footprint \(MB\) via periodic monitoring|Peak memory): {{1,20}}{_N}"
)
_RESULT: Final = re.compile(
    r"(Model initialization|Warmup \((?:first|avg)\)|Inference \((?:avg|min|max|std|median|p5|p95)\)):"
    rf" {{1,20}}{_N} ms(?: \({_N} runs\))?"
)
_DELEGATE: Final = re.compile(r"Replacing (\d{1,9}) out of (\d{1,9}) node\(s\) with delegate \(([^)]{1,80})\)")
_BLOCK: Final = {
    "Model initialization": "load_ns", "Warmup (first)": "first_ns", "Warmup (avg)": "warmup_ns",
    "Inference (avg)": "mean_ns", "Inference (min)": "least_ns", "Inference (max)": "most_ns",
    "Inference (std)": "deviation_ns", "Inference (median)": "median_ns",
}  # fmt: skip
_FIELDS: Final = {"min": "least_ns", "max": "most_ns", "avg": "mean_ns", "std": "deviation_ns", "median": "median_ns"}


def command(binary: str, job: Job) -> tuple[str, ...]:
    """``--use_gpu=true`` and the like for a delegate: ``gpu``, ``nnapi``, ``xnnpack``, ``npu``."""
    words = [
        binary, f"--graph={job.model}", f"--num_threads={job.threads}", f"--num_runs={job.runs}",
        f"--warmup_runs={job.warmup}", f"--result_file_path={job.folder}/result.pb",
    ]  # fmt: skip
    words += [f"--use_{job.delegate}=true"] if job.delegate else []
    if job.profile:
        words += [
            "--enable_op_profiling=true", "--op_profiling_output_mode=csv",
            f"--op_profiling_output_file={job.folder}/ops.csv",
        ]  # fmt: skip
    return tuple(words)


def results(job: Job) -> tuple[str, ...]:
    """Versions before 2025 do not write the first."""
    return ("result.pb", "ops.csv") if job.profile else ("result.pb",)


def parse(output: Output) -> tuple[Told, ...]:
    """One summary. The result file, where there is one, is more exact than the text; the text has what it lacks."""
    text = list(reading.printed(output))
    file = reading.file_ending(output, ".pb")
    summary = read_result(file) if file else _summary(text)
    table = reading.file_ending(output, ".csv")
    ops = read_ops(list(reading.lines(table))) if table is not None else read_ops(text)
    return (Told(summary=summary, ops=ops, delegated=_delegated(text), notes=_notes(text)),)


def _summary(text: list[str]) -> Summary:
    facts: dict[str, float] = {}
    shares: dict[str, float] = {}
    seen = _from_counts(text, facts, shares)
    ended = _from_timings(text, facts)
    block = _from_block(text, facts, shares)
    if not ended and not block:
        if seen or any("STARTING!" in line for line in text):
            raise TruncatedError("benchmark_model did not come to its end", hint="its last lines tell why")
        raise MalformedError("is no output of benchmark_model")
    _memory(text, facts)
    return reading.summary(facts, shares)


def _from_counts(text: list[str], facts: dict[str, float], shares: dict[str, float]) -> bool:
    """Lines before the result: the first is of the warm-up, the last of the timed runs."""
    counted = [line for line in text if _COUNT.search(line) and "Timings (microseconds)" not in line]
    if len(counted) > 1 and (first := _COUNT.search(counted[0])):
        facts["warmup_runs"] = reading.number(first[1])
    if len(counted) > 1 and (last := _COUNT.search(counted[-1])):
        facts["runs"] = reading.number(last[1])
        found = {name: 1e3 * reading.number(value) for name, value in _FIELD.findall(counted[-1])}
        facts.update({_FIELDS[name]: value for name, value in found.items() if name in _FIELDS})
        shares.update({name[1:]: value for name, value in found.items() if name not in _FIELDS})
    return bool(counted)


def _from_timings(text: list[str], facts: dict[str, float]) -> bool:
    for line in text:
        if found := _TIMINGS.search(line):
            load, first, warmup, mean = (1e3 * reading.number(value) for value in found.groups())
            facts |= {"load_ns": load, "first_ns": first, "warmup_ns": warmup, "mean_ns": mean}
            return True
        if found := _OLD_TIMINGS.search(line):
            warmup, load, mean = (1e3 * reading.number(value) for value in found.groups())
            facts |= {"load_ns": load, "warmup_ns": warmup, "mean_ns": mean}
            return True
    return False


def _from_block(text: list[str], facts: dict[str, float], shares: dict[str, float]) -> bool:
    """The compiled model's own block; rounded to 10 µs, so it only fills what other lines did not tell."""
    ended = False
    for line in text:
        if not (found := _RESULT.search(line)):
            continue
        label, value, runs = found[1], 1e6 * reading.number(found[2]), found[3]
        ended = ended or label == "Inference (avg)"
        if label in _BLOCK:
            facts.setdefault(_BLOCK[label], value)
        else:
            shares.setdefault(label[len("Inference (p") : -1], value)
        if runs and label.endswith("(avg)"):
            facts.setdefault("runs" if label == "Inference (avg)" else "warmup_runs", reading.number(runs))
    return ended


def _memory(text: list[str], facts: dict[str, float]) -> None:
    for line in text:
        if found := _MEMORY.search(line):
            facts["load_bytes"], facts["peak_bytes"] = (reading.MB * reading.number(value) for value in found.groups())
    for line in text:
        if found := _PEAK.search(line):
            facts["peak_bytes"] = reading.MB * reading.number(found[1])


def _delegated(text: list[str]) -> dict[str, int]:
    """What delegates took, in order; each was offered what the one before had left."""
    counts: dict[str, int] = {}
    for line in text:
        if found := _DELEGATE.search(line):
            taken, offered = int(found[1]), int(found[2])
            counts[found[3]] = counts.get(found[3], 0) + taken
            counts["cpu"] = max(0, offered - taken)
    return counts


def _notes(text: list[str]) -> tuple[str, ...]:
    fell = any("will not be executed by the delegate" in line for line in text)
    return ("the delegate refused the model, which ran on the processor",) if fell else ()


def parse_cli(output: Output) -> tuple[Told, ...]:
    """The `litert` command prints what the program that it started printed."""
    return tuple(replace(told, notes=(*told.notes, "run by the litert command")) for told in parse(output))


TOOL = Tool(
    name="benchmark_model",
    title="TensorFlow Lite and LiteRT benchmark_model",
    binaries=("benchmark_model", "litert_benchmark_model", "benchmark_litert_model"),
    formats=frozenset({"tflite"}),
    install="build //litert/tools:benchmark_model, or take the nightly binary that ai.google.dev/edge/litert names",
    parse=parse,
    command=command,
    results=results,
    references=(
        "https://github.com/google-ai-edge/LiteRT/tree/main/tflite/tools/benchmark",
        "https://ai.google.dev/edge/litert/models/measurement",
    ),
    limitations=(
        "tells averages and percentiles, no samples",
        "does not tell its version",
        "memory is the process's growth, and only where the system tells it",
    ),
)
