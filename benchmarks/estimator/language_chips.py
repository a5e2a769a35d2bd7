"""What is known of the chips that have rows of language models, as `nngauge.estimate.language_chips` takes it.

Memory and cores are the knowledge base's. How fast a neural processor runs networks is measured: the middle, over all networks,
precisions and runtimes of ``npu_rows.csv.xz`` that both ran, of a Galaxy S25's time ÷ its time.
"""

from __future__ import annotations

import csv
import io
import lzma
import math
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from statistics import median
from typing import Final

from benchmarks.estimator.npu_rows import HERE
from nngauge.estimate import npu
from nngauge.estimate.language_chips import MEMORY, SPEED, Figures, figures
from nngauge.knowledge import phones

BASE: Final = "Samsung Galaxy S25"
FEWEST: Final = 50
"""Networks that both must have run."""
CHIPS: Final = {
    "Samsung Galaxy S25": "sm8750-ac", "Samsung Galaxy S26": "sm8850-ad", "Snapdragon X Elite CRD": "x1e78100",
    "Snapdragon X2 Elite CRD": "sc8480xp", "Dragonwing IQ-9075 EVK": "qcs9075", "Arduino VENTUNO Q": "qcs8275",
    "SA8255P ADP": "sa8255p", "SA8295P ADP": "sa8295p", "OnePlus 12": "sm8650", "Samsung Galaxy S24": "sm8650",
    "Samsung Galaxy S22": "sm8450", "Google Pixel 10": "tensor-g5", "iPhone 17 Pro": "apple-a19-pro", "iPhone SE 3": "apple-a15",
}  # fmt: skip
"""The catalogue calls the X2 only Elite: that has 152 GB/s, the Extreme 228."""


@cache
def processors() -> dict[str, float]:
    """Chip → speed of its neural processor, of the S25's."""
    times: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    with lzma.open(HERE / "npu_rows.csv.xz") as packed:
        for row in csv.DictReader(io.TextIOWrapper(packed, "utf-8")):
            if row["unit"] == "NPU" and row["ms"]:
                times[row["device"]][row["network"], row["precision"], row["runtime"]] = float(row["ms"])
    known = {device.name: device.chips for device in npu.profile().devices}
    found = {}
    for device, chips in known.items():
        ratios = [times[BASE][key] / ms for key, ms in times[device].items() if key in times[BASE]]
        if len(ratios) >= FEWEST:
            found |= dict.fromkeys(chips, round(median(ratios), 3))
    return dict(sorted(found.items()))


def known_of(device: str, unit: str) -> Figures:
    """The device's chip. Raises `ValueError` for one without a peak of its memory."""
    found = figures(phones.socs()[CHIPS[device]], unit, processors())
    if found is None:
        raise ValueError(f"{device}: the memory of {CHIPS[device]} is not in the knowledge base")
    return found


def logarithms(device: str, place: str) -> tuple[float, float]:
    """Of memory and speed; where the speed is not known, and with GPUs, the memory stands for it."""
    unit = place.split("/")[1]
    found = known_of(device, unit)
    memory = math.log(found.memory / MEMORY)
    return memory, memory if found.speed is None else math.log(found.speed / SPEED[unit])


def range_of(devices: Iterable[str], unit: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Lowest and highest memory and speed."""
    known = [known_of(device, unit) for device in devices]
    speeds = [one.speed for one in known if one.speed is not None]
    memory = [one.memory for one in known]
    return (min(memory), max(memory)), (min(speeds), max(speeds))
