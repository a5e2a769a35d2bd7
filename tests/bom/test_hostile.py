"""Names, paths and metadata that try to drive terminals, forge lines or break documents."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from msgspec.structs import replace
from rich.console import Console

from nngauge.bom.cyclonedx import cyclonedx
from nngauge.bom.difference import bom_difference
from nngauge.bom.inventory import Bill
from nngauge.bom.reading import parse_document
from nngauge.bom.spdx import spdx
from nngauge.domain.attribution import Attribution, Owner
from nngauge.domain.evidence import Confidence
from nngauge.domain.graph import DType
from nngauge.domain.model import Port
from nngauge.screen.bom_difference import render_bom_difference
from tests.bom.bills import TIME, bill, linked, written
from tests.bom.test_cyclonedx import problems
from tests.bom.test_spdx import validator
from tests.builders import facts

NAMES = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "=cmd|' /C calc'!A0", "\x1b[31mred\x1b]0;title\x07",
    "abc\u202egnp.exe", "two\nnngauge:protection: encrypted\nlines", "\ud800 lone", "x" * 100_000, "", "a!b@1+2;c, d: e",
    "%2e%2e/../..", "\u0085\u2028\u2066",
]  # fmt: skip


def hostile(name: str) -> Bill:
    path = f"a.apk!assets/{name}"
    model = facts.model(
        path=path, name=name, producer=name, notes=(name,), metadata={"author": name, "license": name, "description": name, "version": name},
        inputs=(Port(name=name, dtype=DType.FLOAT32, shape=(1, name)),), ops={name: 1}, format_version=name,
    )  # fmt: skip
    app = replace(facts.scan().app, label=name, package_id=name or None, version_name=name, signers=(name,))
    found = facts.detection(evidence=(facts.proof(name, path),), version=None)
    return bill(model, app=app, detections=(found,), supplier=name)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_documents_stay_valid_and_clean(name: str) -> None:
    made = hostile(name)
    for data in (cyclonedx(made, timestamp=TIME), spdx(made, timestamp=TIME)):
        text = data.decode()
        assert not {char for char in text if ord(char) < 32 and char != "\n"}
        assert not {
            char
            for char in json.dumps(json.loads(text), ensure_ascii=False)
            if 0x7F <= ord(char) < 0xA0 or "\u202a" <= char <= "\u202e"
        }
        assert len(text) < 300_000
    assert not problems(cyclonedx(made, timestamp=TIME), "1.6")


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_line_is_forged(name: str) -> None:
    made = hostile(name)
    assert "nngauge:protection" not in {each["name"] for each in written(made)["components"][-1]["properties"]}
    first, second = parse_document(cyclonedx(made, timestamp=TIME)), parse_document(spdx(made, timestamp=TIME))
    assert set(first.entries) == set(second.entries)
    assert all(entry.protection == "" for entry in second.entries)


def test_identifiers_stay_identifiers() -> None:
    for name in NAMES:
        for element in linked(hostile(name)):
            assert all(char.isalnum() or char in ":#-" for char in element.get("spdxId", ""))


def test_references_that_look_alike_stay_apart() -> None:
    models = [
        facts.model(
            digest=digit * 64,
            owner=Attribution(owner=Owner.SDK, sdk=sdk, title=sdk, confidence=Confidence.LIKELY, because=""),
        )
        for digit, sdk in (("1", "a.b"), ("2", "a-b"))
    ]
    names = [element["spdxId"] for element in linked(bill(*models)) if "spdxId" in element]
    assert len(names) == len(set(names))


def test_schema_of_spdx() -> None:
    schema = validator()
    for name in NAMES[:4]:
        assert not list(schema.iter_errors(json.loads(spdx(hostile(name), timestamp=TIME))))


def test_screen() -> None:
    for name in NAMES:
        made = hostile(name)
        document = parse_document(spdx(made, timestamp=TIME))
        file = StringIO()
        Console(file=file, width=120, markup=False, emoji=False).print(
            render_bom_difference(
                bom_difference(parse_document(spdx(bill(), timestamp=TIME)), document, (name, "b"), ("", ""))
            )
        )
        assert not {char for char in file.getvalue() if not char.isprintable() and char not in "\n\ud800"}
