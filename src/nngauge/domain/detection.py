"""A detection: technology X is inside, this is how it is inside, and this is why we say so."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.evidence import Confidence, Evidence, Presence


class Category(StrEnum):
    """What kind of technology a rule describes."""

    RUNTIME = "runtime"
    """Executes neural networks or other learned models on the device."""
    ACCELERATOR = "accelerator"
    """Delegate, vendor back end or kernel library that a runtime hands work to."""
    SDK = "sdk"
    """Ready-made on-device AI feature (ML Kit API, Tesseract, Vosk)."""
    SYSTEM = "system"
    """Model or framework that the operating system or Play services provides."""
    CLOUD = "cloud"
    """AI service over the network."""
    WRAPPER = "wrapper"
    """Binding that hands a runtime to another language or engine (React Native, Flutter, Unity)."""
    CLASSICAL = "classical"
    """Machine learning other than neural networks."""


class Detection(Struct, frozen=True, kw_only=True):
    """One technology in one place (a library, the dex code, the manifest …) of one app."""

    technology: str
    """Rule id, e.g. ``onnxruntime``."""
    title: str
    category: Category
    presence: Presence
    confidence: Confidence
    version: str | None = None
    """As the binary tells it; None when it does not."""
    version_range: str | None = None
    """Without `version`: the releases it can be, by dated features, e.g. ``>2.15.0,<2.18.0``. With `version`: what other
    evidence in the same place says against it (``==1.19.2`` where that names one release). Never an exact version."""
    version_evidence: Evidence | None = None
    """Of `version`, or else of `version_range`."""
    host: str | None = None
    """Id of the technology whose library contains this one (`Presence.EMBEDDED`)."""
    abi: str | None = None
    """Android ABI or Mach-O CPU of the binary, where there is one."""
    library_bytes: int | None = None
    """Uncompressed size of the binary it was found in."""
    evidence: tuple[Evidence, ...]
    evidence_count: int
    """All matches, also those beyond `limits.EVIDENCE_PER_FACT`."""
