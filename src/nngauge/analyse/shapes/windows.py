"""Sliding windows: how many fit along one axis."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Operation, UnknownError, per_axis
from nngauge.domain.graph import Dim


class Window(NamedTuple):
    """One axis of a convolution or pooling."""

    kernel: int
    stride: int
    dilation: int
    begin: int
    """Padding before."""
    end: int
    """Padding after."""
    auto_pad: str = "NOTSET"
    ceil: bool = False
    """Sizes are rounded up."""
    clipped: bool = True
    """A last window that would start beyond the data and its padding is left out when rounding up."""


def windows(op: Operation, kernel: tuple[int, ...]) -> tuple[Window, ...]:
    """The windows of a node, one for each spatial axis."""
    count = len(kernel)
    return _windows(
        kernel,
        per_axis(op.integers("strides"), count, 1, "strides"),
        per_axis(op.integers("dilations"), count, 1, "dilations"),
        op.integers("pads") or (0,) * (2 * count),
        op.text("auto_pad", "NOTSET"),
        op.integer("ceil_mode") != 0,
        # ncnn pads the end until the last window fits.
        op.text("data_layout") != "CHW",
    )


@lru_cache(maxsize=1024)
def _windows(
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[int, ...],
    auto_pad: str,
    ceil: bool,  # noqa: FBT001  (positional for the cache)
    clipped: bool,  # noqa: FBT001
) -> tuple[Window, ...]:
    count = len(kernel)
    if len(pads) != 2 * count:
        raise UnknownError("pads do not fit the number of axes")
    if min((*strides, *dilations, *kernel), default=1) < 1:
        raise UnknownError("a kernel, stride or dilation is below 1")
    columns = zip(kernel, strides, dilations, pads[:count], pads[count:], strict=True)
    return tuple([Window(*column, auto_pad, ceil, clipped) for column in columns])


@lru_cache(maxsize=4096)
def output_size(size: Dim, window: Window) -> Dim:
    """Windows along an axis of `size`."""
    if window.auto_pad.startswith("SAME"):
        return dims.divide_up(size, window.stride)
    begin, end = (0, 0) if window.auto_pad == "VALID" else (window.begin, window.end)
    extent = (window.kernel - 1) * window.dilation + 1
    room = dims.add(size, begin + end - extent)
    if isinstance(room, int) and room < 0 and not (window.ceil and room > -window.stride):
        raise UnknownError("the window is larger than its input")
    steps = dims.divide_up(room, window.stride) if window.ceil else dims.divide(room, window.stride)
    found = dims.add(steps, 1)
    if window.ceil and window.clipped and isinstance(found, int) and isinstance(size, int):
        return found - 1 if (found - 1) * window.stride >= size + begin else found
    return found
