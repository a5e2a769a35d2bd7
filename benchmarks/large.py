"""Models of 1 GiB, made here: what it costs to look at them. ``python -m benchmarks.large FOLDER``.

Each is 64 fully connected layers of 2,048 × 2,048 single-precision weights (random numbers, the same MiB again and
again), written as a framework would write it. Every row is a fresh process: importing included, files in the page
cache, since they were just written.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.large_models import WRITERS
from benchmarks.measure import Timing, measure

_READ = "import sys, nngauge; nngauge.read_graph(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class Row:
    """One model: reading its graph, and the whole ``nngauge show``."""

    format: str
    bytes: int
    read: Timing
    show: Timing


def main() -> None:
    """Options: FOLDER (for the models, kept between runs), --runs, --out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the rows as JSON here")
    options = parser.parse_args()
    rows = run(options.folder, options.runs)
    print(render(rows))
    if options.out:
        figures = [
            {"format": row.format, "bytes": row.bytes}
            | {name: _figures(getattr(row, name)) for name in ("read", "show")}
            for row in rows
        ]
        options.out.write_text(json.dumps(figures, indent=1) + "\n")


def _figures(timing: Timing) -> dict[str, float]:
    return {"wall": timing.wall, "cpu": timing.cpu, "peak": timing.peak}


def run(folder: Path, runs: int) -> list[Row]:
    """Makes the models that are missing and looks at each."""
    rows = []
    for name, write in WRITERS.items():
        place = folder / name
        if not place.is_dir():
            place.mkdir(parents=True)
            write(place)
        lead = next(path for path in sorted(place.iterdir()) if path.suffix not in (".bin", ".weights"))
        read = measure([sys.executable, "-c", _READ, str(lead)], runs=runs)
        show = measure([sys.executable, "-m", "nngauge", "show", str(lead)], runs=runs)
        failed = next((one for one in (*read.runs, *show.runs) if one.code), None)
        if failed is not None:
            raise RuntimeError(f"{lead} is not read")
        rows.append(Row(name, sum(path.stat().st_size for path in place.iterdir()), read, show))
    return rows


def render(rows: list[Row]) -> str:
    """A Markdown table."""
    lines = [
        "| format | size | `read_graph`, fresh process | CPU | peak | `nngauge show` | CPU | peak |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            f"{timing.wall:.2f} s | {timing.cpu:.2f} s | {timing.peak / 1e6:.0f} MB" for timing in (row.read, row.show)
        ]
        lines.append(f"| {row.format} | {row.bytes / 1e6:,.0f} MB | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
