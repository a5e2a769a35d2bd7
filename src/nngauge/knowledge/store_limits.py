"""Limits of the stores on what they deliver: data with dates and sources."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from nngauge.domain.app import Platform
from nngauge.domain.finding import Severity

_DATA: Final = Path(__file__).with_name("store_limits.toml")


class Limit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One limit of one store."""

    store: str
    platform: Platform
    part: Literal["base", "module", "asset-pack", "ai-pack", "obb", "app"]
    """What it holds for; ``app``: everything together."""
    bytes: int
    measure: Literal["download", "unpacked"] = "download"
    level: Severity = Severity.ERROR
    """Error: the store refuses more. Warning: it asks the user. Note: it used to refuse."""
    what: str
    source: str
    read: date
    """The day somebody looked at `source`."""


class _Limits(Struct, forbid_unknown_fields=True):
    limit: tuple[Limit, ...]


@cache
def store_limits() -> tuple[Limit, ...]:
    """All limits known."""
    return msgspec.toml.decode(_DATA.read_bytes(), type=_Limits).limit
