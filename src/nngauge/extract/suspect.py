"""Files that were not accepted as models and are still worth a line, with the reason."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from nngauge.domain.evidence import Confidence
from nngauge.domain.location import Location
from nngauge.domain.model import Candidate, Suspicion
from nngauge.extract.attempt import Refused
from nngauge.extract.candidates import FormatIndex
from nngauge.extract.load import Loaded
from nngauge.extract.opaque import (
    HIDDEN_ENTROPY,
    MIN_BYTES,
    SAMPLE_BYTES,
    Noise,
    measure_noise,
    model_like_name,
)
from nngauge.formats import Format
from nngauge.io.content import Kind
from nngauge.limits import HEAD_BYTES
from nngauge.packages import Entry

_QUICK_BYTES = 1024
_FEW_VALUES = 100
"""256 random bytes have 162 ± 6 different values; counting them takes a tenth of deflating them."""


def suspicion(
    index: FormatIndex,
    location: Location,
    kind: Kind,
    entry: Entry,
    loaded: Loaded | None,
    refusals: Sequence[Refused],
) -> Candidate | None:
    """A candidate when the file claims, hides or resembles a model; None for everything else.

    Entries that were skipped by their kind (`loaded` None) only count when their name promises a model.
    """
    named = index.named(entry.path)
    size = loaded.source.size if loaded is not None else max(0, entry.size)
    if loaded is not None and kind is Kind.DATA:
        opaque = _hidden(index, location, loaded, entry.path, tuple(form.name for form in named))
        if opaque is not None:
            return opaque
    broken = [refusal for refusal in refusals if refusal.broken]
    if broken:
        return _rejected(location, size, broken)
    if named:
        promised = tuple(form.name for form in named)
        return Candidate(
            location=location, size=size, suspicion=Suspicion.REJECTED, formats=promised,
            reason=f"named like {named[0].title}, but its content is {_described(kind, refusals)}",
        )  # fmt: skip
    return None


def _hidden(
    index: FormatIndex, location: Location, loaded: Loaded, path: str, named: tuple[str, ...]
) -> Candidate | None:
    """A model behind a mask, or bytes that may be one: cheap questions first, since every data file is asked."""
    single = index.masks.find(loaded.source.read(0, HEAD_BYTES))
    if single is not None:
        return _masked(
            location, loaded, single[1], f"every byte of its {single[1].title} header is XORed with one byte"
        )
    if loaded.source.size < MIN_BYTES:
        return None
    hinted = bool(named) or model_like_name(path) or index.named(path.rpartition(".")[0]) != ()
    if not hinted and not _quickly_dense(loaded):
        return None
    sample = loaded.source.read(0, SAMPLE_BYTES)
    if hinted:
        repeating = index.masks.find_repeating(sample)
        if repeating is not None:
            return _masked(location, loaded, repeating[1], f"XORed with a repeating key of {len(repeating[0])} bytes")
    return _opaque(location, loaded.source.size, measure_noise(sample), hinted=hinted, formats=named)


def _masked(location: Location, loaded: Loaded, form: Format, reason: str) -> Candidate:
    return Candidate(
        location=location, size=loaded.source.size, suspicion=Suspicion.OPAQUE, formats=(form.name,),
        confidence=Confidence.LIKELY, reason=reason,
    )  # fmt: skip


def _quickly_dense(loaded: Loaded) -> bool:
    """Cheap test before the statistics: does deflate find nothing to do?"""
    middle = loaded.source.size // 2
    sample = loaded.source.read(max(0, middle - _QUICK_BYTES // 2), _QUICK_BYTES)
    if len(set(sample[:256])) < _FEW_VALUES:
        return False
    return len(zlib.compress(sample, 1)) > 0.97 * len(sample)


def _opaque(location: Location, size: int, noise: Noise, *, hinted: bool, formats: tuple[str, ...]) -> Candidate | None:
    if noise.encrypted_like:
        verdict = "indistinguishable from random bytes"
    elif hinted and noise.entropy >= HIDDEN_ENTROPY:
        verdict = "named like a model, of no known structure"
    else:
        return None
    return Candidate(
        location=location, size=size, suspicion=Suspicion.OPAQUE, formats=formats,
        confidence=Confidence.LIKELY if hinted and noise.encrypted_like else Confidence.POSSIBLE,
        reason=f"{verdict}: {noise.entropy:.3f} bits per byte, chi-square {noise.chi_square:.0f} (255 degrees of freedom)",
    )  # fmt: skip


def _rejected(location: Location, size: int, broken: Sequence[Refused]) -> Candidate:
    return Candidate(
        location=location, size=size, suspicion=Suspicion.REJECTED,
        formats=tuple(refusal.format.name for refusal in broken),
        reason="; ".join(f"{refusal.format.title}: {refusal.reason}" for refusal in broken),
    )  # fmt: skip


def _described(kind: Kind, refusals: Sequence[Refused]) -> str:
    if refusals:
        return f"not that ({refusals[0].reason})"
    return "of no known structure" if kind is Kind.DATA else kind.value
