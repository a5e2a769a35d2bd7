"""What a native library tells about calls between it and Java.

https://docs.oracle.com/en/java/javase/21/docs/specs/jni/design.html#resolving-native-method-names : native methods are
exported under names made of class and method, or registered by a library that names the class in a string.
"""

from __future__ import annotations

import re
from typing import Final

from nngauge.analyse.usage.classes import Classes
from nngauge.analyse.usage.code import NativeLibrary
from nngauge.domain.location import Location
from nngauge.errors import NngaugeError
from nngauge.io.elf import read_elf
from nngauge.limits import MAX_ITEMS

_METHOD: Final = re.compile(rb"Java_\w+")
_WORD: Final = re.compile(rb"(?<=\0)[\w./@+$;-]{3,200}(?=\0)")
"""Strings that may be paths of classes or files. One pass for both: it is what this costs."""
_SMALL: Final = 64 << 20
"""Constant data looked through for class names and file names."""


def read_native(
    name: str, location: Location, data: memoryview, classes: Classes, files: frozenset[str]
) -> NativeLibrary:
    """Facts of one library; `files` are the names of other files of the app that it might open.

    Raises nothing: a library whose tables lie is one that may register anything.
    """
    try:
        elf = read_elf(data)
        onload = elf.exports(b"JNI_OnLoad")
        ranges = elf.read_only_ranges()
    except NngaugeError:
        return NativeLibrary(name=name, location=location, onload=True)
    methods = frozenset(found.decode("ascii", "replace") for found in _every(_METHOD, data, ((0, len(data)),)))
    words = {found.decode("ascii", "replace") for found in _every(_WORD, data, ranges)}
    paths = {form for word in words if "/" in word for form in (f"L{word};", word)}
    strings = {word.rpartition("/")[2] for word in words if "." in word}
    return NativeLibrary(
        name=name,
        location=location,
        methods=methods,
        onload=onload,
        classes=frozenset(path for path in paths if classes.get(path) is not None),
        strings=frozenset(strings & files),
    )


def _every(pattern: re.Pattern[bytes], data: memoryview, ranges: tuple[tuple[int, int], ...]) -> set[bytes]:
    found: set[bytes] = set()
    left = _SMALL
    for offset, size in ranges:
        size = min(size, left)
        left -= size
        for match in pattern.finditer(data, offset, min(offset + size, len(data))):
            found.add(bytes(match[0]))
            if len(found) > MAX_ITEMS:
                return found
    return found


def symbol_of(owner: str, name: str) -> str:
    """The exported name of a native method, without the signature that overloads carry behind two underscores."""
    return f"Java_{_mangled(owner.removeprefix('L').removesuffix(';'))}_{_mangled(name)}"


def _mangled(text: str) -> str:
    return "".join(_ESCAPES.get(c) or (c if c.isascii() and c.isalnum() else f"_0{ord(c):04x}") for c in text)


_ESCAPES: Final = {"/": "_", "_": "_1", ";": "_2", "[": "_3"}
