"""What an app has, indexed by what accelerators ask for: sightings by rule and clause, libraries by name and ABI."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct, field

from nngauge.domain.acceleration import Packaging
from nngauge.domain.app import App, Platform
from nngauge.domain.detection import Detection
from nngauge.domain.evidence import Evidence, EvidenceKind, Presence
from nngauge.domain.library import Library
from nngauge.domain.model import Model
from nngauge.knowledge.accelerators import Accelerator

_ANDROID_ABIS: Final = frozenset({"arm64-v8a", "armeabi-v7a", "armeabi", "x86", "x86_64", "riscv64"})
_HIDDEN_SINCE: Final = 31
"""Target SDK from which the phone's own libraries must be asked for:
https://developer.android.com/guide/topics/manifest/uses-native-library-element."""
_APP_HANDLED: Final = frozenset({"assets", "res"})
"""Folders of an APK that the installer leaves alone: the app copies files out of them itself."""
_SHIPPED: Final = frozenset({Presence.LIBRARY, Presence.EMBEDDED, Presence.FRAMEWORK})


class Sighting(Struct, frozen=True):
    """A piece of evidence and the ABI of the file it is in; None for what serves all."""

    abi: str | None
    evidence: Evidence
    shipped: bool
    version: str | None


class NativeFile(Struct, frozen=True):
    """A native library under its names."""

    names: tuple[str, ...]
    library: Library
    abi: str | None
    """ABI that it is installed for; None for files that the app handles itself (assets, downloads)."""
    installed: bool
    """Handled by the installer, unlike assets."""


class Facts(Struct):
    """Everything the verdicts ask for, indexed."""

    app: App
    package: Packaging
    calls: Collection[str] | None
    models: Sequence[Model]
    files: list[NativeFile] = field(default_factory=list)
    sightings: dict[str, list[Sighting]] = field(default_factory=dict)
    """By technology and by ``technology#clause``."""
    abis: tuple[str | None, ...] = (None,)
    names: str = ""
    """All names of libraries, joined: most globs match none of them, which a search for their fixed beginning shows."""
    linked: str = ""
    """All names that libraries link, joined."""

    def concerns(self, one: Accelerator) -> bool:
        """Is there any trace of it? For most accelerators in most apps there is none, and this is all that is asked."""
        if not self.sightings.keys().isdisjoint((*one.asks, *one.hints, *one.automatic)):
            return True
        if any(_beginning(glob) in self.linked for glob in one.needed):
            return True
        if any(_beginning(glob) in self.names for part in one.parts if part.own for glob in part.files):
            return True
        rule = one.generations
        if rule is not None and rule.own and _beginning(rule.skel.replace("{}", "*")) in self.names:
            return True
        return any(model.format == wanted.format for wanted in one.models for model in self.models)

    def abis_for(self, one: Accelerator) -> tuple[str | None, ...]:
        """The ABIs to judge: those of the engine, else all that the accelerator exists for."""
        if one.platform is Platform.IOS:
            return (None,)
        possible = [abi for abi in self.abis if abi is None or not one.abis or abi in one.abis]
        engine = {item.abi for name in one.engine for item in self.sightings.get(name, ()) if item.shipped}
        used = [abi for abi in possible if abi in engine]
        return tuple(used or possible)

    def seen(self, labels: Iterable[str], abi: str | None, *, shipped: bool = False) -> list[Sighting]:
        """Sightings under any of `labels` that count for `abi`."""
        return [
            item
            for label in labels
            for item in self.sightings.get(label, ())
            if (abi is None or item.abi is None or item.abi == abi) and (item.shipped or not shipped)
        ]

    def together(self, labels: Iterable[str], hosts: Sequence[str], abi: str | None) -> list[Sighting]:
        """Sightings of code under any of `labels`, in files in which one of the technologies `hosts` was found too."""
        found = self.seen(labels, abi, shipped=True)
        if not hosts or not found:
            return found
        places = {item.evidence.location.path for item in self.seen(hosts, abi, shipped=True)}
        return [item for item in found if item.evidence.location.path in places]

    def named(self, globs: Iterable[str], abi: str | None) -> list[NativeFile]:
        """Libraries by name that reach a phone of `abi`."""
        globs = [glob for glob in globs if _beginning(glob) in self.names]
        return [
            file
            for file in self.files
            if (abi is None or file.abi is None or file.abi == abi)
            and any(fnmatchcase(name, glob) for glob in globs for name in file.names)
        ]

    def visible(self, names: Iterable[str]) -> bool:
        """May the app load one of these libraries of the phone?"""
        target = self.app.target_os or ""
        if not target.isdigit() or int(target) < _HIDDEN_SINCE:
            return True
        return any(fnmatchcase(told, name) for name in names for told in self.package.native_libraries)

    def linking(self, glob: str, abi: str | None) -> Iterator[Evidence]:
        """Libraries of the app that the linker will not load without a library of that name."""
        for file in self.files if _beginning(glob) in self.linked else ():
            if abi is None or file.abi in (abi, None):
                for name in file.library.needed:
                    if fnmatchcase(name, glob):
                        yield Evidence(kind=EvidenceKind.NEEDED, location=file.library.location, value=name)

    def usable(self, file: NativeFile) -> bool:
        """Can it be opened as a file on the phone?"""
        return not file.installed or self.package.extracted is not False


def collect(
    detections: Sequence[Detection],
    libraries: Sequence[Library],
    app: App,
    models: Sequence[Model],
    package: Packaging,
    calls: Collection[str] | None,
) -> Facts:
    """Indexes everything a scan found; `calls` as in `nngauge.analyse.acceleration.accelerations`."""
    facts = Facts(app, package, calls, models)
    facts.files = [_file(library, app.platform) for library in libraries]
    facts.names = "\n".join(name for file in facts.files for name in file.names)
    facts.linked = "\n".join(name for library in libraries for name in library.needed)
    abis = sorted({file.abi for file in facts.files if file.abi and file.installed})
    abis = abis or sorted({file.abi for file in facts.files if file.abi})
    facts.abis = tuple(abis) or (None,)
    installed = {file.library.location.path: file.abi for file in facts.files}
    for item in detections:
        for proof in item.evidence:
            abi = installed.get(proof.location.path)
            sighting = Sighting(abi, proof, item.presence in _SHIPPED, item.version)
            facts.sightings.setdefault(proof.rule, []).append(sighting)
        abi = installed.get(item.evidence[0].location.path)
        first = Sighting(abi, item.evidence[0], item.presence in _SHIPPED, item.version)
        facts.sightings.setdefault(item.technology, []).append(first)
    return facts


def _beginning(glob: str) -> str:
    return glob.partition("*")[0]


def _file(library: Library, platform: Platform) -> NativeFile:
    name = library.location.name
    names = (name, library.soname.rpartition("/")[2]) if library.soname else (name,)
    if platform is Platform.IOS:
        return NativeFile(names, library, None, installed=True)
    folders = library.location.path.rpartition("!")[2].split("/")[:-1]
    if folders and folders[-1] in _ANDROID_ABIS and not _APP_HANDLED.intersection(folders):
        return NativeFile(names, library, folders[-1], installed=True)
    return NativeFile(names, library, library.abi if library.abi in _ANDROID_ABIS else None, installed=False)
