"""How far a model has been optimised: precision, sparsity, clustering, what was left in and what was fused."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.graph import DType


class Granularity(StrEnum):
    """How many values share one scale."""

    NONE = "none"
    PER_TENSOR = "per-tensor"
    PER_CHANNEL = "per-channel"
    BLOCKWISE = "block-wise"


class Scheme(StrEnum):
    """The field's names of quantisation schemes."""

    NONE = "no weights"
    FLOAT = "float"
    DYNAMIC = "dynamic-range"
    """Integer weights, float activations that are quantised at run time."""
    WEIGHT_ONLY = "weight-only"
    """Integer weights that are turned into floats before they are used."""
    FULL_INTEGER = "full-integer"
    """Weights and activations are integers."""
    BLOCKWISE = "block-wise"
    """GGML block types: a scale for every 32 to 256 weights."""
    PALETTISED = "palettised"
    """Weights are indices into a table of values."""
    FAKE_QUANT = "quantisation-aware"
    """Float weights with FakeQuant operations left in."""
    MIXED = "mixed"
    UNKNOWN = "unknown"


class Part(Struct, frozen=True, kw_only=True):
    """Weights under one scheme: the evidence for a verdict."""

    scheme: Scheme
    label: str
    tensors: int
    parameters: int
    examples: tuple[str, ...] = ()
    """Names of the largest of these tensors."""


class Verdict(Struct, frozen=True, kw_only=True):
    """The scheme that `label` words: ``float16``, ``dynamic-range int8``, ``full-integer int8``, ``mixed`` …"""

    scheme: Scheme
    label: str
    share: float
    """Of the weights' parameters, how many follow this scheme: 0 to 1."""
    parts: tuple[Part, ...] = ()
    """All schemes found, the most parameters first."""
    reasons: tuple[str, ...] = ()


class Precision(Struct, frozen=True, kw_only=True):
    """Tensors of one element type and granularity, in sum."""

    dtype: DType
    granularity: Granularity
    tensors: int
    elements: int
    """Elements of tensors whose shape is known."""
    bytes: int
    """Bytes stored; 0 for activations."""


class WeightState(Struct, frozen=True, kw_only=True):
    """One constant. The figures of its values are None where they were not read."""

    graph: str = ""
    name: str
    dtype: DType
    granularity: Granularity
    elements: int
    bytes: int
    read: int = 0
    """Elements that were looked at; fewer than `elements` means a sample."""
    zeros: int | None = None
    """Elements read that are exactly 0 (integers: the zero point)."""
    near_zeros: int | None = None
    """Elements read whose magnitude is below `threshold`, zeros included."""
    threshold: float | None = None
    """Between 1/4096 and 1/1024 of the largest finite magnitude; None for integers, where it is less than a step."""
    distinct: int | None = None
    """Different values among those read; None for more than `analyse.optimisation.values.MAX_DISTINCT`."""
    clustered: bool = False
    """A float tensor of at least 4096 elements with at most 256 values."""
    uniform: bool = False
    """The few values lie on an even grid, as they do after fake quantisation."""
    holds: str = ""
    """``float16`` or ``bfloat16`` when a float32 tensor has only mantissas of that type."""
    channels: int | None = None
    """Output channels, where the operation tells which axis they are."""
    dead_channels: int | None = None
    """Output channels whose weights all lie below 2⁻²⁰ of the tensor's largest (below 2⁻²² all are found); of float16, whose
    own steps are no finer, below 2⁻¹⁶."""


class BatchNorm(Struct, frozen=True, kw_only=True):
    """Batch normalisation left in the graph, against convolutions that may have absorbed theirs."""

    nodes: int = 0
    foldable: int = 0
    """Those right behind a convolution or dense layer that nothing else reads."""
    convolutions: int = 0
    with_bias: int = 0
    """Convolutions with a bias: usual after folding, rare before."""


class Leftover(Struct, frozen=True, kw_only=True):
    """Operations or tensors that inference does not need."""

    what: str
    count: int
    examples: tuple[str, ...] = ()


class Duplicate(Struct, frozen=True, kw_only=True):
    """Constants with the same bytes at different places."""

    digest: str
    """BLAKE2b of the bytes, 16 hexadecimal digits of it."""
    size: int
    names: tuple[str, ...]

    @property
    def wasted(self) -> int:
        """Bytes that one copy would save."""
        return self.size * (len(self.names) - 1)


class Optimisation(Struct, frozen=True, kw_only=True):
    """All that can be said without running the model."""

    verdict: Verdict
    weights: tuple[Precision, ...]
    activations: tuple[Precision, ...]
    tensors: tuple[WeightState, ...]
    batch_norm: BatchNorm
    leftovers: tuple[Leftover, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    """What converters and quantisers wrote about themselves: `(what, value)`."""
    training: tuple[str, ...] = ()
    """Evidence that the model can be trained on the device."""
    read_bytes: int = 0
    """Weight bytes that were looked at; 0 in the fast mode."""
    sampled: bool = False
    """Not all weights were read: figures of values are those of a sample."""
    notes: tuple[str, ...] = ()

    @property
    def sparsity(self) -> float | None:
        """Share of exact zeros among the weights read; None when none was read."""
        return self._share([state.zeros for state in self.tensors])

    @property
    def near_zero(self) -> float | None:
        """Share of weights below their tensor's threshold, zeros included; None when none was read."""
        return self._share([state.near_zeros for state in self.tensors])

    def _share(self, counts: list[int | None]) -> float | None:
        pairs = [(count, state.read) for count, state in zip(counts, self.tensors, strict=True) if count is not None]
        read = sum(total for _, total in pairs)
        return sum(count for count, _ in pairs) / read if read else None
