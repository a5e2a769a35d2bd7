"""ncnn: float32 and float16 weights of the ``.bin`` file. Its int8 weights keep their scales behind all of them, in a form that
only its kernels know; those are left alone.

Layout: https://github.com/Tencent/ncnn/blob/master/src/modelbin.cpp.
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


FORMAT: Final = Format(
    name="ncnn",
    lattice=_lattice,
    # `ModelBinFromDataReader::load`: a flag for float16, and a table of 256 values with a byte for each weight.
    storage={"linear": (16, 8), "linear_lut": (8,), "kmeans_lut": (8,)},
)
