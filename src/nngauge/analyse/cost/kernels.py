"""Kernels of convolutions and matrices of dense layers, whatever order their axes are stored in."""

from __future__ import annotations

from math import prod

from nngauge.analyse.amounts import divide, times
from nngauge.analyse.cost.operation import Operation, UnknownCostError, dimension, known, known_product
from nngauge.analyse.families import channels_of
from nngauge.analyse.sizes import element_count
from nngauge.domain.cost import Amount
from nngauge.domain.graph import Dim

_KERNEL = "the kernel"
_FLAT = 2
"""Rank of what has no spatial axes."""


def per_output(operation: Operation, place: int) -> Amount:
    """Kernel elements behind one output element of a convolution: kernel × input channels ÷ groups."""
    shape = _kernel_shape(operation, place)
    if shape is not None:
        layout = _layout(operation, "OIHW", len(shape))
        return known_product(
            [dim for axis, dim in zip(layout, shape, strict=True) if axis not in _made(layout)], _KERNEL
        )
    flat = operation.tensor(place)
    if flat is not None and flat.shape is not None:
        return _share(element_count(flat), output_channels(operation))
    inputs = known(channels_of(operation.graph, operation.node), "the channels")
    return times((_window(operation), _share(inputs, operation.number("group") or 1)))


def per_input(operation: Operation, data: int, place: int) -> Amount:
    """Kernel elements that one input element of a transposed convolution meets: kernel × output channels ÷ groups."""
    shape = _kernel_shape(operation, place)
    if shape is not None:
        layout = _layout(operation, "IOHW", len(shape))
        return known_product([dim for axis, dim in zip(layout, shape, strict=True) if axis not in "GI"], _KERNEL)
    flat = operation.tensor(place)
    if flat is not None and flat.shape is not None:
        return _share(element_count(flat), known(channel_dim(operation, operation.shape(data)), "the channels"))
    return times((_window(operation), _share(output_channels(operation), operation.number("group") or 1)))


def dense_depth(operation: Operation, place: int) -> Amount:
    """Elements that one output element of a Gemm sums over."""
    matrix = operation.tensor(place)
    if matrix is not None and matrix.shape is not None:
        if len(matrix.shape) == _FLAT:
            return known(matrix.shape[1 if operation.number("transB") else 0], "the matrix")
        return _share(element_count(matrix), output_channels(operation))
    shape = operation.shape(0)
    axis = operation.number("axis")
    if axis is not None:
        return known_product(shape[axis:], "input 0")
    return dimension(shape, -2 if operation.number("transA") and len(shape) > 1 else -1, "input 0")


def output_channels(operation: Operation) -> Amount:
    """`channels`, else what the output's shape says."""
    channels = operation.number("channels")
    if channels is not None:
        return channels
    shape = operation.output_shape()
    if len(shape) > _FLAT:
        return known(channel_dim(operation, shape), "the channels")
    return dimension(shape, -1, "output 0")


def channel_dim(operation: Operation, shape: tuple[Dim, ...]) -> Dim:
    """The dimension of channels by `data_layout`."""
    layout = operation.text("data_layout") or "NCHW"
    place = len(shape) - 1 if layout.endswith("C") else layout.find("C")
    return shape[place] if 0 <= place < len(shape) else None


def _kernel_shape(operation: Operation, place: int) -> tuple[Dim, ...] | None:
    """Shape of a kernel that is stored with all its axes."""
    tensor = operation.tensor(place)
    if tensor is None or tensor.shape is None or len(tensor.shape) <= _FLAT:
        return None
    return tensor.shape


def _layout(operation: Operation, default: str, rank: int) -> str:
    """One letter an axis: O, I, M, or anything else for space."""
    layout = operation.text("weight_layout")
    if len(layout) == rank:
        return layout
    layout = layout or default
    space = "x" * (rank - 2)
    if layout.startswith(("OI", "IO")):
        return layout[:2] + space
    if layout[0] in "OI":
        return layout[0] + space + layout[-1]
    return (space + layout[-2:]).rjust(rank, "x")


def _made(layout: str) -> str:
    """Axes that number the outputs; of a depthwise kernel ``HWIM`` all channels do."""
    return "IM" if "M" in layout else "GO"


def _window(operation: Operation) -> int:
    window = operation.numbers("kernel_shape")
    if not window:
        raise UnknownCostError("the kernel's shape is unknown")
    return prod(window)


def _share(amount: Amount | None, parts: Amount) -> Amount:
    result = divide(amount, parts) if amount is not None and isinstance(parts, int) else None
    if result is None:
        raise UnknownCostError("the kernel's channels are unknown")
    return result
