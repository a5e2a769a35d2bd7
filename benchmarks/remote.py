"""What remote scans fetch: ``python -m benchmarks.remote APP…`` prints a row per package and the sums.

Every package is served by an HTTP server on loopback and scanned four ways: whole and for models only, here and there.
The floor is what no scan that gives the same facts can do without: the entries whose content the local scan reads.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.scan import Scan
from nngauge.errors import NngaugeError
from nngauge.extract.kinds import Plan, plan_for
from nngauge.io.content import ARCHIVES, content_kind
from nngauge.io.source import ByteSource
from nngauge.io.web import open_web
from nngauge.packages import open_source
from nngauge.pipeline import Scanner
from tests.builders.webserver import Site, served


class Row(Struct, frozen=True):
    """Bytes of one package."""

    name: str
    size: int
    floor: int
    whole: int
    whole_requests: int
    models_only: int
    requests: int
    model_bytes: int
    models: tuple[int, int]
    same: bool


def far(scanner: Scanner, site: Site, name: str) -> tuple[Scan, int, int]:
    source, store = open_web(site.url(name))
    package = open_source(source, sparing=scanner.models_only)
    try:
        scan = scanner.scan_package(package, name)
    finally:
        package.close()
    if store.lost is not None:
        raise store.lost
    return scan, store.fetched, store.requests + 1


def comparable(scan: Scan) -> Scan:
    parts = tuple(replace(part, sha256=None) for part in scan.app.parts)
    return replace(scan, app=replace(scan.app, sha256="", parts=parts))


def floor(scanner: Scanner, data: bytes) -> tuple[int, int]:
    """Stored bytes of entries that are read as a whole, and of those that are models by their head."""
    package = open_source(ByteSource.of_bytes(data, "a"), hash_parts=False)
    total = models = 0
    for part in package.parts:
        for entry in part.container.entries:
            head = b"" if entry.path in part.consumed else entry.head()
            kind = content_kind(head)
            if any(scanner.index.matching(head, entry.size, entry.path, kind)):
                models += entry.stored_size
            elif kind not in ARCHIVES and (not head or plan_for(kind, entry.path, head) is Plan.SKIP):
                continue
            total += entry.stored_size
    package.close()
    return total, models


def measured(path: Path, scanner: Scanner, models_only: Scanner) -> Row:
    data = path.read_bytes()
    with served({path.name: data}) as site:
        scan, whole, whole_requests = far(scanner, site, path.name)
        few, fetched, requests = far(models_only, site, path.name)
        local = scanner.scan_package(open_source(ByteSource.of_bytes(data, site.url(path.name))), path.name)
    least, model_bytes = floor(scanner, data)
    return Row(
        path.name, len(data), least, whole, whole_requests, fetched, requests, model_bytes,
        (len(local.models), len(few.models)), comparable(scan) == comparable(local),
    )  # fmt: skip


def line(row: Row) -> str:
    percent = [f"{100 * part / row.size:5.1f} %" for part in (row.floor, row.whole, row.models_only, row.model_bytes)]
    return (
        f"{row.name[:16]:16} {row.size / 1e6:7.2f} MB  floor {percent[0]}  whole {percent[1]} {row.whole_requests:4} requests  "
        f"models only {percent[2]} {row.requests:3} requests, models are {percent[3]}, found {row.models[1]} of {row.models[0]}"
        + ("" if row.same else "  FACTS DIFFER")
    )


def summary(name: str, rows: list[Row]) -> str:
    size = sum(row.size for row in rows)
    parts = {
        "floor": [row.floor for row in rows], "whole": [row.whole for row in rows],
        "models only": [row.models_only for row in rows],
        "models only, less the models": [max(0, row.models_only - row.model_bytes) for row in rows],
    }  # fmt: skip
    texts = [
        f"{what} {100 * sum(values) / size:.1f} % "
        f"(median {100 * statistics.median(value / row.size for value, row in zip(values, rows, strict=True)):.1f} %)"
        for what, values in parts.items()
    ]
    return f"{name}: {len(rows)} packages, {size / 1e6:.0f} MB: " + ", ".join(texts)


def main() -> None:
    scanner, models_only = Scanner(), Scanner(models_only=True)
    rows = []
    for name in sys.argv[1:]:
        try:
            rows.append(measured(Path(name), scanner, models_only))
        except NngaugeError as error:
            print(f"{Path(name).name[:16]:16} {error.what}")
            continue
        print(line(rows[-1]), flush=True)
    print(summary("all", rows))
    for title, chosen in (
        ("5 MB and more", [row for row in rows if row.size >= 5e6]),
        ("5 MB and more, without models", [row for row in rows if row.size >= 5e6 and not row.models[0]]),
        ("whole <= 35 %", [row for row in rows if row.whole <= 0.35 * row.size]),
        ("models only <= 5 %", [row for row in rows if row.models_only <= 0.05 * row.size]),
        (
            "models only, less the models <= 5 %",
            [row for row in rows if row.models_only - row.model_bytes <= 0.05 * row.size],
        ),
    ):
        if chosen:
            print(summary(title, chosen))
    print("facts differ:", sum(not row.same for row in rows))


if __name__ == "__main__":
    main()
