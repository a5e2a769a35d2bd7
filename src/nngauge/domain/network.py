"""What a study keeps of each distinct model besides what a scan says: cost, precision, structure, weights."""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.workload import Workload


class FamilyShare(Struct, frozen=True, kw_only=True):
    """The layers of one family in sum. None where a figure is unknown or no plain number."""

    family: str
    layers: int
    macs: int | None = None
    parameters: int | None = None


class WeightPrint(Struct, frozen=True, kw_only=True):
    """What tells one weight tensor from others."""

    order: int
    """Place among the weights of the file, from 0."""
    elements: int
    dtype: str
    bytes: int
    layer: bool = False
    """A layer's weight, rather than its bias, gain or a table beside it."""
    exact: str | None = None
    """BLAKE2b of its bytes, 32 hexadecimal digits; None when they were not read or are one value over and over."""
    shape: tuple[int, int, int] | None = None
    """Output channels, input channels of each, positions; None without a sketch."""
    bits: tuple[int, int] = (0, 0)
    """The sketch, see `analyse.attribution.sketch`: the upper and the lower 64 of its 128 bits."""
    known: tuple[int, int] = (0, 0)
    """The bits of it that say something; none without a sketch."""


class LanguageFacts(Struct, frozen=True, kw_only=True):
    """Facts of a language model that studies ask for; None where the file does not tell."""

    role: str
    family: str
    architecture: str
    context: int | None = None
    layers: int | None = None
    embedding: int | None = None
    vocabulary: int | None = None
    bits_per_weight: float | None = None
    cache_bytes: int | None = None
    """Key-value cache of one token in float16."""


class Network(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One distinct model. Figures that depend on free dimensions are texts; None where something is unknown."""

    digest: str
    """As `Model.digest`."""
    plugin: str
    """``name@version`` of the parser."""
    reason: str | None = None
    """Why there is nothing more: too large, not finished in time, damaged."""
    macs: int | str | None = None
    parameters: int | str | None = None
    weight_bytes: int | None = None
    peak_bytes: int | str | None = None
    """Activations alive at once."""
    read_bytes: int | str | None = None
    written_bytes: int | str | None = None
    lower_bound: bool = False
    """MACs and bytes moved are at least this."""
    scheme: str | None = None
    precision: str | None = None
    """`scheme` in the words of the field: ``dynamic-range int8``."""
    sparsity: float | None = None
    """Share of exact zeros among the weights that were read."""
    near_zero: float | None = None
    clustered: int | None = None
    """Tensors of floats with at most 256 values; None when none was read."""
    structure: str = ""
    """Digest of operators, element types and shapes: the same network written by the same converter."""
    layers: str = ""
    """Digest of the weighted layers in any order: the same architecture in any format."""
    trunk: str = ""
    """`layers` without the last one."""
    known: str | None = None
    """Published model with these weights or layers: id in the knowledge base."""
    likeness: str | None = None
    language: LanguageFacts | None = None
    families: tuple[FamilyShare, ...] = ()
    tensors: tuple[WeightPrint, ...] = ()
    weights_left_out: int = 0
    """Weight tensors that are not among `tensors`: the smallest ones of a model with very many."""
    workload: Workload | None = None
    """Its layers, for estimates; None where there are too many."""
