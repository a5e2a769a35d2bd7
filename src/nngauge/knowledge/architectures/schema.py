"""Published architectures, in nouns. What no source tells is None or empty."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

_ATTENTION: Final = re.compile(
    r"vit|former|deit|beit|swin|eva0|cait|xcit|coat|pvt|twins|volo|hiera|pit_|tnt|nest|whisper|mambaout|sequencer|mixer|mlp|botnet|halonet"
    r"|detr|d-fine|depth-anything|video-mae|yolov1[01]|yolo26"
)


class Architecture(Struct, frozen=True, kw_only=True):
    """A published network with what it costs and how good it is."""

    name: str
    """With the tag of the training: ``mobilenetv3_large_100.ra4_e3600_r224_in1k``."""
    task: str
    """Id of a task of `nngauge.domain.task`."""
    input: str = ""
    """``224×224``."""
    metric: str = ""
    """What `score` is; only scores of the same metric compare."""
    score: float | None = None
    parameters: float | None = None
    macs: float | None = None
    """Multiply-accumulates of one inference."""
    activations: float | None = None
    """Elements that convolutions write."""
    file_bytes: int | None = None
    """Of the published file, where that is told."""
    precision: str = ""
    """Of that file."""
    extra_data: bool = False
    """Trained with more than the benchmark's own pictures: its score does not compare with those that were not."""
    source: str = ""
    """Id of a `Source`."""
    licence: str = ""
    """Of its code and weights, where it is not the source's."""

    @property
    def attention(self) -> bool:
        """It has attention, by its name: none of the networks that times were measured of has."""
        return bool(_ATTENTION.search(self.name.lower()))

    @property
    def trunk(self) -> str:
        """Its name without the tag."""
        return self.name.partition(".")[0]

    def bytes_at(self, precision: str) -> int | None:
        """Of a published file of this precision; else of the weights alone: parameters × the size of an element."""
        if self.file_bytes is not None and self.precision == precision:
            return self.file_bytes
        return None if self.parameters is None else round(self.parameters * _WIDTH.get(precision, 4))


_WIDTH: Final = {"float32": 4, "float16": 2, "int8": 1, "int4": 4.5 / 8}
"""Bytes. Four bits: with a scale of 16 bits for 32 weights, as llama.cpp's Q4_0."""


class Measured(Struct, frozen=True, kw_only=True):
    """A time that somebody measured."""

    model: str
    """An architecture's name without the tag."""
    device: str
    """Id in the knowledge base of phones."""
    unit: str
    threads: int
    precision: str
    runtime: str
    milliseconds: float
    source: str


class Method(Struct, frozen=True, kw_only=True):
    """A search for architectures, as the table of the practitioner's guide has it."""

    name: str
    top1: float
    milliseconds: float
    """On a Pixel 1."""
    gpu_hours: float | None
    model: str
    """The same network in the catalogue, empty where it is not there."""
