"""Keras models and weights in HDF5 (.h5, .hdf5, .keras before Keras 3).

Attributes: https://github.com/keras-team/keras/blob/master/keras/src/legacy/saving/legacy_h5_format.py
"""

from __future__ import annotations

import json

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.hdf5 import SIGNATURE, attribute
from nngauge.formats._parts.json_text import mapping
from nngauge.formats._parts.keras_config import read_network, with_network
from nngauge.formats._parts.keras_weights import Weights, model_weights


def parse(data: ModelData) -> Graph:
    """Reads configuration and weights; see `Format.parse` for the errors. A plain HDF5 file is not a model."""
    if bytes(data.buf[:8]) != SIGNATURE:
        raise NotThisFormat("no HDF5 signature")
    version, config = attribute(data.buf, "keras_version"), attribute(data.buf, "model_config")
    if version is None and config is None and attribute(data.buf, "layer_names") is None:
        raise NotThisFormat("an HDF5 file without Keras attributes")
    maker = f"Keras {version}" if version else "Keras"
    backend = attribute(data.buf, "backend")
    stored = model_weights(data.buf)
    notes = () if stored is not None else ("weights are stored in a layout that is not read",)
    base = Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL if stored else Completeness.STRUCTURE,
        tensors=tuple(stored or ()),
        format_version="HDF5",
        producer=f"{maker} with {backend}"[:200] if backend else maker[:200],
        notes=notes,
    )
    if not config:
        return replace(base, notes=(*notes, "weights only: the network that uses them is not in the file"))
    try:
        parsed = mapping(json.loads(config))
    except (ValueError, RecursionError):
        raise MalformedError("model_config is not JSON") from None
    return with_network(base, read_network(parsed, Weights(stored or ()), len(config)))


FORMAT = Format(
    name="keras_h5",
    version=2,
    title="Keras HDF5",
    suffixes=(".h5", ".hdf5"),
    parse=parse,
    magics=(Magic(0, SIGNATURE),),
    references=("https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html",),
    limitations=("HDF5 layouts newer than 1.8 are not read",),
)
