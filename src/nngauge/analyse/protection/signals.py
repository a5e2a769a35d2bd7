"""Signals, made of what was seen."""

from __future__ import annotations

from collections.abc import Iterator

from nngauge.analyse.protection.hints import Hints
from nngauge.analyse.protection.profile import Profile
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.domain.protection import Cipher, Signal, SignalKind
from nngauge.limits import EVIDENCE_EXCERPT

RULE = "protection"
"""Prefix of the rules that evidence names."""
_BLOCK = 16


def signal(kind: SignalKind, location: Location, says: str, what: EvidenceKind, value: str) -> Signal:
    """One observation with its evidence."""
    proof = Evidence(kind=what, location=location, value=value[:EVIDENCE_EXCERPT], rule=f"{RULE}#{kind}")
    return Signal(kind=kind, says=says, evidence=proof)


def statistics(location: Location, seen: Profile, says: str) -> Signal:
    """What the distribution of bytes says, with its figures as evidence."""
    value = (
        f"{seen.entropy:.3f} bits per byte, chi-square {seen.score:+.1f} σ, {seen.uniform_share:.0%} of windows uniform"
    )
    return signal(SignalKind.STATISTICS, location, says, EvidenceKind.STATISTICS, value)


def block_size(location: Location, size: int) -> Iterator[Signal]:
    """A size that padding to the block of AES leaves: one file in sixteen has it anyway."""
    if size % _BLOCK == 0:
        says = "its size is a multiple of 16, the block of AES"
        yield signal(SignalKind.SIZE, location, says, EvidenceKind.STATISTICS, f"{size} bytes")


def around(location: Location, hints: Hints) -> Iterator[Signal]:
    """What speaks from outside the bytes: name, code, neighbours."""
    yield from _name(location, hints)
    yield from _code(hints)
    if hints.same_start:
        says = "begins with the same 16 bytes as another file: one key and no fresh nonce"
        yield signal(SignalKind.SIBLING, location, says, EvidenceKind.STATISTICS, hints.same_start[0])
    if hints.described_by:
        says = f"{hints.described_by[0]} tells its layers, inputs or outputs in the clear"
        yield signal(SignalKind.SIBLING, location, says, EvidenceKind.FILE_NAME, hints.described_by[0])


def _name(location: Location, hints: Hints) -> Iterator[Signal]:
    name = location.name
    if hints.promised:
        yield signal(SignalKind.NAME, location, f"its name promises {hints.promised[0]}", EvidenceKind.FILE_NAME, name)
    elif hints.worded:
        yield signal(SignalKind.NAME, location, "its path speaks of models", EvidenceKind.FILE_NAME, name)
    if hints.sealed:
        yield signal(SignalKind.NAME, location, "its name speaks of encryption", EvidenceKind.FILE_NAME, name)


def _code(hints: Hints) -> Iterator[Signal]:
    if hints.mentions:
        where = hints.mentions[0].location.name
        yield Signal(kind=SignalKind.CODE, says=f"code in {where} names the file", evidence=hints.mentions[0])
    if hints.crypto:
        says = f"code around it decrypts: {hints.crypto[0].value}"
        yield Signal(kind=SignalKind.CODE, says=says, evidence=hints.crypto[0])


def decryption_anywhere(hints: Hints) -> Iterator[Signal]:
    """Decryption in code that does not name the file: only of interest when the bytes are noise."""
    if hints.crypto_anywhere and not hints.crypto:
        says = f"the app decrypts something: {hints.crypto_anywhere[0].value}"
        yield Signal(kind=SignalKind.CODE, says=says, evidence=hints.crypto_anywhere[0])


def cipher_of(hints: Hints) -> Cipher | None:
    """The transformation that code near the file asks for: ``AES/CBC/PKCS5Padding``, ``AES_256/GCM/NoPadding``."""
    if not hints.modes:
        return None
    whole = next(
        (mode for mode in hints.modes if "/" in mode), hints.modes[0]
    )  # "AES" alone names the key, not the mode
    name, _, rest = whole.partition("/")
    base, _, bits = name.partition("_")
    key = int(bits) // 8 if bits.isdigit() else None
    return Cipher(name=base, mode=rest.partition("/")[0].upper() or None, key_bytes=key)
