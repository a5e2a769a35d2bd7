"""What an official benchmark program is: how it is started, and what its output says. One file each.

A program that tells every run gives samples (`Reply`); one that tells only averages gives a `Summary`. Neither is made
into the other: samples that nobody took do not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Reply


class Job(Struct, frozen=True, kw_only=True):
    """What a program is to run. Paths are the device's."""

    model: str
    folder: str
    """Where it may write result files."""
    threads: int = 1
    delegate: str = ""
    """Accelerator, as the program calls it; empty: its default on the processor."""
    runs: int = 50
    warmup: int = 5
    profile: bool = False
    """Times of operators, where the program has them."""
    shapes: tuple[tuple[int, ...], ...] = ()
    """Of the inputs, for programs that must be told."""


class Output(Struct, frozen=True, kw_only=True):
    """What a program printed and wrote."""

    out: bytes = b""
    err: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """By name, without folders."""


class Summary(Struct, frozen=True, kw_only=True):
    """Statistics that a program has computed. None where it does not tell; times are nanoseconds."""

    runs: int | None = None
    """None: it does not tell how many it averaged."""
    mean_ns: float | None = None
    median_ns: float | None = None
    least_ns: float | None = None
    most_ns: float | None = None
    deviation_ns: float | None = None
    percentiles: Mapping[str, float] = field(default_factory=dict)
    """Nanoseconds by percentile: ``"95"``."""
    load_ns: float | None = None
    first_ns: float | None = None
    warmup_ns: float | None = None
    """Mean of the warm-up."""
    warmup_runs: int | None = None
    load_bytes: int | None = None
    """Memory that loading added."""
    peak_bytes: int | None = None
    """Highest memory, or where only that is told, memory added by loading and running."""
    tokens: int | None = None
    """In one run, for language models."""


class Told(Struct, frozen=True, kw_only=True):
    """What a program says of one model, or of one test of it. At least one of `samples` and `summary` is there."""

    name: str = ""
    """The model or test, as the program calls it."""
    version: str = ""
    """Of the program or its engine."""
    samples: Reply | None = None
    """Only where every run is told."""
    summary: Summary | None = None
    ops: tuple[OpTime, ...] = ()
    delegated: Mapping[str, int] = field(default_factory=dict)
    """Operators by where they ran."""
    notes: tuple[str, ...] = ()


class Tool(Struct, frozen=True, kw_only=True):
    """An official program, as a value."""

    name: str
    title: str
    binaries: tuple[str, ...]
    """Names that its program goes by; none for programs that only run elsewhere and whose results are read."""
    formats: frozenset[str]
    """Names of the formats it runs."""
    install: str
    """Where it comes from, in one line."""
    parse: Callable[[Output], tuple[Told, ...]]
    """Raises `MalformedError` for what is not its output, `TruncatedError` where the end is missing, `LimitError`."""
    command: Callable[[str, Job], tuple[str, ...]] | None = None
    """The words that run a job with the program at this path."""
    results: Callable[[Job], tuple[str, ...]] = lambda _job: ()
    """Names of the files that such a command writes into the job's folder."""
    version_words: tuple[str, ...] = ()
    """What makes it tell its version; none: only its results tell, or nothing does."""
    on_device: bool = True
    """It is a program for the device itself; if not, it runs here and reaches devices by its own means."""
    references: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
