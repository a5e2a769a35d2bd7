"""What a model would cost on a device that nobody measured it on. Never in the same place as what was measured.

An estimate is a value with an interval, the cost model that it comes from, what that was trained with, and how far off it was
for models and devices that it had not seen. Where there is no ground for one, there is `NoEstimate` with the reason.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Quantity(StrEnum):
    """What is estimated, with the unit of its numbers."""

    LATENCY = "latency"
    """Milliseconds of one inference, after warm-up."""
    FIRST = "first inference"
    """Milliseconds from opening the model to its first result."""
    MEMORY = "memory"
    """Bytes at the peak of an inference, weights included."""
    ENERGY = "energy"
    """Millijoules of one inference, modelled from power curves."""
    PREFILL = "prefill"
    """Tokens of a prompt read in a second."""
    DECODE = "decode"
    """Tokens generated in a second."""


class Unit(StrEnum):
    """What computes."""

    BIG = "big core"
    MIDDLE = "middle core"
    LITTLE = "little core"
    GPU = "gpu"
    NPU = "npu"


class EstimateDoubt(StrEnum):
    """Why an estimate should be believed less than its interval says."""

    UNSEEN_OPERATORS = "operators that the training models do not have"
    OUTSIDE = "larger or smaller than all training models"
    OTHER_SHAPE = "an unlike mix of operators"
    """Nearest training model is farther away than they are from each other."""
    OTHER_DEVICE = "scaled from another device"
    OTHER_RUNTIME = "another runtime than the profile's"
    LOWER_BOUND = "cost of the model is a lower bound"
    """Some layers could not be counted."""
    DYNAMIC = "open dimensions were filled in"
    NOT_VALIDATED = "never checked against a meter"


class Setting(Struct, frozen=True, kw_only=True):
    """Where and how the model is thought to run."""

    device: str
    """Id of the device in the knowledge base: ``pixel-4``."""
    unit: Unit
    threads: int = 1
    """Cores used; 1 for accelerators."""
    precision: str = "float32"
    """Element type that is computed with: float32, float16, int8, or as the weights are named (``w4a16``)."""
    runtime: str = ""
    """Runtime of the profile: ``tflite``, ``ncnn``, ``qnn_dlc``."""


class Ground(Struct, frozen=True, kw_only=True):
    """What an estimate rests on."""

    profile: str
    """Id and version of the profile: ``pixel-4/big/float32@1``."""
    method: str
    """Name of the cost model."""
    source: str
    """Where the training numbers come from."""
    models: int
    """Models that it was trained with."""
    error: float
    """Mean absolute percentage error (0.07 = 7 %) for models left out of the training."""
    family_error: float | None = None
    """The same where the whole family of architectures was left out."""
    coverage: float | None = None
    """Share of left-out measurements that lay within their intervals."""


class Estimate(Struct, frozen=True, kw_only=True):
    """One estimated number."""

    quantity: Quantity
    setting: Setting
    value: float
    low: float
    high: float
    level: float = 0.9
    """Share of cases in which the truth should lie between `low` and `high`."""
    ground: Ground
    baseline: float | None = None
    """What the MACs alone would tell: MACs × a constant of the same training data."""
    doubts: tuple[EstimateDoubt, ...] = ()


class Reason(StrEnum):
    """Why there is no estimate."""

    NO_DEVICE = "device not known"
    NO_PROFILE = "no profile for this kind of device"
    NO_UNIT = "the device has no such unit"
    NO_PRECISION = "no profile for this precision"
    OPERATORS = "operators that no training model has"
    NOT_COUNTED = "the model's cost is not known"
    TOO_FAR = "far smaller or larger than anything measured"
    NOT_ENOUGH_MEMORY = "does not fit into the device's memory"
    NO_POWER = "no power curve for this chip"


class NoEstimate(Struct, frozen=True, kw_only=True):
    """Why a number is not told."""

    quantity: Quantity
    setting: Setting
    reason: Reason
    explanation: str
    """A sentence with what is missing."""
    hint: str = ""
    """What to do: ``nngauge calibrate --device adb:SERIAL``."""
