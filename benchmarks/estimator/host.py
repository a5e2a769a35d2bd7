"""A calibrated machine against models that were measured on it.

nngauge calibrate --device host -o host.json
for model in MODELS: nngauge measure MODEL -o out/MODEL.json
python -m benchmarks.estimator.host host.json out/*.json -o session.json     # estimates beside measurements
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Final, NamedTuple

import msgspec

import nngauge
from nngauge.domain.estimate import Estimate, NoEstimate
from nngauge.domain.measurement import Session
from nngauge.estimate import estimate
from nngauge.estimate.anchors import ANCHORS
from nngauge.estimate.calibration import Calibration, read_calibration

_TITLE: Final = "## This machine, calibrated"


class Pair(NamedTuple):
    """One model."""

    name: str
    macs: int
    measured: float
    """Milliseconds."""
    told: Estimate


def pairs(own: Calibration, folders: Sequence[Path], session: Session) -> Iterator[Pair | NoEstimate]:
    """Every measured model that lies in one of the folders with its estimate, or why there is none."""
    for one in session.measurements:
        if one.summary is None:
            continue
        found = next((folder / one.name for folder in folders if (folder / one.name).is_file()), None)
        if found is None or one.name.removesuffix(".tflite") in ANCHORS:
            continue
        analysis = nngauge.analyse_model(found, weights=False, digest=False)
        told = estimate(analysis, own.setting, calibrations=(own,))
        if isinstance(told, NoEstimate):
            yield told
        else:
            yield Pair(one.name, one.macs or 0, one.summary.steady_ns / 1e6, told)


def summary(found: Sequence[Pair]) -> str:
    """Error and coverage in one sentence."""
    errors = [abs(one.told.value / one.measured - 1) for one in found]
    inside = [one.told.low <= one.measured <= one.told.high for one in found]
    alone = [abs((one.told.baseline or 0) / one.measured - 1) for one in found]
    return (
        f"{len(found)} models: mean error {100 * mean(errors):.0f} %, median {100 * median(errors):.0f} %, "
        f"{sum(inside)} within their 90 % interval; MACs alone {100 * mean(alone):.0f} %, median {100 * median(alone):.0f} %."
    )


def section(text: str) -> str:
    """The part of the page."""
    return f"{_TITLE}\n\n{text}\n\n"


def kept(page: Path) -> str:
    """The part as it stands in the page, empty when there is none."""
    if not page.is_file():
        return ""
    found = re.search(rf"^{re.escape(_TITLE)}\n.*?(?=^## |\Z)", page.read_text(), re.MULTILINE | re.DOTALL)
    return found.group(0) if found else ""


def main() -> None:
    """Prints a table and its summary as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimator.host")
    parser.add_argument("calibration", type=Path)
    parser.add_argument(
        "--models", type=Path, action="append", required=True, help="folder of models; may be given again"
    )
    parser.add_argument("sessions", nargs="+", type=Path)
    options = parser.parse_args()
    own = read_calibration(options.calibration)
    found: list[Pair] = []
    refused: list[NoEstimate] = []
    for file in options.sessions:
        for one in pairs(own, options.models, msgspec.json.decode(file.read_bytes(), type=Session)):
            (refused if isinstance(one, NoEstimate) else found).append(one)  # type: ignore[arg-type]
    for title, wanted in (("LiteRT, the anchors' runtime", "tflite"), ("ONNX Runtime", "onnx")):
        some = [one for one in found if one.name.endswith(wanted)]
        if some:
            print(f"- {title}: {summary(some)}")
    print()
    print("| model | MACs | measured | estimated | 90 % interval | MACs alone |\n|---|---:|---:|---:|---:|---:|")
    for one in sorted(found, key=lambda pair: pair.macs):
        told = one.told
        print(
            f"| {one.name} | {one.macs / 1e6:.1f} M | {one.measured:.2f} ms | {told.value:.2f} ms | "
            f"{told.low:.2f} … {told.high:.2f} ms | {told.baseline or 0:.2f} ms |"
        )
    for reason in sorted({none.reason.value for none in refused}):
        print(f"\nrefused, {reason}: {sum(none.reason.value == reason for none in refused)}")


if __name__ == "__main__":
    main()
