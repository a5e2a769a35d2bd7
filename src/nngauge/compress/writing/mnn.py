"""MNN files, by the C extension of MNN's converter: smaller weights, or from another format.

``MNN.tools`` is never imported: that package installs others and sends what it did to its makers. The extension module
``_tools`` beside it has the converter alone.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final

from nngauge.compress.writing._api import Done, Job, Recipe, Writer
from nngauge.engines.loaded import Refused

_FRAMEWORKS: Final = {".mnn": "MNN", ".onnx": "ONNX", ".tflite": "TFLITE"}
_OPTIONS: Final[dict[Recipe, tuple[str, ...]]] = {
    Recipe.CONVERT: (),
    Recipe.FLOAT16: ("--fp16",),
    Recipe.INT8_WEIGHTS: ("--weightQuantBits", "8"),
    Recipe.INT4_WEIGHTS: ("--weightQuantBits", "4"),
}
_INSTALL: Final = 'pip install "nngauge[mnn]"'


def build(job: Job) -> Done:
    """The converter's own words are on standard error; it says by its result whether it worked."""
    framework = _FRAMEWORKS.get(Path(job.files[0]).suffix.lower())
    if framework is None:
        raise Refused(f"the file has to be called {', '.join(_FRAMEWORKS)}")
    words = ["mnnconvert", "-f", framework, "--modelFile", job.files[0], "--MNNModel", job.output]
    options = _OPTIONS[job.recipe]
    worked = import_module("_tools").mnnconvert([*words, "--bizCode", "nngauge", *options])
    if not worked or not Path(job.output).is_file():
        raise Refused("the converter refused the model; it says why only on standard error", "failed")
    return Done(tools={"MNN": version("MNN")}, changes=(" ".join(("mnnconvert", "-f", framework, *options)),))


WRITER = Writer(
    name="mnn",
    title="MNN converter",
    formats=frozenset({"mnn"}),
    target="mnn",
    suffix=".mnn",
    recipes=frozenset({Recipe.FLOAT16, Recipe.INT8_WEIGHTS, Recipe.INT4_WEIGHTS}),
    needs=("MNN", "_tools"),
    install=_INSTALL,
    build=build,
    references=("https://mnn-docs.readthedocs.io/en/latest/tools/convert.html",),
    limitations=("No bits by weight, no calibration.",),
)
EXPORTER = Writer(
    name="mnn-export",
    title="MNN converter",
    formats=frozenset({"onnx", "tflite"}),
    target="mnn",
    suffix=".mnn",
    recipes=frozenset({Recipe.CONVERT, Recipe.FLOAT16, Recipe.INT8_WEIGHTS, Recipe.INT4_WEIGHTS}),
    needs=("MNN", "_tools"),
    install=_INSTALL,
    build=build,
    references=("https://mnn-docs.readthedocs.io/en/latest/tools/convert.html",),
)
