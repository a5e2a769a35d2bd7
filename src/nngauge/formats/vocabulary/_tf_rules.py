"""Translations that TensorFlow and TensorFlow Lite share, because the operators came over with their arguments.

Attributes are asked for by TensorFlow's names; the option tables of TensorFlow Lite use the same.
"""

from __future__ import annotations

from typing import Final

from nngauge.domain.graph import Attribute
from nngauge.formats.vocabulary._operation import Canonical, Operation, Rule

BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "Relu6": (0.0, 6.0), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0),
}  # fmt: skip


def plain(_operation: Operation) -> Canonical:
    """Nothing but the name changes."""
    return Canonical()


def clip(operation: Operation) -> Canonical:
    """Activations with fixed bounds."""
    low, high = BOUNDS[operation.op]
    return Canonical({"min": low, "max": high})


def reduce(operation: Operation) -> Canonical:
    """Reductions: the axes stay an input."""
    return Canonical({"keepdims": operation.number("keep_dims")})


def arg(operation: Operation) -> Canonical:
    """ArgMax, ArgMin: the axis is an input of the source."""
    return Canonical(_axis(operation, 1) | {"keepdims": 0})


def _axis(operation: Operation, place: int) -> dict[str, Attribute]:
    axis = operation.integer(place)
    return {} if axis is None else {"axis": axis}


def transpose(operation: Operation) -> Canonical:
    """Transpose: the permutation is an input of the source."""
    perm = operation.integers(1)
    return Canonical({} if perm is None else {"perm": perm})


def pad(operation: Operation) -> Canonical:
    """Pads of TensorFlow are pairs per axis; MirrorPad's mode is a text or a number."""
    pairs = operation.integers(1)
    found: dict[str, Attribute] = {} if pairs is None else {"pads": pairs[0::2] + pairs[1::2]}
    mode = operation.attributes.get("mode")
    if mode is not None:
        # Their SYMMETRIC repeats the edge, which ONNX does not have; lengths are the same.
        found["mode"] = "reflect" if mode in (0, "REFLECT") else "symmetric"
    return Canonical(found, (0, -1, 2, -1, 1))


def split(operation: Operation) -> Canonical:
    """Split into equal parts: axis first, then the data."""
    parts = operation.number("num_split") or len(operation.outputs)
    return Canonical(_axis(operation, 0) | {"num_outputs": parts}, (1, -1, 0))


def split_sizes(operation: Operation) -> Canonical:
    """Split into parts of given sizes."""
    return Canonical(_axis(operation, 2))


def unpack(operation: Operation) -> Canonical:
    """Unstack: parts of one, their axis dropped."""
    parts = operation.number("num") or len(operation.outputs)
    return Canonical({"axis": operation.number("axis"), "num_outputs": parts, "keepdims": 0})


def pack(operation: Operation) -> Canonical:
    """Stack along a new axis."""
    return Canonical({"axis": operation.number("axis"), "new_axis": 1})


def resize(mode: str) -> Rule:
    """Resize of the two spatial axes to a size given as input."""

    def rule(operation: Operation) -> Canonical:
        transform = "asymmetric"
        if operation.number("align_corners"):
            transform = "align_corners"
        elif operation.number("half_pixel_centers"):
            transform = "half_pixel"
        found: dict[str, Attribute] = {
            "mode": mode, "coordinate_transformation_mode": transform, "axes": (1, 2), "data_layout": "NHWC",
        }  # fmt: skip
        size = operation.integers(1)
        if size is not None and len(size) == 2:
            found["sizes"] = size
        return Canonical(found, (0, -1, -1, 1))

    return rule


def one_hot(operation: Operation) -> Canonical:
    """OneHot: on and off value are two inputs where ONNX has one."""
    return Canonical({"axis": operation.number("axis", -1)}, (0, 1, -1, 2, 3))


def cast(operation: Operation) -> Canonical:
    """Cast and quantisation: the output says the type."""
    return Canonical({"to": operation.outputs[0].dtype.value} if operation.outputs else {})


def matmul(operation: Operation) -> Canonical:
    """Batched product; `adj` transposes (real numbers)."""
    return Canonical({"transA": operation.number("adj_x"), "transB": operation.number("adj_y")})


def fill(_operation: Operation) -> Canonical:
    """Fill is `Expand` of the value to the dimensions."""
    return Canonical({}, (1, 0))


def blocks(operation: Operation) -> Canonical:
    """SpaceToBatchND and its inverse: block and pads per spatial axis."""
    found: dict[str, Attribute] = {}
    sizes, pairs = operation.integers(1), operation.integers(2)
    if sizes is not None:
        found["blocks"] = sizes
    if pairs is not None:
        found["pads"] = pairs[0::2] + pairs[1::2]
    return Canonical(found)


def squeeze(operation: Operation) -> Canonical:
    """Squeeze: no axes means all of length 1, as in ONNX."""
    axes = operation.numbers("squeeze_dims")
    return Canonical({"axes": axes} if axes else {})


def leaky(operation: Operation) -> Canonical:
    """Slope of LeakyRelu; TensorFlow's default."""
    return Canonical({"alpha": operation.real("alpha", 0.2)})


def last_axis(_operation: Operation) -> Canonical:
    """Softmax and the like along the last axis."""
    return Canonical({"axis": -1})


def cumsum(operation: Operation) -> Canonical:
    """CumSum: the axis stays an input."""
    return Canonical({"exclusive": operation.number("exclusive"), "reverse": operation.number("reverse")})


def reverse(operation: Operation) -> Canonical:
    """Flip along axes that are an input of the source."""
    axes = operation.integers(1)
    return Canonical({} if axes is None else {"axes": axes})


def reverse_sequence(operation: Operation) -> Canonical:
    """ReverseSequence: other names."""
    return Canonical({"time_axis": operation.number("seq_dim"), "batch_axis": operation.number("batch_dim")})


def gelu(operation: Operation) -> Canonical:
    """Gelu: exact or by tanh."""
    return Canonical({"approximate": "tanh" if operation.number("approximate") else "none"})


def scatter(operation: Operation) -> Canonical:
    """ScatterNd puts values into zeros of a given shape, where ONNX has a tensor to put them into."""
    shape = operation.integers(2)
    return Canonical({} if shape is None else {"shape": shape}, (-1, 0, 1, 2))
