"""TFLite files as converters wrote them years ago, made from a present one."""

from __future__ import annotations

import io
import zipfile
from importlib import import_module
from typing import Any

from nngauge.compress.modernise import read, write

DEQUANTIZE = 6


def aged(
    content: bytes,
    *,
    codes: bool = True,
    signature: bool = True,
    names: bool = True,
    half: bool = True,
    labels: bytes = b"",
) -> bytes:
    """`content` with operator codes in the deprecated field, without signature, with unnamed tensors, with 16-bit weights
    behind ``DEQUANTIZE``, and with an archive of labels behind it."""  # fmt: skip
    model = read(content)
    if half:
        _halved(model)
    if signature:
        model.signatureDefs = None
    if names:
        tensors = model.subgraphs[0].tensors
        tensors[0].name, tensors[1].name, tensors[-1].name = b"", b"twin", b"twin"
    if codes:
        for code in model.operatorCodes:
            code.deprecatedBuiltinCode, code.builtinCode = min(code.builtinCode, 127), 0
    made = write(model)
    return with_archive(made, labels) if labels else made


def with_archive(model: bytes, labels: bytes) -> bytes:
    """As the metadata writer does it: a ZIP archive appended, with offsets from the beginning of the file."""
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("labels.txt", labels)
    return file.getvalue()


def _halved(model: Any) -> None:
    """Each constant of 32-bit floats with more than one dimension is stored in 16 bits."""
    import numpy as np

    schema = import_module("ai_edge_litert.schema_py_generated")
    code = schema.OperatorCodeT()
    code.builtinCode = DEQUANTIZE
    model.operatorCodes.append(code)
    graph, added = model.subgraphs[0], []
    for index, tensor in enumerate(list(graph.tensors)):
        data = model.buffers[tensor.buffer].data
        if tensor.type != 0 or data is None or len(tensor.shape) < 2:
            continue
        buffer = schema.BufferT()
        buffer.data = np.asarray(data).view(np.float32).astype(np.float16).view(np.uint8)
        model.buffers.append(buffer)
        narrow = schema.TensorT()
        narrow.name, narrow.type, narrow.shape = tensor.name + b"_half", 1, tensor.shape
        narrow.buffer, tensor.buffer = len(model.buffers) - 1, 0
        graph.tensors.append(narrow)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs, operator.outputs = [len(graph.tensors) - 1], [index]
        added.append(operator)
    graph.operators = [*added, *graph.operators]
