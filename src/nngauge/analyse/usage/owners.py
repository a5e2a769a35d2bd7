"""Whose code a class is: the app's own, or a library's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nngauge.analyse.usage.classes import dotted
from nngauge.analyse.usage.code import AppCode

LIBRARIES: Final = (
    "android.", "androidx.", "kotlin.", "kotlinx.", "java.", "javax.", "dalvik.", "com.google.android.", "com.google.firebase.",
    "com.google.mlkit.", "com.google.ar.", "com.android.", "com.facebook.", "io.flutter.", "org.apache.", "com.unity3d.",
    "com.getcapacitor.", "org.tensorflow.lite.", "org.opencv.", "org.pytorch.", "ai.onnxruntime.", "com.microsoft.appcenter.",
    "com.amazonaws.", "com.huawei.hms.", "com.squareup.", "io.reactivex.", "okhttp3.", "retrofit2.", "org.chromium.",
    "org.godotengine.", "org.libsdl.", "org.kivy.", "com.swmansion.", "expo.", "host.exp.", "io.realm.", "com.bumptech.",
    "io.sentry.", "dagger.", "org.json.", "mono.", "crc64", "com.applovin.", "com.unity.", "io.grpc.", "leakcanary.",
)  # fmt: skip
"""Well-known libraries: their classes are nobody's own, unless the application id says so."""
_SHARED: Final = (
    *LIBRARIES, "com.google.", "org.tensorflow.", "com.microsoft.", "com.huawei.", "com.tencent.", "com.alibaba.", "com.baidu.",
    "io.github.", "com.github.", "com.example.", "android.example.",
)  # fmt: skip
"""Beginnings below which there is code of many makers."""


class Owners:
    """Tells the app's own classes: those that share the beginning of their package with what the manifest calls its own.

    The beginning is as short as it can be (two parts) without being one under which known libraries live.
    """

    __slots__ = ("_foreign", "_own")

    def __init__(self, code: AppCode, foreign: Iterable[str]) -> None:
        self._foreign = tuple({dotted(name).rpartition(".")[0] + "." for name in foreign})
        names = [code.package_id + ".x"] if code.package_id else []
        names += [item.name for item in code.components if item.launcher]
        names += [
            item.name for item in code.components if item.kind == "application" and not item.name.startswith(LIBRARIES)
        ]
        names += guessed_components(code)
        self._own = tuple({self._beginning(name) for name in names if "." in name})

    def own(self, descriptor: str) -> bool:
        """Is this class the app's own?"""
        return self.own_name(dotted(descriptor))

    def own_name(self, name: str) -> bool:
        """The same for a name with dots."""
        return name.startswith(self._own)

    def package(self, descriptor: str) -> str:
        """The library a class belongs to, as its package with at most three parts; empty when names were shortened."""
        parts = dotted(descriptor).split(".")[:-1]
        if not parts or all(len(part) <= 2 for part in parts):
            return ""
        return ".".join(parts[:3])

    def _beginning(self, name: str) -> str:
        parts = name.split(".")[:-1]
        for count in range(min(2, len(parts)), len(parts)):
            start = ".".join(parts[:count]) + "."
            if not any(
                other.startswith(start) or (start.startswith(other) and count < 3)
                for other in (*_SHARED, *self._foreign)
            ):
                return start
        return ".".join(parts) + "."


_COMPONENTS: Final = (
    "Landroid/app/", "Landroid/content/BroadcastReceiver;", "Landroid/content/ContentProvider;", "Landroidx/appcompat/app/",
    "Landroid/support/v7/app/", "Landroidx/fragment/app/FragmentActivity;", "Landroid/support/v4/app/FragmentActivity;",
    "Landroidx/activity/ComponentActivity;",
)  # fmt: skip
"""Superclasses of components."""


_STARTED: Final = frozenset({"activity", "service", "receiver", "provider"})


def missing_components(code: AppCode, owners: Owners) -> str:
    """One sentence when classes of the app's own that the manifest names are not in the package; else empty."""
    named = {item.name for item in code.components if item.kind != "meta-data"}
    missing = sorted(name for name in named if owners.own_name(name) and code.classes.named(name) is None)
    if missing:
        return f"{len(missing)} of {len(named)} classes that the manifest names are not in the package, as {missing[0]}"
    if not code.manifest and not code.layouts:
        return "the package has neither a manifest nor layouts, which name the classes that the system creates"
    return ""


def guessed_components(code: AppCode) -> list[str]:
    """Names of the classes that could be components, for a package whose manifest is missing or names none."""
    if any(item.kind in _STARTED for item in code.components):
        return []
    return [
        name
        for known in code.classes
        if not (name := dotted(known.name)).startswith(LIBRARIES)
        and any(other.startswith(_COMPONENTS) for other in code.classes.above(known.name)[1])
    ]
