"""TensorFlow Lite: scales of integer weights lie in ``Tensor.quantization``.

Schema: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs (field numbers below are its order).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nngauge.analyse.optimisation.scopes import Scope
from nngauge.compress.patching._api import Format, Lattice, fitting
from nngauge.io import flatbuffer

if TYPE_CHECKING:
    from nngauge.compress.subject import Subject

_SUBGRAPHS, _TENSORS, _QUANTIZATION, _SCALE, _ZERO, _AXIS = 2, 0, 4, 2, 3, 6
_MOST: Final = 1 << 16
"""Scales of one tensor."""


def _lattice(subject: Subject, number: int, scope: Scope, index: int) -> Lattice | None:
    graphs = flatbuffer.root(subject.files[0].content).tables(_SUBGRAPHS)
    tensors = graphs[number].tables(_TENSORS) if number < len(graphs) else []
    table = tensors[index].table(_QUANTIZATION) if index < len(tensors) else None
    if table is None or table.vector(_SCALE, 4)[1] > _MOST:
        return None
    scales = tuple(float(value) for value in table.scalars(_SCALE, "f"))
    zeros = table.ints(_ZERO, "q")
    tensor = scope.tensor(index)
    return fitting(scales, zeros, table.integer(_AXIS, "i"), tensor.shape or () if tensor else ())


FORMAT: Final = Format(
    name="tflite",
    lattice=_lattice,
    # https://ai.google.dev/edge/litert/models/quantization_spec; kernels take int4 in fully connected and convolution.
    storage={"linear": (16, 8, 4)},
)
