"""Shapes of convolutions: https://onnx.ai/onnx/operators/onnx__Conv.html, `onnx__ConvTranspose`, `onnx__DeformConv`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Operation, Shape, Shapes, UnknownError, layout_of, per_axis, place_of
from nngauge.analyse.shapes.windows import Window, output_size, windows
from nngauge.domain.graph import Dim

Rule = Callable[[Operation], Shapes]


class _Weight(NamedTuple):
    channels: Dim
    """Output channels."""
    kernel: Shape | None


def convolution(weight: int) -> Rule:
    """A convolution whose weights are input `weight`."""

    def rule(op: Operation) -> Shapes:
        return (_convolution(op, weight),)

    return rule


def _convolution(op: Operation, place: int) -> Shape:
    shape = op.shape()
    layout = layout_of(op, len(shape))
    weight = _weight(op, place, "OIHW")
    if not layout.spatial and layout.batch is None:
        # ncnn multiplies a vector by the weights when the kernel is 1 × 1.
        return (weight.channels,)
    placed = _windows(op, weight, len(layout.spatial))
    found = list(shape)
    found[layout.channel] = weight.channels
    for axis, window in zip(layout.spatial, placed, strict=True):
        found[axis] = output_size(shape[axis], window)
    return tuple(found)


def transposed(op: Operation) -> Shapes:
    """Transposed convolution."""
    shape = op.shape()
    layout = layout_of(op, len(shape))
    count = len(layout.spatial)
    weight = _weight(op, 1, "IOHW")
    placed = _windows(op, weight, count)
    extra = per_axis(op.integers("output_padding"), count, 0, "output_padding")
    wanted = op.integers("output_shape")
    if wanted and len(wanted) == len(shape):
        wanted = tuple(wanted[axis] for axis in layout.spatial)
    found = list(shape)
    found[layout.channel] = weight.channels
    for number, (axis, window) in enumerate(zip(layout.spatial, placed, strict=True)):
        if wanted:
            found[axis] = per_axis(wanted, count, 0, "output_shape")[number]
        else:
            found[axis] = _grown(shape[axis], window, extra[number])
    return (tuple(found),)


def _grown(size: Dim, window: Window, extra: int) -> Dim:
    """``stride × (size − 1) + output_padding + kernel extent − pads``; SAME multiplies by the stride."""
    if window.auto_pad.startswith("SAME"):
        return dims.multiply(size, window.stride)
    extent = (window.kernel - 1) * window.dilation + 1
    pads = 0 if window.auto_pad == "VALID" else window.begin + window.end
    return dims.add(dims.multiply(size, window.stride), extent - window.stride + extra - pads)


def _windows(op: Operation, weight: _Weight, count: int) -> tuple[Window, ...]:
    kernel = op.integers("kernel_shape") or weight.kernel
    if kernel is None:
        raise UnknownError("kernel_shape and weights are missing")
    sizes = [size for size in kernel if isinstance(size, int)]
    if len(sizes) != len(kernel):
        raise UnknownError("the kernel's size is unknown")
    return windows(op, per_axis(tuple(sizes), count, 1, "kernel_shape"))


def _weight(op: Operation, place: int, layout: str) -> _Weight:
    """Output channels and kernel, as attributes or by `weight_layout`."""
    shape = op.maybe(place)
    stated = op.integer("channels") if "channels" in op.attributes else None
    if shape is None:
        if stated is None:
            raise UnknownError("the weights have an unknown shape")
        return _Weight(stated, None)
    letters = op.text("weight_layout", layout)
    axes = _weight_axes(letters, len(shape))
    kernel = tuple([shape[axis] for axis in axes.kernel])
    if stated is not None:
        return _Weight(stated, kernel)
    found: Dim = 1
    for axis in axes.channels:
        found = dims.multiply(found, shape[axis])
    if layout == letters == "IOHW":
        # ONNX keeps the output channels of one group there.
        found = dims.multiply(found, max(op.integer("group", 1), 1))
    return _Weight(found, kernel)


class _Axes(NamedTuple):
    """Axes of a weight tensor."""

    kernel: tuple[int, ...]
    channels: tuple[int, ...]
    """Their product is the number of output channels."""


@lru_cache(maxsize=256)
def _weight_axes(letters: str, rank: int) -> _Axes:
    """Meaning of a layout: letters before the spatial ones count from the front, those behind from the back."""
    head = len(letters) - len(letters.lstrip("GOIM1"))
    tail = len(letters) - len(letters.rstrip("GOIM1"))
    if head == len(letters) or head + tail > rank:
        raise UnknownError("the weights do not fit their layout")
    wanted = "IM" if "M" in letters else "GO" if "G" in letters else "O"
    found = [letters.find(letter) for letter in wanted]
    if min(found) < 0:
        raise UnknownError("the layout of the weights names no output channels")
    channels = [place if place < head else place - len(letters) + rank for place in found]
    return _Axes(tuple(range(head, rank - tail)), tuple([place_of(place, rank) for place in channels]))


def deformed(op: Operation) -> Shapes:
    """Deformable convolution: the offsets have the size of the output."""
    return (_convolution(op, 1),)


def columns_to_image(op: Operation) -> Shapes:
    """`Col2Im`: columns ``N × C·∏block × L`` to an image of `image_shape`."""
    shape, image, block = op.shape(), op.sizes("image_shape", 1), op.sizes("block_shape", 2)
    if image is None or block is None or len(shape) < 2:
        raise UnknownError("image_shape and block_shape are missing")
    channels = dims.divide(shape[-2], dims.product(block))
    return ((*shape[:-2], channels, *image),)
