"""Writes TFLite models layer by layer, in the precisions that converters offer. Shapes are real, weights are made up.

Schema: https://github.com/tensorflow/tensorflow/blob/v2.16.1/tensorflow/lite/schema/schema.fbs
"""

from __future__ import annotations

import enum
import math
import random
import struct
from functools import cache
from typing import Final

from examples.builders.flat import Fields, flatbuffer

TILE: Final = 1 << 16
"""Made-up weights in a row; every tensor begins somewhere in it and goes round."""
SPREAD, LARGEST = 0.05, 0.25
FLOAT32, FLOAT16, INT32, UINT8, INT64, INT8 = 0, 1, 2, 3, 4, 9
ADD, AVERAGE_POOL, CONCATENATION, CONV, DEPTHWISE, DEPTH_TO_SPACE, DEQUANTIZE = 0, 1, 2, 3, 4, 5, 6
FULLY_CONNECTED, L2_NORMALIZATION, LOGISTIC, RESHAPE, RESIZE_BILINEAR, SOFTMAX, TANH = 9, 11, 14, 22, 23, 25, 28
CUSTOM, GATHER, MEAN, LSTM, TRANSPOSE_CONV, QUANTIZE = 32, 36, 40, 44, 67, 114
RELU, RELU6, TANH_ACTIVATION = 1, 3, 4
_SIZES: Final = {FLOAT32: 4, FLOAT16: 2, INT8: 1}
Shape = tuple[int, ...]
_FIXED: Final = {
    SOFTMAX: (1 / 256, -128),
    LOGISTIC: (1 / 256, -128),
    TANH: (1 / 128, 0),
    L2_NORMALIZATION: (1 / 128, 0),
}
"""Scale and zero point that these have in int8: https://ai.google.dev/edge/litert/models/quantization_spec"""


class Form(enum.StrEnum):
    """What post-training conversion did to a model."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    DYNAMIC = "dynamic"
    INT8 = "int8"


def _scale(scale: float, zero: int) -> Fields:
    return {2: ("f", [scale]), 3: ("q", [zero])}


@cache
def _tile(kind: int) -> bytes:
    noise = random.Random(20260801)
    values = [max(-LARGEST, min(LARGEST, noise.gauss(0.0, SPREAD))) for _ in range(TILE)]
    if kind == INT8:
        return struct.pack(f"<{TILE}b", *(round(value / LARGEST * 127) for value in values))
    return struct.pack(f"<{TILE}{'e' if kind == FLOAT16 else 'f'}", *values)


def weights(kind: int, count: int, start: int) -> bytes:
    """`count` values of the tile from `start` on, in one of three types: the same numbers whatever the type."""
    size, tile = _SIZES[kind], _tile(kind)
    first = start % TILE * size
    turned = tile[first:] + tile[:first]
    return (turned * (count // TILE + 1))[: count * size]


class Network:
    """A network being written; methods take and return indices of tensors."""

    def __init__(self, form: Form, seed: int) -> None:
        self.form, self.seed = form, seed
        self._tensors: list[Fields] = []
        self._shapes: list[Shape] = []
        self._buffers: list[Fields] = [{}]
        self._codes: list[tuple[int, str]] = []
        self._operators: list[Fields] = []
        self._inputs: list[int] = []

    # --- tensors ---

    def input(self, shape: Shape, name: str, kind: int | None = None) -> int:
        """An input; its type follows from the form where none is given."""
        self._inputs.append(self._tensor(shape, name, self._activation() if kind is None else kind))
        return self._inputs[-1]

    def shape(self, index: int) -> Shape:
        """The shape of a tensor."""
        return self._shapes[index]

    def _activation(self) -> int:
        return INT8 if self.form is Form.INT8 else FLOAT32

    def _tensor(self, shape: Shape, name: str, kind: int, data: bytes | None = None, *, variable: bool = False) -> int:
        fields: Fields = {0: ("i", list(shape)), 1: ("b", kind), 2: ("I", 0), 3: name}
        if data is not None:
            self._buffers.append({0: data})
            fields[2] = ("I", len(self._buffers) - 1)
        if kind == INT8:
            fields[4] = _scale(LARGEST / 127, 0) if data is not None else _scale(0.0235, -128)
        if variable:
            fields[5] = ("?", True)
        self._tensors.append(fields)
        self._shapes.append(shape)
        return len(self._tensors) - 1

    def _weight(self, shape: Shape, name: str) -> int:
        kind = {Form.FLOAT32: FLOAT32, Form.FLOAT16: FLOAT16}.get(self.form, INT8)
        start = random.Random(f"{self.seed}/{name}").randrange(TILE)
        made = self._tensor(shape, name, kind, weights(kind, math.prod(shape), start))
        if self.form is not Form.FLOAT16:
            return made
        return self._operator(DEQUANTIZE, (made,), shape, f"{name}_dequantize", kind=FLOAT32)

    def _bias(self, count: int, name: str) -> int:
        kind = INT32 if self.form is Form.INT8 else FLOAT32
        return self._tensor((count,), name, kind, bytes(4 * count))

    def numbers(self, values: list[int], name: str) -> int:
        """A constant of small integers: a shape, a size, axes."""
        return self._tensor((len(values),), name, INT32, struct.pack(f"<{len(values)}i", *values))

    def floats(self, shape: Shape, name: str) -> int:
        """A constant that stays float32 whatever the form: anchors."""
        return self._tensor(shape, name, FLOAT32, weights(FLOAT32, math.prod(shape), 0))

    def plain(self, source: int, name: str) -> int:
        """As floats again, where the form made integers of it."""
        if self.form is not Form.INT8:
            return source
        return self._operator(DEQUANTIZE, (source,), self.shape(source), name, kind=FLOAT32)

    # --- operations ---

    def _operator(
        self,
        code: int,
        inputs: tuple[int, ...],
        shape: Shape,
        name: str,
        *,
        options: tuple[int, Fields] | None = None,
        kind: int | None = None,
        custom: str = "",
    ) -> int:
        made = self._tensor(shape, name, self._activation() if kind is None else kind)
        if code in _FIXED and 4 in self._tensors[made]:
            self._tensors[made][4] = _scale(*_FIXED[code])
        self.operator(code, inputs, (made,), options=options, custom=custom)
        return made

    def operator(
        self,
        code: int,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        *,
        options: tuple[int, Fields] | None = None,
        custom: str = "",
        settings: bytes = b"",
    ) -> None:
        """Any operation; `options` are the number of their table in the schema's union, and its fields."""
        if (code, custom) not in self._codes:
            self._codes.append((code, custom))
        fields: Fields = {0: ("I", self._codes.index((code, custom))), 1: ("i", list(inputs)), 2: ("i", list(outputs))}
        if options:
            fields |= {3: ("B", options[0]), 4: options[1]}
        if settings:
            fields[5] = settings
        self._operators.append(fields)

    def conv(
        self, source: int, width: int, name: str, *, size: int = 3, stride: int = 1, activation: int = RELU6
    ) -> int:
        """A convolution with its bias, padded to the same size."""
        batch, height, broad, depth = self.shape(source)
        weight = self._weight((width, size, size, depth), f"{name}/kernel")
        made = (batch, -(-height // stride), -(-broad // stride), width)
        fields: Fields = {0: ("b", 0), 1: ("i", stride), 2: ("i", stride), 3: ("b", activation)}
        return self._operator(
            CONV, (source, weight, self._bias(width, f"{name}/bias")), made, name, options=(1, fields)
        )

    def depthwise(self, source: int, name: str, *, size: int = 3, stride: int = 1) -> int:
        """A convolution of each channel by itself."""
        batch, height, broad, depth = self.shape(source)
        weight = self._weight((1, size, size, depth), f"{name}/depthwise_kernel")
        made = (batch, -(-height // stride), -(-broad // stride), depth)
        fields: Fields = {0: ("b", 0), 1: ("i", stride), 2: ("i", stride), 3: ("i", 1), 4: ("b", RELU6)}
        taken = (source, weight, self._bias(depth, f"{name}/bias"))
        return self._operator(DEPTHWISE, taken, made, name, options=(2, fields))

    def upsample(self, source: int, width: int, name: str) -> int:
        """A transposed convolution that doubles the resolution."""
        batch, height, broad, depth = self.shape(source)
        made = (batch, 2 * height, 2 * broad, width)
        weight = self._weight((width, 2, 2, depth), f"{name}/kernel")
        fields: Fields = {0: ("b", 0), 1: ("i", 2), 2: ("i", 2)}
        taken = (self.numbers(list(made), f"{name}/shape"), weight, source)
        return self._operator(TRANSPOSE_CONV, taken, made, name, options=(49, fields))

    def resize(self, source: int, height: int, broad: int, name: str) -> int:
        """Bilinear scaling."""
        batch, _, _, depth = self.shape(source)
        taken = (source, self.numbers([height, broad], f"{name}/size"))
        return self._operator(
            RESIZE_BILINEAR, taken, (batch, height, broad, depth), name, options=(15, {3: ("?", True)})
        )

    def shuffle(self, source: int, block: int, name: str) -> int:
        """Depth to space."""
        batch, height, broad, depth = self.shape(source)
        made = (batch, height * block, broad * block, depth // block**2)
        return self._operator(DEPTH_TO_SPACE, (source,), made, name, options=(94, {0: ("i", block)}))

    def dense(self, source: int, width: int, name: str, *, activation: int = 0) -> int:
        """A fully connected layer."""
        weight = self._weight((width, self.shape(source)[-1]), f"{name}/kernel")
        taken = (source, weight, self._bias(width, f"{name}/bias"))
        made = (*self.shape(source)[:-1], width)
        return self._operator(FULLY_CONNECTED, taken, made, name, options=(8, {0: ("b", activation)}))

    def add(self, first: int, second: int, name: str) -> int:
        """A residual connection."""
        return self._operator(ADD, (first, second), self.shape(first), name, options=(11, {0: ("b", 0)}))

    def mean(self, source: int, name: str) -> int:
        """The mean over all positions: (1, h, w, c) or (1, t, c) becomes (1, c)."""
        shape = self.shape(source)
        axes = self.numbers(list(range(1, len(shape) - 1)), f"{name}/axes")
        return self._operator(MEAN, (source, axes), (shape[0], shape[-1]), name, options=(27, {0: ("?", False)}))

    def reshape(self, source: int, shape: Shape, name: str) -> int:
        """The same numbers in another shape."""
        taken = (source, self.numbers(list(shape), f"{name}/shape"))
        return self._operator(RESHAPE, taken, shape, name, options=(17, {0: ("i", list(shape))}))

    def concat(self, sources: tuple[int, ...], axis: int, name: str) -> int:
        """Side by side along `axis`."""
        shapes = [self.shape(source) for source in sources]
        made = tuple(sum(s[n] for s in shapes) if n == axis else size for n, size in enumerate(shapes[0]))
        return self._operator(CONCATENATION, sources, made, name, options=(10, {0: ("i", axis)}))

    def lookup(self, tokens: int, rows: int, width: int, name: str) -> int:
        """A row of a table for each token."""
        table = self._weight((rows, width), f"{name}/embeddings")
        made = (*self.shape(tokens), width)
        return self._operator(GATHER, (table, tokens), made, name, options=(23, {0: ("i", 0)}), kind=FLOAT32)

    def lstm(self, source: int, width: int, name: str) -> int:
        """A recurrent layer over (1, t, c) in floats, with whatever weights the form has; 24 inputs, as the schema says.

        Without peepholes, projection and normalisation. A full-integer model gives it floats and takes them back.
        """
        shape, depth = (*self.shape(source)[:-1], width), self.shape(source)[-1]
        source = self.plain(source, f"{name}/floats")
        gates = ("input", "forget", "cell", "output")
        into = [self._weight((width, depth), f"{name}/{gate}/kernel") for gate in gates]
        back = [self._weight((width, width), f"{name}/{gate}/recurrent") for gate in gates]
        bias = [self._tensor((width,), f"{name}/{gate}/bias", FLOAT32, bytes(4 * width)) for gate in gates]
        state = [self._tensor((1, width), f"{name}/{which}", FLOAT32, variable=True) for which in ("hidden", "memory")]
        taken = (source, *into, *back, -1, -1, -1, *bias, -1, -1, *state, -1, -1, -1, -1)
        made = self._operator(LSTM, taken, shape, name, options=(71, {1: ("b", TANH_ACTIVATION)}), kind=FLOAT32)
        return self._operator(QUANTIZE, (made,), shape, f"{name}/quantized") if self.form is Form.INT8 else made

    def simple(self, code: int, source: int, name: str) -> int:
        """An operation that keeps the shape: softmax, logistic, tanh, normalisation."""
        options: tuple[int, Fields] | None = (9, {0: ("f", 1.0)}) if code == SOFTMAX else None
        return self._operator(code, (source,), self.shape(source), name, options=options)

    def custom(
        self,
        word: str,
        sources: tuple[int, ...],
        shapes: tuple[Shape, ...],
        name: str,
        *,
        kind: int = FLOAT32,
        settings: bytes = b"",
    ) -> tuple[int, ...]:
        """An operation of the runtime's user, such as TFLite_Detection_PostProcess; `settings` are a FlexBuffer."""
        made = tuple(self._tensor(shape, f"{name}:{at}", kind) for at, shape in enumerate(shapes))
        self.operator(CUSTOM, sources, made, custom=word, settings=settings)
        return made

    # --- the file ---

    def done(self, *outputs: int, description: str = "MLIR Converted.") -> bytes:
        """The model as a file."""
        graph: Fields = {
            0: self._tensors, 1: ("i", self._inputs), 2: ("i", list(outputs)), 3: self._operators, 4: "main",
        }  # fmt: skip
        codes = [self._code(code, custom) for code, custom in self._codes]
        buffers = [*self._buffers, {0: b"2.14.0".ljust(16, b"\0")}]
        metadata = [{0: "min_runtime_version", 1: ("I", len(buffers) - 1)}]
        root: Fields = {0: ("I", 3), 1: codes, 2: [graph], 3: description, 4: buffers, 6: metadata}
        return flatbuffer(root, b"TFL3")

    def _code(self, code: int, custom: str) -> Fields:
        fields: Fields = {0: ("b", code), 2: ("i", 1), 3: ("i", code)}
        return fields | {1: custom} if custom else fields
