"""From Darknet's sections to nodes, with the weights each section takes from the bare sequence of floats.

Shapes as `make_*_layer` computes them and weights in the order of `load_weights_upto`, both in
https://github.com/AlexeyAB/darknet/tree/master/src. A normalised convolution is written as two nodes, `Conv` and
`BatchNormalization`, because Darknet keeps scales, means and variances apart from the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, Dim, DType, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats.vocabulary.darknet import KINDS, activation
from nngauge.limits import MAX_TENSORS

Shape = tuple[Dim, Dim, Dim]
"""Channels, height, width; None behind a section whose output size is not known."""
_UNKNOWN: Final[Shape] = (None, None, None)
_FLOAT: Final = 4
_GATES: Final = {"gru": 3, "lstm": 4, "rnn": 1}


class Section(Struct):
    """One section of a cfg."""

    kind: str
    settings: dict[str, str] = field(default_factory=dict)

    def number(self, key: str, default: int) -> int:
        """A whole number, `default` when it is absent or none."""
        text = self.settings.get(key, "").strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isdecimal() and len(digits) < 9 else default

    def numbers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers, empty when anything else is among them."""
        parts = [part.strip() for part in self.settings.get(key, "").split(",") if part.strip()]
        good = all(part.removeprefix("-").isdecimal() and len(part) < 9 for part in parts)
        return tuple(int(part) for part in parts) if good else ()

    def size(self, key: str, default: int) -> int:
        """A number that has to be positive."""
        found = self.number(key, default)
        if found <= 0:
            raise MalformedError(f"[{self.kind}] with {key}={found}")
        return found


class Network:
    """The graph as it grows, section by section."""

    def __init__(self, inputs: Shape | None, flat: int, weights_at: int, weights_end: int) -> None:
        """`inputs` is the image, or None for a vector of `flat` numbers; weights lie at `weights_at`..`weights_end`."""
        shape: tuple[Dim, ...] = (1, *inputs) if inputs else (1, flat)
        self.tensors: list[Tensor] = [Tensor("input", DType.FLOAT32, shape)]
        self.nodes: list[Node] = []
        self.outputs: list[tuple[int, Shape]] = []
        """Tensor and shape of each section, in order."""
        self.current: tuple[int, Shape] = (0, inputs or (flat, 1, 1))
        self.unread: list[str] = []
        """Kinds of sections whose weights, or whose output sizes, are not known."""
        self.taken = weights_at
        self._end = weights_end
        self._shared: dict[int, tuple[int, ...]] = {}

    def section(self, at: int, section: Section) -> None:
        """Takes the section with index `at`."""
        rule = _RULES.get(section.kind)
        if rule is None:
            self._plain(at, section)
        else:
            rule(self, at, section)
        if len(self.tensors) > MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} tensors")
        self.outputs.append(self.current)

    def add(
        self,
        at: int,
        section: Section,
        inputs: tuple[int, ...],
        shape: Shape,
        attributes: Mapping[str, Attribute] | None = None,
        *,
        kind: str | None = None,
        part: str = "",
    ) -> int:
        """Appends a node whose output becomes the current value."""
        name = f"layer{at}{part}"
        out = len(self.tensors)
        self.tensors.append(Tensor(name, DType.FLOAT32))
        self.nodes.append(Node(section.kind, kind or KINDS.get(section.kind), name, inputs, (out,), attributes or {}))
        self.current = (out, shape)
        return out

    def constant(self, at: int, label: str, shape: tuple[Dim, ...]) -> int:
        """The next weights of the file."""
        size = None
        if not self.unread and all(isinstance(dim, int) for dim in shape):
            size = _FLOAT * math.prod(dim for dim in shape if isinstance(dim, int))
        place = Span(self.taken, size, 1) if size is not None and self.taken + size <= self._end else None
        self.taken += size or 0
        self.tensors.append(Tensor(f"layer{at}.{label}", DType.FLOAT32, shape, place, constant=True))
        return len(self.tensors) - 1

    def source(self, at: int, number: int) -> tuple[int, Shape]:
        """What another section, counted from the first or backwards from this one, put out."""
        place = number if number >= 0 else at + number
        if not 0 <= place < at:
            raise MalformedError(f"layer {at} reads from a layer that does not come before it")
        return self.outputs[place]

    def shared(self, at: int, section: Section) -> tuple[int, ...] | None:
        """The weights of the convolution that `share_index` names."""
        number = section.number("share_index", at)
        return self._shared.get(number if number >= 0 else at + number)

    def keep(self, at: int, weights: tuple[int, ...]) -> None:
        """Remembers weights that a later section may share."""
        self._shared[at] = weights

    def _plain(self, at: int, section: Section) -> None:
        """A section without weights that keeps the size of its input; an unknown one makes all sizes unknown."""
        known = section.kind in KINDS
        if not known:
            self.unread.append(section.kind)
        self.add(at, section, self.current[:1], self.current[1] if known else _UNKNOWN)


def fuse(section: Section, default: str = "linear") -> dict[str, Attribute]:
    """The activation of a section as attributes of its last node."""
    name = section.settings.get("activation", default).strip()
    kind, _ = activation(name)
    if kind == "Identity":
        return {}
    return {"fused_activation": kind or name}


def _strides(section: Section, stride: int) -> tuple[int, int]:
    return section.size("stride_y", stride), section.size("stride_x", stride)


def _grown(length: Dim, padding: int, size: int, stride: int) -> Dim:
    return (length - 1) * stride + size - padding if isinstance(length, int) else None


def _extent(length: Dim, padding: int, size: int, stride: int) -> Dim:
    return (length + padding - size) // stride + 1 if isinstance(length, int) else None


def _convolution(net: Network, at: int, section: Section) -> None:
    x, (channels, height, width) = net.current
    filters, size, groups = section.size("filters", 1), section.size("size", 1), section.size("groups", 1)
    if isinstance(channels, int) and channels % groups:
        raise MalformedError(f"layer {at}: {filters} filters in {groups} groups over {channels} channels")
    strides = _strides(section, section.size("stride", 1))
    dilation = section.size("dilation", 1) if size > 1 else 1
    padding = size // 2 if section.number("pad", 0) else max(section.number("padding", 0), 0)
    transposed = KINDS[section.kind] == "ConvTranspose"
    depth = channels // groups if isinstance(channels, int) else None
    kernel = (channels, filters, size, size) if transposed else (filters, depth, size, size)
    extent = _grown if transposed else _extent
    sides = [extent(side, 2 * padding, size, step) for side, step in zip((height, width), strides, strict=True)]
    weights = net.shared(at, section) or _filters(net, at, section, filters, kernel)
    net.keep(at, weights)
    attributes: dict[str, Attribute] = {
        "kernel_shape": (size, size),
        "strides": strides,
        # `im2col` of a dilated convolution is called with the padding times the dilation.
        "pads": (padding * dilation,) * 4,
        "dilations": (dilation,) * 2,
        "group": groups,
    }
    _normalised(net, at, section, (x, *weights), (filters, sides[0], sides[1]), attributes, fuse(section, "logistic"))


def _filters(net: Network, at: int, section: Section, filters: int, shape: tuple[Dim, ...]) -> tuple[int, ...]:
    """Kernel and bias, or kernel, scales, biases, means and variances, in the order of the ONNX operators."""
    bias = net.constant(at, "biases", (filters,))
    norm = _statistics(net, at, filters) if section.number("batch_normalize", 0) else None
    kernel = net.constant(at, "weights", shape)
    return (kernel, bias) if norm is None else (kernel, norm[0], bias, *norm[1:])


def _statistics(net: Network, at: int, channels: Dim) -> tuple[int, int, int]:
    scales, mean, variance = (net.constant(at, label, (channels,)) for label in ("scales", "mean", "variance"))
    return scales, mean, variance


def _normalised(
    net: Network,
    at: int,
    section: Section,
    inputs: tuple[int, ...],
    shape: Shape,
    attributes: dict[str, Attribute],
    fused: dict[str, Attribute],
) -> None:
    """A layer with weights: one node, and a second one where it is normalised."""
    if len(inputs) <= 3:
        net.add(at, section, inputs, shape, attributes | fused)
        return
    y = net.add(at, section, inputs[:2], shape, attributes)
    net.add(at, section, (y, *inputs[2:]), shape, fused, kind="BatchNormalization", part=".batch_normalize")


def _connected(net: Network, at: int, section: Section) -> None:
    x, shape = net.current
    outputs = section.size("output", 1)
    inputs = math.prod(dim for dim in shape if isinstance(dim, int)) if None not in shape else None
    bias, kernel = net.constant(at, "biases", (outputs,)), net.constant(at, "weights", (outputs, inputs))
    weights: tuple[int, ...] = (kernel, bias)
    if section.number("batch_normalize", 0):
        scales, mean, variance = _statistics(net, at, outputs)
        weights = (kernel, scales, bias, mean, variance)
    attributes: dict[str, Attribute] = {"transB": 1, "axis": 1}
    _normalised(net, at, section, (x, *weights), (outputs, 1, 1), attributes, fuse(section, "logistic"))


def _recurrent(net: Network, at: int, section: Section) -> None:
    """Gates are connected layers one after the other, those of the input first; `rnn` has an output layer behind."""
    x, shape = net.current
    width = math.prod(dim for dim in shape if isinstance(dim, int)) if None not in shape else None
    outputs = section.size("output", 1)
    hidden = section.size("hidden", 1) if section.kind == "rnn" else outputs
    gates = _GATES[section.kind]
    pieces = [(f"input{gate}", width, hidden) for gate in range(gates)]
    pieces += [(f"state{gate}", hidden, hidden) for gate in range(gates)]
    if section.kind == "rnn":
        pieces.append(("output", hidden, outputs))
    matrices: list[int] = []
    vectors: list[int] = []
    for label, size_in, size_out in pieces:
        vectors.append(net.constant(at, f"{label}.biases", (size_out,)))
        matrices.append(net.constant(at, f"{label}.weights", (size_out, size_in)))
        if section.number("batch_normalize", 0):
            vectors.append(net.constant(at, f"{label}.normalisation", (3 * size_out,)))
    attributes: dict[str, Attribute] = {"hidden_size": hidden, "direction": "forward"}
    net.add(at, section, (x, *matrices, *vectors), (outputs, 1, 1), attributes)


def _batchnorm(net: Network, at: int, section: Section) -> None:
    x, shape = net.current
    bias = net.constant(at, "biases", (shape[0],))
    scales, mean, variance = _statistics(net, at, shape[0])
    net.add(at, section, (x, scales, bias, mean, variance), shape)


def _pool(net: Network, at: int, section: Section) -> None:
    x, (channels, height, width) = net.current
    stride = section.size("stride", 1)
    size = section.size("size", stride)
    padding = max(section.number("padding", size - 1), 0)
    before, after = padding // 2, padding - padding // 2
    strides = _strides(section, stride)
    sides = [_extent(side, padding, size, step) for side, step in zip((height, width), strides, strict=True)]
    if section.number("maxpool_depth", 0):
        # The largest over channels: a reduction that ONNX has no pool for.
        net.add(at, section, (x,), (section.size("out_channels", 1), height, width), {"axes": (1,)}, kind="ReduceMax")
        return
    attributes: dict[str, Attribute] = {
        "kernel_shape": (size, size),
        "strides": strides,
        "pads": (before, before, after, after),
    }
    net.add(at, section, (x,), (channels, sides[0], sides[1]), attributes)


def _global_pool(net: Network, at: int, section: Section) -> None:
    x, shape = net.current
    net.add(at, section, (x,), (shape[0], 1, 1))


def _upsample(net: Network, at: int, section: Section) -> None:
    x, (channels, height, width) = net.current
    stride = section.number("stride", 2)
    factor = float(stride) if stride > 0 else 1 / max(-stride, 1)
    sides = [int(side * factor) if isinstance(side, int) else None for side in (height, width)]
    attributes: dict[str, Attribute] = {"scales": (1.0, 1.0, factor, factor), "mode": "nearest"}
    net.add(at, section, (x,), (channels, sides[0], sides[1]), attributes)


def _route(net: Network, at: int, section: Section) -> None:
    """Several sources are concatenated; of groups of channels one is taken."""
    numbers = section.numbers("layers")
    if not numbers:
        raise MalformedError(f"layer {at} routes from nowhere")
    sources = [net.source(at, number) for number in numbers]
    groups = section.size("groups", 1)
    if groups > 1:
        sources = [_group(net, at, section, index, source) for index, source in enumerate(sources)]
        if len(sources) == 1:
            return
    counts = [shape[0] for _, shape in sources]
    total = sum(count for count in counts if isinstance(count, int)) if None not in counts else None
    shape = (total, *sources[0][1][1:])
    inputs = tuple(index for index, _ in sources)
    if len(inputs) > 1:
        net.add(at, section, inputs, shape, {"axis": 1}, kind="Concat")
    else:
        net.add(at, section, inputs, shape, kind="Identity")


def _group(net: Network, at: int, section: Section, index: int, source: tuple[int, Shape]) -> tuple[int, Shape]:
    x, (channels, height, width) = source
    if not isinstance(channels, int):
        net.add(at, section, (x,), _UNKNOWN, kind="Slice", part=f".{index}")
        return net.current
    part = channels // section.size("groups", 1)
    first = part * max(section.number("group_id", 0), 0)
    attributes: dict[str, Attribute] = {"starts": (first,), "ends": (first + part,), "axes": (1,)}
    net.add(at, section, (x,), (part, height, width), attributes, kind="Slice", part=f".{index}")
    return net.current


def _shortcut(net: Network, at: int, section: Section) -> None:
    x, shape = net.current
    sources = [net.source(at, number)[0] for number in section.numbers("from")]
    if not sources:
        raise MalformedError(f"layer {at} adds nothing")
    weighted = section.settings.get("weights_type", "none").strip()
    if weighted != "none":
        per_channel = (shape[0],) if weighted == "per_channel" else ()
        sources.append(net.constant(at, "weights", (len(sources) + 1, *per_channel)))
    net.add(at, section, (x, *sources), shape, fuse(section), kind="Add" if len(sources) == 1 else "Sum")


def _gate(net: Network, at: int, section: Section) -> None:
    """Multiplication by another section: whole (`sam`), or one number for each channel (`scale_channels`).

    The current value is the gate of `scale_channels`, so the output has the size of the other one.
    """
    x, _ = net.current
    numbers = section.numbers("from")
    if not numbers:
        raise MalformedError(f"layer {at} scales nothing")
    other, shape = net.source(at, numbers[0])
    net.add(at, section, (x, other), shape, fuse(section))


def _reorg(net: Network, at: int, section: Section) -> None:
    x, (channels, height, width) = net.current
    stride = section.size("stride", 1)
    square = stride * stride
    reverse = section.number("reverse", 0) != 0
    if isinstance(channels, int) and isinstance(height, int) and isinstance(width, int):
        grown = (channels // square, height * stride, width * stride)
        shape: Shape = grown if reverse else (channels * square, height // stride, width // stride)
    else:
        shape = _UNKNOWN
    net.add(at, section, (x,), shape, {"blocksize": stride}, kind="DepthToSpace" if reverse else None)


def _crop(net: Network, at: int, section: Section) -> None:
    x, (channels, _, _) = net.current
    height, width = section.size("crop_height", 1), section.size("crop_width", 1)
    net.add(at, section, (x,), (channels, height, width), {"sizes": (height, width)})


def _local_response(net: Network, at: int, section: Section) -> None:
    x, shape = net.current
    net.add(at, section, (x,), shape, {"size": section.size("size", 5)})


def _softmax(net: Network, at: int, section: Section) -> None:
    x, shape = net.current
    net.add(at, section, (x,), shape, {"axis": 1})


def _detect(net: Network, at: int, section: Section) -> None:
    x, shape = net.current
    boxes = len(section.numbers("mask")) or section.number("num", 1)
    net.add(at, section, (x,), shape, {"classes": section.number("classes", 20), "boxes": boxes})


def _activation(net: Network, at: int, section: Section) -> None:
    x, shape = net.current
    kind, attributes = activation(section.settings.get("activation", "linear").strip())
    net.add(at, section, (x,), shape, attributes, kind=kind)


def _implicit(net: Network, at: int, section: Section) -> None:
    """A learned vector, which later sections add or multiply."""
    filters, atoms = section.size("filters", 128), section.size("atoms", 1)
    net.add(at, section, (net.constant(at, "weights", (atoms, filters)),), (filters, atoms, 1), kind="Identity")


_RULES: Final[Mapping[str, Callable[[Network, int, Section], None]]] = {
    "activation": _activation,
    "avg": _global_pool,
    "avgpool": _global_pool,
    "batchnorm": _batchnorm,
    "conn": _connected,
    "connected": _connected,
    "conv": _convolution,
    "convolutional": _convolution,
    "crop": _crop,
    "deconv": _convolution,
    "deconvolutional": _convolution,
    "detection": _detect,
    "Gaussian_yolo": _detect,
    "gru": _recurrent,
    "implicit": _implicit,
    "local_avg": _pool,
    "local_avgpool": _pool,
    "lrn": _local_response,
    "lstm": _recurrent,
    "max": _pool,
    "maxpool": _pool,
    "normalization": _local_response,
    "region": _detect,
    "reorg": _reorg,
    "reorg3d": _reorg,
    "rnn": _recurrent,
    "route": _route,
    "sam": _gate,
    "scale_channels": _gate,
    "shortcut": _shortcut,
    "soft": _softmax,
    "softmax": _softmax,
    "upsample": _upsample,
    "yolo": _detect,
}
