"""The tables and figures of the WWW'19 study, one by one, on this corpus."""

from __future__ import annotations

from typing import Final

from nngauge.report._api import Report
from nngauge.report.www19_apps import APPS
from nngauge.report.www19_frameworks import FRAMEWORK_PARTS
from nngauge.report.www19_models import MODELS

REPORT: Final = Report(
    id="WWW19",
    name="www19",
    title="The WWW'19 study, again",
    question="What do the tables and figures of “A First Look at Deep Learning Apps on Smartphones” look like on this corpus?",
    origin="Xu et al., A First Look at Deep Learning Apps on Smartphones, WWW 2019, https://doi.org/10.1145/3308558.3313591",
    parts=(*APPS, *FRAMEWORK_PARTS, *MODELS),
    limitations=(
        "Published numbers are of 2018 and of the apps and rules of that study; they stand beside ours for orientation, not as a test.",
        "Figure 1 (the workflow) is not a result; what was done to each package is in the study's ledger and documents.",
        "Published FLOPs mix operations and multiply-accumulates; they are never put into a column of ours.",
    ),
)
