"""nngauge: what AI is inside a mobile app, with evidence for every claim.

>>> import nngauge
>>> result = nngauge.scan("app.apk")           # doctest: +SKIP
>>> [model.name for model in result.models]    # doctest: +SKIP

Names are imported when first used, so that ``nngauge --help`` does not pay for the signature engine
(docs/adr/0003-lazy-public-names.md).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nngauge.version import __version__

if TYPE_CHECKING:
    from nngauge.api import analyse_model, audit, compare_models, discover, read_graph, read_model, scan, scan_many
    from nngauge.domain.analysis import Analysis
    from nngauge.domain.app import App
    from nngauge.domain.cost import Cost
    from nngauge.domain.detection import Category, Detection
    from nngauge.domain.difference import Comparison
    from nngauge.domain.evidence import Confidence, Evidence, Presence
    from nngauge.domain.graph import DType, Graph, Node, Tensor
    from nngauge.domain.location import Location
    from nngauge.domain.model import Candidate, Model, Port
    from nngauge.domain.outcome import Anomaly, Failure
    from nngauge.domain.protection import Audit
    from nngauge.domain.scan import Scan, Verdict
    from nngauge.errors import (
        InputError,
        LimitError,
        MalformedError,
        NngaugeError,
        NotThisFormat,
        TruncatedError,
        UnreadableError,
        UnsupportedError,
        UsageError,
    )

_HOMES = {
    "nngauge.api": (
        "analyse_model",
        "audit",
        "compare_models",
        "discover",
        "read_graph",
        "read_model",
        "scan",
        "scan_many",
    ),
    "nngauge.domain.analysis": ("Analysis",),
    "nngauge.domain.app": ("App",),
    "nngauge.domain.cost": ("Cost",),
    "nngauge.domain.detection": ("Category", "Detection"),
    "nngauge.domain.difference": ("Comparison",),
    "nngauge.domain.evidence": ("Confidence", "Evidence", "Presence"),
    "nngauge.domain.graph": ("DType", "Graph", "Node", "Tensor"),
    "nngauge.domain.location": ("Location",),
    "nngauge.domain.model": ("Candidate", "Model", "Port"),
    "nngauge.domain.outcome": ("Anomaly", "Failure"),
    "nngauge.domain.protection": ("Audit",),
    "nngauge.domain.scan": ("Scan", "Verdict"),
    "nngauge.errors": (
        "InputError",
        "LimitError",
        "MalformedError",
        "NngaugeError",
        "NotThisFormat",
        "TruncatedError",
        "UnreadableError",
        "UnsupportedError",
        "UsageError",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Analysis",
    "Anomaly",
    "App",
    "Audit",
    "Candidate",
    "Category",
    "Comparison",
    "Confidence",
    "Cost",
    "DType",
    "Detection",
    "Evidence",
    "Failure",
    "Graph",
    "InputError",
    "LimitError",
    "Location",
    "MalformedError",
    "Model",
    "NngaugeError",
    "Node",
    "NotThisFormat",
    "Port",
    "Presence",
    "Scan",
    "Tensor",
    "TruncatedError",
    "UnreadableError",
    "UnsupportedError",
    "UsageError",
    "Verdict",
    "__version__",
    "analyse_model",
    "audit",
    "compare_models",
    "discover",
    "read_graph",
    "read_model",
    "scan",
    "scan_many",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'nngauge' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
