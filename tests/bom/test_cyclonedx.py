"""CycloneDX: valid by the schema that the library ships, the same bytes every time, and true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cyclonedx", reason='needs the extra "bom"')
pytest.importorskip("jsonschema")

from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import is_supported_id
from cyclonedx.validation.json import JsonStrictValidator

from nngauge.bom.cyclonedx import VERSIONS, cyclonedx
from nngauge.bom.inventory import Bill
from nngauge.bom.licensing import KNOWN
from nngauge.domain.attribution import Attribution, KnownModel, Likeness, Owner, SdkKind
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.model import ModelFile
from nngauge.errors import UsageError
from tests.bom.bills import TIME, bill, component, hashed, properties, written
from tests.builders import facts


def problems(document: bytes, version: str) -> list[str]:
    found = JsonStrictValidator(SchemaVersion.from_version(version)).validate_str(document.decode(), all_errors=True)
    return [str(each) for each in found or ()]


@pytest.mark.parametrize("version", VERSIONS)
def test_example_apps_are_valid(bills: dict[str, Bill], version: str) -> None:
    for name, made in bills.items():
        assert not problems(cyclonedx(made, version=version, timestamp=TIME, author="A. Uditor"), version), name


def test_the_validator_can_refuse(bills: dict[str, Bill]) -> None:
    document = json.loads(cyclonedx(bills["photo-studio.apk"], timestamp=TIME))
    document["components"][-1]["modelCard"]["modelParameters"]["inputs"] = "an image"
    assert problems(json.dumps(document).encode(), "1.6")


def test_another_process_writes_the_same_bytes(apps: Path) -> None:
    """Other hash seeds put sets into another order."""
    documents = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "nngauge", "bom", str(apps / "photo-studio.apk"), "--timestamp", "2026-01-01"]
        done = subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        documents.add(done.stdout)
    assert len(documents) == 1


def test_name_and_place_of_the_package_do_not_matter(apps: Path, tmp_path: Path) -> None:
    from nngauge.auditing.bill import bill_of_app

    other = tmp_path / "renamed.apk"
    other.write_bytes((apps / "photo-studio.apk").read_bytes())
    assert cyclonedx(bill_of_app(other), timestamp=TIME) == cyclonedx(
        bill_of_app(apps / "photo-studio.apk"), timestamp=TIME
    )


def test_serial_number_is_of_the_content_alone() -> None:
    first = json.loads(cyclonedx(bill(), timestamp=TIME))
    later = json.loads(cyclonedx(bill(), timestamp=TIME + timedelta(days=1)))
    other = json.loads(cyclonedx(bill(facts.model(digest="cd" * 32)), timestamp=TIME))
    assert first["serialNumber"] == later["serialNumber"] != other["serialNumber"]
    assert first["metadata"]["timestamp"] == "2026-05-31T12:00:00+00:00"
    assert later["metadata"]["timestamp"] == "2026-06-01T12:00:00+00:00"


def test_every_reference_leads_somewhere(bills: dict[str, Bill]) -> None:
    for made in bills.values():
        document = written(made)
        refs = {"app", *(each["bom-ref"] for part in ("components", "services") for each in document.get(part, ()))}
        edges = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
        assert set(edges) == refs
        assert {target for targets in edges.values() for target in targets} == refs - {"app"}, "all hang on the app"


def test_model_card() -> None:
    made = written(bill(network=facts.network()))
    model = component(made, "model:")
    card = model["modelCard"]
    assert card["modelParameters"]["architectureFamily"] == "transformer"
    assert card["modelParameters"]["inputs"] == [{"format": "in: float32 1×28×28×?"}]
    assert card["modelParameters"]["outputs"] == [{"format": "out: int8 batch×10"}]
    told = properties(card)
    assert told["nngauge:model:parameters"] == "1234"
    assert told["nngauge:model:macs"] == "52224"
    assert json.loads(told["nngauge:model:operators"]) == {"CONV_2D": 2, "SOFTMAX": 1}
    assert "quantitativeAnalysis" not in card, "nobody measured its accuracy"
    assert model["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert model["supplier"] == {"name": "someone"}
    assert "licenses" not in model, "nobody says"
    assert model["evidence"]["occurrences"] == [{"location": "assets/m.tflite", "additionalContext": "4096 bytes"}]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"license": "Apache License, Version 2.0"}, {"id": "Apache-2.0", "acknowledgement": "declared"}),
        ({"general.license": "mit"}, {"id": "MIT", "acknowledgement": "declared"}),
        ({"license": "Ask us"}, {"name": "Ask us", "acknowledgement": "declared"}),
        ({"license": "unknown"}, None),
    ],
)
def test_declared_licenses(metadata: dict[str, str], expected: dict[str, str] | None) -> None:
    model = component(written(bill(facts.model(metadata=metadata))), "model:")
    assert [each["license"] for each in model.get("licenses", ())] == ([expected] if expected else [])


def test_license_identifiers_are_in_the_schema() -> None:
    assert [name for name in KNOWN if not is_supported_id(name)] == []


def known(likeness: Likeness) -> KnownModel:
    return KnownModel(
        id="zoo/net", title="Net of the zoo", source="https://github.com/Zoo/Net/blob/abc123/models/net.tflite",
        license="Apache-2.0", likeness=likeness, confidence=Confidence.CERTAIN, evidence=(facts.proof("same digest"),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("likeness", "role"),
    [
        (Likeness.WEIGHTS, "ancestors"),
        (Likeness.DERIVED, "ancestors"),
        (Likeness.ARCHITECTURE, "variants"),
        (Likeness.TRUNK, "variants"),
    ],
)
def test_pedigree(likeness: Likeness, role: str) -> None:
    model = component(written(bill(facts.model(known=known(likeness)))), "model:")
    (published,) = model["pedigree"].pop(role)
    assert set(model["pedigree"]) == {"notes"}
    assert published["purl"] == "pkg:github/zoo/net@abc123#models/net.tflite"
    assert published["licenses"] == [{"license": {"id": "Apache-2.0", "acknowledgement": "concluded"}}]
    assert "purl" not in model, "it is not that file"
    assert ("licenses" in model) == (likeness is Likeness.WEIGHTS)


def test_the_published_file_itself() -> None:
    model = component(written(bill(facts.model(known=known(Likeness.FILE), metadata={}))), "model:")
    assert model["supplier"] == {"name": "Zoo"}, "the owner of the repository, since nobody else is named"
    assert model["purl"] == "pkg:github/zoo/net@abc123#models/net.tflite"
    assert "pedigree" not in model
    assert {each["field"] for each in model["evidence"]["identity"]} == {"name", "hash"}


def test_several_files_have_a_digest_each() -> None:
    parts = tuple(
        ModelFile(location=facts.place(f"a.apk!assets/net.{end}"), sha256=digit * 64, size=9)
        for end, digit in (("bin", "1"), ("param", "2"))
    )
    model = component(written(bill(facts.model(parts=parts, digest="3" * 64))), "model:")
    assert "hashes" not in model, "a digest of digests is that of no file"
    assert [(each["name"], each["hashes"][0]["content"][0]) for each in model["components"]] == [
        ("assets/net.bin", "1"),
        ("assets/net.param", "2"),
    ]
    assert properties(model)["nngauge:model:digest"] == "3" * 64


def test_a_runtime() -> None:
    library = component(written(bill(**hashed("9"))), "library:tflite")
    assert library["version"] == "2.17.0"
    assert library["purl"] == "pkg:maven/org.tensorflow/tensorflow-lite@2.17.0"
    assert library["supplier"] == {"name": "Google"}
    assert library["hashes"] == [{"alg": "SHA-256", "content": "9" * 64}]
    (identity,) = library["evidence"]["identity"]
    assert identity["field"] == "name"
    assert identity["methods"] == [{"technique": "binary-analysis", "confidence": 1.0, "value": "TfLiteVersion"}]


def test_what_is_embedded_has_neither_purl_nor_digest() -> None:
    inside = facts.detection(presence=Presence.EMBEDDED)
    library = component(written(bill(detections=(inside,), **hashed("9"))), "library:tflite")
    assert "purl" not in library
    assert "hashes" not in library


def test_what_is_only_possible_is_left_out_and_said_to_be() -> None:
    unsure = facts.detection(technology="ncnn", title="ncnn", confidence=Confidence.POSSIBLE)
    made = written(bill(detections=(facts.detection(), unsure)))
    assert "ncnn" not in json.dumps(made["components"])
    assert properties(made["metadata"])["nngauge:left-out"].startswith("ncnn: ")


def test_services() -> None:
    host = facts.detection(
        technology="openai", title="OpenAI API", category=Category.CLOUD, presence=Presence.ENDPOINT, version=None,
        evidence=(facts.proof("api.openai.com", "a.apk!classes.dex"),),
    )  # fmt: skip
    (service,) = written(bill(detections=(host,)))["services"]
    assert service["endpoints"] == ["https://api.openai.com"]
    assert service["provider"] == {"name": "OpenAI"}
    assert service["x-trust-boundary"] is True


def test_what_the_phone_provides_is_marked(bills: dict[str, Bill]) -> None:
    for version, flag in (("1.6", None), ("1.7", True)):
        framework = component(written(bills["health.ipa"], version=version), "platform:coreml")
        assert framework["type"] == "framework"
        assert framework.get("isExternal") is flag
        assert properties(framework)["nngauge:external"] == "true"


def test_sealed_models_are_models(bills: dict[str, Bill]) -> None:
    vault = written(bills["vault.apk"])
    sealed = {each["name"]: each for each in vault["components"] if each["type"] == "machine-learning-model"}
    assert set(sealed) == {"core.bin", "face.tflite.enc"}
    assert properties(sealed["face.tflite.enc"])["nngauge:protection"] == "weak cipher"
    assert len(sealed["core.bin"]["hashes"][0]["content"]) == 64


def test_a_component_that_only_brings_models_is_a_line() -> None:
    theirs = Attribution(
        owner=Owner.SDK,
        sdk="zoo",
        title="Zoo SDK",
        vendor="Zoo Inc.",
        kind=SdkKind.CARD,
        confidence=Confidence.LIKELY,
        because="",
    )
    made = written(bill(facts.model(owner=theirs)))
    sdk = component(made, "library:zoo")
    assert (sdk["name"], sdk["supplier"], properties(sdk)["nngauge:sdk:kind"]) == (
        "Zoo SDK",
        {"name": "Zoo Inc."},
        "card",
    )
    edges = {each["ref"]: each.get("dependsOn") for each in made["dependencies"]}
    model = component(made, "model:")["bom-ref"]
    assert edges["library:zoo"] == [model]
    assert edges["app"] == ["library:tflite", "library:zoo"]


def test_owners_are_suppliers() -> None:
    mine = Attribution(owner=Owner.APP, confidence=Confidence.LIKELY, because="")
    theirs = Attribution(owner=Owner.SDK, sdk="zoo", vendor="Zoo Inc.", confidence=Confidence.CERTAIN, because="")
    models = (facts.model(owner=mine, digest="1" * 64), facts.model(owner=theirs, digest="2" * 64))
    made = written(bill(*models, supplier="Example Ltd."))
    assert component(made, "model:1")["supplier"] == {"name": "Example Ltd."}
    assert component(made, "model:2")["supplier"] == {"name": "Zoo Inc."}
    assert made["metadata"]["component"]["supplier"] == {"name": "Example Ltd."}


def test_it_does_not_claim_to_be_all_of_the_app() -> None:
    made = written(bill())
    assert made["compositions"] == [{"aggregate": "incomplete", "assemblies": ["app"], "dependencies": ["app"]}]
    assert properties(made["metadata"])["nngauge:failure"] == "package: bad: cut short"


def test_other_versions_are_refused() -> None:
    with pytest.raises(UsageError, match=r"1\.6, 1\.7"):
        cyclonedx(bill(), version="1.5", timestamp=TIME)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    blocked: Any = None
    monkeypatch.setitem(sys.modules, "cyclonedx.output", blocked)
    with pytest.raises(UsageError, match=r"nngauge\[bom\]"):
        cyclonedx(bill(), timestamp=TIME)
