"""A study as it was at one moment, arranged for pages: facts, prepared tables and connections for many threads."""

from __future__ import annotations

import os
import queue
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from nngauge.errors import NngaugeError, UsageError
from nngauge.limits import GIB
from nngauge.store.ledger import Ledger
from nngauge.store.rows import StoredResult
from nngauge.store.shards import installed
from nngauge.store.warehouse import Warehouse
from nngauge.web.tables import STEPS, VERSION

SESSIONS: Final = 4
"""Questions that are answered at the same time; each is worked on by all processors."""
_KEPT: Final = "cache"
"""Folder of the study that can be deleted at any time."""
_EXTRA: Final = 'pip install "nngauge[serve]"'
_DONE: Final = "explorer_done"


class Progress(Struct, frozen=True):
    """How far the preparation has come."""

    done: tuple[str, ...]
    """Names of steps whose tables are there."""
    left: tuple[str, ...]
    """What is still to be done, for people."""
    seconds: float
    """Since it began; how long it took, once nothing is left."""
    error: str = ""
    """Why it ended early."""


def require_duckdb() -> None:
    """Raises `UsageError` when DuckDB is not installed."""
    if not installed():
        raise UsageError("DuckDB is not installed, which keeps and asks the facts of studies", hint=_EXTRA)


def _memory() -> int:
    """Half of the machine's, as DuckDB counts it; what needs more is written to files beside the prepared tables."""
    return max(GIB, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


class Prepared:
    """Opens the facts of the study in `folder` and makes the prepared tables. Close it when no thread uses it any more.

    The tables are kept in a file beside the facts, for the next start; where that cannot be written, or another explorer
    uses it, in a temporary one. Raises `StoreError` and `UsageError` as `Warehouse`.
    """

    def __init__(self, folder: Path, *, keep: bool = True) -> None:
        self.begun = time.time()
        self._began = time.perf_counter()
        self._seconds: float | None = None
        self._done: tuple[str, ...] = ()
        self._error = ""
        self._scratch = tempfile.TemporaryDirectory(prefix="nngauge-")
        self._folder = folder
        self.changes = 0
        with Ledger(folder / "ledger.sqlite") as ledger:
            self.facts_of_study = ledger.facts()
            self._facts = self._open(folder, ledger, keep=keep)
        self._free: queue.SimpleQueue[Warehouse] = queue.SimpleQueue()
        self._sessions = [self._facts.session() for _ in range(SESSIONS)]
        for session in self._sessions:
            self._free.put(session)
        self._ready = {step.name: threading.Event() for step in STEPS}

    def _open(self, folder: Path, ledger: Ledger, *, keep: bool) -> Warehouse:
        require_duckdb()
        import duckdb

        if keep:
            try:
                return Warehouse(
                    folder, ledger, shelf=lambda changes: self._shelf(folder / _KEPT, changes), memory=_memory()
                )
            except (duckdb.Error, OSError):  # read-only, full, damaged, or another explorer's
                pass
        return Warehouse(
            folder, ledger, shelf=lambda changes: self._shelf(Path(self._scratch.name), changes), memory=_memory()
        )

    def _shelf(self, place: Path, changes: int) -> Path:
        """The file for prepared tables; those of other moments go."""
        self.changes = changes
        file = place / f"explorer-{VERSION}-{changes}.duckdb"
        place.mkdir(exist_ok=True)
        for old in place.glob("explorer-*"):
            if not old.name.startswith(file.name) and old.is_file():
                old.unlink(missing_ok=True)
        return file

    def prepare(self) -> None:
        """Makes what is not there yet, step by step; ends early, with `Progress.error`, when the facts cannot be read."""
        facts = self._facts.session()
        try:
            kept = self._kept(facts)
            for step in STEPS:
                if step.name not in kept:
                    for name, sql in step.tables:
                        (facts.keep if name.startswith("own_") else facts.share)(name, sql)
                    done = ", ".join(f"'{name}'" for name in (*self._done, step.name))
                    facts.share(_DONE, f"SELECT unnest([{done}]) AS step")
                self._done = (*self._done, step.name)
                self._ready[step.name].set()
        except NngaugeError as error:
            self._error = error.what
            raise
        finally:
            self._seconds = time.perf_counter() - self._began
            facts.close()

    def _kept(self, facts: Warehouse) -> set[str]:
        """Steps that an earlier start made: all of them or none, for later ones need tables that only sessions have."""
        try:
            done = {row[0] for row in facts.ask(f"SELECT step FROM {_DONE}").rows}
        except UsageError:
            return set()
        return done if done == {step.name for step in STEPS} else set()

    @property
    def progress(self) -> Progress:
        """How far the preparation is."""
        seconds = self._seconds if self._seconds is not None else time.perf_counter() - self._began
        left = tuple(step.title for step in STEPS if step.name not in self._done)
        return Progress(self._done, left, round(seconds, 2), self._error)

    def wait(self, step: str, seconds: float) -> bool:
        """Is the step done, if need be after some time?"""
        return self._ready[step].wait(seconds)

    def result(self, facts: Warehouse, app: str) -> StoredResult | None:
        """The stored result of an app; None when it is not there."""
        with Ledger(self._folder / "ledger.sqlite") as ledger:
            batch = ledger.batch_of(app)
        return facts.result(app, batch)

    @contextmanager
    def session(self) -> Iterator[Warehouse]:
        """A connection for one request."""
        facts = self._free.get()
        try:
            yield facts
        finally:
            self._free.put(facts)

    def own_session(self) -> Warehouse:
        """A connection that the caller keeps, and closes."""
        return self._facts.session()

    def close(self) -> None:
        """Gives everything back; waits for requests that are under way."""
        for _ in self._sessions:
            self._free.get().close()
        self._facts.close()
        self._scratch.cleanup()
