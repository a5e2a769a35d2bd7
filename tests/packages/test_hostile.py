"""Any bytes, any damage: only declared errors, and quickly."""

from __future__ import annotations

import bz2
import gzip
import lzma
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, NotThisFormat
from nngauge.io.source import ByteSource
from nngauge.packages import open_container, open_source
from tests.builders import packages as build
from tests.builders.axml import build_axml
from tests.builders.mutations import damaged
from tests.builders.zips import STORED

PACKAGES = {
    "a.apk": build.apk(v1=build.CERTIFICATE), "a.xapk": build.xapk(), "b.xapk": build.xapk(method=8),
    "a.apkm": build.apkm(), "a.apks": build.bundletool_apks(), "a.aab": build.aab(), "a.aar": build.aar(),
    "a.ipa": build.ipa(packs=True), "old.apkm": build.encrypted_apkm(),
}  # fmt: skip
ARCHIVES = {
    "a.tar": build.tarred({"a": b"1" * 700, "x" * 300: b"2"}), "a.gz": gzip.compress(b"data" * 500, mtime=0),
    "a.bz2": bz2.compress(b"data" * 500), "a.xz": lzma.compress(b"data" * 500),
    "a.zip": build.zipped({"a": b"b"}, STORED),
}  # fmt: skip
SAMPLES = PACKAGES | ARCHIVES


def survive(data: bytes, name: str) -> None:
    """Opens and reads everything."""
    try:
        package = open_source(ByteSource.of_bytes(data, name))
    except (InputError, NotThisFormat):
        return
    for part in package.parts:
        for entry in part.container.entries:
            try:
                entry.head()
                sum(map(len, entry.chunks()))
                entry.window()
            except InputError:
                continue
    assert package.anomalies is not None
    package.close()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600), st.sampled_from(["a", "a.apk", "a.apkm", "main.1.com.x.obb"]))
def test_any_bytes(data: bytes, name: str) -> None:
    survive(data, name)


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_damaged_packages(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SAMPLES)))
    survive(data.draw(damaged(SAMPLES[name])), name)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_documents_inside_whole_packages(data: st.DataObject) -> None:
    manifest = data.draw(damaged(build_axml(build.manifest_node())))
    survive(build.apk(manifest=manifest), "a.apk")
    info = data.draw(damaged(build.info_plist()))
    survive(build.ipa({"Payload/Example.app/Info.plist": info}), "a.ipa")
    module = data.draw(damaged(build.pack_manifest_proto("ai-pack", "x")))
    survive(build.aab({"x/manifest/AndroidManifest.xml": module}), "a.aab")


def test_every_prefix_of_a_package() -> None:
    for name, data in PACKAGES.items():
        for cut in range(0, len(data), max(1, len(data) // 40)):
            survive(data[:cut], name)


def test_many_entries_are_quick() -> None:
    data = build.zipped({f"res/{index}.png": b"" for index in range(50_000)}, STORED)
    start = time.process_time()
    package = open_source(ByteSource.of_bytes(data, "a.apk"), hash_parts=False)
    assert len(package.parts[0].container.entries) == 50_000
    assert time.process_time() - start < 6


def test_deep_json_document_is_refused_quietly() -> None:
    data = build.zipped({"manifest.json": b"[" * 100_000, "base.apk": build.apk()})
    assert open_source(ByteSource.of_bytes(data, "x.xapk")).app.package_id == build.PACKAGE_ID


def test_archive_in_itself_ends() -> None:
    """Nothing here descends by itself: depth is the scanner's business."""
    inner = build.zipped({"a": b"a"})
    for _ in range(50):
        inner = build.zipped({"a.zip": inner})
    assert len(open_container(ByteSource.of_bytes(inner, "a.zip"), "a.zip").entries) == 1
