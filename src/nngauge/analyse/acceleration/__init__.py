"""Which accelerators an app asks for, and whether what it asks for is in the package.

The table of `nngauge.knowledge.accelerators` says how each is asked for and what it needs; this room only compares.
A request that cannot succeed is the finding that matters: engines fall back to the CPU without a word.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nngauge.analyse.acceleration.facts import collect
from nngauge.analyse.acceleration.manifests import packaging
from nngauge.analyse.acceleration.verdicts import judge
from nngauge.domain.acceleration import Acceleration, Packaging
from nngauge.domain.app import App, Platform
from nngauge.domain.detection import Detection
from nngauge.domain.library import Library
from nngauge.domain.model import Model
from nngauge.knowledge.accelerators import ACCELERATORS

__all__ = ["accelerations", "packaging"]


def accelerations(
    detections: Sequence[Detection],
    libraries: Sequence[Library],
    app: App,
    *,
    models: Sequence[Model] = (),
    package: Packaging | None = None,
    calls: Collection[str] | None = None,
) -> tuple[Acceleration, ...]:
    """The verdict on every accelerator that is asked for or shipped, per ABI.

    `calls` are the Java methods (``a.b.C.method``) that the app's own code calls, where somebody read it: they tell
    requests from methods that merely exist in an engine's classes. None when nobody looked.
    """
    facts = collect(detections, libraries, app, models, package or Packaging(), calls)
    found: list[Acceleration] = []
    done: set[tuple[str, str | None]] = set()
    for one in ACCELERATORS:
        if app.platform not in (one.platform, Platform.UNKNOWN) or not facts.concerns(one):
            continue
        for abi in facts.abis_for(one):
            if any((other, abi) in done for other in one.unless):
                continue
            verdict = judge(one, abi, facts)
            if verdict is not None:
                done.add((one.id, abi))
                found.append(verdict)
    return tuple(found)
