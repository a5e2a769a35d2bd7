from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.errors import UnreadableError
from nngauge.packages import discover
from tests.builders import packages as build
from tests.builders.axml import build_axml


def test_apps_below_a_folder(tmp_path: Path) -> None:
    build.write_files(
        tmp_path,
        {
            "a.apk": build.apk(),
            "broken.apk": b"junk",
            "nameless": build.aab(),
            "notes.txt": b"text",
            "photos.zip": build.zipped({"a.png": b"png"}),
            "deep/er/x.ipa": build.ipa(),
            "set/base.apk": build.apk(),
            "set/split_config.arm64_v8a.apk": build.apk(split="config.arm64_v8a"),
            "twins/one.apk": build.apk(),
            "twins/two.apk": build.apk(package="com.other"),
            "unusual/main.apk": build.apk(),
            "unusual/extra.apk": build.apk(split="extra"),
            "unpacked/AndroidManifest.xml": build_axml(build.manifest_node()),
            "unpacked/classes.dex": build.DEX,
            "unpacked/assets/inner.apk": build.apk(),
            "Example.app/Info.plist": build.info_plist(),
            "Example.app/PkgInfo": b"APPL",
            "sources/AndroidManifest.xml": b"<manifest/>",
        },
    )
    (tmp_path / "linked.apk").symlink_to(tmp_path / "a.apk")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = [str(path.relative_to(tmp_path)) for path in discover(tmp_path)]
    assert found == [
        "Example.app", "a.apk", "broken.apk", "deep/er/x.ipa", "linked.apk", "nameless", "set", "twins/one.apk",
        "twins/two.apk", "unpacked", "unusual",
    ]  # fmt: skip


def test_one_file_and_a_folder_without_apps(tmp_path: Path) -> None:
    build.write_files(tmp_path, {"model.bin": b"x"})
    assert list(discover(tmp_path / "model.bin")) == [tmp_path / "model.bin"]
    assert list(discover(tmp_path)) == [tmp_path]
    assert list(discover(str(tmp_path / "absent"))) == [tmp_path / "absent"]


def test_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(UnreadableError, match="Permission denied"):
        list(discover(tmp_path))
