"""Made-up launches and measurements."""

from __future__ import annotations

import random
from typing import Any

from nngauge.domain.measurement import Cluster, Configuration, Device, Launch, Measurement, OutputCheck, State

PHONE = Device(
    id="adb:1", kind="adb", soc="Made up", abi="arm64-v8a",
    clusters=(Cluster(cores=(4, 5), max_hz=2_800_000_000, capacity=1024), Cluster(cores=(0, 1, 2, 3), max_hz=1_800_000_000)),
)  # fmt: skip
GOOD = OutputCheck(finite=True, varies=True, digest="ab" * 32, reference="onnxruntime 1", difference=0.001)


def launch(
    chance: random.Random,
    nanoseconds: float = 1e7,
    *,
    block: int = 0,
    runs: int = 30,
    waiting: float = 1.0,
    **more: Any,
) -> Launch:
    """Runs with 0.5 % spread around a launch's own median with 0.4 %; `waiting` is wall over processor time."""
    own = nanoseconds * chance.gauss(1, 0.004)
    cpu = [round(own * chance.gauss(1, 0.005)) for _ in range(runs)]
    facts: dict[str, Any] = {
        "block": block, "load_ns": 5_000_000, "first_ns": 30_000_000, "warmup_ns": (12_000_000,) * 5,
        "wall_ns": tuple(round(value * waiting) for value in cpu), "cpu_ns": tuple(cpu), "interrupted": (0,) * runs,
    }  # fmt: skip
    return Launch(**(facts | more))


def state(**changes: Any) -> State:
    return State(
        **(
            {
                "at": 0,
                "battery": 0.8,
                "charging": False,
                "celsius": {"battery": 27.0, "cpu": 45.0},
                "hz": {"4": 2_800_000_000},
            }
            | changes
        )
    )


def measurement(launches: tuple[Launch, ...], **changes: Any) -> Measurement:
    facts: dict[str, Any] = {
        "model": "cd" * 32, "name": "m.tflite", "format": "tflite", "configuration": Configuration(engine="litert"),
        "engine_version": "2.3.0", "device": PHONE, "started": "2026-11-21T12:00:00+00:00", "tool": "nngauge 0",
        "macs": 300_000_000, "launches": launches, "output": GOOD,
    }  # fmt: skip
    return Measurement(**(facts | changes))
