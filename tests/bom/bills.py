"""Dossiers by hand and their documents; nothing here opens a package."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nngauge.bom.bill import bill_of
from nngauge.bom.cyclonedx import cyclonedx
from nngauge.bom.inventory import Bill
from nngauge.bom.spdx import spdx
from nngauge.detect.ruleset import Rule, load_rules
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.library import Library
from nngauge.domain.model import Model
from nngauge.domain.network import Network
from nngauge.domain.protection import Audit
from nngauge.domain.scan import Scan
from tests.builders import facts

APART = Path(sys.prefix) / "apart"
"""Libraries that are not importable beside ours: requirements/apart.in."""
TIME = datetime(2026, 5, 31, 12, 0, 0, tzinfo=UTC)
RULES: dict[str, Rule] = {rule.id: rule for rule in load_rules().rules}


def dossier(*models: Model, network: Network | None = None, audit: Audit | None = None, **changes: Any) -> Dossier:
    """The app of `facts.scan` with these models, or with its own."""
    scan: Scan = facts.scan(**({"models": models} if models else {}), **changes)
    return Dossier(
        scan=scan,
        models=tuple(
            ModelDossier(model=model, places=(str(model.parts[0].location),), network=network) for model in scan.models
        ),
        audit=audit,
    )


def bill(*models: Model, supplier: str = "", digests: dict[str, str] | None = None, **changes: Any) -> Bill:
    return bill_of(dossier(*models, **changes), RULES, supplier=supplier, digests=digests)


def written(made: Bill, **options: Any) -> dict[str, Any]:
    """As CycloneDX."""
    document: dict[str, Any] = json.loads(cyclonedx(made, timestamp=TIME, **options))
    return document


def linked(made: Bill, **options: Any) -> list[dict[str, Any]]:
    """As SPDX: the elements."""
    graph: list[dict[str, Any]] = json.loads(spdx(made, timestamp=TIME, **options))["@graph"]
    return graph


def component(document: dict[str, Any], ref: str) -> dict[str, Any]:
    found = [each for each in document["components"] if each["bom-ref"].startswith(ref)]
    assert len(found) == 1, [each["bom-ref"] for each in document["components"]]
    only: dict[str, Any] = found[0]
    return only


def properties(component: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in component.get("properties", ())}


def hashed(digit: str) -> dict[str, Any]:
    """The library of `facts.detection` with a digest of this digit."""
    place = facts.place("a.apk!lib/arm64-v8a/libx.so")
    return {
        "libraries": (Library(location=place, size=3_000_000, technologies=("tflite",)),),
        "digests": {place.path: digit * 64},
    }
