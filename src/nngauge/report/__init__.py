"""Reports: questions about a study, one file each, answered by SQL over its facts."""

from __future__ import annotations

from typing import Final

from nngauge.report import frameworks, imc21, popularity, prevalence, www19
from nngauge.report._api import Report

REPORTS: Final[tuple[Report, ...]] = (
    prevalence.REPORT,
    popularity.REPORT,
    frameworks.REPORT,
)
"""All reports in the order of their ids."""
PAPERS: Final[tuple[Report, ...]] = (www19.REPORT, imc21.REPORT)
"""Tables and figures of publications one by one, in the published order."""
