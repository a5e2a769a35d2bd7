"""Makes src/nngauge/estimate/cores.csv: how fast one core of each type is, for each gigahertz, against a Cortex-A76.

    python benchmarks/estimator/cores.py ../shared/latency [--write]

For phones that nobody measured networks on. From three tables, each against its own device with Cortex-A76 cores, so that runtimes
do not mix: TFLite float32 (QED's phones, MIT), Paddle Lite float32 (Apache-2.0), ncnn with one thread (BSD-3; it computes with
float16 where the core can, as one does with newer cores). The first that knows a core counts. A core that none knows is put between
its neighbours in the maker's own line (Cortex-A77 … A720, X1 … X4, A53 … A520), or beside its only neighbour, with a wider factor.

Prints how far off the rates are for devices left out.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import defaultdict
from pathlib import Path
from statistics import fmean, pstdev

from nngauge.knowledge import phones

OUT = Path(__file__).resolve().parents[2] / "src" / "nngauge" / "estimate" / "cores.csv"
Times = dict[str, float]
"""Network → milliseconds, one core."""

QED = {
    "pixel4|1large": ("cortex-a76", 2.84), "pixel4|1med": ("cortex-a76", 2.42), "pixel4|1small": ("cortex-a55", 1.78),
    "s10|1large": ("exynos-m4", 2.73), "s10|1med": ("cortex-a75", 2.31), "s10|1small": ("cortex-a55", 1.95),
    "a03s|1large": ("cortex-a53", 2.35), "a03s|1small": ("cortex-a53", 1.8), "iphone7|1large": ("hurricane", 2.34),
}  # fmt: skip
PADDLE = {
    "骁龙 865": ("cortex-a77", 2.84), "骁龙 855": ("cortex-a76", 2.84), "骁龙 845": ("cortex-a75", 2.8), "骁龙 835": ("cortex-a73", 2.45),
    "骁龙 625": ("cortex-a53", 2.0), "麒麟 990": ("cortex-a76", 2.86), "RK3399": ("cortex-a72", 1.8),
}  # fmt: skip
NCNN = {
    "Qualcomm SM8150-AC Snapdragon 855+": ("cortex-a76", 2.96), "Raspberry Pi 5 Broadcom BCM2712, Cortex-A76": ("cortex-a76", 2.4),
    "Station-M3/ROC-RK3588S-PC": ("cortex-a76", 2.4), "MediaTek Dimensity 9300": ("cortex-x4", 3.25),
    "Qualcomm SM8550-AB Snapdragon 8 Gen 2": ("cortex-x3", 3.2), "Radxa Orion O6": ("cortex-a720", 2.6),
    "NVIDIA Jetson AGX Orin": ("cortex-a78", 2.2), "MacBook Pro (13-inch, M1, 2020)": ("firestorm", 3.2),
    "OrangePicm4": ("cortex-a55", 1.8), "Station-M2": ("cortex-a55", 1.8), "Station P2": ("cortex-a55", 2.0),
    "Rock3A": ("cortex-a55", 2.0), "Raspberry Pi 4": ("cortex-a72", 1.8), "Rockchip RK3399": ("cortex-a72", 1.8),
    "Khadas VIM3": ("cortex-a73", 2.2), "Qualcomm MSM8998": ("cortex-a73", 2.45), "Qualcomm SDM660": ("cortex-a73", 2.2),
    "Kirin 970": ("cortex-a73", 2.4), "Raspberry Pi 3": ("cortex-a53", 1.4), "Arduino UNO Q": ("cortex-a53", 2.0),
    "AXERA AX630C": ("cortex-a53", 1.2), "Qualcomm MSM8916": ("cortex-a53", 1.2), "EAIDK 310": ("cortex-a53", 1.3),
    "Qualcomm MSM8994": ("cortex-a57", 2.0), "Qualcomm MSM8996 Pro": ("kryo", 2.35),
}  # fmt: skip
"""Devices whose single-thread rows ran on a core whose name and clock are known. M1: its performance cores at 3.2 GHz are A14's."""
LINES = (
    ("cortex-a57", "cortex-a72", "cortex-a73", "cortex-a75", "cortex-a76", "cortex-a77", "cortex-a78", "cortex-a710", "cortex-a715", "cortex-a720"),
    ("cortex-x1", "cortex-x2", "cortex-x3", "cortex-x4", "cortex-x925"),
    ("cortex-a53", "cortex-a55", "cortex-a510", "cortex-a520"),
    ("hurricane", "monsoon", "vortex", "lightning", "firestorm", "avalanche", "everest", "a17-p", "a18-p"),
    ("exynos-m3", "exynos-m4", "exynos-m5"),
)  # fmt: skip
"""Generations of one design line, oldest first."""
BETWEEN, BESIDE = 1.2, 1.6


def qed(path: Path) -> dict[str, Times]:
    """One core, float32."""
    rows = list(csv.DictReader(path.open()))
    return {place: {row["model"]: float(row[f"{place}|float|mean"]) / 1000 for row in rows} for place in QED}


def paddle(path: Path) -> dict[str, Times]:
    """One thread, 64-bit, dense float32."""
    found: dict[str, Times] = defaultdict(dict)
    for row in csv.DictReader(path.open()):
        if "ARMV8" in row["section"] and row["section"].split(" / ")[1].startswith("fp32") and "稠密" in row["note"]:
            found[row["soc"]].setdefault(row["model"], float(row["avg_ms"]))
    return {soc: times for soc, times in found.items() if soc in PADDLE}


def ncnn(path: Path) -> dict[str, Times]:
    """One thread, float networks, the processor."""
    found: dict[str, Times] = defaultdict(dict)
    for row in csv.DictReader(path.open()):
        name = next((start for start in NCNN if row["device"].startswith(start)), None)
        if (
            name is None
            or row["gpu_device"] != "-1"
            or row["threads"] != "1"
            or "int8" in row["model"]
            or row["powersave"] == "1"
        ):
            continue
        best = found[name].get(row["model"], math.inf)
        found[name][row["model"]] = min(best, float(row["min_ms"]))
    return dict(found)


def rates(tables: dict[str, Times], cores: dict[str, tuple[str, float]]) -> dict[str, list[tuple[str, float, float]]]:
    """Core → (device, rate, spread over networks): networks a second and gigahertz against the table's Cortex-A76 devices."""
    anchors = [device for device in tables if cores[device][0] == "cortex-a76"]
    found: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for device, times in tables.items():
        core, ghz = cores[device]
        logs = []
        for anchor in anchors:
            shared = set(times) & set(tables[anchor])
            logs += [math.log(tables[anchor][name] * cores[anchor][1] / (times[name] * ghz)) for name in shared]
        if logs:
            found[core].append((device, math.exp(fmean(logs)), math.exp(pstdev(logs))))
    return found


def mean(values: list[float]) -> float:
    """Geometric."""
    return math.exp(fmean(map(math.log, values)))


def left_out(found: dict[str, list[tuple[str, float, float]]], name: str) -> list[float]:
    """Each device against the others of its core type."""
    errors = []
    for core, cases in found.items():
        for index, (device, rate, _) in enumerate(cases):
            others = [other for position, (_, other, _) in enumerate(cases) if position != index]
            if others:
                errors.append(abs(math.log(mean(others) / rate)))
                print(f"  {name:>7} {core:>12} {device[:40]:<40} {rate:.2f} others {mean(others):.2f}")
    return errors


def main() -> None:
    """Reads, compares, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("latency", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    tables = {
        "tflite": rates(qed(asked.latency / "qed_tflite_cnn_e2e.csv"), QED),
        "paddle": rates(paddle(asked.latency / "paddle_lite_v2.11.csv"), PADDLE),
        "ncnn": rates(ncnn(asked.latency / "ncnn_benchmark_readme.csv"), NCNN),
    }
    errors = sorted(error for name, found in tables.items() for error in left_out(found, name))
    print(
        f"devices left out, {len(errors)}: median x/÷ {math.exp(errors[len(errors) // 2]):.2f}, 90th percentile {math.exp(errors[int(0.9 * len(errors))]):.2f}, worst {math.exp(errors[-1]):.2f}"
    )
    between = []
    known: dict[str, tuple[float, float, str]] = {}
    for name, found in tables.items():
        for core, cases in sorted(found.items()):
            rate = mean([case[1] for case in cases])
            if core in known:
                between.append(abs(math.log(rate / known[core][0])))
                print(f"  {core:>12} {known[core][2]} {known[core][0]:.2f}, {name} {rate:.2f}")
            else:
                known[core] = (
                    rate,
                    1.35 if len(cases) > 1 else 1.5,
                    f"{name}, {len(cases)} devices" if len(cases) > 1 else f"{name}, one device",
                )
    between.sort()
    print(
        f"another runtime, {len(between)}: median x/÷ {math.exp(between[len(between) // 2]):.2f}, worst {math.exp(between[-1]):.2f}"
    )
    for line in LINES:
        for index, core in enumerate(line):
            if core in known and "between" not in known[core][2] and "beside" not in known[core][2]:
                continue
            before = next((one for one in reversed(line[:index]) if one in known and known[one][2][0] in "tpn"), None)
            after = next((one for one in line[index + 1 :] if one in known and known[one][2][0] in "tpn"), None)
            if before and after:
                low, high = sorted((known[before][0], known[after][0]))
                known[core] = (
                    mean([low, high]),
                    math.sqrt(high / low) * BETWEEN * 1.25,
                    f"between {before} and {after}",
                )
            elif before or after:
                one = before or after or ""
                known[core] = (known[one][0], BESIDE * 1.25, f"beside {one}")
    used = {cluster.core for soc in phones.socs().values() for cluster in soc.clusters}
    print("cores of the knowledge base without a rate:", sorted(used - set(known) - {""}))
    for core, (rate, factor, basis) in sorted(known.items()):
        print(f"{core:>12} {rate:.3f} x/÷ {factor:.2f} {basis}")
    if asked.write:
        with OUT.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("core", "rate", "factor", "basis"))
            writer.writerows(
                (core, f"{rate:.4g}", f"{factor:.3g}", basis) for core, (rate, factor, basis) in sorted(known.items())
            )


if __name__ == "__main__":
    main()
