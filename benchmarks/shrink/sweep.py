"""How many models shrink, by how much, and whether any answers otherwise: ``python benchmarks/shrink/sweep.py FOLDER… [--times] > table.csv``.

Every distinct file (by SHA-256) up to a size is shrunk and thrown away again; one line each as it is done. The figures in
docs/shrink.md are from this script over `../shared/models` and files of public repositories.
"""

from __future__ import annotations

import csv
import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from nngauge.api import open_model
from nngauge.compress.shrink.run import shrink_model
from nngauge.domain.shrinking import Shrunk
from nngauge.engines.local import Limits
from nngauge.errors import NngaugeError

MOST = 24 << 20
SUFFIXES = {".tflite", ".onnx"}
FIELDS = (
    "sha256", "file", "outcome", "before", "after", "macs_before", "macs_after", "identical", "largest", "extent",
    "ns_before", "ns_after", "seconds", "changes", "explanation",
)  # fmt: skip


def main() -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(FIELDS)
    folders = [item for item in sys.argv[1:] if not item.startswith("--")]
    timed = "--times" in sys.argv
    for path in files(folders):
        begun = time.monotonic()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        try:
            found = shrink_model(path, None, open_model, timed=timed, limits=Limits(seconds=60, memory=6 << 30))
        except NngaugeError as error:
            writer.writerow(
                (digest, path.name, "error", path.stat().st_size, *[""] * 8, time.monotonic() - begun, "", error)
            )
        else:
            writer.writerow((digest, path.name, *row(found), f"{time.monotonic() - begun:.1f}", *words(found)))
        sys.stdout.flush()


def files(folders: list[str]) -> Iterator[Path]:
    """Each content once."""
    seen = set[str]()
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file() and path.stat().st_size <= MOST:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                if digest not in seen:
                    seen.add(digest)
                    yield path


def row(found: Shrunk) -> tuple[object, ...]:
    """From outcome to times."""
    gate, after = found.gate, found.after
    worst = max(gate.outputs, key=lambda gap: gap.largest / (gap.extent or 1.0), default=None) if gate else None
    return (
        found.outcome.value, found.before.file, after.file if after else "", found.before.macs, after.macs if after else "",
        gate.identical if gate else "", worst.largest if worst else "", worst.extent if worst else "",
        found.median_ns.get("before", ""), found.median_ns.get("after", ""),
    )  # fmt: skip


def words(found: Shrunk) -> tuple[str, str]:
    """What went, and what is said."""
    return "; ".join(found.changes), found.explanation


if __name__ == "__main__":
    main()
