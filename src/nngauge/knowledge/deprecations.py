"""Interfaces and services that their makers have given up: data with dates and sources."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from nngauge.domain.app import Platform
from nngauge.domain.finding import Severity

_DATA: Final = Path(__file__).with_name("deprecations.toml")


class Deprecation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that was given up. Any of `technologies`, `accelerators` and `paths` tells that an app uses it."""

    id: str
    title: str
    technologies: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Globs of the places of models inside the package."""
    platform: Platform | None = None
    below: str = ""
    """Only versions that are certainly lower."""
    code: bool = False
    """Only where its code is in the app: naming its server is no use of it."""
    since: str = ""
    """When it was given up, as its maker says it."""
    ends: date | None = None
    """The day after which it does not work."""
    level: Severity
    effect: str
    instead: str
    source: str
    read: date
    """The day somebody looked at `source`."""


class _Deprecations(Struct, forbid_unknown_fields=True):
    deprecation: tuple[Deprecation, ...]


@cache
def deprecations() -> tuple[Deprecation, ...]:
    """All that are known."""
    return msgspec.toml.decode(_DATA.read_bytes(), type=_Deprecations).deprecation
