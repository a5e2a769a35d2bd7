"""Runs one target on damaged samples and keeps the promises in view: declared errors only, little time, little memory."""

from __future__ import annotations

import hashlib
import random
import re
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from fuzz.mutate import mutated
from fuzz.sample import Sample
from fuzz.targets import Target
from nngauge.errors import NngaugeError

SECONDS = 1.0
"""Processor time that one input of some hundred kilobytes may take."""
MEMORY = 300
"""MiB of resident memory at the peak."""
_HANG = 20
_KEPT = 20


class _Hang(BaseException):
    """Raised by the alarm; no parser can swallow it."""


@dataclass(slots=True)
class Report:
    """What a run of one target showed."""

    target: str
    samples: int = 0
    runs: int = 0
    accepted: int = 0
    seconds: float = 0.0
    """Of wall time, the making of mutations included."""
    slowest: float = 0.0
    """Seconds of processor time."""
    memory: int = 0
    """MiB resident at the peak, the interpreter and the samples included."""
    errors: Counter[str] = field(default_factory=Counter)
    """Declared errors by name."""
    broken: dict[str, str] = field(default_factory=dict)
    """Broken promises, one of a kind: what, and the file with the input."""


def fuzz(target: Target, runs: int, seed: int, crashes: Path | None = None, seconds: float = float("inf")) -> Report:
    """`runs` mutations of the target's samples, or as many as fit into `seconds`.

    Inputs that break a promise are written to `crashes`.
    """
    rng = random.Random(f"{seed}/{target.name}")
    samples = list(target.samples())
    others = [sample.data for sample in samples]
    report = Report(target.name, samples=len(samples))
    for sample in samples:  # undamaged first: a sample that is refused tests little
        _one(target, sample, report, crashes)
    start = time.monotonic()
    for _ in range(runs):
        if time.monotonic() - start > seconds:
            break
        _one(target, _damaged(rng.choice(samples), others, rng), report, crashes)
    report.seconds = time.monotonic() - start
    report.memory = _peak()
    if report.memory > MEMORY:
        report.broken["memory"] = f"{report.memory} MiB"
    return report


def _damaged(sample: Sample, others: list[bytes], rng: random.Random) -> Sample:
    if sample.parts and rng.random() < 0.3:
        name = rng.choice(list(sample.parts))
        return Sample(sample.name, sample.data, {**sample.parts, name: mutated(sample.parts[name], others, rng)})
    return Sample(sample.name, mutated(sample.data, others, rng), sample.parts)


def _one(target: Target, sample: Sample, report: Report, crashes: Path | None) -> None:
    report.runs += 1
    start = time.process_time()
    try:
        with _alarm():
            target.call(sample)
        report.accepted += 1
    except NngaugeError as error:
        report.errors[type(error).__name__] += 1
    except _Hang as error:
        _keep(report, f"hang in {_place(error)}", sample, crashes)
    except (Exception, RecursionError) as error:  # noqa: BLE001 - finding these is the purpose
        _keep(report, f"{type(error).__name__} in {_place(error)}: {str(error)[:100]}", sample, crashes)
    seconds = time.process_time() - start
    report.slowest = max(report.slowest, seconds)
    if seconds > SECONDS:
        _keep(report, f"slow: {target.name}", sample, crashes)


def _keep(report: Report, what: str, sample: Sample, crashes: Path | None) -> None:
    kind = re.sub(r"\d+", "#", what)
    if kind in report.broken or len(report.broken) >= _KEPT:
        return
    place = ""
    if crashes is not None:
        crashes.mkdir(parents=True, exist_ok=True)
        file = (
            crashes
            / f"{report.target}-{hashlib.sha256(b''.join((sample.data, *sample.parts.values()))).hexdigest()[:12]}"
        )
        file.write_bytes(sample.data)
        for index, (name, part) in enumerate(sample.parts.items()):
            file.with_name(f"{file.name}.{index}.{Path(name).name}").write_bytes(part)
        place = f" [{file}]"
    report.broken[kind] = f"{what} (sample {sample.name}){place}"


def _place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/nngauge/" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}" if frames else "outside"


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, _HANG, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        return int(found.group(1)) >> 10 if found else 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> 20 if sys.platform == "darwin" else peak >> 10
