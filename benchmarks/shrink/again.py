"""The same answers on inputs that the gate never saw? ``python benchmarks/shrink/again.py table.csv FOLDER… > again.csv``.

Models that lost channels (by a table of `sweep.py`) are shrunk again, and both files run on the pictures and sounds that nngauge
draws and computes itself (docs/compression.md), which are nothing like the gate's random numbers.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from benchmarks.shrink.sweep import files
from nngauge.api import open_model
from nngauge.cli.compress import subject_at
from nngauge.compress import samples
from nngauge.compress.shrink.gate import answers, compare
from nngauge.compress.shrink.run import shrink_model
from nngauge.engines.local import Limits
from nngauge.errors import NngaugeError

COUNT = 48


def main() -> None:
    with Path(sys.argv[1]).open() as table:
        wanted = {
            row["file"] for row in csv.DictReader(table) if "channel" in row["changes"] and row["outcome"] == "written"
        }
    writer = csv.writer(sys.stdout)
    writer.writerow(("file", "inputs", "identical", "same", "largest", "extent"))
    for path in files(sys.argv[2:]):
        if path.name in wanted:
            writer.writerow((path.name, *again(path)))
            sys.stdout.flush()


def again(path: Path) -> tuple[object, ...]:
    """One row."""
    limits = Limits(seconds=120, memory=6 << 30)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / f"small{path.suffix}"
        try:
            shrink_model(path, output, open_model, timed=False, limits=limits)
            subject = subject_at(path)
            feeds = samples.feeds(subject, samples.gather(subject, COUNT))
            gate = compare(answers(subject, feeds, limits), answers(subject_at(output), feeds, limits))
        except NngaugeError as error:
            return (str(error),)
    worst = max(gate.outputs, key=lambda gap: gap.largest / (gap.extent or 1.0))
    return gate.inputs, gate.identical, gate.passed, worst.largest, worst.extent


if __name__ == "__main__":
    main()
