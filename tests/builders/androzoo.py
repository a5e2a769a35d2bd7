"""A server shaped like AndroZoo: a list, and packages for those who have the key. Faults as in `webserver`."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.builders.webserver import Answer, Site, served

KEY = "0123456789abcdefS3CRETKEY0123456789abcdef"
HEADER = "sha256,sha1,md5,dex_date,apk_size,pkg_name,vercode,vt_detection,vt_scan_date,dex_size,markets"


def row(data: bytes, package: str = "com.example.a", **changes: object) -> str:
    """A line as AndroZoo writes it."""
    cells: dict[str, object] = {
        "sha256": hashlib.sha256(data).hexdigest().upper(),
        "sha1": "A" * 40,
        "md5": "B" * 32,
        "dex_date": "2026-05-17 10:11:12",
        "apk_size": len(data),
        "pkg_name": f'"{package}"',
        "vercode": 7,
        "vt_detection": 0,
        "vt_scan_date": "2026-06-01 00:00:00",
        "dex_size": 1000,
        "markets": "play.google.com",
        **changes,
    }
    return ",".join(str(cells[name]) for name in HEADER.split(","))


def listed(rows: Sequence[str | bytes], header: str = HEADER, *, packed: bool = True) -> bytes:
    text = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in (header, *rows))
    return gzip.compress(text) if packed else text


class AndroZoo:
    """What the server has, and what it was asked."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.packages: dict[str, bytes] = {}
        """By SHA-256, upper case."""
        self.fault: Callable[[Answer], None] = lambda answer: None

    @property
    def api(self) -> str:
        return self.site.url("api/download")

    @property
    def downloads(self) -> int:
        return sum("/api/download" in path for _, path, _ in self.site.asked)

    def put(self, data: bytes) -> bytes:
        self.packages[hashlib.sha256(data).hexdigest().upper()] = data
        return data

    def answer(self, answer: Answer) -> None:
        parts = urlsplit(answer.path)
        if parts.path != "/api/download":
            return
        asked: dict[str, Any] = parse_qs(parts.query)
        data = self.packages.get(asked.get("sha256", [""])[0])
        if asked.get("apikey") != [KEY]:
            answer.status = 403
        elif data is None:
            answer.status = 404
        else:
            answer.give(data)
        self.fault(answer)


@contextmanager
def androzoo() -> Iterator[AndroZoo]:
    """A running server."""
    with served({}) as site:
        made = AndroZoo(site)
        site.fault = made.answer
        yield made
