"""What differs between two bills, told the same whether they are packages, CycloneDX or SPDX."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from nngauge.bom.cyclonedx import cyclonedx
from nngauge.bom.difference import bom_difference
from nngauge.bom.inventory import Bill
from nngauge.bom.reading import parse_document
from nngauge.bom.spdx import spdx
from nngauge.domain.bom import BomChange, BomChangeKind, BomDifference
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Presence
from nngauge.domain.scan import Provenance
from nngauge.screen.bom_difference import render_bom_difference
from tests.bom.bills import TIME, bill, hashed
from tests.builders import facts

FORMATS: list[Callable[[Bill], bytes]] = [
    lambda made: cyclonedx(made, timestamp=TIME),
    lambda made: spdx(made, timestamp=TIME),
]


def differ(first: Bill, second: Bill) -> BomDifference:
    """By all four pairs of formats; they must agree."""
    found = [
        bom_difference(parse_document(one(first)), parse_document(other(second)), ("a", "b"), ("package", "package"))
        for one in FORMATS
        for other in FORMATS
    ]
    assert all(each == found[0] for each in found)
    return found[0]


def only(difference: BomDifference) -> BomChange:
    assert len(difference.changes) == 1, difference.changes
    return difference.changes[0]


def test_nothing() -> None:
    difference = differ(bill(), bill())
    assert difference.changes == ()
    assert difference.same == 2
    assert difference.notes == ()


def test_the_same_app_in_another_file() -> None:
    moved = bill(path="elsewhere/b.apk", models=(facts.model(path="elsewhere/b.apk!assets/m.tflite"),))
    moved_library = facts.detection(evidence=(facts.proof(path="elsewhere/b.apk!lib/arm64-v8a/libx.so"),))
    assert differ(bill(), moved).changes == ()
    assert differ(bill(), bill(detections=(moved_library,))).changes == ()


def test_versions() -> None:
    newer = bill(detections=(facts.detection(version="2.18.0"),))
    up = only(differ(bill(), newer))
    assert (up.kind, up.item, up.name, up.first, up.second) == (
        BomChangeKind.UPGRADED,
        "library",
        "TensorFlow Lite",
        "2.17.0",
        "2.18.0",
    )
    assert only(differ(newer, bill())).kind is BomChangeKind.DOWNGRADED


def test_added_and_removed() -> None:
    more = bill(facts.model(), facts.model(digest="cd" * 32, path="a.apk!assets/n.tflite"))
    added = only(differ(bill(), more))
    assert (added.kind, added.item, added.name, added.second, added.second_bytes) == (
        BomChangeKind.ADDED,
        "model",
        "n.tflite",
        "assets/n.tflite",
        4096,
    )
    assert only(differ(more, bill())).kind is BomChangeKind.REMOVED


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "weights only"),
        ({"weights": {"int8": 1234}}, "quantised: 32 → 8 bits a parameter"),
        (
            {"ops": {"CONV_2D": 2, "SOFTMAX": 1, "TANH": 1}, "nodes": 4},
            "architecture: 3 → 4 operations, 1,234 → 1,234 parameters",
        ),
        ({"format": "onnx"}, "converted: tflite → onnx"),
        ({"inputs": ()}, "interface"),
    ],
)
def test_how_a_model_changed(changes: dict[str, Any], says: str) -> None:
    change = only(differ(bill(), bill(facts.model(digest="cd" * 32, **changes))))
    assert (change.kind, change.detail, change.first, change.second) == (BomChangeKind.MODEL, says, "ab" * 6, "cd" * 6)


def test_a_sealed_model_that_changed() -> None:
    sealed = facts.audit().models[0]
    audits = [
        facts.audit(models=(replace(sealed, digest="", location=facts.place("a.apk!assets/net.enc")),), unknown=())
        for _ in "ab"
    ]
    first, second = (
        bill(audit=audit, digests={"a.apk!assets/net.enc": digit * 64})
        for audit, digit in zip(audits, "12", strict=True)
    )
    assert only(differ(first, second)).detail == "other bytes, content not read"


@pytest.mark.parametrize("path", ["a.apk!res/raw/m.tflite", "a.apk!assets/m_2.tflite"])
def test_a_next_version_is_known_by_its_name(path: str) -> None:
    assert only(differ(bill(), bill(facts.model(digest="cd" * 32, path=path)))).kind is BomChangeKind.MODEL


def test_the_same_bytes_elsewhere_moved() -> None:
    change = only(differ(bill(), bill(facts.model(path="a.apk!assets/new/m.tflite"))))
    assert (change.kind, change.first, change.second) == (BomChangeKind.MOVED, "assets/m.tflite", "assets/new/m.tflite")


def test_licenses() -> None:
    change = only(differ(bill(), bill(facts.model(metadata={"author": "someone", "license": "MIT"}))))
    assert (change.kind, change.first, change.second) == (BomChangeKind.LICENSE, "", "MIT")


def test_services_and_grades() -> None:
    def cloud(*hosts: str) -> Bill:
        found = facts.detection(
            technology="openai", title="OpenAI API", category=Category.CLOUD, presence=Presence.ENDPOINT, version=None,
            evidence=tuple(facts.proof(host, "a.apk!classes.dex") for host in hosts),
        )  # fmt: skip
        return bill(detections=(found,))

    change = only(differ(cloud("api.openai.com"), cloud("api.openai.com", "eu.api.openai.com")))
    assert (change.kind, change.item) == (BomChangeKind.ENDPOINTS, "service")
    inside = only(differ(bill(), bill(detections=(facts.detection(presence=Presence.EMBEDDED),))))
    assert (inside.kind, inside.second) == (BomChangeKind.GRADE, "inside another library")


def test_the_same_version_with_other_bytes() -> None:
    change = only(differ(bill(**hashed("1")), bill(**hashed("2"))))
    assert (change.kind, change.first, change.second) == (BomChangeKind.CONTENT, "1" * 12, "2" * 12)


def test_notes() -> None:
    other = facts.scan().app
    second = bill(
        app=replace(other, package_id="com.example.b"),
        provenance=Provenance(tool="t", rules="new", plugins="p", configuration="c"),
        audit=facts.audit(),
    )
    notes = differ(bill(), second).notes
    assert len(notes) == 3
    assert "com.example.a and com.example.b" in notes[0]


def test_screen() -> None:
    difference = differ(bill(), bill(facts.model(digest="cd" * 32), detections=(facts.detection(version="2.18.0"),)))
    file = StringIO()
    Console(file=file, width=120).print(render_bom_difference(difference))
    lines = [re.sub(r" {2,}", " | ", line.strip()) for line in file.getvalue().splitlines()]
    assert lines[2:] == [
        "2 changes; 0 lines the same.", "", "Models | 1 model changed", "name | what | from | to | bytes",
        "≠ | m.tflite | weights only | abababababab | cdcdcdcdcdcd | 4.1 kB", "", "Code | 1 upgraded",
        "name | what | from | to | bytes", "≠ | TensorFlow Lite | upgraded | 2.17.0 | 2.18.0 | 3.0 MB",
    ]  # fmt: skip
