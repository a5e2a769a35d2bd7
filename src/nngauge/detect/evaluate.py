"""Clauses against units: which technologies a unit shows, how, and in which version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from nngauge.detect.ruleset import Clause, Features, Rule, Scope
from nngauge.detect.signatures import ClauseRef, Key, Signatures
from nngauge.detect.units import CodeUnit, Unit
from nngauge.detect.versions import applies, read_version
from nngauge.domain.detection import Detection
from nngauge.domain.evidence import Confidence, Evidence, EvidenceKind, Presence
from nngauge.limits import EVIDENCE_PER_FACT

PRESENCE_ORDER = tuple(Presence)
"""Strongest first."""
_CONFIDENCE_ORDER = tuple(Confidence)


class Match(Struct, frozen=True):
    """A clause that holds on a unit."""

    ref: ClauseRef
    presence: Presence
    evidence: tuple[Evidence, ...]


def candidate_keys(signatures: Signatures, unit: CodeUnit) -> Iterator[Key]:
    """Features that a code unit may have: from its literal hits and from its names."""
    for index in unit.offsets:
        yield from signatures.features_of[index]
    names = [unit.location.name]
    if unit.binary is not None:
        install = unit.binary.install_name
        if install:
            names.append(install.rpartition("/")[2])
        yield from _by_globs(signatures, "needed", unit.binary.needed)
        yield from _by_globs(signatures, "soname", names)
        yield from _by_globs(signatures, "name", names[:1])


def _by_globs(signatures: Signatures, kind: str, names: Iterable[str]) -> Iterator[Key]:
    globs = signatures.globs.get(kind)
    if globs is not None:
        for name in names:
            for text in globs.matching(name):
                yield kind, text


def evaluate(signatures: Signatures, unit: Unit, keys: Iterable[Key]) -> list[Match]:
    """All clauses that hold on `unit`, of those that one of `keys` supports; `unless` is already applied."""
    refs: dict[int, ClauseRef] = {}
    for key in keys:
        for ref in signatures.clauses_of.get(key, ()):
            if applies(ref.clause.scope, unit.scope):
                refs[ref.index] = ref
    matches = [match for _, ref in sorted(refs.items()) if (match := _try(ref, unit)) is not None]
    present = {match.ref.rule.id for match in matches}
    return [match for match in matches if present.isdisjoint(match.ref.clause.unless)]


def _try(ref: ClauseRef, unit: Unit) -> Match | None:
    clause = ref.clause
    found: list[Evidence] = []
    for key in clause.all.items():
        proof = unit.find(key)
        if proof is None:
            return None
        found.append(proof)
    wanted = [proof for key in clause.any.items() if (proof := unit.find(key)) is not None]
    if clause.any != Features() and len(wanted) < clause.min:
        return None
    if any(unit.find(key) is not None for key in clause.none.items()):
        return None
    found += wanted
    return Match(ref, _presence(clause, found), tuple(found)) if found else None


_DEFAULT_PRESENCE = {
    Scope.NATIVE: Presence.LIBRARY,
    Scope.SCRIPT: Presence.DEFINED,
    Scope.DOTNET: Presence.DEFINED,
    Scope.CODE: Presence.ENDPOINT,
    Scope.MANIFEST: Presence.DECLARED,
    Scope.PLIST: Presence.DECLARED,
    Scope.FILE: Presence.FILE,
}


def _presence(clause: Clause, found: Sequence[Evidence]) -> Presence:
    if clause.presence is not None:
        return clause.presence
    if clause.scope is Scope.DEX:
        kinds = {proof.kind for proof in found}
        if EvidenceKind.CLASS_DEFINED in kinds:
            return Presence.DEFINED
        return Presence.REFERENCED
    return _DEFAULT_PRESENCE[clause.scope]


def detections(
    signatures: Signatures, unit: Unit, matches: Sequence[Match], head: bytes | None = None
) -> list[Detection]:
    """One `Detection` per technology that matched on `unit`; the strongest clause decides how it is present.

    `head` is the beginning of the file for units of scope ``file``, where versions are read from it.
    """
    by_rule: dict[str, list[Match]] = {}
    for match in matches:
        by_rule.setdefault(match.ref.rule.id, []).append(match)
    return [_detection(signatures, unit, group, set(by_rule), head) for group in by_rule.values()]


def _detection(
    signatures: Signatures, unit: Unit, group: Sequence[Match], together: set[str], head: bytes | None
) -> Detection:
    rule = group[0].ref.rule
    presence = min((match.presence for match in group), key=PRESENCE_ORDER.index)
    confidence = min(
        (match.ref.clause.confidence for match in group if match.presence is presence), key=_CONFIDENCE_ORDER.index
    )
    host = next((other for other in rule.inside if other in together), None)
    proofs = [_labelled(proof, match.ref) for match in group for proof in match.evidence]
    proofs = list(dict.fromkeys(proofs))
    if presence is Presence.LIBRARY:
        other = _other_purpose(rule, unit)
        if other is not None:
            proofs.insert(1, other)
        if other is not None or host is not None:
            presence = Presence.EMBEDDED
    told = read_version(signatures, rule, unit, head)
    code = unit if isinstance(unit, CodeUnit) else None
    return Detection(
        technology=rule.id,
        title=rule.title,
        category=rule.category,
        presence=presence,
        confidence=confidence,
        version=told.version,
        version_range=told.range,
        version_evidence=told.evidence,
        host=host,
        abi=code.binary.abi if code and code.binary else None,
        library_bytes=code.size if code and code.binary else None,
        evidence=tuple(proofs[:EVIDENCE_PER_FACT]),
        evidence_count=len(proofs),
    )


def _other_purpose(rule: Rule, unit: Unit) -> Evidence | None:
    """A native method of other Java classes: the technology is linked into a library that has a purpose of its own.

    Its own library is known by its name; under another name it has no native methods but its own.
    """
    binary = unit.binary if isinstance(unit, CodeUnit) else None
    if binary is None or rule.needs is None or not rule.needs.libraries:
        return None
    names = [unit.location.name, (binary.install_name or "").rpartition("/")[2]]
    if any(fnmatchcase(name, wanted) for name in names for wanted in rule.needs.libraries):
        return None
    own = [text for clause in rule.match for text in clause.any.export if text.startswith("Java_")]
    for name in binary.native_methods():
        if not any(fnmatchcase(name, text) for text in own):
            return Evidence(
                kind=EvidenceKind.EXPORT, location=unit.location, value=name, rule=f"{rule.id}#native-methods"
            )
    return None


def _labelled(proof: Evidence, ref: ClauseRef) -> Evidence:
    return Evidence(kind=proof.kind, location=proof.location, value=proof.value, rule=ref.label)
