"""Reading models: us beside Netron and beside each format's own Python library. ``python -m benchmarks.models FOLDER``.

Every file is read by all who can, in one run on one machine, in two ways:

- warm: Netron and we read all files in one process each, after one round that is not counted;
- fresh: a process for each file. Beside Netron the whole process counts, start of node and of Python included; beside
  a library importing and reading count, since both start the same Python.

The others in a fresh process beside us warm is what a program that keeps running gains. The best of the repeats counts
everywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
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
_LARGE = 1 << 20
"""Files from here on have a row of their own: most models at hand are so small that only fixed costs are compared."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """Seconds in a process of its own."""

    work: float
    """Importing and reading."""
    process: float
    """All of it."""


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of one file; None for who does not read it."""

    file: str
    format: str
    size: int
    """Bytes of the file that was given, companions not counted."""
    warm: float
    netron: float | None
    fresh: Fresh | None
    netron_process: float | None
    library: float | None


Ratio = Callable[[Row], float | None]


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
        options.out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


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
    rows = []
    for file, (form, warm) in ours.items():
        library = _fresh(python, LIBRARIES[form][1], file, repeats) if form in LIBRARIES else None
        rows.append(
            Row(
                file=file.name,
                format=form,
                size=file.stat().st_size,
                warm=warm,
                netron=theirs.get(file),
                fresh=_fresh(sys.executable, OURS, file, repeats),
                netron_process=netron.fresh(file, repeats) if file in theirs else None,
                library=library.work if library else None,
            )
        )
    return rows


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


def _fresh(python: str, work: str, file: Path, repeats: int) -> Fresh | None:
    # An installed package has its byte code beside it; the variable would compile all modules in each run.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(repeats):
        command = [python, "-c", _TIMED.format(work=work), str(file)]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False, timeout=300, env=environment)
        process = time.perf_counter() - started
        if done.returncode:
            return None
        times.append((float(done.stdout.split()[-1]), process))
    return Fresh(min(work for work, _ in times), min(process for _, process in times))


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above and below else None


RATIOS: dict[str, Ratio] = {
    "Netron ÷ ours, warm": lambda row: _ratio(row.netron, row.warm),
    "Netron ÷ ours, fresh": lambda row: _ratio(row.netron_process, row.fresh.process if row.fresh else None),
    "Netron fresh ÷ ours warm": lambda row: _ratio(row.netron_process, row.warm),
    "library ÷ ours, fresh": lambda row: _ratio(row.library, row.fresh.work if row.fresh else None),
    "library fresh ÷ ours warm": lambda row: _ratio(row.library, row.warm),
}


def render(rows: list[Row]) -> str:
    """A Markdown table by format: medians of the ratios, and of how many files."""
    lines = [
        f"| format | files | ours, warm | {' | '.join(RATIOS)} | library |",
        "|" + "---|" * (len(RATIOS) + 4),
    ]
    lines += [
        _line(form, [row for row in rows if row.format == form], LIBRARIES.get(form, ("",))[0])
        for form in sorted({row.format for row in rows})
    ]
    lines.append(_line("**all**", rows, ""))
    large = [row for row in rows if row.size >= _LARGE]
    if large:
        lines.append(_line("**all from 1 MiB on**", large, ""))
    return "\n".join(lines)


def _line(name: str, rows: list[Row], library: str) -> str:
    ratios = [
        _median([found for row in rows if (found := ratio(row)) is not None], len(rows)) for ratio in RATIOS.values()
    ]
    warm = statistics.median(row.warm for row in rows)
    return f"| {name} | {len(rows)} | {warm * 1000:.2f} ms | {' | '.join(ratios)} | {library} |"


def _median(ratios: list[float], files: int) -> str:
    if not ratios:
        return "–"
    some = "" if len(ratios) == files else f" ({len(ratios)} files)"
    return f"{statistics.median(ratios):.1f} ×{some}"


if __name__ == "__main__":
    main()
