"""Which share of the minimum elements of a bill of materials is filled, on given packages.

    python -m benchmarks.bom.completeness out/apps/*

Counts what the CycloneDX documents hold, not what the maker says it wrote. Elements: NTIA, "The Minimum Elements For a
Software Bill of Materials" (2021); CISA's draft of 2025, which adds hash, licence, tool and generation context; the
cluster "models" of G7, "Software Bill of Materials for AI - Minimum Elements" (2026).
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from nngauge.auditing.bill import bill_of_app
from nngauge.bom.cyclonedx import cyclonedx
from nngauge.errors import NngaugeError

Component = dict[str, Any]
Element = tuple[str, str, Callable[[Component], Any]]

ELEMENTS: tuple[Element, ...] = (
    ("NTIA 2021", "component name", lambda each: each.get("name")),
    ("NTIA 2021", "supplier", lambda each: each.get("supplier") or each.get("provider")),
    ("NTIA 2021", "version", lambda each: each.get("version")),
    ("NTIA 2021", "other unique identifier (package URL)", lambda each: each.get("purl")),
    ("NTIA 2021", "dependency relationship", lambda each: each["hangs"]),
    (
        "CISA 2025 draft",
        "hash",
        lambda each: each.get("hashes") or any(part.get("hashes") for part in each.get("components", ())),
    ),
    ("CISA 2025 draft", "licence", lambda each: each.get("licenses")),
)
MODELS: tuple[Element, ...] = (
    ("G7 2026, models", "identifier (digest or package URL)", lambda each: each.get("hashes") or each.get("components") or each.get("purl")),
    ("G7 2026, models", "description", lambda each: each.get("description")),
    ("G7 2026, models", "timestamp", lambda _: None),
    ("G7 2026, models", "properties: inputs and outputs", lambda each: _card(each).get("inputs") and _card(each).get("outputs")),
    ("G7 2026, models", "properties: task", lambda each: _card(each).get("task")),
    ("G7 2026, models", "properties: architecture", lambda each: _card(each).get("architectureFamily")),
    ("G7 2026, models", "external references", lambda each: each.get("externalReferences")),
    ("G7 2026, models", "training data", lambda each: _card(each).get("datasets")),
)  # fmt: skip
GROUPS = ("models", "code", "services")


def _card(component: Component) -> dict[str, Any]:
    found: dict[str, Any] = component.get("modelCard", {}).get("modelParameters", {})
    return found


def _components(document: dict[str, Any]) -> Iterator[tuple[str, Component]]:
    targets = {target for edge in document["dependencies"] for target in edge.get("dependsOn", ())}
    for component in document.get("components", ()):
        group = "models" if component["type"] == "machine-learning-model" else "code"
        yield group, component | {"hangs": component["bom-ref"] in targets}
    for service in document.get("services", ()):
        yield "services", service | {"hangs": service["bom-ref"] in targets}


def main(paths: list[str]) -> None:
    filled: Counter[tuple[str, str]] = Counter()
    totals: Counter[str] = Counter()
    documents = 0
    for path in paths:
        try:
            bill = bill_of_app(path)
        except NngaugeError as error:
            print(f"{path}: {error}", file=sys.stderr)
            continue
        if not bill.items:
            continue
        documents += 1
        for group, component in _components(json.loads(cyclonedx(bill, timestamp=datetime.now(UTC)))):
            totals[group] += 1
            for _, name, filled_in in (*ELEMENTS, *(MODELS if group == "models" else ())):
                filled[group, name] += bool(filled_in(component))
    print(f"{documents} packages with AI\n")
    print("| element | " + " | ".join(f"{group} ({totals[group]})" for group in GROUPS) + " |")
    print("|---" * (len(GROUPS) + 1) + "|")
    for source, name, _ in (*ELEMENTS, *MODELS):
        cells = [
            f"{filled[group, name]} ({filled[group, name] / totals[group]:.0%})" if (group, name) in filled else ""
            for group in GROUPS
        ]
        print(f"| {source}: {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
