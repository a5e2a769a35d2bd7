"""Measured inference: raw samples with the conditions they were taken under. Nothing here is estimated.

Times are nanoseconds of the device's monotonic clock, processor times nanoseconds of all threads of the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from nngauge.domain.energy import Energy, EnergyRefusal


class Doubt(StrEnum):
    """Why a measurement should not be believed without a second look."""

    EMULATED = "emulated"
    """The processor is emulated: times mean nothing and are left out."""
    BUSY = "busy host"
    """Wall time is more than 5 % above processor time on one thread: something else ran."""
    PREEMPTED = "preempted"
    """More than a tenth of the runs were interrupted by other work."""
    DRIFTING = "drifting"
    """Warm-up did not settle, or launches became slower or faster as the session went on."""
    THROTTLED = "throttled"
    """Launches became slower by more than 5 % while the device got warmer or its clock slower."""
    CLOCK_MOVED = "clock frequency moved"
    HOT = "hot at the start"
    CHARGING = "charging"
    LOW_BATTERY = "low battery"
    WIDE = "interval wider than asked for"
    """The time or the launches ran out before the interval was narrow enough."""
    FEW_RUNS = "few runs"
    """Too few for the percentiles that are told."""
    FEW_LAUNCHES = "few launches"
    """Fewer than six: an interval over them covers the median less often than it says."""
    BELOW_FLOOR = "faster than the processor can be"
    """More multiply-accumulates a second than the cores can do: the engine did not run the model."""
    NOT_FINITE = "outputs are not finite"
    CONSTANT = "outputs do not depend on the input"
    DIFFERENT = "outputs differ from the reference"
    UNCHECKED = "outputs were not compared with a reference"
    FELL_BACK = "some operators ran elsewhere"
    """Operators that the asked-for accelerator refused ran on the processor."""


class Device(Struct, frozen=True, kw_only=True):
    """What a device says of itself. Empty or None where it does not."""

    id: str
    """How it is addressed: ``host``, ``adb:SERIAL``, ``ssh:HOST``."""
    kind: str
    """host, adb, ssh, replay."""
    maker: str = ""
    model: str = ""
    soc: str = ""
    """System on a chip, or the processor's name."""
    abi: str = ""
    """``arm64-v8a``, ``x86_64`` …"""
    system: str = ""
    """Operating system with version."""
    clusters: tuple[Cluster, ...] = ()
    """Fastest first."""
    memory_bytes: int | None = None
    battery_mah: float | None = None
    emulated: bool = False


class Cluster(Struct, frozen=True, kw_only=True):
    """Cores of one kind."""

    cores: tuple[int, ...]
    max_hz: int | None = None
    capacity: int | None = None
    """Relative to the fastest, which has 1024, as Linux tells."""
    governor: str = ""


class State(Struct, frozen=True, kw_only=True):
    """The device at one moment. None where it does not tell."""

    at: int
    """Nanoseconds of its monotonic clock."""
    hz: Mapping[str, int] = field(default_factory=dict)
    """Clock by core number."""
    celsius: Mapping[str, float] = field(default_factory=dict)
    """By thermal zone."""
    thermal_status: int | None = None
    """Android's: 0 none … 6 shutdown."""
    battery: float | None = None
    """Charge, 0 to 1."""
    charging: bool | None = None
    screen_on: bool | None = None
    load: float | None = None
    """Mean number of runnable processes, over one minute."""
    free_bytes: int | None = None


class Configuration(Struct, frozen=True, kw_only=True, order=True):
    """One way to run a model."""

    engine: str
    threads: int = 1
    delegate: str = ""
    """Accelerator or back end as the engine calls it; empty: its default on the processor."""
    batch: int = 1
    cpus: tuple[int, ...] = ()
    """Cores that it is bound to; empty: not bound."""


class OpTime(Struct, frozen=True, kw_only=True):
    """One operator of an engine's own profile."""

    name: str
    kind: str = ""
    calls: int = 1
    nanoseconds: float
    """Of one inference, on average."""
    unit: str = ""
    """Where it ran: cpu, gpu, npu; empty where the engine does not tell."""


class Stage(Struct, frozen=True, kw_only=True):
    """One part of an inference that the engine times itself: prefill and decode of a language model."""

    name: str
    tokens: int
    """In one sample."""
    wall_ns: tuple[int, ...]
    """Of all tokens of a sample."""


class Launch(Struct, frozen=True, kw_only=True):
    """One process that loaded the model and ran it."""

    block: int
    """Launches of all configurations with one number were run one after the other, in random order."""
    load_ns: int
    """Reading the model and preparing it to run."""
    first_ns: int
    """The first inference."""
    warmup_ns: tuple[int, ...] = ()
    wall_ns: tuple[int, ...] = ()
    """Each inference after the warm-up; where one is too short for the clock, the mean of some (`inferences_per_sample`)."""
    cpu_ns: tuple[int, ...] = ()
    """Processor time of each, all threads."""
    interrupted: tuple[int, ...] = ()
    """Involuntary context switches during each sample."""
    inferences_per_sample: int = 1
    """A sample of `wall_ns` and `cpu_ns` is the mean of so many inferences: those that are too short to be timed one by one."""
    stages: tuple[Stage, ...] = ()
    load_bytes: int | None = None
    """Resident memory that loading added."""
    peak_bytes: int | None = None
    """Highest resident memory of the process."""
    ops: tuple[OpTime, ...] = ()
    delegated: Mapping[str, int] = field(default_factory=dict)
    """Operators by where they ran, as the engine tells."""
    before: State | None = None
    after: State | None = None
    settled: bool = True
    """The warm-up settled."""


class OutputCheck(Struct, frozen=True, kw_only=True):
    """What was seen in the outputs for a seeded input."""

    finite: bool
    varies: bool
    """Two different inputs gave different outputs."""
    digest: str
    """SHA-256 of the outputs' bytes."""
    reference: str = ""
    """Engine and version that the outputs were compared with; empty: none."""
    difference: float | None = None
    """Largest difference from the reference, as a share of its largest value."""


class Summary(Struct, frozen=True, kw_only=True):
    """What the launches of a measurement add up to, in nanoseconds. Percentiles are of all runs together,
    widened where a sample is the mean of several (`nngauge.measure.primary.singles`).
    """

    clock: str
    """Which time counts: wall; processor on one thread of a busy host."""
    steady_ns: float
    """Median of the launches' medians."""
    low_ns: float | None = None
    """Its 95 % interval over launches; None for one launch."""
    high_ns: float | None = None
    p5_ns: float
    p90_ns: float
    p95_ns: float
    p99_ns: float
    load_ns: float
    first_ns: float
    """Medians over launches."""
    cpu_ns: float | None = None
    """Processor time of a steady run, all threads; None where the engine or the device does not tell."""
    runs: int
    """Inferences that were timed."""
    load_bytes: int | None = None
    """Median over launches."""
    peak_bytes: int | None = None
    """The most of all launches."""


class Refusal(Struct, frozen=True, kw_only=True):
    """A model and a configuration that could not be measured: a result, too."""

    model: str
    """As `Model.digest`."""
    name: str
    configuration: Configuration
    reason: str
    """The engine's words, one line."""
    kind: str
    """unsupported, crashed, timeout, memory, missing, wrong-output, device."""
    hint: str = ""


class Measurement(Struct, frozen=True, kw_only=True):
    """One model in one configuration on one device."""

    model: str
    """As `Model.digest`."""
    name: str
    format: str
    configuration: Configuration
    engine_version: str
    library: str = ""
    """SHA-256 of the library that ran it, where it was a file of its own (an app's)."""
    device: Device
    started: str
    """UTC time, ISO 8601."""
    tool: str
    """``nngauge <version>``."""
    command: tuple[str, ...] = ()
    """How the process was started, without paths of this machine."""
    seed: int = 0
    macs: int | None = None
    """Of one inference, where they are known."""
    launches: tuple[Launch, ...]
    summary: Summary | None = None
    """None where nothing was timed."""
    output: OutputCheck | None = None
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()


class ModelEnergy(Struct, frozen=True, kw_only=True):
    """Energy of one inference of a model in a configuration: measured, or why it was not."""

    model: str
    """As `Model.digest`."""
    name: str
    configuration: Configuration
    energy: Energy | None = None
    refusal: EnergyRefusal | None = None


class Session(Struct, frozen=True, kw_only=True):
    """All that one `nngauge measure` measured."""

    schema: str = "nngauge.measurement/1"
    measurements: tuple[Measurement, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    energies: tuple[ModelEnergy, ...] = ()
    """Only where energy was asked for."""
