"""Keras 3 models (.keras): a zip of config.json, metadata.json and model.weights.h5.

Format: https://github.com/keras-team/keras/blob/master/keras/src/saving/saving_lib.py
"""

from __future__ import annotations

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph, Tensor
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.hdf5 import SIGNATURE
from nngauge.formats._parts.json_text import MAX_JSON, JsonObject, mapping, read_object, text
from nngauge.formats._parts.keras_config import read_network, with_network
from nngauge.formats._parts.keras_weights import Weights, model_weights
from nngauge.io.binary import Buffer
from nngauge.io.source import ByteSource
from nngauge.io.zip import ZipArchive, read_zip
from nngauge.limits import MEMORY_ENTRY

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def probe(head: bytes, _size: int, name: str) -> bool:
    """A zip that begins with one of the three members, or is named as they are."""
    if head[:4] != b"PK\x03\x04":
        return False
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return first in (b"metadata.json", b"config.json", b"model.weights.h5") or name.lower().endswith(".keras")


def parse(data: ModelData) -> Graph:
    """Reads configuration and versions; see `Format.parse` for the errors."""
    if bytes(data.buf[:4]) != b"PK\x03\x04":
        raise NotThisFormat("not a zip")
    archive = read_zip(ByteSource.of_bytes(data.buf, data.name))
    config, metadata = _json(archive, _CONFIG), _json(archive, _METADATA)
    version = text(metadata.get("keras_version"))
    if not version or "class_name" not in config:
        raise NotThisFormat("configuration or Keras version is missing")
    stored = _weights(archive, data.buf)
    base = Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL,
        format_version="Keras 3",
        producer=f"Keras {version[:40]}",
        metadata=_facts(metadata, mapping(config.get("build_config"))),
        notes=() if stored is not None else ("weights are too large, or stored in a layout that is not read",),
    )
    return with_network(base, read_network(config, Weights(stored or ()), _size(archive, _CONFIG)))


def _weights(archive: ZipArchive, buf: Buffer) -> list[Tensor] | None:
    """The weights with their places in the archive, where they are stored uncompressed."""
    entry = archive.find(_WEIGHTS)
    if entry is None or archive.head(entry, 8) != SIGNATURE:
        raise MalformedError(f"{_WEIGHTS} is missing or not HDF5")
    if archive.is_stored(entry):
        start = archive.data_offset(entry)
        found = model_weights(memoryview(buf)[start : start + entry.size])
        return None if found is None else [_moved(tensor, start) for tensor in found]
    # Large weight files would have to be inflated into memory first.
    found = model_weights(archive.read(entry)) if entry.size <= MEMORY_ENTRY else None
    return None if found is None else [replace(tensor, data=None) for tensor in found]


def _moved(tensor: Tensor, start: int) -> Tensor:
    span = tensor.data
    return tensor if span is None else replace(tensor, data=replace(span, offset=span.offset + start))


def _facts(metadata: JsonObject, shapes: JsonObject) -> dict[str, str]:
    saved = text(metadata.get("date_saved"))[:40]
    shape = shapes.get("input_shape")
    sizes = [str(size) if type(size) is int else "?" for size in shape[:16]] if isinstance(shape, list) else []
    return ({"saved": saved} if saved else {}) | ({"input shape": " × ".join(sizes)} if sizes else {})


def _size(archive: ZipArchive, name: str) -> int:
    entry = archive.find(name)
    return entry.size if entry is not None else 0


def _json(archive: ZipArchive, name: str) -> JsonObject:
    entry = archive.find(name)
    if entry is None:
        raise NotThisFormat(f"a zip without {name}")
    return read_object(archive.read(entry, MAX_JSON))


FORMAT = Format(
    name="keras_v3",
    version=2,
    title="Keras 3 archive",
    suffixes=(".keras",),
    parse=parse,
    probe=probe,
    gate=(Magic(0, b"PK\x03\x04"),),
    references=("https://github.com/keras-team/keras/blob/master/keras/src/saving/saving_lib.py",),
    limitations=("compressed weight files beyond the memory bound are not read",),
)
