"""The apps that are installed on a phone, with all splits and expansion files, through the adb server of this machine.

``adb://SERIAL`` or, with one phone, ``adb:``; ``?system=1`` adds the apps of the system, ``adb://SERIAL/com.example`` is one
app. Files come into temporary files without names, so that nothing stays behind, however the scan ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

from msgspec import Struct

from nngauge.domain.location import Location
from nngauge.domain.study import Item
from nngauge.errors import LimitError, MalformedError, TransientError, UnreadableError, UsageError
from nngauge.io.adb import AdbServer, Phone
from nngauge.io.source import ByteSource
from nngauge.limits import MAX_PHONE_FILES, MAX_REMOTE_BYTES
from nngauge.packages import Package, open_source
from nngauge.packages.split_set import open_files
from nngauge.sources._api import Source

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")
"""https://developer.android.com/build/configure-app-module#set-application-id ; ``android`` itself has one segment."""
_LISTED: Final = re.compile(r"package:(?:.*=)?(?P<name>[^= ]*)(?: versionCode:(?P<code>\d+))?(?: .*)?")
"""A line of `pm list packages -f --show-versioncode`; paths hold ``=``."""
_DUMPED: Final = re.compile(r"^  Package \[([^\]\n]+)\]|^ +lastUpdateTime=(.+)$", re.MULTILINE)
"""Of `dumpsys package packages`: packages, and when each was installed or updated last."""
_SERIAL: Final = re.compile(r"[\w.:\[\]() +-]{1,256}", re.ASCII)
_EXPANSIONS: Final = "/sdcard/Android/obb"
"""https://developer.android.com/google/play/expansion-files#StorageLocation"""


class _Target(Struct, frozen=True):
    """What a locator means."""

    serial: str
    """Empty: the only phone."""
    package: str
    """Empty: all of them."""
    system: bool


class _Pulled(Struct, frozen=True):
    """An app at hand."""

    package: Package
    fetched: int


def _items(locator: str, _settings: Mapping[str, str]) -> Iterator[Item]:
    target = _parse(locator)
    phone = _phone(target)
    times = _update_times(phone)
    which = () if target.system or target.package else ("-3",)
    found = phone.run("pm", "list", "packages", "--user", "current", "-f", "--show-versioncode", *which)
    seen = set()
    for name, code in _listed(found):
        if name in seen or target.package not in ("", name):
            continue
        seen.add(name)
        yield Item(
            locator=f"{_root(phone)}/{quote(name, safe='')}",
            stamp=f"{code or '?'}@{times.get(name, '?')}",
            package_id=name if _NAME.fullmatch(name) else None,
            version_code=code,
        )
    if target.package and not seen:
        raise UnreadableError("no such app on the phone", where=locator)


def _listed(text: str) -> Iterator[tuple[str, str | None]]:
    """Name and version code of each line; a line that makes no sense is its own name, which fails when it is opened."""
    for line in text.splitlines():
        if line:
            match = _LISTED.fullmatch(line)
            yield (match["name"], match["code"]) if match and match["name"] else (line[:200], None)


def _update_times(phone: Phone) -> dict[str, str]:
    """When each app was updated last, in the phone's local time: what tells a build that kept its version code."""
    times: dict[str, str] = {}
    name = ""
    for match in _DUMPED.finditer(phone.run("dumpsys", "package", "packages")):
        if match[1] is not None:
            name = match[1]
        elif name:
            # Updated system apps come a second time, as they were delivered.
            times.setdefault(name, match[2].strip()[:64])
    return times


@contextmanager
def _open(item: Item, _settings: Mapping[str, str]) -> Iterator[_Pulled]:
    target = _parse(item.locator)
    if not _NAME.fullmatch(target.package):
        raise MalformedError("not the name of a package", where=item.locator)
    phone = _phone(target)
    with ExitStack() as stack:
        files = _pull(phone, target.package, item.locator, stack)
        (first, *others) = files.values()
        location = Location(path=item.locator)
        package = open_files(files, location) if others else open_source(first)
        stack.callback(package.close)
        yield _Pulled(package, sum(file.size for file in files.values()))


def _pull(phone: Phone, package: str, locator: str, stack: ExitStack) -> dict[str, ByteSource]:
    """All files of an app by their names: APKs first. Raises `TransientError` when it was updated meanwhile."""
    paths = _apks(phone, package, locator)
    files: dict[str, ByteSource] = {}
    left = MAX_REMOTE_BYTES
    for path in (*paths, *_expansions(phone, package, locator)):
        name = path.rpartition("/")[2]
        if name in files:
            raise MalformedError(f"the app has two files called {name}", where=locator)
        alone = len(paths) == 1 and not files
        source = _pulled(phone, path, locator if alone else f"{locator}!{name}", left)
        stack.callback(source.close)
        left -= source.size
        files[name] = source
    if _apks(phone, package, locator) != paths:
        raise TransientError("the app was updated while it was pulled", where=locator)
    return files


def _apks(phone: Phone, package: str, locator: str) -> tuple[str, ...]:
    """Paths of the base and its splits. Raises `UnreadableError` when the app is not there (any more)."""
    lines = phone.run("pm", "path", "--user", "current", package).split("\n")
    paths = tuple(line.rstrip("\r").removeprefix("package:") for line in lines if line.startswith("package:"))
    if not paths:
        raise UnreadableError("the app is not on the phone any more", where=locator)
    if not all(path.startswith("/") and path.endswith(".apk") and _plain(path) for path in paths):
        raise MalformedError("the phone names something as APK that is none", where=locator)
    if len(paths) > MAX_PHONE_FILES:
        raise LimitError(f"more than {MAX_PHONE_FILES} APKs", where=locator)
    return paths


def _expansions(phone: Phone, package: str, locator: str) -> Iterable[str]:
    folder = f"{_EXPANSIONS}/{package}"
    names = sorted(file.name for file in phone.list(folder) if file.is_file and file.name.endswith(".obb"))
    if not all("/" not in name and _plain(name) for name in names):
        raise MalformedError("an expansion file with an impossible name", where=locator)
    return [f"{folder}/{name}" for name in names]


def _plain(path: str) -> bool:
    return path.isprintable() and ".." not in path.split("/")


def _pulled(phone: Phone, path: str, name: str, most: int) -> ByteSource:
    """One file. Raises `TransientError` when it goes away or changes meanwhile."""
    file = phone.stat(path)
    if file is None:
        raise TransientError("the file is gone: the app was updated or removed", where=name)
    if not file.is_file:
        raise MalformedError("the phone names something as file that is none", where=name)
    if file.size > most:
        raise LimitError(f"an app of more than {MAX_REMOTE_BYTES} bytes", where=name)
    try:
        return ByteSource.spool(_exactly(phone.pull(path), file.size, name), name, limit=file.size)
    except UnreadableError as error:
        if isinstance(error.__cause__, OSError):  # of this machine: no room for it
            raise TransientError(error.what, where=name, hint="free space, or set TMPDIR") from error
        raise


def _exactly(pieces: Iterator[bytes], size: int, where: str) -> Iterator[bytes]:
    came = 0
    for piece in pieces:
        came += len(piece)
        if came > size:
            break
        yield piece
    if came != size:
        raise TransientError(f"the file was {size} bytes, {came} came: it changed", where=where)


def _phone(target: _Target) -> Phone:
    server = AdbServer.of_environment()
    return server.phone(target.serial or os.environ.get("ANDROID_SERIAL") or _only(server))


def _only(server: AdbServer) -> str:
    """The serial number of the only phone."""
    devices = server.devices()
    if not devices:
        raise TransientError("no phone is connected", where="adb:", hint="adb devices")
    if len(devices) > 1:
        choice = ", ".join(f"adb://{quote(device.serial, safe=':')}" for device in devices[:8])
        raise UsageError(f"{len(devices)} phones are connected", hint=choice)
    return devices[0].serial


def _root(phone: Phone) -> str:
    return f"adb://{quote(phone.serial, safe=':')}"


def _parse(locator: str) -> _Target:
    """Raises `UsageError`."""
    place, _, query = locator.removeprefix("adb:").removeprefix("//").partition("?")
    serial, _, package = (unquote(part) for part in place.partition("/"))
    settings = dict(parse_qsl(query, keep_blank_values=True))
    system = settings.pop("system", "0")
    if settings or system not in ("0", "1") or (serial and not _SERIAL.fullmatch(serial)):
        raise UsageError("not the address of a phone", where=locator, hint="adb://SERIAL or adb://SERIAL?system=1")
    return _Target(serial, package, system == "1")


SOURCE = Source(
    name="adb",
    title="Phone",
    example="adb://SERIAL",
    claims=lambda locator: locator == "adb:" or locator.startswith(("adb://", "adb:?")),
    items=_items,
    open=_open,
    references=(
        "https://developer.android.com/tools/adb",
        "https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/docs/dev/services.md",
    ),
    limitations=(
        "Android 8 or newer. Android 7 has no `--show-versioncode`.",
        "Apps of the user in front; those of a work profile are not seen.",
        "Asset packs that Play delivered after installation are not readable for adb.",
    ),
)
