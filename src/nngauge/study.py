"""A study: a folder that keeps what apps are to be looked at and all that was found, and runs that can be killed.

The only place where sources, engines and the store meet.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from msgspec import Struct

from nngauge.domain.outcome import Failure, Stage
from nngauge.domain.scan import Provenance, Scan
from nngauge.domain.study import Item, State, Work
from nngauge.errors import InputError, StoreError, UnreadableError, UsageError
from nngauge.io.source import ByteSource
from nngauge.pipeline import Scanner
from nngauge.runners import plain
from nngauge.runners.local import run_local
from nngauge.runners.tasks import Reply, Settings, Task, fingerprint
from nngauge.sources import source_for
from nngauge.store import shards
from nngauge.store.ledger import MAX_ATTEMPTS, Ledger
from nngauge.version import __version__

Engine = Callable[[Iterator[Task]], Iterator[tuple[Task, Reply]]]
"""Does tasks somewhere; replies come as they finish, each task's exactly once."""
LEDGER: Final = "ledger.sqlite"
_LEASED: Final = 64
"""Items leased at a time."""
_SEEN: Final = 1000
"""Items after which a list that is being read says how far it is."""
_PATIENCE: Final = 3600.0
"""Seconds a run waits for the next attempt at something that failed for now."""


class Outcome(Struct, frozen=True):
    """What became of one item in a run."""

    work: Work
    result: Scan | Failure | None
    """None: the same package as another item's, whose facts are known."""
    again: bool = False
    """A failure that will be tried again."""


class Study:
    """Use as a context manager; one process at a time may write."""

    def __init__(self, folder: Path, ledger: Ledger, lock: IO[str]) -> None:
        self.folder = folder
        self.ledger = ledger
        self._lock = lock

    @classmethod
    def create(cls, folder: str | Path, name: str = "") -> Self:
        """Makes a new, empty study. Raises `UsageError` when there is one, `UnreadableError` for a bad folder."""
        root = Path(folder)
        if (root / LEDGER).exists():
            raise UsageError("is a study already", where=str(root), hint="nngauge study add puts packages into it")
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnreadableError(f"cannot use as study: {error.strerror}", where=str(root)) from None
        study = cls._locked(root)
        study.ledger.set_fact("name", name or root.resolve().name)
        study.ledger.set_fact("made by", f"nngauge {__version__}")
        return study

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Opens a study to work on it. Raises `UsageError` when there is none or another run holds it."""
        root = Path(folder)
        if not (root / LEDGER).is_file():
            raise UsageError("is no study", where=str(root), hint=f"nngauge study init {root}")
        return cls._locked(root)

    @classmethod
    def open_or_create(cls, folder: str | Path) -> Self:
        """Opens the study in `folder`, which is made when there is none."""
        return cls.open(folder) if (Path(folder) / LEDGER).is_file() else cls.create(folder)

    @classmethod
    def _locked(cls, root: Path) -> Self:
        try:
            lock = (root / "lock").open("w")
        except OSError as error:
            raise UnreadableError(f"cannot use as study: {error.strerror}", where=str(root)) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise UsageError("another run is using this study", where=str(root), hint="wait for it to end") from None
        return cls(root, Ledger(root / LEDGER), lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ledger.close()
        self._lock.close()

    def add(
        self,
        locator: str,
        snapshot: str,
        settings: Mapping[str, str] | None = None,
        *,
        seen: Callable[[int], None] = lambda _: None,
    ) -> tuple[int, int]:
        """Adds what a source has now to a snapshot; `(new, changed)`. All or nothing.

        What the source wants to remember (`Source.items`) becomes a fact of the study. `seen` is told now and then how
        many items have come. Raises what the source raises, and `StoreError`.
        """
        source = source_for(locator)
        before = {**self.ledger.facts(), **(settings or {})}
        notes = dict(before)
        counts = self.ledger.add(snapshot, source.name, locator, _counted(source.items(locator, notes), seen))
        for name, value in notes.items():
            if before.get(name) != value:
                self.ledger.set_fact(name, value)
        return counts

    def prepare(self, settings: Settings) -> int:
        """Puts back what an ended run had begun and what was made under other rules; how many items wait."""
        self.ledger.release()
        self.ledger.stale(_keys(settings))
        return sum(item.counts.get(State.WAITING, 0) for item in self.ledger.progress())

    def run(
        self,
        *,
        workers: int = 1,
        settings: Settings | None = None,
        engine: Engine | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Generator[Outcome, None, None]:
        """Looks at all items that wait, until none is left; yields each as it ends.

        Results of other rules, plug-ins or tools are made again. What failed for now is tried again after a pause, as
        often as `ledger.MAX_ATTEMPTS`. Raises `StoreError` when the store cannot be written: run again, nothing is lost.
        """
        settings = settings or Settings(networks=True)
        engine = engine or partial(run_local, workers=workers, settings=settings)
        yield from _Run(self, settings, engine, sleep).all()

    def keep(
        self, apps: Sequence[str], *, workers: int, settings: Settings, snapshot: str = "scans"
    ) -> Iterator[plain.Outcome]:
        """Scans apps into this study, and yields all their results: those made now, and those stored before."""
        wanted = dict.fromkeys(app if "://" in app else str(Path(app).resolve()) for app in apps)
        for app in wanted:
            self.add(app, snapshot)
        fresh = set()
        for outcome in self.run(workers=workers, settings=settings):
            place = outcome.work.item.locator
            if place in wanted and not outcome.again:
                fresh.add(place)
                yield plain.Outcome(place, outcome.result or self.result(place, snapshot))
        for app in wanted:
            if app not in fresh:
                yield plain.Outcome(app, self.result(app, snapshot), stored=True)

    def result(self, locator: str, snapshot: str) -> Scan | Failure:
        """The stored result of an item. Raises `StoreError` when there is none."""
        app = self.ledger.app_of(locator, snapshot)
        stored = self.ledger.result(app) if app else None
        if app and stored is None:
            from nngauge.store.warehouse import Warehouse

            with Warehouse(self.folder, self.ledger) as facts:
                stored = facts.result(app)
        result = stored and (stored.scan or stored.failure)
        if not result:
            raise StoreError("no result is stored", where=locator, hint="run the study")
        return result


def _counted(items: Iterator[Item], seen: Callable[[int], None]) -> Iterator[Item]:
    for count, item in enumerate(items, 1):
        yield item
        if count % _SEEN == 0:
            seen(count)


class _Run:
    """One run over a study."""

    def __init__(self, study: Study, settings: Settings, engine: Engine, sleep: Callable[[float], None]) -> None:
        self.study = study
        self.ledger = study.ledger
        self.engine = engine
        self.sleep = sleep
        self.key, self.bounded = _keys(settings)
        study.prepare(settings)
        self.works: dict[int, Work] = {}
        """Leased and not settled."""
        self.busy: dict[int, tuple[int, bytes]] = {}
        """Finger-prints at work or to be tried again, by item; not those of a whole run, which may be of millions."""
        self.twins: list[tuple[Work, tuple[int, bytes]]] = []
        """Items with the finger-print of one at work; they are looked at when its facts are known."""

    def all(self) -> Iterator[Outcome]:
        """See `Study.run`."""
        self._seal(1)
        while True:
            yield from self._round(self._tasks())
            twins, self.twins = self.twins, []
            if twins:
                yield from self._round(self._task(work, seen) for work, seen in twins)
            again = self.ledger.next_attempt()
            if again is None or again - time.time() > _PATIENCE:
                break
            self.sleep(max(0.0, again - time.time()))
        self._seal(1)
        if shards.installed():
            shards.merge(self.study.folder, self.ledger)

    def _round(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        for count, (task, reply) in enumerate(self.engine(tasks), 1):
            outcome = self._outcome(self.works.pop(task.id), reply)
            if not outcome.again:
                self.busy.pop(task.id, None)
            yield outcome
            if count % _LEASED == 0:
                self._seal()

    def _tasks(self) -> Iterator[Task]:
        while works := self.ledger.lease(_LEASED):
            for work in works:
                self.works[work.id] = work
                seen = _local_print(work)
                if seen is not None and any(seen == other and work.id != item for item, other in self.busy.items()):
                    self.twins.append((work, seen))
                    continue
                if seen is not None:
                    self.busy[work.id] = seen
                yield self._task(work, seen)
            yield from self._known_by_now()

    def _known_by_now(self) -> Iterator[Task]:
        """Twins whose likes are done: left for the end, they would be many where snapshots overlap."""
        busy = set(self.busy.values())
        ready = [twin for twin in self.twins if twin[1] not in busy]
        self.twins = [twin for twin in self.twins if twin[1] in busy]
        for work, seen in ready:
            yield self._task(work, seen)

    def _task(self, work: Work, seen: tuple[int, bytes] | None) -> Task:
        alike = self.ledger.recognise(*seen) if seen is not None else []
        if work.item.sha256:
            alike.append(work.item.sha256.lower())
        known = tuple(app for app in alike if self.ledger.known(app, self.key))
        return Task(id=work.id, source=work.source, item=work.item, look_alikes=known)

    def _outcome(self, work: Work, reply: Reply) -> Outcome:
        stored = reply.result
        problem = stored.failure if stored is not None else None
        if problem is not None and reply.transient and work.attempts < MAX_ATTEMPTS:
            self.ledger.postpone(work, problem, pause=problem.stage is not Stage.RUN)
            return Outcome(work, problem, again=True)
        if stored is not None and problem is None and self.ledger.known(reply.app, self.key):
            stored = None  # its twin was faster; facts of models that other workers left out are in that one's result
        stopped = problem is not None and problem.stage is Stage.RUN
        self.ledger.finish(
            work.id,
            reply.app,
            self.bounded if stopped else self.key,
            stored,
            fetched=reply.fetched,
            fingerprint=reply.fingerprint,
            given_up=reply.transient,
        )
        return Outcome(work, (stored.scan or problem) if stored is not None else None)

    def _seal(self, least: int | None = None) -> None:
        """Journal to shards, where DuckDB is installed; without it the journal keeps everything."""
        if shards.installed():
            shards.seal(self.study.folder, self.ledger, least=least or shards.BATCH)


def _local_print(work: Work) -> tuple[int, bytes] | None:
    """The finger-print of a package that is a file on this machine."""
    path = Path(work.item.locator)
    if work.source != "folder" or not path.is_file():
        return None
    try:
        source = ByteSource.open(path)
    except InputError:
        return None
    try:
        return fingerprint(source)
    except InputError:
        return None
    finally:
        source.close()


def _keys(settings: Settings) -> tuple[str, str]:
    """The key of results, and that of results which limits decided."""
    key = scan_key(Scanner(depth=settings.depth).provenance) + (" with networks" if settings.networks else "")
    key += " with blobs" if settings.blobs is not None else ""
    return key, f"{key} within {settings.limits.seconds:g} s and {settings.limits.memory} bytes"


def is_study(path: Path) -> bool:
    """Is it the folder of a study?"""
    return (path / LEDGER).is_file()


@contextmanager
def look(folder: str | Path) -> Iterator[Ledger]:
    """The ledger of a study to look at, also while a run is at work. Raises `UsageError` when there is no study."""
    root = Path(folder)
    if not (root / LEDGER).is_file():
        raise UsageError("is no study", where=str(root), hint=f"nngauge study init {root}")
    with Ledger(root / LEDGER) as ledger:
        yield ledger


def scan_key(provenance: Provenance) -> str:
    """Results with the same key and the same bytes are the same."""
    text = f"{provenance.tool}\n{provenance.rules}\n{provenance.plugins}\n{provenance.configuration}"
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
