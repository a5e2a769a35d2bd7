"""A model on disk and the files around it, listed once and only when a format asks for companions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

from nngauge.limits import MAX_SIBLINGS


class Surroundings:
    """The files that may belong to the model at `place`, by their path from `home` with forward slashes.

    Around a file: its folder and one folder below it, where SavedModels and NNEF keep their weights. Around a
    directory-shaped model: everything in it.
    """

    def __init__(self, place: Path) -> None:
        self.home = place.parent
        self._place = place
        self.is_folder = place.is_dir()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All files in order of their paths, `limits.MAX_SIBLINGS` entries looked at."""
        found = self._inside() if self.is_folder else _two_levels(os.fspath(self.home))
        return tuple(sorted(islice(found, MAX_SIBLINGS), key=lambda name: name.split("/")))

    def _inside(self) -> Iterator[str]:
        return (item.relative_to(self.home).as_posix() for item in self._place.rglob("*") if item.is_file())

    def leads(self) -> Iterator[str]:
        """The files that may be the one the model begins with, the likeliest first."""
        if self.is_folder:
            yield from sorted(self.names, key=lambda name: (name.count("/"), name))
            return
        name = self._place.name
        yield name
        stem = name.partition(".")[0]
        yield from (other for other in self.names if other != name and other.startswith(stem) and "/" not in other)

    def path(self, name: str) -> Path:
        """Where a file of `names` is."""
        return self.home / name


def _two_levels(folder: str) -> Iterator[str]:
    folders = []
    for entry in _entries(folder):
        if entry.is_dir():
            folders.append(entry)
        elif entry.is_file():
            yield entry.name
    for inner in folders:
        yield from (f"{inner.name}/{entry.name}" for entry in _entries(inner.path) if entry.is_file())


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """What is in `folder`; nothing when it cannot be read, since only companions are looked for."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return
