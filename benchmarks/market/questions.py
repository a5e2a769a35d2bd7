"""How long the questions of reports take over 10^6 apps and 10^7 models that nobody scanned: rows made by DuckDB.

``python -m benchmarks.market.questions STUDY --apps 1000000`` writes the facts once, straight into shards, and asks.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from nngauge.store.ledger import Ledger, Shard
from nngauge.store.schema import FACT_TABLES, Table
from nngauge.store.shards import connect, file_digest, quoted
from nngauge.store.warehouse import Warehouse

if TYPE_CHECKING:
    import duckdb

BATCH = 65_536
"""Apps in a shard, as after a few merges."""
_MODELS = 10
"""For each app."""

_ROWS = {
    "app": ("range({first}, {last}) a(n)", {
        "app": "sha256(n::VARCHAR)", "platform": "'android'", "container": "'apk'",
        "package_id": "'com.example.p' || n // 2", "version_code": "(1 + n % 2)::VARCHAR", "label": "'App ' || n // 2",
        "min_os": "(21 + hash(n) % 10)::VARCHAR", "target_os": "(28 + hash(n) % 8)::VARCHAR",
        "signer": "md5((power(hash(n // 2) % 1000000, 0.7)::BIGINT)::VARCHAR)", "size": "1000000 + hash(n) % 200000000",
        "runtime_present": "hash(n // 2) % 100 < 20 + 5 * (n % 2)", "model_present": "hash(n // 2) % 100 < 12 + 4 * (n % 2)",
        "model_elsewhere": "hash(n) % 20 = 0", "complete": "hash(n) % 50 > 0", "models": str(_MODELS),
        "model_bytes": "hash(n) % 9000000", "library_bytes": "hash(n) % 90000000", "ai_library_bytes": "hash(n) % 9000000",
    }),
    "technology": ("range({first}, {last}) a(n), range(3) t(i)", {
        "app": "sha256(n::VARCHAR)", "technology": "'tech' || hash(n // 2, i, n % 2 * (hash(n) % 9 = 0)::INT) % 60",
        "title": "'Technology'", "category": "['runtime', 'sdk', 'cloud'][(1 + hash(n, i) % 3)::INT]", "grade": "'runtime library'",
        "presence": "'library'", "confidence": "'certain'", "shipped": "true", "dead": "false",
        "versions": "'[\"2.' || hash(n) % 18 || '\"]'", "abis": "'arm64-v8a'", "owner": "'app'",
        "library_bytes": "3000000", "places": "1",
    }),
    "model": ("range({first}, {last}) a(n), range({models}) m(i)", {
        "app": "sha256(n::VARCHAR)", "digest": "sha256((power((hash(n, i) % 100000000)::DOUBLE, 0.85)::BIGINT)::VARCHAR)",
        "name": "'m' || i", "path": "'a.apk!assets/m' || i || '.tflite'", "offset": "0", "size": "1000 + hash(n, i) % 4000000",
        "format": "['tflite', 'onnx', 'ncnn', 'mnn', 'executorch', 'gguf', 'tflite', 'tflite'][(1 + hash(n, i) % 8)::INT]",
        "title": "'Format'", "completeness": "'full'", "parameters": "hash(i, n) % 4000000", "nodes": "hash(n, i) % 300",
        "inputs": "'[{{\"name\":\"image\",\"dtype\":\"float32\",\"shape\":[1,224,224,3]}}]'",
        "outputs": "'[{{\"name\":\"scores\",\"dtype\":\"float32\",\"shape\":[1,' || hash(n, i) % 1000 || ']}}]'",
        "ops": "'{{\"CONV_2D\":' || hash(n, i) % 60 || ',\"SOFTMAX\":1}}'", "weights": "'{{\"float32\":1000}}'",
        "producer": "'converter'", "plugin": "'tflite@3'", "task": "'task' || hash(n, i) % 40", "task_probability": "0.9",
        "modality": "'image'", "owner": "['app', 'sdk', 'unknown'][(1 + hash(n, i) % 3)::INT]",
    }),
    "failure": ("range({first}, {last}) a(n)", {
        "app": "sha256(n::VARCHAR)", "path": "'a.apk!x'", "stage": "'parse'", "error": "'Malformed' || hash(n) % 7",
        "reason": "'is cut off'",
    }),
}  # fmt: skip
"""Table → where its rows come from, and its columns; the others are NULL."""

QUESTIONS = {
    "how many apps have AI, by snapshot": """
        SELECT snapshot, count(*), count(*) FILTER (runtime_present), count(*) FILTER (model_present)
        FROM listing JOIN app USING (app) GROUP BY 1 ORDER BY 1""",
    "the same by system version": """
        SELECT snapshot, target_os, count(*), avg(model_present::INT) FROM listing JOIN app USING (app) GROUP BY 1, 2 ORDER BY 1, 2""",
    "frameworks over time": """
        SELECT snapshot, technology, count(*) AS apps FROM listing JOIN technology USING (app)
        WHERE category = 'runtime' GROUP BY 1, 2 ORDER BY 1, apps DESC""",
    "versions of one framework": """
        SELECT snapshot, versions, count(*) FROM listing JOIN technology USING (app) WHERE technology = 'tech7' GROUP BY 1, 2""",
    "models by format": """
        SELECT snapshot, format, count(*), sum(model.size) FROM listing JOIN model USING (app) GROUP BY 1, 2 ORDER BY 1, 3 DESC""",
    "models by task": "SELECT task, owner, count(*) FROM model GROUP BY 1, 2 ORDER BY 3 DESC",
    "distinct models": "SELECT count(*), count(DISTINCT number) FROM model",
    "models that most apps share": """
        WITH most AS (SELECT number, count(*) AS apps FROM model GROUP BY 1 HAVING apps > 1 ORDER BY apps DESC, number LIMIT 20)
        SELECT any_value(digest), any_value(name), any_value(apps) AS apps FROM most JOIN model USING (number)
        GROUP BY number ORDER BY apps DESC, 1""",
    "apps with one model": """
        SELECT package_id FROM model JOIN app USING (app) WHERE digest = (SELECT min(digest) FROM model WHERE app = sha256('77'))""",
    "developers with most AI": """
        SELECT signer, count(*) AS apps, count(*) FILTER (model_present) AS ai FROM app GROUP BY 1 ORDER BY ai DESC, signer LIMIT 20""",
    "who adopted and who dropped models": """
        WITH now AS (SELECT snapshot, app.package_id, model_present FROM listing JOIN app USING (app))
        SELECT a.model_present, b.model_present, count(*) FROM now a JOIN now b USING (package_id)
        WHERE a.snapshot = '2026-08' AND b.snapshot = '2026-11' GROUP BY 1, 2""",
    "who switched frameworks": """
        WITH used AS (SELECT snapshot, app.package_id, technology FROM listing JOIN app USING (app) JOIN technology USING (app)
                      WHERE technology IN ('tech1', 'tech2'))
        SELECT a.technology, b.technology, count(*) FROM used a JOIN used b USING (package_id)
        WHERE a.snapshot = '2026-08' AND b.snapshot = '2026-11' AND a.technology <> b.technology GROUP BY 1, 2""",
    "sizes of models": "SELECT format, quantile_cont(size, [0.05, 0.5, 0.95, 0.99]) FROM model GROUP BY 1 ORDER BY 1",
    "sizes of apps": "SELECT model_present, quantile_cont(size, [0.05, 0.5, 0.95]) FROM app GROUP BY 1",
    "what failed": "SELECT stage, error, count(*) FROM failure GROUP BY 1, 2 ORDER BY 3 DESC",
    "state of the study": "SELECT snapshot, state, count(*) FROM listing GROUP BY 1, 2",
    "one app": "SELECT * FROM app JOIN technology USING (app) WHERE app = sha256('123456')",
}


def make(folder: Path, apps: int) -> None:
    """Writes a study of `apps` apps. Shards and items go where a run would have put them."""
    folder.mkdir(parents=True)
    with Ledger(folder / "ledger.sqlite") as ledger, connect() as database:
        for batch, first in enumerate(range(0, apps, BATCH), 1):
            last = min(first + BATCH, apps)
            made = [_shard(folder, batch, table, first, last, database) for table in FACT_TABLES if table.name in _ROWS]
            ledger.seal(batch, made, ())
    with sqlite3.connect(folder / "ledger.sqlite") as written, connect() as database:
        written.execute(
            "INSERT INTO source VALUES (1, '2026-08', 'folder', 'apps', ''), (2, '2026-11', 'folder', 'apps', '')"
        )
        items = database.execute(
            "SELECT ['2026-08', '2026-11'][1 + n % 2], 1 + n % 2, 'apps/' || n // 2 || '.apk', 100, sha256(n::VARCHAR) "
            f"FROM range({apps}) a(n)"
        )
        while rows := items.fetchmany(10_000):
            written.executemany(
                "INSERT INTO item (snapshot, source, locator, size, app, state, attempts, not_before, key, finished) "
                "VALUES (?, ?, ?, ?, ?, 'done', 1, 0, 'key', '2026-11-01T00:00:00+00:00')",
                rows,
            )  # fmt: skip


def _shard(folder: Path, batch: int, table: Table, first: int, last: int, database: duckdb.DuckDBPyConnection) -> Shard:
    source, told = _ROWS[table.name]
    columns = ", ".join(
        f'({told[column.name].format()})::{column.type} AS "{column.name}"' if column.name in told
        else f'{column.derived if "digest" in told and column.derived else "NULL"}::{column.type} AS "{column.name}"'
        for column in table.columns
    )  # fmt: skip
    where = source.format(first=first, last=last, models=_MODELS)
    target = folder / f"facts/{table.name}/{batch:06d}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    done = database.execute(
        f"COPY (SELECT {columns} FROM {where}) TO '{quoted(target)}' (FORMAT parquet, COMPRESSION zstd)"
    ).fetchone()
    return Shard(batch, table.name, done[0] if done else 0, target.stat().st_size, file_digest(target))


def ask(folder: Path, times: int) -> list[tuple[str, float, float]]:
    """`(question, seconds, seconds of CPU)`, both the least of `times`; opening comes first, cold and again."""
    found: list[tuple[str, float, float]] = []
    for what in ("open the study, first", "open the study, again"):
        with Ledger(folder / "ledger.sqlite") as ledger:
            if not found:
                ledger.set_fact("asked", time.strftime("%Y-%m-%d"))  # a change: what was kept does not hold any more
            begun = time.perf_counter(), time.process_time()
            with Warehouse(folder, ledger):
                found.append((what, time.perf_counter() - begun[0], time.process_time() - begun[1]))
    with Ledger(folder / "ledger.sqlite") as ledger, Warehouse(folder, ledger) as facts:
        for question, sql in QUESTIONS.items():
            walls, cpus = [], []
            for _ in range(times):
                begun = time.perf_counter(), time.process_time()
                facts.ask(sql)
                walls.append(time.perf_counter() - begun[0])
                cpus.append(time.process_time() - begun[1])
            found.append((question, min(walls), min(cpus)))
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.market.questions", description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--apps", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    if not options.study.exists():
        make(options.study, options.apps)
    size = sum(file.stat().st_size for file in options.study.rglob("*") if file.is_file())
    print(f"{size / 1e6:,.0f} MB on disk")
    for question, wall, cpu in ask(options.study, options.times):
        print(f"{question:<40} {wall:7.2f} s, {cpu:.2f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
