"""Makes src/nngauge/estimate/power.csv: what a core takes at each clock, from three public sources.

    python benchmarks/estimator/power_curves.py ../shared/power --freqbench CHECKOUT/results [--write]

Without --write it only prints how well the sources agree with each other, which is the ground of the interval of modelled energy.

- wattson: Perfetto's power curves (Apache-2.0), milliwatts at the chip's rails: active + static of one core alone. Where a curve
  depends on the clock of something else (shared cache, memory), the median over those clocks.
- pixel: power profiles of Pixel phones (Apache-2.0), milliamperes of one core × 3.85 V (the nominal voltage of their batteries).
  Two of them (redfin, barbet) hold the sum of the six small cores where their sister (bramble) with the same chip holds one: six
  times its numbers; they are divided.
- freqbench: measured at the battery's gauge under CoreMark (MIT): mean power of one core, less the idle phone's. Results with impossible numbers are dropped, and those that their authors call of low accuracy.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections import defaultdict
from pathlib import Path
from statistics import median

from nngauge.knowledge import phones

VOLTS = 3.85
ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "src" / "nngauge" / "estimate" / "power.csv"
Curve = dict[float, float]
"""MHz → milliwatts of one core."""
Key = tuple[str, int]
"""Chip and cluster, 0 the fastest."""

WATTSON = {
    "Tensor": ("tensor-g1", {"6": 0, "4": 1, "0": 2}), "Tensor_G4": ("tensor-g4", {"7": 0, "4": 1, "0": 2}),
    "SM8750": ("sm8750", {"6": 0, "0": 1}), "MT6897": ("mt6897", {"7": 0, "4": 1, "0": 2}),
}  # fmt: skip
"""Chips whose policies the knowledge base can tell apart; of others (G5, MT6858, SXR2230P …) it does not know the cores."""
UNNAMED = {
    "Tensor_G5": ("tensor-g5", {"7": 0, "5": 1, "2": 1, "0": 2}), "MT6858": ("mt6858", {"4": 0, "0": 1}),
    "SXR2230P": ("sxr2230p", {"2": 0, "0": 1}), "monaco": ("monaco", {"0": 0}), "neo": ("neo", {"0": 0}),
}  # fmt: skip
PIXEL = {
    "flame": "sm8150", "bramble": "sm7250", "redfin": "sm7250", "sunfish": "sm7150-ab", "sargo": "sdm670", "blueline": "sdm845",
    "walleye": "msm8998", "sailfish": "msm8996-pro", "oriole": "tensor-g1", "shiba": "tensor-g3",
}  # fmt: skip
FREQBENCH = {
    "gs101": "tensor-g1", "gs201": "tensor-g2", "zuma": "tensor-g3", "zumapro": "tensor-g4", "sm7150ab": "sm7150-ab",
    "sm7150ac": "sm7150-ac", "sm8150ac": "sm8150-ac", "sm8250ac": "sm8250-ac", "sm7250ab": "sm7250", "sm6150ac": "sm6150-ac",
    "exynos7904": "exynos-7904", "exynos9611": "exynos-9611", "mt6853t": "mt6853t", "mt6768": "mt6769-g80",
}  # fmt: skip
LEFT_OUT = {"exynos5250", "exynos7880", "msm8996", "t8103", "msm8917", "msm8940", "mt6768"}
"""Of low accuracy by their authors' own word (the first three), no phone, three times what the same core takes in 20 other chips,
and one in another unit."""


def wattson(folder: Path) -> dict[Key, Curve]:
    """Milliwatts at the rails, one core and what its cluster takes besides."""
    found: dict[Key, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for chip, (soc, policies) in (WATTSON | UNNAMED).items():
        for kind in ("1d", "2d"):
            path = folder / f"{chip}__cpu_{kind}.csv"
            if path.exists():
                for row in csv.DictReader(path.open()):
                    value = float(row["static"]) + float(row["active"])
                    found[soc, policies[row["policy"]]][float(row["freq_khz"]) / 1000].append(value)
    return {key: {mhz: median(values) for mhz, values in curve.items()} for key, curve in found.items()}


def graphics(folder: Path) -> dict[Key, Curve]:
    """Of the graphics units (their clocks are in hertz or kilohertz) and of the tensor unit, cluster by cluster of requests."""
    found: dict[Key, Curve] = {}
    for chip, soc in (("Tensor", "tensor-g1"), ("Tensor_G5", "tensor-g5")):
        rows = list(csv.DictReader((folder / f"{chip}__gpu.csv").open()))
        scale = 1e6 if max(float(row["freq_khz"]) for row in rows) > 1e8 else 1e3
        found[soc, -1] = {
            float(row["freq_khz"]) / scale: float(row["active"]) for row in rows if float(row["freq_khz"])
        }
    rows = [row for row in csv.DictReader((folder / "Tensor_G5__tpu.csv").open()) if float(row["active"]) > 0]
    by_clock: dict[float, list[float]] = defaultdict(list)
    for row in rows:
        by_clock[float(row["freq"])].append(float(row["active"]))
    found["tensor-g5", -2] = {mhz: median(values) for mhz, values in by_clock.items()}
    return found


def pixel(path: Path) -> dict[Key, Curve]:
    """Milliamperes × nominal voltage."""
    rows: dict[tuple[str, int], dict[float, float]] = defaultdict(dict)
    cpus: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in csv.DictReader(path.open()):
        key = row["device_codename"], int(row["cluster"])
        rows[key][float(row["freq_khz"]) / 1000] = float(row["power_ma"])
        cpus[key].add(row["cpu"])
    found: dict[Key, Curve] = {}
    for (device, cluster), curve in rows.items():
        if device not in PIXEL:
            continue
        clusters = max(number for name, number in rows if name == device)
        summed = device in {"redfin", "barbet"} and cluster == 0
        share = len(cpus[device, cluster]) if summed else 1
        key = PIXEL[device], clusters - cluster
        found.setdefault(key, {mhz: amperes * VOLTS / share for mhz, amperes in curve.items()})
    return found


def freqbench(folder: Path) -> dict[Key, Curve]:
    """Measured at the battery: active minus idle."""
    found: dict[Key, Curve] = {}
    for path in sorted(folder.glob("*/main/results.json")):
        name = path.parts[-3]
        soc = FREQBENCH.get(name, name)
        if name in LEFT_OUT or soc not in phones.socs():
            continue
        cpus = json.loads(path.read_text())["cpus"]
        for rank, cpu in enumerate(sorted(cpus, key=int, reverse=True)):
            curve = {}
            for khz, step in cpus[cpu]["freqs"].items():
                power = step["active"]["power_mean"]  # less the idle phone's power already
                if 5 < power < 10_000:
                    curve[float(khz) / 1000] = power
            if len(curve) > 3:
                found[soc, rank] = curve
    return found


def at(curve: Curve, mhz: float) -> float | None:
    """Between the two clocks around it, in logarithms; None more than a tenth outside."""
    clocks = sorted(curve)
    if not clocks[0] * 0.9 <= mhz <= clocks[-1] * 1.1:
        return None
    low = max((clock for clock in clocks if clock <= mhz), default=clocks[0])
    high = min((clock for clock in clocks if clock >= mhz), default=clocks[-1])
    if low == high:
        return curve[low]
    part = math.log(mhz / low) / math.log(high / low)
    return math.exp((1 - part) * math.log(curve[low]) + part * math.log(curve[high]))


def agreement(sources: dict[str, dict[Key, Curve]]) -> None:
    """Ratios of two sources for the same cores at the top clock both know."""
    names = list(sources)
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            ratios = []
            for key in sorted(set(sources[first]) & set(sources[second])):
                top = min(max(sources[first][key]), max(sources[second][key]))
                one, other = at(sources[first][key], top), at(sources[second][key], top)
                if one and other:
                    ratios.append((one / other, key, top, one, other))
            for ratio, key, top, one, other in ratios:
                print(
                    f"  {first}/{second} {key[0]:>10} cluster {key[1]} {top:6.0f} MHz {one:7.0f} / {other:7.0f} mW = {ratio:.2f}"
                )
            if ratios:
                logs = sorted(abs(math.log(ratio)) for ratio, *_ in ratios)
                print(
                    f"{first} / {second}: {len(ratios)} clusters, median x/÷ {math.exp(median(logs)):.2f}, worst {math.exp(logs[-1]):.2f}"
                )


def core_of(key: Key) -> str:
    """The core's name, empty where the knowledge base has none."""
    clusters = phones.socs()[key[0]].clusters
    return clusters[key[1]].core if 0 <= key[1] < len(clusters) else ""


def scaling(sources: dict[str, dict[Key, Curve]]) -> list[float]:
    """How far off the same core type of other chips is, at the top clock: the ground for chips without a curve."""
    merged: dict[Key, list[Curve]] = defaultdict(list)
    for curves in sources.values():
        for key, curve in curves.items():
            merged[key].append(curve)
    errors = []
    for key, curves in merged.items():
        core = core_of(key)
        if not core:
            continue
        top = median(max(curve) for curve in curves)
        own = [value for curve in curves if (value := at(curve, top))]
        others = [
            value for other, others_curves in merged.items() if other[0] != key[0] and core_of(other) == core
            for curve in others_curves if (value := at(curve, top))
        ]  # fmt: skip
        if own and others:
            mean_own = math.exp(sum(map(math.log, own)) / len(own))
            mean_others = math.exp(sum(map(math.log, others)) / len(others))
            errors.append(math.log(mean_others / mean_own))
            print(
                f"  {core:>12} of {key[0]:>10} {top:6.0f} MHz: own {mean_own:7.0f}, other chips {mean_others:7.0f} mW = {mean_others / mean_own:.2f}"
            )
    spread = sorted(map(abs, errors))
    print(
        f"same core on another chip: {len(spread)} cases, median x/÷ {math.exp(median(spread)):.2f}, 90th percentile {math.exp(spread[int(0.9 * len(spread))]):.2f}, worst {math.exp(spread[-1]):.2f}"
    )
    return spread


def main() -> None:
    """Reads, compares, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--freqbench", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    sources = {"wattson": wattson(asked.shared / "wattson"), "pixel": pixel(asked.shared / "pixel_power_profiles.csv")}
    if asked.freqbench:
        sources["freqbench"] = freqbench(asked.freqbench)
    agreement(sources)
    scaling(sources)
    sources["wattson"] |= graphics(asked.shared / "wattson")
    rows = [
        (source, soc, cluster, core_of((soc, cluster)), ";".join(f"{mhz:.0f}:{milliwatts:.4g}" for mhz, milliwatts in sorted(curve.items())))
        for source, curves in sources.items() for (soc, cluster), curve in sorted(curves.items())
    ]  # fmt: skip
    print(f"{len(rows)} curves of {len({row[1] for row in rows})} chips")
    if asked.write:
        with OUT.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("source", "soc", "cluster", "core", "milliwatts"))
            writer.writerows(rows)


if __name__ == "__main__":
    main()
