"""The machine-readable result of a check, and what a later check takes from it: which findings are known."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from nngauge.domain.app import App
from nngauge.domain.finding import Severity
from nngauge.domain.location import Location
from nngauge.errors import InputError, UsageError
from nngauge.io.whole import read_whole
from nngauge.limits import MIB
from nngauge.policy.assessment import Assessment, Judged, Skipped
from nngauge.policy.exemptions import Exemption
from nngauge.version import __version__

SCHEMA: Final = "nngauge.check/1"
_MAX_BYTES: Final = 64 * MIB


class FindingEntry(Struct, frozen=True, kw_only=True):
    """One finding, with what became of it."""

    rule: str
    severity: Severity
    counts: bool
    """Neither exempt nor known from the baseline."""
    says: str
    location: Location | None
    subject: str
    remedy: str
    gain_bytes: int | None
    risk: str
    fingerprint: str
    known: bool
    exemption: Exemption | None


class RuleEntry(Struct, frozen=True, kw_only=True):
    """One rule of the policy, and what came of it."""

    id: str
    severity: Severity
    findings: int
    """All of them, exempt and known ones too."""


class CheckDocument(Struct, frozen=True, kw_only=True):
    """One check as JSON."""

    schema: str = SCHEMA
    tool: str
    path: str
    app: App
    policy: str
    """Where the policy came from: a file, or ``default``."""
    title: str
    today: date
    """The day that decided about dates."""
    complete: bool
    """Every part of the package could be read."""
    errors: int
    warnings: int
    notes: int
    """Findings that count."""
    gain_bytes: int
    rules: tuple[RuleEntry, ...]
    findings: tuple[FindingEntry, ...]
    skipped: tuple[Skipped, ...]
    """Rules, or parts of them, that could not be evaluated."""
    lapsed: tuple[Exemption, ...]
    idle: tuple[Exemption, ...]


class _Known(Struct, frozen=True):
    schema: str
    findings: tuple[_Fingerprint, ...] = ()


class _Fingerprint(Struct, frozen=True):
    fingerprint: str


def encode_check(result: Assessment) -> bytes:
    """The result as indented UTF-8 JSON; `read_baseline` reads it back."""
    return msgspec.json.format(msgspec.json.encode(_document(result)), indent=2) + b"\n"


def read_baseline(path: str | Path) -> frozenset[str]:
    """Fingerprints of an earlier check's findings, exempt ones included. Raises `UsageError`."""
    hint = "make one with `nngauge check --format json -o FILE`"
    try:
        known = msgspec.json.decode(read_whole(Path(path), _MAX_BYTES, "the baseline"), type=_Known)
    except InputError as error:
        raise UsageError(error.what, where=str(path), hint=hint) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"not the JSON of a check: {error}", where=str(path), hint=hint) from None
    if known.schema != SCHEMA:
        raise UsageError(f"not the JSON of a check: schema {known.schema[:40]!r}", where=str(path), hint=hint)
    return frozenset(item.fingerprint for item in known.findings)


def _document(result: Assessment) -> CheckDocument:
    scan = result.dossier.scan
    return CheckDocument(
        tool=f"nngauge {__version__}",
        path=scan.path,
        app=scan.app,
        policy=result.policy.source,
        title=result.policy.title,
        today=result.today,
        complete=scan.complete,
        errors=result.count(Severity.ERROR),
        warnings=result.count(Severity.WARNING),
        notes=result.count(Severity.NOTE),
        gain_bytes=result.gain_bytes,
        rules=tuple(
            RuleEntry(
                id=rule.id,
                severity=options.severity or rule.severity,
                findings=sum(item.finding.rule == rule.id for item in result.findings),
            )
            for rule, options in result.policy.rules
        ),
        findings=tuple(_entry(item) for item in result.findings),
        skipped=result.skipped,
        lapsed=result.lapsed,
        idle=result.idle,
    )


def _entry(item: Judged) -> FindingEntry:
    finding = item.finding
    return FindingEntry(
        rule=finding.rule,
        severity=finding.severity,
        counts=item.counts,
        says=finding.says,
        location=finding.location,
        subject=finding.subject,
        remedy=finding.remedy,
        gain_bytes=finding.gain_bytes,
        risk=finding.risk,
        fingerprint=item.fingerprint,
        known=item.known,
        exemption=item.exemption,
    )
