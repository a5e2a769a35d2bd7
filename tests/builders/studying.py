"""Studies run in this process, with pauses that take no time: what sources do is seen in states, failures and facts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.domain.study import State
from nngauge.pipeline import Scanner
from nngauge.runners.tasks import Reply, Settings, Task, attempt
from nngauge.store import shards
from nngauge.study import Study, look


class Clock:
    """Time that passes when the test sleeps; threads of others (those that run the tests) sleep as ever."""

    def __init__(self) -> None:
        self._mine = threading.get_ident()
        self._rest = time.sleep
        self.pauses: list[float] = []
        self._real = time.time
        self._ahead = 0.0

    def time(self) -> float:
        return self._real() + self._ahead

    def sleep(self, seconds: float) -> None:
        if threading.get_ident() != self._mine:
            self._rest(seconds)
            return
        self.pauses.append(seconds)
        self._ahead += seconds


class Bench:
    """A study to be filled and run."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self._scanner = Scanner()
        Study.create(folder).__exit__(None, None, None)

    def add(self, locator: str, snapshot: str = "2026-11") -> tuple[int, int]:
        with Study.open(self.folder) as study:
            return study.add(locator, snapshot)

    def run(self, sources: Mapping[str, str] | None = None) -> dict[str, Scan | Failure | None]:
        """Last result by locator; None: known already."""
        settings = Settings(sources=dict(sources or {}))

        def here(tasks: Iterator[Task]) -> Iterator[tuple[Task, Reply]]:
            for task in tasks:
                yield task, attempt(self._scanner, task, settings)

        with Study.open(self.folder) as study:
            outcomes = list(study.run(engine=here, settings=settings, sleep=self.clock.sleep))
        return {outcome.work.item.locator: outcome.result for outcome in outcomes}

    @property
    def states(self) -> dict[State, int]:
        with look(self.folder) as ledger:
            return ledger.progress()[0].counts

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """What the ledger says of each item, by locator."""
        names = ("snapshot", "locator", "kind", "package", "version", "size", "state", "attempts", "app", "error",
                 "reason", "fetched")  # fmt: skip
        with look(self.folder) as ledger:
            return {row[1]: dict(zip(names, row, strict=True)) for row in ledger.listing()}

    @property
    def facts(self) -> dict[str, str]:
        with look(self.folder) as ledger:
            return ledger.facts()


def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A study whose facts stay in the journal; temporary files go to their own folder, ``scratch``."""
    clock = Clock()
    monkeypatch.setattr(shards, "installed", lambda: False)
    monkeypatch.setattr("time.time", clock.time)
    monkeypatch.setattr("time.sleep", clock.sleep)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    return Bench(tmp_path / "study", clock)
