"""What it takes to estimate all models of a study: processor time a model, memory, and how the study opens afterwards.

``python -m benchmarks.study_estimates 20000 [--coverage]``: made-up models with the layers of the 102 networks that the profiles were
made of (benchmarks/estimator), on the list of phones that `nngauge estimate STUDY` asks about.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.estimator.networks import networks
from nngauge.analyse.workload import workload
from nngauge.estimate.answers import Asked
from nngauge.estimate.reference import references
from nngauge.estimating import Covered, Wanted, asked_of, estimate_study, summary_of
from nngauge.knowledge.phones import read_shares
from nngauge.store.ledger import Ledger
from nngauge.store.schema import FACT_TABLES, by_name
from nngauge.store.shards import place, write_tables

TABLES: Final = by_name(FACT_TABLES)
BATCH: Final = 4096


def row(table: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(values.get(name) for name in TABLES[table].names)


def write(study: Path, count: int) -> None:
    """A study with so many distinct models, straight into shards."""
    works = [msgspec.json.encode(kept).decode() for cost in networks().values() if (kept := workload(cost)) is not None]
    with Ledger(study / "ledger.sqlite") as ledger:
        for start in range(0, count, BATCH):
            rows: dict[str, list[tuple[Any, ...]]] = {"model": [], "network": [], "workload": []}
            for at in range(start, min(count, start + BATCH)):
                digest = hashlib.sha256(str(at).encode()).hexdigest()
                values = {
                    "app": f"app {at // 5}", "digest": digest, "number": int(digest[:16], 16), "name": f"{at}.tflite", "format": "tflite",
                    "work": works[at % len(works)], "key": "made up",
                }  # fmt: skip
                for table, found in rows.items():
                    found.append(row(table, values))
            batch = ledger.next_batch()
            ledger.seal(batch, place(study, batch, partial(write_tables, rows=rows)), [])


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdecimal() else 2000
    covered = Covered(shares=read_shares()) if "--coverage" in sys.argv else None
    wanted = Wanted(asked=asked_of(references(), Asked(devices=())), listed=True, covered=covered)
    with tempfile.TemporaryDirectory(prefix="nngauge-") as folder:
        study = Path(folder)
        write(study, count)
        seen: list[tuple[int, float]] = []
        begun = time.process_time()
        done = estimate_study(study, wanted, told=lambda models, _: seen.append((models, time.process_time() - begun)))
        spent = time.process_time() - begun
        print(f"{done.models:,} models in {spent:.0f} s of processor time, {1e3 * spent / done.models:.2f} ms each")
        tenth = max(1, len(seen) // 10)
        for name, (first, last) in {"first": (seen[0], seen[tenth]), "last": (seen[-1 - tenth], seen[-1])}.items():
            print(f"  {name} tenth: {1e3 * (last[1] - first[1]) / max(1, last[0] - first[0]):.2f} ms")
        print(f"  memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        size = sum(file.stat().st_size for file in (study / "estimated").iterdir())
        print(f"  files: {size / 1e6:.0f} MB")
        for when in ("first", "again"):
            begun = time.process_time()
            told = summary_of(study, done).told
            print(
                f"opened and summed up, {when}: {time.process_time() - begun:.1f} s of processor time ({told:,} told)"
            )
        begun = time.process_time()
        again = estimate_study(study, wanted)
        print(f"asked again: {time.process_time() - begun:.1f} s ({again.known:,} known)")
        kept = sum(file.stat().st_size for file in (study / "cache").rglob("*") if file.is_file())
        print(f"tables: {kept / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
