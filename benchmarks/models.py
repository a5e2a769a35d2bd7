"""Reading models: us beside Netron and beside each format's own Python library. ``python -m benchmarks.models FOLDER``.

Every file is read by all who can, in one run on one machine. Netron and we read all files in one process each, after one
round that is not counted; a library is imported in a fresh process for each file, and so are we for that comparison.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import netron

LIBRARIES = {
    "tflite": ("ai-edge-litert", "from ai_edge_litert.interpreter import Interpreter; Interpreter(model_path=PATH)"),
    "onnx": ("onnx", "import onnx; onnx.load(PATH)"),
    "gguf": ("gguf", "import gguf; gguf.GGUFReader(PATH)"),
    "safetensors": ("safetensors", "import safetensors; safetensors.safe_open(PATH, 'np').keys()"),
    "ncnn": ("ncnn", "import ncnn; ncnn.Net().load_param(PATH)"),
    "openvino": ("openvino", "import openvino; openvino.Core().read_model(PATH)"),
    "coreml_mlmodel": ("coremltools", "import coremltools; coremltools.utils.load_spec(PATH)"),
    "keras_h5": ("h5py", "import h5py; h5py.File(PATH).visit(lambda name: None)"),
}
"""Format → (package, what its users write to look at a model)."""
OURS = "import nngauge; nngauge.read_graph(PATH)"
_TIMED = "import sys, time; PATH = sys.argv[1]; start = time.perf_counter(); {work}; print(time.perf_counter() - start)"


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of one file."""

    file: str
    format: str
    warm: float
    netron: float | None
    cold: float | None = None
    library: float | None = None


def main() -> None:
    """Options: FOLDER, --python (an environment with the libraries), --repeats, --out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("folder", type=Path, help="model files, searched recursively")
    parser.add_argument("--python", default=sys.executable, help="interpreter of an environment with the libraries")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the rows as JSON here")
    options = parser.parse_args()
    rows = run(sorted(path for path in options.folder.rglob("*") if path.is_file()), options.python, options.repeats)
    print(render(rows))
    if options.out:
        fields = ("file", "format", "warm", "netron", "cold", "library")
        options.out.write_text(json.dumps([{name: getattr(row, name) for name in fields} for row in rows], indent=1))


def run(files: Iterable[Path], python: str, repeats: int) -> list[Row]:
    """Times every file that we read."""
    from nngauge import read_graph
    from nngauge.errors import NngaugeError

    ours: dict[Path, tuple[str, float]] = {}
    for file in files:
        try:
            form = read_graph(file).format
        except NngaugeError:
            continue
        ours[file] = form, _best(lambda file=file: read_graph(file), repeats)  # type: ignore[misc]
    theirs = _netron(list(ours), repeats)
    return [
        Row(file.name, form, warm, theirs.get(file), *_libraries(file, form, python, repeats))
        for file, (form, warm) in ours.items()
    ]


def _best(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _netron(files: list[Path], repeats: int) -> dict[Path, float]:
    """Best seconds of the files that Netron reads: the first time it reads a format, it loads its reader."""
    if netron.missing():
        return {}
    readings = netron.read(files * (repeats + 1))[len(files) :]
    best: dict[Path, float] = {}
    for file, reading in zip(files * repeats, readings, strict=True):
        if not reading.error:
            best[file] = min(best.get(file, float("inf")), reading.milliseconds / 1000)
    return best


def _libraries(file: Path, form: str, python: str, repeats: int) -> tuple[float | None, float | None]:
    """Seconds of import and reading in fresh processes: ours and the library's."""
    if form not in LIBRARIES:
        return None, None
    library = _fresh(python, LIBRARIES[form][1], file, repeats)
    return (None, None) if library is None else (_fresh(sys.executable, OURS, file, repeats), library)


def _fresh(python: str, work: str, file: Path, repeats: int) -> float | None:
    times = []
    for _ in range(repeats):
        command = [python, "-c", _TIMED.format(work=work), str(file)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=300)
        if done.returncode:
            return None
        times.append(float(done.stdout.split()[-1]))
    return min(times)


def render(rows: list[Row]) -> str:
    """A Markdown table by format: medians of the ratios."""
    lines = [
        "| format | files | ours, median | Netron ÷ ours | files | library ÷ ours, both with import | files | library |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for form in (*sorted({row.format for row in rows}), "all"):
        mine = [row for row in rows if form in (row.format, "all")]
        peer = [row.netron / row.warm for row in mine if row.netron]
        library = [row.library / row.cold for row in mine if row.library and row.cold]
        lines.append(
            f"| {form} | {len(mine)} | {statistics.median(row.warm for row in mine) * 1000:.2f} ms | {_median(peer)} "
            f"| {len(peer)} | {_median(library)} | {len(library)} | {LIBRARIES.get(form, ('',))[0]} |"
        )
    return "\n".join(lines)


def _median(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.1f} ×" if ratios else "–"


if __name__ == "__main__":
    main()
