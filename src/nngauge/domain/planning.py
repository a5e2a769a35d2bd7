"""Bits for each weight under a budget: what is chosen, what it takes, and what it answers on inputs that the search never saw."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.compression import Agreement, Choice, Inputs, Reference, Refusal
from nngauge.domain.estimate import Estimate
from nngauge.domain.written import Written


class Rounding(StrEnum):
    """How weights are rounded while bits are searched."""

    STORED = "stored"
    """As the format's writer will store them: even steps around zero for each output channel."""
    LINEAR = "linear"
    """As the compression table has it: from the channel's least to its largest weight."""


class Sensitivity(Struct, frozen=True, kw_only=True):
    """What it costs the answers when one weight alone has so many bits."""

    weight: str
    op: str
    elements: int
    bits: int
    bytes: int
    """That the weight takes then, scales included."""
    error: float
    """Energy of the difference of outputs, as a share of the outputs' own; 0 where they are equal."""


class Point(Struct, frozen=True, kw_only=True):
    """One assignment of bits."""

    label: str
    """``planned``, ``uniform 4 bit``."""
    choices: tuple[Choice, ...]
    """Weights that are not named stay as they are."""
    size: int
    """Bytes of the model, by what its weights take."""
    bits_per_weight: float
    """Mean over the weights that can be chosen, without scales."""
    expected: float | None = None
    """Sum of the errors of its weights alone."""
    search: Agreement | None = None
    """On the inputs that were searched with."""
    held: Agreement | None = None
    """On inputs that were held out: the figure to believe."""
    fits: bool = True


class Within(StrEnum):
    """Is a budget of time kept?"""

    YES = "yes"
    """The whole interval is below it."""
    PERHAPS = "perhaps"
    """It lies within the interval."""
    NO = "no"
    """The whole interval is above it."""


class Time(Struct, frozen=True, kw_only=True):
    """Time of one inference, estimated. Weights in fewer bits are turned into floats first: it is that of the shipped model."""

    device: str
    threads: int
    budget: float | None = None
    """Milliseconds."""
    planned: Estimate | None = None
    """With floats, as planned files compute."""
    int8: Estimate | None = None
    """Where all arithmetic is in 8 bits, for comparison."""
    missing: str = ""
    """Why there is no estimate."""
    within: Within | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """The answer to a budget, or a sweep over all of them."""

    model: str
    format: str
    budget: int | None = None
    """Bytes; None for a sweep."""
    size: int
    """Bytes of the model as it is."""
    smallest: int
    """Bytes that are reachable at all, with the fewest bits for every weight."""
    rounding: Rounding
    inputs: Inputs
    reference: Reference
    searched: int
    """Inputs that were searched with."""
    held: int
    """Inputs that were held out."""
    evaluations: int
    """Versions of the model that were run on the search inputs."""
    points: tuple[Point, ...]
    """Of a budget: what was planned first, then uniform bits beside it. Of a sweep: by size."""
    sensitivities: tuple[Sensitivity, ...] = ()
    written: Written | None = None
    refusal: Refusal | None = None
    """Why nothing was planned or written: the budget cannot be reached, say."""
    time: Time | None = None
    """What the estimator says about time, where a device was named."""
    cpu_seconds: float = 0.0
    notes: tuple[str, ...] = ()
