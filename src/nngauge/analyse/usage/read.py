"""Reads the code of an app again, for questions that a scan does not ask: who calls whom?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nngauge.analyse.usage.classes import Class, Classes, descriptor_of
from nngauge.analyse.usage.code import AppCode, Bundle, NativeLibrary
from nngauge.analyse.usage.hosts import HOSTS, host_of
from nngauge.analyse.usage.manifest import component_classes, native_activities
from nngauge.analyse.usage.natives import FileNames, read_native
from nngauge.domain.location import Location
from nngauge.domain.usage import Obstacle
from nngauge.errors import InputError, LimitError, NngaugeError
from nngauge.io.dex_code import CodePart, read_code
from nngauge.io.source import ByteSource
from nngauge.limits import MAX_CODE_BYTES, MAX_HOST_BYTES, MAX_LAYOUT_BYTES, MAX_NATIVE_BYTES, MIB
from nngauge.packages import Entry, Package, PackagePart, salvage

_DEX: Final = re.compile(r"(?:^|/)classes\d*\.dex$")
_OTHER_DEX: Final = re.compile(r"(?:^|/)assets/.*\.dex$")
_LIBRARY: Final = re.compile(r"(?:^|/)lib/([^/]+)/([^/]+\.so)$")
_LAYOUT: Final = re.compile(r"(?:^|/)res/[^/]+(?:/[^/]+)?\.xml$")
_SERVICE: Final = re.compile(r"(?:^|/)META-INF/services/([\w.$]+)$")
_TABLE: Final = re.compile(r"(?:^|/)resources\.(?:arsc|pb)$")
_ABIS: Final = ("arm64-v8a", "armeabi-v7a", "x86_64", "x86", "armeabi")
_CLASS_NAME: Final = re.compile(r"[a-zA-Z_]\w*(?:\.[\w$]+)+", re.ASCII)


def app_code(package: Package) -> AppCode:
    """The code of an app, opened for `nngauge.analyse.usage.usage`. The package may be closed afterwards.

    Raises nothing for what is wrong inside: `AppCode.obstacles` says what could not be read.
    """
    return _Reader(package).read()


class _Reader:
    """The pieces while they are collected."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.obstacles: dict[Obstacle, str] = {}
        self.parts: list[CodePart] = []
        self.left = {
            "dex": MAX_CODE_BYTES, "bundle": MAX_HOST_BYTES, "layout": MAX_LAYOUT_BYTES, "table": 64 * MIB,
            "native": MAX_NATIVE_BYTES,
        }  # fmt: skip
        """Bytes that may still be read, by kind."""
        self.bundles: list[Bundle] = []
        self.layouts: list[bytes] = []
        self.services: dict[str, tuple[str, ...]] = {}
        self.libraries: dict[str, tuple[int, Entry, Location]] = {}
        """File name → rank of its ABI and the entry, of the best ABI so far."""
        self.table = b""
        self.data_names: set[str] = set()
        """File names of everything but code: models may be named by native code."""

    def read(self) -> AppCode:
        for part in self.package.parts:
            for entry in part.container.entries:
                if entry.path not in part.consumed:
                    self._entry(entry, part)
        classes = self._classes()
        manifests = [part.manifest for part in self.package.parts if part.manifest is not None]
        components = tuple(found for root in manifests for found in component_classes(root))
        if not self.parts:
            self.obstacles.setdefault(Obstacle.NO_CODE, "there is no Dalvik code in the package")
        self._logic()
        names = FileNames({*self.libraries, *self.data_names})
        return AppCode(
            classes=classes,
            location=self.package.parts[0].location if self.package.parts else Location(path=""),
            package_id=self.package.app.package_id or "",
            manifest=bool(manifests),
            components=components,
            natives=tuple(self._natives(classes, names)),
            bundles=tuple(self.bundles),
            layouts=len(self.layouts),
            layout_names=self._layout_names(classes),
            services=self.services,
            native_entry=tuple(f"lib{name}.so" for root in manifests for name in native_activities(root)),
            resources=self.table,
            obstacles=self.obstacles,
        )

    def _entry(self, entry: Entry, part: PackagePart) -> None:
        path = entry.path
        location = part.location.inside(path)
        if _DEX.search(path):
            self._dex(entry, location)
        elif library := _LIBRARY.search(path):
            rank = _ABIS.index(library[1]) if library[1] in _ABIS else len(_ABIS)
            if library[2] not in self.libraries or rank < self.libraries[library[2]][0]:
                self.libraries[library[2]] = (rank, entry, location)
        elif _LAYOUT.search(path):
            self.layouts.append(self._bytes(entry, location, "layout"))
        elif service := _SERVICE.search(path):
            text = self._bytes(entry, location, "layout").decode("utf-8", "replace")
            lines = (line.partition("#")[0].strip() for line in text.splitlines())
            self.services[descriptor_of(service[1])] = tuple(line for line in lines if line)
        elif _TABLE.search(path):
            self.table += self._bytes(entry, location, "table")
        elif _OTHER_DEX.search(path):
            self.obstacles.setdefault(Obstacle.DYNAMIC_CODE, f"more code is in {path}, where the system does not look")
        else:
            self.data_names.add(path.rpartition("/")[2])
        if host := host_of(path):
            self.bundles.append(Bundle(host=host.name, location=location, data=self._bytes(entry, location, "bundle")))

    def _bytes(self, entry: Entry, location: Location, purse: str) -> bytes:
        """All of an entry; empty, with an obstacle for code, when it cannot be had or the bound for its kind is met."""
        try:
            with self._opened(entry, location, purse) as source:
                return source.read(0, source.size)
        except NngaugeError as error:
            if purse == "dex":
                self.obstacles.setdefault(Obstacle.CODE_UNREAD, f"{location.name} could not be read: {error.what}")
            return b""

    @contextmanager
    def _opened(self, entry: Entry, location: Location, purse: str) -> Iterator[ByteSource]:
        """The whole entry; raises what reading it raises, and `LimitError` when all of its kind exceed their bound."""
        if entry.size > self.left[purse]:
            raise LimitError(f"more than the bound for {purse} in all", where=str(location))
        source, error = salvage(entry, location, self.left[purse])
        with source:
            if error is not None:
                raise error
            self.left[purse] -= source.size
            if self.left[purse] < 0:
                raise LimitError(f"more than the bound for {purse} in all", where=str(location))
            yield source

    def _dex(self, entry: Entry, location: Location) -> None:
        data = self._bytes(entry, location, "dex")
        try:
            self.parts += read_code(data) if data else ()
        except NngaugeError as error:
            self.obstacles.setdefault(Obstacle.CODE_UNREAD, f"{location.name} could not be read: {error.what}")

    def _classes(self) -> Classes:
        try:
            return Classes(self.parts)
        except InputError as error:
            self.obstacles.setdefault(Obstacle.CODE_UNREAD, f"the classes could not be read: {error.what}")
            return Classes(())

    def _logic(self) -> None:
        """A framework of another language without the file that holds the logic."""
        for host in HOSTS:
            readable = any(bundle.host == host.name and bundle.data for bundle in self.bundles)
            if host.library in self.libraries and not readable:
                text = f"the app's logic is made with {host.name}, and the file that holds it could not be read"
                self.obstacles.setdefault(Obstacle.SCRIPT, text)

    def _natives(self, classes: Classes, names: FileNames) -> Iterator[NativeLibrary]:
        for name, (_, entry, location) in sorted(self.libraries.items()):
            try:
                with self._opened(entry, location, "native") as source:
                    yield read_native(name, location, source.view(), classes, names)
            except NngaugeError:
                yield NativeLibrary(name=name, location=location, onload=True)

    def _layout_names(self, classes: Classes) -> frozenset[str]:
        """Pools hold UTF-8 or UTF-16, each string behind its length, which may look like a letter."""
        found: set[str] = set()
        for data in self.layouts:
            found.update(_CLASS_NAME.findall(data.decode("latin-1")))
            found.update(_CLASS_NAME.findall(data.decode("utf-16-le", "replace")))
        return frozenset(known for name in found if (known := _class_at(classes, name)))


def _class_at(classes: Classes, name: str) -> str:
    """The class that `name` is, or ends with: the length before it in the pool may look like a letter."""
    for start in range(min(3, len(name))):
        known: Class | None = classes.named(name[start:])
        if known is not None:
            return name[start:]
    return ""
