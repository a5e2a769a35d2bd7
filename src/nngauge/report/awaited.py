"""A part of R15 that waits for facts that nobody has estimated yet; it says which."""

from __future__ import annotations

from typing import Final

from nngauge.report._api import Part

_FIGURES: Final = "Multiply-accumulates and bytes are in the report `costs`; they are no replacement."


def _awaited(name: str, title: str, counting: str, absent: str) -> Part:
    return Part(name=name, title=title, ask="SELECT 1", columns=(), counting=counting, absent=absent)


ESTIMATED_LATENCY: Final = _awaited(
    "estimated",
    "Estimated latency",
    "models and classes of devices",
    f"No estimator with a known error is built in yet. {_FIGURES}",
)
