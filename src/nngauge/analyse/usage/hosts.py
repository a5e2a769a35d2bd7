"""Frameworks whose apps keep their logic in another language, and where that language meets Java.

Flutter: https://docs.flutter.dev/platform-integration/platform-channels ; React Native:
https://reactnative.dev/docs/native-platform ; Cordova: https://cordova.apache.org/docs/en/latest/guide/platforms/android/plugin.html ;
Capacitor: https://capacitorjs.com/docs/plugins/android ; Unity: https://docs.unity3d.com/Manual/AndroidJavaObjects.html .
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct


class Host(Struct, frozen=True, kw_only=True):
    """One framework."""

    name: str
    bundle: re.Pattern[str]
    """Entry paths of the files that hold an app's logic."""
    library: str = ""
    """Its own native library: with it and without a bundle, the logic was not found."""
    bridges: frozenset[str] = frozenset()
    """Types whose subclasses are called from the other language. Without any, classes are called by their names."""
    registers: str = ""
    """Calls on types with this prefix hand over the name by which a bridge is called; empty: the class's own name."""
    named_by: str = ""
    """The method of a bridge that returns its name."""


HOSTS: Final = (
    Host(
        name="Flutter",
        bundle=re.compile(r"(?:^|/)lib/[^/]+/libapp\.so$|flutter_assets/kernel_blob\.bin$"),
        library="libflutter.so",
        bridges=frozenset(
            {
                "Lio/flutter/plugin/common/MethodChannel$MethodCallHandler;",
                "Lio/flutter/plugin/common/EventChannel$StreamHandler;",
                "Lio/flutter/plugin/common/BasicMessageChannel$MessageHandler;",
                "Lio/flutter/plugin/platform/PlatformViewFactory;",
            }
        ),
        registers="Lio/flutter/plugin/",
    ),
    Host(
        name="React Native",
        bundle=re.compile(r"(?:^|/)assets/[^/]*\.(?:bundle|jsbundle|hbc)$"),
        library="libreactnativejni.so",
        bridges=frozenset(
            {
                "Lcom/facebook/react/bridge/NativeModule;",
                "Lcom/facebook/react/bridge/BaseJavaModule;",
                "Lcom/facebook/react/bridge/ReactContextBaseJavaModule;",
                "Lcom/facebook/react/uimanager/ViewManager;",
                "Lcom/facebook/react/uimanager/SimpleViewManager;",
                "Lcom/facebook/react/uimanager/ViewGroupManager;",
            }
        ),
        named_by="getName",
    ),
    Host(
        name="Cordova",
        bundle=re.compile(r"(?:^|/)assets/www/.*\.js$"),
        bridges=frozenset({"Lorg/apache/cordova/CordovaPlugin;"}),
    ),
    Host(
        name="Capacitor",
        bundle=re.compile(r"(?:^|/)assets/public/.*\.js$"),
        bridges=frozenset({"Lcom/getcapacitor/Plugin;"}),
    ),
    Host(
        name="Unity",
        bundle=re.compile(r"(?:^|/)assets/bin/Data/Managed/(?:Metadata/global-metadata\.dat|[^/]+\.dll)$"),
        library="libunity.so",
    ),
    Host(
        name=".NET",
        bundle=re.compile(r"(?:^|/)(?:assemblies/[^/]+\.(?:dll|blob)|lib/[^/]+/libassemblies[^/]*\.so)$"),
        library="libmonodroid.so",
    ),
)
"""All known ones."""


def host_of(path: str) -> Host | None:
    """The framework to which a bundle at `path` belongs."""
    return next((host for host in HOSTS if host.bundle.search(path)), None)
