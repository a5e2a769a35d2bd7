"""Weights in few bits: the three schemes of the compression table, as coremltools 9 defines them.

=============  ======================================================================================================
linear         ``_quantize_channelwise_linear``: for each output channel 2ᵇ even steps from its least to its largest weight
linear_lut     the same over the whole tensor, kept as a table of 2ᵇ values
kmeans_lut     a table of 2ᵇ values for the whole tensor by one-dimensional k-means
=============  ======================================================================================================

Source: ``coremltools/models/neural_network/quantization_utils.py``,
https://apple.github.io/coremltools/docs-guides/source/quantization-neural-network.html. Not taken over: channels whose step is below 1e-6
are set to their least weight there. Here they keep their steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from nngauge.compress.kmeans import Spread, centroids, nearest
from nngauge.domain.compression import Scheme

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

BITS: Final = (8, 6, 4, 3, 2, 1)
"""Of the table, besides 16 (float16), which is one row for all schemes."""
_STORED: Final = 4
"""Bytes of a scale, a bias or an entry of a table."""


class Reduced(Struct, frozen=True, kw_only=True):
    """A weight in few bits."""

    values: Array
    """What it stands for, in the shape it had, as float32."""
    packed: int
    """Bytes of the numbers in their bits, with tables, scales and biases."""
    codes: Array | None = None
    """The numbers (uint8); None for float16."""


def reduced(values: Array, axes: Sequence[int], bits: int, scheme: Scheme, spread: Spread | None = None) -> Reduced:
    """`values` (float32, finite) in `bits` (16, or 8 to 1). `axes`: the neighbouring dimensions of output channels.

    `spread`: of the same values, where k-means is asked for more than once.
    """
    import numpy as np

    if bits >= 16:
        halves = np.clip(values, -65504, 65504).astype(np.float16)
        return Reduced(values=halves.astype(np.float32), packed=2 * values.size)
    numbers = (values.size * bits + 7) // 8
    if scheme is Scheme.LINEAR:
        codes, restored, channels = _affine(values, axes, bits)
        return Reduced(values=restored, packed=numbers + 2 * _STORED * channels, codes=codes)
    if scheme is Scheme.LINEAR_LUT:
        codes, restored, _ = _affine(values, (), bits)
        return Reduced(values=restored, packed=numbers + _STORED * (1 << bits), codes=codes)
    table = centroids(spread or Spread(values), 1 << bits).astype(np.float32)
    codes = nearest(values, table)
    return Reduced(values=table[codes], packed=numbers + _STORED * (1 << bits), codes=codes)


def _affine(values: Array, axes: Sequence[int], bits: int) -> tuple[Array, Array, int]:
    """Codes, what they stand for, and the number of channels."""
    import numpy as np

    rows = _rows(values, axes)
    least, most = rows.min(axis=(0, 2), keepdims=True), rows.max(axis=(0, 2), keepdims=True)
    steps = (1 << bits) - 1
    scale = (most.astype(np.float64) - least) / steps
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(scale > 0, 1 / scale, 0).astype(np.float32)
    codes = np.rint((rows - least) * inverse)
    np.clip(codes, 0, steps, out=codes)
    restored = (codes * scale.astype(np.float32) + least).astype(np.float32)
    return codes.astype(np.uint8).reshape(values.shape), restored.reshape(values.shape), rows.shape[1]


def _rows(values: Array, axes: Sequence[int]) -> Array:
    """A view of three dimensions, the middle one the channels."""
    if not axes:
        return values.reshape(1, 1, -1)
    first, last = axes[0], axes[-1]
    outer, channels = prod(values.shape[:first]), prod(values.shape[first : last + 1])
    return values.reshape(outer, channels, -1)


def pack(codes: Array, bits: int) -> bytes:
    """The numbers one after the other, the lowest bit first."""
    import numpy as np

    if bits == 8:
        return codes.tobytes()
    spread = np.unpackbits(codes.reshape(-1, 1), axis=1, count=bits, bitorder="little")
    return np.packbits(spread, bitorder="little").tobytes()


def pruned(values: Array, sparsity: float, threshold: float | None = None) -> Array:
    """`values` with the smallest magnitudes set to zero: a share of them, or all up to a `threshold`."""
    import numpy as np

    if threshold is None:
        threshold = magnitude_below(values, sparsity)
    found: Array = np.where(np.abs(values) <= threshold, np.float32(0), values)
    return found


def magnitude_below(values: Array, share: float) -> float:
    """The magnitude up to which this share of the values lies; −1 where the share is nothing."""
    import numpy as np

    count = int(share * values.size)
    if count <= 0:
        return -1.0
    return float(np.partition(np.abs(values).ravel(), count - 1)[count - 1])
