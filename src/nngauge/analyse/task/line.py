"""The verdict in one line for screens."""

from __future__ import annotations

from nngauge.domain.task import TASK, UNKNOWN, Modality, TaskVerdict


def task_line(verdict: TaskVerdict) -> str:
    """``Face detection, 97 %: 896 anchors × 16 (a box with points)``; never longer than two reasons."""
    reasons = "; ".join(item.value for item in verdict.because[:2])
    if verdict.task == UNKNOWN:
        hints = " or ".join(
            TASK[item.task].title.lower() for item in verdict.alternatives[:2] if item.probability >= 0.1
        )
        about = f" ({verdict.modality})" if verdict.modality is not Modality.UNKNOWN else ""
        return f"Unknown{about}" + (f", perhaps {hints}" if hints else "")
    sure = f"{verdict.title}, {min(99, round(100 * verdict.probability))} %"
    return f"{sure}: {reasons}" if reasons else sure
