"""How long the explorer's pages take over the study that `questions` makes, with what stores, networks and documents add to it.

``python -m benchmarks.market.pages STUDY --apps 1000000`` makes the study when it is not there, prepares it and asks every page.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from starlette.testclient import TestClient

from benchmarks.market import questions
from nngauge.domain.app import App, Platform
from nngauge.domain.graph import Completeness
from nngauge.domain.location import Location
from nngauge.domain.model import Model, ModelFile
from nngauge.domain.scan import Provenance, Scan, Verdict
from nngauge.store.ledger import Ledger, Shard
from nngauge.store.rows import StoredResult
from nngauge.store.schema import FACT_TABLES, MARKET, by_name
from nngauge.store.shards import connect, file_digest, options, quoted
from nngauge.web.explorer import Explorer
from nngauge.web.serving import build

if TYPE_CHECKING:
    import duckdb

_DIGEST = "sha256((power((hash(n, {i}) % 100000000)::DOUBLE, 0.85)::BIGINT)::VARCHAR)"
"""As in `questions`: the i-th model of the n-th app."""
_BATCH = 10_000
"""Number of the batch that is added."""
_SHOWN = 3
"""Models in a document."""
_NETWORK = {
    "app": "sha256(n::VARCHAR)", "digest": _DIGEST.format(i=0), "plugin": "'tflite@3'", "macs": "hash(n) % 1000000000",
    "parameters": "hash(n) % 4000000", "weight_bytes": "hash(n) % 16000000", "peak_bytes": "hash(n) % 4000000",
    "lower_bound": "false", "precision": "['float32', 'float16', 'int8'][(1 + hash(n) % 3)::INT]",
    "structure": "md5((hash(n) % 200000)::VARCHAR)", "layers": "md5((hash(n) % 100000)::VARCHAR)",
    "trunk": "md5((hash(n) % 50000)::VARCHAR)", "key": "'key'",
}  # fmt: skip
_TENSOR = {
    "app": "sha256(n::VARCHAR)", "digest": _DIGEST.format(i=0), "tensor": "i", "elements": "1000 * (1 + hash(i, n) % 60)",
    "dtype": "'float32'", "size": "4000", "layer": "true", "exact": "md5(hash(n, i)::VARCHAR)",
    "out_channels": "8 * (1 + hash(n, i) % 40)", "in_channels": "8 * (1 + hash(i, n, 1) % 20)", "positions": "9",
    "bits_high": "hash(n % 50000, i)", "bits_low": "hash(i, n % 50000)", "known_high": "18446744073709551615", "known_low": "18446744073709551615",
}  # fmt: skip
_FAMILY = {
    "app": "sha256(n::VARCHAR)", "digest": _DIGEST.format(i=0), "family": "['convolution', 'dense', 'activation'][1 + i]",
    "layers": "1 + hash(n, i) % 30", "macs": "hash(n, i) % 10000000", "parameters": "hash(n, i) % 100000",
}  # fmt: skip
_STORE = {
    "package_id": "'com.example.p' || n", "snapshot": "'2026-11'", "title": "'App ' || n", "category": "'CATEGORY_' || hash(n) % 49",
    "downloads": "power(10, hash(n) % 9)::BIGINT", "developer": "'Developer ' || hash(n) % 200000", "import": "1", "line": "n",
}  # fmt: skip


def add(folder: Path, apps: int) -> None:
    """Adds networks of every second app's first model, six weights of each, documents of all apps and a store's table."""
    with Ledger(folder / "ledger.sqlite") as ledger, connect() as database:
        document = {"app": "sha256(n::VARCHAR)", "key": "'key'", "document": _document()}
        half = f"range(0, {apps}, 2) a(n)"
        made = [
            _shard(folder, database, "network", half, _NETWORK),
            _shard(folder, database, "tensor", f"{half}, range(6) t(i)", _TENSOR),
            _shard(folder, database, "family", f"{half}, range(3) f(i)", _FAMILY),
            _shard(folder, database, "market", f"range({apps // 2}) a(n)", _STORE),
        ]
        ledger.seal(_BATCH, made, ())
        for batch, first in enumerate(range(0, apps, questions.BATCH), 1):
            some = f"range({first}, {min(first + questions.BATCH, apps)}) a(n)"
            ledger.seal(batch, [_shard(folder, database, "document", some, document, batch)], ())
    with sqlite3.connect(folder / "ledger.sqlite") as written, connect() as database:
        rows = database.execute(f"SELECT sha256(n::VARCHAR), 'key', 1 + n // {questions.BATCH} FROM range({apps}) a(n)")
        while some_rows := rows.fetchmany(10_000):
            written.executemany("INSERT INTO result VALUES (?, ?, ?)", some_rows)


def _shard(
    folder: Path, database: duckdb.DuckDBPyConnection, name: str, source: str, told: dict[str, str], batch: int = _BATCH
) -> Shard:
    """Writes one file; columns that are derived from others (numbers of digests) need those by their names."""
    table = by_name((*FACT_TABLES, MARKET))[name]
    inner = ", ".join(f'({sql}) AS "{column}"' for column, sql in told.items())
    columns = ", ".join(
        f'({column.name if column.name in told else column.derived or "NULL"})::{column.type} AS "{column.name}"'
        for column in table.columns
    )
    shard = Shard(batch, name, 0, 0, "")
    target = folder / shard.file
    target.parent.mkdir(parents=True, exist_ok=True)
    done = database.execute(
        f"COPY (SELECT {columns} FROM (SELECT {inner} FROM {source})) TO '{quoted(target)}' ({options(name)})"
    ).fetchone()
    return Shard(batch, name, done[0] if done else 0, target.stat().st_size, file_digest(target))


def _document() -> str:
    """SQL for the stored result of the n-th app."""
    models = tuple(
        Model(
            format="tflite", title="TensorFlow Lite", name=f"m{place}", digest=f"@{place}@", size=1000, plugin="tflite@3",
            completeness=Completeness.FULL, ops={"CONV_2D": 20, "SOFTMAX": 1}, metadata={"note": "x" * 2000},
            parts=(ModelFile(location=Location(path="a.apk!assets/m"), sha256="0" * 64, size=1000),),
        )
        for place in range(_SHOWN)
    )  # fmt: skip
    scan = Scan(
        path="a.apk", app=App(platform=Platform.ANDROID, container="apk", package_id="com.example.p", label="App", size=1000),
        verdict=Verdict(runtime_present=True, model_present=True, model_elsewhere=False, because=()),
        detections=(), models=models, candidates=(), failures=(), anomalies=(), coverage=(),
        provenance=Provenance(tool="nngauge", rules="r", plugins="p", configuration="c"),
    )  # fmt: skip
    text = "'" + msgspec.json.encode(StoredResult(scan=scan)).decode() + "'"
    for place in range(_SHOWN):
        text = f"replace({text}, '@{place}@', {_DIGEST.format(i=place)})"
    return text


def ask(folder: Path, times: int) -> None:
    """Prints seconds and CPU of the preparation, then of every page: the least, the median and the most of `times`, uncached."""
    explorer = Explorer(folder)
    begun, cpu = time.perf_counter(), time.process_time()
    explorer.start(wait=3600)
    size = sum(file.stat().st_size for file in (folder / "cache").glob("explorer-*"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"prepared in {time.perf_counter() - begun:.1f} s, {time.process_time() - cpu:.1f} s of CPU, peak {memory:.2f} GB; "
        f"{size / 1e6:,.0f} MB beside the facts", flush=True,
    )  # fmt: skip
    with TestClient(build(explorer), base_url="http://localhost") as client:
        for name, addresses in _addresses(client).items():
            _ask(explorer, client, name, addresses[:times])


def _ask(explorer: Explorer, client: TestClient, name: str, addresses: list[str]) -> None:
    walls, cpus, status = [], [], 0
    for address in addresses:
        explorer._cache.clear()  # noqa: SLF001 - what was made before would be measured
        cpu = time.process_time()
        answer = client.get(address)
        cpus.append(1000 * (time.process_time() - cpu))
        walls.append(float(answer.headers["server-timing"].rpartition("=")[2]))
        status = answer.status_code
    walls.sort()
    print(
        f"{name:<34} {status} {walls[0]:7.0f} {walls[len(walls) // 2]:7.0f} {walls[-1]:7.0f} ms, "
        f"CPU {sorted(cpus)[len(cpus) // 2]:5.0f} ms, {len(answer.content) / 1000:4.0f} kB", flush=True,
    )  # fmt: skip


def _addresses(client: TestClient) -> dict[str, list[str]]:
    apps = [app["app"] for app in client.get("/apps.json?sort=size").json()["data"]["apps"]]
    models = client.get("/models.json").json()["data"]["models"]
    analysed = client.get("/models.json?sort=macs").json()["data"]["models"]
    words = ["app 99", "p4711", "developer 77", "com.example", "nothing like it", "123", "p1", "00", "9", "4 5"]
    return {
        "overview": ["/"] * 10,
        "apps": ["/apps", "/apps?sort=size", "/apps?sort=downloads", "/apps?sort=models", "/apps?sort=model_bytes"] * 2,
        "apps, search": [f"/apps?q={word}" for word in words],
        "apps, filters": [f"/apps?technology=tech{n}&snapshot=2026-11&verdict=model&sort=size" for n in range(10)],
        "apps, format and task": [f"/apps?format=tflite&task=task{n}&category=CATEGORY_{n}" for n in range(10)],
        "apps, further pages": [f"/apps?sort=size&after={app}" for app in apps[:10]],
        "one app": [f"/apps/{app}" for app in apps[:10]],
        "models": [f"/models?sort={name}" for name in ("apps", "size", "parameters", "macs", "peak_bytes")] * 2,
        "models, search": [f"/models?q={word}" for word in ("m7", "converter", "m", "x", models[0]["digest"][:8])] * 2,
        "models, filters": [f"/models?format=onnx&task=task{n}&sort=size" for n in range(10)],
        "one model": [f"/models/{model['digest']}" for model in (*models[:5], *analysed[:5])],
        "technologies": ["/technologies"] * 10,
        "one technology": [f"/technologies/tech{n}" for n in range(10)],
        "SDKs": ["/sdks"] * 10,
        "failures": ["/failures", "/failures?stage=parse", "/failures?stage=parse&error=Malformed3"] * 3,
        "two apps": [f"/compare/apps?first={apps[n]}&second={apps[n + 1]}" for n in range(10)],
        "reports": ["/reports"] * 10,
        "addresses": ["/addresses"] * 10,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.market.pages", description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--apps", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    if not options.study.exists():
        questions.make(options.study, options.apps)
    if not (options.study / "facts/document").exists():
        add(options.study, options.apps)
    ask(options.study, options.times)


if __name__ == "__main__":
    main()
