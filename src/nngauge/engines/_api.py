"""What an engine is, and the one language in which processes that run models are told what to do and say what happened.

The same `Request` and `Reply` (JSON) are spoken by the Python processes on this machine and by the C runner on a phone:
the request comes on standard input, the reply goes to standard output as one line. What the engine itself prints
goes to standard error.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from nngauge.domain.measurement import OpTime, Stage


class Feed(Struct, frozen=True, kw_only=True):
    """Bytes for one input, in its element type and shape, little-endian, dense."""

    path: str
    """File on the device."""
    dtype: str
    """As `nngauge.domain.graph.DType`."""
    shape: tuple[int, ...]


class Request(Struct, frozen=True, kw_only=True):
    """One launch: load, run once, warm up, run."""

    files: tuple[str, ...]
    """Paths on the device, the model's lead file first."""
    format: str
    """Name of the format: ``tflite``."""
    library: str = ""
    """The runtime library that the C runner opens; empty for engines that are installed."""
    needed: tuple[str, ...] = ()
    """Libraries that it needs, opened before it, the last needed first."""
    feeds: Mapping[str, tuple[Feed, ...]] = field(default_factory=dict)
    """By input name; the first set is timed, the second only run once, to see whether outputs depend on inputs."""
    threads: int = 1
    delegate: str = ""
    batch: int = 1
    least_runs: int = 30
    least_seconds: float = 1.0
    most_seconds: float = 20.0
    """Wall time of the timed runs, whatever else is asked for."""
    warmup_runs: int = 5
    warmup_seconds: float = 0.5
    warmup_most: float = 30.0
    settle: float = 0.03
    """Warm-up goes on until medians of five windows of runs drift by less than this share."""
    profile: bool = False
    """A profile of operators, in a launch that is not timed otherwise."""
    counted: bool = False
    """The runner in C says on standard error how many inferences it has run, every ten seconds and at the end:
    ``inferences 1200 seconds 60.01``. For a loop on a phone whose cable was pulled."""
    outputs: str = ""
    """File for the outputs of the first inference of both sets, one after the other; empty: only their digest."""


class Trouble(Struct, frozen=True, kw_only=True):
    """Why a launch gave no times."""

    kind: str
    """unsupported, missing, failed: what the engine says. crashed, timeout, memory, garbage: how its process ended."""
    reason: str
    """The engine's words."""
    hint: str = ""


class Written(Struct, frozen=True, kw_only=True):
    """One output as it lies in the outputs file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    """Bytes."""


class Reply(Struct, frozen=True, kw_only=True):
    """What became of a launch. Times are nanoseconds."""

    engine: str
    version: str
    trouble: Trouble | None = None
    load_ns: int = 0
    first_ns: int = 0
    warmup_ns: tuple[int, ...] = ()
    wall_ns: tuple[int, ...] = ()
    cpu_ns: tuple[int, ...] = ()
    interrupted: tuple[int, ...] = ()
    inferences_per_sample: int = 1
    """A sample of `wall_ns` and `cpu_ns` is the mean of so many inferences, run one after the other between two readings of the
    clocks: more than one where a single one is too short to be timed to 1 %."""
    sample_cost_ns: float | None = None
    """Processor time that the loop itself adds to a sample, measured on an empty inference in the same process."""
    settled: bool = True
    load_bytes: int | None = None
    peak_bytes: int | None = None
    stages: tuple[Stage, ...] = ()
    ops: tuple[OpTime, ...] = ()
    delegated: Mapping[str, int] = field(default_factory=dict)
    """Operators (or parts of the graph, where the engine does not count operators) by where they run; cpu is the processor
    without a delegate."""
    digests: tuple[str, ...] = ()
    """SHA-256 of all outputs' bytes, for each set of feeds."""
    finite: bool = True
    outputs: tuple[Written, ...] = ()
    notes: tuple[str, ...] = ()


class Engine(Struct, frozen=True, kw_only=True):
    """An engine that runs models in a Python process on this machine, as a value: one file each."""

    name: str
    title: str
    formats: frozenset[str]
    """Names of the formats it runs."""
    module: str
    """Module that the process imports; it has `load(request) -> Loaded`."""
    package: str
    """Import name whose presence means that the engine is installed."""
    install: str
    """What to type when it is not: ``pip install "nngauge[litert]"``."""
    also: tuple[str, ...] = ()
    """Other names that people have for it: ``ort``."""
    delegates: tuple[str, ...] = ()
    """Accelerators and back ends that can be asked for by name."""
    references: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
