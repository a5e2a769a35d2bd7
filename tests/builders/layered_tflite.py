"""TFLite networks layer by layer, through the schema of the wheel `ai-edge-litert`; they run. Seeded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from nngauge.compress.modernise import write

Array = np.ndarray[Any, np.dtype[Any]]
KINDS = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int8": 9}


class Layers:
    """A network being made; methods return indices of tensors."""

    def __init__(self, seed: int = 1) -> None:
        self.chance = np.random.default_rng(seed)
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = b"built by hand"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self, shape: Sequence[int], dtype: str = "float32", data: Array | None = None, scale: Any = None, zero: Any = 0, axis: int = 0
    ) -> int:  # fmt: skip
        made = schema.TensorT()
        made.shape, made.type = list(shape), KINDS[dtype]
        made.name = f"t{len(self.graph.tensors)}".encode()
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data.astype(dtype)).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            made.buffer = len(self.model.buffers) - 1
        if scale is not None:
            quantization = schema.QuantizationParametersT()
            quantization.scale = np.atleast_1d(np.asarray(scale, np.float32))
            quantization.zeroPoint = np.broadcast_to(np.asarray(zero, np.int64), quantization.scale.shape).copy()
            quantization.quantizedDimension = axis
            made.quantization = quantization
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def input(self, *shape: int, dtype: str = "float32", scale: Any = None, zero: int = 0) -> int:
        self.graph.inputs.append(self.tensor(shape, dtype, scale=scale, zero=zero))
        return self.graph.inputs[-1]

    def weights(self, *shape: int) -> Array:
        return self.chance.normal(0, 0.5, shape).astype(np.float32)

    def op(self, code: int, inputs: Sequence[int], output: int, options: Any = None, kind: int = 0) -> int:
        codes = [item.builtinCode for item in self.model.operatorCodes]
        if code not in codes:
            made = schema.OperatorCodeT()
            made.builtinCode, made.deprecatedBuiltinCode, made.version = code, min(code, 127), 1
            self.model.operatorCodes.append(made)
            codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = codes.index(code), list(inputs), [output]
        operator.builtinOptions, operator.builtinOptionsType = options, kind
        self.graph.operators.append(operator)
        return output

    def shape(self, tensor: int) -> list[int]:
        return [int(dim) for dim in self.graph.tensors[tensor].shape]

    def conv(self, x: int, weight: Array, bias: Array, *, relu: bool = True, same: bool = True) -> int:
        """`weight`: output channels × height × width × input channels."""
        options = schema.Conv2DOptionsT()
        options.padding, options.strideW, options.strideH = (0 if same else 1), 1, 1
        options.fusedActivationFunction = int(relu)
        n, h, w, _ = self.shape(x)
        lost = 0 if same else weight.shape[1] - 1
        inputs = [x, self.tensor(weight.shape, data=weight), self.tensor(bias.shape, data=bias)]
        return self.op(3, inputs, self.tensor((n, h - lost, w - lost, len(weight))), options, 1)

    def depthwise(self, x: int, weight: Array, bias: Array, *, relu: bool = True) -> int:
        """`weight`: 1 × height × width × channels."""
        options = schema.DepthwiseConv2DOptionsT()
        options.padding, options.strideW, options.strideH = 0, 1, 1
        options.depthMultiplier = weight.shape[-1] // self.shape(x)[-1]
        options.fusedActivationFunction = int(relu)
        inputs = [x, self.tensor(weight.shape, data=weight), self.tensor(bias.shape, data=bias)]
        return self.op(4, inputs, self.tensor((*self.shape(x)[:-1], weight.shape[-1])), options, 2)

    def dense(self, x: int, weight: Array, bias: Array, *, relu: bool = False) -> int:
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = int(relu)
        inputs = [x, self.tensor(weight.shape, data=weight), self.tensor(bias.shape, data=bias)]
        return self.op(9, inputs, self.tensor((1, len(weight))), options, 8)

    def add(self, x: int, y: int) -> int:
        return self.op(0, (x, y), self.tensor(self.shape(x)), schema.AddOptionsT(), 11)

    def concat(self, *parts: int) -> int:
        options = schema.ConcatenationOptionsT()
        options.axis = 3
        channels = sum(self.shape(part)[-1] for part in parts)
        return self.op(2, parts, self.tensor((*self.shape(parts[0])[:-1], channels)), options, 10)

    def pad(self, x: int) -> int:
        margins = self.tensor((4, 2), "int32", np.array([[0, 0], [1, 1], [1, 1], [0, 0]]))
        n, h, w, c = self.shape(x)
        return self.op(34, (x, margins), self.tensor((n, h + 2, w + 2, c)), schema.PadOptionsT(), 22)

    def pool(self, x: int, code: int = 1) -> int:
        """Everything into one place: the mean (1) or the maximum (17)."""
        options = schema.Pool2DOptionsT()
        n, h, w, c = self.shape(x)
        options.padding, options.strideW, options.strideH, options.filterWidth, options.filterHeight = 1, 1, 1, w, h
        return self.op(code, (x,), self.tensor((n, 1, 1, c)), options, 5)

    def flatten(self, x: int) -> int:
        shape = self.shape(x)
        count = int(np.prod(shape[1:]))
        options = schema.ReshapeOptionsT()
        options.newShape = [shape[0], count]
        target = self.tensor((2,), "int32", np.array([shape[0], count]))
        return self.op(22, (x, target), self.tensor((shape[0], count)), options, 17)

    def softmax(self, x: int) -> int:
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        return self.op(25, (x,), self.tensor(self.shape(x)), options, 9)

    def done(self, *outputs: int) -> bytes:
        self.graph.outputs = list(outputs)
        return write(self.model)
