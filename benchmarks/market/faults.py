"""Does to a study what may happen to it, and compares what is left with an undisturbed one, row by row.

``python -m benchmarks.market.faults WORK --apps 4000 --kills 200``
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from benchmarks.market.__main__ import snapshot_name, write
from benchmarks.market.driver import DELAY, REFUSED
from benchmarks.market.plan import Market
from nngauge.domain.study import State
from nngauge.store import shards
from nngauge.store.ledger import Ledger
from nngauge.store.schema import FACT_TABLES
from nngauge.store.warehouse import Warehouse
from nngauge.study import Study, look

ROOT: Final = Path(__file__).resolve().parents[2]
_OF_A_MODEL: Final = {"network", "family", "tensor"}
"""Tables whose column ``app`` says with whose result the facts came, which is a matter of chance."""


class Stuck(AssertionError):
    """A run that neither ends nor goes on."""


def market(folder: Path, apps: int, seed: int = 5) -> Path:
    """A market of two snapshots below `folder`; most apps are the same in both."""
    made = Market(apps, seed)
    for number in (0, 1):
        write(made, folder, number)
    return folder


def new_study(folder: Path, apps: Path) -> Path:
    """A study of both snapshots of a market, not begun."""
    with Study.create(folder) as study:
        for number in (0, 1):
            study.add(str(apps / snapshot_name(number)), snapshot_name(number))
    return folder


def start(study: Path, *, delay: float = 0.0, largest: int = 0, batch: int = 40) -> subprocess.Popen[bytes]:
    """A run of `study` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.market.driver", str(study), f"--largest={largest}", f"--batch={batch}"]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {DELAY: str(delay), "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)


def finish(study: Path, *, batch: int = 40, seconds: float = 900) -> None:
    """Runs to the end; what was lost too often gets another chance. Raises `Stuck`, `AssertionError`."""
    for _ in range(3):
        process = start(study, batch=batch)
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Stuck(f"a run did not end in {seconds:g} s") from None
        assert process.returncode == 0, said.decode()
        with Study.open(study) as opened:
            if not _retry_lost(opened.ledger):
                return
    raise AssertionError("items are lost again and again")


def _retry_lost(ledger: Ledger) -> int:
    """Gives up on nothing that only a kill or a server ended; how many items that are."""
    lost = {row[3] for row in ledger.failures(1_000_000) if row[2] == State.QUARANTINED}
    return sum(ledger.retry(error=error) for error in lost)


def kill_often(study: Path, kills: int, rng: random.Random, *, delay: float, seconds: float = 1800) -> Counter[str]:
    """SIGKILL for workers and runs at random moments; how many of each."""
    done: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while done.total() < kills:
        process = start(study, delay=delay)
        lives = rng.choice((0, 0, 1, 2, 4, 8))
        for _ in range(min(lives, kills - done.total() - 1)):
            time.sleep(rng.expovariate(2.0))
            done["worker"] += _kill_worker(process, rng)
        time.sleep(rng.uniform(0.0, 4.0))
        if process.poll() is not None:
            process.communicate()
            done["finished early"] += 1
            return done
        process.kill()
        process.communicate()
        done["run"] += 1
        if time.monotonic() > end:
            raise Stuck(f"{done} in {seconds:g} s")
    return done


def _kill_worker(process: subprocess.Popen[bytes], rng: random.Random) -> int:
    workers = _workers(process.pid)
    if not workers:
        return 0
    try:
        os.kill(rng.choice(workers), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def _workers(pid: int) -> list[int]:
    """Child processes that were spawned to work; not the tracker that multiprocessing keeps for its own resources."""
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            children = map(int, (task / "children").read_text().split())
            found += [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    except OSError:
        return []
    return found


def fill_disk(study: Path, sizes: Iterable[int]) -> Counter[str]:
    """Runs that may write no file larger than so many bytes; how they ended."""
    ended: Counter[str] = Counter()
    for size in sizes:
        process = start(study, largest=size)
        _, said = process.communicate(timeout=900)
        assert process.returncode in {0, REFUSED}, said.decode()
        ended["refused" if process.returncode else "finished"] += 1
    return ended


def break_shards(study: Path, count: int, rng: random.Random) -> int:
    """Flips a byte of, cuts or deletes so many files of facts, and repairs the study; items that have to be done again."""
    with Study.open(study) as opened:
        files = [study / shard.file for shard in opened.ledger.shards()]
        broken = rng.sample(files, min(count, len(files)))
        for file in broken:
            _damage(file, rng)
        found = shards.damaged(study, opened.ledger, digests=True)
        assert sorted(study / shard.file for shard in found) == sorted(broken)
        return shards.repair(study, opened.ledger, found)


def _damage(file: Path, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    how = rng.choice(("flip", "cut", "delete"))
    if how == "delete":
        file.unlink()
    elif how == "cut":
        file.write_bytes(data[: rng.randrange(len(data))])
    else:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(data)


def facts(study: Path) -> dict[str, list[str]]:
    """All rows of all tables, sorted; without how often things were tried."""
    with Study.open(study) as opened, Warehouse(study, opened.ledger) as found:
        tables = {
            table.name: found.ask(
                f"SELECT {'* EXCLUDE app' if table.name in _OF_A_MODEL else '*'} FROM {table.name}"
            ).rows
            for table in FACT_TABLES
        }
        tables["listing"] = found.ask("SELECT * EXCLUDE attempts FROM listing").rows
    return {name: sorted(map(_anywhere, rows)) for name, rows in tables.items()}


def _anywhere(row: object) -> str:
    """A package that is in both snapshots is looked at in one of them, mostly the first: places say nothing of which."""
    text = repr(row)
    for number in (0, 1):
        text = text.replace(f"/{snapshot_name(number)}/", "/")
    return text


def account(study: Path) -> str:
    """Empty when every item has exactly one result or one recorded failure, and no app has its facts twice."""
    with look(study) as ledger, Warehouse(study, ledger) as found:
        questions = {
            "items without an end": "SELECT count(*) FROM listing WHERE state NOT IN ('done', 'failed', 'quarantined')",
            "items without a reason": "SELECT count(*) FROM listing WHERE state <> 'done' AND reason IS NULL",
            "items without facts": "SELECT count(*) FROM listing ANTI JOIN document USING (app)",
            "apps with facts twice": "SELECT count(*) - count(DISTINCT app) FROM document",
            "facts of no item": "SELECT count(*) FROM document ANTI JOIN listing USING (app)",
        }
        return ", ".join(f"{count} {what}" for what, sql in questions.items() if (count := found.ask(sql).rows[0][0]))


def difference(one: dict[str, list[str]], other: dict[str, list[str]]) -> str:
    """Empty when both are the same; else the tables, and a row of each side."""
    found = []
    for name, rows in one.items():
        if rows != other[name]:
            left, right = Counter(rows), Counter(other[name])
            first = [next(iter((left - right).elements()), ""), next(iter((right - left).elements()), "")]
            found.append(f"{name}: {len(rows)} and {len(other[name])} rows; {first[0][:300]} | {first[1][:300]}")
    return "\n".join(found)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.market.faults", description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--apps", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    apps = market(options.work / "apps", options.apps)
    whole = options.work / "whole"
    if not whole.exists():
        finish(new_study(whole, apps))
    expected = facts(whole)
    print(f"undisturbed: {len(expected['listing']):,} items, {len(expected['document']):,} results", flush=True)
    for what in ("kills", "full disk", "broken shards"):
        study = new_study(options.work / what.replace(" ", "-"), apps)
        started = time.monotonic()
        if what == "kills":
            said: object = dict(kill_often(study, options.kills, rng, delay=options.delay))
        elif what == "full disk":
            said = dict(fill_disk(study, sorted(rng.randrange(40_000, 3_000_000) for _ in range(20))))
        else:
            finish(study)
            said = [break_shards(study, 3, rng)]
            for _ in range(4):
                finish(study)
                said.append(break_shards(study, 3, rng))
        finish(study)
        wrong = account(study) or difference(expected, facts(study))
        print(f"{what}: {said}, {time.monotonic() - started:.0f} s: {wrong or 'the same'}", flush=True)


if __name__ == "__main__":
    main()
