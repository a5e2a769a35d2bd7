"""Why we claim something: every fact carries at least one piece of evidence that a person can check."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.location import Location


class Confidence(StrEnum):
    """How far one claim can be trusted; an enum, never a made-up percentage."""

    CERTAIN = "certain"
    """Content that nothing else produces (type names, exported API, validated structure)."""
    LIKELY = "likely"
    """Several independent hints, or one that only look-alikes built on purpose would share."""
    POSSIBLE = "possible"
    """Names or single weak hints; shown, never counted."""


class Presence(StrEnum):
    """In which way a technology is inside, from strongest to weakest. Grades are never merged."""

    LIBRARY = "library"
    """The technology's own library is shipped."""
    EMBEDDED = "embedded"
    """Statically linked inside another library or program."""
    FRAMEWORK = "framework"
    """A framework of the operating system that a binary links or asks for (Core ML, NNAPI, AICore)."""
    DEFINED = "defined"
    """Its classes or script code are part of the app."""
    REFERENCED = "referenced"
    """App code names its classes or functions, which are not shipped."""
    DECLARED = "declared"
    """Only configuration speaks of it (manifest entry, property file, plist key)."""
    ENDPOINT = "endpoint"
    """A network address of the service is in the app's code."""
    FILE = "file"
    """Only data files that belong to it."""


class EvidenceKind(StrEnum):
    """What kind of trace was found."""

    STRING = "string"
    EXPORT = "export"
    IMPORT = "import"
    SONAME = "soname"
    NEEDED = "needed"
    BUILD_ID = "build-id"
    SYMBOL_VERSION = "symbol-version"
    CLASS_DEFINED = "class-defined"
    CLASS_REFERENCED = "class-referenced"
    METHOD = "method"
    FILE_NAME = "file-name"
    MANIFEST = "manifest"
    PLIST = "plist"
    MAGIC = "magic"
    STRUCTURE = "structure"
    STATISTICS = "statistics"


class Evidence(Struct, frozen=True, kw_only=True):
    """One trace: what was seen, where, and which rule asked for it."""

    kind: EvidenceKind
    location: Location
    value: str
    """The matched text, symbol, class or magic, printable and cut to `limits.EVIDENCE_EXCERPT`."""
    rule: str = ""
    """``rule-id#clause`` for detections, ``format@version`` for models."""
