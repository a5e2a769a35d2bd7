"""Models as they are found: files, bundles of files, and candidates that turned out to be something else."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from nngauge.domain.attribution import Attribution, KnownModel
from nngauge.domain.evidence import Confidence, Evidence
from nngauge.domain.graph import Completeness, Dim, DType
from nngauge.domain.location import Location
from nngauge.domain.task import TaskVerdict


class ModelFile(Struct, frozen=True, kw_only=True):
    """One part of a model: its place, digest and size."""

    location: Location
    sha256: str
    size: int


class Port(Struct, frozen=True, kw_only=True):
    """An input or output of a model."""

    name: str
    dtype: DType
    shape: tuple[Dim, ...] | None


class Model(Struct, frozen=True, kw_only=True):
    """A validated model inside an app: one file, or several bound together. Same digest, same model."""

    format: str
    title: str
    """Title of the format, for people."""
    name: str
    """File name it goes by in the package."""
    digest: str
    """sha256 of the single file, or of the sorted part digests; empty where nobody asked for it."""
    size: int
    parts: tuple[ModelFile, ...]
    """The lead file first."""
    completeness: Completeness
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    parameters: int | None = None
    nodes: int | None = None
    """Operations, sub-graphs included."""
    ops: Mapping[str, int] = field(default_factory=dict)
    """Histogram of source op names."""
    weights: Mapping[str, int] = field(default_factory=dict)
    """Parameters by element type."""
    format_version: str | None = None
    producer: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    task: TaskVerdict | None = None
    """What it is for."""
    owner: Attribution | None = None
    """Whose it is; None outside of an app."""
    known: KnownModel | None = None
    """The published model that it is, or was made from."""
    evidence: tuple[Evidence, ...] = ()
    plugin: str = ""
    """``name@version`` of the parser."""


class Suspicion(StrEnum):
    """Why a file that is not a validated model is still worth a line."""

    REJECTED = "rejected"
    """Looked like a format by magic or name, but its structure does not validate."""
    OPAQUE = "opaque"
    """Model-like name or place, but bytes that look encrypted or privately packed."""
    INCOMPLETE = "incomplete"
    """A part of a multi-file model whose other parts were not found."""


class Candidate(Struct, frozen=True, kw_only=True):
    """A file that might be a model and was not accepted as one; recorded with the reason."""

    location: Location
    size: int
    suspicion: Suspicion
    formats: tuple[str, ...]
    """Formats that were tried."""
    reason: str
    confidence: Confidence = Confidence.POSSIBLE
