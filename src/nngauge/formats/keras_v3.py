"""Keras 3 models (.keras): a zip of config.json, metadata.json and model.weights.h5.

Format: https://github.com/keras-team/keras/blob/master/keras/src/saving/saving_lib.py
"""

from __future__ import annotations

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._hdf5 import SIGNATURE
from nngauge.formats._json_text import MAX_JSON, JsonObject, mapping, read_object, text
from nngauge.formats._keras_config import model_weights, read_layers
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
    weights = archive.find(_WEIGHTS)
    if weights is None or archive.head(weights, 8) != SIGNATURE:
        raise MalformedError(f"{_WEIGHTS} is missing or not HDF5")
    nodes, inputs = read_layers({"class_name": text(config["class_name"]), "config": config.get("config")})
    shapes = mapping(config.get("build_config"))
    # Large weight files would have to be inflated into memory first.
    stored = model_weights(archive.read(weights)) if weights.size <= MEMORY_ENTRY else None
    constants = [replace(tensor, data=None) for tensor in stored or ()]
    first = len(constants)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL,
        nodes=nodes,
        tensors=(*constants, *inputs),
        inputs=tuple(range(first, first + len(inputs))),
        format_version="Keras 3",
        producer=f"Keras {version[:40]}",
        metadata=_facts(metadata, shapes),
        notes=("edges between layers are not read",) if stored else ("weights and edges between layers are not read",),
    )


def _facts(metadata: JsonObject, shapes: JsonObject) -> dict[str, str]:
    saved = text(metadata.get("date_saved"))[:40]
    shape = shapes.get("input_shape")
    sizes = [str(size) if type(size) is int else "?" for size in shape[:16]] if isinstance(shape, list) else []
    return ({"saved": saved} if saved else {}) | ({"input shape": " × ".join(sizes)} if sizes else {})


def _json(archive: ZipArchive, name: str) -> JsonObject:
    entry = archive.find(name)
    if entry is None:
        raise NotThisFormat(f"a zip without {name}")
    return read_object(archive.read(entry, MAX_JSON))


FORMAT = Format(
    name="keras_v3",
    version=1,
    title="Keras 3 archive",
    suffixes=(".keras",),
    parse=parse,
    probe=probe,
    gate=(Magic(0, b"PK\x03\x04"),),
    references=("https://github.com/keras-team/keras/blob/master/keras/src/saving/saving_lib.py",),
    limitations=("edges between layers and weight files beyond the memory bound are not read",),
)
