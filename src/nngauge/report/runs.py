"""What reports about measurements share: the columns that say what ran where, and how two measurements are compared."""

from __future__ import annotations

from typing import Final

from nngauge.report._api import Column

NEEDS: Final = ("measurement.steady_seconds",)
RUNS_ON: Final = Column("runs_on", "device, engine, threads, batch: where and how the models ran")
DEVICE: Final = Column("device_name", "maker and model of the device, else its processor")
MODELS: Final = Column("models", "distinct models that were measured so", "count")
COUNTING: Final = (
    "distinct models of the latest snapshot that were measured, each once a device and configuration (its last measurement); an "
    "engine that was faster than the processor can be did not run the model, and is left out"
)
SPREAD: Final = ("low", "quartile_1", "median", "quartile_3", "high")
"""Columns of a distribution: 5 %, a quarter, half, three quarters, 95 %."""
BUSY: Final = (
    "On one thread of a busy host processor time counts, otherwise the clock; two measurements with different clocks are "
    "compared by the clock."
)


def spread(value: str) -> str:
    """SQL for the columns `SPREAD` of a value."""
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    return ", ".join(f"quantile_cont({value}, {at}) AS {name}" for at, name in zip(shares, SPREAD, strict=True))


def times_as_long(one: str, other: str) -> str:
    """SQL: how many times as long as `one` the model took in `other`, both rows of `measurements`."""
    return (
        f"CASE WHEN {one}.clock = {other}.clock THEN {other}.seconds / {one}.seconds "
        f"ELSE {other}.wall_seconds / {one}.wall_seconds END"
    )


def seconds_columns(what: str) -> tuple[Column, ...]:
    """The columns `SPREAD` of seconds."""
    meanings = ("5 % take at most this", "a quarter", what, "three quarters", "95 %")
    return tuple(Column(name, meaning, "seconds", "measured") for name, meaning in zip(SPREAD, meanings, strict=True))
