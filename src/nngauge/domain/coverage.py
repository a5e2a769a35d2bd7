"""Which part of the phones in use runs a model within a budget, and what the others could get instead.

Everything here is estimated, and over a table of shares that may itself be an assumption: `Coverage.shares` says which.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.estimate import EstimateDoubt


class Budget(Struct, frozen=True, kw_only=True):
    """What an inference may take. None: no limit."""

    milliseconds: float = 100.0
    """0.1 s feels instantaneous (Nielsen 1993)."""
    memory_bytes: int | None = None
    """What the app may have; None: a part of the phone's memory, `memory_share`."""
    memory_share: float = 0.25
    """Of the phone's memory: an assumption, the rest belongs to the system and to other apps."""
    size_bytes: int | None = None
    """Of the model's file."""


class Answer(StrEnum):
    """Does a phone run the model within the budget?"""

    YES = "yes"
    """Even at the slow end of the interval."""
    LIKELY = "likely"
    """The estimate is within it, the slow end is not."""
    UNLIKELY = "unlikely"
    """Only the fast end is."""
    NO = "no"
    UNKNOWN = "unknown"
    """Nothing is known of the phone's chip, or nothing that an estimate could rest on."""


class Way(StrEnum):
    """How the answer for a phone was found."""

    PROFILE = "profile"
    """From networks measured on this phone."""
    SCALED = "scaled"
    """From another phone's profile, by the speed of the cores."""
    NONE = "none"


class Stage(StrEnum):
    """What a phone could be given, best first."""

    ACCELERATOR = "the model as it is, on the GPU or NPU"
    PROCESSOR = "the model as it is, on the processor"
    INT8 = "the model with int8 weights and activations, on the processor"
    SMALLER = "a smaller published model for the same task"
    SELDOM = "the model as it is, less often"
    ELSEWHERE = "a server, or nothing"
    UNKNOWN = "not known: measure, or ask the phone at its first start"


class Fit(Struct, frozen=True, kw_only=True):
    """One phone."""

    device: str
    """Id in the knowledge base."""
    name: str
    soc: str
    """Name of its chip."""
    year: int | None
    tier: str
    answer: Answer
    way: Way
    value: float | None = None
    """Milliseconds of one inference, estimated, on `unit`."""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    stage: Stage
    """What it could be given: by the estimates, not by their slow ends."""
    reason: str = ""
    doubts: tuple[EstimateDoubt, ...] = ()


class Cell(Struct, frozen=True, kw_only=True):
    """One row of the table of shares. Parts are of all phones in use."""

    platform: str
    year: int
    tier: str
    share: float
    devices: int
    """Phones of the knowledge base that stand for it, each with the same weight."""
    low: float
    likely: float
    high: float
    unknown: float


class Part(Struct, frozen=True, kw_only=True):
    """A part of the phones, 0 to 1. What is not known is in none of the first three."""

    low: float
    """Run it within the budget even at the slow end of their intervals."""
    likely: float
    high: float
    """Run it at the fast end."""
    unknown: float
    """Nothing can be told."""


class Step(Struct, frozen=True, kw_only=True):
    """One step of the plan for phones that are not fast enough."""

    stage: Stage
    share: float
    """Of the phones in use."""
    reason: str
    devices: tuple[str, ...]
    """Some of them, by name."""


class Delivery(Struct, frozen=True, kw_only=True):
    """A way of a store to deliver files, and whether the model's size fits."""

    store: str
    part: str
    limit: int
    fits: bool
    says: str


class Coverage(Struct, frozen=True, kw_only=True):
    """Which phones run a model within a budget."""

    schema: str = "nngauge.coverage/1"
    budget: Budget
    precision: str
    threads: int
    shares: str
    """What the table of shares is, and where it comes from."""
    assumed: bool
    """The table was put together from assumptions."""
    all: Part
    recent: Part
    """Of the phones of the last four years alone, as parts of those."""
    since: int
    """First year of these four."""
    goal: float
    """Of the recent phones that should run it (0.95)."""
    cells: tuple[Cell, ...]
    devices: tuple[Fit, ...]
    plan: tuple[Step, ...]
    deliveries: tuple[Delivery, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def reached(self) -> bool | None:
        """Whether the recent phones reach the goal: None where what is not known decides."""
        if self.recent.low >= self.goal:
            return True
        return False if self.recent.high + self.recent.unknown < self.goal else None
