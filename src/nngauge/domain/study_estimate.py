"""What `nngauge estimate STUDY` keeps: estimates of many models in the same places, and why others have none."""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.estimate import Ground

SCHEMA = "nngauge.study-estimates/1"

Interval = tuple[float, float, float]
"""Value, lower and upper end."""


class Phone(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device as it was known when it was asked about."""

    id: str
    name: str
    soc: str = ""
    year: int | None = None
    tier: str = ""


class Place(Struct, frozen=True, array_like=True):
    """Where and how models are thought to run."""

    device: str
    unit: str
    threads: int
    precision: str
    runtime: str
    """Of the profile; empty where there is none."""


class Told(Struct, frozen=True, array_like=True):
    """The latency of a model in a place. Milliseconds and millijoules."""

    place: int
    """Index of its place, of its ground."""
    ground: int
    latency: Interval
    baseline: float | None
    """From the multiply-accumulates alone."""
    energy: Interval | None
    """Modelled; None where there is no power curve."""
    power: str
    """Profile of the power curve; empty without one."""
    verdicts: tuple[str, ...]
    doubts: tuple[str, ...]


class ToldLanguage(Struct, frozen=True, array_like=True):
    """A language model in a place: tokens a second, and bytes. None where it cannot be told."""

    place: int
    ground: int | None
    decode: Interval | None
    prefill: Interval | None
    memory: Interval | None
    fits: bool | None
    doubts: tuple[str, ...]


class Untold(Struct, frozen=True, array_like=True):
    """Why a model has no estimate in a place."""

    place: int | None
    """None: in no place."""
    quantity: str
    kind: str
    """Name of a `nngauge.domain.estimate.Reason`: NO_PROFILE; UNREAD where the study does not have the model's layers."""
    reason: str
    hint: str


class Reach(Struct, frozen=True, array_like=True):
    """The share of phones on which a model runs within the budget, of all and of those of the last four years, 0 to 1.

    Lower bound, likely, upper bound, not known.
    """

    all: tuple[float, float, float, float]
    recent: tuple[float, float, float, float]
    reached: bool | None
    """Whether 95 % of the recent phones run it; None where what is not known decides."""
    plan: tuple[tuple[str, float], ...]
    """What phones could be given, with their share."""
    precision: str
    unknown: str
    """Why nothing can be told of any phone; empty where it can."""


class ModelEstimates(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One distinct model."""

    digest: str
    name: str
    format: str
    macs: int | None = None
    told: tuple[Told, ...] = ()
    language: tuple[ToldLanguage, ...] = ()
    untold: tuple[Untold, ...] = ()
    reach: Reach | None = None


class Shares(Struct, frozen=True, kw_only=True):
    """What `Reach` is told over."""

    title: str
    assumed: bool
    """The table of phones in use is an assumption, not a count."""
    since: int
    goal: float
    milliseconds: float
    """The budget."""


class StudyEstimates(Struct, frozen=True, kw_only=True):
    """A file below a study's folder ``estimated/``: some of its models."""

    schema: str = SCHEMA
    tool: str
    made: str
    """UTC time, ISO 8601."""
    level: float
    """Share of truths that intervals are to hold."""
    phones: tuple[Phone, ...] = ()
    places: tuple[Place, ...] = ()
    grounds: tuple[Ground, ...] = ()
    shares: Shares | None = None
    models: tuple[ModelEstimates, ...]


class PlaceSummary(Struct, frozen=True, kw_only=True):
    """All models in one place."""

    device: str
    name: str
    unit: str
    threads: int
    models: int
    """With an estimate."""
    doubted: int
    refused: int
    quartiles: tuple[float, float, float] | None
    """Seconds."""


class ReachSummary(Struct, frozen=True, kw_only=True):
    """On which phones the models run within the budget."""

    models: int
    budget_seconds: float
    phones: str
    assumed: bool
    since: int
    reached: int
    """Models that reach the goal even at the slow ends of their intervals."""
    missed: int
    """Those that do not even at the fast ends."""
    unknown: int
    """Those of which nothing can be told."""
    quartiles: tuple[float, float, float] | None
    """Shares of the recent phones, of models of which something can be told."""


class Summary(Struct, frozen=True, kw_only=True):
    """What the estimates of one question say."""

    schema: str = "nngauge.study-estimates-summary/1"
    models: int
    known: int
    """Whose estimates were there before."""
    told: int
    """Models with an estimate of the latency, or of the tokens a second, in at least one place."""
    refused: int
    """Those without any."""
    places: tuple[PlaceSummary, ...]
    refusals: tuple[tuple[str, int, str], ...]
    """Kind, models, one of the reasons."""
    reach: ReachSummary | None = None
