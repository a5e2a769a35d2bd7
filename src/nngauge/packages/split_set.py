"""Apps in several APKs: a folder of splits, .apks of bundletool, .xapk of APKPure, .apkm of APKMirror.

https://developer.android.com/tools/bundletool#generate_apks ; XAPK and APKM have no specification: they are zips with
the APKs at the root, OBBs under Android/obb, and a JSON document that repeats the identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.app import App, Platform
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure
from nngauge.errors import InputError, NotThisFormat, UnsupportedError
from nngauge.io.source import ByteSource
from nngauge.limits import HEAD_BYTES, MAX_APP_DOCUMENT, MAX_INFLATED_ENTRY, MAX_NESTED_TOTAL, MAX_SPLITS
from nngauge.packages._android import MANIFEST, ApkReading, android_app, read_apk, read_manifest, split_name
from nngauge.packages._api import Container, Entry, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import assemble, with_digests
from nngauge.packages._failures import failure, read_small
from nngauge.packages._window import WindowEntry
from nngauge.packages.containers import open_container, open_file, salvage

_DOCUMENTS: Final = {"manifest.json": ("package_name", "xapk_version"), "info.json": ("pname", "apkm_version")}
"""Describing documents of XAPK and APKM, and the keys that tell them from any other JSON of that name."""
_TOC: Final = "toc.pb"
_SUFFIXES: Final = (".apks", ".xapk", ".apkm")
_SPLIT_NAME: Final = re.compile(r"(?:.*/)?(?:split_)?config\..*\.apk|(?:.*/)?split_.*\.apk|(?:.*/)?base-.*\.apk")
_BASES: Final = ("base.apk", "base-master.apk", "universal.apk")
_APKM_MEMORY: Final = 0x2000_0000
"""More memory than any encrypted APKM asks of Argon2."""


def claims(container: Container, name: str) -> bool:
    """An archive or folder of APKs with a mark that they are one app; or the old encrypted APKM."""
    if container.kind == "file":
        return name.lower().endswith(".apkm") and _is_encrypted_apkm(container.entries[0])
    if container.kind not in ("zip", "folder") or container.find(MANIFEST) is not None:
        return False
    apks = _apks(container)
    if not apks:
        return False
    return (
        name.lower().endswith(_SUFFIXES)
        or container.find(_TOC) is not None
        or _read_document(container) is not None
        or belong_together(apks, Location(path=name))
    )


def belong_together(apks: Sequence[Entry], location: Location) -> bool:
    """Whether APKs that lie side by side are one base and its splits."""
    if not 2 <= len(apks) <= MAX_SPLITS or len({apk.path.rpartition("/")[0] for apk in apks}) > 1:
        return False
    names = [apk.path.rpartition("/")[2] for apk in apks]
    if "base.apk" in names and all(name == "base.apk" or _SPLIT_NAME.fullmatch(name) for name in names):
        return True
    package_id, bases = None, 0
    for apk in apks:
        found = _identify(apk, location)
        # In a folder of unrelated apps the second one ends this.
        if found is None or (package_id is not None and found[0] != package_id):
            return False
        package_id = found[0]
        bases += found[1] is None
        if bases > 1:
            return False
    return bases == 1


def open_split_set(container: Container, location: Location) -> Package:
    """The wrapper first, then its APKs and OBBs as parts, the base before the splits.

    APKs that cannot be read become failures and stay ordinary entries of the wrapper.
    """
    if container.kind == "file":
        raise UnsupportedError(
            "encrypted APKM of 2020", where=str(location), hint="download it again: newer ones are plain zips"
        )
    opened = _Opened()
    for entry in _members(container):
        opened.add(entry, location)
    members = sorted(opened.members, key=_rank)
    wrapper = PackagePart(
        role="archive",
        location=location,
        container=container,
        consumed=frozenset(member.path for member in members),
    )
    app = _identity(members, _read_document(container) or {})
    parts = [wrapper, *(member.part for member in members)]
    return assemble(app, container, location, parts, opened.failures)


def open_files(files: Mapping[str, ByteSource], location: Location) -> Package:
    """An app whose APKs and expansion files came one by one, by their names; digests are filled in.

    Closing the package closes the files.
    """

    def close() -> None:
        for source in files.values():
            source.close()

    entries = tuple(WindowEntry(name, source) for name, source in files.items())
    container = Container(kind="folder", entries=entries, close=close)
    return with_digests(open_split_set(container, location))


class _Member(Struct, frozen=True):
    """An APK or OBB of the set, opened."""

    path: str
    part: PackagePart
    reading: ApkReading | None


class _Opened:
    """What was opened, and what could not be."""

    def __init__(self) -> None:
        self.members: list[_Member] = []
        self.failures: list[Failure] = []
        self._budget = MAX_NESTED_TOTAL

    def add(self, entry: Entry, location: Location) -> None:
        where = location.inside(entry.path)
        try:
            source, damage = salvage(entry, where, min(self._budget, MAX_INFLATED_ENTRY))
            if entry.stored_size != source.size:
                self._budget -= source.size
            member, failures = _open_member(entry, where, source)
        except (InputError, NotThisFormat) as error:
            self.failures.append(failure(where, error))
            return
        if damage is not None:
            self.failures.append(failure(where, damage))
        self.members.append(member)
        self.failures += failures


def _open_member(entry: Entry, where: Location, source: ByteSource) -> tuple[_Member, Sequence[Failure]]:
    try:
        container = open_container(source, where.name)
    except (InputError, NotThisFormat):
        if not entry.path.lower().endswith(".obb"):
            source.close()
            raise
        container = open_file(source, where.name)
    if entry.path.lower().endswith(".obb"):
        return _Member(entry.path, PackagePart(role="obb", location=where, container=container), None), ()
    reading = read_apk(container, where, kind="split-set")
    part = PackagePart(role=reading.role, location=where, container=container, manifest=reading.manifest)
    return _Member(entry.path, part, reading), reading.failures


def _apks(container: Container) -> list[Entry]:
    """The APKs; in a folder only those directly in it."""
    flat = container.kind == "folder"
    found = (entry for entry in container.entries if entry.path.lower().endswith(".apk"))
    return [entry for entry in found if not (flat and "/" in entry.path)]


def _members(container: Container) -> list[Entry]:
    obbs = [entry for entry in container.entries if entry.path.lower().endswith(".obb")]
    return (_apks(container) + obbs)[:MAX_SPLITS]


def _rank(member: _Member) -> tuple[bool, bool, bool, str]:
    """Base before splits before OBBs."""
    name = member.path.rpartition("/")[2]
    return member.reading is None, member.part.role != "base", name not in _BASES, member.path


def _identity(members: Sequence[_Member], document: Mapping[str, Any]) -> App:
    """The base's identity with what the splits add; the document only fills gaps."""
    readings = [member.reading for member in members if member.reading and member.reading.manifest]
    told = _declared(document)
    if not readings:
        return told
    first = readings[0].app
    return replace(
        first,
        package_id=first.package_id or told.package_id,
        version_name=first.version_name or told.version_name,
        version_code=first.version_code or told.version_code,
        label=told.label or first.label if (first.label or "@").startswith("@") else first.label,
        abis=tuple(sorted({abi for reading in readings for abi in reading.app.abis})),
        signers=tuple(dict.fromkeys(signer for reading in readings for signer in reading.app.signers)),
    )


def _declared(document: Mapping[str, Any]) -> App:
    """Identity as manifest.json (XAPK) or info.json (APKM) repeats it."""

    def text(*keys: str) -> str | None:
        value = next((document[key] for key in keys if document.get(key) is not None), None)
        return str(value) if isinstance(value, str | int) else None

    permissions = document.get("permissions")
    return App(
        platform=Platform.ANDROID,
        container="split-set",
        package_id=text("package_name", "pname"),
        version_name=text("version_name", "release_version"),
        version_code=text("version_code", "versioncode"),
        label=text("name", "app_name"),
        min_os=text("min_sdk_version", "min_api"),
        target_os=text("target_sdk_version"),
        permissions=tuple(sorted({one for one in permissions if isinstance(one, str)}))
        if isinstance(permissions, list)
        else (),
    )


def _read_document(container: Container) -> Mapping[str, Any] | None:
    """The first describing document that is one; damaged ones count as absent, their entry is walked anyway."""
    import json

    for path, keys in _DOCUMENTS.items():
        entry = container.find(path)
        if entry is None:
            continue
        try:
            document = json.loads(read_small(entry, MAX_APP_DOCUMENT, path))
        except (InputError, ValueError, RecursionError):
            continue
        if isinstance(document, dict) and any(key in document for key in keys):
            return document
    return None


def _identify(apk: Entry, location: Location) -> tuple[str, str | None] | None:
    """Package id and split name of an APK; None when it cannot be told without unpacking it."""
    where = location.inside(apk.path)
    try:
        source = apk.window()
        if source is None:
            return None
        with closing(source):
            root = read_manifest(open_container(source, where.name), where).root
    except (InputError, NotThisFormat):
        return None
    identity = android_app(root, kind="split-set").package_id
    return (identity, split_name(root)) if root is not None and identity is not None else None


def _is_encrypted_apkm(entry: Entry) -> bool:
    """Argon2 parameters in front of a libsodium secret stream: algorithm 1 or 2, operations, memory.

    As read by https://github.com/souramoo/unapkm
    """
    head = entry.head(HEAD_BYTES)
    if len(head) < 64 or head[1] not in (1, 2):
        return False
    operations, memory = int.from_bytes(head[2:10], "little"), int.from_bytes(head[10:18], "little")
    return 0 < operations <= 1 << 16 and 0 < memory <= _APKM_MEMORY


PACKAGE = PackageFormat(
    name="split-set",
    version=1,
    title="Split APKs (folder, .apks, .xapk, .apkm)",
    suffixes=_SUFFIXES,
    claims=claims,
    open=open_split_set,
    references=(
        "https://developer.android.com/tools/bundletool#generate_apks",
        "https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/core/java/android/content/pm/PackageParser.java",
    ),
    limitations=("The encrypted APKM of 2020 is recognised and refused.", "toc.pb (targeting) is not read."),
)
