"""What the WWW'19 study calls a DL app and a framework, in SQL over our facts.

Xu et al., A First Look at Deep Learning Apps on Smartphones, WWW 2019, sections 3.2 and 4.1. Theirs: strings of 16 frameworks
in native code, classes of one in Java code, generic words for engines of one's own; each find was confirmed by hand. Ours:
rules with evidence, for the same frameworks and for those that came later; nothing is confirmed by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.domain.detection import Category
from nngauge.domain.technology import Grade

FRAMEWORKS: Final[Mapping[str, tuple[str, ...]]] = {
    "TensorFlow": ("tensorflow", "tensorflow-mobile"),
    "TFLite": ("tflite", "litert"),
    "Caffe": ("caffe",),
    "Caffe2": ("caffe2",),
    "MxNet": ("mxnet",),
    "DeepLearning4J": ("dl4j",),
    "ncnn": ("ncnn",),
    "OpenCV": ("opencv-dnn",),
    "FeatherCNN": ("feathercnn",),
    "PaddlePaddle": ("paddle", "paddle-lite"),
    "xNN": ("xnn",),
    "superid": ("superid",),
    "Parrots": ("sensetime",),
    "MACE": ("mace",),
    "SNPE": ("snpe",),
    "CNNDroid": ("cnndroid",),
    "CoreML": ("coreml",),
    "Chainer": (),
    "CNTK": (),
    "Torch": (),
    "PyTorch": ("pytorch-mobile",),
}
"""The lines of its Table 2, in their order → our rules."""
FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    "TensorFlow": ("tf_graph", "tf_saved_model"),
    "TFLite": ("tflite",),
    "Caffe": ("caffe",),
    "Caffe2": ("caffe2",),
    "ncnn": ("ncnn",),
}
"""Frameworks whose models it could read → our formats."""
OWN: Final = "no lib"
"""An AI component with an engine of its own, without any known framework in the app."""
LATER: Final = "later frameworks"
"""Runtimes that the study does not know."""
ITEMISED: Final = ("TensorFlow", "TFLite", "ncnn", "Caffe", "Parrots", "Caffe2")
"""The frameworks that Figure 4 shows one by one; others of Table 2 are its "other lib"."""


def listed(names: tuple[str, ...]) -> str:
    """Names of ours as SQL: ``'a', 'b'``."""
    return ", ".join(f"'{name}'" for name in names)


def case(column: str, meanings: Mapping[str, tuple[str, ...]], otherwise: str) -> str:
    """SQL that turns our ids into the study's names."""
    lines = " ".join(f"WHEN {column} IN ({listed(ids)}) THEN '{name}'" for name, ids in meanings.items() if ids)
    return f"CASE {lines} ELSE {otherwise} END"


_NATIVE: Final = listed((Grade.LIBRARY.value, Grade.EMBEDDED.value, Grade.PACKED.value))
_JAVA: Final = ("dl4j", "cnndroid")
"""Frameworks that are Java code, as in the study."""

DL: Final = f"""found AS (SELECT snapshot, nth, latest, package, edition, app, technology, library_bytes, host, grade,
    {case("technology", FRAMEWORKS, f"CASE category WHEN '{Category.RUNTIME.value}' THEN '{LATER}' ELSE '{OWN}' END")} AS framework
    FROM technologies WHERE (category IN ('{Category.RUNTIME.value}', '{Category.SDK.value}') AND grade IN ({_NATIVE}))
        OR (technology IN ({listed(_JAVA)}) AND grade = '{Grade.DEFINED.value}')),
dl AS (SELECT edition, any_value(app) AS app, bool_or(framework <> '{OWN}') AS with_framework FROM found GROUP BY edition)"""
"""To be put behind WITH: `found`, one row an edition and framework in it, and `dl`, one row a DL app: edition, app,
with_framework. `framework` is the study's name, `LATER` or `OWN` (which counts as "no lib" where there is no framework)."""
COUNTING: Final = (
    "DL app: native code of a neural-network runtime is in the package, as a library of its own, inside another one or packed "
    "(Java classes for DeepLearning4J and CNNdroid), or that of an AI component with an engine of its own"
)
DL_APP: Final = "DL app: native code of a framework, or of an AI component with an engine of its own, is in the package"
"""The same in short, for parts after the one that says it in full."""
DIFFERS: Final = (
    "The study confirmed each app by hand; here rules decide, a runtime that nothing calls counts as well, and runtimes and "
    "components that came later count too. `nngauge study diff` counts runtimes only, without engines of components."
)
