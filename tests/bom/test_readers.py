"""Both formats, read by somebody else's library: lib4sbom, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nngauge.bom.cyclonedx import cyclonedx
from nngauge.bom.inventory import Bill, ItemKind
from nngauge.bom.spdx import spdx
from tests.bom.bills import APART, TIME

READ = """
import json, sys
from lib4sbom.parser import SBOMParser
parser = SBOMParser()
parser.parse_file(sys.argv[1])
print(json.dumps([parser.get_type(), parser.get_packages(), parser.get_relationships(), parser.get_services()]))
"""


def read(
    document: bytes, file: Path
) -> tuple[str, dict[str, dict[str, Any]], list[dict[str, str]], list[dict[str, Any]]]:
    if not (APART / "lib4sbom").exists():
        pytest.skip("needs lib4sbom: make oracles")
    file.write_bytes(document)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(file)],
        env=os.environ | {"PYTHONPATH": str(APART)},
        capture_output=True,
        check=True,
    )
    form, packages, relations, services = json.loads(done.stdout)
    return form, {each["name"]: each for each in packages}, relations, services or []


@pytest.mark.parametrize("name", ["assistant.xapk", "photo-studio.apk"])
def test_cyclonedx(bills: dict[str, Bill], tmp_path: Path, name: str) -> None:
    pytest.importorskip("cyclonedx")
    bill = bills[name]
    form, packages, relations, services = read(cyclonedx(bill, timestamp=TIME), tmp_path / "bom.cdx.json")
    assert form == "cyclonedx"
    parts = {item.name for item in bill.items if item.kind is not ItemKind.SERVICE}
    assert parts == {name for name, package in packages.items() if package["type"] != "FILE"}
    assert {item.name for item in bill.items if item.kind is ItemKind.SERVICE} == {each["name"] for each in services}
    for item in bill.items:
        if item.sha256:
            assert packages[item.name]["checksum"] == [["SHA256", item.sha256]]
    assert packages["TensorFlow Lite"]["externalreference"] == [
        ["PACKAGE_MANAGER", "purl", "pkg:maven/org.tensorflow/tensorflow-lite@2.16.1"]
    ]
    assert len(relations) >= len(bill.items) - len(services)


@pytest.mark.parametrize("name", ["assistant.xapk", "photo-studio.apk"])
def test_spdx(bills: dict[str, Bill], tmp_path: Path, name: str) -> None:
    bill = bills[name]
    form, packages, relations, _ = read(spdx(bill, timestamp=TIME), tmp_path / "bom.spdx.json")
    assert form == "spdx"
    assert {item.name for item in bill.items if item.kind is not ItemKind.MODEL} | {bill.app.name} == set(packages)
    assert packages["TensorFlow Lite"]["version"] == "2.16.1"
    assert packages["TensorFlow Lite"]["licenseconcluded"] == "Apache-2.0"
    assert relations
