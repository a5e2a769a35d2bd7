"""Constants that are stored more than once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from nngauge.analyse.optimisation.scopes import Scope
from nngauge.domain.graph import Span
from nngauge.domain.optimisation import Duplicate
from nngauge.io.source import ByteSource
from nngauge.limits import KIB, MIB

MIN_SIZE: Final = 1 * KIB
_BUDGET: Final = 64 * MIB
"""Bytes hashed in one model, smaller constants first."""
_MAX_LISTED: Final = 1000


def duplicates(scopes: Sequence[Scope], parts: Sequence[ByteSource]) -> tuple[tuple[Duplicate, ...], bool]:
    """`(groups of equal constants, the most wasteful first; whether all were compared)`.

    Only constants of the same size and the same beginning and end are hashed, so most models cost next to nothing.
    """
    names = _names(scopes, parts)
    alike: dict[tuple[int, bytes, bytes], list[Span]] = {}
    for span in _of_equal_size(names):
        source = parts[span.part]
        ends = source.read(span.offset, 64), source.read(span.offset + span.size - 64, 64)
        alike.setdefault((span.size, *ends), []).append(span)
    left = _BUDGET
    complete = True
    groups: dict[tuple[int, str], list[Span]] = {}
    for (size, _, _), spans in sorted(alike.items(), key=lambda pair: pair[0][0]):
        if len(spans) < 2:
            continue
        if size * len(spans) > left:
            complete = False
            continue
        left -= size * len(spans)
        for span in spans:
            groups.setdefault((size, _digest(span, parts)), []).append(span)
    found = [
        Duplicate(digest=digest, size=size, names=tuple(names[span][:80] for span in spans))
        for (size, digest), spans in groups.items()
        if len(spans) > 1
    ]
    return tuple(sorted(found, key=lambda each: (-each.wasted, each.names))[:_MAX_LISTED]), complete


def _names(scopes: Sequence[Scope], parts: Sequence[ByteSource]) -> dict[Span, str]:
    """Places of constants of some size, with the first name each goes by; a place that is shared is no duplicate."""
    found: dict[Span, str] = {}
    for scope in scopes:
        for tensor in scope.graph.tensors:
            span = tensor.data
            if span is None or span.size < MIN_SIZE or not 0 <= span.part < len(parts) or span.offset < 0:
                continue
            if span.offset + span.size <= parts[span.part].size:
                found.setdefault(span, tensor.name)
    return found


def _of_equal_size(names: dict[Span, str]) -> list[Span]:
    counts: dict[int, int] = {}
    for span in names:
        counts[span.size] = counts.get(span.size, 0) + 1
    return [span for span in names if counts[span.size] > 1]


def _digest(span: Span, parts: Sequence[ByteSource]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for chunk in parts[span.part].chunks(span.offset, span.size):
        digest.update(chunk)
    return digest.hexdigest()
