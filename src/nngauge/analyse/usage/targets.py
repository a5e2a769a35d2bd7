"""What a path may lead to: the classes of each technology, and the native libraries that hold it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from nngauge.analyse.usage.classes import Classes
from nngauge.analyse.usage.code import AppCode
from nngauge.analyse.usage.natives import symbol_of
from nngauge.detect.ruleset import Rule
from nngauge.detect.signatures import class_descriptor
from nngauge.domain.library import Library

_PLATFORM: Final = ("java.", "android.")
"""Owners of methods that rules ask for beside other evidence: calling ``System.load`` is no use of anything."""
_APIS: Final = {
    "mlkit-barcode": "com.google.mlkit.vision.barcode",
    "mlkit-digital-ink": "com.google.mlkit.vision.digitalink",
    "mlkit-document-scanner": "com.google.mlkit.vision.documentscanner",
    "mlkit-entity-extraction": "com.google.mlkit.nl.entityextraction",
    "mlkit-face-detection": "com.google.mlkit.vision.face",
    "mlkit-face-mesh": "com.google.mlkit.vision.facemesh",
    "mlkit-image-labeling": "com.google.mlkit.vision.label",
    "mlkit-language-id": "com.google.mlkit.nl.languageid",
    "mlkit-object-detection": "com.google.mlkit.vision.objects",
    "mlkit-pose": "com.google.mlkit.vision.pose",
    "mlkit-selfie-segmentation": "com.google.mlkit.vision.segmentation",
    "mlkit-smart-reply": "com.google.mlkit.nl.smartreply",
    "mlkit-subject-segmentation": "com.google.mlkit.vision.segmentation.subject",
    "mlkit-text-recognition": "com.google.mlkit.vision.text",
    "mlkit-translate": "com.google.mlkit.nl.translate",
}
"""Packages that apps call, where rules look for classes that only tell two variants apart (with or without a model):
https://developers.google.com/android/reference/com/google/mlkit/packages. The variants' ids end in ``-thin``."""


class Targets(Struct, frozen=True):
    """Look-ups for the search."""

    types: Mapping[str, tuple[str, ...]]
    """Descriptor → ids of the technologies it belongs to."""
    libraries: Mapping[str, tuple[str, ...]]
    """File name of a library → technologies in it, and in what it links or opens by name."""
    symbols: Mapping[str, tuple[str, ...]]
    """Exported name of a native method → libraries that export it."""
    registrars: Mapping[str, tuple[str, ...]]
    """Descriptor → libraries that may register natives of that class: they have `JNI_OnLoad` and name it."""
    holders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Technology → libraries that lead to it."""
    order: tuple[str, ...] = ()
    """The names of `symbols`, sorted."""

    def natives_of(self, owner: str) -> tuple[str, ...]:
        """Libraries that export native methods of the class `owner`, whichever they are."""
        start = symbol_of(owner, "")
        at = bisect_left(self.order, start)
        return self.symbols[self.order[at]] if at < len(self.order) and self.order[at].startswith(start) else ()


def find_targets(code: AppCode, rules: Iterable[Rule], libraries: Sequence[Library]) -> Targets:
    """The targets of `rules` in one app."""
    reach = _reach(code, libraries)
    holders: dict[str, list[str]] = {}
    for name, found in reach.items():
        for technology in found:
            holders.setdefault(technology, []).append(name)
    symbols: dict[str, list[str]] = {}
    registrars: dict[str, list[str]] = {}
    for native in code.natives:
        for symbol in native.methods:
            symbols.setdefault(symbol.partition("__")[0], []).append(native.name)
        if native.onload:
            for descriptor in native.classes:
                registrars.setdefault(descriptor, []).append(native.name)
    return Targets(
        types=_types(code.classes, rules),
        libraries={name: tuple(found) for name, found in reach.items()},
        symbols={name: tuple(found) for name, found in symbols.items()},
        registrars={name: tuple(found) for name, found in registrars.items()},
        order=tuple(sorted(symbols)),
        holders={name: tuple(found) for name, found in holders.items()},
    )


def _types(classes: Classes, rules: Iterable[Rule]) -> dict[str, tuple[str, ...]]:
    exact: dict[str, set[str]] = {}
    prefixes: dict[str, set[str]] = {}
    for rule in rules:
        for name in _class_features(rule):
            (prefixes if name.endswith("*") else exact).setdefault(class_descriptor(name), set()).add(rule.id)
    # A nested class belongs to its outer one: ``Interpreter$Options``.
    nested = {name.removesuffix(";") + "$": found for name, found in exact.items()}
    starts = (*prefixes, *nested)
    found: dict[str, set[str]] = {}
    for part in classes.parts:
        for descriptor in part.types:
            if descriptor in exact:
                found.setdefault(descriptor, set()).update(exact[descriptor])
            if descriptor.startswith(starts):
                for start, ids in (*prefixes.items(), *nested.items()):
                    if descriptor.startswith(start):
                        found.setdefault(descriptor, set()).update(ids)
    return {descriptor: tuple(sorted(ids)) for descriptor, ids in found.items()}


def _class_features(rule: Rule) -> Iterable[str]:
    for clause in rule.match:
        for features in (clause.any, clause.all):
            yield from features.classes
            owners = (method.rpartition(".")[0] for method in features.method)
            yield from (owner for owner in owners if not owner.startswith(_PLATFORM))
    if rule.id.removesuffix("-thin") in _APIS:
        yield _APIS[rule.id.removesuffix("-thin")] + ".*"


def _reach(code: AppCode, libraries: Sequence[Library]) -> dict[str, list[str]]:
    """Technologies behind each library: in it, in what it links, in what it names (and may open)."""
    inside: dict[str, set[str]] = {}
    links: dict[str, set[str]] = {}
    alias: dict[str, str] = {}
    for library in libraries:
        name = library.location.name
        inside.setdefault(name, set()).update(library.technologies)
        links.setdefault(name, set()).update(library.needed)
        if library.soname:
            alias.setdefault(library.soname, name)
    for native in code.natives:
        links.setdefault(native.name, set()).update(text for text in native.strings if text.endswith(".so"))
    return {name: sorted(_behind(name, inside, links, alias)) for name in inside}


def _behind(
    start: str, inside: Mapping[str, set[str]], links: Mapping[str, set[str]], alias: Mapping[str, str]
) -> set[str]:
    found: set[str] = set()
    seen = {start}
    todo = [start]
    while todo:
        name = todo.pop()
        found |= inside.get(name, set())
        for other in links.get(name, ()):
            other = other if other in inside else alias.get(other, other)
            if other in inside and other not in seen:
                seen.add(other)
                todo.append(other)
    return found
