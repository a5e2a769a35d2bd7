"""A small fluent builder: makes canonical nodes (docs/operators.md) and works out their output shapes."""

from __future__ import annotations

from nngauge.domain.graph import Attribute, DType, Graph, Node, Tensor

Shape = tuple[int, ...]


class Net:
    """One network under construction. Values are indices of tensors; images are (1, channels, height, width)."""

    def __init__(self, *shape: int, dtype: DType = DType.FLOAT32) -> None:
        self._tensors: list[Tensor] = []
        self._nodes: list[Node] = []
        self._inputs: list[int] = []
        self.dtype = dtype
        self.x = self.input(*shape)

    def input(self, *shape: int) -> int:
        index = self._value(shape)
        self._inputs.append(index)
        return index

    def weight(self, *shape: int) -> int:
        """A parameter."""
        self._tensors.append(Tensor(f"w{len(self._tensors)}", self.dtype, shape, constant=True))
        return len(self._tensors) - 1

    def shape(self, value: int) -> Shape:
        shape = self._tensors[value].shape
        assert shape is not None
        return tuple(dim for dim in shape if isinstance(dim, int))

    def channels(self, value: int) -> int:
        return self.shape(value)[1]

    def node(self, kind: str, inputs: tuple[int, ...], *shape: int, **attributes: Attribute) -> int:
        """Any operator, with the shape of its only output."""
        output = self._value(shape)
        self._nodes.append(Node(kind, kind, f"{kind}_{len(self._nodes)}", inputs, (output,), attributes))
        return output

    def build(self, *outputs: int) -> Graph:
        """The graph; its output is the last value unless given."""
        ends = outputs or (self._nodes[-1].outputs[0],)
        return Graph(
            format="test",
            tensors=tuple(self._tensors),
            nodes=tuple(self._nodes),
            inputs=tuple(self._inputs),
            outputs=ends,
        )

    def _value(self, shape: Shape) -> int:
        self._tensors.append(Tensor(f"t{len(self._tensors)}", self.dtype, shape))
        return len(self._tensors) - 1

    # --- layers ------------------------------------------------------------------------------------------------------

    def conv(
        self,
        x: int,
        out: int,
        kernel: int | tuple[int, int] = 1,
        stride: int | tuple[int, int] = 1,
        *,
        pad: int | tuple[int, int] | None = None,
        group: int = 1,
        dilation: int = 1,
        bias: bool = False,
        norm: bool = False,
        activation: str = "",
    ) -> int:
        """Convolution, padded to keep the size at stride 1 unless `pad` is given; then batch-norm and activation."""
        height, width = _pair(kernel)
        steps = _pair(stride)
        pads = _pair(pad) if pad is not None else ((height - 1) // 2 * dilation, (width - 1) // 2 * dilation)
        sizes = [
            (size + 2 * p - dilation * (k - 1) - 1) // step + 1
            for size, p, k, step in zip(self.shape(x)[2:], pads, (height, width), steps, strict=True)
        ]
        inputs = [x, self.weight(out, self.channels(x) // group, height, width)]
        if bias:
            inputs.append(self.weight(out))
        y = self.node(
            "Conv", tuple(inputs), 1, out, *sizes,
            kernel_shape=(height, width), strides=steps, pads=pads * 2, dilations=(dilation, dilation), group=group,
        )  # fmt: skip
        y = self.norm(y) if norm else y
        return self.activate(y, activation) if activation else y

    def depthwise(self, x: int, kernel: int = 3, stride: int = 1, *, activation: str = "Relu") -> int:
        channels = self.channels(x)
        return self.conv(x, channels, kernel, stride, group=channels, norm=True, activation=activation)

    def norm(self, x: int) -> int:
        """Batch normalisation: scale, shift, mean and variance."""
        channels = self.channels(x)
        vectors = [self.weight(channels) for _ in range(4)]
        return self.node("BatchNormalization", (x, *vectors), *self.shape(x))

    def layer_norm(self, x: int, *, vectors: int = 2) -> int:
        width = self.shape(x)[-1]
        kind = "LayerNormalization" if vectors == 2 else "RMSNormalization"
        return self.node(kind, (x, *(self.weight(width) for _ in range(vectors))), *self.shape(x))

    def activate(self, x: int, kind: str) -> int:
        return self.node(kind, (x,), *self.shape(x))

    def relu(self, x: int) -> int:
        return self.activate(x, "Relu")

    def add(self, x: int, y: int) -> int:
        return self.node("Add", (x, y), *self.shape(x))

    def pool(self, x: int, kernel: int, stride: int, *, pad: int = 0, ceil: bool = False, kind: str = "MaxPool") -> int:
        sizes = []
        for size in self.shape(x)[2:]:
            span = size + 2 * pad - kernel
            sizes.append((-(-span // stride) if ceil else span // stride) + 1)
        return self.node(kind, (x,), 1, self.channels(x), *sizes, kernel_shape=(kernel, kernel), strides=(stride,) * 2)

    def global_pool(self, x: int) -> int:
        return self.node("GlobalAveragePool", (x,), 1, self.channels(x), 1, 1)

    def flatten(self, x: int) -> int:
        size = 1
        for dim in self.shape(x)[1:]:
            size *= dim
        return self.node("Flatten", (x,), 1, size)

    def dense(self, x: int, out: int, *, bias: bool = True) -> int:
        """Rank 2: a Gemm. Above: a MatMul, and an Add for the bias."""
        *rows, width = self.shape(x)
        if len(rows) == 1:
            inputs = (x, self.weight(out, width), *((self.weight(out),) if bias else ()))
            return self.node("Gemm", inputs, *rows, out, transB=1)
        y = self.node("MatMul", (x, self.weight(width, out)), *rows, out)
        return self.node("Add", (y, self.weight(out)), *rows, out) if bias else y

    def classify(self, x: int, classes: int = 1000) -> int:
        return self.dense(self.flatten(self.global_pool(x)), classes)

    def concat(self, *values: int) -> int:
        channels = sum(self.channels(value) for value in values)
        return self.node("Concat", values, 1, channels, *self.shape(values[0])[2:], axis=1)

    def slice_channels(self, x: int, count: int) -> int:
        return self.node("Slice", (x,), 1, count, *self.shape(x)[2:])

    def upsample(self, x: int, factor: int = 2) -> int:
        return self.node("Resize", (x,), 1, self.channels(x), *(size * factor for size in self.shape(x)[2:]))

    def excite(self, x: int, squeezed: int, *, activation: str = "Relu") -> int:
        """Squeeze and excitation by two 1 × 1 convolutions with bias."""
        y = self.conv(self.global_pool(x), squeezed, bias=True, activation=activation)
        y = self.conv(y, self.channels(x), bias=True, activation="HardSigmoid")
        return self.node("Mul", (x, y), *self.shape(x))

    def embed(self, ids: int, rows: int, width: int) -> int:
        return self.node("Gather", (self.weight(rows, width), ids), *self.shape(ids), width)

    def matmul(self, x: int, y: int, *, transposed: bool = False) -> int:
        columns = self.shape(y)[-2 if transposed else -1]
        return self.node("MatMul", (x, y), *self.shape(x)[:-1], columns, transB=int(transposed))

    def reshape(self, x: int, *shape: int) -> int:
        return self.node("Reshape", (x,), *shape)

    def heads(self, x: int, count: int) -> int:
        """(batch, positions, width) → (batch, heads, positions, size)."""
        batch, positions, width = self.shape(x)
        y = self.reshape(x, batch, positions, count, width // count)
        return self.node("Transpose", (y,), batch, count, positions, width // count)

    def merge(self, x: int) -> int:
        batch, count, positions, size = self.shape(x)
        return self.reshape(self.node("Transpose", (x,), batch, positions, count, size), batch, positions, count * size)

    def attend(self, query: int, key: int, value: int, count: int, groups: int = 0) -> int:
        """Scaled dot product of (batch, positions, width) values, `groups` key and value heads."""
        q, k, v = self.heads(query, count), self.heads(key, groups or count), self.heads(value, groups or count)
        if groups and groups != count:
            k, v = (self.node("Expand", (t,), 1, count, *self.shape(t)[2:]) for t in (k, v))
        scores = self.activate(self.matmul(q, k, transposed=True), "Softmax")
        return self.merge(self.matmul(scores, v))


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
