"""Makes the catalogue's table of networks of Qualcomm's AI Hub: src/nngauge/knowledge/architectures/hub.csv and hub_times.csv.

    python benchmarks/estimator/hub_architectures.py qai_hub_models-0.65.0-py3-none-any.whl [--write]

Scores are those that the package's authors measured of the float network, on a part of each benchmark; the metric tells how many
examples, and only scores with the same words compare. Only networks of one file, with a higher score for a better one, stand in it.
Multiply-accumulates are counted from the network files where benchmarks/estimator/npu_networks.json.xz has them; those of language
models, for one token, and their parameters from the shapes in language_models.csv. Needs PyYAML.
"""

from __future__ import annotations

import argparse
import csv
import json
import lzma
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

OUT: Final = Path(__file__).resolve().parents[2] / "src" / "nngauge" / "knowledge" / "architectures"
NETWORKS: Final = Path(__file__).with_name("npu_networks.json.xz")
SHAPES: Final = Path(__file__).with_name("language_models.csv")
SKIP: Final = {"yolox"}
"""In the catalogue by its own authors' figures."""
BENCHMARKS: Final = {
    "voc_segmentation": ("image-segmentation", "mIoU VOC 2012 ({} pictures)"),
    "cityscapes": ("image-segmentation", "mIoU Cityscapes ({} pictures)"),
    "cityscapes_low_res": ("image-segmentation", "mIoU Cityscapes at half size ({} pictures)"),
    "ade_segmentation": ("image-segmentation", "mIoU ADE20K ({} pictures)"),
    "coco_seg": ("image-segmentation", "mask mAP COCO ({} pictures)"),
    "eg1800_segmentation": ("portrait-segmentation", "mIoU EG1800 ({} pictures)"),
    "human_matting": ("portrait-segmentation", "mIoU human matting ({} pictures)"),
    "set14": ("super-resolution", "PSNR Set14 ×{scale}"),
    "nyuv2": ("depth-estimation", "δ1 NYUv2 ({} pictures)"),
    "coco_body": ("pose-estimation", "mAP COCO body ({} pictures)"),
    "coco_keypoints": ("pose-estimation", "mAP COCO keypoints ({} pictures)"),
    "coco_detector_keypoints": ("pose-estimation", "mAP COCO keypoints in given boxes ({} pictures)"),
    "coco_whole_body": ("pose-estimation", "mAP COCO whole body ({} pictures)"),
    "coco": ("object-detection", "mAP COCO ({} pictures)"),
    "coco91_class": ("object-detection", "mAP COCO, 91 classes ({} pictures)"),
    "wider_face": ("face-detection", "AP WIDER FACE ({} pictures)"),
    "lfw": ("face-recognition", "accuracy LFW ({} pairs)"),
    "kinetics400": ("action-recognition", "top-1 Kinetics-400 ({} clips)"),
}  # fmt: skip
SCALES: Final = {"esrgan": 4, "srgan": 4, "real_esrgan_x4plus": 4, "real_esrgan_general_x4v3": 4}
"""Where the checkpoint's name does not tell how much larger the picture gets."""
UNITS: Final = {"mIOU", "mAP", "mAP@0.5:0.95", "mAP@0.50", "dB", "δ1", "%"}
PLACES: Final = {
    "Samsung Galaxy S22 5G": "galaxy-s22", "Samsung Galaxy S24": "galaxy-s24", "Samsung Galaxy S25": "galaxy-s25",
    "Samsung Galaxy S26": "galaxy-s26",
}  # fmt: skip
PRECISIONS: Final = {"float": "float16", "w8a8": "int8"}


def networks(wheel: Path) -> Iterator[tuple[str, list[object]]]:
    """The package's name of each network, and its row: task, model, input, metric, score, mparams, gmacs, licence, bytes, precision."""
    with SHAPES.open() as table:
        shapes = {row["model"]: row for row in csv.DictReader(table)}
    with lzma.open(NETWORKS) as file:
        counted = json.load(file)
    macs: dict[str, list[float]] = {}
    for key, network in counted.items():
        macs.setdefault(key.partition("/")[0], []).append(network["macs"] / 1e9)
    with zipfile.ZipFile(wheel) as package:
        names = set(package.namelist())
        for name in sorted(names):
            if not re.fullmatch(r"qai_hub_models/models/[^/]+/manifest\.yaml", name):
                continue
            about = yaml.safe_load(package.read(name))
            scores = name.replace("manifest", "numerics")
            found = yaml.safe_load(package.read(scores)) if scores in names else {}
            slug = name.split("/")[2]
            metrics = found.get("metrics") or []
            row = _language(about, metrics, shapes[slug]) if slug in shapes and "vl" not in slug else None
            if slug not in SKIP and (row := row or _row(slug, about, metrics, macs.get(slug, []))):
                yield slug, row


def _language(
    about: Mapping[str, Any], metrics: list[Mapping[str, Any]], shape: Mapping[str, str]
) -> list[object] | None:
    """Of a language model: a token's multiply-accumulates without attention over what was said before."""
    score = next((one for one in metrics if one["dataset_name"] == "grace2"), None)
    if score is None:
        return None
    number = {name: int(value) for name, value in shape.items() if value and name != "model"}
    heads = (2 * number["heads"] + 2 * number["kv_heads"]) * number["head_width"]
    blocks = number["layers"] * number["embedding"] * (heads + 3 * number["feed_forward"])
    words = number["vocabulary"] * number["embedding"]
    plain = "blocks_m" not in number
    file = (about.get("runtime_technical_details") or {}).get("geniex_llamacpp") or {}
    size = re.fullmatch(r"([\d.]+) ([MG])B", str(file.get("Model Size")))
    known = size if str(file.get("Quantization Type")).startswith("Q4_0") else None
    return [
        "language-model", about["name"], "one token", f"Grace2 ({score['num_partial_samples']} graded answers)",
        float(score["partial_torch_metric"]), f"{(blocks + words * (2 - number['tied'])) / 1e6:.4g}" if plain else "",
        f"{(blocks + words) / 1e9:.4g}" if plain else "", str(about.get("license_type") or ""),
        round(float(known[1]) * {"M": 1e6, "G": 1e9}[known[2]]) if known else "", "int4" if known else "",
    ]  # fmt: skip


def _row(
    slug: str, about: Mapping[str, Any], metrics: list[Mapping[str, Any]], macs: list[float]
) -> list[object] | None:
    details = about.get("technical_details") or {}
    parameters = _millions(str(details.get("Number of parameters", "")))
    for one in metrics:
        if one["dataset_name"] in BENCHMARKS and one.get("metric_unit") in UNITS and parameters:
            task, metric = BENCHMARKS[one["dataset_name"]]
            scale = re.search(r"_(\d)x_", str(details.get("Model checkpoint")))
            metric = metric.format(one["num_partial_samples"], scale=scale[1] if scale else SCALES.get(slug))
            size = [number for number in re.findall(r"\d+", str(details.get("Input resolution"))) if int(number) > 3]
            gmacs = f"{macs[0]:.4g}" if len(macs) == 1 else ""
            score = float(one["partial_torch_metric"])
            licence = str(about.get("license_type") or "")
            return [
                task,
                about["name"].replace(".", "-"),
                "×".join(size[-2:]),
                metric,
                score,
                f"{parameters:g}",
                gmacs,
                licence,
            ]
    return None


def _millions(text: str) -> float | None:
    found = re.fullmatch(r"~?([\d.]+)\s*([KMB])", text.strip())
    return round(float(found[1]) * {"K": 1e-3, "M": 1, "B": 1e3}[found[2]], 6) if found else None


def times(wheel: Path, names: Mapping[str, str]) -> list[list[object]]:
    """Measured on neural processors: model, device, unit, threads, precision, runtime, ms, source."""
    found: list[list[object]] = []
    with zipfile.ZipFile(wheel) as package:
        for slug, name in names.items():
            measured = yaml.safe_load(package.read(f"qai_hub_models/models/{slug}/perf.yaml"))["precisions"]
            for kind, precision in PRECISIONS.items():
                parts = list(measured.get(kind, {}).get("components", {}).values())
                for device, place in PLACES.items() if len(parts) == 1 else ():
                    row = parts[0]["performance_metrics"].get(device, {}).get("tflite", {})
                    if row.get("primary_compute_unit") == "NPU":
                        value = f"{row['inference_time_milliseconds']:.4g}"
                        found.append([name, place, "npu", 1, precision, "tflite", value, "hub"])
    return sorted(found, key=lambda row: tuple(map(str, row)))


def main() -> None:
    """Reads, joins, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    rows = dict(networks(asked.wheel))
    tables: dict[str, tuple[list[str], list[list[object]]]] = {
        "hub.csv": (
            ["task", "model", "input", "metric", "score", "mparams", "gmacs", "licence", "bytes", "precision"],
            sorted(rows.values(), key=lambda row: (row[0], row[3], row[1])),
        ),
        "hub_times.csv": (
            ["model", "device", "unit", "threads", "precision", "runtime", "ms", "source"],
            times(asked.wheel, {slug: str(row[1]) for slug, row in rows.items() if row[0] != "language-model"}),
        ),
    }
    for name, (columns, lines) in tables.items():
        print(name, len(lines))
        if asked.write:
            with (OUT / name).open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([columns, *lines])


if __name__ == "__main__":
    main()
