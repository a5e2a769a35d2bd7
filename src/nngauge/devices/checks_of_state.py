"""Looks at what a device is and how it is now: nothing is started on it but what reads its files."""

from __future__ import annotations

import re
from typing import Final

from nngauge.devices._look import Look, Patient, Seen
from nngauge.domain.checkup import Verdict
from nngauge.units import format_bytes

GOOD, DOUBTFUL, BLOCKS, UNKNOWN = Verdict.GOOD, Verdict.DOUBTFUL, Verdict.BLOCKS, Verdict.UNKNOWN
_ABIS: Final = ("arm64-v8a", "x86_64")
_HOT_BATTERY: Final = 32.0
"""Degrees Celsius; cells that are warmer make many phones lower their clocks."""
_HOT_STATUS: Final = 2
"""Android's *moderate*: https://developer.android.com/reference/android/os/PowerManager#THERMAL_STATUS_MODERATE"""
_STOPPING_STATUS: Final = 4
"""Android's *critical*: the system ends what makes it warm."""
_LOW: Final = 0.2
_MEMORY: Final = 1 << 30
_STORAGE, _LEAST_STORAGE = 1 << 30, 64 << 20
_BUSY: Final = 0.25
"""Runnable processes for each core, above which others are in the way."""


def _processor(patient: Patient) -> Seen:
    if patient.facts.emulated:
        return Seen(BLOCKS, "emulated", "use a real phone: no time of an emulator is taken for a measurement")
    return Seen(GOOD, patient.facts.soc or "real")


def _abi(patient: Patient) -> Seen:
    abi = patient.facts.abi
    if abi in _ABIS:
        return Seen(GOOD, abi)
    return Seen(BLOCKS, abi or "not told", f"the runner is built for {' and '.join(_ABIS)}")


def _cores(patient: Patient) -> Seen:
    clusters = patient.facts.clusters
    if not clusters:
        return Seen(UNKNOWN, "not told", "choose cores yourself")
    clocks = [f"{cluster.max_hz / 1e9:.2f} GHz" if cluster.max_hz else "?" for cluster in clusters]
    text = " + ".join(f"{len(cluster.cores)} × {clock}" for cluster, clock in zip(clusters, clocks, strict=True))
    if any(cluster.max_hz for cluster in clusters):
        return Seen(GOOD, text)
    return Seen(DOUBTFUL, f"{sum(len(cluster.cores) for cluster in clusters)} cores, highest clock not told",
                "results cannot be held against what the processor can do")  # fmt: skip


def _clocks(patient: Patient) -> Seen:
    if not patient.state.hz:
        return Seen(DOUBTFUL, "not readable", "throttling is only seen where runs get slower")
    governors = sorted({cluster.governor for cluster in patient.facts.clusters if cluster.governor})
    text = f"{len(patient.state.hz)} readable, governor {', '.join(governors) or 'not told'}"
    if "powersave" in governors:
        return Seen(DOUBTFUL, text, "switch battery saving off, or the governor to performance")
    return Seen(GOOD, text)


def _temperatures(patient: Patient) -> Seen:
    state = patient.state
    status = state.thermal_status
    warmest = max(state.celsius.items(), key=lambda zone: zone[1], default=None)
    cell = max((value for name, value in state.celsius.items() if "battery" in name.lower()), default=None)
    if status is None and warmest is None:
        return Seen(DOUBTFUL, "not readable", "let the device cool for ten minutes before measuring")
    parts = [f"{len(state.celsius)} zones, warmest {warmest[0]} {warmest[1]:.0f} °C" if warmest else "no zones"]
    parts += [f"battery {cell:.0f} °C"] if cell is not None else []
    parts += [f"thermal status {status}"] if status is not None else []
    text = ", ".join(parts)
    if (status or 0) >= _STOPPING_STATUS:
        return Seen(BLOCKS, text, "let it cool: the system is about to stop what runs")
    if (status or 0) >= _HOT_STATUS or (cell or 0.0) > _HOT_BATTERY:
        return Seen(DOUBTFUL, text, f"let it cool to {_HOT_BATTERY:.0f} °C, out of its case and the sun")
    return Seen(GOOD, text)


def _battery(patient: Patient) -> Seen:
    state = patient.state
    if state.battery is None:
        if patient.is_phone:
            return Seen(UNKNOWN, "not told", "see that it is above 20 %")
        return Seen(GOOD, "no battery")
    size = f" of {patient.facts.battery_mah:.0f} mAh" if patient.facts.battery_mah else ""
    text = f"{state.battery:.0%}{size}, {'powered from outside' if state.charging else 'discharging'}"
    if state.battery < _LOW:
        return Seen(DOUBTFUL, text, "charge it above 20 %: low batteries lower the clocks")
    if state.charging:
        return Seen(DOUBTFUL, text, "times: wait until it is full, charging warms it; energy: cut the power")
    return Seen(GOOD, text)


def _memory(patient: Patient) -> Seen:
    free, whole = patient.state.free_bytes, patient.facts.memory_bytes
    if free is None:
        return Seen(UNKNOWN, "not told")
    text = format_bytes(free) + (f" of {format_bytes(whole)}" if whole else "") + " free"
    return Seen(GOOD, text) if free >= _MEMORY else Seen(DOUBTFUL, text, "close apps; large models will be refused")


def _storage(patient: Patient) -> Seen:
    rows = patient.says("df -k .").splitlines()
    match = re.search(r"\s(\d{1,15})\s+\d+%", rows[-1]) if rows else None
    if match is None:
        return Seen(UNKNOWN, "not told")
    free = int(match[1]) * 1024
    text = f"{format_bytes(free)} free"
    if free < _LEAST_STORAGE:
        return Seen(BLOCKS, text, "free some space: models are copied there")
    return Seen(GOOD, text) if free >= _STORAGE else Seen(DOUBTFUL, text, "free some space: large models will not fit")


def _quiet(patient: Patient) -> Seen:
    load, cores = patient.state.load, sum(len(cluster.cores) for cluster in patient.facts.clusters) or 1
    if load is None:
        return Seen(UNKNOWN, "not told", "close apps, and wait a minute after unlocking")
    text = f"{load:.1f} processes for {cores} cores"
    if patient.is_phone:  # Android counts kernel threads that wait: a load of some cores is its rest
        return Seen(GOOD, text) if load < 2 * cores else Seen(DOUBTFUL, text, "close apps, wait for updates to end")
    advice = "end other work; processor time will be told beside wall time"
    return Seen(GOOD, text) if load <= _BUSY * cores else Seen(DOUBTFUL, text, advice)


def _screen(patient: Patient) -> Seen:
    if not patient.is_phone:
        return Seen(GOOD, "none")
    lit = patient.state.screen_on
    if lit is None:
        return Seen(UNKNOWN, "not told", "switch it off")
    return Seen(DOUBTFUL, "on", "switch it off; energy needs that") if lit else Seen(GOOD, "off")


def _radios(patient: Patient) -> Seen:
    if not patient.is_phone:
        return Seen(GOOD, "not a phone")
    told = patient.says("settings get global airplane_mode_on")
    if told not in ("0", "1"):
        return Seen(UNKNOWN, "not told", "switch airplane mode on")
    if told == "1":
        return Seen(GOOD, "airplane mode")
    return Seen(DOUBTFUL, "on", "switch airplane mode on; energy needs that")


LOOKS: Final = (
    Look(name="processor", title="a real processor", see=_processor,
         why="an emulator's times say nothing about a phone"),
    Look(name="abi", title="runs the runner", see=_abi, why="models are run by a program for this processor"),
    Look(name="cores", title="cores", see=_cores,
         why="big and little cores differ by five times; results are checked against what they can do"),
    Look(name="clocks", title="clocks of the cores", see=_clocks,
         why="a clock that changed explains why runs got slower"),
    Look(name="temperature", title="temperatures", see=_temperatures, why="warm devices lower their clocks"),
    Look(name="battery", title="battery", see=_battery,
         why="low batteries lower the clocks, and energy is measured while it discharges"),
    Look(name="memory", title="memory", see=_memory, why="models that do not fit are refused, and swapping is slow"),
    Look(name="storage", title="storage", see=_storage, why="models and runtimes are copied there"),
    Look(name="quiet", title="nothing else runs", see=_quiet, why="other work takes cores and warms the device"),
    Look(name="screen", title="screen", see=_screen,
         why="it draws more than most models do, and changes how cores are scheduled"),
    Look(name="radios", title="radios", see=_radios, why="radios wake up when they like, and draw power"),
)  # fmt: skip
