"""What a model costs, layer by layer and in all. Conventions: docs/cost.md."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.graph import Dim

Amount = int | str
"""An exact number, or an expression in the dynamic dimensions (``"37748736*N"``)."""


class Family(StrEnum):
    """Kinds of layers on top of the ONNX names."""

    CONVOLUTION = "convolution"
    DEPTHWISE = "depthwise convolution"
    TRANSPOSED = "transposed convolution"
    DENSE = "dense"
    MATMUL = "matrix multiplication"
    ATTENTION = "attention"
    RECURRENT = "recurrent"
    EMBEDDING = "embedding"
    NORMALISATION = "normalisation"
    ACTIVATION = "activation"
    POOLING = "pooling"
    RESIZE = "resize"
    ELEMENTWISE = "element-wise"
    REDUCTION = "reduction"
    LAYOUT = "layout"
    """Reshape, transpose, concat, slice, pad, gather …: moves data, computes nothing."""
    QUANTISE = "quantise"
    CONSTANT = "constant"
    CONTROL = "control flow"
    DETECTION = "detection"
    """Priors, boxes, non-maximum suppression."""
    SIGNAL = "signal"
    """FFT, spectrogram, mel."""
    TREE = "trees"
    DELEGATE = "delegate"
    """Compiled for an accelerator: what is inside cannot be seen."""
    OTHER = "other"


class Layer(Struct, frozen=True, kw_only=True):
    """One operation with its cost. None where something it needs is unknown; 0 where there is nothing to count."""

    graph: str = ""
    """Name or number of the sub-graph, empty for the main one."""
    index: int
    """Place in the graph's nodes."""
    name: str
    op: str
    """In the words of the source format."""
    kind: str | None
    """ONNX operator name."""
    family: Family
    inputs: tuple[tuple[Dim, ...] | None, ...] = ()
    """Shapes of the inputs that are not constants."""
    outputs: tuple[tuple[Dim, ...] | None, ...] = ()
    dtype: str = ""
    """Element type of the first output."""
    weight_dtype: str = ""
    """Element type of the largest constant, empty without one."""
    attributes: str = ""
    """What matters for the cost, in a few words: ``3x3 s2 g32``."""
    macs: Amount | None = None
    """Of one run; totals are sums of amounts × `repeats`."""
    parameters: Amount | None = None
    """Weights counted once: at the first layer that uses them."""
    weight_bytes: int | None = None
    read_bytes: Amount | None = None
    """Activations read."""
    written_bytes: Amount | None = None
    repeats: int = 1
    """Runs in one inference: 1 in the main graph, more in the body of a loop; 0 in a branch or sub-graph that is not
    taken (it holds parameters, but adds nothing to the other totals)."""
    note: str = ""


class PeakMemory(Struct, frozen=True, kw_only=True):
    """The most activation memory alive at once, in execution order, weights not included."""

    bytes: Amount
    layer: int
    """Index of the layer at which it is reached."""
    tensors: tuple[str, ...] = ()
    """The largest tensors alive there, largest first."""
    in_place: bool = True
    """Element-wise operations write over an input that nobody needs any more."""
    unknown: int = 0
    """Activations whose size is unknown and not counted."""


class Cost(Struct, frozen=True, kw_only=True):
    """Totals of one model."""

    macs: Amount | None
    """Multiply-accumulates of one inference. FLOPs := 2 × MACs, only ever shown beside it."""
    parameters: Amount | None
    weight_bytes: int | None
    read_bytes: Amount | None
    written_bytes: Amount | None
    peak: PeakMemory | None
    layers: tuple[Layer, ...]
    lower_bound: bool = False
    """Operations were not all read or understood: MACs and bytes moved are at least this. Missing weights alone do not
    make it so."""
    parameters_lower_bound: bool = False
    """Weights of some layers are unknown: parameters are at least this."""
    assumptions: tuple[str, ...] = ()
    """What was assumed: "batch taken as 1"."""
    unknown: tuple[str, ...] = ()
    """Why layers have no figure: `reason × count`."""

    @property
    def flops(self) -> Amount | None:
        """2 × MACs."""
        if self.macs is None:
            return None
        return 2 * self.macs if isinstance(self.macs, int) else f"2*({self.macs})"

    @property
    def intensity(self) -> float | None:
        """MACs per byte moved (weights, activations read and written); None when anything of it is not a number."""
        moved = (self.weight_bytes, self.read_bytes, self.written_bytes)
        if not isinstance(self.macs, int) or not all(isinstance(part, int) for part in moved):
            return None
        total = sum(part for part in moved if isinstance(part, int))
        return self.macs / total if total else None
