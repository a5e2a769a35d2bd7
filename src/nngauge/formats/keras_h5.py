"""Keras models and weights in HDF5 (.h5, .hdf5, .keras before Keras 3).

Attributes: https://github.com/keras-team/keras/blob/master/keras/src/legacy/saving/legacy_h5_format.py
"""

from __future__ import annotations

import json

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._hdf5 import SIGNATURE, attribute
from nngauge.formats._json_text import mapping
from nngauge.formats._keras_config import model_weights, read_layers


def parse(data: ModelData) -> Graph:
    """Reads configuration and weights; see `Format.parse` for the errors. A plain HDF5 file is not a model."""
    if bytes(data.buf[:8]) != SIGNATURE:
        raise NotThisFormat("no HDF5 signature")
    version, config = attribute(data.buf, "keras_version"), attribute(data.buf, "model_config")
    if version is None and config is None and attribute(data.buf, "layer_names") is None:
        raise NotThisFormat("an HDF5 file without Keras attributes")
    maker = f"Keras {version}" if version else "Keras"
    backend = attribute(data.buf, "backend")
    weights = model_weights(data.buf)
    notes = () if weights is not None else ("weights are stored in a layout that is not read",)
    base = Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL if weights else Completeness.STRUCTURE,
        tensors=tuple(weights or ()),
        format_version="HDF5",
        producer=f"{maker} with {backend}"[:200] if backend else maker[:200],
        notes=(*notes, "edges between layers are not read"),
    )
    if not config:
        return replace(base, notes=(*notes, "weights only: the network that uses them is not in the file"))
    try:
        parsed = mapping(json.loads(config))
    except (ValueError, RecursionError):
        raise MalformedError("model_config is not JSON") from None
    nodes, inputs = read_layers(parsed)
    first = len(base.tensors)
    return replace(
        base,
        completeness=Completeness.PARTIAL,
        nodes=nodes,
        tensors=(*base.tensors, *inputs),
        inputs=tuple(range(first, first + len(inputs))),
    )


FORMAT = Format(
    name="keras_h5",
    version=1,
    title="Keras HDF5",
    suffixes=(".h5", ".hdf5"),
    parse=parse,
    magics=(Magic(0, SIGNATURE),),
    references=("https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html",),
    limitations=("edges between layers and HDF5 layouts newer than 1.8 are not read",),
)
