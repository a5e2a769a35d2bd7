"""What MLPerf Mobile leaves behind: LoadGen's ``mlperf_log_summary.txt`` and the app's ``result.json``.

https://github.com/mlcommons/inference/blob/master/loadgen/results.cc and
https://github.com/mlcommons/mobile_app_open/tree/master/flutter. LoadGen's latencies are nanoseconds, the app's seconds.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from nngauge.engines.official import _reading as reading
from nngauge.engines.official._api import Output, Summary, Told, Tool
from nngauge.errors import MalformedError, TruncatedError

_PAIR: Final = re.compile(r"^\s{0,20}([^:]{1,80}?)\s{0,40}: (.{1,200})$")
_SHARE: Final = re.compile(r"^(\d{1,2}\.\d{2}) percentile latency \(ns\)$")
_NAMES: Final = {"Min latency (ns)": "least_ns", "Max latency (ns)": "most_ns", "Mean latency (ns)": "mean_ns"}
_RUNS: Final = re.compile(r"Processed at least \d{1,9} queries \((\d{1,12})\)")


class _Loadgen(Struct):
    query_count: int | None = None
    latency_mean: float | None = None
    latency90: float | None = None
    is_result_valid: bool | None = None
    validity: bool | None = None
    """Before version 3 of the app."""


class _Run(Struct):
    measured_samples: int | None = None
    loadgen: _Loadgen | None = None
    loadgen_info: _Loadgen | None = None


class _Backend(Struct):
    backend_name: str = ""
    accelerator_name: str = ""


class _Benchmark(Struct):
    benchmark_id: str
    loadgen_scenario: str = ""
    backend_info: _Backend | None = None
    performance_run: _Run | None = None


class _Build(Struct):
    version: str = ""


class _Results(Struct):
    results: list[_Benchmark]
    build_info: _Build | None = None


def parse(output: Output) -> tuple[Told, ...]:
    """A summary a benchmark of the app, or the one of a log."""
    data = reading.file_ending(output, ".json")
    if data is not None:
        return _of_app(reading.decode(data, _Results))
    log = reading.file_ending(output, ".txt")
    return (_of_log(output.out if log is None else log),)


def _of_app(found: _Results) -> tuple[Told, ...]:
    version = found.build_info.version[:40] if found.build_info else ""
    told = tuple(one for item in found.results if (one := _benchmark(item, version)))
    if not told:
        raise MalformedError("the app's results have no performance run that was timed")
    return told


def _benchmark(item: _Benchmark, version: str) -> Told | None:
    run = item.performance_run
    facts = (run.loadgen or run.loadgen_info) if run else None
    if run is None or facts is None or facts.latency_mean is None:
        return None
    summary = Summary(
        runs=facts.query_count or run.measured_samples, mean_ns=1e9 * reading.checked(facts.latency_mean),
        percentiles={} if facts.latency90 is None else {"90": 1e9 * reading.checked(facts.latency90)},
    )  # fmt: skip
    backend = item.backend_info or _Backend()
    valid = facts.is_result_valid if facts.is_result_valid is not None else facts.validity
    notes = (item.loadgen_scenario, backend.backend_name, backend.accelerator_name, _verdict(valid=valid))
    return Told(name=item.benchmark_id[:200], version=version, summary=summary, notes=_short(notes))


def _of_log(data: bytes) -> Told:
    pairs: dict[str, str] = {}
    runs: int | None = None
    for line in reading.lines(data):
        if found := _PAIR.match(line):
            pairs.setdefault(found[1].strip(), found[2].strip())
        elif counted := _RUNS.search(line):
            runs = int(counted[1])
    if "SUT name" not in pairs:
        raise MalformedError("is no summary of LoadGen")
    if "Mean latency (ns)" not in pairs:
        raise TruncatedError("LoadGen's summary ends before its statistics")
    shares = {found[1]: reading.number(value) for name, value in pairs.items() if (found := _SHARE.match(name))}
    times = {ours: reading.number(pairs[name]) for name, ours in _NAMES.items() if name in pairs}
    median = shares.pop("50.00", None)
    summary = reading.summary({**times, "runs": runs, "median_ns": median}, shares)
    verdict = _verdict(valid=pairs["Result is"] == "VALID" if "Result is" in pairs else None)
    notes = (pairs.get("Scenario", ""), pairs.get("Mode", ""), verdict)
    return Told(name=pairs["SUT name"], summary=summary, notes=_short(notes))


def _verdict(*, valid: bool | None) -> str:
    return {True: "", False: "LoadGen calls the result invalid", None: "validity not told"}[valid]


def _short(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(note[:200] for note in notes if note)


TOOL = Tool(
    name="mlperf-mobile",
    title="MLPerf Mobile app and LoadGen",
    binaries=(),
    formats=frozenset(),
    install="the app: github.com/mlcommons/mobile_app_open",
    parse=parse,
    references=(
        "https://github.com/mlcommons/mobile_app_open",
        "https://github.com/mlcommons/inference/blob/master/loadgen/results.cc",
    ),
    limitations=("fixed tasks and models", "tells mean and percentiles, no samples", "no energy"),
)
