"""Series of versions of one library, some of them held out: ``version_series.toml`` as runtimes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.evaluation.truth import HERE, Library, Runtime


def load_series(path: Path = HERE / "version_series.toml") -> tuple[Runtime, ...]:
    """One runtime for each version of each series.

    A version that one series of a technology holds out is held out in all of them: other processors share its texts.
    """
    rows = tomllib.loads(path.read_text())["series"]
    held = {
        (row["expect"], _real(item)) for row in rows for item in row["versions"] if _package(item) in row["held_out"]
    }
    return tuple(runtime for row in rows for runtime in _runtimes(row, held))


def _runtimes(row: Mapping[str, Any], held: set[tuple[str, str]]) -> Iterator[Runtime]:
    for item in row["versions"]:
        library = Library(row["file"], row["expect"], _real(item), tuple(row.get("also", ())))
        yield Runtime(
            registry=row["registry"],
            name=row["name"],
            version=_package(item),
            libraries=(library,),
            platform=row.get("platform", ""),
            python=row.get("python", "3.11"),
            held_out=(library.expect, library.version) in held,
        )


def _package(item: str) -> str:
    return item.partition("=")[0]


def _real(item: str) -> str:
    """The version of what is inside: ``0.6.15=b6451``; releases of a package alone (``.post1``) do not count."""
    package, _, inside = item.partition("=")
    return inside or package.partition(".post")[0]
