"""Ten small networks that a new device is calibrated with. Shipped without weights, which are made up when they are needed.

They are networks of the library `tflite-qed`, whose times on its devices are known; benchmarks/estimator/anchors.py makes them.
"""

from __future__ import annotations

import lzma
import random
from array import array
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import sqrt
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from nngauge.io.atomic import write_atomically

LIBRARY: Final = "tflite-qed"
ANCHORS: Final = (
    "fdmobilenet_wd4",
    "ghostnet",
    "mobilenet_wd2",
    "mobilenetb_w1",
    "mobilenetv2_w3d4",
    "mobilenetv2b_w3d4",
    "mobilenetv3_large_wd2",
    "mobilenetv3_small_w7d20",
    "resnet18_wd2",
    "squeezeresnet_v1_1",
)
_TILE: Final = 1 << 15
_LARGEST: Final = 64 * 2**20


class Hole(Struct, frozen=True, array_like=True):
    """Weights that are not shipped."""

    offset: int
    """In the file, bytes."""
    count: int
    """Of float32 numbers."""
    fan: int
    """Products that an output sums up."""


def write_anchors(folder: Path) -> dict[str, Path]:
    """All anchors as .tflite files in a folder that exists; their paths by name."""
    return {name: write_anchor(name, folder / f"{name}.tflite") for name in ANCHORS}


def write_anchor(name: str, file: Path) -> Path:
    """One anchor, the same bytes every time.

    Weights are uniform with the variance 2 / fan, under which activations neither vanish nor grow (He et al., Delving deep into
    rectifiers, 2015): denormal numbers would be slow.
    """
    folder = files("nngauge.estimate") / "anchors_data"
    unpacker = lzma.LZMADecompressor(memlimit=128 * 2**20)
    data = bytearray(unpacker.decompress((folder / f"{name}.tflite.xz").read_bytes(), _LARGEST))
    for hole in _holes()[name]:
        data[hole.offset : hole.offset + 4 * hole.count] = _weights(hole.count, sqrt(6.0 / hole.fan))
    write_atomically(file, [bytes(data)])
    return file


@cache
def _holes() -> Mapping[str, tuple[Hole, ...]]:
    data = (files("nngauge.estimate") / "anchors_data" / "holes.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, tuple[Hole, ...]])


@cache
def _tile() -> tuple[float, ...]:
    chance = random.Random(20261122)  # noqa: S311 - weights, no secret
    return tuple(chance.uniform(-1.0, 1.0) for _ in range(_TILE))


def _weights(count: int, largest: float) -> bytes:
    tile = array("f", (largest * value for value in _tile()[: min(count, _TILE)])).tobytes()
    return (tile * (4 * count // len(tile) + 1))[: 4 * count]
