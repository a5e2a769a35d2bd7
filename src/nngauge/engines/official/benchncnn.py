"""ncnn's ``benchncnn``: least, most and mean time of each network, in milliseconds.

https://github.com/Tencent/ncnn/tree/master/benchmark. Networks run without weights: the program needs the ``.param`` only.
"""

from __future__ import annotations

import re
from typing import Final

from nngauge.engines.official import _reading as reading
from nngauge.engines.official._api import Job, Output, Told, Tool
from nngauge.errors import MalformedError, TruncatedError, UsageError

_N: Final = reading.NUMBER
_ROW: Final = re.compile(
    rf"^\s{{0,80}}(\S{{1,200}})\s{{1,20}}min =\s{{1,20}}{_N}\s{{1,20}}max =\s{{1,20}}{_N}\s{{1,20}}avg =\s{{1,20}}{_N}"
)
_SETTING: Final = re.compile(r"^(loop_count|num_threads|powersave|gpu_device|cooling_down) = (-?\d{1,9})\s*$")


def command(binary: str, job: Job) -> tuple[str, ...]:
    """Loops, threads, all cores, processor or the first GPU, no pause; the shape as width, height, channels."""
    if not job.shapes:
        raise UsageError("benchncnn must be told the shape of the input", hint="--input NAME=SHAPE")
    shapes = ",".join("[" + ",".join(map(str, _whc(shape))) + "]" for shape in job.shapes)
    gpu = "0" if job.delegate else "-1"
    return (binary, str(job.runs), str(job.threads), "0", gpu, "0", f"param={job.model}", f"shape={shapes}")


def _whc(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without a batch, and counted from the innermost dimension."""
    return tuple(reversed(shape[1:] if len(shape) == 4 and shape[0] == 1 else shape))


def parse(output: Output) -> tuple[Told, ...]:
    """A summary a network."""
    settings: dict[str, int] = {}
    told: list[Told] = []
    for line in reading.printed(output):
        if found := _SETTING.match(line):
            settings[found[1]] = int(found[2])
        elif row := _ROW.match(line):
            least, most, mean = (1e6 * reading.number(value) for value in row.groups()[1:])
            facts = {"runs": settings.get("loop_count"), "least_ns": least, "most_ns": most, "mean_ns": mean}
            summary = reading.summary(facts)
            told.append(Told(name=row[1], summary=summary, notes=_notes(settings)))
    if not told:
        if settings:
            raise TruncatedError("benchncnn ended before the first network was timed")
        raise MalformedError("is no output of benchncnn")
    return tuple(told)


def _notes(settings: dict[str, int]) -> tuple[str, ...]:
    cores = {1: "little cores", 2: "big cores"}.get(settings.get("powersave", 0))
    gpu = settings.get("gpu_device", -1)
    return tuple(
        note
        for note in (f"{settings.get('num_threads')} threads" if "num_threads" in settings else "", cores or "",
                     f"GPU {gpu}" if gpu >= 0 else "")
        if note
    )  # fmt: skip


TOOL = Tool(
    name="benchncnn",
    title="ncnn benchncnn",
    binaries=("benchncnn",),
    formats=frozenset({"ncnn"}),
    install="build ncnn with -DNCNN_BUILD_BENCHMARK=ON",
    parse=parse,
    command=command,
    references=("https://github.com/Tencent/ncnn/tree/master/benchmark",),
    limitations=(
        "tells least, most and mean of few loops, in steps of 10 µs",
        "runs networks without their weights; the first inference and loading are not told",
    ),
)
