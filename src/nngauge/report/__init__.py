"""Reports: questions about a study, one file each, answered by SQL over its facts."""

from __future__ import annotations

from typing import Final

from nngauge.report import (
    accelerators,
    changes,
    concentration,
    costs,
    delivery,
    devices,
    energy,
    formats,
    frameworks,
    funnel,
    generative,
    history,
    hybrid,
    imc21,
    latency,
    layers,
    modernisation,
    optimisation,
    pairs,
    popularity,
    prevalence,
    protection,
    quantisation,
    sharing,
    storage,
    tasks,
    www19,
)
from nngauge.report._api import Report

REPORTS: Final[tuple[Report, ...]] = (
    prevalence.REPORT,
    popularity.REPORT,
    frameworks.REPORT,
    changes.REPORT,
    storage.REPORT,
    tasks.REPORT,
    concentration.REPORT,
    funnel.REPORT,
    formats.REPORT,
    layers.REPORT,
    costs.REPORT,
    optimisation.REPORT,
    sharing.REPORT,
    protection.REPORT,
    latency.REPORT,
    energy.REPORT,
    accelerators.REPORT,
    quantisation.REPORT,
    hybrid.REPORT,
    generative.REPORT,
    delivery.REPORT,
    devices.REPORT,
    pairs.REPORT,
    modernisation.REPORT,
    history.REPORT,
)
"""All reports in the order of their ids."""
PAPERS: Final[tuple[Report, ...]] = (www19.REPORT, imc21.REPORT)
"""Tables and figures of publications one by one, in the published order."""
