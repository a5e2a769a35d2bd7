"""What would make an app's AI smaller, faster or longer-lived: expected gain, risk, and the command that does it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.estimate import Estimate
from nngauge.domain.location import Location


class Risk(StrEnum):
    """What could go wrong, from nothing to much."""

    NONE = "none"
    """The same answers, bit by bit or within rounding."""
    LOW = "low"
    """Code or packaging changes; answers stay."""
    MEDIUM = "medium"
    """Answers change a little, or speed may get worse on some phones: measure both."""
    HIGH = "high"
    """Another model: train or validate it anew."""


class Effort(StrEnum):
    """What it takes."""

    COMMAND = "a command"
    BUILD = "a change of the build"
    CODE = "a change of the code"
    TRAINING = "new training"


class Faster(Struct, frozen=True, kw_only=True):
    """Estimated change of one inference on one device."""

    before: Estimate
    after: Estimate

    @property
    def share(self) -> float:
        """Part of the time that is saved; negative where it becomes slower."""
        return 1 - self.after.value / self.before.value if self.before.value else 0.0


class Advice(Struct, frozen=True, kw_only=True):
    """One thing worth doing."""

    kind: str
    """``int8-weights``, ``dead-channels``, or the id of the policy rule that found it."""
    title: str
    says: str
    """The facts, with names and amounts."""
    subject: str = ""
    """Digest of the model, or id of the technology, that it is about."""
    location: Location | None = None
    gain_bytes: int | None = None
    """Bytes of storage that it would save, before packages are compressed; None where that is not known."""
    exact: bool = False
    """`gain_bytes` follows from the file; otherwise it is an expectation."""
    faster: tuple[Faster, ...] = ()
    """On each device that was asked for and has a profile."""
    gain_says: str = ""
    """What is gained that is no amount of bytes or time."""
    risk: Risk
    risk_says: str = ""
    effort: Effort
    do: str
    """What to do, in a sentence."""
    commands: tuple[str, ...] = ()
    """What does it, or tells more about it."""
    worth: float = 0.0
    """What the list is sorted by: see `nngauge.advise.ranking`."""


class AdviceList(Struct, frozen=True, kw_only=True):
    """All that is worth doing about one app or model, the best first."""

    path: str
    title: str
    size: int
    """Bytes of the package, or of the model file."""
    items: tuple[Advice, ...] = ()
    devices: tuple[str, ...] = ()
    """Those that speed was estimated for."""
    silent: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    @property
    def gain_bytes(self) -> int:
        """What all of it would save at most: of several pieces of advice about one file, the largest."""
        best: dict[str, int] = {}
        for item in self.items:
            key = item.location.path if item.location else item.kind
            best[key] = max(best.get(key, 0), item.gain_bytes or 0)
        return sum(best.values())
