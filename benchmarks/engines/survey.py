"""Which engine runs which file: every model of a folder on every engine of its format, a few inferences each.

``python -m benchmarks.engines.survey FOLDER RESULT.json [ENGINE=PYTHON …]`` runs; ``… RESULT.json`` alone puts the table into
docs/engines.md. `PYTHON` is the interpreter of another environment, for engines that are installed there.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.engines.feeding import request_for
from nngauge.api import read_graph
from nngauge.engines import ENGINES, Engine, Reply, engines_for
from nngauge.engines.local import Limits, launch_here
from nngauge.errors import NngaugeError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "engines.md"
BEGIN, END = "<!-- begin of the survey -->", "<!-- end of the survey -->"
LIMITS = Limits(seconds=60.0, memory=8 << 30)
WITHOUT = "cpu-no-weights"
FOLDERS = (
    "tflite", "onnx", "mnn", "ncnn_param", "ncnn_benchmark_param", "openvino_xml", "paddle_pdmodel", "executorch_pte",
    "tf_graphdef_pb", "tf_savedmodel_pb", "gguf",
)  # fmt: skip
"""Of files in formats that some engine here runs."""
LEADS = frozenset({".tflite", ".onnx", ".mnn", ".param", ".xml", ".pdmodel", ".pte", ".pb", ".gguf"})
SHAPES: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "FastestDet.param": {"*": (3, 352, 352)}, "yolo-fastestv2.param": {"*": (3, 352, 352)},
    "vision_transformer.param": {"*": (3, 384, 384)},
}  # fmt: skip
"""Files that leave the shape of their only input to the program around them: https://github.com/Tencent/ncnn/tree/master/benchmark"""


class Row(msgspec.Struct, frozen=True):
    """One file on one engine."""

    file: str
    format: str
    engine: str
    delegate: str
    ran: bool
    kind: str = ""
    reason: str = ""
    finite: bool = True
    varies: bool = True


def survey(root: Path, pythons: Mapping[str, str]) -> Iterator[Row]:
    """All rows, file by file."""
    files = [
        path
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() and path.suffix in LEADS
    ]
    for path in files:
        yield from _file(path, path.relative_to(root), pythons)


def _file(path: Path, shown: Path, pythons: Mapping[str, str]) -> Iterator[Row]:
    try:
        graph = read_graph(path)
    except NngaugeError as error:
        yield Row(str(shown), "", "", "", ran=False, kind="unread", reason=error.what)
        return
    for engine in engines_for(graph.format):
        delegate = WITHOUT if graph.format == "ncnn" and not path.with_suffix(".bin").exists() else ""
        try:
            with tempfile.TemporaryDirectory() as folder:
                names = [graph.tensors[index].name for index in graph.inputs]
                known = SHAPES.get(path.name, {})
                shapes = dict.fromkeys(names, known["*"]) if known else None
                request = request_for(
                    graph, (path, *_companions(path)), Path(folder), shapes, delegate=delegate, least_runs=3,
                    least_seconds=0.01, most_seconds=2.0, warmup_runs=1, warmup_seconds=0.0, warmup_most=0.5,
                )  # fmt: skip
                reply = launch_here(engine, request, LIMITS, python=pythons.get(engine.name, ""))
        except NngaugeError as error:
            yield Row(str(shown), graph.format, engine.name, delegate, ran=False, kind="input", reason=error.what)
            continue
        yield _row(str(shown), graph.format, engine, delegate, reply)


def _companions(path: Path) -> list[Path]:
    beside = [path.with_suffix(".bin"), path.with_suffix(".pdiparams")]
    return [other for other in beside if other.exists()]


def _row(shown: str, kind: str, engine: Engine, delegate: str, reply: Reply) -> Row:
    if reply.trouble is not None:
        return Row(shown, kind, engine.name, delegate, ran=False, kind=reply.trouble.kind, reason=reply.trouble.reason)
    varies = len(reply.digests) < 2 or reply.digests[0] != reply.digests[1]
    return Row(shown, kind, engine.name, delegate, ran=True, finite=reply.finite, varies=varies)


def page(rows: Sequence[Row]) -> str:
    """The part of the page."""
    lines = [
        "| engine | files of its formats | ran | refused | crashed | over its limits |",
        "|---|---|---|---|---|---|",
    ]
    for engine in ENGINES:
        own = [row for row in rows if row.engine == engine.name]
        kinds = Counter(row.kind for row in own if not row.ran)
        refused = kinds["unsupported"] + kinds["failed"] + kinds["input"] + kinds["missing"]
        over = kinds["timeout"] + kinds["memory"]
        ran = sum(row.ran for row in own)
        lines.append(f"| {engine.title} | {len(own)} | {ran} | {refused} | {kinds['crashed']} | {over} |")
    odd = [row for row in rows if row.ran and row.delegate != WITHOUT and not (row.finite and row.varies)]
    lines += [
        "", f"Of those that ran with their weights, {len(odd)} gave outputs that are not finite or are the same for both inputs:",
        ", ".join(sorted({_cell(Path(row.file).name) for row in odd})) + ".",
    ]  # fmt: skip
    lines += ["", "Those that did not run:", "", "| file | engine | why |", "|---|---|---|"]
    lines += [
        f"| {_cell(Path(row.file).name)} | {row.engine or '-'} | {row.kind}: {_cell(row.reason)} |"
        for row in rows
        if not row.ran
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def write(rows: Sequence[Row], target: Path = PAGE) -> None:
    """Puts the table between the marks of the page."""
    text = target.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    target.write_text(f"{before}{BEGIN}\n{page(rows)}\n{END}{after}", "utf-8")


def main(words: Sequence[str]) -> None:
    """Runs when a folder comes first."""
    if Path(words[0]).is_dir():
        pythons = dict(word.split("=", 1) for word in words[2:])
        rows = []
        for row in survey(Path(words[0]), pythons):
            rows.append(msgspec.structs.replace(row, reason=row.reason.replace(f"{words[0]}/", "")[:160]))
            print(row.engine, row.file, "ran" if row.ran else f"{row.kind}: {row.reason}", flush=True)
        Path(words[1]).write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
        return
    write(msgspec.json.decode(Path(words[0]).read_bytes(), type=list[Row]))


if __name__ == "__main__":
    main(sys.argv[1:])
