"""The parts of CycloneDX that its Python library cannot write: model cards, and what the bill does not claim to hold."""

from __future__ import annotations

from typing import Any, Final

from nngauge.bom.inventory import APP_REF, Bill, Card

_NAMES: Final = "nngauge:model:"


def add_cards(document: dict[str, Any], bill: Bill) -> None:
    """Puts ``modelCard`` into the models of a CycloneDX document, and ``compositions`` beside them."""
    cards = {item.ref: item.card for item in bill.items if item.card is not None}
    for component in document.get("components", ()):
        card = cards.get(component["bom-ref"])
        if card is not None:
            component["modelCard"] = model_card(card)
    document["compositions"] = [{"aggregate": "incomplete", "assemblies": [APP_REF], "dependencies": [APP_REF]}]


def model_card(card: Card) -> dict[str, Any]:
    """https://cyclonedx.org/docs/1.6/json/#components_items_modelCard. Unknown parts are left out, never guessed."""
    parameters = {
        "task": card.task,
        "architectureFamily": card.family,
        "modelArchitecture": card.architecture,
        "inputs": [{"format": text} for text in card.inputs],
        "outputs": [{"format": text} for text in card.outputs],
    }
    parts = {
        "modelParameters": {name: value for name, value in parameters.items() if value},
        "considerations": {"technicalLimitations": list(card.limitations)} if card.limitations else {},
        "properties": [{"name": _NAMES + name, "value": value} for name, value in card.figures],
    }
    return {name: value for name, value in parts.items() if value}
