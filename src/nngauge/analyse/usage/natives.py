"""What a native library tells about calls between it and Java.

https://docs.oracle.com/en/java/javase/21/docs/specs/jni/design.html#resolving-native-method-names : native methods are
exported under names made of class and method, or registered by a library that names the class in a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nngauge.analyse.usage.classes import Classes
from nngauge.analyse.usage.code import NativeLibrary
from nngauge.detect.literals import Literals
from nngauge.domain.location import Location
from nngauge.errors import NngaugeError
from nngauge.io.elf import read_elf
from nngauge.limits import MAX_ITEMS

_METHOD: Final = re.compile(rb"Java_\w+")
_PATH: Final = re.compile(rb"(?<=\0)[\w/$;]{3,200}(?=\0)")
"""Strings that may be paths of classes."""
_SMALL: Final = 64 << 20
"""Constant data looked through for class names."""
_MEDIA: Final = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "webp",
        "gif",
        "svg",
        "xml",
        "ttf",
        "otf",
        "woff",
        "woff2",
        "mp3",
        "ogg",
        "wav",
        "mp4",
        "m4a",
        "webm",
        "html",
        "htm",
        "css",
        "js",
        "map",
        "md5",
        "sha1",
        "rsa",
        "sf",
        "mf",
        "version",
        "properties",
        "kotlin_module",
        "kotlin_builtins",
        "kotlin_metadata",
        "dex",
        "arsc",
        "gz",
    ]
)
"""Endings of files that no native code opens as a model or a library."""
_MAX_FILES: Final = 4_000


class FileNames:
    """Names of an app's files that native code may open, and a search for all of them at once."""

    __slots__ = ("_literals", "_names")

    def __init__(self, names: Iterable[str]) -> None:
        kept = (name for name in names if "." in name and name.rpartition(".")[2].lower() not in _MEDIA)
        self._names = sorted(kept)[:_MAX_FILES]
        self._literals: Literals | None = None

    def found_in(self, data: memoryview) -> frozenset[str]:
        """Those that are strings in `data`, or the end of one."""
        if not self._names:
            return frozenset()
        if self._literals is None:
            self._literals = Literals([name.encode() + b"\0" for name in self._names], [True] * len(self._names))
        return frozenset(self._names[index] for index, _ in self._literals.scan_first(data))


def read_native(name: str, location: Location, data: memoryview, classes: Classes, files: FileNames) -> NativeLibrary:
    """Facts of one library; `files` are the other files of the app.

    Raises nothing: a library whose tables lie is one that may register anything.
    """
    try:
        elf = read_elf(data)
        onload = elf.exports(b"JNI_OnLoad")
        ranges = elf.read_only_ranges()
    except NngaugeError:
        return NativeLibrary(name=name, location=location, onload=True)
    methods = _every(_METHOD, data, ((0, len(data)),))
    paths = _every(_PATH, data, ranges) if onload else ()
    forms = {form for path in paths if "/" in path for form in (f"L{path};", path)}
    return NativeLibrary(
        name=name,
        location=location,
        methods=frozenset(methods),
        onload=onload,
        classes=frozenset(form for form in forms if classes.get(form) is not None),
        strings=files.found_in(data) - {name},
    )


def _every(pattern: re.Pattern[bytes], data: memoryview, ranges: tuple[tuple[int, int], ...]) -> set[str]:
    found: set[str] = set()
    left = _SMALL
    for offset, size in ranges:
        size = min(size, left)
        left -= size
        for match in pattern.finditer(data, offset, min(offset + size, len(data))):
            found.add(match[0].decode("ascii", "replace"))
            if len(found) > MAX_ITEMS:
                return found
    return found


def symbol_of(owner: str, name: str) -> str:
    """The exported name of a native method, without the signature that overloads carry behind two underscores."""
    return f"Java_{_mangled(owner.removeprefix('L').removesuffix(';'))}_{_mangled(name)}"


def _mangled(text: str) -> str:
    if text.isalnum() and text.isascii():
        return text
    return "".join(_ESCAPES.get(c) or (c if c.isascii() and c.isalnum() else f"_0{ord(c):04x}") for c in text)


_ESCAPES: Final = {"/": "_", "_": "_1", ";": "_2", "[": "_3"}
