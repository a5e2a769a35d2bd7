"""Formats whose float weights lie as plain bytes in the file: OpenVINO's ``.bin``, ONNX Runtime's ``.ort``, MNN, ExecuTorch.

Their integer weights are left alone: scales lie in places of their own (``FakeQuantize`` and ``Multiply`` nodes, ``IDSTQuan``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nngauge.analyse.optimisation.scopes import Scope
from nngauge.compress.patching._api import Format, Lattice

if TYPE_CHECKING:
    from nngauge.compress.subject import Subject


def _lattice(subject: Subject, number: int, scope: Scope, index: int) -> Lattice | None:
    del subject, number, scope, index
    return None


FORMATS: Final = (
    # A Convert behind float16 constants; int8 and int4 with a Subtract and a Multiply, as nncf writes them.
    Format(name="openvino", lattice=_lattice, storage={"linear": (16, 8, 4)}),
    Format(name="ort", lattice=_lattice, storage={"linear": (16, 8, 4)}),
    # `IDSTQuan`: asymmetric with a scale for each output channel, 2 to 8 bits; float16 by a flag.
    Format(name="mnn", lattice=_lattice, storage={"linear": (16, 8, 4)}),
    Format(name="executorch", lattice=_lattice, storage={"linear": (16, 8, 4)}),
)
