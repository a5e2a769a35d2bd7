"""How long the questions of `nngauge study diff` take over made-up facts: ``python -m benchmarks.snapshots 1000000``.

Writes the facts of two snapshots straight into a study, without packages: 40 % of the packages have AI, with 12 models and
3 technologies on average (1,000,000 packages: 10,000,000 models); 30 % of the packages stay as they are, 2 % are new and
2 % gone; of the others every fifth model, technology and version changes. The figures are of questions only: what a study takes to open is
reported beside.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nngauge.compare.snapshots import compare_snapshots
from nngauge.store.ledger import Ledger
from nngauge.store.schema import FACT_TABLES, by_name
from nngauge.store.shards import connect, file_digest
from nngauge.store.warehouse import Answer, Warehouse

SNAPSHOTS = ("2026-08", "2026-11")
APPS_PER_SHARD = 65_536
_EDITIONS = """
    SELECT number, side, number % 10 < 3 AS fixed, number % 5 < 2 AS ai,
           md5(concat('app', number, CASE WHEN number % 10 < 3 THEN 0 ELSE side END))
             || md5(concat('more', number, CASE WHEN number % 10 < 3 THEN 0 ELSE side END)) AS app
    FROM range({first}, {last}) AS packages(number), (VALUES (0), (1)) AS sides(side)
    WHERE number BETWEEN side * {shift} AND {count} - 1 + side * {shift} AND NOT (fixed AND side = 1 AND number < {count})
"""
_ROWS = {
    "app": """
        SELECT app, 'android' AS platform, 'apk' AS container, 'com.example.a' || number AS package_id,
               (1 + side)::VARCHAR AS version_code, 'signer' || number % 1000 AS signer, 30000000 + number AS size,
               ai AS runtime_present, ai AND hash(number, side) % 10 < 9 AS model_present, ai AND number % 7 = 0 AS model_elsewhere,
               CASE WHEN ai THEN 12 ELSE 0 END AS models, true AS complete
        FROM edition""",
    "technology": """
        SELECT app, 'tech' || kind AS technology, 'Technology ' || kind AS title,
               CASE WHEN kind % 2 = 0 THEN 'runtime' ELSE 'sdk' END AS category, 'runtime library' AS grade,
               'library' AS presence, 'certain' AS confidence, true AS shipped, false AS dead,
               '["2.' || (number % 20 + CASE WHEN hash(number, kind) % 5 = 0 THEN side ELSE 0 END) || '.0"]' AS versions,
               'sdk' AS owner, 'component' || kind % 40 AS sdk, 3000000 AS library_bytes, 1 AS places
        FROM (SELECT *, (hash(number, place, CASE WHEN hash(number, place, 1) % 5 = 0 THEN side ELSE 0 END) % 80)::INTEGER AS kind
              FROM edition, range(3) AS places(place) WHERE ai)
        GROUP BY ALL""",
    "acceleration": """
        SELECT app, 'accelerator' || number % 12 AS accelerator, 'Accelerator' AS title, 'tech0' AS engine, 'gpu' AS hardware,
               'arm64-v8a' AS abi, CASE WHEN hash(number, side) % 5 = 0 THEN 'unknown' ELSE 'works as shipped' END AS outcome,
               0 AS size
        FROM edition WHERE ai AND number % 3 = 0""",
    "model": """
        SELECT app, md5(concat('model', which, version)) || md5(concat(which, version)) AS digest,
               'model' || place || '.tflite' AS name, 'a.apk!assets/model' || place || '.tflite' AS path, 1000000 + which AS size,
               'tflite' AS format, 'TensorFlow Lite' AS title, 'full' AS completeness, 100000 + which AS parameters,
               60 AS nodes, '[{"name":"in","dtype":"float32","shape":[1,224,224,3]}]' AS inputs,
               '[{"name":"out","dtype":"float32","shape":[1,' || which % 50 || ']}]' AS outputs,
               '{"CONV_2D":' || which % 90 || ',"SOFTMAX":1,"ADD":' || version || '}' AS ops,
               '{"float32":' || (100000 + which) || '}' AS weights, 'tflite@1' AS plugin, 'unknown' AS task,
               'app' AS owner
        FROM (SELECT *, (hash(number, place) % 500000)::INTEGER AS which,
                     CASE WHEN hash(number, place, 2) % 5 = 0 THEN side ELSE 0 END AS version
              FROM edition, range(12) AS places(place) WHERE ai)""",
    "document": "SELECT app, 'key' AS key, '{}' AS document FROM edition",
}


def make_study(folder: Path, count: int) -> None:
    """A study of `count` packages in each of two snapshots."""
    shift = count // 50
    with Ledger(folder / "ledger.sqlite"):
        pass
    with connect() as database, sqlite3.connect(folder / "ledger.sqlite") as ledger:
        ledger.executemany("INSERT INTO source VALUES (?, ?, 'folder', '/', '')", enumerate(SNAPSHOTS))
        for batch, first in enumerate(range(0, count + shift, APPS_PER_SHARD), 1):
            last = min(first + APPS_PER_SHARD, count + shift)
            editions = _EDITIONS.format(first=first, last=last, shift=shift, count=count)
            database.execute(f"CREATE OR REPLACE TABLE edition AS {editions}")
            ledger.executemany("INSERT INTO shard VALUES (?, ?, ?, ?, ?)", list(_shards(database, folder, batch)))
            items = database.execute("SELECT number, side, fixed, app FROM edition").fetchall()
            ledger.executemany(_ITEM, _items(items, shift))
        ledger.commit()


_ITEM = (
    "INSERT INTO item (snapshot, source, locator, state, attempts, not_before, app) VALUES (?, ?, ?, 'done', 1, 0, ?)"
)


def _items(editions: Sequence[tuple[int, int, bool, str]], shift: int) -> Iterator[tuple[Any, ...]]:
    for number, side, fixed, app in editions:
        yield SNAPSHOTS[side], side, f"/{number}.apk", app
        if fixed and side == 0 and number >= shift:
            yield SNAPSHOTS[1], 1, f"/{number}.apk", app


def _shards(database: Any, folder: Path, batch: int) -> Iterator[tuple[Any, ...]]:
    tables = by_name(FACT_TABLES)
    for name, rows in _ROWS.items():
        file = folder / f"facts/{name}/{batch:06d}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        empty = ", ".join(f'NULL::{column.type} AS "{column.name}"' for column in tables[name].columns)
        done = database.execute(
            f"COPY (SELECT {empty} WHERE false UNION ALL BY NAME ({rows} ORDER BY app)) TO '{file}' "
            "(FORMAT parquet, COMPRESSION zstd)"
        ).fetchone()
        yield batch, name, done[0], file.stat().st_size, file_digest(file)


class Watched(Warehouse):
    """Tells how long each question took."""

    def _run(self, sql: str, parameters: Sequence[Any]) -> Answer:
        started, busy = time.monotonic(), time.process_time()
        answer = super()._run(sql, parameters)
        taken = (time.monotonic() - started, time.process_time() - busy, " ".join(sql.split())[:100])
        self.times = [*getattr(self, "times", []), taken]
        return answer


def main() -> None:
    """Makes the study, unless the folder has one, and asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="packages in each snapshot")
    parser.add_argument("--folder", type=Path, help="keep the study here")
    parser.add_argument("--verbose", action="store_true", help="every question")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        if not (folder / "ledger.sqlite").exists():
            folder.mkdir(parents=True, exist_ok=True)
            make_study(folder, given.count)
        started = time.monotonic()
        with Ledger(folder / "ledger.sqlite") as ledger, Watched(folder, ledger) as facts:
            print(
                f"opened in {time.monotonic() - started:.1f} s; {facts.ask('SELECT count(*) FROM model').rows[0][0]:,} models"
            )
            started, busy = time.monotonic(), time.process_time()
            difference = compare_snapshots(facts, *SNAPSHOTS, most=100)
            total, busy = time.monotonic() - started, time.process_time() - busy
            slowest = sorted(facts.times, reverse=True)
            print(
                f"{len(slowest)} questions in {total:.1f} s ({busy:.1f} s of processors), the slowest {slowest[0][0]:.2f} s"
            )
            for seconds, busy, sql in slowest if given.verbose else slowest[:5]:
                print(f"  {seconds:6.2f} s  {busy:6.2f} s of processors  {sql}")
            print(f"{difference.kept:,} packages in both, {sum(difference.models.changed.values()):,} models changed")


if __name__ == "__main__":
    sys.exit(main())
