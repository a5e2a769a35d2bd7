"""Runs a study over a market and takes down what it costs: rate, CPU, memory, bytes; checks all facts against the truth.

``python -m benchmarks.market.scale MARKET STUDY --workers 2 --report out.json``
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.market.__main__ import read_truth, snapshot_name
from benchmarks.market.making import Truth
from nngauge.runners.local import run_local
from nngauge.runners.tasks import Reply, Settings, Task, failed, perform, run_failure
from nngauge.store.warehouse import Warehouse
from nngauge.study import Engine, Study

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of a run after `items`. Seconds and bytes."""

    items: int
    wall: float
    cpu: float
    own_cpu: float
    parent: int
    workers: int


@dataclass(slots=True)
class Meter:
    """Measures this process and its children."""

    started: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)

    def take(self, items: int) -> Sample:
        """One more sample."""
        own = _process(os.getpid())
        below = [_process(child) for child in _children(os.getpid())]
        gone = os.times()
        cpu = own[0] + sum(item[0] for item in below) + gone.children_user + gone.children_system
        sample = Sample(items, time.monotonic() - self.started, cpu, own[0], own[1], sum(item[1] for item in below))
        self.samples.append(sample)
        return sample


def _process(pid: int) -> tuple[float, int]:
    """CPU seconds and resident bytes, from ``/proc``; zeros for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0.0, 0
    return (int(fields[11]) + int(fields[12])) / _TICK, resident


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def idle(data: bytes) -> bytes:
    """A worker that does nothing: what is left is the cost of scheduling and of the ledger."""
    task = msgspec.msgpack.decode(data, type=Task)
    problem = run_failure(task.item.locator, "Nothing", "not looked at")
    return msgspec.msgpack.encode(failed(task, problem))


def pause(data: bytes) -> bytes:
    """A worker that waits for 20 ms and does nothing: how well several are kept busy, whatever else the machine does."""
    time.sleep(0.02)
    return idle(data)


def engine_of(work: Callable[[bytes], bytes], workers: int) -> Engine:
    """The local engine with another way of working."""

    def engine(tasks: Iterator[Task]) -> Iterator[tuple[Task, Reply]]:
        return run_local(tasks, workers=workers, settings=Settings(networks=True), work=work)

    return engine


_WORK: dict[str, Callable[[bytes], bytes]] = {"scan": perform, "idle": idle, "pause": pause}


def run(study: Study, meter: Meter, *, workers: int, every: int, work: str = "scan") -> int:
    """Runs to the end, measuring after each `every` items; how many there were."""
    count = 0
    meter.take(0)
    for outcome in study.run(settings=Settings(networks=True), engine=engine_of(_WORK[work], workers)):
        count += not outcome.again
        if count % every == 0:
            sample = meter.take(count)
            print(f"{count:>9,} {count / sample.wall:8.1f}/s  {sample.parent / 1e6:6.0f} MB", flush=True)
    meter.take(count)
    return count


def check(market: Path, snapshots: int, study: Study) -> list[str]:
    """What differs from the truth."""
    problems: list[str] = []
    with Warehouse(study.folder, study.ledger) as facts:
        for number in range(snapshots):
            snapshot = snapshot_name(number)
            states = {row[0]: (row[1], row[2]) for row in facts.ask(
                "SELECT locator, state, app FROM listing WHERE snapshot = ?", (snapshot,)).rows}  # fmt: skip
            technologies = _sets(facts, "SELECT DISTINCT app, technology FROM detection")
            models = _sets(facts, "SELECT DISTINCT app, digest FROM model")
            for locator, truth in read_truth(market, number):
                state, app = states.pop(locator, ("missing", ""))
                found = Truth(
                    opens=state == "done",
                    technologies=frozenset(technologies.get(app, ())),
                    models=frozenset(models.get(app, ())),
                )
                if found != truth:
                    problems.append(f"{snapshot} {locator}: {found} is not {truth}")
            problems += [f"{snapshot} {locator}: not in the market" for locator in states]
    return problems


def _sets(facts: Warehouse, question: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for app, what in facts.ask(question).rows:
        found.setdefault(app, set()).add(what)
    return found


def tenths(samples: list[Sample]) -> list[dict[str, float]]:
    """Rate, CPU and memory of each tenth of a run."""
    total, rows, before = samples[-1].items, [], samples[0]
    for tenth in range(1, 11):
        after = next(sample for sample in samples if sample.items >= total * tenth / 10)
        if after is before:
            continue
        items = max(1, after.items - before.items)
        rows.append({
            "items": after.items, "per_second": items / (after.wall - before.wall),
            "cpu_ms": 1000 * (after.cpu - before.cpu) / items, "own_cpu_ms": 1000 * (after.own_cpu - before.own_cpu) / items,
            "parent_mb": after.parent / 1e6, "workers_mb": after.workers / 1e6,
        })  # fmt: skip
        before = after
    return rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.market.scale", description=__doc__)
    parser.add_argument("market", type=Path)
    parser.add_argument("study", type=Path)
    parser.add_argument("--snapshots", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=int, default=1000)
    parser.add_argument("--work", choices=_WORK, default="scan", help="idle: the overhead alone; pause: 20 ms each")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    report: dict[str, object] = {"workers": options.workers, "cores": os.cpu_count(), "load": os.getloadavg()}
    with Study.open_or_create(options.study) as study:
        for number in range(options.snapshots):
            name = snapshot_name(number)
            started = time.monotonic()
            study.add(str(options.market / name), name)
            added = time.monotonic() - started
            meter = Meter()
            run(study, meter, workers=options.workers, every=options.every, work=options.work)
            report[name] = {"add_seconds": added, "tenths": tenths(meter.samples)}
        report["stored"] = study.ledger.stored()
        report["ledger_bytes"] = (options.study / "ledger.sqlite").stat().st_size
        if options.work == "scan":
            problems = check(options.market, options.snapshots, study)
            report["wrong"] = problems[:20]
            print(f"{len(problems)} items differ from the truth")
    text = json.dumps(report, indent=1)
    print(text)
    if options.report:
        options.report.write_text(text)


if __name__ == "__main__":
    main()
