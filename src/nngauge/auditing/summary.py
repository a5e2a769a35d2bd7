"""The sentences at the top of an audit: what a reader should take away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from nngauge.domain.protection import AuditedModel, Grade, IntegrityFinding, SignalKind
from nngauge.domain.scan import Scan

_OPEN: Final = frozenset({Grade.PLAIN, Grade.RENAMED, Grade.COMPRESSED, Grade.ENCODED, Grade.PRIVATE, Grade.STRIPPED})
_SEALED: Final = frozenset({Grade.ENCRYPTED, Grade.ENCRYPTED_WEIGHTS})


def summarise_audit(
    models: Sequence[AuditedModel],
    unknown: Sequence[AuditedModel],
    integrity: Sequence[IntegrityFinding],
    scan: Scan,
    *,
    code_read: bool,
) -> tuple[str, ...]:
    """At most seven sentences."""
    return (
        *_counts(models),
        *_leaks(models),
        *_elsewhere(models, scan),
        *_nothing(models, scan),
        *(finding.says for finding in integrity if finding.good is False),
        *_rest(unknown, code_read=code_read),
    )


def _counts(models: Sequence[AuditedModel]) -> Iterator[str]:
    present = [item for item in models if item.protection.grade is not Grade.FETCHED]
    if not present:
        return
    grades = Counter(item.protection.grade for item in present)
    taken = sum(count for grade, count in grades.items() if grade in _OPEN)
    sealed = sum(count for grade, count in grades.items() if grade in _SEALED)
    total = len(present)
    if taken:
        yield f"{taken} of {total} model{'s' if total > 1 else ''} can be taken out and used with public tools."
    if sealed:
        yield f"{sealed} of {total} model{'s are' if total > 1 else ' is'} encrypted as far as the package tells."
    weak = [item for item in present if item.protection.grade in (Grade.WEAK, Grade.KEY_BESIDE, Grade.ENCRYPTED_HEADER)]
    if weak:
        names = ", ".join(f"{item.name} ({item.protection.grade})" for item in weak[:3])
        yield f"{len(weak)} {'are' if len(weak) > 1 else 'is'} hidden in a way that does not hold: {names}."


def _leaks(models: Sequence[AuditedModel]) -> Iterator[str]:
    """Plain files that describe encrypted ones."""
    leaking = [
        item
        for item in models
        if item.protection.grade in _SEALED
        and any(one.kind is SignalKind.SIBLING and "in the clear" in one.says for one in item.protection.signals)
    ]
    if leaking:
        yield f"Inputs, outputs or layers of {len(leaking)} encrypted model{'s' if len(leaking) > 1 else ''} stand beside in the clear."


def _elsewhere(models: Sequence[AuditedModel], scan: Scan) -> Iterator[str]:
    fetched = [item for item in models if item.protection.grade is Grade.FETCHED]
    if fetched:
        yield f"{len(fetched)} address{'es' if len(fetched) > 1 else ''} of models to download stand in the code."
    if scan.verdict.model_elsewhere:
        reason = next((text for text in scan.verdict.because if text.startswith("model elsewhere: ")), "")
        yield f"Some models are not in the package: {reason.removeprefix('model elsewhere: ')}."


def _nothing(models: Sequence[AuditedModel], scan: Scan) -> Iterator[str]:
    if models:
        return
    if scan.verdict.runtime_present:
        yield "Code that runs models is there and no model was found: hidden beyond recognition, or fetched at run time."
    else:
        yield "No models were found in this package."


def _rest(unknown: Sequence[AuditedModel], *, code_read: bool) -> Iterator[str]:
    if unknown:
        count = len(unknown)
        yield f"{count} file{'s' if count > 1 else ''} of uniform bytes, purpose unknown."
    if not code_read:
        yield "No Java code could be read: what it checks or decrypts is unknown."
