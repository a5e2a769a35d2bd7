"""Measurements in the result format of the MLPerf Mobile app, for those who have tools for that.

The fields of ``result.json`` as version 5 of the app writes it
(https://github.com/mlcommons/mobile_app_open/tree/master/flutter/lib/data). It is a mapping of fields, not a submission: the
rules of MLPerf ask for its tasks, data sets and LoadGen. What we do not have is null or empty, never invented.

| field of the app | ours |
|---|---|
| ``meta.uuid`` | a UUID of the measurements' contents: the same for the same session |
| ``benchmark_id``, ``benchmark_name`` | digest and name of the model |
| ``loadgen_scenario`` | ``SingleStream``: one inference after the other |
| ``backend_settings`` | delegate, engine, batch; threads, cores and launches as extra settings |
| ``throughput.value`` | inferences a second: 1 / mean time |
| ``measured_duration``, ``measured_samples`` | sum of the timed runs in seconds, their number |
| ``loadgen.latency_mean``, ``latency90`` | mean and 90th percentile of all runs, seconds of wall time |
| ``is_min_duration_met``, ``is_min_query_met`` | at least 60 s and 1024 runs, the app's own bounds |
| ``is_early_stopping_met``, ``is_result_valid`` | false where we have a doubt, or either bound was not met |
| ``accuracy`` | null: accuracy is not measured |
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Final

from nngauge.domain.interval import percentile
from nngauge.domain.measurement import Configuration, Device, Doubt, Measurement, Session
from nngauge.errors import UsageError
from nngauge.version import __version__

MIN_SECONDS: Final = 60.0
MIN_SAMPLES: Final = 1024
"""Of a performance run of the app: https://github.com/mlcommons/mobile_app_open/blob/master/flutter/assets/tasks.pbtxt."""
_HARMLESS: Final = frozenset({Doubt.UNCHECKED, Doubt.WIDE, Doubt.FEW_RUNS, Doubt.FEW_LAUNCHES})
"""Doubts about our own statistics and checks, which the app does not have."""


def as_mlperf(session: Session) -> dict[str, Any]:
    """The session as the app's document. Raises `UsageError` where nothing was timed, or on several devices."""
    timed = [item for item in session.measurements if item.launches and all(one.wall_ns for one in item.launches)]
    if not timed:
        raise UsageError("nothing in this session was timed")
    if len({item.device.id for item in timed}) > 1:
        raise UsageError("a result is of one device, the session of several")
    first = min(item.started for item in timed)
    return {
        "meta": {"uuid": _uuid(timed), "creation_date": first, "upload_date": None, "run_mode": "customRun"},
        "results": [_result(item) for item in timed],
        "environment_info": _environment(timed[0].device),
        "build_info": _build(timed),
    }


def _uuid(timed: Sequence[Measurement]) -> str:
    text = "\n".join(f"{item.model} {item.configuration!r} {item.started} {item.device.id}" for item in timed)
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def _result(item: Measurement) -> dict[str, Any]:
    return {
        "benchmark_id": item.model,
        "benchmark_name": item.name,
        "loadgen_scenario": "SingleStream",
        "backend_settings": _settings(item),
        "backend_info": {
            "filename": item.library or item.configuration.engine,
            "vendor_name": "",
            "backend_name": f"{item.configuration.engine} {item.engine_version}".strip(),
            "accelerator_name": item.configuration.delegate or "cpu",
        },
        "performance_run": _run(item),
        "accuracy_run": None,
        "min_duration": MIN_SECONDS,
        "min_samples": MIN_SAMPLES,
    }


def _settings(item: Measurement) -> dict[str, Any]:
    asked = item.configuration
    return {
        "accelerator_code": asked.delegate or "cpu",
        "accelerator_desc": (asked.delegate or "cpu").upper(),
        "framework": asked.engine,
        "delegate": asked.delegate,
        "model_path": item.name,
        "batch_size": asked.batch,
        "extra_settings": [
            {"id": key, "name": title, "value": value, "value_name": value} for key, title, value in _extra(item, asked)
        ],
    }


def _extra(item: Measurement, asked: Configuration) -> list[tuple[str, str, str]]:
    cores = ",".join(map(str, asked.cpus))
    return [
        ("num_threads", "Number of threads", str(asked.threads)),
        ("launches", "Processes that were started", str(len(item.launches))),
        *([("cpus", "Cores it was bound to", cores)] if cores else []),
    ]


def _run(item: Measurement) -> dict[str, Any]:
    runs = [value / 1e9 for launch in item.launches for value in launch.wall_ns]
    total = sum(value * launch.inferences_per_sample / 1e9 for launch in item.launches for value in launch.wall_ns)
    count = sum(len(launch.wall_ns) * launch.inferences_per_sample for launch in item.launches)
    long, many = total >= MIN_SECONDS, count >= MIN_SAMPLES
    trusted = not set(item.doubts) - _HARMLESS
    mean = fmean(runs)
    return {
        "throughput": {"value": 1 / mean} if mean > 0 else None,
        "accuracy": None,
        "accuracy2": None,
        "dataset": {
            "name": f"random inputs, seed {item.seed}",
            "type": "NONE",
            "data_path": "",
            "groundtruth_path": "",
        },
        "measured_duration": total,
        "measured_samples": count,
        "start_datetime": item.started,
        "loadgen": {
            "query_count": count,
            "latency_mean": mean,
            "latency90": percentile(runs, 0.9),
            "is_min_duration_met": long,
            "is_min_query_met": many,
            "is_early_stopping_met": trusted,
            "is_result_valid": long and many and trusted,
        },
    }


def _environment(device: Device) -> dict[str, Any]:
    """The app knows three systems; boards and hosts with Linux have no place in it and are told as none."""
    platform = "android" if device.system.lower().startswith("android") else "linux"
    android = {
        "os_version": device.system, "manufacturer": device.maker, "model_code": device.model, "model_name": device.model,
        "board_code": "", "proc_cpuinfo_soc_name": device.soc, "props": [],
    }  # fmt: skip
    known = android if platform == "android" else None
    return {"platform": platform, "value": {"android": known, "ios": None, "windows": None}}


def _build(timed: Sequence[Measurement]) -> dict[str, Any]:
    return {
        "version": __version__,
        "build_number": "0",
        "build_date": "",
        "official_release_flag": False,
        "dev_test_flag": True,
        "backend_list": sorted({item.configuration.engine for item in timed}),
        "git_branch": "",
        "git_commit": "",
        "git_dirty_flag": False,
    }
