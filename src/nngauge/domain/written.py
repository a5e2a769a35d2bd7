"""A model file that was written from another: what was done, what it costs before and after, and whether it answers the same."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from nngauge.domain.compression import Agreement, Inputs, Reference, Refusal
from nngauge.domain.cost import Amount


class Figures(Struct, frozen=True, kw_only=True):
    """What a model takes. None where it is not known."""

    file: int
    """Bytes of all its files."""
    deflated: int
    """The same after deflate, about what a download takes."""
    weight_bytes: int | None
    parameters: Amount | None
    macs: Amount | None
    peak: Amount | None
    """Bytes of activations alive at once, at most."""
    weights: Mapping[str, int] = field(default_factory=dict)
    """Parameters by element type."""


class Likeness(Struct, frozen=True, kw_only=True):
    """The written file's outputs beside the original's, on the same inputs."""

    engine: str
    """That ran the written file."""
    version: str
    reference: str
    """Engine that ran the original."""
    inputs: Inputs
    identical: bool
    """Every output of every input, bit for bit."""
    max_difference: float | None
    """Largest absolute difference of any two numbers; None where none could be compared."""
    extent: float | None
    """Largest absolute number of the original's outputs: what the difference is to be seen beside."""
    sqnr: float | None
    """Decibels: energy of the original's outputs over that of the difference. None where they are equal or not finite."""
    agreement: Agreement | None = None
    """By task; None where outputs have other shapes."""
    answers: Reference | None = None
    """What the original answers on these inputs: how much a share of equal answers can mean."""


class Written(Struct, frozen=True, kw_only=True):
    """One file that was written, re-opened and compared."""

    source: str
    """Path of the original."""
    output: str
    """Path of the lead file, or of the folder."""
    files: tuple[str, ...]
    """Names of all that was written, beside each other."""
    recipe: str
    format: str
    digest: str = ""
    """SHA-256 of the lead file."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Version by name of what wrote it."""
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    before: Figures
    after: Figures
    likeness: Likeness | None = None
    unlike: Refusal | None = None
    """Why outputs were not compared."""
    cpu_seconds: float = 0.0
    """Of the tool's process."""
