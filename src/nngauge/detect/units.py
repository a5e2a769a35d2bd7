"""Units: what a clause looks at. Each answers one question: is this feature here, and where?"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct, field

from nngauge.detect.literals import Hit
from nngauge.detect.ruleset import Scope
from nngauge.detect.signatures import Key, Signatures, literal_of
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.limits import EVIDENCE_EXCERPT

_HOST_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


class Binary(Protocol):
    """The facts of an ELF or Mach-O file that rules ask for."""

    @property
    def install_name(self) -> str | None:
        """DT_SONAME or LC_ID_DYLIB."""

    @property
    def needed(self) -> tuple[str, ...]:
        """Libraries it links."""

    @property
    def abi(self) -> str | None:
        """Android ABI or Mach-O CPU name."""

    def exports(self, name: bytes) -> bool:
        """Is `name` a defined dynamic symbol?"""

    def imports(self, name: bytes) -> bool:
        """Is `name` an undefined dynamic symbol?"""

    def symbol_versions(self) -> tuple[str, ...]:
        """ELF version definitions."""

    def getter(self, name: bytes) -> str | None:
        """The constant that the exported function `name` gives, when its code is that simple."""

    def variable(self, name: bytes) -> int | None:
        """The number in the exported variable `name`."""

    @property
    def build_id(self) -> str | None:
        """GNU build id or Mach-O UUID, hexadecimal."""


class Unit(Protocol):
    """Something a clause can be tried on."""

    @property
    def scope(self) -> Scope:
        """Which clauses apply."""

    @property
    def location(self) -> Location:
        """Where it is."""

    def find(self, key: Key) -> Evidence | None:
        """Evidence for one feature, None when it is not there."""


Window = Callable[[int, int], bytes]
"""`(offset, count)` → bytes of the unit, as far as they go."""


def evidence(kind: EvidenceKind, location: Location, value: str) -> Evidence:
    """Evidence with its value cut to what a report shows."""
    text = value if len(value) <= EVIDENCE_EXCERPT else value[: EVIDENCE_EXCERPT - 1] + "…"
    return Evidence(kind=kind, location=location, value=text)


class CodeUnit(Struct):
    """One scanned file: native binary, script or .NET file."""

    scope: Scope
    location: Location
    size: int
    window: Window
    offsets: dict[int, list[int]] = field(default_factory=dict)
    """Literal index → end offsets of its hits."""
    binary: Binary | None = None
    signatures: Signatures | None = None
    _index: Mapping[bytes, int] = field(default_factory=dict)

    def literal_offset(self, literal: bytes) -> int | None:
        """Start of the first hit of `literal`."""
        ends = self.offsets.get(self._index.get(literal, -1))
        return ends[0] - len(literal) if ends else None

    def find(self, key: Key) -> Evidence | None:
        """Evidence for one feature, verified against the binary's own tables where it is a symbol."""
        kind, text = key
        if kind in ("soname", "needed", "name"):
            return self._find_name(kind, text)
        offset = self.literal_offset(literal_of(kind, text))
        if offset is None:
            return None
        if kind == "host":
            return self._find_host(text)
        if kind in ("export", "import"):
            return self._find_symbol(kind, text, offset)
        return evidence(EvidenceKind.STRING, self.location.at(offset, len(text.encode())), text)

    def _find_symbol(self, kind: str, text: str, offset: int) -> Evidence | None:
        if self.binary is None:
            return None
        name = text.removesuffix("*").encode()
        asks = self.binary.exports if kind == "export" else self.binary.imports
        if text.endswith("*") or asks(name) or asks(b"_" + name):
            which = EvidenceKind.EXPORT if kind == "export" else EvidenceKind.IMPORT
            return evidence(which, self.location.at(offset, len(name)), text)
        return None

    def _find_host(self, text: str) -> Evidence | None:
        literal = text.encode()
        for end in self.offsets.get(self._index.get(literal, -1), ()):
            start = end - len(literal)
            around = self.window(max(0, start - 1), len(literal) + 2)
            before = around[:1] if start else b""
            after = around[len(literal) + len(before) :][:1]
            if (not before or before[0] not in _HOST_CHARACTERS) and (
                not after or (after[0] not in _HOST_CHARACTERS and after != b".")
            ):
                return evidence(EvidenceKind.STRING, self.location.at(start, len(literal)), text)
        return None

    def _find_name(self, kind: str, text: str) -> Evidence | None:
        if kind == "name":
            names: Iterable[str] = (self.location.name,)
            which = EvidenceKind.FILE_NAME
        elif kind == "soname":
            install = self.binary.install_name if self.binary else None
            names = (install.rpartition("/")[2], self.location.name) if install else (self.location.name,)
            which = EvidenceKind.SONAME
        else:
            names = self.binary.needed if self.binary else ()
            which = EvidenceKind.NEEDED
        match = next((name for name in names if fnmatch.fnmatchcase(name, text)), None)
        return evidence(which, self.location, match) if match is not None else None


def code_unit(
    signatures: Signatures,
    scope: Scope,
    location: Location,
    size: int,
    hits: Iterable[Hit],
    window: Window,
    binary: Binary | None = None,
) -> CodeUnit:
    """A unit from raw scan hits."""
    offsets: dict[int, list[int]] = {}
    for index, end in hits:
        offsets.setdefault(index, []).append(end)
    return CodeUnit(
        scope=scope, location=location, size=size, window=window, offsets=offsets, binary=binary, signatures=signatures,
        _index=signatures.literal_index,
    )  # fmt: skip


class FactUnit(Struct):
    """A unit whose features were collected beforehand: all dex code of an app, a manifest, a plist, entry paths."""

    scope: Scope
    location: Location
    found: dict[Key, Evidence] = field(default_factory=dict)

    def find(self, key: Key) -> Evidence | None:
        """The evidence collected for one feature."""
        return self.found.get(key)

    def add(self, key: Key, proof: Evidence) -> None:
        """Keeps the first evidence of a feature; a defined class replaces a referenced one."""
        known = self.found.get(key)
        if known is None or (known.kind is EvidenceKind.CLASS_REFERENCED and proof.kind is EvidenceKind.CLASS_DEFINED):
            self.found[key] = proof
