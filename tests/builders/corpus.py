"""Real binaries for comparisons with other readers; fetched by hand, never committed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def corpus_files(pattern: str, *, magic: bytes = b"", largest: int = 1 << 40) -> list[Path]:
    """Files under $NNGAUGE_CORPUS that match the glob and begin with `magic`; skips the test when there are none.

    `largest` (bytes) keeps slow oracles to the files that they can read in time.
    """
    root = os.environ.get("NNGAUGE_CORPUS")
    if not root:
        pytest.skip("NNGAUGE_CORPUS is not set: no real binaries to compare with")
    found = sorted(
        path
        for path in Path(root).glob(pattern)
        if path.is_file() and path.stat().st_size <= largest and _begins(path, magic)
    )
    if not found:
        pytest.skip(f"no {pattern} under NNGAUGE_CORPUS")
    return found


def _begins(path: Path, magic: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(magic)) == magic
