from __future__ import annotations

import hashlib
import plistlib
from pathlib import Path

import pytest

from nngauge.domain.app import Platform
from nngauge.errors import NotThisFormat, UnsupportedError
from nngauge.io.certificates import digest
from nngauge.io.source import ByteSource
from nngauge.packages import PACKAGES, Package, open_package, open_source, split_set
from tests.builders import packages as build
from tests.builders.axml import STRING, Attr, build_axml
from tests.builders.zips import STORED, Member

SIGNER = digest(build.CERTIFICATE)


def opened(data: bytes, name: str = "app", *, hash_parts: bool = True) -> Package:
    return open_source(ByteSource.of_bytes(data, name), hash_parts=hash_parts)


def roles(package: Package) -> list[str]:
    return [part.role for part in package.app.parts]


def paths(package: Package, part: int = 0) -> list[str]:
    return [entry.path for entry in package.parts[part].container.entries]


def test_apk_identity() -> None:
    data = build.apk({"lib/arm64-v8a/libx.so": build.ELF, "lib/x86/libx.so": build.ELF, "lib/readme": b""})
    package = opened(data, "some.apk")
    app = package.app
    assert (app.platform, app.container, app.package_id) == (Platform.ANDROID, "apk", build.PACKAGE_ID)
    assert (app.version_name, app.version_code, app.label) == ("1.2.3", "42", "Example")
    assert (app.min_os, app.target_os) == ("24", "35")
    assert app.permissions == ("android.permission.CAMERA", "android.permission.INTERNET")
    assert app.signers == (SIGNER,)
    assert app.abis == ("arm64-v8a", "x86")
    assert (app.size, app.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert [(part.path, part.role, part.sha256) for part in app.parts] == [("some.apk", "base", app.sha256)]
    assert package.failures == ()
    assert package.parts[0].manifest is not None
    assert paths(package)[:3] == ["AndroidManifest.xml", "classes.dex", "resources.arsc"]


def test_the_name_does_not_matter() -> None:
    assert opened(build.apk(), "wallpaper.jpg").app.container == "apk"


def test_digests_are_optional() -> None:
    app = opened(build.apk(), hash_parts=False).app
    assert (app.sha256, app.parts[0].sha256) == ("", None)


def test_newest_signature_scheme_wins_and_v1_is_read_alone() -> None:
    both = build.apk(v1=build.CERTIFICATE, v2=build.OTHER_CERTIFICATE)
    assert opened(both).app.signers == (digest(build.OTHER_CERTIFICATE),)
    assert opened(build.apk(v1=build.CERTIFICATE, v2=None)).app.signers == (SIGNER,)
    assert opened(build.apk(v2=None)).app.signers == ()


def test_first_of_two_manifests_is_taken() -> None:
    other = build_axml(build.manifest_node(package="com.evil"))
    data = build.apk(extra=[Member(name=b"AndroidManifest.xml", data=other)])
    package = opened(data)
    assert package.app.package_id == build.PACKAGE_ID
    assert "zip-duplicate-name" in {anomaly.kind for anomaly in package.anomalies}


@pytest.mark.parametrize("manifest", [b"\x03\0\x08\0garbage", b"no xml at all", bytes(100)])
def test_garbled_manifest_is_a_failure_and_nothing_else_is_lost(manifest: bytes) -> None:
    package = opened(build.apk({"assets/a": b"a"}, manifest=manifest), "x.apk")
    assert package.app.package_id is None
    assert package.app.signers == (SIGNER,)
    assert [failure.location.name for failure in package.failures] == ["AndroidManifest.xml"]
    assert "assets/a" in paths(package)


def test_missing_manifest_is_a_failure() -> None:
    package = opened(build.zipped({"classes.dex": build.DEX}), "x.bin")
    assert package.app.container == "apk"
    assert [failure.reason for failure in package.failures] == ["there is no AndroidManifest.xml"]


def test_label_in_the_manifest_itself_and_label_that_leads_nowhere() -> None:
    direct = build.manifest_node(label=Attr("label", STRING, "Direct", 0x01010001))
    lost = build.manifest_node(label=Attr("label", 1, 0x7F09FFFF, 0x01010001))
    assert opened(build.apk(manifest=build_axml(direct))).app.label == "Direct"
    assert opened(build.apk(manifest=build_axml(lost))).app.label == "@0x7f09ffff"


@pytest.mark.parametrize("method", [STORED, 8])
def test_xapk(method: int) -> None:
    package = opened(build.xapk(method=method), "store.xapk")
    assert package.failures == ()
    assert package.app.container == "split-set"
    assert (package.app.package_id, package.app.label, package.app.abis) == (
        build.PACKAGE_ID,
        "Example",
        ("arm64-v8a",),
    )
    assert package.app.signers == (SIGNER,)
    assert roles(package) == ["base", "split:config.arm64_v8a", "asset-pack:pack", "obb"]
    wrapper, base = package.parts[:2]
    assert {entry.path for entry in wrapper.container.entries} - wrapper.consumed == {"icon.png", "manifest.json"}
    assert str(base.location) == "store.xapk!base.apk"
    assert paths(package, 1)[-1] == "assets/model.bin"
    assert package.app.parts[0].path == "base.apk"
    assert all(part.sha256 for part in package.app.parts)


def test_a_set_is_the_same_app_in_any_wrapper(tmp_path: Path) -> None:
    folder = build.write_files(tmp_path / "set", build.splits())
    package = open_package(folder)
    assert package.app.container == "split-set"
    assert roles(package) == ["base", "split:config.arm64_v8a", "asset-pack:pack"]
    assert package.app.sha256 == opened(build.apkm(), "a.apkm").app.sha256
    assert package.app.sha256 != opened(build.xapk(), "a.xapk").app.sha256  # it has an OBB, too
    assert {part.sha256 for part in package.app.parts} == {
        hashlib.sha256(data).hexdigest() for data in build.splits().values()
    }


def test_apkm_and_bundletool_set() -> None:
    assert opened(build.apkm(), "x.zip").app.container == "split-set"
    package = opened(build.bundletool_apks(), "x.apks")
    assert [part.path for part in package.app.parts] == ["splits/base-master.apk", "splits/base-arm64_v8a.apk"]
    assert package.app.abis == ("arm64-v8a",)


def test_encrypted_apkm_is_refused_with_the_reason() -> None:
    with pytest.raises(UnsupportedError, match="encrypted"):
        opened(build.encrypted_apkm(), "old.apkm")
    with pytest.raises(NotThisFormat):
        opened(b"\xff" * 100, "not.apkm")


def test_bad_split_is_a_failure_and_stays_in_the_wrapper() -> None:
    package = opened(build.xapk(build.splits(**{"split_bad.apk": b"not a zip" * 9})), "x.xapk")
    assert roles(package) == ["base", "split:config.arm64_v8a", "asset-pack:pack", "obb"]
    assert [str(failure.location) for failure in package.failures] == ["x.xapk!split_bad.apk"]
    assert "split_bad.apk" not in package.parts[0].consumed


def test_document_stands_in_for_an_unreadable_base() -> None:
    package = opened(build.xapk({"base.apk": build.apk(manifest=b"junk")}), "x.xapk")
    assert (package.app.package_id, package.app.label, package.app.version_code) == (build.PACKAGE_ID, "Told", "42")
    assert len(package.failures) == 1


@pytest.mark.parametrize("document", [[], "text", {"name": 1}, {"package_name": {}}])
def test_odd_documents(document: object) -> None:
    assert opened(build.xapk(document=document), "x.xapk").app.package_id == build.PACKAGE_ID


def test_truncated_inner_apk_is_salvaged() -> None:
    whole = build.apk({"assets/big": bytes(range(256)) * 400})
    package = opened(build.xapk({"base.apk": whole[: len(whole) // 2]}), "x.xapk")
    assert package.app.package_id == build.PACKAGE_ID


def test_a_set_of_bombs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_set, "MAX_NESTED_TOTAL", 100_000)
    bomb = build.zipped({"classes.dex": bytes(1 << 20)}, STORED)
    package = opened(build.xapk(build.splits() | {"split_z.apk": bomb}, method=8), "x.xapk")
    assert [(failure.location.name, failure.error) for failure in package.failures] == [("split_z.apk", "LimitError")]
    assert roles(package)[0] == "base"


def test_unrelated_apks_are_no_set(tmp_path: Path) -> None:
    files = {"a.apk": build.apk(), "b.apk": build.apk(package="com.other")}
    assert open_package(build.write_files(tmp_path, files)).app.container == "folder"
    assert opened(build.zipped(files, STORED), "x.zip").app.container == "archive"


def test_aab() -> None:
    data = build.aab()
    package = opened(data, "store.aab")
    app = package.app
    assert package.failures == ()
    assert (app.container, app.package_id, app.label, app.signers) == ("aab", build.PACKAGE_ID, "Example", (SIGNER,))
    assert app.abis == ("arm64-v8a", "x86_64")
    assert roles(package) == ["base", "module:feature", "ai-pack:llm", "asset-pack:textures", "archive"]
    assert [part.path for part in app.parts] == ["base", "feature", "llm", "textures", "archive"]
    assert app.sha256 == hashlib.sha256(data).hexdigest()
    assert app.size == len(data)
    everything = [path for part in range(5) for path in paths(package, part)]
    assert sorted(everything) == sorted(set(everything))
    assert "llm/assets/model.litertlm" in paths(package, 2)
    assert {str(part.location) for part in package.parts} == {"store.aab"}


def test_aab_with_a_garbled_module_manifest() -> None:
    package = opened(build.aab({"broken/manifest/AndroidManifest.xml": b"\xff\xff\xff"}))
    assert [failure.location.path for failure in package.failures] == ["app!broken/manifest/AndroidManifest.xml"]
    assert "module:broken" in roles(package)


def test_aar() -> None:
    package = opened(build.aar(), "x.aar")
    app = package.app
    assert (app.container, app.package_id, app.min_os, app.abis) == ("aar", "com.example.library", "21", ("arm64-v8a",))
    assert "classes.jar" in paths(package)


@pytest.mark.parametrize("fmt", [plistlib.FMT_BINARY, plistlib.FMT_XML])
def test_ipa(fmt: plistlib.PlistFormat) -> None:
    app = opened(build.ipa(fmt=fmt), "x.ipa").app
    assert (app.platform, app.container, app.package_id) == (Platform.IOS, "ipa", build.PACKAGE_ID)
    assert (app.version_name, app.version_code, app.label) == ("3.1", "77", "Example")
    assert (app.min_os, app.target_os, app.permissions) == ("15.0", "18.1", ("NSCameraUsageDescription",))
    assert (app.team, app.signers, app.abis) == ("TEAM123456", (SIGNER,), ("arm", "arm64"))
    assert [part.role for part in app.parts] == ["base"]


def test_ipa_with_on_demand_resources() -> None:
    data = build.ipa(packs=True)
    package = opened(data, "x.ipa")
    assert roles(package) == ["base", "asset-pack:com.example.level1"]
    assert package.app.sha256 == hashlib.sha256(data).hexdigest()
    assert len(paths(package, 1)) == 1
    assert package.parts[0].properties["CFBundleIdentifier"] == build.PACKAGE_ID


def test_ipa_without_or_with_bad_info() -> None:
    package = opened(build.zipped({"Payload/X.app/X": build.MACHO_ARM64}), "x.ipa")
    assert (package.app.package_id, package.app.abis) == (None, ("arm64",))
    assert len(package.failures) == 1
    package = opened(build.zipped({"Payload/X.app/Info.plist": b"junk", "Payload/X.app/X": b""}), "x.ipa")
    assert [failure.error for failure in package.failures] == ["NotThisFormat"]


@pytest.mark.parametrize("data", [build.zipped({"a": b"a"}), b"raw blob" * 100])
def test_obb(data: bytes) -> None:
    app = opened(data, "main.310.com.example.game.obb").app
    assert (app.container, app.package_id, app.version_code) == ("obb", "com.example.game", "310")


def test_unpacked_apps(tmp_path: Path) -> None:
    android = build.write_files(
        tmp_path / "android",
        {
            "AndroidManifest.xml": build_axml(build.manifest_node()),
            "classes.dex": build.DEX,
            "resources.arsc": build.resources(),
        },
    )
    package = open_package(android)
    assert (package.app.container, package.app.package_id, package.app.label) == ("folder", build.PACKAGE_ID, "Example")
    app = {"Info.plist": build.info_plist(), "Example": build.MACHO_ARM64, "PkgInfo": b"APPL????"}
    package = open_package(build.write_files(tmp_path / "Example.app", app))
    assert (package.app.platform, package.app.package_id, package.app.abis) == (
        Platform.IOS,
        build.PACKAGE_ID,
        ("arm64",),
    )
    payload = {f"Payload/Example.app/{path}": data for path, data in app.items()}
    assert open_package(build.write_files(tmp_path / "ipa", payload)).app.package_id == build.PACKAGE_ID


def test_folder_digest_follows_content(tmp_path: Path) -> None:
    build.write_files(tmp_path, {"a": b"1", "b/c": b"2"})
    first = open_package(tmp_path).app
    assert (first.container, first.size, len(first.sha256)) == ("folder", 2, 64)
    (tmp_path / "b/c").write_bytes(b"3")
    assert open_package(tmp_path).app.sha256 != first.sha256


def test_refusals(tmp_path: Path) -> None:
    for data in (b"", b"text", b"\x7fELF" + bytes(100)):
        with pytest.raises(NotThisFormat):
            opened(data)
    with pytest.raises(NotThisFormat):
        opened(b"junk" * 50, "x.apk")
    with pytest.raises(UnsupportedError):
        opened(b"Rar!\x1a\x07\x01\x00" + bytes(100))


def test_registry_is_well_formed() -> None:
    names = [form.name for form in PACKAGES]
    assert len(set(names)) == len(names)
    assert all(form.references for form in PACKAGES)
    modules = {path.stem for path in Path(__import__("nngauge.packages").packages.__file__).parent.glob("[a-z]*.py")}
    assert {name.replace("-", "_") for name in names} == modules - {"containers"}
