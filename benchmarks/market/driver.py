"""One run of a study as a process of its own, to be killed: small shards and short pauses, so that all that a large run
does happens often in a small one. ``python -m benchmarks.market.driver STUDY``; exit code 9: the store refused."""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

from nngauge.errors import StoreError
from nngauge.runners.local import run_local
from nngauge.runners.tasks import Settings, perform
from nngauge.store import ledger, shards
from nngauge.study import Study

DELAY: Final = "MARKET_DELAY"
"""Environment variable: seconds that a worker waits on average before each app, so that kills find it at work."""
REFUSED: Final = 9


def slowly(data: bytes) -> bytes:
    """What a worker does, after a pause of up to twice the delay."""
    time.sleep(random.uniform(0, 2 * float(os.environ.get(DELAY, "0"))))
    return perform(data)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.market.driver", description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=40, help="apps in a shard")
    parser.add_argument("--merge", type=int, default=4, help="shards that are made one")
    parser.add_argument("--largest", type=int, default=0, help="bytes that no file may exceed: a disk that is full")
    options = parser.parse_args()
    shards.BATCH, shards._MERGE = options.batch, options.merge  # type: ignore[misc]  # noqa: SLF001
    ledger.PAUSES = (0.2, 0.5, 1.0)  # type: ignore[misc]
    if options.largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.largest, resource.RLIM_INFINITY))
    settings = Settings(networks=True)
    engine = partial(run_local, workers=options.workers, settings=settings, work=slowly)
    try:
        with Study.open(options.study) as study:
            for count, _ in enumerate(study.run(settings=settings, engine=engine), 1):
                if count % (3 * options.batch) == 0:
                    shards.merge(study.folder, study.ledger)
    except StoreError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
