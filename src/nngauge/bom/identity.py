"""Package URLs: for the app, for published models, and for runtimes whose registry entry is known.

https://github.com/package-url/purl-spec. There is no type for apps of Android or iOS (``apk`` is Alpine Linux), so an app
is ``generic``.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from nngauge.bom.cleaning import SHORT, clean
from nngauge.domain.app import App, Platform

REGISTRIES: Final = Path(__file__).parent / "registries.toml"
_GITHUB: Final = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+)/(?:blob|raw)/([\w.-]+)/([^?#]+)")
_HUGGING_FACE: Final = re.compile(r"https://huggingface\.co/([\w.-]+)/([\w.-]+)/(?:blob|resolve)/([\w.-]+)/([^?#]+)")


class Registered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Under which name a technology is published, by platform; empty where it is not, or under several names."""

    android: str = ""
    ios: str = ""


def app_purl(app: App) -> str:
    """``pkg:generic/com.example.app@1.2?checksum=sha256:…``; empty for an app without an id."""
    name, version = _part(app.package_id or ""), _part(app.version_name or "")
    if not name:
        return ""
    checksum = f"?checksum=sha256:{app.sha256}" if app.sha256 else ""
    return f"pkg:generic/{name}{'@' if version else ''}{version}{checksum}"


def source_purl(source: str) -> str:
    """Of a published file at a commit on GitHub or Hugging Face; empty for other addresses."""
    plain = clean(source)
    found = _GITHUB.fullmatch(plain)
    if found:
        owner, name, commit, path = found.groups()
        return f"pkg:github/{_part(owner.lower())}/{_part(name.lower())}@{_part(commit)}#{quote(path)}"
    found = _HUGGING_FACE.fullmatch(plain)
    if found:
        owner, name, commit, path = found.groups()
        return f"pkg:huggingface/{_part(owner)}/{_part(name)}@{_part(commit.lower())}#{quote(path)}"
    return ""


def source_owner(source: str) -> str:
    """Whose the repository of a published file is, as its address says; empty for other addresses."""
    found = _GITHUB.fullmatch(clean(source)) or _HUGGING_FACE.fullmatch(clean(source))
    return found[1] if found else ""


def technology_purl(technology: str, platform: Platform, version: str) -> str:
    """Under which name the registry of the platform knows a technology; empty where that is not known."""
    entry = _registries().get(technology)
    if entry is None:
        return ""
    purl = entry.ios if platform is Platform.IOS else entry.android
    return f"{purl}@{_part(version)}" if purl and version else purl


def _part(text: str) -> str:
    return quote(clean(text, SHORT), safe=".-_~")


@cache
def _registries() -> dict[str, Registered]:
    import tomllib

    return msgspec.convert(tomllib.loads(REGISTRIES.read_text(encoding="utf-8")), dict[str, Registered])
