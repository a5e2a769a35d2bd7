"""What models cost on a phone, and whether what should speed them up is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final, Literal

from nngauge.domain.acceleration import Acceleration, Hardware, Outcome
from nngauge.domain.dossier import ModelDossier
from nngauge.domain.estimate import Estimate
from nngauge.domain.finding import Severity
from nngauge.estimate.coverage import of_tier
from nngauge.estimate.energy import energy
from nngauge.estimate.features import precision_of
from nngauge.knowledge.phones import Tier
from nngauge.policy._api import Hit, Options, Rule, Share, Size, Subject, Unevaluated, lead, listed
from nngauge.policy.rules.runtimes import can_run
from nngauge.units import format_bytes, format_count

_USABLE: Final = frozenset({Outcome.WORKS, Outcome.SYSTEM, Outcome.UNKNOWN})


class Large(Options, frozen=True, kw_only=True):
    """Options of ``large-model-on-cpu``."""

    at_least: Size = Size(20_000_000)
    """Bytes of a model from which on an accelerator is expected."""


class Compute(Options, frozen=True, kw_only=True):
    """Options of ``compute-budget``."""

    macs: int | None = None
    """Multiply-accumulates of one inference, at most."""
    memory: Size | None = None
    """Bytes of activations alive at once, at most."""


class Latency(Options, frozen=True, kw_only=True):
    """Options of ``latency-budget``."""

    device_class: Literal["low", "mid", "high"] = "mid"
    """Class of phones that it has to hold on."""
    milliseconds: float = 100.0
    """Of one inference in steady state, at most."""
    share: Share = Share(0.9)
    """Of the class's phones that have to keep it, by their estimates."""


class Energy(Options, frozen=True, kw_only=True):
    """Options of ``energy-budget``."""

    device_class: Literal["low", "mid", "high"] = "mid"
    """Class of phones that it has to hold on."""
    millijoules: float = 50.0
    """Of one inference, at most."""


def _missing(subject: Subject, _: Options) -> Iterator[Hit]:
    for one in _once(subject.scan.accelerations, Outcome.MISSING):
        yield Hit(
            says=f"{one.title} is asked for but cannot work as packaged: {listed(one.missing) or 'parts'} missing. "
            f"{one.consequence}".rstrip(),
            location=one.asked[0].location if one.asked else None,
            subject=one.accelerator,
            remedy=" ".join(one.advice) or "Ship what is missing, or stop asking for it.",
        )


def _unasked(subject: Subject, _: Options) -> Iterator[Hit]:
    for one in _once(subject.scan.accelerations, Outcome.UNASKED):
        every = [item for item in subject.scan.accelerations if item.accelerator == one.accelerator]
        size = sum(item.size for item in every if item.outcome is Outcome.UNASKED)
        yield Hit(
            says=f"{one.title} is shipped ({format_bytes(size)} unpacked), and nothing in the app seems to ask for it.",
            location=one.shipped[0] if one.shipped else None,
            subject=one.accelerator,
            remedy="Leave its libraries out, or ask for it where it would help.",
            gain_bytes=size or None,
            risk="A request that is put together at run time is not seen.",
        )


def _once(accelerations: tuple[Acceleration, ...], outcome: Outcome) -> Iterator[Acceleration]:
    """One of each accelerator, whatever its ABIs."""
    seen: set[str] = set()
    for one in accelerations:
        if one.outcome is outcome and one.accelerator not in seen:
            seen.add(one.accelerator)
            yield one


def _large(subject: Subject, options: Large) -> Iterator[Hit]:
    engines = {
        one.engine
        for one in subject.scan.accelerations
        if one.outcome in _USABLE and one.hardware is not Hardware.CPU
    }  # fmt: skip
    for one in subject.models:
        if one.model.size < options.at_least:
            continue
        runs = [item for item in subject.scan.technologies if can_run(item) and one.model.digest in item.models]
        if runs and not any(item.id in engines for item in runs):
            yield Hit(
                says=f"{one.model.name} takes {format_bytes(one.model.size)} and only the CPU can run it: no accelerator of "
                f"{listed(item.title for item in runs)} is in the app.",
                location=lead(one),
                subject=one.model.digest,
                remedy="Add the runtime's GPU or NPU delegate, and measure on the phones that matter.",
                risk="Delegates add bytes and do not take every operator; the first inference becomes slower.",
            )


def _compute(subject: Subject, options: Compute) -> Iterator[Hit | Unevaluated]:
    unknown = 0
    for one in subject.models:
        macs, memory = _cost(one)
        if (options.macs is not None and macs is None) or (options.memory is not None and memory is None):
            unknown += 1
        if options.macs is not None and macs is not None and macs > options.macs:
            more = "at least " if one.network and one.network.lower_bound else ""
            yield Hit(
                says=f"{one.model.name} computes {more}{format_count(macs)} MACs an inference; {format_count(options.macs)} "
                "are allowed.",
                location=lead(one),
                subject=one.model.digest,
                remedy="Choose a smaller architecture or a smaller input.",
                risk="Accuracy.",
            )
        if options.memory is not None and memory is not None and memory > options.memory:
            yield Hit(
                says=f"{one.model.name} keeps {format_bytes(memory)} of activations alive at once; "
                f"{format_bytes(options.memory)} are allowed.",
                location=lead(one),
                subject=one.model.digest,
                remedy="Choose a smaller input, or an architecture without wide early layers.",
                risk="Accuracy.",
            )
    if unknown:
        yield Unevaluated(f"the cost of {unknown} of {len(subject.models)} models is no known number")


def _cost(one: ModelDossier) -> tuple[int | None, int | None]:
    """MACs and peak bytes, where they are plain numbers."""
    network = one.network
    if network is None:
        return None, None
    macs, peak = network.macs, network.peak_bytes
    return (macs if isinstance(macs, int) else None), (peak if isinstance(peak, int) else None)


def _latency(subject: Subject, options: Latency) -> Iterator[Hit | Unevaluated]:
    for one, times in _estimated(subject, options.device_class):
        if isinstance(times, Unevaluated):
            yield times
            continue
        slow = sum(time.value > options.milliseconds for time in times)
        certain = sum(time.low > options.milliseconds for time in times)
        if slow > (1 - options.share) * len(times):
            yield Hit(
                says=f"{one.model.name} is estimated to take {_middle(times):.3g} ms on a typical phone of the class "
                f"“{options.device_class}”; {slow} of {len(times)} that an estimate exists for need more than the "
                f"{options.milliseconds:g} ms allowed ({certain} even at the fast end of their intervals).",
                location=lead(one),
                subject=one.model.digest,
                remedy="Quantise, accelerate, or choose a smaller architecture; `nngauge advise` estimates what each gains.",
                risk="An estimate: measure on a phone of that class (`nngauge measure`).",
                at_most=Severity.ERROR if certain > (1 - options.share) * len(times) else Severity.WARNING,
            )


def _energy(subject: Subject, options: Energy) -> Iterator[Hit | Unevaluated]:
    for one, times in _estimated(subject, options.device_class):
        if isinstance(times, Unevaluated):
            yield times
            continue
        spent = [told for time in times if isinstance(told := energy(time), Estimate)]
        if not spent:
            yield Unevaluated(f"no power curve of the chips of the class “{options.device_class}”")
        elif (middle := _middle(spent)) > options.millijoules:
            yield Hit(
                says=f"{one.model.name} is modelled to take {middle:.3g} mJ an inference on a typical phone of the class "
                f"“{options.device_class}” ({len(spent)} phones with power curves); {options.millijoules:g} mJ are allowed.",
                location=lead(one),
                subject=one.model.digest,
                remedy="Run less often, accelerate, or choose a smaller architecture.",
                risk="Modelled from power curves, never checked against a meter: within a factor of two or more.",
                at_most=Severity.WARNING,
            )


def _estimated(subject: Subject, name: str) -> Iterator[tuple[ModelDossier, list[Estimate] | Unevaluated]]:
    """Each model with its times on the phones of a class that an estimate exists for; at the end, once, why others have none."""
    unread, unknown = [], []
    for one in subject.models:
        if one.cost is None or one.layers_left_out:
            unread.append(one)
            continue
        told = of_tier(one.cost, Tier(name), precision=precision_of(one.cost))
        times = [time for time in told.values() if time is not None]
        if times:
            yield one, times
        else:
            unknown.append(one)
    for several, why in (
        (unread, "no estimate without all layers"),
        (unknown, f"no estimate for phones of the class “{name}”"),
    ):
        if several:
            yield several[0], Unevaluated(f"{why}: {listed(item.model.name for item in several)}")


def _middle(estimates: Sequence[Estimate]) -> float:
    return median(one.value for one in estimates)


MISSING_ACCELERATOR: Final = Rule(
    id="missing-accelerator",
    title="What speeds models up is shipped with what it needs",
    broken="Acceleration asked for and not shipped",
    why="An accelerator whose library was left out of the package fails at its first use, or everything silently runs on "
    "the CPU: ten times slower on some phones, and nobody is told.",
    fix="Add the library or the manifest entry that is named, or stop asking for the accelerator.",
    severity=Severity.WARNING,
    check=_missing,
    sources=("https://github.com/google-ai-edge/LiteRT/issues/7858",),
    tags=("performance",),
)
UNASKED_ACCELERATOR: Final = Rule(
    id="unasked-accelerator",
    title="No accelerator is shipped that nobody asks for",
    broken="Acceleration shipped and not asked for",
    why="Back ends of accelerators are among the largest libraries in AI apps, often one for each generation of hardware.",
    fix="Leave them out of the build, or use them.",
    severity=Severity.NOTE,
    check=_unasked,
    sources=("https://developer.android.com/topic/performance/reduce-apk-size",),
    tags=("size", "performance"),
)
LARGE_MODEL_ON_CPU: Final = Rule(
    id="large-model-on-cpu",
    title="Large models have an accelerator",
    broken="Large models without an accelerator",
    why="Large networks on the CPU are slow and take battery; most phones have a GPU or NPU that does better.",
    fix="Ship a delegate for the runtime in use, and keep the CPU as the way out.",
    severity=Severity.NOTE,
    options=Large,
    check=_large,
    sources=("https://ai.google.dev/edge/litert/performance/delegates",),
    tags=("performance",),
)
COMPUTE_BUDGET: Final = Rule(
    id="compute-budget",
    title="Each model stays within its budget of computation and memory",
    broken="Too much computation or memory",
    why="Multiply-accumulates and memory for activations are what can be known of a model's cost without a phone. They "
    "bound latency and energy from below; docs/cost.md tells how they are counted.",
    fix="Choose a smaller architecture or input, or raise the budget knowingly.",
    severity=Severity.WARNING,
    options=Compute,
    check=_compute,
    sources=("https://doi.org/10.1145/3487552.3487863",),
    tags=("performance",),
)
LATENCY_BUDGET: Final = Rule(
    id="latency-budget",
    title="Each model answers in time on its class of phones",
    broken="Too slow",
    why="Answers within 0.1 s feel immediate, and within 1 s keep the thread of thought.",
    fix="Quantise, accelerate, or choose a smaller architecture.",
    severity=Severity.WARNING,
    options=Latency,
    check=_latency,
    sources=("https://www.nngroup.com/articles/response-times-3-important-limits/",),
    tags=("performance",),
)
ENERGY_BUDGET: Final = Rule(
    id="energy-budget",
    title="Each model stays within its budget of energy",
    broken="Too much energy",
    why="Models that run all the time decide how long a battery lasts.",
    fix="Run less often, accelerate, or choose a smaller architecture.",
    severity=Severity.WARNING,
    options=Energy,
    check=_energy,
    sources=("https://doi.org/10.1145/3487552.3487863",),
    tags=("performance",),
)
