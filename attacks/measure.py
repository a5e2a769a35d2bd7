"""Runs one attack in a process of its own and measures it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from attacks._api import Attack, Result, Shown
from nngauge.domain.scan import Scan
from nngauge.errors import NngaugeError

_ROOT = Path(__file__).resolve().parents[1]
_GRACE = 120.0
"""Seconds by the clock, for a process that starts and builds on a busy machine."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one attack."""

    seconds: float
    """Of a processor."""
    grown: float
    """MiB that the peak resident memory grew by during the scan."""
    answer: str
    """What nngauge said, in short."""
    complaint: str
    """Empty when the attack failed and nngauge held."""


def measure(attack: Attack, patience: float = 1.0) -> Measured:
    """Builds and scans in a child, so that neither memory nor a crash reach this process.

    `patience` stretches the bound on time.
    """
    most = attack.seconds * patience + _GRACE
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "attacks.measure", attack.name, folder, str(patience)]
        try:
            done = subprocess.run(command, cwd=_ROOT, capture_output=True, timeout=most, check=False)
        except subprocess.TimeoutExpired:
            return Measured(most, 0.0, "", "did not end")
        if done.returncode:
            return Measured(0.0, 0.0, "", f"exit {done.returncode}: {done.stderr.decode()[-300:]}")
        return Measured(**json.loads(done.stdout))


def run(attack: Attack, folder: Path, patience: float) -> Measured:
    """Builds and scans, or shows, here."""
    path = _built(attack, folder)
    act = _scan() if attack.verb == "scan" else _show()
    before, start = _peak(), time.process_time()
    result = act(path)
    seconds, grown = time.process_time() - start, _peak() - before
    complaints = [attack.check(result), _unaccounted(attack, result)]
    if seconds > attack.seconds * patience:
        complaints.append(f"took {seconds:.1f} s")
    if grown > attack.grows:
        complaints.append(f"grew by {grown:.0f} MiB")
    return Measured(round(seconds, 2), round(grown, 1), _summary(result), "; ".join(filter(None, complaints)))


def _scan() -> Callable[[Path], Result]:
    from nngauge.pipeline import Scanner

    scanner = Scanner()

    def act(path: Path) -> Result:
        try:
            return scanner.scan(path)
        except NngaugeError as error:
            return error

    return act


def _show() -> Callable[[Path], Result]:
    from attacks._shown import show

    return show


def _built(attack: Attack, folder: Path) -> Path:
    """Built by a child: what building takes must not count as memory of the scan."""
    code = (
        "import sys, attacks, pathlib; "
        "[print(a.build(pathlib.Path(sys.argv[2]))) for a in attacks.ATTACKS if a.name == sys.argv[1]]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, attack.name, str(folder)], cwd=_ROOT, capture_output=True, check=True, text=True
    )
    return Path(done.stdout.strip())


def _unaccounted(attack: Attack, result: Result) -> str:
    if attack.entries is None or not isinstance(result, Scan):
        return ""
    counted = sum(row.entries for row in result.coverage)
    return "" if counted == attack.entries else f"{counted} entries accounted for instead of {attack.entries}"


def _summary(result: Result) -> str:
    if isinstance(result, Shown):
        return _figures(result)
    if not isinstance(result, Scan):
        return f"{type(result).__name__}: {result.what}"
    parts = [
        f"{len(result.models)} models",
        f"{len(result.candidates)} candidates",
        f"{len(result.failures)} failures",
        f"{sum(item.count for item in result.anomalies)} anomalies",
    ]
    return ", ".join(part for part in parts if not part.startswith("0 ")) or "nothing found"


def _figures(result: Shown) -> str:
    graph, cost = result.analysis.graph, result.analysis.cost
    least = "at least " if cost.lower_bound else ""
    macs = "MACs unknown" if cost.macs is None else f"{least}{str(cost.macs)[:24]} MACs"
    return f"{graph.completeness}, {len(cost.layers)} layers, {macs}"


def _peak() -> float:
    """Peak resident memory of this process in MiB (Linux); `ru_maxrss` would include the parent's before exec."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        return int(found.group(1)) / 1024 if found else 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


if __name__ == "__main__":
    from attacks import ATTACKS

    chosen = next(attack for attack in ATTACKS if attack.name == sys.argv[1])
    measured = run(chosen, Path(sys.argv[2]), float(sys.argv[3]))
    print(json.dumps({name: getattr(measured, name) for name in Measured.__slots__}))
