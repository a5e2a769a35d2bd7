"""What smaller weights cost: schemes, rules by which answers are compared, and the table of both.

Everything here is agreement with the model as it was shipped, on inputs that are named. It is never accuracy: nobody who holds
only a model file knows the right answers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from nngauge.domain.graph import DType, Span

SCHEMA: Final = "nngauge.compression/1"
"""Of `StudyTable`: raised when tables are made in another way."""


class Scheme(StrEnum):
    """How weights are stored in few bits; the meanings are those of coremltools 9 (docs/compression.md)."""

    LINEAR = "linear"
    """Affine per output channel: 2ᵇ even steps from the channel's least to its largest weight."""
    LINEAR_LUT = "linear_lut"
    """A table of 2ᵇ even steps from the tensor's least to its largest weight."""
    KMEANS_LUT = "kmeans_lut"
    """A table of 2ᵇ values for each tensor, chosen by one-dimensional k-means."""


class Scope(StrEnum):
    """What a sparsity is counted over."""

    LAYER = "per layer"
    """Each weight tensor loses the same share."""
    GLOBAL = "global"
    """One threshold for the whole model."""


class Rule(StrEnum):
    """How two answers are compared, by what the model does."""

    TOP1 = "top-1"
    """The class with the highest score is the same."""
    POINTS = "points"
    """Mean distance of points below 2 % of their extent."""
    BOXES = "boxes"
    """The best box is the same or overlaps, or both find nothing."""
    PIXELS = "pixels"
    """The class of at least 95 % of the pixels is the same."""
    COSINE = "cosine"
    """Directions of the embeddings differ by a cosine of at least 0.99."""
    NONE = "none"
    """No rule fits: only the signal-to-noise ratio is told."""


class InputSource(StrEnum):
    """Where the inputs came from, the most telling first."""

    USER = "your files"
    BUNDLED = "bundled samples"
    """Pictures and sounds that nngauge makes itself: they look like something, but nobody took them."""
    NOISE = "1/f noise"
    """Only good for ranking: answers are nearly all the same."""


class Weight(Struct, frozen=True, kw_only=True):
    """A constant that is worth compressing: floats (or integers with scales) that convolutions and dense layers read."""

    tensor: int
    """Index in `Graph.tensors`."""
    graph: int = 0
    """0 is the main graph, n the n-th of its sub-graphs."""
    name: str
    """Of the tensor; made up from the node where the file has none. Unique within the model."""
    node: int
    """Index in `Graph.nodes` of the first operation that reads it."""
    op: str
    """Of that operation, as an ONNX operator where it has one."""
    shape: tuple[int, ...]
    axes: tuple[int, ...] = ()
    """Neighbouring dimensions that together count the output channels; none of look-up tables of embeddings."""
    dtype: DType
    span: Span
    """Where its bytes lie, dense and little-endian."""
    elements: int
    scales: tuple[float, ...] = ()
    """Of integer weights: one, or one for each output channel."""
    zero_points: tuple[int, ...] = ()
    scale_axis: int | None = None
    """Dimension that the scales go along; None for one scale."""


class Choice(Struct, frozen=True, kw_only=True):
    """What is done to one weight."""

    weight: str
    """Name of a `Weight`."""
    bits: int
    """1 to 8; 16 is float16; 32 leaves it as it is."""
    scheme: Scheme = Scheme.LINEAR


class Variant(Struct, frozen=True, kw_only=True):
    """One version of a model. Weights that no choice names stay as they are."""

    label: str
    """For people: ``4 bit kmeans_lut``, ``50 % sparse, global``."""
    bits: int | None = None
    """Where all weights have the same."""
    scheme: Scheme | None = None
    choices: tuple[Choice, ...] = ()
    """By weight, for mixed precision; empty where `bits` and `scheme` hold for all."""
    sparsity: float | None = None
    """Share of weights set to zero, the smallest magnitudes first."""
    scope: Scope | None = None


class Inputs(Struct, frozen=True, kw_only=True):
    """What the model was run on."""

    source: InputSource
    count: int
    name: str = ""
    """The folder, or what the bundled samples are."""
    unreadable: tuple[str, ...] = ()
    """``file: why``, of files that could not be read; at most twenty are named."""
    unreadable_count: int = 0
    prepared: str = ""
    """How pictures or sounds became numbers, and from where that is known: ``RGB in -1…1, from the metadata``."""


class Agreement(Struct, frozen=True, kw_only=True):
    """How often a variant answers as the shipped model does."""

    rule: Rule
    inputs: int
    """Compared; those without a finite reference answer are left out."""
    matched: int | None = None
    """None where the share is withheld or no rule fits."""
    low: float | None = None
    """95 % interval of the share (Wilson)."""
    high: float | None = None
    top5: float | None = None
    """Share of inputs whose first class is among the variant's first five."""
    error: float | None = None
    """Median over inputs of the rule's distance: normalised point error, 1 − cosine, share of other pixels."""
    sqnr: float | None = None
    """Decibels: energy of the shipped model's outputs over that of the difference; None where outputs are not finite, and where
    there is no difference at all (`identical`)."""
    identical: bool = False
    """All outputs are the same, bit for bit."""
    not_finite: int = 0
    """Inputs on which the variant's outputs hold NaN or infinity; they count as different."""

    @property
    def share(self) -> float | None:
        """Of inputs with the same answer, 0 to 1; None where it is withheld."""
        return self.matched / self.inputs if self.matched is not None and self.inputs else None


class Reference(Struct, frozen=True, kw_only=True):
    """What the shipped model answers on the same inputs: how much a share of equal answers can mean."""

    rule: Rule
    because: str
    """Why this rule: ``task image-classification, output 1×1000``."""
    inputs: int
    distinct: int | None = None
    """Different answers; None where answers are not countable (points, embeddings)."""
    chance: float | None = None
    """Share of its commonest answer: what a constant would reach."""
    withheld: str = ""
    """Why no share is told: ``2 distinct answers in 129 inputs``; empty where it is."""
    not_finite: int = 0
    """Inputs on which already the shipped model answers with NaN or infinity."""


class Sizes(Struct, frozen=True, kw_only=True):
    """Three answers to "how small?", in bytes."""

    packed: int
    """Weights in their bits, with tables and scales, and the rest of the file as it is: what a suitable format would take."""
    file: int | None = None
    """What the file takes in its own format, where that format can store it: 16 and 8 bits, or a written file."""
    deflated: int | None = None
    """The packed bytes after deflate, about what a download takes."""


class Refusal(Struct, frozen=True, kw_only=True):
    """Why there is no table, or no row."""

    reason: str
    """A word of: no weights, does not run, crashed, timeout, memory, missing, not finite, dynamic, unsupported."""
    explanation: str
    hint: str = ""


class Row(Struct, frozen=True, kw_only=True):
    """One variant: what it takes and what it answers."""

    variant: Variant
    sizes: Sizes
    agreement: Agreement | None = None
    refusal: Refusal | None = None
    """Where there is no agreement."""


class Table(Struct, frozen=True, kw_only=True):
    """The compression table of one model."""

    model: str
    """File name."""
    format: str
    digest: str = ""
    """SHA-256 of the lead file."""
    engine: str
    version: str
    """Of the engine."""
    shipped: Sizes
    """As it is: `packed` and `file` are the file's size."""
    weights: int
    """Tensors that are compressed."""
    weight_bytes: int
    """Their bytes in the file."""
    elements: int
    inputs: Inputs
    reference: Reference
    rows: tuple[Row, ...]
    pruned: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    cpu_seconds: float = 0.0
    """Processor time of everything, the child's included."""


class Making(Struct, frozen=True, kw_only=True):
    """How the tables of a study are made: the same making gives the same tables."""

    inputs: int
    """At most so many for each model."""
    seconds: float
    """Processor time planned for each, more or less."""
    folder: str = ""
    """Name of the user's inputs; empty: samples of our own."""
    files: str = ""
    """Digest of their names and sizes."""
    prune: bool = False


class StudyTable(Struct, frozen=True, kw_only=True):
    """One distinct model of a study: its table, or why there is none."""

    schema: str = SCHEMA
    model: str
    """Digest, as the study has it."""
    name: str
    format: str
    made: str
    """UTC time, ISO 8601."""
    tool: str
    """nngauge and its version."""
    making: Making
    timeout: float
    """Seconds after which it would have been given up."""
    table: Table | None = None
    refusal: Refusal | None = None
    """Where there is no table."""
