"""Makes the anchors that `nngauge calibrate` measures: networks of the library without their weights, a few kB each.

    python -m benchmarks.estimator.anchors FOLDER     # the .tflite files that benchmarks/estimator/zoo.py made

Weights are zeroed, which compresses to nothing; the product fills them with random numbers. Which ten: those after which the
least is unknown about all networks (`chosen`: greedy, by the posterior variance of the mixture, among networks of at most
0.8 G MACs without grouped convolutions, whose kernels have changed since).
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

import nngauge
from benchmarks.estimator.fit import Data, off
from benchmarks.estimator.model import Array
from nngauge.domain.estimate import Unit
from nngauge.domain.graph import DType, Graph
from nngauge.estimate.anchors import ANCHORS, Hole
from nngauge.estimate.calibration import mixture
from nngauge.estimate.features import FEATURES

TARGET: Final = Path(__file__).parents[2] / "src" / "nngauge" / "estimate" / "anchors_data"
LARGEST: Final = 8e8
LEAST: Final = 32
_NOISE: Final = 0.05**2


def chosen(given: Data, places: Sequence[int], count: int = 10) -> list[int]:
    """Rows of the networks to measure, from these places of the library."""
    logs = np.log(given.times[:, places])
    apart = logs - logs.mean(axis=1, keepdims=True)
    known = apart @ apart.T / len(places) + 4.0
    split = given.features[:, FEATURES.index("macs_grouped")] > 0
    able = [row for row, macs in enumerate(given.macs) if macs < LARGEST and not split[row]]
    found: list[int] = []
    for _ in range(count):
        left = {row: _unknown(known, [*found, row]) for row in able if row not in found}
        found.append(min(left, key=lambda row: left[row]))
    return found


def _unknown(known: Array, rows: Sequence[int]) -> float:
    inner = known[np.ix_(rows, rows)] + _NOISE * np.eye(len(rows))
    return -float(np.trace(known[:, rows] @ np.linalg.solve(inner, known[rows, :])))


def transferred(given: Data, *, gpu: bool, rows: Sequence[int] | None = None) -> dict[tuple[str, bool], list[float]]:
    """Errors for a phone that the library does not have, by precision and whether several cores work.

    `rows`: the anchors; None: chosen anew without the phone.
    """
    found: dict[tuple[str, bool], list[float]] = {}
    for column, place in enumerate(given.places):
        if (place.unit is Unit.GPU) is not gpu:
            continue
        others = [
            at for at, one in enumerate(given.places) if (one.unit is Unit.GPU) is gpu and one.device != place.device
        ]
        anchors = list(rows) if rows is not None else chosen(given, others)
        logs = np.log(given.times[:, others])
        mixed = mixture(logs[anchors].tolist(), np.log(given.times[anchors, column]).tolist())
        rest = [row for row in range(len(given.names)) if row not in anchors]
        value = np.exp([mixed.at(logs[row].tolist()) for row in rest])
        found.setdefault((place.precision, place.threads > 1), []).append(off(value, given.times[rest, column]))
    return found


def holes(graph: Graph) -> list[Hole]:
    """The weights of a network that are not shipped; small constants are: shapes, axes, biases."""
    found = []
    for tensor in graph.tensors:
        shape = [dim for dim in tensor.shape or () if isinstance(dim, int)]
        if tensor.data is None or tensor.dtype is not DType.FLOAT32 or len(shape) < 2 or prod(shape) < LEAST:
            continue
        fan = prod(shape[:-1]) if shape[0] == 1 else prod(shape[1:])
        found.append(Hole(tensor.data.offset, tensor.data.size // 4, fan))
    return found


def main(folder: Path) -> None:
    """Writes the ten files, and where their weights belong."""
    TARGET.mkdir(exist_ok=True)
    places = {}
    for name in ANCHORS:
        source = folder / f"{name}.tflite"
        places[name] = holes(nngauge.read_graph(source))
        data = bytearray(source.read_bytes())
        for hole in places[name]:
            data[hole.offset : hole.offset + 4 * hole.count] = bytes(4 * hole.count)
        packed = lzma.compress(bytes(data), preset=6)
        (TARGET / f"{name}.tflite.xz").write_bytes(packed)
        print(f"{name}: {len(data)} -> {len(packed)} bytes")
    (TARGET / "holes.json").write_bytes(msgspec.json.encode(places))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
