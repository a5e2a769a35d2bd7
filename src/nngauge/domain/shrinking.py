"""A model that was made smaller without another answer: what went, what it costs before and after, how it was checked."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from nngauge.domain.compression import Refusal
from nngauge.domain.written import Figures


class Outcome(StrEnum):
    """What became of it."""

    WRITTEN = "written"
    """Smaller, and the answers are those of the original."""
    NOTHING = "nothing to gain"
    """There is nothing that the answers do not need."""
    DISCARDED = "discarded"
    """It was smaller, and its answers were others (or could not be compared)."""
    REFUSED = "refused"
    """It could not be tried."""


class OutputGap(Struct, frozen=True, kw_only=True):
    """How far one output is from the original's, over all inputs."""

    name: str
    dtype: str
    largest: float
    """Largest difference of any number."""
    extent: float
    """The original's greatest number minus its least."""
    allowed: float
    """Difference up to which it counts as the same."""

    @property
    def same(self) -> bool:
        """Is it within what is allowed?"""
        return self.largest <= self.allowed


class Gate(Struct, frozen=True, kw_only=True):
    """The comparison of both files on the same inputs, each in a process of its own."""

    engine: str
    version: str
    inputs: int
    identical: bool
    """Every output bit for bit."""
    outputs: tuple[OutputGap, ...]
    """The worst of each output."""
    unlike: str = ""
    """Why they cannot be the same: another shape, NaN in other places; empty otherwise."""

    @property
    def passed(self) -> bool:
        """Are the answers the same?"""
        return not self.unlike and bool(self.outputs) and all(gap.same for gap in self.outputs)


class Attempt(Struct, frozen=True, kw_only=True):
    """One way it was tried, the one that promises most first."""

    method: str
    """``weights up to 1e-06 of the largest of their layer count as zero``."""
    size: int | None = None
    """Bytes of the file; None where none was written."""
    changes: tuple[str, ...] = ()
    gate: Gate | None = None
    refusal: Refusal | None = None


class Shrunk(Struct, frozen=True, kw_only=True):
    """The whole answer."""

    source: str
    output: str = ""
    """Path of the file; empty when none was written."""
    format: str
    outcome: Outcome
    explanation: str
    hint: str = ""
    before: Figures
    after: Figures | None = None
    changes: tuple[str, ...] = ()
    """What went, for people: ``2,176 channels``."""
    digest: str = ""
    """SHA-256 of the file that was written."""
    gate: Gate | None = None
    attempts: tuple[Attempt, ...] = ()
    median_ns: Mapping[str, float] = field(default_factory=dict)
    """``before`` and ``after``: median of an inference on this machine with one thread. A hint: other processors have other kernels."""
    tools: Mapping[str, str] = field(default_factory=dict)
