"""SPDX 3: valid by its official schema and by bindings made from its model, and closed in itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nngauge.bom.inventory import Bill
from nngauge.bom.spdx import NO_LICENSE, spdx
from nngauge.domain.attribution import Likeness
from tests.bom.bills import APART, TIME, bill, linked
from tests.bom.test_cyclonedx import known
from tests.builders import facts


def validator() -> Any:
    """The JSON schema of https://spdx.org/schema/3.0.1/spdx-json-schema.json, which lib4sbom ships."""
    jsonschema = pytest.importorskip("jsonschema")
    file = APART / "lib4sbom/schemas/spdx/3.0-schema.json"
    if not file.exists():
        pytest.skip("needs lib4sbom: make oracles")
    schema = json.loads(file.read_text())
    assert schema["properties"]["@context"]["const"] == "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
    return jsonschema.Draft202012Validator(schema)


def test_example_apps_are_valid(bills: dict[str, Bill]) -> None:
    """Two of them: the schema tries every class for every element, and takes seconds an app."""
    schema = validator()
    for name in ("vault.apk", "assistant.xapk"):
        made = bills[name]
        document = json.loads(spdx(made, timestamp=TIME, author="A. Uditor"))
        assert [error.message for error in schema.iter_errors(document)] == [], name


def test_the_schema_can_refuse() -> None:
    document = json.loads(spdx(bill(), timestamp=TIME))
    document["@graph"][0]["created"] = "yesterday"
    assert list(validator().iter_errors(document))


def test_bindings_read_it(bills: dict[str, Bill]) -> None:
    """The bindings are made from the model's shapes: they refuse wrong classes, types and cardinalities."""
    bindings = pytest.importorskip("spdx_python_model", reason="needs spdx-python-model: make oracles")
    for made in bills.values():
        model, objects = bindings.load_data(json.loads(spdx(made, timestamp=TIME)))
        models = {package.name for package in objects.foreach_type(model.ai_AIPackage)}
        assert models == {item.name for item in made.items if item.card is not None} | {
            item.ancestor.name for item in made.items if item.ancestor is not None
        }
        assert not objects.missing_ids
        (sbom,) = objects.foreach_type(model.software_Sbom)
        assert sbom.rootElement[0].name == made.app.name


def test_it_is_closed_in_itself(bills: dict[str, Bill]) -> None:
    for made in bills.values():
        graph = linked(made, author="A. Uditor")
        named = [each["spdxId"] for each in graph if "spdxId" in each]
        assert len(named) == len(set(named))
        for each in graph:
            targets = [
                *each.get("to", ()),
                *each.get("element", ()),
                *each.get("rootElement", ()),
                *each.get("createdBy", ()),
            ]
            targets += [each[field] for field in ("from", "suppliedBy") if field in each]
            assert set(targets) <= {*named, NO_LICENSE}
        document = next(each for each in graph if each["type"] == "SpdxDocument")
        assert set(document["element"]) == set(named) - {document["spdxId"]}


def test_every_model_has_one_license_of_each_kind(bills: dict[str, Bill]) -> None:
    """https://spdx.github.io/spdx-spec/v3.0.1/model/AI/AI/, "Profile conformance"."""
    for made in (*bills.values(), bill(facts.model(known=known(Likeness.DERIVED)))):
        graph = linked(made)
        for package in (each for each in graph if each["type"] == "ai_AIPackage"):
            for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
                assert (
                    sum(
                        each.get("from") == package["spdxId"] and each["relationshipType"] == kind
                        for each in graph
                        if each["type"] == "Relationship"
                    )
                    == 1
                )


def test_it_does_not_claim_the_profile_whose_fields_nobody_knows() -> None:
    (document,) = (each for each in linked(bill()) if each["type"] == "SpdxDocument")
    assert document["profileConformance"] == ["core", "software", "simpleLicensing"]


def test_a_model() -> None:
    graph = linked(bill(facts.model(metadata={"license": "MIT"}), network=facts.network()))
    (model,) = (each for each in graph if each["type"] == "ai_AIPackage")
    assert model["software_primaryPurpose"] == "model"
    assert model["verifiedUsing"] == [{"type": "Hash", "algorithm": "sha256", "hashValue": "ab" * 32}]
    assert model["ai_typeOfModel"] == ["transformer", "llama"]
    assert {"type": "DictionaryEntry", "key": "context-tokens", "value": "2048"} in model["ai_hyperparameter"]
    assert "ai_energyConsumption" not in model
    assert "nngauge:place: assets/m.tflite" in model["comment"].split("\n")
    (text,) = (
        each
        for each in graph
        if each["type"] == "simplelicensing_LicenseExpression" and each["simplelicensing_licenseExpression"] == "MIT"
    )
    assert any(
        each.get("to") == [text["spdxId"]] and each["relationshipType"] == "hasDeclaredLicense" for each in graph
    )


@pytest.mark.parametrize(
    ("likeness", "relation"), [(Likeness.DERIVED, "descendantOf"), (Likeness.ARCHITECTURE, "hasVariant")]
)
def test_ancestors(likeness: Likeness, relation: str) -> None:
    graph = linked(bill(facts.model(known=known(likeness))))
    published = next(each for each in graph if each.get("name") == "Net of the zoo")
    assert [each["relationshipType"] for each in graph if each.get("to") == [published["spdxId"]]] == [relation]


def test_identifiers_are_of_the_content_alone() -> None:
    from datetime import timedelta

    assert linked(bill())[1]["spdxId"] == json.loads(spdx(bill(), timestamp=TIME + timedelta(1)))["@graph"][1]["spdxId"]
    assert linked(bill())[1]["spdxId"] != linked(bill(facts.model(digest="cd" * 32)))[1]["spdxId"]
    assert spdx(bill(), timestamp=TIME) == spdx(bill(), timestamp=TIME)
