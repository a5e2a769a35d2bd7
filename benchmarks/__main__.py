"""Runs every comparison once and writes the tables that docs/performance.md shows."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpus import LARGE_WHEELS, WHEELS, large_app, real_apps
from benchmarks.floor import floor_of
from benchmarks.measure import Timing, alternate, measure
from benchmarks.peers import PATTERNS
from nngauge.detect.compiled import load_signatures

ROOT = Path(__file__).parent.parent
NNGAUGE = [sys.executable, "-m", "nngauge"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result: a figure beside its goal."""

    what: str
    value: str
    goal: str
    met: bool


def main() -> None:
    """Options: --runs, --work, --apps, --quick."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each command")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "bench", help="folder for apps, peers and results")
    parser.add_argument("--apps", type=Path, help="folder with more APKs for the comparison with peers")
    parser.add_argument("--quick", action="store_true", help="without the peers that take minutes")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    more = sorted(options.apps.rglob("*.apk")) if options.apps else []
    rows = run(options.work, options.runs, more, quick=options.quick)
    text = render(rows)
    print(text)
    result = {
        "machine": machine(),
        "when": time.strftime("%Y-%m-%d"),
        "rows": [[r.what, r.value, r.goal, r.met] for r in rows],
    }
    (options.work / "results.json").write_text(json.dumps(result, indent=1))


def run(work: Path, runs: int, more: Sequence[Path], *, quick: bool) -> list[Row]:
    """All figures."""
    models = ROOT / "examples" / "models"
    real = real_apps(work)
    large = large_app(work, "large", 78_000_000, WHEELS, models)
    huge = large_app(work, "huge", 240_000_000, (*WHEELS, *LARGE_WHEELS), models, stored_libraries=True)
    small = min(real, key=lambda app: abs(app.stat().st_size - 3_000_000))
    rows = [*floor_rows(large, huge, runs), *start_rows(small, runs), *worker_rows(work, large, runs)]
    if not quick:
        rows += peer_rows(work, [*real, large, *more], runs)
    return rows


def warm(apps: list[Path], runs: int) -> tuple[float, float, float, int]:
    """Median, best and worst CPU seconds in a warm process, and its peak memory."""
    command = [sys.executable, "-m", "benchmarks.warm", str(runs), *map(str, apps)]
    median, best, worst, peak = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.split()
    return float(median), float(best), float(worst), int(peak)


def floor_rows(large: Path, huge: Path, runs: int) -> list[Row]:
    """Scans against T_floor."""
    floor = floor_of(large)
    median, best, worst, peak = warm([large], runs)
    ratio = median / floor.seconds
    size = large.stat().st_size / 1e6
    huge_median, _, _, huge_peak = warm([huge], runs)
    top = max(peak, huge_peak)
    return [
        Row(f"full scan of {size:.0f} MB ÷ T_floor ({floor.seconds:.3f} s at {floor.inflate_rate / 1e6:.0f} MB/s)",
            f"{ratio:.2f} ({median:.3f} s; {best:.3f}–{worst:.3f})", "≤ 2 (aim 1.5)", ratio <= 2),
        Row(f"full scan of {huge.stat().st_size / 1e6:.0f} MB, libraries stored as by default since AGP 3.6, CPU", f"{huge_median:.2f} s", "≤ 1 s", huge_median <= 1),
        Row("peak memory of a worker", f"{top / 1e6:.0f} MB", "≤ 150 MB", top <= 150e6),
    ]  # fmt: skip


def start_rows(small: Path, runs: int) -> list[Row]:
    """What a cold command costs."""
    helped = measure([*NNGAUGE, "--help"], runs=runs)
    scanned = measure([*NNGAUGE, "scan", str(small)], runs=runs)
    return [
        Row("`nngauge --help`, CPU", f"{helped.cpu * 1000:.0f} ms ({helped.spread})", "≤ 80 ms", helped.cpu <= 0.080),
        Row(f"whole command on a {small.stat().st_size / 1e6:.1f} MB app, CPU",
            f"{scanned.cpu * 1000:.0f} ms ({scanned.spread})", "≤ 120 ms", scanned.cpu <= 0.120),
    ]  # fmt: skip


def worker_rows(work: Path, large: Path, runs: int) -> list[Row]:
    """Two workers against one, wall time over eight copies of the large app."""
    folder = work / "copies"
    folder.mkdir(exist_ok=True)
    for number in range(8):
        copy = folder / f"{number}.apk"
        if not copy.exists():
            os.link(large, copy)
    one, two = alternate(
        [*NNGAUGE, "scan", "--quiet", "--workers", "1", str(folder)],
        [*NNGAUGE, "scan", "--quiet", "--workers", "2", str(folder)],
        runs=max(3, runs - 2),
    )
    gain = one.wall / two.wall
    return [Row("two workers against one, wall", f"{gain:.2f} ×", "≥ 1.8 × on a quiet machine", gain >= 1.8)]


def peer_rows(work: Path, apps: list[Path], runs: int) -> list[Row]:
    """CPU of the peers over the same apps."""
    names = [str(app) for app in apps]
    ours, *_ = warm(apps, runs)
    title = f"{len(apps)} APKs, {sum(app.stat().st_size for app in apps) / 1e6:.0f} MB"
    every = len(load_signatures().literal_index)
    rows = [
        _peer(f"zipfile + find of {PATTERNS} patterns, {title}", 20, ours, _python("find", names)),
        _peer(f"zipfile + find of our {every:,} literals, {title}", 20, ours, _python("find-all", names)),
    ]
    if shutil.which("apktool") and shutil.which("readelf"):
        rows.append(_peer(f"apktool + readelf + string match, {title}", 25, ours, _python("decompose", names)))
    else:
        rows.append(Row("apktool + readelf", "not measured: apt-get install apktool binutils", "≥ 25 ×", met=False))
    apkid = _apkid(work)
    rows.append(_peer(f"APKiD, {title}", 10, ours, measure([str(apkid), "-j", *names], runs=2, warmup=0)))
    return rows


def _python(peer: str, apps: list[str]) -> Timing:
    return measure([sys.executable, "-m", "benchmarks.peers", peer, *apps], runs=2, warmup=0)


def _peer(name: str, goal: int, ours: float, theirs: Timing) -> Row:
    gain = theirs.cpu / ours
    return Row(
        f"{name}: CPU ÷ ours", f"{gain:.1f} × ({theirs.cpu:.1f} s against {ours:.2f} s)", f"≥ {goal} ×", gain >= goal
    )


def _apkid(work: Path) -> Path:
    """APKiD in an environment of its own."""
    place = work / "apkid"
    if not (place / "bin" / "apkid").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin" / "pip", "install", "-q", "apkid==3.2.0"], check=True)
    return place / "bin" / "apkid"


def machine() -> str:
    """What the figures were measured on."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def render(rows: list[Row]) -> str:
    """A Markdown table."""
    lines = ["| what | measured | goal | met |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.value} | {row.goal} | {'yes' if row.met else 'no'} |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
