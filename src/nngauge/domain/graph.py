"""The format-neutral view of a model: tensors as descriptors, nodes in two vocabularies, bytes only on demand."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

Dim = int | str | None
"""One dimension: a number, a symbol such as ``"batch"``, or None when unknown."""

Attribute = bool | int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]


class DType(StrEnum):
    """Element types of all formats. GGML block types keep their own names because they are storage layouts."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT8_E4M3 = "float8_e4m3"
    FLOAT8_E5M2 = "float8_e5m2"
    FLOAT4_E2M1 = "float4_e2m1"
    INT64 = "int64"
    INT32 = "int32"
    INT16 = "int16"
    INT8 = "int8"
    INT4 = "int4"
    INT2 = "int2"
    UINT64 = "uint64"
    UINT32 = "uint32"
    UINT16 = "uint16"
    UINT8 = "uint8"
    UINT6 = "uint6"
    UINT4 = "uint4"
    UINT3 = "uint3"
    UINT2 = "uint2"
    UINT1 = "uint1"
    BOOL = "bool"
    STRING = "string"
    COMPLEX64 = "complex64"
    COMPLEX128 = "complex128"
    RESOURCE = "resource"
    VARIANT = "variant"
    UNKNOWN = "unknown"
    GGML_Q4_0 = "q4_0"
    GGML_Q4_1 = "q4_1"
    GGML_Q5_0 = "q5_0"
    GGML_Q5_1 = "q5_1"
    GGML_Q8_0 = "q8_0"
    GGML_Q8_1 = "q8_1"
    GGML_Q2_K = "q2_k"
    GGML_Q3_K = "q3_k"
    GGML_Q4_K = "q4_k"
    GGML_Q5_K = "q5_k"
    GGML_Q6_K = "q6_k"
    GGML_Q8_K = "q8_k"
    GGML_IQ1_S = "iq1_s"
    GGML_IQ1_M = "iq1_m"
    GGML_IQ2_XXS = "iq2_xxs"
    GGML_IQ2_XS = "iq2_xs"
    GGML_IQ2_S = "iq2_s"
    GGML_IQ3_XXS = "iq3_xxs"
    GGML_IQ3_S = "iq3_s"
    GGML_IQ4_NL = "iq4_nl"
    GGML_IQ4_XS = "iq4_xs"
    GGML_TQ1_0 = "tq1_0"
    GGML_TQ2_0 = "tq2_0"
    GGML_MXFP4 = "mxfp4"
    GGML_NVFP4 = "nvfp4"
    GGML_Q1_0 = "q1_0"


class Completeness(StrEnum):
    """How much of the model the parser read."""

    FULL = "full"
    """Nodes, tensors, inputs and outputs."""
    TOPOLOGY = "topology"
    """All operations, but the weights lie elsewhere or were stripped: MACs are exact, parameters as layers declare."""
    PARTIAL = "partial"
    """Some of it; totals are lower bounds and `Graph.notes` says what is missing."""
    STRUCTURE = "structure"
    """Validated as this format; the network itself is not read."""


class Quantization(Struct, frozen=True):
    """Affine quantisation ``real = scale × (stored − zero_point)``; several values mean per-channel along `axis`."""

    scales: int = 0
    """Number of scales: 1 per tensor, more per channel or per block."""
    scale: float | None = None
    """The first scale."""
    zero_point: int | None = None
    axis: int | None = None
    """Channel dimension of per-channel quantisation."""
    table: int = 0
    """Entries of the look-up table that the stored numbers index (palettised weights), 0 without one."""


class Span(Struct, frozen=True):
    """Where constant data lies: `part` of the bundle (0 = the lead file), byte `offset`, `size` in bytes."""

    offset: int
    size: int
    part: int = 0


class Tensor(Struct, frozen=True):
    """A value in the graph. `data` is set for constants (weights) and None for activations."""

    name: str
    dtype: DType = DType.UNKNOWN
    shape: tuple[Dim, ...] | None = None
    """None when the rank is unknown; ``()`` is a scalar."""
    data: Span | None = None
    quantization: Quantization | None = None
    constant: bool = False
    """True for weights and other constants, also when their bytes are missing."""
    values: tuple[int, ...] | tuple[float, ...] | None = None
    """Elements of a small constant (shapes, axes, scales; at most `limits.MAX_INLINE_VALUES`), where the parser read
    them: shapes are computed from them. None when they lie at `data` or are unknown."""

    @property
    def elements(self) -> int | None:
        """Number of elements, None when a dimension is not a number."""
        if self.shape is None:
            return None
        total = 1
        for dim in self.shape:
            if not isinstance(dim, int) or dim < 0:
                return None
            total *= dim
        return total


class Node(Struct, frozen=True):
    """One operation. `inputs` and `outputs` index `Graph.tensors`; −1 marks an absent optional input."""

    op: str
    """Name in the source vocabulary, e.g. ``DEPTHWISE_CONV_2D``, ``ConvolutionDepthWise``."""
    kind: str | None = None
    """The same operation as an ONNX operator name (``Conv``), None when there is no counterpart (yet)."""
    name: str = ""
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """With a `kind`: the attributes of that ONNX operator, and those in docs/operators.md (layouts, fused activation);
    without one: what the file says, in its own words."""


class Graph(Struct, frozen=True, kw_only=True):
    """One model. Sub-graphs (control flow, further signatures) are graphs themselves."""

    format: str
    """Name of the `Format` that read it."""
    completeness: Completeness = Completeness.FULL
    name: str = ""
    nodes: tuple[Node, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    inputs: tuple[int, ...] = ()
    """Indices of the graph's inputs in `tensors`."""
    outputs: tuple[int, ...] = ()
    subgraphs: tuple[Graph, ...] = ()
    format_version: str | None = None
    producer: str | None = None
    """Converter or framework that wrote it, as the file tells."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Free facts of the file (description, author, license, architecture …), text by key."""
    extent: int | None = None
    """Bytes of the lead part that belong to the model; None when the format does not tell."""
    notes: tuple[str, ...] = ()
    """What was not read, or is odd about the file."""

    @property
    def parameters(self) -> int | None:
        """Elements of all constant tensors, sub-graphs included; None when the model was not read as far as its weights."""
        if self.completeness is not Completeness.FULL and not self._has_constants():
            return None
        total = sum(tensor.elements or 0 for tensor in self.tensors if tensor.constant)
        return total + sum(graph.parameters or 0 for graph in self.subgraphs)

    def _has_constants(self) -> bool:
        return any(t.constant for t in self.tensors) or any(graph.parameters for graph in self.subgraphs)
