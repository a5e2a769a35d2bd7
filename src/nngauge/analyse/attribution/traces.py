"""The traces of all components, arranged so that one path costs a few look-ups."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from msgspec import Struct

from nngauge.domain.model import Model
from nngauge.knowledge.sdks import Sdk, load_sdks

_WILD: Final = re.compile(r"[*?\[]")


class Trace(Struct, frozen=True):
    """One glob of one component."""

    sdk: Sdk
    glob: str
    parts: tuple[str, ...]
    below: bool
    """The glob ends in ``/**``: everything inside the folder."""

    @property
    def weight(self) -> int:
        """How much it says: characters that are no wildcards."""
        return sum(char not in "*?/" for char in self.glob)

    def fits(self, path: Sequence[str]) -> bool:
        """Whether the last components of `path` are those of the glob, or are inside its folder."""
        count = len(self.parts)
        starts = range(len(path) - count) if self.below else (len(path) - count,)
        return any(
            start >= 0 and all(_fits(part, glob) for part, glob in zip(path[start:], self.parts, strict=False))
            for start in starts
        )


def _fits(part: str, glob: str) -> bool:
    return part == glob or (_WILD.search(glob) is not None and fnmatchcase(part, glob))


def _trace(sdk: Sdk, glob: str) -> Trace:
    below = glob.endswith("/**")
    return Trace(sdk, glob, tuple(glob.removesuffix("/**").split("/")), below)


class PathTraces:
    """Globs by a literal part of theirs: a component of the path, the beginning or the ending of the file name."""

    def __init__(self, traces: Iterable[tuple[Sdk, str]]) -> None:
        self.components: dict[str, list[Trace]] = defaultdict(list)
        self.beginnings: dict[str, list[Trace]] = defaultdict(list)
        self.endings: dict[str, list[Trace]] = defaultdict(list)
        self.folders: list[Trace] = []
        """Folders with a wildcard: their files may be called anything; `gate` tells most paths from theirs at once."""
        for sdk, glob in traces:
            self._add(_trace(sdk, glob))
        self.lengths = sorted({len(text) for text in self.beginnings})
        starts = sorted({re.escape(_WILD.split(trace.parts[0])[0]) for trace in self.folders})
        self.gate = re.compile(f"(?:^|/)(?:{'|'.join(starts)})") if starts else None

    def _add(self, trace: Trace) -> None:
        literal = max((part for part in trace.parts if not _WILD.search(part)), key=len, default="")
        if literal:
            self.components[literal].append(trace)
            return
        name = "" if trace.below else trace.parts[-1]
        beginning = _WILD.split(name)[0]
        if len(beginning) >= 4:
            self.beginnings[beginning[:8]].append(trace)
        elif name:
            self.endings[name.rpartition(".")[2]].append(trace)
        else:
            self.folders.append(trace)

    def matching(self, path: str) -> Iterator[Trace]:
        """The traces that `path` fits."""
        parts = path.split("/")
        for trace in self._candidates(path, parts):
            if trace.fits(parts):
                yield trace

    def _candidates(self, path: str, parts: Sequence[str]) -> Iterator[Trace]:
        name = parts[-1]
        components = self.components
        for part in dict.fromkeys(parts):
            if part in components:
                yield from components[part]
        for length in self.lengths:
            found = self.beginnings.get(name[:length])
            if found is not None and len(name) >= length:
                yield from found
        found = self.endings.get(name.rpartition(".")[2])
        if found is not None:
            yield from found
        if self.gate is not None and self.gate.search(path):
            yield from self.folders

    def best(self, path: str) -> Trace | None:
        """The trace that says most."""
        return max(self.matching(path), key=lambda trace: trace.weight, default=None)


class Traces:
    """All traces of the knowledge base."""

    def __init__(self, sdks: Iterable[Sdk]) -> None:
        self.sdks = tuple(sdks)
        self.by_id = {sdk.id: sdk for sdk in self.sdks}
        self.paths = PathTraces((sdk, glob) for sdk in self.sdks for glob in sdk.paths)
        self.libraries = PathTraces((sdk, glob) for sdk in self.sdks for glob in sdk.libraries)
        self.digests = {known.sha256: sdk for sdk in self.sdks for known in sdk.digest}
        self.technologies = {name: sdk for sdk in reversed(self.sdks) for name in sdk.technologies}
        self.packages = {package: sdk for sdk in self.sdks for package in sdk.classes}
        self.metadata = [
            (key, glob, sdk) for sdk in self.sdks for key, _, glob in (text.partition("=") for text in sdk.metadata)
        ]

    def of_class(self, name: str) -> Sdk | None:
        """The component whose Java package holds the class `name`, the longest package first."""
        package = name
        while package:
            sdk = self.packages.get(package)
            if sdk is not None:
                return sdk
            package = package.rpartition(".")[0]
        return None

    def of_metadata(self, model: Model) -> tuple[Sdk, str] | None:
        """The component that wrote the model's metadata, and what was read."""
        for key, glob, sdk in self.metadata:
            value = model.metadata.get(key)
            if value is not None and fnmatchcase(value, glob):
                return sdk, f"{key}={value}"
        return None


@lru_cache(maxsize=1)
def own_traces() -> Traces:
    """The traces of nngauge's own knowledge base."""
    return Traces(load_sdks())
