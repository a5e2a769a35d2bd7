"""The protection of a file that no parser accepts: from its bytes, its name, its neighbours and the code that names it."""

from __future__ import annotations

from typing import Final

from nngauge.analyse.protection.explained import explained
from nngauge.analyse.protection.hints import Hints
from nngauge.analyse.protection.masking import key_length
from nngauge.analyse.protection.profile import HEAD_WINDOW, STRUCTURED_SCORE, UNIFORM_SCORE, Profile, profile
from nngauge.analyse.protection.reveal import Revealed, reveal
from nngauge.analyse.protection.sentences import attack, remedy
from nngauge.analyse.protection.signals import around, block_size, cipher_of, decryption_anywhere, signal, statistics
from nngauge.analyse.protection.vocabulary import SPEAKING, words_in
from nngauge.analyse.protection.wrappers import wrapper_of
from nngauge.domain.evidence import Confidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.domain.protection import Cipher, Grade, Protection, Signal, SignalKind
from nngauge.extract.candidates import FormatIndex
from nngauge.extract.opaque import HIDDEN_ENTROPY
from nngauge.io.content import Kind, content_kind
from nngauge.io.source import ByteSource
from nngauge.limits import HEAD_BYTES, KIB

MIN_BYTES: Final = 512
"""Below this no model hides, not even a compressed text."""
_STATISTICS_BYTES: Final = 1024
"""Below this the distribution of bytes says nothing."""
_TEXTS: Final = frozenset({Kind.TEXT, Kind.JSON, Kind.XML, Kind.HTML})
_FLOAT_LANES: Final = 0.6
"""Bits: float32 weights differ by about 1 between the bytes of a word (median 1.0), texts and tables by less than 0.5."""
_PARTLY: Final = (0.1, 0.9)
"""Share of noise-like windows of a file that is encrypted in part."""
_WORD_SHARE: Final = 0.25
_DENSE: Final = 7.9
_VOCABULARY_BYTES: Final = 1024 * KIB


def protection_of_file(index: FormatIndex, location: Location, source: ByteSource, hints: Hints) -> Protection | None:
    """How a file that is no readable model is protected; None when nothing speaks for a model being in it."""
    head = source.read(0, HEAD_BYTES)
    if source.size < MIN_BYTES or explained(head, location.path):
        return None
    wrapper = wrapper_of(head)
    if wrapper is not None:
        says = f"begins like a file of {wrapper.title}"
        mark = signal(SignalKind.WRAPPER, location, says, EvidenceKind.MAGIC, head[:12].hex())
        return _sealed([Grade.ENCRYPTED], Confidence.LIKELY, [mark, *around(location, hints)], hints, wrapper.cipher)
    seen = profile(source)
    period = key_length(seen.coincidences)
    found = reveal(index, location, source, period)
    if found is not None and (found.title or hints.about_models or found.grade is Grade.WEAK):
        inner = _inner(index, location, found, hints)
        return inner or _revealed(location, seen, found, hints)
    if found is not None:
        return None  # compressed or encoded data of which nothing says that it is a model
    if content_kind(head) in _TEXTS:
        return None  # read by anybody, whatever it is
    return _judged(location, source, seen, period, hints)


def _inner(index: FormatIndex, location: Location, found: Revealed, hints: Hints) -> Protection | None:
    """Encrypted bytes written as text: what is inside the encoding counts."""
    if found.grade is not Grade.ENCODED or found.title or found.inner is None or len(found.inner.content) < MIN_BYTES:
        return None
    content = ByteSource.of_bytes(found.inner.content, location.name)
    inside = protection_of_file(index, location, content, hints)
    if inside is None:
        return None
    written = signal(SignalKind.STRUCTURE, location, f"written as {found.how}", EvidenceKind.STRUCTURE, found.how)
    return Protection(
        grades=(*inside.grades, Grade.ENCODED), confidence=inside.confidence, signals=(written, *inside.signals),
        attack=inside.attack, remedy=inside.remedy, cipher=inside.cipher, reveals=inside.reveals,
    )  # fmt: skip


def _revealed(location: Location, seen: Profile, found: Revealed, hints: Hints) -> Protection:
    says = {
        Grade.WEAK: f"{found.how}: unmasked, {found.title} accepts it",
        Grade.PRIVATE: found.how,
    }.get(found.grade, f"{found.how}" + (f" holding {found.title}" if found.title else ""))
    signals = [signal(SignalKind.STRUCTURE, location, says, EvidenceKind.STRUCTURE, found.how)]
    if found.grade is Grade.WEAK:
        signals.append(statistics(location, seen, "the distribution of bytes survived the mask"))
    return _protection([found.grade], found.confidence, [*signals, *around(location, hints)], found.cipher, found.title)


def _judged(
    location: Location, source: ByteSource, seen: Profile, period: int | None, hints: Hints
) -> Protection | None:
    """By statistics and circumstances alone."""
    if source.size < _STATISTICS_BYTES:
        return None
    if seen.uniform:
        return _noise(location, seen, hints)
    if period is not None and hints.about_models:
        says = f"equal bytes recur at multiples of {period}: a repeating key of that length, or a half or quarter of it"
        signals = [statistics(location, seen, says), *around(location, hints)]
        return _protection([Grade.WEAK], Confidence.LIKELY, signals, Cipher(name="XOR", key_bytes=period))
    words = words_in(
        source.read(0, _VOCABULARY_BYTES) + source.read(max(0, source.size - _VOCABULARY_BYTES), _VOCABULARY_BYTES)
    )
    if not hints.about_models and len(words) < SPEAKING:
        return None
    return (
        _ecb(location, seen, hints)
        or _header_only(location, seen, words, hints)
        or _in_part(location, seen, words, hints)
        or _substituted(location, seen, words, hints)
        or _private(location, seen, words, hints)
    )


def _noise(location: Location, seen: Profile, hints: Hints) -> Protection | None:
    """Uniform everywhere: encrypted when something else says so, otherwise only what it is: noise."""
    noise = statistics(location, seen, "indistinguishable from noise in every window and at every distance")
    others = [*around(location, hints), *decryption_anywhere(hints), *block_size(location, seen.size)]
    if not hints.about_models:
        return _protection([Grade.UNIFORM], Confidence.CERTAIN, [noise, *others])
    independent = len({item.kind for item in others})
    confidence = Confidence.LIKELY if independent > 1 else Confidence.POSSIBLE
    return _sealed([Grade.ENCRYPTED], confidence, [noise, *others], hints, cipher_of(hints))


def _ecb(location: Location, seen: Profile, hints: Hints) -> Protection | None:
    """Blocks that repeat, among others that are noise: equal plain text under a block cipher without chaining."""
    if not seen.repeated_blocks or abs(seen.distinct_score) > UNIFORM_SCORE or seen.size % 16 not in (0, 12):
        return None
    if 2 * seen.constant_blocks > seen.repeated_blocks:
        return None
    says = f"{seen.repeated_blocks} aligned blocks of 16 bytes occur again, and the others are noise: no chaining (ECB)"
    cipher = Cipher(name="block cipher without chaining", mode="ECB")
    return _protection(
        [Grade.WEAK], Confidence.LIKELY, [statistics(location, seen, says), *around(location, hints)], cipher
    )


def _header_only(location: Location, seen: Profile, words: tuple[str, ...], hints: Hints) -> Protection | None:
    """Noise at the start, structure behind it."""
    noise = 0
    for window in seen.head:
        if window.score > STRUCTURED_SCORE:
            break
        noise += 1
    whole = sum(1 for window in seen.windows[:noise] if window.score < UNIFORM_SCORE) if noise == len(seen.head) else 0
    if noise == 0 or seen.structured_share < 1 - _PARTLY[1] or not _model_body(seen, words):
        return None
    if (seen.structured_share < 0.5 and whole > 1) or not _unmasked(seen):
        return None
    covered = noise * HEAD_WINDOW
    says = f"the first {covered} bytes or more are noise, the rest is not: {_body_says(seen, words)}"
    signals = [statistics(location, seen, says), *around(location, hints)]
    return _sealed([Grade.ENCRYPTED_HEADER], Confidence.LIKELY, signals, hints, cipher_of(hints))


def _unmasked(seen: Profile) -> bool:
    """Are equal bytes as frequent at the distances of words as anywhere? Under a longer key they are not."""
    return _WORD_SHARE * max(seen.coincidences, default=0.0) <= max(seen.coincidences[:8], default=0.0)


def _model_body(seen: Profile, words: tuple[str, ...]) -> bool:
    return seen.lanes > _FLOAT_LANES or len(words) >= SPEAKING // 2 or seen.structured_share > _PARTLY[1]


def _body_says(seen: Profile, words: tuple[str, ...]) -> str:
    if len(words) >= SPEAKING // 2:
        return f"words such as {', '.join(words[:3])}"
    if seen.lanes > _FLOAT_LANES:
        return f"bytes in lanes of four, as float weights have them ({seen.lanes:.1f} bits apart)"
    return f"{seen.structured_share:.0%} of the windows have structure"


def _in_part(location: Location, seen: Profile, words: tuple[str, ...], hints: Hints) -> Protection | None:
    """Readable words of a model, and weights that are noise."""
    if len(words) < SPEAKING // 2 or not _PARTLY[0] < seen.uniform_share:
        return None
    says = f"{seen.uniform_share:.0%} of the windows are noise beside words such as {', '.join(words[:3])}"
    signals = [statistics(location, seen, says), *around(location, hints)]
    return _sealed([Grade.ENCRYPTED_WEIGHTS], Confidence.POSSIBLE, signals, hints, cipher_of(hints))


def _substituted(location: Location, seen: Profile, words: tuple[str, ...], hints: Hints) -> Protection | None:
    """Runs survive although no byte value is where formats have it: a mask that changes with the position."""
    if words or seen.lanes > _FLOAT_LANES / 2 or not hints.sealed:
        return None
    if max(seen.coincidences[:8], default=0.0) < 4 * STRUCTURED_SCORE and not seen.constant_blocks:
        return None
    says = "runs of equal bytes survive in a file that its name calls encrypted: a substitution or a mask that moves slowly"
    signals = [statistics(location, seen, says), *around(location, hints)]
    return _protection([Grade.WEAK], Confidence.LIKELY, signals, Cipher(name="substitution"))


def _private(location: Location, seen: Profile, words: tuple[str, ...], hints: Hints) -> Protection | None:
    """Structure of weights or words of a model, behind no known format."""
    if len(words) >= SPEAKING or (seen.lanes > _FLOAT_LANES and seen.entropy > HIDDEN_ENTROPY and hints.about_models):
        says = f"no known format, but {_body_says(seen, words)}"
        signals = [statistics(location, seen, says), *around(location, hints)]
        return _protection([Grade.PRIVATE], Confidence.LIKELY if words else Confidence.POSSIBLE, signals)
    if hints.promised or hints.sealed or (hints.worded and seen.entropy > _DENSE):
        says = f"of no known structure, {seen.entropy:.2f} bits per byte, not uniform: packed or laid out privately"
        signals = [statistics(location, seen, says), *around(location, hints)]
        return _protection([Grade.PRIVATE], Confidence.POSSIBLE, signals)
    return None


def _sealed(
    grades: list[Grade], confidence: Confidence, signals: list[Signal], hints: Hints, cipher: Cipher | None
) -> Protection:
    """Encrypted, and perhaps with the key beside it."""
    near = [key for key in hints.keys if key.near]
    if near:
        says = f"beside it: {near[0].form}, the shape of a key of {near[0].bytes} bytes"
        signals = [*signals, Signal(kind=SignalKind.KEY, says=says, evidence=near[0].evidence)]
        known = cipher or Cipher(name="cipher")
        cipher = Cipher(name=known.name, mode=known.mode, key_bytes=known.key_bytes or near[0].bytes)
        return _protection([Grade.KEY_BESIDE, *grades], confidence, signals, cipher)
    return _protection(grades, confidence, signals, cipher)


def _protection(
    grades: list[Grade],
    confidence: Confidence,
    signals: list[Signal],
    cipher: Cipher | None = None,
    reveals: str | None = None,
) -> Protection:
    first = grades[0]
    return Protection(
        grades=tuple(grades), confidence=confidence, signals=tuple(signals), attack=attack(first), remedy=remedy(first),
        cipher=cipher, reveals=reveals,
    )  # fmt: skip
