"""Whole packages in memory: APK, split sets, AAB, AAR, IPA, OBB. Small, complete, signed without mathematics."""

from __future__ import annotations

import io
import json
import plistlib
import struct
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.builders.arsc import build_arsc, build_resources_pb, config
from tests.builders.axml import INT, REFERENCE, STRING, Attr, Node, build_axml, build_proto_xml, pb
from tests.builders.signatures import certificate, name, pkcs7, scheme_value, signing_block
from tests.builders.zips import DEFLATED, STORED, Member, archive

PACKAGE_ID = "com.example.app"
LABEL_ID = 0x7F010001
DISTRIBUTION = "http://schemas.android.com/apk/distribution"
CERTIFICATE = certificate(1, name("Example Developer"))
OTHER_CERTIFICATE = certificate(2, name("Other Developer"))
V2 = 0x7109871A
DEX = b"dex\n035\0" + bytes(range(256)) * 4
ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
MACHO_ARM64 = struct.pack("<4sIIIIIII", b"\xcf\xfa\xed\xfe", 0x0100000C, 0, 2, 0, 0, 0, 0)
MACHO_FAT = struct.pack(">4sI", b"\xca\xfe\xba\xbe", 2) + b"".join(
    struct.pack(">IIIII", cpu, 0, 4096 * at, 32, 12) for at, cpu in ((1, 12), (2, 0x0100000C))
)


def manifest_node(*, split: str | None = None, package: str = PACKAGE_ID, label: Attr | None = None) -> Node:
    label = label or Attr("label", REFERENCE, LABEL_ID, 0x01010001)
    attributes = [
        Attr("package", STRING, package),
        Attr("versionCode", INT, 42, 0x0101021B),
        Attr("versionName", STRING, "1.2.3", 0x0101021C),
    ]
    if split is not None:
        return Node("manifest", [*attributes[:2], Attr("split", STRING, split)], [Node("application")])
    sdk = [Attr("minSdkVersion", INT, 24, 0x0101020C), Attr("targetSdkVersion", INT, 35, 0x01010270)]
    permissions = [
        Node("uses-permission", [Attr("name", STRING, f"android.permission.{what}", 0x01010003)])
        for what in ("INTERNET", "CAMERA")
    ]
    return Node("manifest", attributes, [Node("uses-sdk", sdk), *permissions, Node("application", [label])])


def resources() -> bytes:
    return build_arsc(["Beispiel", "Example"], [(1, config("de"), {1: (3, 0)}), (1, config(), {1: (3, 1)})])


def apk(
    files: Mapping[str, bytes] | None = None,
    *,
    split: str | None = None,
    package: str = PACKAGE_ID,
    manifest: bytes | None = None,
    v1: bytes | None = None,
    v2: bytes | None = CERTIFICATE,
    extra: Sequence[Member] = (),
) -> bytes:
    """`v1` and `v2`: the certificate that signs under that scheme. `files` replace nothing, they are added."""
    members = [_member("AndroidManifest.xml", manifest or build_axml(manifest_node(split=split, package=package)))]
    if split is None:
        members += [_member("classes.dex", DEX), _member("resources.arsc", resources(), STORED)]
    members += [_member(path, data) for path, data in (files or {}).items()]
    if v1 is not None:
        members.append(_member("META-INF/CERT.RSA", pkcs7([v1], [(name("Example Developer"), 1)])))
    block = signing_block({V2: scheme_value([[v2]])}) if v2 is not None else b""
    return archive([*members, *extra], between=block)


def zipped(files: Mapping[str, bytes], method: int = DEFLATED) -> bytes:
    return archive([_member(path, data, method) for path, data in files.items()])


def splits(**changes: bytes) -> dict[str, bytes]:
    """A base, an ABI split and an asset pack."""
    return {
        "base.apk": apk({"assets/model.bin": b"weights"}),
        "split_config.arm64_v8a.apk": apk({"lib/arm64-v8a/libx.so": ELF}, split="config.arm64_v8a"),
        "split_pack.apk": apk({"assets/p": b"p"}, manifest=pack_manifest_text("asset-pack", "pack").encode()),
        **changes,
    }


def xapk(apks: Mapping[str, bytes] | None = None, *, method: int = STORED, document: object = None) -> bytes:
    told = {
        "xapk_version": 2, "package_name": PACKAGE_ID, "name": "Told", "version_code": "42", "version_name": "1.2.3",
        "min_sdk_version": "24", "target_sdk_version": "35", "permissions": ["android.permission.CAMERA"],
    }  # fmt: skip
    files = dict(apks or splits()) | {"icon.png": b"\x89PNG\r\n\x1a\n"}
    files["manifest.json"] = json.dumps(told if document is None else document).encode()
    files[f"Android/obb/{PACKAGE_ID}/main.42.{PACKAGE_ID}.obb"] = zipped({"level.dat": b"level"})
    return zipped(files, method)


def apkm(*, method: int = DEFLATED) -> bytes:
    told = {"apkm_version": 5, "pname": PACKAGE_ID, "versioncode": 42, "release_version": "1.2.3", "app_name": "Told"}
    return zipped({"info.json": json.dumps(told).encode(), **splits()}, method)


def encrypted_apkm() -> bytes:
    return b"\x01\x02" + struct.pack("<QQ", 2, 64 << 20) + bytes(range(7, 255))


def bundletool_apks() -> bytes:
    return zipped(
        {
            "toc.pb": pb(1, b"toc"),
            "splits/base-master.apk": apk(),
            "splits/base-arm64_v8a.apk": apk({"lib/arm64-v8a/libx.so": ELF}, split="config.arm64_v8a"),
        }
    )


def pack_manifest_text(kind: str, split: str) -> str:
    return (
        f'<manifest xmlns:dist="{DISTRIBUTION}" package="{PACKAGE_ID}" split="{split}">'
        f'<dist:module dist:type="{kind}"><dist:delivery><dist:on-demand/></dist:delivery></dist:module></manifest>'
    )


def pack_manifest_proto(kind: str, split: str) -> bytes:
    dist = pb(1, DISTRIBUTION.encode()) + pb(2, b"type") + pb(3, kind.encode())
    module = pb(1, pb(3, b"module") + pb(4, dist))
    attributes = pb(4, pb(2, b"package") + pb(3, PACKAGE_ID.encode())) + pb(4, pb(2, b"split") + pb(3, split.encode()))
    return pb(1, pb(3, b"manifest") + attributes + pb(5, module))


def aab(extra: Mapping[str, bytes] | None = None) -> bytes:
    table = build_resources_pb([("string", 1, "app_name", 1, {"": pb(2, pb(1, b"Example"))})])
    return zipped(
        {
            "BundleConfig.pb": pb(1, b"1.17"),
            "base/manifest/AndroidManifest.xml": build_proto_xml(manifest_node()),
            "base/resources.pb": table,
            "base/dex/classes.dex": DEX,
            "base/lib/arm64-v8a/libx.so": ELF,
            "feature/manifest/AndroidManifest.xml": build_proto_xml(manifest_node(split="feature")),
            "feature/lib/x86_64/liby.so": ELF,
            "textures/manifest/AndroidManifest.xml": pack_manifest_proto("asset-pack", "textures"),
            "textures/assets/t.ktx": b"t",
            "llm/manifest/AndroidManifest.xml": pack_manifest_proto("ai-pack", "llm"),
            "llm/assets/model.litertlm": b"LITERTLM" + bytes(64),
            "META-INF/CERT.RSA": pkcs7([CERTIFICATE], [(name("Example Developer"), 1)]),
            **(extra or {}),
        }
    )


def aar() -> bytes:
    text = (
        '<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="com.example.library">'
        '<uses-sdk android:minSdkVersion="21"/></manifest>'
    )
    return zipped(
        {
            "AndroidManifest.xml": text.encode(),
            "classes.jar": zipped({"com/example/A.class": b"\xca\xfe\xba\xbe\0\0\0\x34"}),
            "jni/arm64-v8a/libx.so": ELF,
            "R.txt": b"",
        }
    )


def info_plist(*, fmt: plistlib.PlistFormat = plistlib.FMT_BINARY, **changes: object) -> bytes:
    return plistlib.dumps(
        {
            "CFBundleIdentifier": PACKAGE_ID,
            "CFBundleShortVersionString": "3.1",
            "CFBundleVersion": "77",
            "CFBundleDisplayName": "Example",
            "CFBundleExecutable": "Example",
            "MinimumOSVersion": "15.0",
            "DTPlatformVersion": "18.1",
            "NSCameraUsageDescription": "to see",
            **changes,
        },
        fmt=fmt,
    )


def profile() -> bytes:
    text = plistlib.dumps({"TeamIdentifier": ["TEAM123456"], "DeveloperCertificates": [CERTIFICATE]})
    return b"0\x82\x0f\xff\x06\x09 signed data " + text + b"\xa0\x82 certificates"


def ipa(files: Mapping[str, bytes] | None = None, *, packs: bool = False, **plist: object) -> bytes:
    app = "Payload/Example.app/"
    content = {
        f"{app}Info.plist": info_plist(**plist),
        f"{app}Example": MACHO_FAT,
        f"{app}embedded.mobileprovision": profile(),
        f"{app}Frameworks/ML.framework/ML": MACHO_ARM64,
        f"{app}PlugIns/Share.appex/Info.plist": info_plist(CFBundleIdentifier=f"{PACKAGE_ID}.share"),
        "iTunesMetadata.plist": plistlib.dumps({}),
    }
    if packs:
        content[f"{app}OnDemandResources/com.example.level1.assetpack/model.mlmodelc/weights.bin"] = b"weights"
    return zipped(content | dict(files or {}))


def tarred(files: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as out:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The files below `folder`, which is handed back."""
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


def _member(path: str, data: bytes, method: int = DEFLATED) -> Member:
    return Member(name=path.encode(), data=data, method=method)
