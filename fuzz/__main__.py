"""``python -m fuzz [TARGET…] --runs N --seed S [--crashes DIR]``: a table; exit code 1 when a promise was broken.

Without a target all are run, each in a process of its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from fuzz.harness import Report, fuzz
from fuzz.targets import targets

HEADER = "| target | samples | runs | accepted | declared errors | slowest, CPU s | peak MiB | broken promises |\n|---|---|---|---|---|---|---|---|"


def main() -> int:
    """Runs and prints."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help="a target, or the beginning of several")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crashes", type=Path, default=None, help="folder for inputs that break a promise")
    parser.add_argument("--row", action="store_true", help="one row, no header")
    options = parser.parse_args()
    known = targets()
    exact = [name for name in options.target if name in known]
    wanted = exact or [name for name in known if any(name.startswith(start) for start in options.target)]
    chosen = wanted if options.target else list(known)
    if not chosen:
        parser.error(f"no such target; there are {', '.join(known)}")
    if len(chosen) == 1:
        report = fuzz(known[chosen[0]], options.runs, options.seed, options.crashes)
        print(row(report) if options.row else f"{HEADER}\n{row(report)}")
        return int(bool(report.broken))
    print(HEADER, flush=True)
    command = [sys.executable, "-m", "fuzz", "--row", "--runs", str(options.runs), "--seed", str(options.seed)]
    command += ["--crashes", str(options.crashes)] if options.crashes else []
    codes = [_alone(command, name) for name in chosen]
    return int(any(codes))


def _alone(command: list[str], name: str) -> int:
    done = subprocess.run([*command, name], capture_output=True, text=True, check=False)
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    print(
        rows[-1] if rows else f"| {name} | | | | | | | died with {done.returncode}: {done.stderr[-200:]!r} |",
        flush=True,
    )
    return done.returncode


def row(report: Report) -> str:
    """One line of the table."""
    errors = sum(report.errors.values())
    broken = "; ".join(report.broken.values()) or "none"
    return (
        f"| {report.target} | {report.samples} | {report.runs} | {report.accepted} | {errors} | {report.slowest:.2f} "
        f"| {report.memory} | {broken} |"
    )


if __name__ == "__main__":
    sys.exit(main())
