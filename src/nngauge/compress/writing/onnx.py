"""ONNX files with smaller weights: weight-only by our own rewriting, activations by ONNX Runtime's quantiser.

Before anything else the file is brought to where both work: initialisers are no inputs any more (old exporters listed them
there, which stops every folding), and the operator set is at least 13, the first whose ``DequantizeLinear`` has scales for
each channel (https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html); for 4 bits it is 21.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nngauge.compress.writing._api import CALIBRATED, Done, Job, Recipe, Writer
from nngauge.engines.child import array
from nngauge.engines.loaded import Refused

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_PER_CHANNEL, _FOUR_BITS = 13, 21
"""Operator sets."""
_NEVER_INPUTS: Final = 4
"""First version of the file format whose initialisers need not be inputs."""
_WEIGHTS: Final = {"Conv": (1, 0), "ConvTranspose": (1, 1), "Gemm": (1, None), "MatMul": (1, -1), "Gather": (0, None)}
"""Input that is a weight, and its dimension of output channels; None: it depends, or one scale for all."""
_SMALLEST: Final = 64
"""Elements below which scales cost about what they save."""
_TOLD: Final = 200
"""Characters of the converter's words."""
_FLOAT, _INT4 = 1, 22
"""Numbers of ``TensorProto.DataType``."""


def build(job: Job) -> Done:
    """One file; companions with external data are read, and everything is written into one."""
    onnx = import_module("onnx")
    model = onnx.load(job.files[0])
    changes = list(_modern(model))
    notes: list[str] = []
    if _opset(model) < _least(job):
        converted = _converted(model, _least(job))
        if isinstance(converted, str):
            if _least(job) == _FOUR_BITS:
                raise Refused(f"{converted}, which 4 bits need", "failed")
            notes.append(converted)
        else:
            changes.append(f"operator set {_opset(model)} to {_least(job)}")
            model = converted
    if job.recipe in {Recipe.INT8_WEIGHTS, Recipe.INT4_WEIGHTS, Recipe.MIXED}:
        changes.append(_weight_only(model, job))
        onnx.save(model, job.output)
    elif job.recipe is Recipe.FLOAT16:
        onnx.save(_half(model), job.output)
    else:
        notes.extend(_by_runtime(model, job))
    return Done(
        tools={name: version(name) for name in ("onnx", "onnxruntime")}, changes=tuple(changes), notes=tuple(notes)
    )


def _least(job: Job) -> int:
    four = job.recipe is Recipe.INT4_WEIGHTS or any(item.bits == 4 for item in job.bits)
    return _FOUR_BITS if four else _PER_CHANNEL


def _modern(model: Any) -> Iterator[str]:
    """Initialisers out of inputs."""
    constants = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in constants]
    if len(inputs) != len(model.graph.input):
        yield f"{len(model.graph.input) - len(inputs)} initialisers were listed as inputs"
        del model.graph.input[:]
        model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, _NEVER_INPUTS)


def _opset(model: Any) -> int:
    return next((int(item.version) for item in model.opset_import if item.domain in {"", "ai.onnx"}), 1)


def _converted(model: Any, least: int) -> Any:
    """The model, or why it stays as it is: the converter has no rule for an operator."""
    converter = import_module("onnx.version_converter")
    try:
        return converter.convert_version(model, least)
    except (RuntimeError, ValueError, IndexError) as error:
        return f"operator set {_opset(model)} cannot be brought to {least} ({str(error)[:_TOLD]})"


def _weight_only(model: Any, job: Job) -> str:
    """Puts a ``DequantizeLinear`` (or a ``Cast``) behind each weight that is stored in fewer bits."""
    wanted = {item.weight: item.bits for item in job.bits}
    constants = {item.name: item for item in model.graph.initializer}
    uses: dict[str, list[tuple[Any, int]]] = {}
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            uses.setdefault(name, []).append((node, at))
    added, count = [], 0
    for name, item in list(constants.items()):
        readers = uses.get(name, [])
        axis = _axis(item, readers)
        if axis is _NOT_A_WEIGHT:
            continue
        bits = _bits(job, wanted, name)
        if bits < 32:
            added.extend(_stored(model, item, bits, axis))
            for node, at in readers:
                node.input[at] = f"{name}_float"
            count += 1
    if not count:
        raise Refused("no weight is to be stored in fewer bits")
    nodes = [*added, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return f"{count} weights"


_NOT_A_WEIGHT: Final = object()


def _axis(item: Any, readers: Sequence[tuple[Any, int]]) -> Any:
    """Dimension of output channels, None for one scale; `_NOT_A_WEIGHT` where no operator reads it as one."""
    rank = len(item.dims)
    known = [(node, *_WEIGHTS[node.op_type]) for node, at in readers if _reads(node, at)]
    elements = 1
    for dim in item.dims:
        elements *= dim
    if item.data_type != _FLOAT or rank < 2 or elements < _SMALLEST or not known or len(known) != len(readers):
        return _NOT_A_WEIGHT
    node, _, axis = known[0]
    if node.op_type == "Gemm":
        turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        return 0 if turned else 1
    if node.op_type == "ConvTranspose" and any(a.name == "group" and a.i > 1 for a in node.attribute):
        return None  # channels of each group lie in the same places
    return axis if axis is None or axis >= 0 else rank + axis


def _reads(node: Any, at: int) -> bool:
    return node.op_type in _WEIGHTS and _WEIGHTS[node.op_type][0] == at and node.domain in {"", "ai.onnx"}


def _bits(job: Job, wanted: dict[str, int], name: str) -> int:
    if job.recipe is Recipe.MIXED:
        return wanted.get(name, 32)
    return 4 if job.recipe is Recipe.INT4_WEIGHTS else 8


def _stored(model: Any, item: Any, bits: int, axis: int | None) -> list[Any]:
    """Replaces an initialiser; the operators that give its numbers as floats."""
    import numpy as np

    onnx = import_module("onnx")
    values = onnx.numpy_helper.to_array(item)
    name = item.name
    model.graph.initializer.remove(item)
    made, helper = model.graph.initializer, onnx.helper
    if bits == 16:
        made.append(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        return [helper.make_node("Cast", [f"{name}_half"], [f"{name}_float"], to=_FLOAT)]
    numbers, scales = rounded(values, bits, axis)
    if _opset(model) < _PER_CHANNEL:
        return _multiplied(model, name, numbers, scales, axis)
    if bits == 4:
        made.append(helper.make_tensor(f"{name}_int4", _INT4, values.shape, _pairs(numbers), raw=True))
    else:
        made.append(onnx.numpy_helper.from_array(numbers, f"{name}_int8"))
    made.append(onnx.numpy_helper.from_array(scales, f"{name}_scale"))
    more = {} if axis is None else {"axis": axis}
    return [helper.make_node("DequantizeLinear", [f"{name}_int{bits}", f"{name}_scale"], [f"{name}_float"], **more)]


def _multiplied(model: Any, name: str, numbers: Array, scales: Array, axis: int | None) -> list[Any]:
    """For operator sets in which ``DequantizeLinear`` has one scale for all, or does not exist."""
    onnx = import_module("onnx")
    shape = [-1 if at == axis else 1 for at in range(numbers.ndim)]
    model.graph.initializer.append(onnx.numpy_helper.from_array(numbers, f"{name}_int8"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(scales.reshape(shape), f"{name}_scale"))
    return [
        onnx.helper.make_node("Cast", [f"{name}_int8"], [f"{name}_whole"], to=_FLOAT),
        onnx.helper.make_node("Mul", [f"{name}_whole", f"{name}_scale"], [f"{name}_float"]),
    ]


def rounded(values: Array, bits: int, axis: int | None) -> tuple[Array, Array]:
    """Symmetric whole numbers and their scales, one for each channel or one in all. Zero stays zero."""
    import numpy as np

    most = 2 ** (bits - 1) - 1
    others = tuple(at for at in range(values.ndim) if at != axis) if axis is not None else None
    peak = np.abs(values).max(axis=others, keepdims=axis is not None)
    scale = np.where(peak > 0, peak / most, 1.0).astype(np.float32)
    numbers = np.clip(np.rint(values / scale), -most, most).astype(np.int8)
    return numbers, scale.reshape(-1) if axis is not None else scale.reshape(())


def _pairs(numbers: Array) -> bytes:
    """Two 4-bit numbers in a byte, the first in the low half."""
    import numpy as np

    flat = numbers.reshape(-1).astype(np.uint8) & 0xF
    if len(flat) % 2:
        flat = np.append(flat, np.uint8(0))
    return bytes((flat[::2] | flat[1::2] << 4).tobytes())


def _half(model: Any) -> Any:
    """Weights and arithmetic in 16-bit floats; inputs and outputs stay as they are."""
    made = import_module("onnxruntime.transformers.float16").convert_float_to_float16(model, keep_io_types=True)
    _sort(made.graph)
    return made


def _sort(graph: Any) -> None:
    """Operators after those whose results they read, as the format demands: the converter puts its own at the end."""
    waiting = list(graph.node)
    missing = {name for node in waiting for name in node.output if name}
    ordered: list[Any] = []
    while waiting:
        ready = [node for node in waiting if not missing.intersection(_read(node))]
        if not ready:
            raise Refused("the converted network has a loop", "failed")
        ordered.extend(ready)
        missing.difference_update(name for node in ready for name in node.output)
        waiting = [node for node in waiting if missing.intersection(node.output)]
    del graph.node[:]
    graph.node.extend(ordered)


def _read(node: Any) -> Iterator[str]:
    """Names that an operator reads, its branches and loops included."""
    yield from node.input
    for attribute in node.attribute:
        for inner in (attribute.g, *attribute.graphs):
            for one in inner.node:
                yield from _read(one)


def _by_runtime(model: Any, job: Job) -> list[str]:
    """ONNX Runtime's quantiser, on a file that its own pre-processing has folded."""
    tool = import_module("onnxruntime.quantization")
    shapes = import_module("onnxruntime.quantization.shape_inference")
    onnx = import_module("onnx")
    folder = Path(job.output).parent.parent
    modern, ready = folder / "modern.onnx", folder / "ready.onnx"
    onnx.save(model, modern)
    notes = []
    try:
        shapes.quant_pre_process(str(modern), str(ready), skip_symbolic_shape=True)
    except Exception as error:  # noqa: BLE001 - its inference is stricter than the engine; the quantiser does without
        ready = modern
        notes.append(f"constants were not folded before: {str(error)[:_TOLD]}")
    if job.recipe in CALIBRATED:
        if not job.calibration:
            raise Refused("static quantisation needs inputs that show ranges", hint="--calibration FOLDER")
        names = [item.name for item in model.graph.input]
        tool.quantize_static(
            str(ready), job.output, _reader(tool, names, job), per_channel=True,
            quant_format=tool.QuantFormat.QDQ, activation_type=tool.QuantType.QInt8, weight_type=tool.QuantType.QInt8,
        )  # fmt: skip
        return notes
    tool.quantize_dynamic(str(ready), job.output, weight_type=tool.QuantType.QUInt8)
    return notes


def _reader(tool: Any, names: Sequence[str], job: Job) -> Any:
    class Reader(tool.CalibrationDataReader):  # type: ignore[misc] # the library has no types
        """One set of inputs after another."""

        def __init__(self) -> None:
            self._sets = iter(job.calibration)

        def get_next(self) -> dict[str, Any] | None:
            feeds = next(self._sets, None)
            return None if feeds is None else dict(zip(names, map(array, feeds), strict=True))

    return Reader()


WRITER = Writer(
    name="onnx",
    title="ONNX and ONNX Runtime",
    formats=frozenset({"onnx"}),
    target="onnx",
    suffix=".onnx",
    recipes=frozenset({
        Recipe.INT8_WEIGHTS, Recipe.INT4_WEIGHTS, Recipe.INT8_DYNAMIC, Recipe.INT8_STATIC, Recipe.FLOAT16, Recipe.MIXED,
    }),
    bits=(4, 8, 16, 32),
    needs=("onnx", "onnxruntime", "numpy"),
    install='pip install "nngauge[compress]"',
    build=build,
    references=(
        "https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html",
        "https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html",
    ),
    limitations=(
        "4 bits need operator set 21: ONNX Runtime 1.18 or newer.",
        "Weights of 16 bits, and those inside of branches and loops, stay as they are with weight-only recipes.",
        "A model of more than 2 GB cannot be written into one file.",
    ),
)  # fmt: skip
