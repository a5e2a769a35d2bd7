"""Something about an app that somebody should act on: what, where, why it matters, what to do, and what it would gain."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.location import Location


class Severity(StrEnum):
    """How much it matters."""

    ERROR = "error"
    """Breaks the policy."""
    WARNING = "warning"
    NOTE = "note"


class Finding(Struct, frozen=True, kw_only=True):
    """One place where an app breaks one rule of a policy."""

    rule: str
    """Id of the rule: ``unprotected-model``."""
    severity: Severity
    says: str
    """One sentence with the facts: names, amounts, limits."""
    location: Location | None = None
    """None: the app as a whole."""
    subject: str = ""
    """Model digest or technology id that it is about."""
    remedy: str = ""
    """What to do, in one sentence."""
    gain_bytes: int | None = None
    """Bytes of download or storage that the remedy would save; None where that is not known."""
    risk: str = ""
    """What the remedy might cost."""
