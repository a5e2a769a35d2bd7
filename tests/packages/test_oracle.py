"""Identity compared with androguard on real APKs; both are fetched by hand and absent on most machines."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from nngauge.packages import open_package
from tests.builders.corpus import corpus_files

KNOWN = {
    # npm: appium-uiautomator2-server 10.6.6 and io.appium.settings 8.0.10, both Apache-2.0
    "appium-uiautomator2-server-v10.6.6.apk": ("io.appium.uiautomator2.server", "10.6.6", "278", "26", "34", 3841),
    "settings_apk-debug.apk": ("io.appium.settings", "8.0.10", "192", "26", "35", 121),
}


def test_known_packages() -> None:
    files = [path for path in corpus_files("**/*.apk", magic=b"PK") if path.name in KNOWN]
    if not files:
        pytest.skip("none of the known packages is there")
    for path in files:
        package = open_package(path)
        app, count = package.app, len(package.parts[0].container.entries)
        assert (app.package_id, app.version_name, app.version_code, app.min_os, app.target_os, count) == KNOWN[
            path.name
        ]
        assert app.signers
        assert app.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (package.failures, package.anomalies) == ((), ())


def test_identity_agrees_with_androguard() -> None:
    reader = pytest.importorskip("androguard.core.apk", reason="androguard is not a dependency")
    pytest.importorskip("loguru").logger.disable("androguard")
    compared = 0
    for path in corpus_files("**/*.apk", magic=b"PK"):
        theirs = _theirs(reader, path)
        if theirs is not None:
            compared += 1
            app = open_package(path, hash_parts=False).app
            ours = {key: getattr(app, key) for key in theirs}
            assert ours | {"signers": set(app.signers)} == theirs, path
    assert compared


def _theirs(reader: Any, path: Path) -> dict[str, object] | None:
    """None where androguard cannot read the package."""
    try:
        apk = reader.APK(str(path))
        if not apk.is_valid_APK():
            return None
        certificates = (
            apk.get_certificates_v3() if apk.is_signed_v3()
            else apk.get_certificates_v2() if apk.is_signed_v2()
            else apk.get_certificates_v1()
        )  # fmt: skip
    except Exception:  # noqa: BLE001 - whatever stops the oracle
        return None
    return {
        "package_id": apk.get_package() or None,
        "version_name": apk.get_androidversion_name() or None,
        "version_code": apk.get_androidversion_code() or None,
        "label": apk.get_app_name() or None,
        "min_os": apk.get_min_sdk_version(),
        "target_os": apk.get_target_sdk_version(),
        "permissions": tuple(sorted(set(apk.get_permissions()))),
        "signers": {hashlib.sha256(each.dump()).hexdigest() for each in certificates},
    }
