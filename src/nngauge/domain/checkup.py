"""Devices that were seen, and whether one is fit for measuring."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.measurement import Device


class Found(Struct, frozen=True, kw_only=True):
    """A device that was seen."""

    id: str
    says: str
    """What it is, in a few words."""
    problem: str = ""
    """Why it cannot be used: unauthorised, offline; empty: it can."""
    hint: str = ""


class Verdict(StrEnum):
    """What a check means for measuring."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    """Measuring works, and results will be doubted or lack something."""
    BLOCKS = "in the way"
    """Nothing can be measured until it is put right."""
    UNKNOWN = "not known"
    """The device does not tell, or there was no time left to ask."""


class Check(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    title: str
    verdict: Verdict
    found: str
    """What was seen, in a few words."""
    why: str
    """Why it matters for measuring."""
    advice: str = ""
    """What to do; empty where nothing is to be done."""


class Checkup(Struct, frozen=True, kw_only=True):
    """All that was looked at on one device. Says nothing that tells one device from another of its model."""

    schema: str = "nngauge.checkup/1"
    tool: str
    """``nngauge <version>``."""
    date: str
    """UTC, the day only."""
    seconds: float
    """What the checks took."""
    device: Device
    """Without its serial number or address: `id` is the kind only."""
    checks: tuple[Check, ...]

    @property
    def fit(self) -> bool:
        """Nothing stands in the way."""
        return all(check.verdict is not Verdict.BLOCKS for check in self.checks)
