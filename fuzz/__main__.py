"""``python -m fuzz [TARGET…] --runs N --seconds T --seed S [--crashes DIR] [--record FILE]``: a table.

Exit code 1 when a promise was broken. Without a target all are run, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from pathlib import Path

from fuzz.harness import Report, fuzz
from fuzz.targets import Target, targets

HEADER = "| target | samples | runs | accepted | declared errors | seconds | slowest, CPU s | peak MiB | broken promises |\n|---|---|---|---|---|---|---|---|---|"


def main() -> int:
    """Runs and prints."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help="a target, or the beginning of several")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crashes", type=Path, default=None, help="folder for inputs that break a promise")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of each target at most")
    parser.add_argument("--record", type=Path, default=None, help="file to which one line of JSON a target is added")
    options = parser.parse_args()
    known = targets()
    exact = [name for name in options.target if name in known]
    wanted = exact or [name for name in known if any(name.startswith(start) for start in options.target)]
    chosen = wanted if options.target else list(known)
    if not chosen:
        parser.error(f"no such target; there are {', '.join(known)}")
    if len(chosen) == 1:
        report = fuzz(known[chosen[0]], options.runs, options.seed, options.crashes, options.seconds)
        _note(report, options.seed, options.record)
        print(f"{HEADER}\n{row(report)}")
        return int(bool(report.broken))
    print(HEADER, flush=True)
    codes = [_alone(known[name], options) for name in chosen]
    return int(any(codes))


def _alone(target: Target, options: argparse.Namespace) -> int:
    """In a process of its own, whose death is one row; forked, so that samples are built once."""

    def work() -> None:
        report = fuzz(target, options.runs, options.seed, options.crashes, options.seconds)
        _note(report, options.seed, options.record)
        print(row(report), flush=True)
        os._exit(int(bool(report.broken)))

    target.samples()
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    if child.exitcode not in (0, 1):
        print(f"| {target.name} | | | | | | | | died with {child.exitcode} |", flush=True)
    return child.exitcode or 0


def _note(report: Report, seed: int, record: Path | None) -> None:
    if record is None:
        return
    record.parent.mkdir(parents=True, exist_ok=True)
    line = {name: getattr(report, name) for name in Report.__slots__} | {
        "seed": seed,
        "seconds": round(report.seconds, 1),
        "slowest": round(report.slowest, 3),
    }
    with record.open("a") as out:
        out.write(json.dumps(line) + "\n")


def row(report: Report) -> str:
    """One line of the table."""
    errors = sum(report.errors.values())
    broken = "; ".join(report.broken.values()) or "none"
    return (
        f"| {report.target} | {report.samples} | {report.runs} | {report.accepted} | {errors} | {report.seconds:.0f} "
        f"| {report.slowest:.2f} | {report.memory} | {broken} |"
    )


if __name__ == "__main__":
    sys.exit(main())
