"""Core ML packages with smaller weights, by coremltools.

Works on Linux too, except for running them: whether the answers stay can only be seen on a Mac.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any, Final

from nngauge.compress.writing._api import Done, Job, Recipe, Writer

_PALETTE: Final = {Recipe.PALETTE8: 8, Recipe.PALETTE6: 6, Recipe.PALETTE4: 4}
_LEAST: Final = 512
"""Elements of the smallest weight that is stored otherwise; coremltools' own default is 2,048."""
_INT4_TARGET: Final = "iOS18"
"""First operating system whose Core ML has 4-bit whole numbers."""


def build(job: Job) -> Done:
    """An ``.mlpackage``, which is a folder."""
    coremltools = import_module("coremltools")
    model = coremltools.models.MLModel(job.files[0], skip_model_load=True)
    _program(coremltools, model, job.recipe).save(job.output)
    return Done(tools={"coremltools": version("coremltools")})


def _program(coremltools: Any, model: Any, recipe: Recipe) -> Any:
    tool = coremltools.optimize.coreml
    if recipe in _PALETTE:
        bits = tool.OpPalettizerConfig(mode="kmeans", nbits=_PALETTE[recipe], weight_threshold=_LEAST)
        return tool.palettize_weights(model, tool.OptimizationConfig(global_config=bits))
    dtype = "int4" if recipe is Recipe.INT4_WEIGHTS else "int8"
    linear = tool.OpLinearQuantizerConfig(mode="linear_symmetric", dtype=dtype, weight_threshold=_LEAST)
    return tool.linear_quantize_weights(model, tool.OptimizationConfig(global_config=linear))


WRITER = Writer(
    name="coreml-package",
    title="coremltools",
    formats=frozenset({"coreml_mlpackage"}),
    target="coreml_mlpackage",
    suffix=".mlpackage",
    recipes=frozenset({
        Recipe.INT8_WEIGHTS, Recipe.INT4_WEIGHTS, Recipe.PALETTE8, Recipe.PALETTE6, Recipe.PALETTE4,
    }),
    needs=("coremltools", "sklearn"),
    install='pip install "nngauge[coreml]"',
    build=build,
    references=("https://apple.github.io/coremltools/docs-guides/source/opt-overview.html",),
    limitations=(
        f"4-bit whole numbers need a model made for {_INT4_TARGET} or newer.",
        "Nothing runs Core ML models outside of Apple's systems: answers are not compared.",
        "Single files (.mlmodel) are left out: the quantiser that coremltools 9.0 has for them fails with NumPy 2.",
    ),
)  # fmt: skip
