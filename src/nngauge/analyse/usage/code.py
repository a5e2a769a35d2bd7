"""What is known about the code of one app before anybody asks for a path: classes, components, natives, bundles."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from nngauge.analyse.usage.classes import Classes
from nngauge.domain.location import Location
from nngauge.domain.usage import Obstacle


class Start(StrEnum):
    """How a component comes to run."""

    USER = "user"
    """Activities and services: somebody starts them."""
    ALONE = "alone"
    """By itself: content providers at process start, receivers and services with a filter, initialisers they look up."""
    TEST = "test"
    """A test runner looks for it."""


class Component(Struct, frozen=True, kw_only=True):
    """A class that the system creates, as the manifest names it."""

    name: str
    """``com.example.MainActivity``."""
    kind: str
    """``activity``, ``service``, ``receiver``, ``provider``, ``application``, ``instrumentation``, ``meta-data``."""
    start: Start
    launcher: bool = False
    """Its icon is in the launcher."""


class NativeLibrary(Struct, frozen=True, kw_only=True):
    """What a native library tells about calls between it and Java; of one ABI."""

    name: str
    """File name: ``libx.so``."""
    location: Location
    methods: frozenset[str] = frozenset()
    """Exported ``Java_…`` symbols."""
    onload: bool = False
    """Exports ``JNI_OnLoad``: may register natives under any name, or start work."""
    classes: frozenset[str] = frozenset()
    """Descriptors of the app's classes that it names."""
    strings: frozenset[str] = frozenset()
    """File names of libraries and models of the app that it names."""


class Bundle(Struct, frozen=True, kw_only=True):
    """A program in another language that holds the app's logic."""

    host: str
    """``Flutter``, ``React Native`` …: a name of `nngauge.analyse.usage.hosts.HOSTS`."""
    location: Location
    data: bytes
    """Empty when it could not be read."""

    def names(self, text: str) -> bool:
        """Whether `text` is among its strings; they are kept as UTF-8, Latin-1 or UTF-16."""
        return text.encode() in self.data or text.encode("utf-16-le") in self.data


class AppCode(Struct, frozen=True, kw_only=True):
    """The code of one app, opened for questions. Holds the bytes of all dex files; nothing else is needed any more."""

    classes: Classes
    location: Location
    """Of the package."""
    package_id: str = ""
    manifest: bool = False
    """A manifest could be read."""
    components: tuple[Component, ...] = ()
    natives: tuple[NativeLibrary, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    layouts: int = 0
    """Layouts, menus and other XML resources that were read."""
    layout_names: frozenset[str] = frozenset()
    """Names of classes in layouts, menus, navigation graphs and preferences."""
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Interface → implementations, of META-INF/services."""
    native_entry: tuple[str, ...] = ()
    """Libraries that a native activity starts, by file name."""
    resources: bytes = b""
    """The resource table: its strings may name models."""
    obstacles: Mapping[Obstacle, str] = field(default_factory=dict)
    """Why a path may stay unseen, with one sentence each."""
