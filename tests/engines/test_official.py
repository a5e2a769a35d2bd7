"""Output of official programs, built in the shape they print it: what is read, and that nothing is made up."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from nngauge.cli import cli
from nngauge.engines.official import TOOLS, Job, Output, Summary, Told, tool_named, tools_for
from nngauge.engines.official.running import environment, find_tool, run_tool, version_of
from nngauge.errors import (
    InputError,
    LimitError,
    MalformedError,
    TruncatedError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)

JOB = Job(model="/d/m", folder="/d", threads=2, runs=20)


def told(tool: str, out: str = "", err: str = "", **files: bytes | str) -> Told:
    every = told_all(tool, out, err, **files)
    assert len(every) == 1
    return every[0]


def told_all(tool: str, out: str = "", err: str = "", **files: bytes | str) -> tuple[Told, ...]:
    named = {
        name.replace("_DOT_", "."): data if isinstance(data, bytes) else data.encode() for name, data in files.items()
    }
    return tool_named(tool).parse(Output(out=out.encode(), err=err.encode(), files=named))


def summary_of(one: Told) -> Summary:
    assert one.summary is not None
    return one.summary


# --- benchmark_model ----------------------------------------------------------------------------------------------------


def bench(*, prefix: str = "", warm: str = "", percentiles: str = "", memory: str = "", end: str | None = None) -> str:
    last = (
        "Inference timings in us: Init: 5579, First inference: 35760, Warmup (avg): 1.3576e+04, Inference (avg): 12402.7"
        if end is None
        else end
    )
    body = [
        "STARTING!",
        "Replacing 29 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 2 partitions for subgraph 0.",
        warm or "count=37 first=14744 curr=15520 min=13164 max=18295 avg=13764.3 std=967",
        f"count=74 first=14850 curr=13315 min=13105 max=15765 avg=1.25202e+04 std=470{percentiles}",
        "",
        last,
        memory,
    ]
    return "\n".join(prefix + line for line in body)


@pytest.mark.parametrize("prefix", ["", "INFO: ", "07-14 10:00:00.123  4242  4242 I tflite  : "])
def test_text_of_benchmark_model(prefix: str) -> None:
    memory = "Memory footprint delta from the start of the tool (MB): init=6.5 overall=109.25"
    one = told("benchmark_model", bench(prefix=prefix, percentiles=" p5=13110 median=13300 p95=14000", memory=memory))
    found = summary_of(one)
    assert (found.runs, found.warmup_runs, found.load_ns, found.first_ns) == (74, 37, 5_579_000, 35_760_000)
    assert found.mean_ns == pytest.approx(12_402_700)
    assert found.warmup_ns == pytest.approx(13_576_000)
    assert (found.least_ns, found.most_ns, found.deviation_ns) == (13_105_000, 15_765_000, 470_000)
    assert (found.median_ns, found.percentiles) == (13_300_000, {"5": 13_110_000, "95": 14_000_000})
    assert (found.load_bytes, found.peak_bytes) == (int(6.5 * 2**20), int(109.25 * 2**20))
    assert one.samples is None
    assert one.delegated == {"TfLiteXNNPackDelegate": 29, "cpu": 2}


def test_old_text_has_no_percentiles_and_other_words() -> None:
    old = bench(end="Average inference timings in us: Warmup: 76605.9, Init: 9933, no stats: 66767.6")
    found = summary_of(told("benchmark_model", old))
    assert (found.mean_ns, found.load_ns, found.warmup_ns) == (66_767_600, 9_933_000, 76_605_900)
    assert (found.median_ns, found.percentiles, found.first_ns, found.peak_bytes) == (None, {}, None, None)
    peak = bench(memory="Peak memory footprint (MB): init=0 overall=12.5")
    assert summary_of(told("benchmark_model", peak)).peak_bytes == int(12.5 * 2**20)


def test_one_warmup_run_has_a_short_line() -> None:
    found = summary_of(
        told("benchmark_model", bench(warm="count=1 curr=3512391 p5=3512391 median=3512391 p95=3512391"))
    )
    assert (found.warmup_runs, found.runs) == (1, 74)


def test_block_of_the_compiled_model() -> None:
    mark = "INFO: [benchmark_litert_model.h:98] "
    lines = [
        "========== BENCHMARK RESULTS ==========", "Model initialization: 12.75 ms", "Warmup (first):       14.74 ms",
        "Warmup (avg):         13.76 ms (5 runs)", "Inference (avg):      13.52 ms (50 runs)", "Inference (min):      13.10 ms",
        "Inference (max):      15.77 ms", "Inference (std):      0.47", "Init footprint:       4.00 MB", "Peak memory:          9.50 MB",
    ]  # fmt: skip
    found = summary_of(told("benchmark_model", err="\n".join(mark + line for line in lines)))
    assert (found.mean_ns, found.runs, found.warmup_runs) == (13_520_000, 50, 5)
    assert (found.load_ns, found.first_ns, found.least_ns) == (12_750_000, 14_740_000, 13_100_000)
    assert found.peak_bytes == int(9.5 * 2**20)


@pytest.mark.parametrize("keep", [1, 3, 4])
def test_benchmark_model_that_broke_off(keep: int) -> None:
    with pytest.raises(TruncatedError):
        told("benchmark_model", "\n".join(bench().splitlines()[:keep]))


def test_refused_delegate_is_told() -> None:
    said = bench() + "\nERROR: model graph will not be executed by the delegate."
    assert "refused" in told("benchmark_model", said).notes[0]


def message(**parts: bytes) -> bytes:
    return b"".join(bytes([int(key[1:]) << 3 | 2, len(data)]) + data for key, data in parts.items())


def single(number: int, value: float) -> bytes:
    return bytes([number << 3 | 5]) + struct.pack("<f", value)


def varint(number: int, value: int) -> bytes:
    out = [number << 3]
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


LATENCY = b"".join(single(at, value) for at, value in enumerate([13.5, 13.0, 15.5, 0.5, 13.25, 13.125, 14.5, 12.75, 14.75, 13.75], 1))  # fmt: skip
MEMORY = varint(1, 4096) + varint(2, 8192) + single(3, 9.5)
MISC = single(1, 16.9) + varint(2, 50) + varint(3, 5) + single(4, 1.0)


def test_result_file() -> None:
    data = message(f1=b"run", f2=LATENCY, f3=MEMORY, f4=MISC)
    found = summary_of(told("benchmark_model", bench(), result_DOT_pb=data))
    assert (found.mean_ns, found.least_ns, found.most_ns, found.deviation_ns) == (13.5e6, 13e6, 15.5e6, 0.5e6)
    assert (found.median_ns, found.percentiles) == (13.25e6, {"5": 13.125e6, "95": 14.5e6})
    assert (found.load_ns, found.first_ns, found.warmup_ns) == (12.75e6, 14.75e6, 13.75e6)
    assert (found.runs, found.warmup_runs) == (50, 5)
    assert (found.load_bytes, found.peak_bytes) == (4 << 20, int(9.5 * 2**20))


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 9, message(f1=b"name"), message(f2=LATENCY)[:-3], message(f2=single(1, math.nan)), message(f2=single(1, -1.0)), b"\x10\x01"],
)  # fmt: skip
def test_result_file_that_is_none(data: bytes) -> None:
    with pytest.raises(MalformedError):
        told("benchmark_model", bench(), result_DOT_pb=data)


CSV = """Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
node type, first, avg_ms, %, cdf%, mem KB, times called, name
ModifyGraphWithDelegate, 14.842, 14.842, 99.3%, 99.3%, 0, 1, ModifyGraphWithDelegate/0

Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
node type, first, avg_ms, %, cdf%, mem KB, times called, name
CONV_2D, 1.2, 1.25, 50%, 50%, 0, 1, conv\t1:0
SOFTMAX, 0.2, 0.5, 20%, 70%, 0, 2, prob:1

============================== Top by Computation Time ==============================
node type, first, avg_ms, %, cdf%, mem KB, times called, name
CONV_2D, 1.2, 1.25, 50%, 50%, 0, 1, conv\t1:0

Number of nodes executed: 2
"""


def test_operators_as_csv_and_as_table() -> None:
    ops = told("benchmark_model", bench(), ops_DOT_csv=CSV).ops
    assert [(op.name, op.kind, op.calls, op.nanoseconds) for op in ops] == [
        ("conv,1:0", "CONV_2D", 1, 1_250_000), ("prob:1", "SOFTMAX", 2, 1_000_000),
    ]  # fmt: skip
    table = (
        "INFO: ============================== Run Order ==============================\n"
        "INFO: \t[node type]\t[start]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n"
        "INFO: \tCONV_2D\t0.000\t4.269\t4.269\t0.107%\t1.402%\t0.000\t0\t[a/Relu6]:0\n"
    )
    old = told("benchmark_model", bench() + "\n" + table).ops
    assert [(op.name, op.calls, op.nanoseconds) for op in old] == [("[a/Relu6]:0", 1, 4_269_000)]


# --- the wheel's script -------------------------------------------------------------------------------------------------


def litert_json(**changes: Any) -> str:
    latency = {
        "init_ms": 3.2, "warmup_first_ms": 1.9, "warmup_avg_ms": 1.6, "num_warmup_runs": 5, "avg_ms": 1.5, "min_ms": 1.4,
        "max_ms": 2.0, "median_ms": 1.45, "std_ms": 0.1, "p5_ms": 1.41, "p95_ms": 1.8, "num_runs": 50,
    }  # fmt: skip
    return json.dumps({"model": "/d/m.tflite", "fully_accelerated": False, "latency": latency | changes})


def test_json_of_the_wheel() -> None:
    one = told("litert-benchmark", result_DOT_json=litert_json())
    found = summary_of(one)
    assert (one.name, one.samples, len(one.notes)) == ("m.tflite", None, 1)
    assert (found.mean_ns, found.runs, found.load_ns) == (1_500_000, 50, 3_200_000)
    assert found.percentiles == {"5": 1.41e6, "95": 1.8e6}
    for accelerators, notes in ((["CPU"], 0), ("CPU", 0), (["GPU", "CPU"], 1), ([], 1)):
        data = json.dumps(json.loads(litert_json()) | {"accelerators": accelerators})
        assert len(told("litert-benchmark", result_DOT_json=data).notes) == notes, (
            "of the processor alone it says no, too"
        )


def test_a_model_of_another_format_is_said_before_the_program_is_looked_for() -> None:
    model = Path(__file__).parents[2] / "examples/models/shapes_onnx/shapes_classifier.onnx"
    said = CliRunner().invoke(cli, ["official", "benchmark_model", str(model)], standalone_mode=False).exception
    assert "is onnx; benchmark_model runs tflite" in str(said)


@pytest.mark.parametrize("changes", [{"avg_ms": "fast"}, {"avg_ms": -1}, {"num_runs": 1e30}])
def test_json_of_the_wheel_that_is_wrong(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        told("litert-benchmark", result_DOT_json=litert_json(**changes))


def test_json_cut_off() -> None:
    with pytest.raises(TruncatedError):
        told("litert-benchmark", result_DOT_json=litert_json()[:-20])


def test_the_installed_script_is_understood(tmp_path: Path) -> None:
    """The real script of the wheel on a real model, where both are there."""
    model = Path(__file__).parents[3] / "shared/models"
    found = sorted(model.rglob("*.tflite"), key=lambda path: path.stat().st_size) if model.is_dir() else []
    script = Path(sys.executable).parent / "litert-benchmark"
    if not script.is_file() or not found:
        pytest.skip("needs ai-edge-litert and ../shared/models")
    import subprocess

    for path in found[:6]:
        target = tmp_path / "result.json"
        job = Job(model=str(path), folder=str(tmp_path), runs=5, warmup=1)
        command = tool_named("litert-benchmark").command
        assert command is not None
        ran = subprocess.run(command(str(script), job), capture_output=True, timeout=120, check=False)
        if ran.returncode == 0 and target.is_file():
            numbers = summary_of(told("litert-benchmark", result_DOT_json=target.read_bytes()))
            assert numbers.runs == 5
            assert numbers.least_ns is not None
            assert numbers.most_ns is not None
            assert numbers.mean_ns is not None
            assert numbers.least_ns <= numbers.mean_ns <= numbers.most_ns
            return
    pytest.skip("the script ran none of the smallest models")


# --- others -------------------------------------------------------------------------------------------------------------


def test_qai_hub_has_samples_and_units() -> None:
    profile = {
        "execution_summary": {
            "estimated_inference_time": 127, "estimated_inference_peak_memory": 14_450_688, "first_load_time": 311_671,
            "warm_load_time": 198_597, "all_inference_times": [127, 129, 1087], "compile_time": -1,
        },
        "execution_detail": [
            {"name": "a", "type": "Conv2D", "compute_unit": "NPU", "execution_time": 90, "execution_cycles": 1},
            {"name": "b", "type": "Add", "compute_unit": "CPU"},
        ],
    }  # fmt: skip
    one = told("qai-hub", profile_DOT_json=json.dumps(profile))
    assert one.samples is not None
    assert one.samples.wall_ns == (127_000, 129_000, 1_087_000)
    assert summary_of(one).peak_bytes == 14_450_688
    assert one.delegated == {"npu": 1, "cpu": 1}
    assert [(op.kind, op.unit, op.nanoseconds) for op in one.ops] == [("Conv2D", "npu", 90_000)]
    del profile["execution_summary"]["all_inference_times"]  # type: ignore[attr-defined]
    assert told("qai-hub", profile_DOT_json=json.dumps(profile)).samples is None


def test_benchncnn() -> None:
    text = (
        "loop_count = 8\nnum_threads = 4\npowersave = 2\ngpu_device = -1\ncooling_down = 1\n"
        "          squeezenet  min =   30.03  max =   31.41  avg =   30.59\n"
        "           mobilenet  min =    4.21  max =    4.36  avg =    4.27\n"
    )
    first, second = told_all("benchncnn", err=text)
    assert (first.name, second.name) == ("squeezenet", "mobilenet")
    assert summary_of(first) == Summary(runs=8, least_ns=30_030_000, most_ns=31_410_000, mean_ns=30_590_000)
    assert first.notes == ("4 threads", "big cores")
    with pytest.raises(TruncatedError):
        told("benchncnn", err=text.splitlines()[0])


PERF = """Setting intra_op_num_threads to 1
Session creation time cost: 0.217932 s
First inference time cost: 196 ms
Total inference time cost: 0.49481 s
Total inference requests: 5
Average inference time cost{total}: 98.961997 ms
Number of inferences per second: 10.104
Avg CPU usage: 11 %
Peak working set size: 271122432 bytes
Min Latency: 0.0958204 s
Max Latency: 0.101519 s
P50 Latency: 0.0995086 s
P90 Latency: 0.101519 s
P999 Latency: 0.101519 s
"""


@pytest.mark.parametrize("total", ["", " total"])
def test_onnxruntime_perf_test(total: str) -> None:
    found = summary_of(told("onnxruntime_perf_test", PERF.replace("{total}", total)))
    assert (found.runs, found.peak_bytes, found.first_ns) == (5, 271_122_432, 196_000_000)
    assert found.load_ns == pytest.approx(217_932_000)
    assert found.mean_ns == pytest.approx(98_961_997)
    assert found.percentiles == {"90": pytest.approx(101_519_000), "99.9": pytest.approx(101_519_000)}


def test_onnxruntime_perf_test_of_old() -> None:
    old = "Total time cost: 58.8053\nTotal iterations: 1000\nAverage time cost: 58.8053 ms\nP50 Latency is 0.0587108 sec\n"
    found = summary_of(told("onnxruntime_perf_test", old))
    assert (found.runs, found.load_ns) == (1000, None)
    assert found.median_ns == pytest.approx(58_710_800)


def test_onnxruntime_result_file_and_profile() -> None:
    runs = "m,0.001,4096\nm,0.0011,4096\n"
    one = told("onnxruntime_perf_test", PERF.replace("{total}", ""), runs_DOT_csv=runs)
    assert one.samples is not None
    assert one.samples.wall_ns == (1_000_000, 1_100_000)
    both = told("onnxruntime_perf_test", runs_DOT_csv="m,0.0002,0.001,4096\n")
    assert both.samples is not None
    assert both.samples.wall_ns == (1_000_000,)
    events = [
        {"cat": "Session", "dur": 698, "ts": 11, "name": "model_loading_array", "args": {}},
        {"cat": "Session", "dur": 302, "ts": 869, "name": "session_initialization", "args": {}},
        *({"cat": "Session", "dur": dur, "ts": 1, "name": "model_run", "args": {}} for dur in (100, 120)),
        *(
            {"cat": "Node", "dur": dur, "ts": 1, "name": "c1_kernel_time", "args": {"op_name": "Conv", "provider": "CPUExecutionProvider"}}
            for dur in (60, 70)
        ),
        {"cat": "Node", "dur": 0, "ts": 1, "name": "c1_fence_before", "args": {"op_name": "Conv"}},
    ]  # fmt: skip
    traced = told("onnxruntime_perf_test", trace_DOT_json=json.dumps(events))
    assert traced.samples is not None
    assert (traced.samples.wall_ns, traced.samples.load_ns) == ((100_000, 120_000), 1_000_000)
    assert [(op.name, op.kind, op.unit, op.calls, op.nanoseconds) for op in traced.ops] == [
        ("c1", "Conv", "cpu", 1, 65_000)
    ]
    with pytest.raises(TruncatedError):
        told("onnxruntime_perf_test", trace_DOT_json=json.dumps(events)[:-1])


def llama(**changes: Any) -> dict[str, Any]:
    return {
        "build_commit": "8cf427ff", "build_number": 5163, "model_filename": "/x/q.gguf", "model_type": "qwen2 1B", "n_prompt": 512,
        "n_gen": 0, "n_depth": 0, "avg_ns": 70_285_660, "stddev_ns": 982_040, "avg_ts": 7285.6, "samples_ns": [70_000_000, 70_571_320],
    } | changes  # fmt: skip


def test_llama_bench_in_three_forms() -> None:
    rows = [llama(), llama(n_prompt=0, n_gen=128, samples_ns=[1_067_431_600])]
    for text in (json.dumps(rows), "\n".join(json.dumps(row) for row in rows)):
        prefill, decode = told_all("llama-bench", text)
        assert (prefill.name, decode.name) == ("pp512", "tg128")
        assert prefill.version == "b5163 (8cf427ff)"
        assert prefill.samples is not None
        assert decode.samples is not None
        assert prefill.samples.stages[0].wall_ns == (70_000_000, 70_571_320)
        assert (decode.samples.stages[0].name, decode.samples.stages[0].tokens) == ("decode", 128)
        assert prefill.samples.wall_ns == ()
    names = [key for key in llama() if key != "samples_ns"]
    csv = "load_backend: loaded, with commas\n" + ",".join(names) + "\n"
    csv += ",".join(f'"{llama()[key]}"' for key in names) + "\n"
    one = told("llama-bench", csv)
    assert one.samples is None
    assert summary_of(one) == Summary(mean_ns=70_285_660, deviation_ns=982_040, tokens=512)


@pytest.mark.parametrize("text", ["| model | t/s |", "[]", '[{"n_prompt": 1}]', json.dumps([llama(n_prompt=0)]), json.dumps([llama(avg_ns=-1)])])  # fmt: skip
def test_llama_bench_that_is_none(text: str) -> None:
    with pytest.raises(MalformedError):
        told("llama-bench", text)


def test_executor_runner() -> None:
    line = "I 00:00:01.2 executorch:executor_runner.cpp:316] Model executed successfully 10 time(s) in 25.500000 ms."
    assert summary_of(told("executor_runner", line)) == Summary(runs=10, mean_ns=2_550_000)
    with pytest.raises(UnsupportedError):
        told("executor_runner", "I 00:00:01.2 executorch:executor_runner.cpp:316] Model executed successfully.")
    with pytest.raises(TruncatedError):
        told("executor_runner", "I 00:00:00.1 executorch:executor_runner.cpp:100] Model file x is loaded.")


@pytest.mark.parametrize("mark", ["\t", "│", "|"])
def test_table_of_the_inspector(mark: str) -> None:
    head = [
        "",
        "event_block_name",
        "event_name",
        "p10 (ms)",
        "p50 (ms)",
        "p90 (ms)",
        "avg (ms)",
        "min (ms)",
        "max (ms)",
        "op_types",
        "is_delegated_op",
    ]
    rows = [
        ["0", "Default", "Program::load_method", *["3.5"] * 6, "[]", "False"],
        ["1", "Execute", "native_call_convolution.out", "1", "1.1", "1.2", "1.125", "1", "1.3", "['aten.convolution.default']", "False"],
        ["2", "Execute", "OPERATOR_CALL", *["1.2"] * 6, "[]", "False"],
        ["3", "Execute", "Method::execute", "2", "2.1", "2.2", "2.125", "1.9", "2.5", "[]", "False"],
    ]  # fmt: skip
    cells = [
        "\t".join(row) if mark == "\t" else mark + mark.join(f" {cell} " for cell in row) + mark
        for row in [head, *rows]
    ]
    one = told("executor_runner", "\n".join(cells))
    found = summary_of(one)
    assert (found.mean_ns, found.median_ns, found.percentiles) == (2_125_000, 2_100_000, {"10": 2e6, "90": 2.2e6})
    assert found.load_ns == 3_500_000
    assert [(op.name, op.kind, op.nanoseconds) for op in one.ops] == [
        ("native_call_convolution.out", "aten.convolution.default", 1_125_000)
    ]
    with pytest.raises(TruncatedError):
        told("executor_runner", "\n".join(cells[:-1]))


LOADGEN = """================================================
MLPerf Results Summary
================================================
SUT name : TFLite
Scenario : SingleStream
Mode     : PerformanceOnly
90th percentile latency (ns) : 4751920
Result is : INVALID
  Min duration satisfied : NO
Early Stopping Result:
 * Processed at least 64 queries (201).

================================================
Additional Stats
================================================
Min latency (ns)                : 881803
Max latency (ns)                : 5939081
Mean latency (ns)               : 3008773
50.00 percentile latency (ns)   : 2788885
90.00 percentile latency (ns)   : 4751920
99.90 percentile latency (ns)   : 5939081
"""


def test_mlperf_log() -> None:
    one = told("mlperf-mobile", LOADGEN)
    found = summary_of(one)
    assert (one.name, found.runs, found.mean_ns, found.median_ns) == ("TFLite", 201, 3_008_773, 2_788_885)
    assert found.percentiles == {"90": 4_751_920, "99.9": 5_939_081}
    assert "LoadGen calls the result invalid" in one.notes
    with pytest.raises(TruncatedError):
        told("mlperf-mobile", LOADGEN[: LOADGEN.index("Additional")])


def test_mlperf_result() -> None:
    run = {
        "measured_samples": 8,
        "loadgen": {"query_count": 8, "latency_mean": 0.0005, "latency90": 0.0006, "is_result_valid": True},
    }
    document = {
        "results": [
            {"benchmark_id": "image_classification_v2", "loadgen_scenario": "SingleStream", "performance_run": run, "accuracy_run": None},
            {"benchmark_id": "accuracy only", "performance_run": None},
        ],
        "build_info": {"version": "5.0.2"},
    }  # fmt: skip
    one = told("mlperf-mobile", result_DOT_json=json.dumps(document))
    assert (one.name, one.version, summary_of(one).runs) == ("image_classification_v2", "5.0.2", 8)
    assert summary_of(one).mean_ns == pytest.approx(500_000)


# --- all ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_nothing_foreign_is_read(tool: Any) -> None:
    for data in (b"", b"\x00" * 99, b"hello\n", b"{}", b"[" * 100_000, b"\xff\xfe", b"<html>"):
        for output in (Output(out=data), Output(files={"a.json": data}), Output(files={"a.pb": data, "a.csv": data})):
            with pytest.raises((MalformedError, UnsupportedError, LimitError)):
                tool.parse(output)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
@given(st.data())
@settings(max_examples=30, deadline=None)
def test_changed_output_raises_only_input_errors(tool: Any, data: st.DataObject) -> None:
    seeds = [
        bench(),
        CSV,
        PERF,
        LOADGEN,
        litert_json(),
        json.dumps([llama()]),
        "Model executed successfully 10 time(s) in 2 ms",
    ]
    text = bytearray(data.draw(st.sampled_from(seeds)).encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=12))
    for output in (
        Output(out=bytes(text)),
        Output(files={"a.json": bytes(text)}),
        Output(files={"a.csv": bytes(text)}),
    ):
        with contextlib.suppress(InputError):
            tool.parse(output)


def test_every_tool_says_where_it_comes_from() -> None:
    assert len({tool.name for tool in TOOLS}) == len(TOOLS)
    for tool in TOOLS:
        assert all((tool.install, tool.references, tool.limitations)), tool.name
        if tool.command is not None:
            job = Job(model="/d/m", folder="/d", shapes=((1, 3, 224, 224),), delegate="gpu", profile=True)
            words = tool.command("/d/b", job)
            assert words[0] == "/d/b"
            assert any("/d/m" in word for word in words)
    assert tools_for("gguf")[0].name == "llama-bench"
    with pytest.raises(UsageError, match="there are"):
        tool_named("stopwatch")


def test_ncnn_counts_shapes_from_the_inside() -> None:
    command = tool_named("benchncnn").command
    assert command is not None
    assert command("b", Job(model="m", folder="f", shapes=((1, 3, 224, 227),)))[-1] == "shape=[227,224,3]"
    with pytest.raises(UsageError):
        command("b", JOB)


def test_finding_a_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tool_named("llama-bench")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="not in PATH"):
        find_tool(tool)
    program = tmp_path / "llama-bench"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_tool(tool) == program
    assert find_tool(tool, program) == program
    with pytest.raises(UsageError):
        find_tool(tool, tmp_path / "other")
    with pytest.raises(UsageError, match="results are read"):
        find_tool(tool_named("qai-hub"))


def test_environment_has_no_surprises() -> None:
    found = environment(JOB)
    assert (found["LC_ALL"], found["LD_PRELOAD"], found["OMP_NUM_THREADS"]) == ("C", "", "2")


SCRIPT = """#!/bin/sh
case "$1" in --version) echo "litert, version 0.2.1"; exit 0;; esac
for word in "$@"; do case "$word" in --graph=*) test -s "${word#--graph=}" || exit 3;; --result_file_path=*) file="${word#*=}";; esac; done
test "$LC_ALL" = C || exit 4
cat "$0.pb" > "$file" 2>/dev/null
cat <<'END'
@
END
exit @code@
"""


def program(folder: Path, *, code: int = 0) -> tuple[Path, Path]:
    path, model = folder / "benchmark_model", folder / "m.tflite"
    path.write_text(SCRIPT.replace("@code@", str(code)).replace("@", bench()))
    path.chmod(0o755)
    model.write_bytes(b"model")
    return path, model


def test_times_of_an_emulated_processor_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nngauge.devices import open_device

    path, model = program(tmp_path)
    with open_device("host") as device:
        facts = replace(device.facts(), emulated=True)
        monkeypatch.setattr(type(device), "facts", lambda _self: facts)
        with pytest.raises(UnsupportedError, match="emulated"):
            run_tool(device, tool_named("benchmark_model"), path, model, JOB)


def test_a_program_is_run_on_the_host_device(tmp_path: Path) -> None:
    from nngauge.devices import open_device

    if shutil.which("sh") is None:
        pytest.skip("needs a shell")
    path, model = program(tmp_path)
    with open_device("host") as device:
        tool = tool_named("benchmark_model")
        found = run_tool(device, tool, path, model, Job(model="", folder="", threads=2, runs=20), seconds=30)
        assert found[0].name == "m.tflite"
        assert summary_of(found[0]).runs == 74
        assert version_of(device, tool_named("litert"), str(path)) == "0.2.1"
    path, model = program(tmp_path, code=7)
    with open_device("host") as device, pytest.raises(UnreadableError, match="ended with 7"):
        run_tool(device, tool_named("benchmark_model"), path, model, JOB, seconds=30)


# --- command line -------------------------------------------------------------------------------------------------------


def test_command(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from nngauge.cli.official import command

    def run(*words: object) -> Any:
        return CliRunner().invoke(command, [str(word) for word in words])

    log = tmp_path / "bench.txt"
    log.write_text(bench() + "\n" + CSV)
    said = run("benchmark_model", "--read", log)
    assert said.exit_code == 0, said.output
    assert "12.4 ms" in said.output
    assert "a summary" in said.output
    tests = tmp_path / "out.jsonl"
    tests.write_text(json.dumps(llama()))
    document = json.loads(run("llama-bench", "--read", tests, "--json").output)
    assert document[0]["samples"]["stages"][0]["wall_ns"] == [70_000_000, 70_571_320]
    path, model = program(tmp_path)
    assert "12.4 ms" in run("benchmark_model", model, "--binary", path, "--runs", 20).output
    assert "benchncnn" in run("--list").output
    for words in (("benchmark_model",), ("stopwatch", log), ("benchmark_model", model, "--device", "adb:1"),
                  ("benchncnn", model, "--binary", path, "--shape", "1xa"), ("benchmark_model", model, log, "--binary", path)):  # fmt: skip
        assert isinstance(run(*words).exception, UsageError), words
    assert isinstance(run("benchmark_model", "--read", tests).exception, MalformedError)
