"""F-Droid repositories, by their index of version 2: https://f-droid.org/docs/All_our_APIs/

``entry.jar`` is signed by the repository and names the digest of ``index-v2.json``, which names that of every package:
so what is scanned is what the holder of the repository's key has published, whoever the server belongs to. Whose key it
has to be is in the address, as F-Droid writes it (``?fingerprint=``); without, the first key that is seen is remembered
by the study, as F-Droid's own client does. An index older than the newest one seen is refused: it may hide updates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Raw, Struct, field

from nngauge.domain.study import Item
from nngauge.errors import MalformedError, UsageError
from nngauge.io.jar import read_signed
from nngauge.io.web import require_plain
from nngauge.limits import MAX_INDEX_BYTES, MAX_SIGNED_JAR
from nngauge.sources._api import Opened, Source
from nngauge.sources._download import Download, opened
from nngauge.sources._lists import BadRows, refuse_bad_row
from nngauge.sources._locators import Asked, divided

T = TypeVar("T")

_SCHEMES: Final = {
    "fdroid+https": "https", "fdroid+http": "http", "fdroidrepos": "https", "fdroidrepo": "http",
}  # fmt: skip
"""Ours, and those of the addresses that F-Droid puts into QR codes. Without TLS the signature still holds."""
_SETTINGS: Final = ("fingerprint", "versions", "package")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"/[^\x00-\x1f\\?#]{1,1000}")
_NOTE: Final = re.compile(r"signed by ([0-9a-f]{64}), .*index ([0-9]{1,18})")


# --- what is read of the documents: https://gitlab.com/fdroid/fdroidclient/-/tree/master/libs/index ---------------------


class _File(Struct, frozen=True):
    name: str
    """Path below the repository, from its slash on."""
    sha256: str
    size: int


class _Entry(Struct, frozen=True):
    timestamp: int
    """Milliseconds since 1970."""
    index: _File


class _Manifest(Struct, frozen=True):
    version: int = field(name="versionCode")


class _Version(Struct, frozen=True):
    file: _File
    manifest: _Manifest
    channels: list[str] = field(name="releaseChannels", default_factory=list)
    """Empty for releases that everybody gets."""


class _App(Struct, frozen=True):
    versions: dict[str, Raw]


class _Index(Struct, frozen=True):
    packages: dict[str, Raw]


# --- the index --------------------------------------------------------------------------------------------------------


def _items(locator: str, settings: MutableMapping[str, str]) -> Iterator[Item]:
    root, asked = _repository(locator)
    everything = asked.choice("versions", ("latest", "all"), "latest") == "all"
    packages = asked.all("package")
    entry = _verified_entry(root, asked, settings)
    data = _document(root, entry.index, MAX_INDEX_BYTES)
    index = _decoded(data, _Index, "index", root)
    bad = BadRows("fdroid", root)
    for package, raw in index.packages.items():
        if packages and package not in packages:
            continue
        good: list[_Version] = []
        try:
            app = _decoded(raw, _App, "app", root)
        except MalformedError as error:
            yield from bad.item(package, error.what)
            continue
        for name, version in app.versions.items():
            try:
                good.append(_checked(_decoded(version, _Version, "version", root)))
            except MalformedError as error:
                yield from bad.item(f"{package}/{name}", error.what)
        for one in good if everything else _latest(good):
            yield _item(root, package, one)
    yield from bad.rest()


def _repository(locator: str) -> tuple[str, Asked]:
    """Address without its end, and what is asked. Raises `UsageError`."""
    place, query = divided(locator)
    scheme, _, rest = place.partition("://")
    if "@" in rest.partition("/")[0]:
        raise UsageError("the address holds a password, which would be stored with the results")
    address = require_plain(f"{_SCHEMES[scheme]}://{rest}".rstrip("/"))
    for end in ("/entry.jar", "/index-v2.json", "/index-v1.jar", "/index.jar"):
        address = address.removesuffix(end)
    if urlsplit(address).fragment:
        raise UsageError("an address of a repository has no #", where=address)
    return address, Asked(query, _SETTINGS)


def _verified_entry(root: str, asked: Asked, notes: MutableMapping[str, str]) -> _Entry:
    """The entry, when it is signed by whom it has to be and not older than the one seen last; that is noted."""
    pinned = re.sub(r"[\s:]", "", asked.one("fingerprint")).lower()
    if pinned and not _SHA256.fullmatch(pinned):
        raise UsageError("a fingerprint has 64 hexadecimal digits", where=root)
    with Download(f"{root}/entry.jar", most=MAX_SIGNED_JAR).read() as source:
        signed = read_signed(source, "entry.json")
    note = f"fdroid {root}"
    seen = _NOTE.fullmatch(notes.get(note, ""))
    wanted = pinned or (seen[1] if seen else "")
    if wanted and signed.fingerprint != wanted:
        told = "its address says" if pinned else "was seen first"
        raise MalformedError(
            f"signed by the key {signed.fingerprint}, not by {wanted} as {told}", where=root,
            hint="somebody else answers, or the repository has a new key: put its fingerprint into the address",
        )  # fmt: skip
    entry = _decoded(signed.data, _Entry, "entry", root)
    if seen and seen[1] == signed.fingerprint and entry.timestamp < int(seen[2]):
        raise MalformedError(
            f"its index ({entry.timestamp}) is older than one seen before ({seen[2]})", where=root,
            hint="a mirror that is behind, or somebody who hides updates",
        )  # fmt: skip
    trust = "as its address says" if pinned else "trusted because it was the first"
    notes[note] = f"signed by {signed.fingerprint}, {trust}, index {entry.timestamp}"
    return entry


def _document(root: str, file: _File, most: int) -> bytes:
    """A file of the repository, as promised."""
    _check_file(file)
    if file.size > most:
        raise MalformedError(f"an index of {file.size} bytes", where=root)
    with Download(root + quote(file.name), size=file.size, sha256=file.sha256).read() as source:
        return bytes(source.view())


def _decoded(data: bytes | Raw, kind: type[T], what: str, root: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedError(f"the {what} has another form than expected: {error}", where=root) from None


def _checked(version: _Version) -> _Version:
    _check_file(version.file)
    return version


def _check_file(file: _File) -> None:
    """Raises `MalformedError` for a name that leads out of the repository and a digest that is none."""
    if not _NAME.fullmatch(file.name) or ".." in file.name.split("/") or file.name.startswith("//"):
        raise MalformedError("a file name that leads somewhere else")
    if not _SHA256.fullmatch(file.sha256.lower()) or file.size < 0:
        raise MalformedError("a file without a SHA-256 or size")


def _latest(versions: list[_Version]) -> list[_Version]:
    """The newest one that everybody gets; of apps that only have others, the newest of those."""
    return sorted(versions, key=lambda version: (not version.channels, version.manifest.version))[-1:]


def _item(root: str, package: str, version: _Version) -> Item:
    digest = version.file.sha256.lower()
    return Item(
        locator=root + quote(version.file.name),
        size=version.file.size,
        stamp=digest,
        sha256=digest,
        package_id=package,
        version_code=str(version.manifest.version),
    )


@contextmanager
def _open(item: Item, _settings: Mapping[str, str]) -> Iterator[Opened]:
    refuse_bad_row(item)
    with opened(item, Download(require_plain(item.locator), size=item.size, sha256=item.sha256)) as package:
        yield package


SOURCE = Source(
    name="fdroid",
    title="F-Droid repository",
    example="fdroid+https://f-droid.org/repo?fingerprint=43238D512C1E5EB2D6569F4A3AFBF5523418B82E0A3ED1552770ABB9A9C9CCAB",
    claims=lambda locator: locator.partition("://")[0] in _SCHEMES,
    items=_items,
    open=_open,
    keeps_promises=True,
    references=(
        "https://f-droid.org/docs/All_our_APIs/",
        "https://f-droid.org/docs/Security_Model/",
        "https://docs.oracle.com/en/java/javase/17/docs/specs/jar/jar.html#signed-jar-file",
    ),
    limitations=(
        "Repositories with an index of version 1 only are not read.",
        "Mirrors and the differences between indices are not used.",
        "Without a fingerprint in the address, the first key that answers is trusted.",
    ),
)
