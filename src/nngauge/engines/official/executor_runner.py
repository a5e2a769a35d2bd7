"""ExecuTorch's ``executor_runner`` (text) and its ETDump: the file itself, or as the Inspector prints it (table or TSV).

https://github.com/pytorch/executorch/tree/main/examples/portable/executor_runner and
https://docs.pytorch.org/executorch/stable/model-inspector.html. Since 2025 the runner tells the time of all its runs together;
older ones tell none, and the ETDump has to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nngauge.domain.measurement import OpTime
from nngauge.engines.official import _reading as reading
from nngauge.engines.official import etdump
from nngauge.engines.official._api import Job, Output, Summary, Told, Tool
from nngauge.errors import LimitError, MalformedError, TruncatedError, UnsupportedError
from nngauge.limits import MAX_NODES

_DONE: Final = re.compile(rf"Model executed successfully(?: (\d{{1,9}}) time\(s\)(?: in {reading.NUMBER} ms)?)?")
_UNIT: Final = re.compile(r"^(p10|p50|p90|avg|min|max) \((s|ms|us|ns)\)$")
_TOTAL: Final = "Method::execute"
_LOAD: Final = ("Program::load_method", "Method::init")
_BOX: Final = "│|┃"
_STATISTICS: Final = {"avg": "mean_ns", "p50": "median_ns", "min": "least_ns", "max": "most_ns"}


def command(binary: str, job: Job) -> tuple[str, ...]:
    """The program's own inputs are ones; delegates are fixed in the model."""
    words = (
        binary, f"--model_path={job.model}", f"--num_executions={job.runs}", f"--cpu_threads={job.threads}",
        "--print_output=none",
    )  # fmt: skip
    return (*words, f"--etdump_path={job.folder}/out.etdump") if job.profile else words


def parse(output: Output) -> tuple[Told, ...]:
    """The ETDump, if there is one: it has every run and operator. Else a table of the Inspector, else what was printed."""
    dump = reading.file_ending(output, ".etdump", ".etdp")
    if dump is not None:
        return (etdump.told(dump),)
    text = list(reading.printed(output))
    file = reading.file_ending(output, ".tsv", ".txt")
    rows = list(_rows(list(reading.lines(file)) if file is not None else text))
    if rows:
        return (_inspected(rows),)
    return (_run(text),)


def _run(text: Sequence[str]) -> Told:
    done = next((found for line in text if (found := _DONE.search(line))), None)
    if done is None:
        if any("executor_runner" in line or "Model file" in line for line in text):
            raise TruncatedError("executor_runner did not come to its end")
        raise MalformedError("is no output of executor_runner or the Inspector")
    if not done[1] or not done[2] or not int(done[1]):
        raise UnsupportedError(
            "this executor_runner tells no times", hint="build it with ETDump and give the Inspector's table"
        )
    runs = int(done[1])
    summary = Summary(runs=runs, mean_ns=1e6 * reading.number(done[2]) / runs)
    return Told(summary=summary, notes=("the mean has the first inference in it",))


def _rows(text: Sequence[str]) -> Iterator[dict[str, str]]:
    """Rows of the first table that has a column for events."""
    head: list[str] = []
    count = 0
    for line in text:
        cells = _cells(line)
        if not head and "event_name" in cells:
            head = cells
        elif head and len(cells) == len(head) and "event_name" not in cells:
            yield dict(zip(head, cells, strict=True))
            count += 1
            if count > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} events")


def _cells(line: str) -> list[str]:
    if "\t" in line:
        return [cell.strip() for cell in line.rstrip("\r\n").split("\t")]
    mark = next((mark for mark in _BOX if mark in line), "")
    return [cell.strip() for cell in line.strip().strip(mark).split(mark)] if mark else []


def _inspected(rows: list[dict[str, str]]) -> Told:
    total = next((row for row in rows if row["event_name"] == _TOTAL), None)
    if total is None:
        raise TruncatedError("the Inspector's table has no Method::execute")
    times = _times(total)
    if "avg" not in times and "p50" not in times:
        raise UnsupportedError("the Inspector's table has no times", hint="its columns should be in ms")
    loads = [_times(row) for row in rows if row["event_name"] in _LOAD]
    load = next((found["avg"] for found in loads if "avg" in found), None)
    facts = {name: times[key] for key, name in _STATISTICS.items() if key in times}
    summary = reading.summary(
        {**facts, "load_ns": load}, {key[1:]: times[key] for key in ("p10", "p90") if key in times}
    )
    return Told(summary=summary, ops=tuple(_ops(rows)))


def _times(row: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for column, value in row.items():
        if (unit := _UNIT.match(column)) and value:
            found[unit[1]] = reading.unit(unit[2]) * reading.number(value)
    return found


def _ops(rows: list[dict[str, str]]) -> Iterator[OpTime]:
    """Kernels, and what delegates report; their calls are not counted a second time."""
    delegates = {"true": "delegate"}
    for row in rows:
        name = row["event_name"]
        if ("::" in name and not name.startswith("native_call")) or name in ("OPERATOR_CALL", "DELEGATE_CALL", ""):
            continue
        times = _times(row)
        if (mean := times.get("avg", times.get("p50"))) is not None:
            unit = delegates.get(row.get("is_delegated_op", "").lower(), "")
            kind = row.get("op_types", "").strip("[]'\"")[:100]
            yield OpTime(name=name[:500], kind=kind, nanoseconds=mean, unit=unit)


TOOL = Tool(
    name="executor_runner",
    title="ExecuTorch executor_runner and Inspector",
    binaries=("executor_runner",),
    formats=frozenset({"executorch"}),
    install="build ExecuTorch's executor_runner, with -DEXECUTORCH_ENABLE_EVENT_TRACER=ON for ETDump",
    parse=parse,
    command=command,
    results=lambda job: ("out.etdump",) if job.profile else (),
    references=(
        "https://github.com/pytorch/executorch/tree/main/examples/portable/executor_runner",
        "https://docs.pytorch.org/executorch/stable/model-inspector.html",
    ),
    limitations=(
        "without an ETDump it tells the mean of its runs, or the Inspector's percentiles; no samples",
        "an ETDump does not say how long a tick is: a nanosecond on POSIX and Android, else what the port made of it",
    ),
)
