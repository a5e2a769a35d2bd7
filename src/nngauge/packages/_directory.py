"""A directory on disk as a container."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nngauge.domain.location import Location
from nngauge.domain.outcome import Anomaly, Failure, Stage
from nngauge.errors import LimitError, UnreadableError
from nngauge.io.source import ByteSource
from nngauge.limits import HEAD_BYTES, MAX_ENTRIES, MAX_FOLDER_DEPTH
from nngauge.packages._api import Container
from nngauge.packages._window import read_chunks

SYMLINK: Final = "folder-symlink"
"""Not followed: it may lead out of the folder or round in circles."""
SPECIAL: Final = "folder-special-file"
"""A pipe, socket or device; reading it could block for ever."""
TOO_DEEP: Final = "folder-too-deep"


class FileOnDisk:
    """A regular file below the folder, opened anew for each reading, so that no descriptors pile up."""

    __slots__ = ("_file", "_name", "path", "size", "stored_size")

    def __init__(self, file: str, path: str, size: int, name: str) -> None:
        self._file = file
        self._name = name
        self.path = path
        self.size = self.stored_size = size

    def head(self, count: int = HEAD_BYTES) -> bytes:
        """The first `count` bytes."""
        with ByteSource.open(self._file, self._name) as source:
            return source.read(0, count)

    def chunks(self) -> Iterator[bytes]:
        """All bytes."""
        with ByteSource.open(self._file, self._name) as source:
            yield from read_chunks(source)

    def window(self) -> ByteSource | None:
        """The file; it is closed when the last reference goes."""
        return ByteSource.open(self._file, self._name)


def open_directory(path: Path, location: Location, *, depth: int = MAX_FOLDER_DEPTH) -> Container:
    """All regular files at most `depth` folders below `path`, sorted; `location` is the prefix of what is reported.

    Raises `UnreadableError` when `path` cannot be listed and `LimitError` past `limits.MAX_ENTRIES` files.
    """
    walk = _Walk(location, depth)
    walk.run(path)
    return Container(
        kind="folder",
        entries=sorted(walk.files, key=lambda file: file.path),
        failures=tuple(walk.failures),
        report=walk.anomalies,
    )


class _Walk:
    """What one walk over a directory tree collects."""

    __slots__ = ("_depth", "_examples", "_location", "_odd", "failures", "files")

    def __init__(self, location: Location, depth: int) -> None:
        self.files: list[FileOnDisk] = []
        self.failures: list[Failure] = []
        self._odd: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._location = location
        self._depth = depth

    def run(self, top: Path) -> None:
        pending: list[tuple[str, str, int]] = [(os.fspath(top), "", 0)]
        while pending:
            folder, prefix, depth = pending.pop()
            try:
                with os.scandir(folder) as listing:
                    subfolders = [found for item in listing if (found := self._take(item, prefix))]
            except (OSError, ValueError) as error:
                if not prefix:
                    raise UnreadableError(_reason(error), where=folder) from error
                self._fail(prefix.rstrip("/"), _reason(error))
                continue
            if subfolders and depth >= self._depth:
                self._note(TOO_DEEP, subfolders[0][1])
                continue
            pending += [(path, inner + "/", depth + 1) for path, inner in subfolders]

    def _take(self, item: os.DirEntry[str], prefix: str) -> tuple[str, str] | None:
        """Keeps a file; hands back a directory as its place on disk and its path here."""
        path = prefix + _printable(item.name)
        if item.is_symlink():
            self._note(SYMLINK, path)
        elif item.is_dir(follow_symlinks=False):
            return item.path, path
        elif not item.is_file(follow_symlinks=False):
            self._note(SPECIAL, path)
        else:
            self._add(item, path)
        return None

    def _add(self, item: os.DirEntry[str], path: str) -> None:
        try:
            size = item.stat(follow_symlinks=False).st_size
        except OSError as error:
            self._fail(path, _reason(error))
            return
        if len(self.files) >= MAX_ENTRIES:
            raise LimitError(f"more than {MAX_ENTRIES} files", where=str(self._location))
        self.files.append(FileOnDisk(item.path, path, size, str(self._location.inside(path))))

    def _fail(self, path: str, reason: str) -> None:
        where = self._location.inside(path)
        self.failures.append(Failure(stage=Stage.PACKAGE, location=where, error="UnreadableError", reason=reason))

    def _note(self, kind: str, path: str) -> None:
        self._odd[kind] += 1
        self._examples.setdefault(kind, path)

    def anomalies(self) -> tuple[Anomaly, ...]:
        return tuple(
            Anomaly(kind=kind, location=self._location.inside(self._examples[kind]), count=count)
            for kind, count in sorted(self._odd.items())
        )


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _printable(name: str) -> str:
    """File names that are not UTF-8 come with lone surrogates, which no report can print."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
