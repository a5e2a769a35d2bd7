"""``python -m benchmarks.market FOLDER --apps 1000 --snapshots 2``: writes a market, its truth and its store listing."""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.market.making import Truth, build, truth
from benchmarks.market.plan import App, Market

FIRST_YEAR = 2024
COLUMNS = ("snapshot", "package_id", "version_code", "category", "downloads", "developer")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.market", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--apps", type=int, default=1000, help="apps in the first snapshot")
    parser.add_argument("--snapshots", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    market = Market(options.apps, options.seed)
    for number in range(options.snapshots):
        made, kept = write(market, options.folder, number)
        print(f"{snapshot_name(number)}: {made:,} packages made, {kept:,} as before")


def snapshot_name(number: int) -> str:
    """Two snapshots a year: 2024-06, 2024-12, 2025-06, …"""
    return f"{FIRST_YEAR + number // 2}-{6 + 6 * (number % 2):02d}"


def place(folder: Path, number: int, app: App) -> Path:
    """Where an app of a snapshot lies."""
    return folder / snapshot_name(number) / f"{app.number // 1000:04d}" / f"{app.package_id}-{app.version}.apk"


def write(market: Market, folder: Path, number: int) -> tuple[int, int]:
    """Writes one snapshot; `(made, linked)`: what did not change is a hard link to the snapshot before."""
    made = kept = 0
    (folder / snapshot_name(number)).mkdir(parents=True, exist_ok=True)
    with (folder / f"market-{snapshot_name(number)}.csv").open("w", newline="") as listing:
        rows = csv.writer(listing)
        rows.writerow(COLUMNS)
        for app in market.snapshot(number):
            target = place(folder, number, app)
            target.parent.mkdir(exist_ok=True)
            before = place(folder, number - 1, app)
            if target.exists():
                kept += 1
            elif number and before.exists():
                os.link(before, target)
                kept += 1
            else:
                target.write_bytes(build(app))
                made += 1
            rows.writerow(
                (snapshot_name(number), app.package_id, app.version, app.category, app.downloads, app.developer)
            )
    write_truth(market, folder, number)
    return made, kept


def write_truth(market: Market, folder: Path, number: int) -> None:
    """One JSON line an app: where it lies and what is inside."""
    with (folder / f"truth-{snapshot_name(number)}.jsonl").open("wb") as lines:
        for app in market.snapshot(number):
            found = truth(app)
            row = {
                "locator": str(place(folder, number, app).resolve()), "opens": found.opens,
                "technologies": sorted(found.technologies), "models": sorted(found.models),
            }  # fmt: skip
            lines.write(msgspec.json.encode(row) + b"\n")


def read_truth(folder: Path, number: int) -> Iterator[tuple[str, Truth]]:
    """`(locator, truth)` of each app of a snapshot."""
    with (folder / f"truth-{snapshot_name(number)}.jsonl").open("rb") as lines:
        for line in lines:
            row = msgspec.json.decode(line)
            yield (
                row["locator"],
                Truth(opens=row["opens"], technologies=frozenset(row["technologies"]), models=frozenset(row["models"])),
            )


if __name__ == "__main__":
    main()
