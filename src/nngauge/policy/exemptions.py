"""Findings that somebody decided to live with, for a reason and up to a day."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase

from msgspec import Struct

from nngauge.domain.finding import Finding
from nngauge.policy._api import inner


class Exemption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``[[exempt]]`` of a policy. Everything that is given has to match; at least one of the first four is."""

    rules: tuple[str, ...] = ()
    """Ids of rules; empty: all of them."""
    model: str = ""
    """Beginning of a model's digest, at least 8 hexadecimal digits."""
    path: str = ""
    """Glob of the place inside the package: ``assets/ads/*``."""
    technology: str = ""
    """Id or glob of what the finding is about: ``mlkit-*``, ``nnapi``."""
    reason: str
    until: date | None = None
    """The last day on which it holds; None: for good."""

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("an exemption needs a reason")
        if not (self.rules or self.model or self.path or self.technology):
            raise ValueError("an exemption names rules, a model, a path or a technology")
        digits = set(self.model.lower())
        if self.model and (len(self.model) < 8 or not digits <= set("0123456789abcdef")):
            raise ValueError("a model is named by at least 8 hexadecimal digits of its digest")

    def holds(self, today: date) -> bool:
        """Whether its time has not run out."""
        return self.until is None or today <= self.until

    def covers(self, finding: Finding) -> bool:
        """Whether it is about `finding`, whatever the day."""
        if self.rules and finding.rule not in self.rules:
            return False
        if self.model and not finding.subject.startswith(self.model.lower()):
            return False
        if self.path and (finding.location is None or not fnmatchcase(inner(finding.location), self.path)):
            return False
        return not self.technology or fnmatchcase(finding.subject, self.technology)

    @property
    def sentence(self) -> str:
        """What it is about, for people."""
        named = [
            ("rule", ", ".join(self.rules)),
            ("model", self.model),
            ("path", self.path),
            ("about", self.technology),
        ]
        return ", ".join(f"{what} {value}" for what, value in named if value)
