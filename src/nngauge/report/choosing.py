"""Which reports are meant by what a user wrote."""

from __future__ import annotations

from collections.abc import Sequence

from nngauge.errors import UsageError
from nngauge.report import PAPERS, REPORTS
from nngauge.report._api import Report


def chosen(words: Sequence[str]) -> tuple[Report, ...]:
    """The reports with these names or ids, in the order given; without any, all but those of publications.

    Raises `UsageError` for a word that is none.
    """
    if not words:
        return REPORTS
    known = {word.lower(): report for report in (*REPORTS, *PAPERS) for word in (report.id, report.name)}
    wrong = next((word for word in words if word.lower() not in known), None)
    if wrong is not None:
        raise UsageError("no such report", where=wrong, hint="nngauge report --list")
    return tuple(dict.fromkeys(known[word.lower()] for word in words))
