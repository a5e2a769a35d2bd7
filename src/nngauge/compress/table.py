"""The compression table: bits × schemes (and a sweep of sparsities) → sizes, and agreement with the shipped model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from nngauge.compress.patching import left_alone, no_weights, stored_bits, weights_of
from nngauge.compress.ready import Ready, Wanted, ready
from nngauge.compress.schemes import BITS
from nngauge.compress.subject import Subject
from nngauge.compress.trial import TrialError
from nngauge.compress.versions import Version, Versions
from nngauge.domain.compression import Agreement, Refusal, Row, Scheme, Scope, Table, Variant, Weight
from nngauge.units import format_bytes
from nngauge.words.amounts import plural

FIRST: Final = 8
"""Inputs that a hopeless version is run on where time is short."""
HOPELESS: Final = 0.7
"""Upper end of the interval below which a version is not run on further inputs."""
SPARSITIES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def plan(*, prune: bool = False) -> tuple[Variant, ...]:
    """The rows of the table, and those of the sweep."""
    return tuple(_planned(prune=prune))


def _planned(*, prune: bool) -> Iterator[Variant]:
    yield Variant(label="16 bit float", bits=16)
    for bits in BITS:
        for scheme in Scheme:
            yield Variant(label=f"{bits} bit {scheme.value}", bits=bits, scheme=scheme)
    for scope in Scope if prune else ():
        for share in SPARSITIES:
            yield Variant(label=f"{100 * share:.0f} % zero, {scope.value}", sparsity=share, scope=scope)


def compression_table(
    subject: Subject,
    wanted: Wanted | None = None,
    *,
    prune: bool = False,
    told: Callable[[int, int], None] | None = None,
) -> Table | Refusal:
    """The table of one model, or why there is none. `told`: called with rows done and rows in all.

    Raises `UsageError` for inputs that cannot be used: a folder without readable files, shapes that do not fit.
    """
    begun = time.process_time()
    wanted = wanted or Wanted()
    weights = weights_of(subject)
    if not weights:
        return no_weights(subject)
    variants = plan(prune=prune)
    try:
        runs = sum(variant.bits is None or variant.bits < max(map(stored_bits, weights)) for variant in variants)
        with ready(subject, wanted, runs + 1) as at_hand:
            versions = Versions(subject, weights)
            rows = []
            for variant in variants:
                rows.append(_row(versions.make(variant), at_hand))
                if told is not None:
                    told(len(rows), len(variants))
            return _table(subject, weights, versions, at_hand, rows, begun)
    except TrialError as error:
        return refusal_of(error)


def refusal_of(error: TrialError) -> Refusal:
    """How a trial ended, as it is stored."""
    reason = "does not run" if error.kind in ("unsupported", "failed", "garbage") else error.kind
    return Refusal(reason=reason, explanation=error.what, hint=error.hint)


def measured(version: Version, at_hand: Ready) -> Agreement:
    """A version's agreement; one without changes is not run. Raises `TrialError`."""
    if not version.patches:
        return at_hand.judge.compare(at_hand.shipped)
    if at_hand.short and at_hand.trial.count > 2 * FIRST:
        found = at_hand.judge.compare(at_hand.trial.run(version.patches, range(FIRST)))
        if (found.high is not None and found.high < HOPELESS) or (found.matched is None and (found.sqnr or -1) < 0):
            return found
    return at_hand.judge.compare(at_hand.trial.run(version.patches))


def _row(version: Version, at_hand: Ready) -> Row:
    try:
        found = measured(version, at_hand)
    except TrialError as error:
        return Row(variant=version.variant, sizes=version.sizes, refusal=refusal_of(error))
    return Row(variant=version.variant, sizes=version.sizes, agreement=found)


def _table(
    subject: Subject, weights: Sequence[Weight], versions: Versions, at_hand: Ready, rows: Sequence[Row], begun: float
) -> Table:
    return Table(
        model=subject.name,
        format=subject.format,
        digest=subject.digest,
        engine=at_hand.shipped.engine,
        version=at_hand.shipped.version,
        shipped=versions.shipped,
        weights=len(weights),
        weight_bytes=sum(weight.span.size for weight in weights),
        elements=versions.elements,
        inputs=at_hand.inputs,
        reference=at_hand.judge.reference,
        rows=tuple(row for row in rows if row.variant.sparsity is None),
        pruned=tuple(row for row in rows if row.variant.sparsity is not None),
        notes=tuple(_notes(subject, weights, at_hand)),
        cpu_seconds=time.process_time() - begun + at_hand.trial.cpu_seconds + at_hand.reading_seconds,
    )


def _notes(subject: Subject, weights: Sequence[Weight], at_hand: Ready) -> Iterator[str]:
    others, size = left_alone(subject, weights)
    if others:
        yield f"{plural(others, 'weight')} of {format_bytes(size)} stay as they are: sparse, of another type, or without scales"
    stored = {weight.dtype.value for weight in weights}
    if stored - {"float32"}:
        yield f"weights are stored as {', '.join(sorted(stored))}: rows of as many bits or more change nothing"
    if at_hand.short:
        yield "fewer inputs than wanted, so that the table takes not too long; --seconds gives it more time"
