"""Makes reports: asks every part, and writes down why where there is no answer. One bad part never stops a report."""

from __future__ import annotations

import time
from typing import Final

from nngauge.errors import NngaugeError
from nngauge.report._api import MadePart, MadeReport, Part, Refusal, Report
from nngauge.report.corpus import Corpus
from nngauge.store.warehouse import Answer

_TO_RUN: Final = {
    "listing": "nngauge study add STUDY SOURCE",
    "market": "nngauge study metadata STUDY TABLE: a CSV of what the store says of the apps",
    "network": "nngauge study run STUDY, without --no-networks",
    "family": "nngauge study run STUDY, without --no-networks",
    "tensor": "nngauge study run STUDY, without --no-networks",
    "protection": "nngauge study run STUDY --audit",
    "measurement": "nngauge measure STUDY, of one run with --keep-models",
    "measurement_refusal": "nngauge measure STUDY, of one run with --keep-models",
    "measurement.joules_mde": "nngauge measure STUDY --energy --meter NAME (docs/energy.md)",
    "estimate": "nngauge estimate STUDY",
    "estimate_refusal": "nngauge estimate STUDY",
    "language_estimate": "nngauge estimate STUDY",
    "reach": "nngauge estimate STUDY --coverage",
    "reach_plan": "nngauge estimate STUDY --coverage",
    "compression": "nngauge compress STUDY, of one run with --keep-models",
    "compression_refusal": "nngauge compress STUDY, of one run with --keep-models",
    "compression_row.sparsity": "nngauge compress STUDY --prune",
    "operator_time": "nngauge measure STUDY --profile",
    "technology.used": "nngauge study run STUDY --usage",
    "model.used": "nngauge study run STUDY --usage",
}
"""Facts → how to get them; for all others: run the study."""
_RUN: Final = "nngauge study run STUDY"


def make(report: Report, corpus: Corpus) -> MadeReport:
    """The report about the corpus."""
    return MadeReport(report=report, parts=tuple(make_part(part, corpus) for part in report.parts))


def make_part(part: Part, corpus: Corpus) -> MadePart:
    """The part with its answer, or with the reason why there is none."""
    begun = time.perf_counter()
    sql = corpus.whole(part.ask) if isinstance(part.ask, str) else ""
    result = _missing(part, corpus) or _answer(part, corpus)
    return MadePart(part=part, result=result, sql=sql, seconds=time.perf_counter() - begun)


def _missing(part: Part, corpus: Corpus) -> Refusal | None:
    if not corpus.snapshots:
        return Refusal("no data", "the study has no packages", _TO_RUN["listing"])
    if len(corpus.snapshots) < part.snapshots:
        found = len(corpus.snapshots)
        return Refusal(
            "no data",
            f"it takes {part.snapshots} snapshots; there is {found}",
            "nngauge study add STUDY SOURCE --snapshot NAME",
        )
    try:
        lacking = next((need for need in part.needs if not corpus.holds(need)), None)
    except NngaugeError as error:  # files that went away meanwhile are told as either kind
        return Refusal("failed", error.what, error.hint)
    if lacking is None:
        return None
    table, _, column = lacking.partition(".")
    what = f"table {table} has no value in {column}" if column else f"table {table} has no rows"
    return Refusal("no data", what, _TO_RUN.get(lacking) or _TO_RUN.get(table, _RUN))


def _answer(part: Part, corpus: Corpus) -> Answer | Refusal:
    try:
        answer = corpus.ask(part.ask) if isinstance(part.ask, str) else part.ask(corpus)
    except NngaugeError as error:
        return Refusal("failed", error.what, error.hint)
    return answer if answer.rows else Refusal("no data", "nothing in these snapshots is to be counted here")
