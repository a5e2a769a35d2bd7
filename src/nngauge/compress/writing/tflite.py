"""TFLite files with smaller weights, by ``ai-edge-quantizer`` after our own pre-pass (`nngauge.compress.modernise`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from nngauge.compress.modernise import Modernised, append, archive_start, modernise, read, write
from nngauge.compress.writing._api import CALIBRATED, Done, Job, Recipe, Writer
from nngauge.compress.writing._tflite_tables import narrowed
from nngauge.engines.child import array
from nngauge.engines.loaded import Refused

_ALL: Final = "*"
_FLOATS: Final = {0: "float32", 1: "float16"}
_STORED: Final = {**_FLOATS, 9: "int8", 17: "int4", 19: "int2", 3: "uint8", 7: "int16"}
"""Numbers of ``TensorType`` in the schema."""
_DEFAULT: Final = "min_max_uniform_quantize"
_CAST: Final = "float_casting"
_TABLES: Final = frozenset(
    {Recipe.INT8_WEIGHTS, Recipe.INT4_WEIGHTS, Recipe.INT8_DYNAMIC, Recipe.INT4_DYNAMIC, Recipe.MIXED}
)
"""Recipes that store look-up tables in 8 bits: see `_tflite_tables`."""
_NOTHING: Final = (
    "nngauge shrink leaves out what is not needed; nngauge show MODEL --layers tells how weights are stored"
)
_CONVOLUTIONS: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "FULLY_CONNECTED", "EMBEDDING_LOOKUP")


def build(job: Job) -> Done:
    """Pre-pass, quantiser, and the archive behind the model again."""
    content = Path(job.files[0]).read_bytes()
    made = modernise(content)
    tables = 0
    if job.recipe in _TABLES:
        model = read(made.content)
        if tables := narrowed(model, _wanted(job, made)):
            archived = append(write(model), made.content, archive_start(made.content))
            made = replace(
                made,
                content=archived,
                changes=(*made.changes, f"{tables} look-up table{'s' if tables > 1 else ''} in 8 bits"),
            )
    recipe = _recipe(job, made)
    if not recipe and not tables:
        raise Refused("no weight is to be stored in fewer bits", hint="see nngauge show MODEL --layers")
    written = made.content
    if recipe and not (before := _stored(written)):
        raise Refused(f"nothing to make smaller: {_told(before)}", hint=_NOTHING)
    if recipe:
        quantizer = import_module("ai_edge_quantizer.quantizer")
        tool = quantizer.Quantizer(bytearray(made.content), recipe)
        ranges = tool.calibrate(_calibration(job, made.content), num_threads=2) if job.recipe in CALIBRATED else None
        result = tool.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
        written = append(bytes(result.quantized_model), made.content, archive_start(made.content))
    stored = _stored(written)
    if not tables and stored == _stored(made.content):
        raise Refused(f"nothing to make smaller: {_told(stored)}", hint=_NOTHING)
    Path(job.output).write_bytes(written)
    tools = {name: version(name) for name in ("ai-edge-quantizer", "ai-edge-litert")}
    return Done(tools=tools, changes=(*made.changes, _told(stored)), notes=tuple(_kept_wider(job, stored)))


def _wanted(job: Job, made: Modernised) -> Callable[[int, int], bool]:
    """Is a table to be stored in 8 bits? A plan says it of each, otherwise all are."""
    if job.recipe is not Recipe.MIXED:
        return lambda _graph, _tensor: True
    narrow = {
        made.moved.get((item.graph, item.tensor), (item.graph, item.tensor)) for item in job.bits if item.bits <= 8
    }
    return lambda graph, tensor: (graph, tensor) in narrow


def _recipe(job: Job, made: Modernised) -> list[dict[str, Any]]:
    """The quantiser's words for it. Of rules that fit an operator the last one that its kernels can do holds."""
    rules = import_module("ai_edge_quantizer.recipe_manager").RecipeManager()
    match job.recipe:
        case Recipe.INT8_WEIGHTS:
            rules.add_weight_only_config(".*", _ALL, 8)
        case Recipe.INT4_WEIGHTS:
            rules.add_weight_only_config(".*", _ALL, 8)
            rules.add_weight_only_config("", _ALL, 4)
        case Recipe.INT8_DYNAMIC:
            rules.add_dynamic_config(".*", _ALL, 8)
        case Recipe.INT4_DYNAMIC:
            rules.add_dynamic_config(".*", _ALL, 8)
            rules.add_dynamic_config("", _ALL, 4)
        case Recipe.INT8_STATIC | Recipe.INT16_STATIC:
            rules.add_static_config(".*", _ALL, 8 if job.recipe is Recipe.INT8_STATIC else 16, 8)
            for port in ("INPUT", "OUTPUT"):  # the app goes on feeding and reading floats
                rules.add_quantization_config("", port, None, "no_quantize")
        case Recipe.FLOAT16:
            for operator in _CONVOLUTIONS:
                rules.add_weight_only_config(".*", operator, 16, algorithm_key=_CAST)
        case Recipe.MIXED:
            _mixed(rules, job, made)
        case _:
            raise Refused(f"no recipe {job.recipe} for TFLite")
    return list(rules.get_quantization_recipe())


def _mixed(rules: Any, job: Job, made: Modernised) -> None:
    """A rule for each operator that reads a weight of the plan."""
    scope = import_module("ai_edge_quantizer.utils.tfl_flatbuffer_utils").get_op_scope
    model = read(made.content)
    for wanted in job.bits:
        number, tensor = made.moved.get((wanted.graph, wanted.tensor), (wanted.graph, wanted.tensor))
        if number >= len(model.subgraphs):
            raise Refused(f"the model has no sub-graph {number}")
        if wanted.bits >= 32:
            continue
        graph = model.subgraphs[number]
        for op in graph.operators:
            if tensor not in op.inputs:
                continue
            name = re.escape(scope(op, graph.tensors))
            if wanted.bits == 16:
                for operator in _CONVOLUTIONS:
                    rules.add_weight_only_config(f"^{name}$", operator, 16, algorithm_key=_CAST)
                continue
            rules.add_weight_only_config(f"^{name}$", _ALL, 8)
            if wanted.bits < 8:
                rules.add_weight_only_config(f"^(?:{name})$", _ALL, wanted.bits)


def _calibration(job: Job, content: bytes) -> dict[str, Sequence[dict[str, Any]]]:
    """Inputs by the names that the first sub-graph's signature gives them."""
    if not job.calibration:
        raise Refused(
            "static quantisation needs inputs that show the ranges of activations", hint="--calibration FOLDER"
        )
    model = read(content)
    signature = next(item for item in model.signatureDefs if item.subgraphIndex == 0)
    names = {int(item.tensorIndex): item.name.decode() for item in signature.inputs}
    ports = [names[int(index)] for index in model.subgraphs[0].inputs]
    return {
        signature.signatureKey.decode(): [dict(zip(ports, map(array, feeds), strict=True)) for feeds in job.calibration]
    }


def _stored(content: bytes) -> Counter[str]:
    """Bytes of weights by element type: constants of two dimensions and more."""
    model, seen, found = read(content), set[int](), Counter[str]()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data if tensor.buffer < len(model.buffers) else None
            if data is None or tensor.type not in _STORED or tensor.shape is None or len(tensor.shape) < 2:
                continue
            if tensor.buffer not in seen:
                seen.add(int(tensor.buffer))
                found[_STORED[tensor.type]] += len(data)
    return found


def _told(stored: Counter[str]) -> str:
    if not stored:
        return "no constant of two dimensions in numbers"
    total = sum(stored.values())
    shares = [f"{100 * size / total:.0f} % {name}" for name, size in stored.most_common() if size > 0.005 * total]
    return f"weights: {', '.join(shares)}"


def _kept_wider(job: Job, stored: Counter[str]) -> Iterator[str]:
    """What was not stored as narrow as asked, as far as the sums tell."""
    asked = {Recipe.INT4_WEIGHTS: 4, Recipe.INT4_DYNAMIC: 4}.get(job.recipe, 0)
    if asked == 4 and stored["int8"]:
        yield f"{stored['int8']:,} bytes are in 8 bits: the quantiser has no 4 bits for those operators (depthwise convolutions)"
    floats = stored["float32"] + (stored["float16"] if job.recipe is not Recipe.FLOAT16 else 0)
    if job.recipe is not Recipe.MIXED and floats > 0.1 * sum(stored.values()):
        yield f"{floats:,} bytes of weights are still floats: the quantiser does not know their operators"


WRITER = Writer(
    name="tflite",
    title="AI Edge Quantizer",
    formats=frozenset({"tflite"}),
    target="tflite",
    suffix=".tflite",
    recipes=frozenset({
        Recipe.INT8_WEIGHTS, Recipe.INT4_WEIGHTS, Recipe.INT8_DYNAMIC, Recipe.INT4_DYNAMIC, Recipe.INT8_STATIC,
        Recipe.INT16_STATIC, Recipe.FLOAT16, Recipe.MIXED,
    }),
    bits=(4, 8, 16, 32),
    needs=("ai_edge_quantizer", "ai_edge_litert", "numpy"),
    install='pip install "nngauge[compress]"',
    build=build,
    references=("https://github.com/google-ai-edge/ai-edge-quantizer",),
    limitations=(
        "No 4 bits for depthwise convolutions: they get 8.",
        "Runtimes older than the quantiser may refuse 4-bit weights: an app's own library has to be tried.",
    ),
)  # fmt: skip
