"""How fast a study with many measured sessions opens: the first time, when all are read, and later.

``python -m benchmarks.sessions 100000``: made-up sessions of one model in one configuration, six launches with a hundred samples each.
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from nngauge.domain.measurement import Configuration, Device, Launch, Measurement, Session
from nngauge.measure.summary import summary
from nngauge.store.ledger import Ledger
from nngauge.store.measured import MEASURED
from nngauge.store.warehouse import Warehouse

QUESTION = "SELECT count(*), count(DISTINCT digest), median(steady_seconds) FROM measurement"
DEVICE = Device(id="adb:1", kind="adb", maker="Made", model="Up")


def launches(chance: random.Random) -> tuple[Launch, ...]:
    middle = 10 ** chance.uniform(4, 8)
    return tuple(
        Launch(
            block=block, load_ns=5_000_000, first_ns=30_000_000, peak_bytes=50_000_000,
            wall_ns=(runs := tuple(round(middle * chance.gauss(1, 0.005)) for _ in range(100))), cpu_ns=runs, interrupted=(0,) * 100,
        )
        for block in range(6)
    )  # fmt: skip


def write(folder: Path, count: int) -> int:
    """Bytes of the sessions."""
    chance = random.Random(1)
    pool = [(made, summary(made, 1)) for made in (launches(chance) for _ in range(50))]
    folder.mkdir()
    size = 0
    for at in range(count):
        digest = hashlib.sha256(str(at).encode()).hexdigest()
        made, told = pool[at % len(pool)]
        item = Measurement(
            model=digest, name=f"{at}.tflite", format="tflite", configuration=Configuration(engine="litert"), engine_version="2.3.0",
            device=DEVICE, started="2026-11-21T12:00:00+00:00", tool="nngauge", macs=300_000_000, launches=made, summary=told,
        )  # fmt: skip
        size += (folder / f"{digest[:16]}.json").write_bytes(msgspec.json.encode(Session(measurements=(item,))))
    return size


def opened(study: Path) -> str:
    """What it took to open the study and to ask."""
    begun, processor = time.perf_counter(), time.process_time()
    with Ledger(study / "ledger.sqlite") as ledger, Warehouse(study, ledger) as facts:
        ready, spent = time.perf_counter(), time.process_time()
        rows = facts.ask(QUESTION).rows
        asked = time.perf_counter()
    return f"opened in {ready - begun:.2f} s ({spent - processor:.2f} s of processor time), asked in {asked - ready:.2f} s: {rows}"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory(prefix="nngauge-") as folder:
        study = Path(folder)
        size = write(study / MEASURED, count)
        print(f"{count:,} sessions, {size / 1e9:.2f} GB")
        for when in ("first", "again", "again"):
            print(f"{when}: {opened(study)}")
        next((study / MEASURED).iterdir()).unlink()
        print(f"one less: {opened(study)}")
        kept = sum(file.stat().st_size for file in (study / "cache").rglob("*") if file.is_file())
        print(f"tables: {kept / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
