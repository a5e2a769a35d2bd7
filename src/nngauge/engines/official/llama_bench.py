"""llama.cpp's ``llama-bench``: JSON and JSON lines have every repetition, CSV only mean and deviation.

https://github.com/ggml-org/llama.cpp/tree/master/tools/llama-bench. A test is prefill (``n_prompt``), decode (``n_gen``) or both.
"""

from __future__ import annotations

import csv
from typing import Final

from msgspec import Struct

from nngauge.domain.measurement import Stage
from nngauge.engines._api import Reply
from nngauge.engines.official import _reading as reading
from nngauge.engines.official._api import Job, Output, Summary, Told, Tool
from nngauge.errors import LimitError, MalformedError, TruncatedError

_TESTS: Final = 10_000


class _Test(Struct):
    n_prompt: int
    n_gen: int
    avg_ns: float
    stddev_ns: float
    build_commit: str = ""
    build_number: int = 0
    model_filename: str = ""
    model_type: str = ""
    n_depth: int = 0
    samples_ns: list[float] = []


def command(binary: str, job: Job) -> tuple[str, ...]:
    """A delegate other than ``cpu`` takes all layers."""
    layers = "0" if job.delegate in ("", "cpu") else "99"
    return (
        binary, "-m", job.model, "-t", str(job.threads), "-r", str(job.runs), "-ngl", layers, "-o", "jsonl", "-oe", "none",
    )  # fmt: skip


def parse(output: Output) -> tuple[Told, ...]:
    """A test each; samples from JSON, a summary from all."""
    data = reading.bounded(reading.file_ending(output, ".json", ".jsonl", ".csv") or output.out)
    head = data.lstrip()[:1]
    if head == b"[":
        tests = reading.decode(data, list[_Test])
    elif head == b"{":
        tests = [reading.decode(line, _Test) for line in data.splitlines() if line.strip()]
    else:
        tests = _table(data)
    if len(tests) > _TESTS:
        raise LimitError(f"more than {_TESTS} tests")
    if not tests:
        raise TruncatedError("llama-bench told no test")
    return tuple(_told(test) for test in tests)


def _told(test: _Test) -> Told:
    tokens = test.n_prompt + test.n_gen
    if tokens <= 0 or min(test.n_prompt, test.n_gen) < 0:
        raise MalformedError("a test without tokens")
    version = f"b{test.build_number} ({test.build_commit[:40]})" if test.build_number else test.build_commit[:40]
    summary = Summary(
        runs=len(test.samples_ns) or None, mean_ns=reading.checked(test.avg_ns),
        deviation_ns=reading.checked(test.stddev_ns), tokens=tokens,
    )  # fmt: skip
    samples = tuple(reading.whole(value) for value in test.samples_ns)
    stage = Stage(name=_stage(test), tokens=tokens, wall_ns=samples)
    reply = Reply(engine="llama.cpp", version=version, stages=(stage,)) if samples else None
    return Told(name=_name(test), version=version, samples=reply, summary=summary, notes=_notes(test))


def _stage(test: _Test) -> str:
    """Called as our own engine calls them."""
    return "prefill" if not test.n_gen else "decode" if not test.n_prompt else "prefill and decode"


def _name(test: _Test) -> str:
    """As the program's own table: ``pp512``, ``tg128``, ``pp512+tg128``."""
    parts = [f"pp{test.n_prompt}"] if test.n_prompt else []
    parts += [f"tg{test.n_gen}"] if test.n_gen else []
    return "+".join(parts) + (f" @ d{test.n_depth}" if test.n_depth else "")


def _notes(test: _Test) -> tuple[str, ...]:
    return tuple(filter(None, (test.model_type[:200], test.model_filename.replace("\\", "/").rpartition("/")[2][:200])))


def _table(data: bytes) -> list[_Test]:
    """CSV with whatever a back end logged between the rows."""
    names: list[str] = []
    tests: list[_Test] = []
    for line in reading.lines(data):
        cells = _row(line)
        if "avg_ns" in cells and "n_prompt" in cells:
            names = cells
        elif names and len(cells) == len(names):
            tests.append(_of_cells(dict(zip(names, cells, strict=True))))
    if not names:
        raise MalformedError("is no output of llama-bench", hint="run it with -o jsonl: tables in Markdown are rounded")
    return tests


def _row(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _of_cells(cells: dict[str, str]) -> _Test:
    def whole(name: str) -> int:
        return reading.whole(reading.number(cells.get(name) or "0"))

    return _Test(
        n_prompt=whole("n_prompt"), n_gen=whole("n_gen"), n_depth=whole("n_depth"), build_number=whole("build_number"),
        avg_ns=reading.number(cells["avg_ns"]), stddev_ns=reading.number(cells.get("stddev_ns") or "0"),
        build_commit=cells.get("build_commit", ""), model_filename=cells.get("model_filename", ""),
        model_type=cells.get("model_type", ""),
    )  # fmt: skip


TOOL = Tool(
    name="llama-bench",
    title="llama.cpp llama-bench",
    binaries=("llama-bench",),
    formats=frozenset({"gguf"}),
    install="build llama.cpp, or take a release from github.com/ggml-org/llama.cpp",
    parse=parse,
    command=command,
    references=("https://github.com/ggml-org/llama.cpp/tree/master/tools/llama-bench",),
    limitations=("does not time tokenisation and sampling", "does not tell loading, the first token or memory"),
)
