"""Everything rules can see of one app, collected entry by entry, and the detections that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from nngauge.detect.evaluate import candidate_keys, detections, evaluate
from nngauge.detect.literals import Hit
from nngauge.detect.ruleset import Scope
from nngauge.detect.signatures import Key, Signatures, class_descriptor
from nngauge.detect.units import Binary, CodeUnit, FactUnit, Window, code_unit, evidence
from nngauge.domain.detection import Detection
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.limits import MAX_STRUCT_DEPTH

_MAX_METHODS = 200_000


class DexIndex(Protocol):
    """What rules ask of a dex file."""

    def defines(self, prefix: bytes) -> tuple[str, ...]:
        """Descriptors of classes defined here that start with `prefix`."""

    def references(self, prefix: bytes) -> tuple[str, ...]:
        """Descriptors of types only referenced here that start with `prefix`."""

    def method_refs(self, class_prefix: bytes) -> Iterable[tuple[str, str]]:
        """`(class descriptor, method name)` of methods referenced on such classes."""


class ManifestElement(Protocol):
    """An XML element as `nngauge.io.axml` gives it."""

    @property
    def name(self) -> str:
        """Tag."""

    @property
    def children(self) -> Sequence[ManifestElement]:
        """Child elements."""

    def get(self, name: str) -> object:
        """Attribute value by local name, None without one."""


class Detector:
    """Collects one app's units; `finish` gives the detections."""

    def __init__(self, signatures: Signatures, location: Location) -> None:
        self.signatures = signatures
        self.location = location
        self._done: list[Detection] = []
        self._dex = FactUnit(Scope.DEX, location)
        self._paths: dict[str, FactUnit] = {}
        self._facts: list[FactUnit] = []
        self._contents: dict[str, bytes] = {}
        self._loading = frozenset(rule.id for rule in signatures.ruleset.rules if rule.delivers is not None)
        self._loaders: list[Detection] = []

    def code(
        self,
        scope: Scope,
        location: Location,
        size: int,
        hits: Iterable[Hit],
        window: Window,
        binary: Binary | None = None,
    ) -> list[Detection]:
        """Tries all rules on one native binary, script or .NET file; the detections are also kept for `finish`."""
        unit = code_unit(self.signatures, scope, location, size, hits, window, binary)
        found = self._evaluate(unit, candidate_keys(self.signatures, unit))
        self._done += found
        return found

    def dex(self, location: Location, size: int, hits: Sequence[Hit], window: Window, dex: DexIndex) -> None:
        """Adds one dex file to the app's Java code."""
        unit = code_unit(self.signatures, Scope.DEX, location, size, hits, window)
        for key in dict.fromkeys(key for index in unit.offsets for key in self.signatures.features_of[index]):
            proof = _dex_evidence(unit, key, dex)
            if proof is not None:
                self._dex.add(key, proof)

    def java_class(self, location: Location, path: str, size: int, hits: Sequence[Hit], window: Window) -> None:
        """Adds one Java class file: it defines the class its path names, and references whatever it mentions."""
        name = "L" + path.removesuffix(".class") + ";"
        self.dex(location, size, hits, window, _ClassFile(name))
        for key in self._class_keys(name):
            self._dex.add(key, evidence(EvidenceKind.CLASS_DEFINED, location, name))

    def promising(self, paths: Sequence[str]) -> set[int]:
        """The indices of the entry paths for which `path` may add something."""
        globs = self.signatures.globs.get("path")
        return globs.possible(paths) if globs is not None else set()

    def path(self, location: Location, path: str) -> bool:
        """Adds one entry path; true when a rule wants the entry's content for a version (see `content`)."""
        globs = self.signatures.globs.get("path")
        if globs is None:
            return False
        texts = {*globs.matching(path), *globs.matching(path.rpartition("/")[2])}
        if not texts:
            return False
        unit = FactUnit(Scope.FILE, location)
        for text in texts:
            unit.add(("path", text), evidence(EvidenceKind.FILE_NAME, location, path))
        self._paths[location.path] = unit
        return True

    def content(self, location: Location, head: bytes) -> None:
        """The first bytes of an entry that `path` asked for."""
        self._contents[location.path] = head

    def manifest(self, location: Location, manifest: ManifestElement) -> None:
        """Adds an Android manifest."""
        unit = FactUnit(Scope.MANIFEST, location)
        for kind, text in _manifest_facts(manifest):
            self._match_names(unit, kind, kind, text, EvidenceKind.MANIFEST)
        self._facts.append(unit)

    def plist(self, location: Location, properties: Mapping[str, Any]) -> None:
        """Adds an Info.plist."""
        unit = FactUnit(Scope.PLIST, location)
        for kind, text in _plist_facts(properties, MAX_STRUCT_DEPTH):
            self._match_names(unit, f"plist-{kind}", kind, text, EvidenceKind.PLIST)
        self._facts.append(unit)

    def finish(self) -> tuple[Detection, ...]:
        """All detections of the app, in a stable order."""
        found = list(self._done)
        for unit in (self._dex, *self._facts, *self._paths.values()):
            found += self._evaluate(unit, tuple(unit.found))
        return tuple(sorted(found, key=_order))

    def loaders(self) -> tuple[Detection, ...]:
        """What brings code to the phone by other ways than the installer (`Rule.delivers`); complete after `finish`."""
        return tuple(sorted(self._loaders, key=_order))

    def _evaluate(self, unit: CodeUnit | FactUnit, keys: Iterable[Key]) -> list[Detection]:
        matches = evaluate(self.signatures, unit, keys)
        if not matches:
            return []
        head = self._contents.get(unit.location.path) if isinstance(unit, FactUnit) else None
        found = detections(self.signatures, unit, matches, head)
        self._loaders += [item for item in found if item.technology in self._loading]
        return [item for item in found if item.technology not in self._loading]

    def _class_keys(self, descriptor: str) -> Iterable[Key]:
        """Class features that the definition of `descriptor` satisfies."""
        hits = self.signatures.scan(b"\0" + descriptor.encode() + b"\0")
        for index, end in hits:
            if end - self.signatures.literals.lengths[index] == 1:
                yield from (key for key in self.signatures.features_of[index] if key[0] == "class")

    def _match_names(self, unit: FactUnit, glob_kind: str, kind: str, text: str, proof: EvidenceKind) -> None:
        globs = self.signatures.globs.get(glob_kind)
        for pattern in globs.matching(text) if globs else ():
            unit.add((kind, pattern), evidence(proof, unit.location, text))


def _order(item: Detection) -> tuple[str, str]:
    return item.technology, item.evidence[0].location.path


class _ClassFile(Struct, frozen=True):
    """A class file as an index: every descriptor the rules asked for and the bytes contain is a reference."""

    name: str

    def defines(self, prefix: bytes) -> tuple[str, ...]:
        return (self.name,) if self.name.startswith(prefix.decode()) else ()

    def references(self, prefix: bytes) -> tuple[str, ...]:
        return (prefix.decode(),)

    def method_refs(self, class_prefix: bytes) -> Iterable[tuple[str, str]]:  # noqa: ARG002 - part of the protocol
        return ()


def _dex_evidence(unit: CodeUnit, key: Key, dex: DexIndex) -> Evidence | None:
    kind, text = key
    if kind == "class":
        descriptor = class_descriptor(text).encode()
        for which, found in (
            (EvidenceKind.CLASS_DEFINED, dex.defines(descriptor)),
            (EvidenceKind.CLASS_REFERENCED, dex.references(descriptor)),
        ):
            if found:
                return evidence(which, unit.location, found[0])
        return None
    if kind == "method":
        owner, _, name = text.rpartition(".")
        descriptor = class_descriptor(owner).encode()
        for count, (_, method) in enumerate(dex.method_refs(descriptor)):
            if method == name:
                return evidence(EvidenceKind.METHOD, unit.location, text)
            if count > _MAX_METHODS:
                break
        return None
    return unit.find(key)


_COMPONENTS = frozenset({"activity", "activity-alias", "service", "receiver", "provider"})
_NAME_KINDS = {
    "uses-permission": "permission",
    "uses-permission-sdk-23": "permission",
    "uses-feature": "feature",
    "uses-library": "library",
    "uses-native-library": "library",
    "package": "query",
}


def _manifest_facts(root: ManifestElement) -> Iterable[Key]:
    stack = [root]
    while stack:
        element = stack.pop()
        stack.extend(element.children)
        name = str(element.get("name") or "")
        if not name:
            continue
        if element.name in _COMPONENTS:
            yield "component", name
        elif element.name == "meta-data":
            yield "meta", name
            yield "meta", f"{name}={element.get('value') or element.get('resource') or ''}"
        elif element.name in _NAME_KINDS:
            yield _NAME_KINDS[element.name], name


def _plist_facts(value: Any, depth: int) -> Iterable[Key]:
    if depth == 0:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield "key", str(key)
            yield from _plist_facts(item, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _plist_facts(item, depth - 1)
    elif isinstance(value, str):
        yield "string", value
