"""Makes the catalogue of image classifiers and the table of measured times: src/nngauge/knowledge/architectures/.

    python benchmarks/estimator/architectures.py TIMM/results ../shared/latency [--write]

imagenet.csv: every classifier of pytorch-image-models' results (Apache-2.0) up to 20 GMACs, joined with its benchmark tables for
parameters, MACs and activations. ``extra`` marks those that were trained with more pictures than ImageNet's 1.28 million.
measured.csv: times of catalogue networks in QED's tables (MIT; TFLite, 2022) and in Qualcomm AI Hub's (BSD-3). Only networks whose
definition is known to be the same stand in it: names are mapped by hand.
"""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "src" / "nngauge" / "knowledge" / "architectures"
MOST_GMACS = 20.0
EXTRA = re.compile(
    r"in22k|in21k|in12k|jft|ig1b|yfcc|laion|clip|openai|webli|seer|swag|m30m|m38m|datacomp|dfn|cc12m|sail_in22k|lvd"
)
QED = {
    "mobilenetv2_w1": "mobilenetv2_100", "mobilenetv2_wd2": "mobilenetv2_050", "mobilenetv3_large_w1": "mobilenetv3_large_100",
    "mobilenetv3_small_w1": "mobilenetv3_small_100", "mobilenetv3_small_w3d4": "mobilenetv3_small_075",
    "mobilenetv3_small_wd2": "mobilenetv3_small_050", "mobilenet_w1": "mobilenetv1_100", "resnet18": "resnet18",
    "regnetx002": "regnetx_002", "regnetx004": "regnetx_004", "regnetx006": "regnetx_006", "regnetx008": "regnetx_008",
    "regnetx016": "regnetx_016", "regnety002": "regnety_002", "regnety004": "regnety_004", "regnety006": "regnety_006",
    "regnety008": "regnety_008", "regnety016": "regnety_016", "mnasnet_b1": "mnasnet_100", "mnasnet_a1": "semnasnet_100",
    "fbnet_cb": "fbnetc_100", "spnasnet": "spnasnet_100", "ghostnet": "ghostnet_100", "densenet121": "densenet121",
    "densenet169": "densenet169", "dla46c": "dla46_c", "hrnet_w18_small_v1": "hrnet_w18_small", "hrnet_w18_small_v2": "hrnet_w18_small_v2",
    "efficientnet_edge_small_b": "tf_efficientnet_es", "efficientnet_edge_medium_b": "tf_efficientnet_em",
    "efficientnet_edge_large_b": "tf_efficientnet_el",
}  # fmt: skip
AIHUB = {
    "mobilenet_v2": "mobilenetv2_100", "mobilenet_v3_large": "mobilenetv3_large_100", "mobilenet_v3_small": "mobilenetv3_small_100",
    "resnet18": "resnet18", "resnet50": "resnet50", "resnet101": "resnet101", "regnet_y_800mf": "regnety_008",
    "convnext_tiny": "convnext_tiny", "convnext_base": "convnext_base", "densenet121": "densenet121", "inception_v3": "inception_v3",
    "resnext50": "resnext50_32x4d", "wideresnet50": "wide_resnet50_2", "efficientnet_b0": "efficientnet_b0",
    "yolox": "YOLOX-s",
}  # fmt: skip
PLACES = {
    "pixel4|1large": ("pixel-4", "big core", 1), "pixel4|gpu": ("pixel-4", "gpu", 1), "pixel4|1small": ("pixel-4", "little core", 1),
    "s10|1large": ("galaxy-s10", "big core", 1), "s10|gpu": ("galaxy-s10", "gpu", 1), "a03s|1large": ("galaxy-a03s", "big core", 1),
    "a03s|4large": ("galaxy-a03s", "big core", 4), "a03s|gpu": ("galaxy-a03s", "gpu", 1), "iphone7|1large": ("iphone-7", "big core", 1),
    "iphone7|gpu": ("iphone-7", "gpu", 1),
}  # fmt: skip
HUB = {
    "Samsung Galaxy S24": "galaxy-s24",
    "Samsung Galaxy S25": "galaxy-s25",
    "Snapdragon X Elite CRD": "snapdragon-x-elite-crd",
}


def imagenet(results: Path) -> list[tuple[object, ...]]:
    """Name with tag, input, top-1, parameters and activations in millions, GMACs, trained with more than ImageNet."""
    cost: dict[tuple[str, str], dict[str, str]] = {}
    for path in sorted(results.glob("benchmark-infer*.csv")):
        for row in csv.DictReader(path.open()):
            if row.get("infer_gmacs"):
                cost.setdefault((row["model"].split(".")[0], row["infer_img_size"]), row)
    found: list[tuple[object, ...]] = []
    for row in csv.DictReader((results / "results-imagenet.csv").open()):
        name, _, tag = row["model"].partition(".")
        known = cost.get((name, row["img_size"]))
        if name.startswith("test_") or known is None or float(known["infer_gmacs"]) > MOST_GMACS:
            continue
        extra = "1" if EXTRA.search(tag) else ""
        found.append(
            (
                row["model"],
                row["img_size"],
                row["top1"],
                known["param_count"],
                known["infer_gmacs"],
                known["infer_macts"],
                extra,
            )
        )
    return sorted(found, key=lambda one: (str(one[0]), int(str(one[1]))))


def measured(latency: Path) -> list[tuple[object, ...]]:
    """Architecture without tag, device, unit, threads, precision, runtime, milliseconds, source."""
    found: list[tuple[object, ...]] = []
    for row in csv.DictReader((latency / "qed_tflite_cnn_e2e.csv").open()):
        if row["model"] in QED:
            for place, (device, unit, threads) in PLACES.items():
                for column, precision in (("float", "float32"), ("quant", "int8")):
                    if value := row.get(f"{place}|{column}|mean"):
                        found.append(
                            (
                                QED[row["model"]],
                                device,
                                unit,
                                threads,
                                precision,
                                "tflite",
                                f"{float(value) / 1000:.4g}",
                                "qed",
                            )
                        )
    best: dict[tuple[str, str, str], float] = {}
    for row in csv.DictReader((latency / "qai_hub_models_v0.46.1.csv").open()):
        if row["model"] in AIHUB and row["device"] in HUB and row["runtime"] == "tflite" and row["unit"] == "NPU":
            if row["precision"] not in {"float", "w8a8"}:
                continue
            key = AIHUB[row["model"]], HUB[row["device"]], {"float": "float16", "w8a8": "int8"}[row["precision"]]
            best[key] = best.get(key, 0.0) + float(row["latency_ms"])
    for (name, device, precision), value in best.items():
        found.append((name, device, "npu", 1, precision, "tflite", f"{value:.4g}", "aihub"))
    return sorted(found, key=lambda one: tuple(map(str, one)))


def main() -> None:
    """Reads, joins, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("latency", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    tables = {
        "imagenet.csv": (
            ("model", "input", "top1", "mparams", "gmacs", "mactivations", "extra"),
            imagenet(asked.results),
        ),
        "measured.csv": (
            ("model", "device", "unit", "threads", "precision", "runtime", "ms", "source"),
            measured(asked.latency),
        ),
    }
    for name, (columns, rows) in tables.items():
        print(name, len(rows))
        if asked.write:
            with (OUT / name).open("w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows(rows)


if __name__ == "__main__":
    main()
