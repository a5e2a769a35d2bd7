"""What manifests say about the libraries of an app: which of the phone's it asks for, whether its own are unpacked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from nngauge.domain.acceleration import Packaging

_OPEN: Final = frozenset({"aab", "aar", "folder", "archive"})
"""Containers of which somebody else makes what is installed."""


class ManifestElement(Protocol):
    """An XML element as `nngauge.io.axml` gives it."""

    @property
    def name(self) -> str:
        """Tag."""

    @property
    def children(self) -> Sequence[Any]:
        """Child elements."""

    def get(self, name: str) -> object:
        """Attribute of the platform's namespace, None without one."""


def packaging(manifests: Iterable[ManifestElement], container: str) -> Packaging:
    """What the manifests of all parts of an Android app say about its libraries.

    `container` is `App.container`: app bundles leave unpacking to the tool that makes APKs of them. Without
    ``android:extractNativeLibs`` Android unpacks:
    https://developer.android.com/guide/topics/manifest/application-element#extractNativeLibs.
    """
    names: list[str] = []
    extracted: bool | None = None
    for root in manifests:
        if extracted is None and container not in _OPEN:
            extracted = True
        for application in (child for child in root.children if child.name == "application"):
            told = application.get("extractNativeLibs")
            if isinstance(told, bool) or told in ("true", "false"):
                extracted = told in (True, "true")
            names += [str(e.get("name")) for e in application.children if e.name == "uses-native-library"]
    return Packaging(native_libraries=tuple(dict.fromkeys(names)), extracted=extracted)
