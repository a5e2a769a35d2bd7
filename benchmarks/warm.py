"""CPU of scans in a warm process: ``python -m benchmarks.warm REPEATS APP…`` prints the median seconds per app set."""

from __future__ import annotations

import resource
import statistics
import sys
import time

from nngauge.pipeline import Scanner


def main() -> None:
    """The first round is not counted."""
    repeats, apps = int(sys.argv[1]), sys.argv[2:]
    scanner = Scanner()
    rounds = []
    for number in range(repeats + 1):
        started = time.process_time()
        for app in apps:
            scanner.scan(app)
        if number:
            rounds.append(time.process_time() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(statistics.median(rounds), min(rounds), max(rounds), peak * (1 if sys.platform == "darwin" else 1024))


if __name__ == "__main__":
    main()
