"""A folder of apps, or one app, on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from nngauge.domain.study import Item
from nngauge.errors import UnreadableError
from nngauge.packages import Package, discover, open_package
from nngauge.sources._api import Source


class _Local(Struct, frozen=True):
    package: Package
    fetched: int = 0


def _items(locator: str, _settings: Mapping[str, str]) -> Iterator[Item]:
    if not Path(locator).exists():
        raise UnreadableError("no such file or folder", where=locator)
    for app in discover(Path(locator)):
        path = app.resolve()
        size, newest = _measure(path)
        yield Item(locator=str(path), size=size, stamp=f"{size}@{newest}")


def _measure(path: Path) -> tuple[int, int]:
    """Size and modification time; folders add up their files. What is gone meanwhile counts nothing."""
    total = newest = 0
    for item in [path] if path.is_file() else sorted(path.rglob("*")):
        try:
            status = item.stat()
        except OSError:
            continue
        total += status.st_size if item.is_file() else 0
        newest = max(newest, status.st_mtime_ns)
    return total, newest


@contextmanager
def _open(item: Item, _settings: Mapping[str, str]) -> Iterator[_Local]:
    package = open_package(item.locator)
    try:
        yield _Local(package)
    finally:
        package.close()


SOURCE = Source(
    direct=True,
    name="folder",
    title="Folder or file",
    example="apps/",
    claims=lambda locator: "://" not in locator,
    items=_items,
    open=_open,
)
