"""What a TensorFlow Lite file says about the numbers that it wants: ``NormalizationOptions`` of its metadata.

Schema: https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs (field numbers are
its order).
"""

from __future__ import annotations

from typing import Final

from nngauge.errors import InputError
from nngauge.io import flatbuffer
from nngauge.io.flatbuffer import Table

_NAME: Final = "TFLITE_METADATA"
_NORMALIZATION: Final = 1
"""In the union ``ProcessUnitOptions``."""


def normalisation(content: bytes, port: int = 0) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """`(means, deviations)` of an input, by which values of 0 to 255 become what the model takes; None without metadata."""
    try:
        return _normalisation(content, port)
    except InputError:
        return None  # metadata is a courtesy: damaged, it says nothing


def _normalisation(content: bytes, port: int) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    model = flatbuffer.root(content)
    for entry in model.tables(6):
        buffers = model.tables(4)
        index = entry.integer(1, "I")
        if entry.string(0) != _NAME or index >= len(buffers):
            continue
        start, size = buffers[index].vector(0, 1)
        for unit in _units(content[start : start + size], port):
            options = unit.table(1)
            if unit.integer(0, "B") == _NORMALIZATION and options is not None:
                means, deviations = options.scalars(0, "f"), options.scalars(1, "f")
                if means and deviations and all(deviations) and len(means) <= 4 and len(deviations) <= 4:
                    return tuple(map(float, means)), tuple(map(float, deviations))
    return None


def _units(metadata: bytes, port: int) -> list[Table]:
    """Process units of one input of the main graph."""
    graphs = flatbuffer.root(metadata, identifier=b"M001").tables(3)
    inputs = graphs[0].tables(2) if graphs else []
    return inputs[port].tables(4) if port < len(inputs) else []
