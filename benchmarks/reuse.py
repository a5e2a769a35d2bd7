"""How long it takes to recognise weights among millions of tensors, how much memory it needs, and how many it finds.

    python -m benchmarks.reuse 10000000            # tensors; the result is in docs/studies.md

Synthetic tensors: models of 50 weights in 40 shapes. Of ten models, five are on their own, two are copies of an earlier one
after a conversion (every sketch differs in 1 to 9 % of its bits), one shares its first 40 weights with an earlier one and
has new ones behind, two are bit-for-bit the weights of an earlier one. The popular shapes hold 8 % of all tensors each.
A second process is measured, so that making the tensors does not count.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nngauge.compare.alike import SKETCH, TENSOR
from nngauge.compare.reuse import PAIR, reuse
from nngauge.domain.reuse import Relation
from nngauge.store.ledger import Ledger, Shard
from nngauge.store.schema import FACT_TABLES, by_name
from nngauge.store.shards import connect, file_digest, write_parquet
from nngauge.store.warehouse import Warehouse

WEIGHTS = 50
SHAPES = [(16 << at % 5, 16 << at % 4, 9 if at % 3 == 0 else 1) for at in range(40)]
FULL = 2**64 - 1
TABLES = by_name(FACT_TABLES)


class Market:
    """Models as rows; what they were made from is kept to judge the answers."""

    def __init__(self, models: int) -> None:
        self.models = models
        self.random = random.Random(7)
        self.sketches: dict[int, list[tuple[int, bool]]] = {}
        self.truth: list[tuple[int, int, str]] = []

    def tensors(self) -> Iterator[tuple[Any, ...]]:
        for model in range(self.models):
            weights = self._weights(model)
            if len(self.sketches) < 20_000:
                self.sketches[model] = weights
            for order, (bits, _) in enumerate(weights):
                shape = SHAPES[order % len(SHAPES)]
                exact = hashlib.blake2b(repr((order, bits)).encode(), digest_size=16).hexdigest()
                yield (
                    "app", name(model), order, shape[0] * shape[1] * shape[2], "float32", 4, True, exact, *shape,
                    *divmod(bits, 2**64), FULL, FULL,
                )  # fmt: skip

    def _weights(self, model: int) -> list[tuple[int, bool]]:
        fresh = [(self.random.getrandbits(128), True) for _ in range(WEIGHTS)]
        kind = model % 10
        if kind < 5 or not self.sketches:
            return fresh
        parent = self.random.choice(range(0, min(model, len(self.sketches)), 10))
        old = self.sketches[parent]
        if kind < 7:
            self.truth.append((parent, model, Relation.CONVERTED))
            return [(self._flipped(bits), True) for bits, _ in old]
        if kind == 7:
            self.truth.append((parent, model, Relation.PARTLY))
            return [*old[:40], *fresh[40:]]
        self.truth.append((parent, model, Relation.SAME))
        return old

    def _flipped(self, bits: int) -> int:
        for place in self.random.sample(range(128), self.random.randint(1, 11)):
            bits ^= 1 << place
        return bits


def name(model: int) -> str:
    return hashlib.sha256(str(model).encode()).hexdigest()


def make(folder: Path, count: int) -> list[tuple[int, int, str]]:
    """A study of so many tensors."""
    market = Market(max(1, count // WEIGHTS))
    rows = {
        "tensor": market.tensors(),
        "model": (
            tuple({"app": f"app{model}", "digest": name(model), "name": f"{model}.tflite", "format": "tflite"}.get(column) for column in TABLES["model"].names)
            for model in range(market.models)
        ),
    }  # fmt: skip
    shards = []
    with connect() as database:
        for part, found in rows.items():
            shard = Shard(1, part, 0, 0, "")
            target = folder / shard.file
            target.parent.mkdir(parents=True)
            write_parquet(database, TABLES[part], found, target)
            shards.append(Shard(1, part, 0, target.stat().st_size, file_digest(target)))
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.seal(1, shards, [])
    return market.truth


def measure(folder: Path) -> dict[str, Any]:
    """Seconds and peak memory of `nngauge study reuse`, and what was found."""
    begun = time.perf_counter()
    with Ledger(folder / "ledger.sqlite") as ledger, Warehouse(folder, ledger) as facts:
        opened = time.perf_counter()
        found = reuse(facts)
        seconds, used = time.perf_counter() - opened, time.process_time()
        relations = dict(facts.ask(f"SELECT relation, count(*) FROM {PAIR} GROUP BY 1").rows)
        sketches = facts.ask(f"SELECT count(*) FROM {SKETCH}").rows[0][0]
        tensors = facts.ask(f"SELECT count(*) FROM {TENSOR}").rows[0][0]
        label = {
            digest: (one, family)
            for digest, one, family in facts.ask(
                "SELECT digest, a.label, b.label FROM reuse_model LEFT JOIN reuse_same AS a ON a.node = model "
                "LEFT JOIN reuse_family AS b ON b.node = model"
            ).rows
        }
    scores = judged(json.loads((folder / "truth.json").read_text()), label)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "tensors": tensors, "sketches": sketches, "open_seconds": round(opened - begun, 1), "seconds": round(seconds, 1), "cpu_seconds": round(used, 1),
        "peak_gb": round(peak / 1e9, 2), "pairs": relations, "groups": len(found.same), **scores,
    }  # fmt: skip


def judged(truth: list[list[Any]], label: dict[str, tuple[int | None, int | None]]) -> dict[str, Any]:
    """Recall by kind; precision: groups of the same model that hold models of two origins."""
    origin: dict[int, int] = {}
    hits: dict[str, list[bool]] = {}
    for parent, child, kind in truth:
        place = 1 if kind == Relation.PARTLY else 0
        ours, theirs = label[name(parent)][place], label[name(child)][place]
        hits.setdefault(kind, []).append(ours is not None and ours == theirs)
        if kind != Relation.PARTLY:
            origin[child] = origin.get(parent, parent)
    groups: dict[int, set[int]] = {}
    numbers = {name(model): model for pair in truth for model in pair[:2]}
    for digest, (one, _) in label.items():
        if one is not None and digest in numbers:
            model = numbers[digest]
            groups.setdefault(one, set()).add(origin.get(model, model))
    mixed = sum(len(origins) > 1 for origins in groups.values())
    return {"recall": {kind: round(sum(found) / len(found), 5) for kind, found in hits.items()}, "mixed_groups": mixed}


def main() -> None:
    if sys.argv[1] == "--measure":
        print(json.dumps(measure(Path(sys.argv[2]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, sys.argv[1:]):
            place = Path(folder) / str(count)
            place.mkdir()
            (place / "truth.json").write_text(json.dumps(make(place, count)))
            command = [sys.executable, "-m", "benchmarks.reuse", "--measure", str(place)]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
