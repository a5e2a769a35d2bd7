"""Accelerators and delegates: what an app asks for, and whether what it asks for is there to be had."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.evidence import Evidence
from nngauge.domain.location import Location


class Hardware(StrEnum):
    """Where the work would go."""

    CPU = "cpu"
    GPU = "gpu"
    NPU = "npu"
    """Also digital signal processors that serve as one."""
    ANY = "any"
    """The system decides: NNAPI, Core ML."""


class Outcome(StrEnum):
    """What comes of a request."""

    WORKS = "works as shipped"
    """Everything the accelerator needs from the package is in it. Whether a phone has the hardware is not known here."""
    SYSTEM = "provided by the system"
    """The request is complete, and the phone's own libraries do the work."""
    MISSING = "asked for but not shipped"
    """Something is asked for that cannot work as the app was packaged."""
    UNASKED = "shipped but not asked for"
    """Bytes nobody in the app seems to ask for."""
    UNKNOWN = "unknown"
    """It could be used; the package does not tell whether it is, or is not all of the app."""


class Packaging(Struct, frozen=True, kw_only=True):
    """How an Android app is installed, as its manifests say."""

    native_libraries: tuple[str, ...] = ()
    """Libraries of the phone that ``<uses-native-library>`` asks for."""
    extracted: bool | None = None
    """Are the app's libraries unpacked into files? None when the package leaves that open (app bundles, folders)."""


class Acceleration(Struct, frozen=True, kw_only=True):
    """One accelerator in one ABI of one app."""

    accelerator: str
    """Id in `nngauge.knowledge.accelerators`, e.g. ``onnxruntime-qnn``."""
    title: str
    engine: str
    """Id of the technology that hands work to it; empty for direct use."""
    hardware: Hardware
    abi: str | None = None
    """Android ABI that the verdict is for; None where there is only one."""
    outcome: Outcome
    asked: tuple[Evidence, ...] = ()
    """How the app asks for it, at most `limits.EVIDENCE_PER_FACT`. For `Outcome.UNKNOWN`: what might be a request."""
    shipped: tuple[Location, ...] = ()
    """Files of the package that serve it."""
    size: int = 0
    """Uncompressed bytes of `shipped`."""
    missing: tuple[str, ...] = ()
    """What is not there: file names (with ``*``), or the manifest entry."""
    phones: tuple[str, ...] = ()
    """Generations of hardware that the shipped files cover, where a file serves only one."""
    consequence: str = ""
    """One sentence: what happens on the phone."""
    advice: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Limits that do not stop it: deprecation, generations left out, a slower way taken."""
    sources: tuple[str, ...] = ()
    """Where all this is documented."""
