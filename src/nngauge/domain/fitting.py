"""Published architectures against a budget: which fit, measured and estimated times apart."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.estimate import Estimate, Setting


class Fitness(StrEnum):
    """Does an architecture keep the budget?"""

    FITS = "fits"
    """By a measured time, or by the slow end of an estimate."""
    LIKELY = "likely"
    """By the estimate, not by its slow end."""
    NO = "no"
    UNKNOWN = "unknown"
    """Something that the budget limits is not known of it."""


class Limits(Struct, frozen=True, kw_only=True):
    """The budget. None: no limit."""

    milliseconds: float | None = None
    size_bytes: int | None = None
    macs: float | None = None
    parameters: float | None = None


class Timing(Struct, frozen=True, kw_only=True):
    """Time on one device: measured by somebody, or estimated; never both."""

    setting: Setting
    measured: float | None = None
    """Milliseconds."""
    source: str = ""
    """Who measured it."""
    estimated: Estimate | None = None


class Candidate(Struct, frozen=True, kw_only=True):
    """A published architecture."""

    name: str
    input: str
    metric: str
    score: float | None
    parameters: float | None
    macs: float | None
    size_bytes: int | None
    """Of its weights at the precision that was asked for."""
    extra_data: bool
    source: str
    licence: str = ""
    """Of its code and weights."""
    timings: tuple[Timing, ...] = ()
    """One for each device."""
    fitness: Fitness
    front: bool = False
    """No other that fits has fewer MACs and a better score."""
    misses: tuple[str, ...] = ()
    """What it exceeds, or what is not known."""


class Smallest(Struct, frozen=True, kw_only=True):
    """The least that can be reached of something that the budget limits."""

    what: str
    value: float
    unit: str
    name: str
    """Of the architecture."""
    estimated: bool = False


class Fitting(Struct, frozen=True, kw_only=True):
    """The answer."""

    schema: str = "nngauge.fit/1"
    task: str
    limits: Limits
    settings: tuple[Setting, ...]
    considered: int
    candidates: tuple[Candidate, ...]
    """Those that fit, are likely to, or cannot be told, best first; the others are counted in `considered`."""
    reachable: tuple[Smallest, ...] = ()
    """Where nothing fits: the smallest that can be reached of each limit."""
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
