"""The measured times: QED's table of 102 networks on four phones."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from benchmarks.estimator.networks import SHARED
from nngauge.domain.estimate import Unit

_PHONES: Final = {
    "pixel4": ("pixel-4", "sm8150", "Google Pixel 4"),
    "s10": ("galaxy-s10", "exynos-9820", "Samsung Galaxy S10"),
    "a03s": ("galaxy-a03s", "mt6765", "Samsung Galaxy A03s"),
    "iphone7": ("iphone-7", "apple-a10", "Apple iPhone 7"),
}
_UNITS: Final = {"large": Unit.BIG, "med": Unit.MIDDLE, "small": Unit.LITTLE}
_PRECISIONS: Final = {"float": "float32", "quant": "int8"}
_FAMILIES: Final = (
    (r"efficientnet_edge", "efficientnet-edge"),
    (r"(fd)?mobilenetb?_", "mobilenet"),
    (r"mobilenetv2", "mobilenetv2"),
    (r"mobilenetv3", "mobilenetv3"),
    (r"proxyless", "proxylessnas"),
    (r"regnet", "regnet"),
    (r"(se)?(pre)?resnet", "resnet"),
    (r"resnext", "resnext"),
    (r"squeeze", "squeezenet"),
)
"""Wider than the authors' names: all ResNets with two-layer and three-layer blocks, with and without squeeze-and-excitation,
are one family, so that leaving a family out leaves nothing like it in."""


class Place(NamedTuple):
    """One column of the table."""

    column: str
    device: str
    soc: str
    title: str
    unit: Unit
    threads: int
    precision: str
    cores: str


def family(name: str) -> str:
    """Networks that are left out together."""
    for pattern, found in _FAMILIES:
        if re.match(pattern, name):
            return found
    found = re.match("[a-z]+", name)
    return found.group(0) if found else name


def qed() -> tuple[Sequence[Place], Mapping[str, Sequence[float]]]:
    """The columns, and network → milliseconds in each of them."""
    with (SHARED / "latency" / "qed_tflite_cnn_e2e.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = [name.removesuffix("|mean") for name in rows[0] if name.endswith("|mean")]
    times = {row["model"]: [float(row[f"{name}|mean"]) / 1e3 for name in columns] for row in rows}
    return [_place(column) for column in columns], times


def _place(column: str) -> Place:
    phone, cores, precision = column.split("|")
    device, soc, title = _PHONES[phone]
    kinds = re.findall(r"(\d)(large|med|small)", cores)
    unit = Unit.GPU if cores == "gpu" else _UNITS[kinds[0][1]]
    threads = 1 if cores == "gpu" else sum(int(count) for count, _ in kinds)
    return Place(column, device, soc, title, unit, threads, _PRECISIONS[precision], cores)
