"""Numbers that cost models are fitted to: work by kind, elements moved, operations. Counted in elements, not bytes, so that
they are the same for the float and the quantised file of a network.

What runtimes fold into the operation before it costs nothing here: activations and normalisations right after a convolution
or product, as the converters of the training models folded them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Final

from msgspec import Struct

from nngauge.domain.cost import Cost, Family, Layer
from nngauge.domain.graph import Dim

FEATURES: Final = (
    "macs_1x1",
    "macs_3x3",
    "macs_3x3_strided",
    "macs_large",
    "macs_stem",
    "macs_grouped",
    "macs_dw3",
    "macs_dw5",
    "macs_vector",
    "out_1x1",
    "in_1x1",
    "out_kxk",
    "in_kxk",
    "out_grouped",
    "out_dw",
    "in_dw",
    "ew_add",
    "ew_other",
    "nonlinear",
    "moved",
    "pooled",
    "reduced",
    "weights",
    "n_conv",
    "n_dw",
    "n_vector",
    "n_ew",
    "n_moved",
    "n_other",
    "inference",
    "direct_3x3",
    "winograd_3x3",
    "serial",
)
"""Names in the order of profile files.

``macs_*``: multiply-accumulates of 1×1 convolutions; of 3×3 ones with stride 1 and 2; of larger kernels; of the first
convolution from an image (≤ 4 channels); of grouped, depthwise (≤ 3×3, larger) convolutions; of products with a vector (fully
connected, 1×1 on one pixel: each weight is used once). ``in_*``, ``out_*``: elements of their activations. ``ew_*``,
``nonlinear``, ``moved``, ``pooled``, ``reduced``: elements of the rest. ``weights``: parameters. ``n_*``: operations.
The last four are for graphics units: `GPU_ONLY`.
"""
GPU_ONLY: Final = FEATURES[-4:]
"""``inference``: 1, for what every inference costs there. ``direct_3x3``, ``winograd_3x3``: `macs_3x3` in two, by the kernel that
TensorFlow Lite takes for it (`_suits_winograd`). ``serial``: multiply-accumulates that one thread does one after the other, summed
over the other convolutions; small images with many channels wait for it.
"""

_COMPUTE: Final = frozenset(
    {Family.CONVOLUTION, Family.DEPTHWISE, Family.DENSE, Family.TRANSPOSED, Family.MATMUL, Family.ATTENTION}
)
_SEEN: Final = frozenset(
    {
        Family.CONVOLUTION, Family.DEPTHWISE, Family.DENSE, Family.ACTIVATION, Family.NORMALISATION, Family.POOLING,
        Family.ELEMENTWISE, Family.REDUCTION, Family.LAYOUT, Family.QUANTISE, Family.CONSTANT,
    }
)  # fmt: skip
_MOST: Final = 10**30
"""Numbers of files that are made up; whatever is larger would not be a float."""
_FOLDED: Final = frozenset({Family.ACTIVATION, Family.NORMALISATION})
_SLICES: Final = 16
_TILES: Final = 32
"""Least slices of four channels, and tiles of 4×4 pixels, with which TensorFlow Lite's GPU delegate takes Winograd's convolution
(`IsRecommendedForWinograd4x4To6x6` in tensorflow/lite/delegates/gpu/common/selectors/operation_selector.cc). The kernels' names in
QED's table of operations say the same. On Adreno 6xx it wants 32 and 128, which no network of the table has.
"""
_CHEAP: Final = frozenset(
    {"Relu", "Relu6", "Clip", "LeakyRelu", "PRelu", "BatchNormalization", "SpatialBatchNormalization"}
)


class Features(Struct, frozen=True, kw_only=True):
    """What a network asks of a processor."""

    values: tuple[float, ...]
    """One number for each of `FEATURES`."""
    macs: float
    """All multiply-accumulates, of unseen kinds, too."""
    unseen: Mapping[str, float]
    """Families that no training model has → their share of the work (of the MACs, or of the elements written if that is
    more)."""
    uncounted: int = 0
    """Layers without figures."""

    def __getitem__(self, name: str) -> float:
        return self.values[FEATURES.index(name)]


def features_of(cost: Cost) -> Features:
    """The features of all layers that run. Layers whose figures are no numbers are left out and counted."""
    totals = dict.fromkeys(FEATURES, 0.0)
    unseen_macs: dict[str, float] = {}
    unseen_elements: dict[str, float] = {}
    macs = elements = 0.0
    uncounted = 0
    before: Layer | None = None
    for layer in cost.layers:
        if not layer.repeats or layer.note.startswith("computed from constants"):
            continue
        if not _is_counted(layer):
            uncounted += 1
            continue
        written = float(sum(_size(shape) for shape in layer.outputs)) if layer.written_bytes else 0.0
        macs += _number(layer.macs) * layer.repeats
        elements += written * layer.repeats
        if layer.family in _SEEN:
            if not _is_folded(layer, before):
                _add(totals, layer)
        else:
            name = layer.family.value
            unseen_macs[name] = unseen_macs.get(name, 0.0) + _number(layer.macs) * layer.repeats
            unseen_elements[name] = unseen_elements.get(name, 0.0) + written * layer.repeats
        before = layer
    return Features(
        values=tuple(totals[name] for name in FEATURES),
        macs=macs,
        unseen={
            name: max(unseen_macs[name] / macs if macs else 0.0, unseen_elements[name] / elements if elements else 0.0)
            for name in unseen_macs
        },
        uncounted=uncounted,
    )


def precision_of(cost: Cost) -> str:
    """``int8`` where most of the multiply-accumulates are between integers of 8 bits, else ``float32``.

    Weights alone of 8 bits do not make it so: activations are what is computed with.
    """
    integer = total = 0.0
    for layer in cost.layers:
        amount = _number(layer.macs) * layer.repeats
        total += amount
        integer += amount if layer.dtype in ("int8", "uint8") else 0.0
    return "int8" if total and integer > total / 2.0 else "float32"


def _is_counted(layer: Layer) -> bool:
    """Whether work and shapes are numbers."""
    shapes = (*layer.inputs, *layer.outputs)
    return isinstance(layer.macs, int) and all(
        shape is not None and all(isinstance(dim, int) for dim in shape) for shape in shapes
    )


def _is_folded(layer: Layer, before: Layer | None) -> bool:
    """Whether runtimes do it together with the operation before: an activation on what that just wrote."""
    if layer.family not in _FOLDED or layer.kind not in _CHEAP or before is None:
        return False
    return before.family in {Family.CONVOLUTION, Family.DEPTHWISE, Family.DENSE, *_FOLDED, Family.ELEMENTWISE} and (
        before.outputs[:1] == layer.inputs[:1]
    )


def _add(totals: dict[str, float], layer: Layer) -> None:
    """Adds one layer, as often as it runs."""
    for name, amount in _parts(layer):
        totals[name] += amount * layer.repeats
    if isinstance(layer.parameters, int):
        totals["weights"] += _number(layer.parameters)
    totals["inference"] = 1.0


def _parts(layer: Layer) -> Iterable[tuple[str, float]]:
    written = float(sum(_size(shape) for shape in layer.outputs))
    read = float(sum(_size(shape) for shape in layer.inputs))
    if layer.family in _COMPUTE:
        return _computing(layer, read, written)
    if not layer.written_bytes:
        return ()  # a view, a constant: nothing is done
    if layer.family in {Family.ELEMENTWISE, *_FOLDED} and _is_point(layer.outputs):
        return (("n_ew", 1.0),)  # a gate of squeeze-and-excitation: the call costs, not its few elements
    if layer.family is Family.ELEMENTWISE:
        return (("ew_add" if layer.kind == "Add" else "ew_other", written), ("n_ew", 1.0))
    if layer.family in _FOLDED:
        return (("ew_other" if layer.kind in _CHEAP else "nonlinear", written), ("n_ew", 1.0))
    if layer.family is Family.POOLING:
        global_ = _is_point(layer.outputs)
        return (("reduced" if global_ else "pooled", read if global_ else written * _window(layer)), ("n_other", 1.0))
    if layer.family is Family.REDUCTION:
        return (("reduced", read), ("n_other", 1.0))
    if layer.family is Family.LAYOUT:
        return (("moved", written), ("n_moved", 1.0))
    return (("ew_other", written), ("n_ew", 1.0)) if layer.family is Family.QUANTISE else ()


def _computing(layer: Layer, read: float, written: float) -> Iterable[tuple[str, float]]:
    macs = _number(layer.macs)
    if layer.family is Family.DENSE or _is_point(layer.outputs):
        if layer.family is Family.DENSE and not _is_point(layer.outputs):
            return (("macs_1x1", macs), ("out_1x1", written), ("in_1x1", read), ("n_conv", 1.0))
        return (("macs_vector", macs), ("n_vector", 1.0))
    window = _window(layer)
    if layer.family is Family.DEPTHWISE:
        return (("macs_dw3" if window <= 9 else "macs_dw5", macs), ("out_dw", written), ("in_dw", read), ("n_dw", 1.0))
    serial = ("serial", macs / written if written else 0.0)
    if any(part.startswith("g") and part[1:].isdecimal() for part in layer.attributes.split()):
        return (("macs_grouped", macs), ("out_grouped", written), ("n_conv", 1.0), serial)
    if window == 1:
        return (("macs_1x1", macs), ("out_1x1", written), ("in_1x1", read), ("n_conv", 1.0), serial)
    moved = (("out_kxk", written), ("in_kxk", read), ("n_conv", 1.0))
    if macs <= 4.0 * window * written:
        return (("macs_stem", macs), *moved, serial)
    if window > 9 or _stride(layer) != 1:
        return (("macs_large" if window > 9 else "macs_3x3_strided", macs), *moved, serial)
    if _suits_winograd(layer, macs, written):
        return (("macs_3x3", macs), ("winograd_3x3", macs), *moved)
    return (("macs_3x3", macs), ("direct_3x3", macs), *moved, serial)


def _suits_winograd(layer: Layer, macs: float, written: float) -> bool:
    """Whether a 3×3 convolution with stride 1 has the channels and pixels for it, wherever the format puts channels."""
    taken, made = layer.inputs[0], layer.outputs[0]
    words = layer.attributes.split()
    if words[:1] != ["3x3"] or any(word.startswith("d") for word in words):
        return False
    if taken is None or made is None or len(taken) != 4 or len(made) != 4:
        return False
    channels = macs / (9.0 * written)
    last = taken[-1] == channels
    high, wide, filters = (made[1], made[2], made[3]) if last else (made[2], made[3], made[1])
    tiles = -(-_size((high,)) // 4) * -(-_size((wide,)) // 4)
    return min(channels, _size((filters,))) > 4 * (_SLICES - 1) and tiles >= _TILES


def _number(amount: int | str | None) -> float:
    return float(min(amount, _MOST)) if isinstance(amount, int) else 0.0


def _size(shape: tuple[Dim, ...] | None) -> int:
    return min(prod(dim for dim in shape or (0,) if isinstance(dim, int)), _MOST)


def _is_point(shapes: tuple[tuple[Dim, ...] | None, ...]) -> bool:
    """Whether an output is one vector: all dimensions but one are 1."""
    sizes = [dim for dim in (shapes[0] if shapes and shapes[0] is not None else ()) if isinstance(dim, int)]
    return bool(sizes) and prod(sizes) == max(sizes)


def _window(layer: Layer) -> int:
    """Elements of the kernel or the pool: 9 for ``3x3 s2``."""
    first = layer.attributes.split(" ", 1)[0]
    sizes = first.split("x")
    return min(prod(int(size[:9]) for size in sizes), _MOST) if all(size.isdecimal() for size in sizes) else 1


def _stride(layer: Layer) -> int:
    for part in layer.attributes.split():
        if part.startswith("s") and part[1:].replace("x", "").isdecimal():
            return max(int(size) for size in part[1:].split("x") if size)
    return 1
