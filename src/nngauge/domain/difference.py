"""What differs between two models."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Amount, Layer


class Change(StrEnum):
    """How a layer of the first model relates to one of the second."""

    SAME = "same"
    """Same kind, output shape (in any axis order) and parameters."""
    CHANGED = "changed"
    """Same kind, but another shape or another number of parameters."""
    FUSED = "fused"
    """An activation that in the other model is part of the layer before it."""
    REMOVED = "removed"
    """Only in the first."""
    ADDED = "added"
    """Only in the second."""


class Fact(Struct, frozen=True, kw_only=True):
    """One property of both models, as text; None where a model does not have it."""

    name: str
    first: str | None
    second: str | None

    @property
    def same(self) -> bool:
        """Both say the same."""
        return self.first == self.second


class Figure(Struct, frozen=True, kw_only=True):
    """One quantity of both models."""

    name: str
    first: Amount | None
    second: Amount | None
    ratio: float | None = None
    """Second by first; None when either is not a number or the first is 0."""
    unit: str = ""
    """``B`` for bytes, empty for counts."""


class Step(Struct, frozen=True, kw_only=True):
    """One line of the alignment."""

    change: Change
    first: Layer | None
    second: Layer | None


class SharedWeights(Struct, frozen=True, kw_only=True):
    """How many of the weights are the same."""

    identical: int
    """Tensors whose bytes are in both."""
    identical_parameters: int
    same_shape: int
    """Further tensors with a counterpart of the same element type and shape, but other bytes."""
    only_first: int
    only_second: int
    unread: int = 0
    """Tensors whose bytes could not be read."""


class Comparison(Struct, frozen=True, kw_only=True):
    """Two models side by side. `steps` is empty when they have no operations or too many to align; `notes` says so."""

    first: Analysis
    second: Analysis
    same_file: bool
    """Every byte is the same."""
    identity: tuple[Fact, ...]
    interface: tuple[Fact, ...]
    """Inputs and outputs, in order."""
    families: tuple[Figure, ...]
    """Operations by family."""
    precision: tuple[Figure, ...]
    """Parameters by element type."""
    costs: tuple[Figure, ...]
    steps: tuple[Step, ...]
    weights: SharedWeights | None
    """None when they were not compared: not asked for, or the files are the same."""
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Nothing that is compared differs, apart from names, digests and sizes of the files."""
        aligned = all(step.change is Change.SAME for step in self.steps)
        figures = all(figure.first == figure.second for figure in (*self.families, *self.precision, *self.costs))
        shared = self.weights is None or not (
            self.weights.same_shape or self.weights.only_first or self.weights.only_second or self.weights.unread
        )
        return self.same_file or (aligned and figures and shared and all(fact.same for fact in self.interface))
