"""One app against one policy: what was found, what of it counts, and what could not be checked."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from typing import Final

from msgspec import Struct

from nngauge.domain.dossier import Dossier
from nngauge.domain.finding import Finding, Severity
from nngauge.policy._api import Hit, Options, Rule, Subject, inner
from nngauge.policy.exemptions import Exemption
from nngauge.policy.loading import Policy, load_policy

RANK: Final = {Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 2}
"""From mild to serious."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Judged(Struct, frozen=True, kw_only=True):
    """A finding, and whether it counts."""

    finding: Finding
    fingerprint: str
    """The same for the same finding in the next version of the app; 32 hexadecimal digits."""
    exemption: Exemption | None = None
    """The one that covers it."""
    known: bool = False
    """It was there in the baseline."""

    @property
    def counts(self) -> bool:
        """Neither exempt nor known."""
        return self.exemption is None and not self.known


class Skipped(Struct, frozen=True, kw_only=True):
    """A rule, or a part of it, that could not be evaluated: not the same as kept."""

    rule: str
    reason: str


class Assessment(Struct, frozen=True, kw_only=True):
    """The result of a check."""

    dossier: Dossier
    policy: Policy
    today: date
    findings: tuple[Judged, ...]
    """Those that count first, then by severity and gain."""
    compared: bool = False
    """With a baseline."""
    skipped: tuple[Skipped, ...] = ()
    lapsed: tuple[Exemption, ...] = ()
    """Exemptions that would cover a finding, if their time had not run out."""
    idle: tuple[Exemption, ...] = ()
    """Exemptions that cover nothing."""

    @property
    def counting(self) -> tuple[Finding, ...]:
        """Findings that are neither exempt nor known."""
        return tuple(item.finding for item in self.findings if item.counts)

    @property
    def unchecked(self) -> tuple[str, ...]:
        """Rules that could not be evaluated, each with the reason."""
        return tuple(f"{item.rule}: {item.reason}" for item in self.skipped)

    def count(self, severity: Severity) -> int:
        """Findings of this severity that count."""
        return sum(finding.severity is severity for finding in self.counting)

    def breaks(self, threshold: Severity = Severity.ERROR) -> bool:
        """Whether any finding that counts is at least as serious as `threshold`."""
        return any(RANK[finding.severity] >= RANK[threshold] for finding in self.counting)

    @property
    def gain_bytes(self) -> int:
        """The sum of what single remedies would save; remedies of the same file count once, the largest of them."""
        best: dict[str, int] = {}
        for finding in self.counting:
            if finding.gain_bytes:
                key = finding.location.path if finding.location else finding.rule
                best[key] = max(best.get(key, 0), finding.gain_bytes)
        return sum(best.values())


def assess(
    dossier: Dossier,
    policy: Policy | None = None,
    *,
    baseline: Collection[str] | None = None,
    today: date | None = None,
) -> Assessment:
    """Checks an app. `baseline`: fingerprints of findings that are known already (`baseline.read_baseline`); `today` decides about dates."""
    policy = policy or load_policy()
    subject = Subject(dossier, today or datetime.now(UTC).date())
    found: list[Finding] = []
    skipped: list[Skipped] = []
    for rule, options in policy.rules:
        for item in rule.check(subject, options):
            if isinstance(item, Hit):
                found.append(_weighed(rule, options, item))
            else:
                skipped.append(Skipped(rule=rule.id, reason=item.reason))
    return _judged(subject, policy, found, tuple(skipped), baseline)


def findings(dossier: Dossier, policy: Policy | None = None, *, today: date | None = None) -> tuple[Finding, ...]:
    """What could be better about an app: findings that no exemption covers, the most serious first."""
    return assess(dossier, policy, today=today).counting


def _weighed(rule: Rule, options: Options, hit: Hit) -> Finding:
    return Finding(
        rule=rule.id,
        severity=min(options.severity or rule.severity, hit.at_most, key=RANK.__getitem__),
        says=hit.says,
        location=hit.location,
        subject=hit.subject,
        remedy=hit.remedy,
        gain_bytes=hit.gain_bytes,
        risk=hit.risk,
    )


def _judged(
    subject: Subject,
    policy: Policy,
    found: list[Finding],
    skipped: tuple[Skipped, ...],
    baseline: Collection[str] | None,
) -> Assessment:
    judged = [
        Judged(
            finding=finding,
            fingerprint=mark,
            exemption=next(
                (one for one in policy.exemptions if one.holds(subject.today) and one.covers(finding)), None
            ),
            known=baseline is not None and mark in baseline,
        )
        for finding, mark in zip(found, fingerprints(found, subject.app.package_id or ""), strict=True)
    ]
    judged.sort(key=lambda item: (not item.counts, -RANK[item.finding.severity], -(item.finding.gain_bytes or 0)))
    covering = [one for one in policy.exemptions if any(one.covers(finding) for finding in found)]
    return Assessment(
        dossier=subject.dossier,
        policy=policy,
        today=subject.today,
        findings=tuple(judged),
        compared=baseline is not None,
        skipped=skipped,
        lapsed=tuple(one for one in covering if not one.holds(subject.today)),
        idle=tuple(one for one in policy.exemptions if one not in covering),
    )


def fingerprints(found: Iterable[Finding], package: str) -> list[str]:
    """One for each finding: rule, app and place, or what it is about; never amounts, which change with every build.

    A model's digest changes when it is trained anew, so its place stands for it; equal ones are numbered.
    """
    seen: Counter[str] = Counter()
    marks = []
    for finding in found:
        place = inner(finding.location) if finding.location else ""
        about = "" if place and _DIGEST.fullmatch(finding.subject) else finding.subject
        key = f"{finding.rule}\0{package}\0{place}\0{about}"
        seen[key] += 1
        marks.append(hashlib.sha256(f"{key}\0{seen[key]}".encode("utf-8", "surrogatepass")).hexdigest()[:32])
    return marks
