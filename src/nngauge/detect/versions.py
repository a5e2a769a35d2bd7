"""Which version of a technology a unit holds: told outright, known by its build, or bounded by dated texts.

A version is claimed only when something names it: the library's own text or accessor, or a build identifier that was
published with it. Texts that came or went between two releases bound it and give a range, never a version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from nngauge.detect.builds import published_version
from nngauge.detect.ruleset import CODE_SCOPES, Rule, Scope, VersionRule, VersionSource
from nngauge.detect.signatures import Signatures
from nngauge.detect.units import CodeUnit, Unit, evidence
from nngauge.domain.evidence import Evidence, EvidenceKind

_MAX_ANCHORS = 64
_MAX_PARTS = 8
_NUMBERS = re.compile(r"\d{1,18}")


class Told(Struct, frozen=True):
    """What a unit tells about one technology's version; see the fields of `Detection`."""

    version: str | None = None
    range: str | None = None
    evidence: Evidence | None = None


class Bound(Struct, frozen=True):
    """A release that the version lies beyond, and the text that shows it."""

    release: str
    evidence: Evidence


def applies(clause: Scope, unit: Scope) -> bool:
    """Whether what is written for one scope is tried on units of another."""
    return clause is unit or (clause is Scope.CODE and unit in CODE_SCOPES)


def read_version(signatures: Signatures, rule: Rule, unit: Unit, head: bytes | None = None) -> Told:
    """The version of `rule`'s technology as `unit` tells it; `head` is the beginning of a file's content."""
    claims = _claims(signatures, rule, unit, head)
    after, before = _bounds(rule, unit)
    if not claims:
        known = next((bound for bound in (after, before) if bound is not None), None)
        return Told(None, _specifier(after, before), known.evidence if known is not None else None)
    first = claims[0]
    other = next((claim for claim in claims[1:] if not agree(first.value, claim.value)), None)
    against = f"=={other.value}" if other is not None else _contradiction(first.value, after, before)
    return Told(first.value, against, first)


def release_key(version: str) -> tuple[int, ...]:
    """Orders releases: the numbers of the version, without what follows a hyphen or a plus."""
    numbers = _NUMBERS.findall(re.split(r"[-+]", version, maxsplit=1)[0])
    return tuple(int(number) for number in numbers[:_MAX_PARTS])


def agree(one: str, other: str) -> bool:
    """Whether two versions are the same as far as both go: ``1.8`` and ``1.8.5-rc1`` are."""
    pairs = zip(release_key(one), release_key(other), strict=False)
    return all(left == right for left, right in pairs)


def _claims(signatures: Signatures, rule: Rule, unit: Unit, head: bytes | None) -> list[Evidence]:
    """The first answer of each kind of source, in the order of the rule; then that of the build identifier."""
    found: dict[VersionSource, Evidence] = {}
    for source in rule.version:
        if source.source in found or not applies(source.scope, unit.scope):
            continue
        if source.scope is Scope.FILE and source.source is VersionSource.STRING:
            proof = _from_head(source, unit, head or b"")
        else:
            proof = _READERS[source.source](signatures, source, unit)
        if proof is not None:
            found[source.source] = proof
    claims = list(found.values())
    build = _from_build(rule, unit)
    return [*claims, build] if build is not None else claims


# --- ranges -----------------------------------------------------------------------------------------------------------


def _bounds(rule: Rule, unit: Unit) -> tuple[Bound | None, Bound | None]:
    """The newest release that the unit is younger than, and the oldest that it is older than."""
    if not rule.mark or not isinstance(unit, CodeUnit) or unit.scope is not Scope.NATIVE:
        return None, None
    after: Bound | None = None
    before: Bound | None = None
    for mark in rule.mark:
        at = unit.literal_offset(mark.text.encode())
        if at is None:
            continue
        proof = evidence(EvidenceKind.STRING, unit.location.at(at, len(mark.text.encode())), mark.text)
        if mark.after and (after is None or release_key(mark.after) > release_key(after.release)):
            after = Bound(mark.after, proof)
        if mark.before and (before is None or release_key(mark.before) < release_key(before.release)):
            before = Bound(mark.before, proof)
    if after is not None and before is not None and release_key(after.release) >= release_key(before.release):
        return None, None  # two copies of the technology, or a patched one: the texts bound nothing
    return after, before


def _specifier(after: Bound | None, before: Bound | None) -> str | None:
    parts = [f">{after.release}"] if after is not None else []
    parts += [f"<{before.release}"] if before is not None else []
    return ",".join(parts) or None


def _contradiction(version: str, after: Bound | None, before: Bound | None) -> str | None:
    """The bounds, when the version lies outside. Versions with fewer numbers than a bound may lie on it."""
    key = release_key(version)
    if after is not None and key < release_key(after.release)[: len(key)]:
        return _specifier(after, before)
    if before is not None and key > release_key(before.release)[: len(key)]:
        return _specifier(after, before)
    return None


# --- sources ----------------------------------------------------------------------------------------------------------


def _from_string(signatures: Signatures, source: VersionRule, unit: Unit) -> Evidence | None:
    if not isinstance(unit, CodeUnit):
        return None
    anchor = source.anchor.encode()
    pattern = re.compile(source.pattern.encode())
    for end in unit.offsets.get(signatures.anchor_ids.get(anchor, -1), ())[:_MAX_ANCHORS]:
        start = max(0, end - len(anchor) - source.before)
        window = unit.window(start, source.before + len(anchor) + source.after)
        match = pattern.search(window)
        if match is not None:
            text = match.group(1).decode("ascii", "replace")
            return evidence(EvidenceKind.STRING, unit.location.at(start + match.start(1), len(match.group(1))), text)
    return None


def _from_head(source: VersionRule, unit: Unit, head: bytes) -> Evidence | None:
    match = re.search(source.pattern.encode(), head)
    if match is None:
        return None
    text = match.group(1).decode("utf-8", "replace").strip()
    return evidence(EvidenceKind.STRING, unit.location.at(match.start(1), len(match.group(1))), text)


def _from_names(kind: EvidenceKind, names: Iterable[str], source: VersionRule, unit: Unit) -> Evidence | None:
    pattern = re.compile(source.pattern)
    for name in names:
        match = pattern.search(name)
        if match is not None:
            return evidence(kind, unit.location, source.prefix + match.group(1))
    return None


def _from_symbol_version(_: Signatures, source: VersionRule, unit: Unit) -> Evidence | None:
    binary = unit.binary if isinstance(unit, CodeUnit) else None
    names = binary.symbol_versions() if binary else ()
    return _from_names(EvidenceKind.SYMBOL_VERSION, names, source, unit)


def _from_soname(_: Signatures, source: VersionRule, unit: Unit) -> Evidence | None:
    binary = unit.binary if isinstance(unit, CodeUnit) else None
    names = [binary.install_name] if binary and binary.install_name else []
    return _from_names(EvidenceKind.SONAME, [*names, unit.location.name], source, unit)


def _from_getter(_: Signatures, source: VersionRule, unit: Unit) -> Evidence | None:
    binary = unit.binary if isinstance(unit, CodeUnit) else None
    text = binary.getter(source.export.encode()) if binary else None
    names = [_unpacked(text, source.base)] if text else []
    return _from_names(EvidenceKind.EXPORT, names, source, unit)


def _from_variable(_: Signatures, source: VersionRule, unit: Unit) -> Evidence | None:
    binary = unit.binary if isinstance(unit, CodeUnit) else None
    number = binary.variable(source.export.encode()) if binary else None
    names = [_unpacked(str(number), source.base)] if number else []  # 0 is what a build without version control has
    return _from_names(EvidenceKind.EXPORT, names, source, unit)


def _unpacked(text: str, base: int) -> str:
    """``10901`` in base 100 as ``1.9.1``; texts and other bases stay what they are."""
    if base < 2 or not (text.isascii() and text.isdecimal()):
        return text
    return ".".join(str(part) for part in reversed(list(_digits(int(text), base))))


def _digits(number: int, base: int) -> Iterator[int]:
    while number:
        number, digit = divmod(number, base)
        yield digit


def _from_path(_: Signatures, source: VersionRule, unit: Unit) -> Evidence | None:
    return _from_names(EvidenceKind.FILE_NAME, [unit.location.path], source, unit)


def _from_build(rule: Rule, unit: Unit) -> Evidence | None:
    """The version that was published with this build identifier, bit for bit."""
    binary = unit.binary if isinstance(unit, CodeUnit) else None
    if binary is None or binary.build_id is None:
        return None
    version = published_version(rule.id, binary.build_id)
    return evidence(EvidenceKind.BUILD_ID, unit.location, version) if version is not None else None


_READERS = {
    VersionSource.STRING: _from_string,
    VersionSource.SYMBOL_VERSION: _from_symbol_version,
    VersionSource.SONAME: _from_soname,
    VersionSource.GETTER: _from_getter,
    VersionSource.VARIABLE: _from_variable,
    VersionSource.PATH: _from_path,
}
