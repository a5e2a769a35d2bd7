"""Which classes the system creates by itself, as AndroidManifest.xml tells.

https://developer.android.com/guide/topics/manifest/manifest-intro ; start-up without the app's doing: content providers
(androidx.startup's InitializationProvider, ML Kit's MlKitInitProvider), and classes that such components look up in
their meta-data (https://developer.android.com/topic/libraries/app-startup, Firebase's ComponentDiscovery).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.analyse.usage.code import Component, Start
from nngauge.io.axml import Element

_COMPONENTS: Final = ("activity", "service", "receiver", "provider")
_LAUNCHERS: Final = ("android.intent.category.LAUNCHER", "android.intent.category.LEANBACK_LAUNCHER")
_NATIVE_LIBRARY: Final = "android.app.lib_name"


def component_classes(root: Element) -> Iterator[Component]:
    """All classes a manifest names, with what makes them run."""
    package = str(root.get("package", "") or "")
    for application in root.all("application"):
        for attribute in ("name", "appComponentFactory", "backupAgent", "zygotePreloadName"):
            if name := _name(application, package, attribute):
                yield Component(name=name, kind="application", start=Start.ALONE)
        for kind in _COMPONENTS:
            for element in application.all(kind):
                yield from _component(element, kind, package)
        yield from _looked_up(application, "")
    for element in root.all("instrumentation"):
        if name := _name(element, package):
            yield Component(name=name, kind="instrumentation", start=Start.TEST)


def native_activities(root: Element) -> Iterator[str]:
    """Libraries that native activities load: ``main`` for ``libmain.so``."""
    for element in root.walk():
        if element.name == "meta-data" and element.get("name") == _NATIVE_LIBRARY:
            yield str(element.get("value") or "main")
        elif element.name == "activity" and element.get("name") == "android.app.NativeActivity":
            yield "main"


def _component(element: Element, kind: str, package: str) -> Iterator[Component]:
    name = _name(element, package)
    if name:
        alone = kind == "provider" or (kind != "activity" and any(element.all("intent-filter")))
        launcher = any(str(item.get("name")) in _LAUNCHERS for item in element.all("intent-filter", "category"))
        yield Component(name=name, kind=kind, start=Start.ALONE if alone else Start.USER, launcher=launcher)
    yield from _looked_up(element, kind)


def _looked_up(element: Element, kind: str) -> Iterator[Component]:
    """Classes in meta-data: ``com.google.firebase.components:com.example.Registrar``, or as name or value alone."""
    for data in element.all("meta-data"):
        for text in (data.get("name"), data.get("value")):
            name = str(text or "").rpartition(":")[2]
            if "." in name and " " not in name:
                yield Component(name=name, kind="meta-data", start=Start.ALONE if kind else Start.USER)


def _name(element: Element, package: str, attribute: str = "name") -> str:
    name = str(element.get(attribute) or "")
    if name.startswith("."):
        return package + name
    return name if not name or "." in name else f"{package}.{name}"
