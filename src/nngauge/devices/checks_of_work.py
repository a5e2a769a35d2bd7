"""Looks at what a device does: files, processes bound to cores, jobs, and whether the same work takes the same time."""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from nngauge.devices._api import Command
from nngauge.devices._look import Look, Patient, Seen
from nngauge.domain.checkup import Verdict
from nngauge.errors import UnsupportedError
from nngauge.units import format_bytes

GOOD, DOUBTFUL, BLOCKS, UNKNOWN = Verdict.GOOD, Verdict.DOUBTFUL, Verdict.BLOCKS, Verdict.UNKNOWN
_ROUNDS: Final = 5
_SLOW_ANSWER: Final = 0.5
_FILE: Final = 2 << 20
_SLOW_COPY: Final = 2e6
"""Bytes a second: a model of 100 MB takes a minute."""
_LAUNCHES: Final = 8
_AIM_NS: Final = 400_000_000
_STEADY: Final = 0.03
"""Difference that measurements are to tell apart."""
_WAITING: Final = 1.05
"""Wall time over processor time, above which something else ran, as `Doubt.BUSY` has it."""
_TICK_NS: Final = 10_000_000
"""Of processor times in /proc on every Android and nearly every Linux: USER_HZ is 100."""
_LOOP: Final = """
work() { i=0; while [ $i -lt $1 ]; do i=$((i+1)); done; }
once() { a=$(date +%s%N); work $1; b=$(date +%s%N); echo "ran $a $b"; cat /proc/$$/stat; }
work 1000; once 20000
"""
_TIMED: Final = re.compile(r"^ran (\d{10,20}) (\d{10,20})$", re.MULTILINE)


def _answers(patient: Patient) -> Seen:
    times = []
    for _ in range(_ROUNDS):
        began = time.monotonic()
        patient.shell(":")
        times.append(time.monotonic() - began)
    text = f"in {median(times) * 1000:.0f} ms"
    if median(times) > _SLOW_ANSWER:
        return Seen(
            DOUBTFUL,
            text,
            "another cable or port, or ControlMaster for ssh; sessions take longer, results are the same",
        )
    return Seen(GOOD, text)


def _copies(patient: Patient) -> Seen:
    data = hashlib.shake_256(patient.device.id.encode()).digest(_FILE)
    shell = "/system/bin/sh" if patient.is_phone else "/bin/sh"
    with tempfile.TemporaryDirectory(prefix="nngauge-") as folder:
        source, program, back = (Path(folder, name) for name in ("data", "program", "back"))
        source.write_bytes(data)
        program.write_text(f"#!{shell}\nexit 42\n")
        began = time.monotonic()
        small = patient.device.push(program)
        between = time.monotonic()
        path = patient.device.push(source)
        # What each command takes is told by `answers`, and is no part of the rate.
        rate = _FILE / max(1e-3, time.monotonic() - between - (between - began))
        patient.device.pull(path, back, most=_FILE)
        if back.read_bytes() != data:
            return Seen(BLOCKS, "a file came back changed", "another cable; check the device's storage")
        ran = patient.device.run(Command(words=(small,)))
    text = f"{format_bytes(int(rate))}/s, digests agree"
    if ran.code != 42:
        return Seen(BLOCKS, f"{text}; programs there do not run", "the folder may be mounted noexec")
    return (
        Seen(GOOD, text)
        if rate > _SLOW_COPY
        else Seen(DOUBTFUL, text, "another cable or port: large models take minutes")
    )


def _binds(patient: Patient) -> Seen:
    core = patient.fastest
    try:
        ran = patient.shell("grep Cpus_allowed_list /proc/self/status", cpus=(core,))
    except UnsupportedError:
        return Seen(DOUBTFUL, "no taskset", "threads move between big and little cores: times vary more")
    told = ran.out.decode("ascii", "replace").partition(":")[2].strip()
    if told == str(core):
        return Seen(GOOD, f"to core {core}")
    return Seen(
        DOUBTFUL,
        f"not to core {core}",
        "the system keeps the shell off it: choose other cores, or times vary more",
    )


def _survives(patient: Patient) -> Seen:
    job = patient.device.spawn(Command(words=("sh", "-c", "sleep 1; echo end"), seconds=10))
    ran = job.wait(15)
    if (ran.code, ran.out) == (0, b"end\n"):
        return Seen(GOOD, "goes on when nobody is connected")
    return Seen(DOUBTFUL, f"ended with {ran.code}", "energy with the cable cut cannot be measured")


def _steady(patient: Patient) -> Seen:
    cores: tuple[int, ...] = (patient.fastest,)
    try:
        first = _timed(patient, _LOOP, cores)
    except UnsupportedError:
        first = []
    if not first:  # it cannot be bound
        cores = ()
        first = _timed(patient, _LOOP, cores)
    if not first:
        return Seen(UNKNOWN, "its `date` does not tell nanoseconds")
    count = min(2_000_000, max(20_000, 20_000 * _AIM_NS // max(1, first[0][0])))
    runs = [
        run for _ in range(_LAUNCHES) for run in _timed(patient, _LOOP.replace("once 20000", f"once {count}"), cores)
    ]
    if len(runs) < _LAUNCHES:
        return Seen(UNKNOWN, "the work did not end in time")
    return _spread([wall for wall, _ in runs], sum(wall for wall, _ in runs) / max(1, sum(cpu for _, cpu in runs)))


def _spread(walls: list[int], waiting: float) -> Seen:
    middle = median(walls)
    deviation = median(abs(wall - middle) for wall in walls) / middle
    text = (
        f"{len(walls)} times {middle / 1e6:.0f} ms, typically ±{deviation:.1%}, slowest +{max(walls) / middle - 1:.0%}"
    )
    if waiting > _WAITING:
        return Seen(
            DOUBTFUL,
            f"{text}; {1 - 1 / waiting:.0%} of it waiting",
            "other work runs: end it, or believe processor time only",
        )
    if deviation > _STEADY:
        return Seen(
            DOUBTFUL, text, "let it cool, bind to one core, end other work; small differences will not be told apart"
        )
    return Seen(GOOD, text)


def _timed(patient: Patient, script: str, cores: tuple[int, ...]) -> list[tuple[int, int]]:
    """Wall time and processor time in nanoseconds of each `once`."""
    said = patient.shell(script, cpus=cores).out.decode("utf-8", "replace")
    walls = [int(match[2]) - int(match[1]) for match in _TIMED.finditer(said)]
    ticks = [row.rpartition(")")[2].split()[11:13] for row in said.splitlines() if ")" in row]
    used = [sum(int(number) for number in pair if number.isdigit()) * _TICK_NS for pair in ticks]
    return [(wall, cpu) for wall, cpu in zip(walls, used, strict=False) if wall > 0]


def _power(patient: Patient) -> Seen:
    told = patient.says(
        "for one in /sys/class/power_supply/*/current_now /sys/class/powercap/*/energy_uj "
        '/sys/bus/iio/devices/*/energy_value; do [ -r "$one" ] && cat "$one" > /dev/null 2>&1 && echo "$one"; done; true'
    )
    kinds = {"current_now": "battery gauge", "energy_uj": "powercap", "energy_value": "power rails"}
    found = [title for name, title in kinds.items() if any(line.endswith(f"/{name}") for line in told.splitlines())]
    if found:
        return Seen(
            GOOD,
            ", ".join(found),
            "" if found != ["battery gauge"] else "is checked for unit, sign and refresh when used",
        )
    if patient.is_phone and patient.says("cmd battery get current_now").lstrip("-").isdigit():
        return Seen(GOOD, "battery gauge, through Android", "is checked for unit, sign and refresh when used")
    return Seen(
        DOUBTFUL, "none readable", "times can be measured; energy needs a meter outside (Monsoon, Otii, Joulescope)"
    )


LOOKS: Final = (
    Look(name="answers", title="answers", see=_answers, failing=BLOCKS,
         why="every launch is started over this connection"),
    Look(name="copies", title="takes files and runs them", see=_copies, failing=BLOCKS,
         why="models and the runner are copied there and run there"),
    Look(name="binding", title="binds processes to cores", see=_binds,
         why="a thread that moves between big and little cores takes five times as long"),
    Look(name="jobs", title="jobs survive the cable", see=_survives,
         why="energy is measured with the cable cut, by a process on the device"),
    Look(name="power", title="tells its power", see=_power, why="energy is its power over time"),
    Look(name="steady", title="the same work takes the same time", see=_steady,
         why="differences smaller than this spread need many launches, or cannot be told"),
)  # fmt: skip
