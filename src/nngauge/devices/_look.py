"""What a look at a device is, for `nngauge.devices.doctor`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct

from nngauge.devices._api import Command, OpenDevice, Ran
from nngauge.domain.checkup import Verdict
from nngauge.domain.measurement import Device, State

_SECONDS = 20.0


class Seen(NamedTuple):
    """What a look found."""

    verdict: Verdict
    found: str
    advice: str = ""


class Patient:
    """The device that is looked at."""

    def __init__(self, device: OpenDevice, facts: Device) -> None:
        self.device, self.facts = device, facts

    @cached_property
    def state(self) -> State:
        """How it was before anything kept it busy."""
        return self.device.state()

    @property
    def is_phone(self) -> bool:
        """Whether Android's tools are there."""
        return self.facts.kind == "adb"

    @property
    def fastest(self) -> int:
        """Its fastest core, or the first."""
        return self.facts.clusters[0].cores[0] if self.facts.clusters else 0

    def shell(self, text: str, *words: str, cpus: tuple[int, ...] = (), seconds: float = _SECONDS) -> Ran:
        """Runs a short script there."""
        return self.device.run(Command(words=("sh", "-c", text, "sh", *words), cpus=cpus, seconds=seconds))

    def says(self, text: str) -> str:
        """What a short script prints."""
        return self.shell(text).out.decode("utf-8", "replace").strip()


class Look(Struct, frozen=True, kw_only=True):
    """One thing to look at."""

    name: str
    title: str
    why: str
    see: Callable[[Patient], Seen]
    failing: Verdict = Verdict.UNKNOWN
    """What it means when the device refuses what the look needs."""
