"""Newer or older? Versions and ranges of versions of one technology, before and after."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from nngauge.detect.versions import release_key
from nngauge.domain.snapshot_difference import ChangeKind

_PART = re.compile(r"(==|>=|<=|>|<)([^,]*)")
_PARTS = 8

_Key = tuple[int, ...]


class Span(Struct, frozen=True):
    """All releases that a text can mean: from `low` to `high`, as `release_key` orders them, or without end (None)."""

    low: _Key | None
    high: _Key | None
    open: bool
    """The ends themselves do not belong to it."""


def version_change(first: Sequence[str], second: Sequence[str]) -> ChangeKind | None:
    """Upgrade, downgrade, or a change of which it cannot be told; None for no change, or where a side tells nothing.

    Several versions are several copies in one app: it is an upgrade when no copy got older and one got newer. Ranges
    have to lie apart, since any release in them may be the one.
    """
    if not first or not second or set(first) == set(second):
        return None
    old, new = [_span(text) for text in first], [_span(text) for text in second]
    if any(span.open for span in (*old, *new)):
        return _apart(old, new)
    before, after = [span.low or () for span in old], [span.low or () for span in new]
    ends = (min(before), min(after)), (max(before), max(after))
    if any(_vague(was, now) for was, now in ends) or all(was == now for was, now in ends):
        return ChangeKind.VERSION
    if all(was <= now for was, now in ends):
        return ChangeKind.UPGRADED
    return ChangeKind.DOWNGRADED if all(was >= now for was, now in ends) else ChangeKind.VERSION


def _span(text: str) -> Span:
    parts = _PART.findall(text)
    if not parts:
        key = release_key(text) or None
        return Span(key, key, open=False)
    low = high = None
    for sign, limit in parts:
        if sign in ("==", ">=", ">"):
            low = release_key(limit) or None
        if sign in ("==", "<=", "<"):
            high = release_key(limit) or None
    return Span(low, high, open=True)


def _vague(one: _Key, other: _Key) -> bool:
    """``1.8`` may be ``1.8.5``: one version tells less than the other, and no more."""
    short = min(len(one), len(other))
    return len(one) != len(other) and one[:short] == other[:short]


def _apart(old: Sequence[Span], new: Sequence[Span]) -> ChangeKind:
    if _below(old, new):
        return ChangeKind.UPGRADED
    return ChangeKind.DOWNGRADED if _below(new, old) else ChangeKind.VERSION


def _below(old: Sequence[Span], new: Sequence[Span]) -> bool:
    """Is every release that `old` can mean older than every one of `new`?"""
    for before in old:
        for after in new:
            if before.high is None or after.low is None:
                return False
            high, low = _padded(before.high), _padded(after.low)
            if high > low or (high == low and not (before.open or after.open)):
                return False
    return True


def _padded(key: _Key) -> _Key:
    return key + (0,) * (_PARTS - len(key))
