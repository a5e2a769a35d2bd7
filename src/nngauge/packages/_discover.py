"""Finds the apps below a folder, so that a corpus can be named by its top."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from nngauge.domain.location import Location
from nngauge.errors import NngaugeError, UnreadableError
from nngauge.io.content import Kind, content_kind
from nngauge.io.source import ByteSource
from nngauge.limits import HEAD_BYTES, MAX_FOLDER_DEPTH
from nngauge.packages._api import Container, PackageFormat
from nngauge.packages.containers import open_container, open_directory

_CATCH_ALL: Final = frozenset({"archive", "folder"})
"""Kinds that claim anything; what only they want is no app."""
_FOLDER_MARKS: Final = frozenset({"AndroidManifest.xml", "Info.plist", "Payload"})


def claimant(container: Container, name: str, packages: Sequence[PackageFormat]) -> PackageFormat | None:
    """The first kind that claims the container."""
    return next((form for form in packages if form.claims(container, name)), None)


def apps_below(path: Path, packages: Sequence[PackageFormat]) -> Iterator[Path]:
    """See `nngauge.packages.discover`."""
    if not path.is_dir():
        yield path
        return
    kinds = [form for form in packages if form.name not in _CATCH_ALL]
    suffixes = tuple({suffix for form in kinds for suffix in form.suffixes})
    found = False
    for app in _below(path, kinds, suffixes, 0):
        found = True
        yield app
    if not found:
        yield path


def _below(folder: Path, kinds: Sequence[PackageFormat], suffixes: tuple[str, ...], depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as listing:
            items = sorted(listing, key=lambda item: item.name)
    except OSError as error:
        if depth == 0:
            raise UnreadableError(error.strerror or "cannot be listed", where=str(folder)) from error
        # A scan of the folder as a whole reports it; here there is nobody to tell.
        return
    files = [item for item in items if item.is_file()]
    if _is_app_folder(folder, {item.name for item in items}, files, kinds):
        yield folder
        return
    for item in items:
        if item.is_dir(follow_symlinks=False):
            if depth < MAX_FOLDER_DEPTH:
                yield from _below(Path(item.path), kinds, suffixes, depth + 1)
        elif item.is_file() and (item.name.lower().endswith(suffixes) or _is_app(Path(item.path), kinds)):
            yield Path(item.path)


def _is_app_folder(
    folder: Path, names: set[str], files: Sequence[os.DirEntry[str]], kinds: Sequence[PackageFormat]
) -> bool:
    apks = sum(item.name.lower().endswith(".apk") for item in files)
    if not (apks or names & _FOLDER_MARKS):
        return False
    try:
        container = open_directory(folder, Location(path=str(folder)), depth=0 if apks else MAX_FOLDER_DEPTH)
    except NngaugeError:
        return False
    return claimant(container, folder.name, kinds) is not None


def _is_app(path: Path, kinds: Sequence[PackageFormat]) -> bool:
    """Whether a file without a telling name is an app by its content."""
    try:
        with ByteSource.open(path) as source:
            if content_kind(source.read(0, HEAD_BYTES)) is not Kind.ZIP:
                return False
            with closing(open_container(source, path.name)) as container:
                return claimant(container, path.name, kinds) is not None
    except NngaugeError:
        return False
