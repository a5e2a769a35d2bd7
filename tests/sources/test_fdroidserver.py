"""A repository made by F-Droid's own server tools, where they are installed (``fdroid``, or its path in NNGAUGE_FDROID)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("urllib3", reason="addresses are fetched with urllib3")
pytest.importorskip("cryptography", reason="signatures are verified with cryptography")

from nngauge.domain.scan import Scan
from nngauge.errors import MalformedError, UnsupportedError
from nngauge.sources import source_for
from tests.builders.axml import STRING, Attr, build_axml
from tests.builders.packages import DEX, manifest_node, zipped
from tests.builders.studying import Bench, bench
from tests.builders.webserver import Site, served

FDROID = os.environ.get("NNGAUGE_FDROID") or shutil.which("fdroid")
TOOLS = ("keytool", "jarsigner", "apksigner")
CONFIG = """
repo_url: http://127.0.0.1:1/fdroid/repo
repo_name: test
repo_description: test
keystore: k.p12
repo_keyalias: repo
keystorepass: password
keypass: password
keydname: CN=test
"""


def call(folder: Path, *command: str) -> bytes:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300).stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if FDROID is None or missing:
        pytest.skip(f"not installed: {', '.join([*missing, *([] if FDROID else ['fdroidserver'])])}")
    folder = tmp_path_factory.mktemp("fdroid")
    (folder / "repo").mkdir()
    (folder / "config.yml").write_text(CONFIG)
    (folder / "config.yml").chmod(0o600)
    store = ["-keystore", "k.p12", "-storepass", "password"]
    call(
        folder,
        "keytool",
        "-genkeypair",
        *store,
        "-alias",
        "repo",
        "-keyalg",
        "RSA",
        "-keysize",
        "2048",
        "-dname",
        "CN=test",
    )
    for package in ("com.example.one", "com.example.two"):
        document = build_axml(manifest_node(package=package, label=Attr("label", STRING, package, 0x01010001)))
        path = folder / "repo" / f"{package}.apk"
        path.write_bytes(zipped({"AndroidManifest.xml": document, "classes.dex": DEX}))
        keys = ["--ks", "k.p12", "--ks-pass", "pass:password", "--v4-signing-enabled", "false"]
        call(folder, "apksigner", "sign", *keys, str(path))
    call(folder, FDROID, "update", "--create-metadata")
    return folder


@pytest.fixture
def site(made: Path) -> Iterator[Site]:
    files = {f"repo/{path.name}": path.read_bytes() for path in (made / "repo").iterdir() if path.is_file()}
    with served(files) as running:
        yield running


@pytest.fixture
def fingerprint(made: Path) -> str:
    store = ["-keystore", "k.p12", "-storepass", "password"]
    return hashlib.sha256(call(made, "keytool", "-exportcert", *store, "-alias", "repo")).hexdigest()


def test_its_packages_are_scanned(
    site: Site, fingerprint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study: Bench = bench(tmp_path, monkeypatch)
    assert study.add(f"fdroid+{site.address}/repo?fingerprint={fingerprint}") == (2, 0)
    results = study.run()
    assert {type(result) for result in results.values()} == {Scan}
    assert {item["package"] for item in study.items.values()} == {"com.example.one", "com.example.two"}


def test_its_index_without_its_signature_is_refused(site: Site, fingerprint: str) -> None:
    locator = f"fdroid+{site.address}/repo?fingerprint={fingerprint}"
    good = site.files["repo/entry.jar"]
    site.files["repo/entry.jar"] = site.files["repo/index-v1.jar"]
    with pytest.raises(UnsupportedError, match="too weak"):  # old indices are signed over SHA-1, for old phones
        list(source_for(locator).items(locator, {}))
    site.files["repo/entry.jar"] = good
    site.files["repo/index-v2.json"] = site.files["repo/index-v2.json"].replace(b"example.one", b"example.eno")
    with pytest.raises(MalformedError, match="promised"):
        list(source_for(locator).items(locator, {}))
