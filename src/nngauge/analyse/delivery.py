"""How native code that is not where the system loads it from may still reach the phone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from nngauge.detect.ruleset import Delivery
from nngauge.domain.app import App
from nngauge.domain.detection import Detection
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location

_APP_SUFFIXES: Final = (".apk", ".apks", ".apkm", ".xapk", ".aab", ".aar", ".ipa", ".obb", ".jar")
"""Containers that an installer or a build knows; libraries inside them are where they belong."""
_ASSETS: Final = re.compile(r"(?:[\w.-]+/)?(?:assets|res/raw)/")
"""Android's package manager never unpacks these (the folder in front is a module of an app bundle)."""

_ADDITIONS: Final = frozenset({"split", "asset-pack", "ai-pack", "obb"})
"""Roles of parts that are no app by themselves."""


class Delivered(Struct, frozen=True):
    """Ways by which code that is not seen may come."""

    partial: str = ""
    """Why the package is only a part of an app; empty when it is a whole one."""
    packed: tuple[Detection, ...] = ()
    """Files of the app that are, or may hold, packed libraries."""
    unsure: tuple[Detection, ...] = ()
    """Means by which any code could be loaded; whether they are used for this is not known."""

    def packing(self, libraries: Sequence[str]) -> Detection | None:
        """The file that may hold one of `libraries` (globs): named like it, or holding nobody knows which."""
        for item in self.packed:
            name = item.evidence[0].location.name
            stem, suffix, _ = name.partition(".so")
            if not suffix or any(fnmatchcase(stem + suffix, glob) for glob in libraries):
                return item
        return None


def packed_place(location: Location) -> str:
    """The archive or asset that holds a library which no installer unpacks; empty for all others."""
    _, *inner = location.path.split("!")
    for at, name in enumerate(inner[:-1]):
        if not name.lower().endswith(_APP_SUFFIXES):
            return "!".join(inner[: at + 1])
    return inner[-1] if inner and _ASSETS.match(inner[-1]) else ""


def ways_in(loaders: Sequence[Detection], kinds: Mapping[str, Delivery], app: App | None) -> Delivered:
    """What the loaders of an app, and the kind of its package, say about code that is not there.

    `kinds` tells by rule id how a loader delivers.
    """
    known = [(kinds[item.technology], item) for item in loaders if item.technology in kinds]
    splits = any(kind is Delivery.SPLIT for kind, _ in known)
    ways = [(kind, item) for kind, item in known if kind is not Delivery.SPLIT]
    return Delivered(
        partial=_partial(splits=splits, app=app),
        packed=tuple(item for kind, item in ways if kind is Delivery.PACKED),
        unsure=tuple(item for kind, item in ways if kind is Delivery.FETCHED),
    )


def _partial(*, splits: bool, app: App | None) -> str:
    if app is None or not app.parts:
        return ""
    if app.container == "aar":
        return "this is a library, which the app that uses it completes"
    if all(part.role.partition(":")[0] in _ADDITIONS for part in app.parts):
        return "this is a part of an app without its base"
    if splits and app.container == "apk" and not app.abis:
        return "this is the base of an app whose splits, native code among them, are not here"
    return ""


def named_library(detections: Iterable[Detection], libraries: Sequence[str]) -> Evidence | None:
    """The text in Java or script code that names one of `libraries` as a file, which only a loader by path does.

    `System.loadLibrary` takes a name without ``lib`` and ``.so``; only what is loaded from a path is spelt in full.
    """
    for item in detections:
        for proof in item.evidence:
            named = proof.kind is EvidenceKind.STRING and any(fnmatchcase(proof.value, name) for name in libraries)
            if named:
                return proof
    return None
