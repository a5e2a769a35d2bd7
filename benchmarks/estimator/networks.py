"""The networks that the training numbers were measured with, as layer tables in one small file.

    python -m benchmarks.estimator.networks FOLDER      # every .tflite of a folder (benchmarks/estimator/zoo.py makes them)

Only what features are made of is kept, so that profiles can be fitted again without TensorFlow.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

import nngauge
from nngauge.domain.cost import Cost, Layer

FILE: Final = Path(__file__).parent / "networks.json.xz"
SHARED: Final = Path(__file__).parents[3] / "shared"


def networks(file: Path = FILE) -> Mapping[str, Cost]:
    """Name → cost with its layers."""
    return msgspec.json.decode(lzma.decompress(file.read_bytes()), type=dict[str, Cost])


def ncnn_networks() -> Iterator[tuple[str, Cost]]:
    """The topologies of ncnn's own benchmark."""
    for path in sorted((SHARED / "models" / "ncnn_benchmark_param").glob("*.param")):
        yield path.stem, nngauge.analyse_model(path, weights=False, digest=False).cost


def _slim(layer: Layer) -> Layer:
    return replace(
        layer,
        name="",
        index=0,
        weight_bytes=None,
        read_bytes=0,
        note="" if not layer.note.startswith("computed") else layer.note,
    )


def main(folder: Path) -> None:
    """Writes the table of all models of a folder."""
    found = {}
    for path in sorted(folder.glob("*.tflite")):
        cost = nngauge.analyse_model(path, weights=False, digest=False).cost
        layers = tuple(_slim(layer) for layer in cost.layers)
        found[path.stem] = replace(cost, layers=layers, peak=None, assumptions=(), unknown=())
    data = msgspec.json.encode(found)
    FILE.write_bytes(lzma.compress(data, preset=6))
    print(f"{len(found)} networks, {len(data)} -> {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
