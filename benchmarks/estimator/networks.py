"""The networks that the training numbers were measured with, as layer tables in one small file.

    python -m benchmarks.estimator.networks FOLDER      # every .tflite of a folder (benchmarks/estimator/zoo.py makes them)

Only what features are made of is kept, so that profiles can be fitted again without TensorFlow.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

import nngauge
from nngauge.domain.cost import Cost, Family, Layer

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


def grouped(layers: Sequence[Layer]) -> Iterator[Layer]:
    """The layers with every split – convolutions of the parts – concatenation – scale as one grouped convolution.

    The converter of today takes them apart; the files that were measured had them whole (`convolution_2d_grouped` in QED's table
    of operations).
    """
    at = 0
    while at < len(layers):
        parts = len(layers[at].outputs) if layers[at].op == "SPLIT" else 0
        inner, after = layers[at + 1 : at + 1 + parts], at + 1 + parts
        if (
            not parts
            or any(one.family is not Family.CONVOLUTION for one in inner)
            or layers[after].op != "CONCATENATION"
        ):
            yield layers[at]
            at += 1
            continue
        scale = layers[after + 1].op == "MUL" and len(layers[after + 1].inputs) == 1
        fused = " +Relu" if scale and "+Relu" in layers[after + 1].attributes else ""
        yield replace(
            inner[0],
            inputs=layers[at].inputs,
            outputs=layers[after].outputs,
            attributes=f"{inner[0].attributes} g{parts}{fused}",
            macs=sum(one.macs for one in inner if isinstance(one.macs, int)),
            parameters=sum(one.parameters for one in inner if isinstance(one.parameters, int)),
        )
        at = after + 1 + scale


def main(folder: Path) -> None:
    """Writes the table of all models of a folder."""
    found = {}
    for path in sorted(folder.glob("*.tflite")):
        cost = nngauge.analyse_model(path, weights=False, digest=False).cost
        layers = tuple(_slim(layer) for layer in grouped(cost.layers))
        found[path.stem] = replace(cost, layers=layers, peak=None, assumptions=(), unknown=())
    data = msgspec.json.encode(found)
    FILE.write_bytes(lzma.compress(data, preset=6))
    print(f"{len(found)} networks, {len(data)} -> {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
