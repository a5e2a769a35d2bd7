"""Published builds: which version of a technology a build identifier belongs to.

``builds.tsv`` is written by ``python -m benchmarks.evaluation.builds`` out of packages of public registries; its rows
name the package that the identifier was seen in.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).parent / "builds.tsv"


def published_version(technology: str, build_id: str) -> str | None:
    """The version of `technology` in the published binary with this GNU build id or Mach-O UUID (hexadecimal)."""
    return _table().get((technology, build_id))


@cache
def _table() -> dict[tuple[str, str], str]:
    """Technology and identifier → version; read when the first native detection asks."""
    rows = (line.split("\t") for line in _TABLE.read_text().splitlines() if line and not line.startswith("#"))
    return {(technology, build): version for technology, version, build, *_ in rows}
