"""Phones, boards and their chips: data with sources, found by any of their names. docs/phones.md tells how to add to it.

``phones.csv`` (devices), ``socs.csv`` (chips), ``shares.csv`` (which phones are in use), ``sources.csv``. A thing that no source
tells is an empty cell, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Final, TypeVar

from nngauge.knowledge.phones.reading import phones, read_shares, socs, sources
from nngauge.knowledge.phones.schema import Cluster, Kind, Phone, Share, Shares, Soc, Source, Tier

__all__ = [
    "Cluster", "Kind", "Phone", "Share", "Shares", "Soc", "Source", "Tier",
    "chip", "close", "find", "find_soc", "phones", "phones_with", "read_shares", "socs", "sources", "year_of",
]  # fmt: skip

_Thing = TypeVar("_Thing")
_MAKERS: Final = (
    "google",
    "samsung",
    "apple",
    "xiaomi",
    "qualcomm",
    "mediatek",
    "hisilicon",
    "unisoc",
    "huawei",
    "oneplus",
)


def key(name: str) -> str:
    """What of a name counts: letters and digits of every script, and ``+``."""
    return re.sub(r"[^\w+]|_", "", name.lower())


@lru_cache(maxsize=4096)
def find(name: str) -> Phone | None:
    """The device of this id, market name, model code or code name, whatever its case and punctuation."""
    return _in(_phones_by_name(), name)


@lru_cache(maxsize=4096)
def find_soc(name: str) -> Soc | None:
    """The chip of this id or name: ``SM8150``, ``Snapdragon 855``, ``exynos9820``."""
    return _in(_socs_by_name(), name)


def close(name: str, most: int = 3) -> tuple[str, ...]:
    """Ids of devices that are spelled alike."""
    matches = get_close_matches(key(name), list(_phones_by_name()), n=most * 2, cutoff=0.7)
    return tuple(dict.fromkeys(_phones_by_name()[match].id for match in matches))[:most]


def chip(phone: Phone) -> Soc | None:
    """Its chip, of the first market where they differ."""
    return socs().get(phone.socs[0]) if phone.socs else None


def phones_with(soc: str) -> Sequence[Phone]:
    """The devices that have this chip."""
    return [phone for phone in phones().values() if soc in phone.socs]


@cache
def year_of(soc: str) -> int | None:
    """Year of the first phone of the table that has this chip."""
    return min((phone.year for phone in phones_with(soc) if phone.year and phone.kind is Kind.PHONE), default=None)


def _in(names: Mapping[str, _Thing], name: str) -> _Thing | None:
    wanted = key(name)
    if wanted in names:
        return names[wanted]
    for maker in _MAKERS:  # "Samsung Galaxy S10", "Google Tensor"
        if wanted.startswith(maker) and wanted[len(maker) :] in names:
            return names[wanted[len(maker) :]]
    return None


@cache
def _phones_by_name() -> Mapping[str, Phone]:
    return {key(name): phone for phone in phones().values() for name in (phone.id, phone.name, *phone.aliases)}


@cache
def _socs_by_name() -> Mapping[str, Soc]:
    return {key(name): soc for soc in socs().values() for name in (soc.id, soc.name, *soc.aliases)}
