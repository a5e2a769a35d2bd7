"""R17: accelerators: what apps ask for, what they ship for it, and what comes of it on a phone."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.domain.acceleration import Outcome
from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import share
from nngauge.report.sweeps import BACK_ENDS, BATCHES, THREADS, UNITS

_TITLE: Final = Column("title", "name of the accelerator")
_HARDWARE: Final = Column("hardware", "where the work would go: cpu, gpu, npu, or any where the system decides")
_OUTCOME: Final = Column(
    "outcome",
    "works as shipped, provided by the system, asked for but not shipped, shipped but not asked for, or unknown",
)
_OUTCOMES: Final = [outcome.value for outcome in Outcome]
_BEST: Final = (
    "SELECT edition, accelerator, any_value(acceleration.title) AS title, any_value(hardware) AS hardware, "
    f"arg_min(outcome, list_position({_OUTCOMES}, outcome)) AS outcome, max(acceleration.size) AS size "
    "FROM acceleration JOIN editions USING (app) WHERE latest GROUP BY edition, accelerator"
)
"""One row a package and accelerator: the best outcome of its ABIs."""

REPORT: Final = Report(
    id="R17",
    name="accelerators",
    title="Accelerators and back ends",
    question="Which accelerators do apps ask for, is what they need in the package, and what would another back end bring?",
    origin="IMC'21, SNPE and delegates; MDLBench",
    limitations=(
        "A package tells what would be tried; whether a phone has the hardware and its driver, only the phone tells.",
    ),
    parts=(
        Part(
            name="outcomes",
            title="What comes of accelerators",
            ask=f"""WITH best AS ({_BEST}), whole AS (SELECT count(*) AS packages FROM editions WHERE latest AND runtime_present)
SELECT accelerator, any_value(title) AS title, any_value(hardware) AS hardware, outcome, count(*) AS packages,
    sum(count(*)) OVER (PARTITION BY accelerator)::BIGINT AS accelerator_packages, any_value(whole.packages) AS with_runtime,
    {share("count(*)", "any_value(whole.packages)")} AS share, median(size)::BIGINT AS size
FROM best CROSS JOIN whole GROUP BY accelerator, outcome ORDER BY accelerator_packages DESC, accelerator,
    list_position({_OUTCOMES}, outcome)""",
            columns=(
                Column("accelerator", "id in the knowledge base"),
                _TITLE,
                _HARDWARE,
                _OUTCOME,
                Column("packages", "packages with this outcome", "count"),
                Column("accelerator_packages", "packages with the accelerator, whatever comes of it", "count"),
                Column("with_runtime", "packages with a runtime, the denominator", "count"),
                Column("share", "packages ÷ with_runtime", "share"),
                Column("size", "median bytes of the files that serve it", "bytes"),
            ),
            counting="packages of the latest snapshot; of several ABIs the best outcome counts",
            needs=("acceleration",),
            chart=partial(bars, value="packages", by="title", colour="outcome", stacked=True, title="packages"),
        ),
        Part(
            name="hardware",
            title="Hardware that is asked for",
            ask=f"""WITH best AS ({_BEST}), whole AS (SELECT count(*) AS packages FROM editions WHERE latest AND runtime_present)
SELECT hardware, count(DISTINCT edition) AS packages, count(DISTINCT edition) FILTER (outcome IN ('works as shipped', 'provided by the system')) AS works,
    any_value(whole.packages) AS with_runtime, {share("count(DISTINCT edition)", "any_value(whole.packages)")} AS share
FROM best CROSS JOIN whole GROUP BY hardware ORDER BY packages DESC, hardware""",
            columns=(
                _HARDWARE,
                Column("packages", "packages with an accelerator for it, asked for or shipped", "count"),
                Column("works", "of them, those in which one works as shipped or is provided by the system", "count"),
                Column("with_runtime", "packages with a runtime, the denominator", "count"),
                Column("share", "packages ÷ with_runtime", "share"),
            ),
            counting="packages of the latest snapshot; one with several kinds of hardware counts for each",
            needs=("acceleration",),
        ),
        BACK_ENDS,
        THREADS,
        BATCHES,
        UNITS,
    ),
)
