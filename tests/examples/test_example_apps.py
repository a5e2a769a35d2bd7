"""The example apps: the same bytes every time, valid to other tools, and the truth they state about themselves."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import nngauge
from examples.apps import plain, vault
from examples.build_apps import APPS, build_all
from examples.builders.example import ExampleApp, model
from nngauge.detect.ruleset import load_rules

each = pytest.mark.parametrize("app", APPS, ids=[app.file_name for app in APPS])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("apps")
    build_all(path)
    return path


@each
def test_building_gives_the_same_bytes(app: ExampleApp, folder: Path) -> None:
    assert app.build() == (folder / app.file_name).read_bytes()


def test_apps_stay_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) < 6_000_000


@each
def test_models_lie_where_the_app_says(app: ExampleApp, folder: Path) -> None:
    """Resolved with zipfile and gzip alone, so that the truth does not depend on what it is compared with."""
    content = (folder / app.file_name).read_bytes()
    for planted in app.planted:
        assert resolve(content, planted.location).startswith(model(planted.model))


def resolve(content: bytes, location: str) -> bytes:
    entry, _, rest = location.partition("!")
    path, _, offset = entry.partition("@")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inner = archive.read(path)[int(offset or 0) :]
    if not rest:
        return inner
    return gzip.decompress(inner) if path.endswith(".gz") else resolve(inner, rest)


def signed_apks(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*.apk") if path.name != plain.BROKEN.file_name)


def test_signatures_are_valid(folder: Path) -> None:
    tool = shutil.which("apksigner")
    if tool is None:
        pytest.skip("apksigner is not installed")
    for path in signed_apks(folder):
        subprocess.run([tool, "verify", "--min-sdk-version", "24", path], check=True, capture_output=True, timeout=60)


def test_manifest_reads_the_same_in_aapt(folder: Path) -> None:
    tool = shutil.which("aapt")
    if tool is None:
        pytest.skip("aapt is not installed")
    shown = subprocess.run(
        [tool, "dump", "badging", folder / "photo-studio.apk"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert "package: name='com.example.photostudio' versionCode='421' versionName='4.2.1'" in shown
    assert "application-label:'Photo Studio'" in shown
    assert "uses-permission: name='android.permission.CAMERA'" in shown


@pytest.fixture(scope="module")
def scans(folder: Path) -> dict[str, nngauge.Scan]:
    return {app.file_name: nngauge.scan(folder / app.file_name) for app in APPS}


@each
def test_every_planted_model_is_found(app: ExampleApp, scans: dict[str, nngauge.Scan]) -> None:
    found = {part.sha256 for item in scans[app.file_name].models for part in item.parts}
    missing = [
        planted.location for planted in app.planted if hashlib.sha256(model(planted.model)).hexdigest() not in found
    ]
    assert missing == []


@each
def test_no_lure_is_called_a_model(app: ExampleApp, scans: dict[str, nngauge.Scan]) -> None:
    found = {part.location.path.partition("!")[2] for item in scans[app.file_name].models for part in item.parts}
    assert found.isdisjoint(app.lures)


@each
def test_every_technology_has_its_one_label(app: ExampleApp, scans: dict[str, nngauge.Scan]) -> None:
    """Those without a rule so far are left out; a label that the app does not state is a wrong one."""
    found = {item.technology for item in scans[app.file_name].detections}
    assert found == set(app.technologies) & {rule.id for rule in load_rules().rules}


@each
def test_versions_are_the_ones_that_the_packages_tell(app: ExampleApp, scans: dict[str, nngauge.Scan]) -> None:
    told = {(item.technology, item.version) for item in scans[app.file_name].detections if item.version}
    assert told == {pair for pair in app.technologies.items() if pair[1]}


@pytest.mark.parametrize(
    "path",
    [vault.STREAMED, vault.XORED],
)
def test_encrypted_models_are_reported_as_opaque(path: str, scans: dict[str, nngauge.Scan]) -> None:
    reported = {item.location.path for item in scans[vault.APP.file_name].candidates}
    assert any(place.endswith(path) for place in reported)


def test_plain_app_has_nothing(scans: dict[str, nngauge.Scan]) -> None:
    scan = scans[plain.APP.file_name]
    assert (scan.models, scan.detections) == ((), ())


def test_truncated_download_is_said_to_be_one(scans: dict[str, nngauge.Scan]) -> None:
    scan = scans[plain.BROKEN.file_name]
    assert scan.models
    assert "zip-truncated" in {anomaly.kind for anomaly in scan.anomalies}
