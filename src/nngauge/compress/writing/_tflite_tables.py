"""Look-up tables of TFLite models in 8 bits: AI Edge Quantizer leaves the constant of a ``GATHER`` as it is, and in models of
text that table is nearly everything.

The table is stored in whole numbers with one scale, rows are looked up as such, and a ``DEQUANTIZE`` behind turns the few
that were found into floats.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

LEAST: Final = 1024
"""Elements of the smallest table that is stored otherwise."""
_GATHER, _DEQUANTIZE = 36, 6
_FLOAT32, _INT8 = 0, 9
_STEPS: Final = 127


def narrowed(model: Any, wanted: Callable[[int, int], bool]) -> int:
    """Stores tables in 8 bits, in place; how many. `wanted` is asked with sub-graph and tensor."""
    codes = [code.builtinCode for code in model.operatorCodes or ()]
    if _GATHER not in codes:
        return 0
    return sum(_graph(model, number, codes, wanted) for number in range(len(model.subgraphs)))


def _graph(model: Any, number: int, codes: list[int], wanted: Callable[[int, int], bool]) -> int:
    graph = model.subgraphs[number]
    lookups = [op for op in graph.operators if codes[op.opcodeIndex] == _GATHER]
    tables = {int(op.inputs[0]) for op in lookups}
    others = {int(index) for op in graph.operators if op not in lookups for index in op.inputs}
    chosen = {
        index for index in tables - others
        if _is_table(model, graph.tensors[index]) and index not in set(map(int, graph.outputs)) and wanted(number, index)
    }  # fmt: skip
    for index in chosen:
        _store(model, graph.tensors[index])
    ops: list[Any] = []
    for op in graph.operators:
        ops.append(op)
        if codes[op.opcodeIndex] == _GATHER and int(op.inputs[0]) in chosen:
            ops.append(_behind(model, graph, op, codes))
    graph.operators = ops
    return len(chosen)


def _is_table(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    shared = sum(other.buffer == tensor.buffer for graph in model.subgraphs for other in graph.tensors)
    return (
        tensor.type == _FLOAT32 and data is not None and len(data) >= 4 * LEAST and shared == 1
        and tensor.shape is not None and len(tensor.shape) == 2
    )  # fmt: skip


def _store(model: Any, tensor: Any) -> None:
    import numpy as np

    schema = import_module("ai_edge_litert.schema_py_generated")
    buffer = model.buffers[tensor.buffer]
    values = np.frombuffer(np.asarray(buffer.data, np.uint8).tobytes(), np.float32)
    peak = float(np.abs(values).max(initial=0.0))
    scale = peak / _STEPS if peak > 0 else 1.0
    buffer.data = np.clip(np.rint(values / scale), -_STEPS, _STEPS).astype(np.int8).view(np.uint8)
    tensor.type, tensor.quantization = _INT8, schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]


def _behind(model: Any, graph: Any, op: Any, codes: list[int]) -> Any:
    """The operator that gives what was looked up as floats, under the tensor that held it before."""
    import numpy as np

    schema = import_module("ai_edge_litert.schema_py_generated")
    if _DEQUANTIZE not in codes:
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = _DEQUANTIZE, _DEQUANTIZE, 2
        model.operatorCodes.append(code)
        codes.append(_DEQUANTIZE)
    target = int(op.outputs[0])
    old, found = graph.tensors[target], schema.TensorT()
    found.name, found.type, found.shape, found.shapeSignature = (
        old.name + b"_int8",
        _INT8,
        old.shape,
        old.shapeSignature,
    )
    found.quantization = graph.tensors[int(op.inputs[0])].quantization
    graph.tensors.append(found)
    op.outputs = np.array([len(graph.tensors) - 1], np.int32)
    made = schema.OperatorT()
    made.opcodeIndex = codes.index(_DEQUANTIZE)
    made.inputs, made.outputs = np.array(op.outputs), np.array([target], np.int32)
    return made
