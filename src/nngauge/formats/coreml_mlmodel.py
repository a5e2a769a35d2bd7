"""Core ML models in one file (.mlmodel): the protobuf `Model` message and nothing else.

Specification: https://apple.github.io/coremltools/mlmodel/Format/Model.html
"""

from __future__ import annotations

from nngauge.domain.graph import Graph
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.coreml_spec import looks_like_model, read_model


def probe(head: bytes, size: int, _name: str) -> bool:
    """A specification version, then a description that fits into the file."""
    return size > 16 and looks_like_model(head)


def parse(data: ModelData) -> Graph:
    """Reads interface, metadata and the layers of neural networks; see `Format.parse` for the errors."""
    if not looks_like_model(bytes(data.buf[:64])):
        raise NotThisFormat("no specification version and description in front")
    try:
        return read_model(data.buf, FORMAT.name)
    except MalformedError as error:
        if data.name.lower().endswith(".mlmodel"):
            raise
        raise NotThisFormat(f"not a Core ML model: {error}") from None


FORMAT = Format(
    name="coreml_mlmodel",
    version=2,
    title="Core ML model",
    suffixes=(".mlmodel",),
    parse=parse,
    probe=probe,
    gate=starts(b"\x08"),
    references=("https://github.com/apple/coremltools/tree/main/mlmodel/format",),
    limitations=("networks of models that are built into the operating system are not in the file",),
)
