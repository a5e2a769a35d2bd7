"""An app: one version of one application on one platform, as identified from its package."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Platform(StrEnum):
    """Operating system a package is made for."""

    ANDROID = "android"
    IOS = "ios"
    UNKNOWN = "unknown"


class Part(Struct, frozen=True, kw_only=True):
    """One file or directory that an app came in (base, split, OBB, asset pack)."""

    path: str
    role: str
    """``base``, ``split:<name>``, ``asset-pack:<name>``, ``ai-pack:<name>``, ``obb``, ``module:<name>``, ``folder``, ``archive``."""
    size: int
    sha256: str | None = None


class App(Struct, frozen=True, kw_only=True):
    """Identity of an app. Whatever the package does not tell is None, never a guess."""

    platform: Platform
    container: str
    """Package format that was read: ``apk``, ``split-set``, ``aab``, ``ipa``, ``aar``, ``obb``, ``folder``, ``archive``."""
    package_id: str | None = None
    version_name: str | None = None
    version_code: str | None = None
    label: str | None = None
    min_os: str | None = None
    """minSdkVersion or MinimumOSVersion."""
    target_os: str | None = None
    """targetSdkVersion or DTPlatformVersion."""
    permissions: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    """SHA-256 of each signing certificate (DER), hexadecimal, as apksigner prints it."""
    team: str | None = None
    """Apple's identifier of the developer team."""
    abis: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    size: int = 0
    """Bytes of all parts as shipped."""
    sha256: str = ""
    """Of the one file, or of the sorted digests of all parts."""
