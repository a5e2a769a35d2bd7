"""Whole-process figures from the operating system: CPU, wall and peak memory of a command and all it waits for."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run. Seconds and bytes."""

    cpu: float
    wall: float
    peak: int
    code: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Several runs of one command."""

    runs: tuple[Run, ...]

    @property
    def cpu(self) -> float:
        """Median CPU seconds."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def wall(self) -> float:
        """Median wall seconds."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def peak(self) -> int:
        """Largest peak of the largest process, bytes."""
        return max(run.peak for run in self.runs)

    @property
    def spread(self) -> str:
        """Fastest and slowest CPU seconds."""
        return f"{min(run.cpu for run in self.runs):.3f}–{max(run.cpu for run in self.runs):.3f}"


def run_once(command: Sequence[str], *, timeout: float = 900) -> Run:
    """Runs `command`, discarding its output."""
    started = time.monotonic()
    # An installed command has its byte code beside it; the variable would compile all modules in each run.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
        deadline = started + timeout
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.002)
    wall = time.monotonic() - started
    scale = 1 if os.uname().sysname == "Darwin" else 1024
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * scale, process.returncode)


def measure(command: Sequence[str], *, runs: int, warmup: int = 1, timeout: float = 900) -> Timing:
    """`runs` counted runs after `warmup` that are not."""
    for _ in range(warmup):
        run_once(command, timeout=timeout)
    return Timing(tuple(run_once(command, timeout=timeout) for _ in range(runs)))


def alternate(first: Sequence[str], second: Sequence[str], *, runs: int) -> tuple[Timing, Timing]:
    """Both commands in turn, so that a machine that slows down slows both."""
    run_once(first)
    run_once(second)
    pairs = [(run_once(first), run_once(second)) for _ in range(runs)]
    return Timing(tuple(a for a, _ in pairs)), Timing(tuple(b for _, b in pairs))
