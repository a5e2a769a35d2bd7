"""Worker processes on this machine, where a hang, a crash or a full memory is one recorded failure.

Pebble's pool replaces a worker that its task killed and goes on; the standard ProcessPoolExecutor breaks and loses all
that is pending (docs/adr/0004-worker-pool.md).
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from nngauge.errors import EngineError
from nngauge.limits import MIB
from nngauge.pipeline import Scanner
from nngauge.runners.tasks import Reply, Settings, Task, TimeUp, attempt, failed, perform, run_failure, start, time_out

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pebble import ProcessPool

_AHEAD: Final = 3
"""Tasks handed to each worker before results are awaited: enough to keep it busy, few enough that memory does not grow
with the corpus and that little waits behind a slow one."""
_BEGINNINGS: Final = 3
"""How often a task is given to another worker because its own ended before it began with it."""
_BARREN: Final = 24
"""Workers in a row that ended before they did anything: then none will ever start."""


def run_here(task: Task, settings: Settings) -> Reply:
    """Does one task in this process; a time-out ends it where signals can (main thread, POSIX)."""
    scanner = Scanner(depth=settings.depth)  # is not the app's time
    with suppress(TimeUp), alarm(settings.limits.seconds):
        return attempt(scanner, task, settings)
    return failed(task, time_out(task.item.locator))  # it rang when the reply was all but given


def run_local(
    tasks: Iterable[Task],
    *,
    workers: int,
    settings: Settings,
    work: Callable[[bytes], bytes] = perform,
) -> Iterator[tuple[Task, Reply]]:
    """Does tasks in `workers` processes; replies come as they finish.

    `work` replaces what a worker does with a task, for tests: it gives what `perform` gives.
    """
    crew = Crew(workers, settings, work)
    source = iter(tasks)
    try:
        while True:
            while crew.has_room and (task := next(source, None)) is not None:
                crew.take(task)
            if not crew.at_work:
                return
            yield from crew.replies()
    finally:
        crew.end()


class _Job(Struct, frozen=True):
    task: Task
    place: int
    pool: ProcessPool
    begun: int


class Crew:
    """Pools of one worker each, so that whatever ends a worker, in the middle of a message even, is felt by no other.

    Workers of one pool share pipes and locks. One that is killed while it holds them blocks the others for good, and the
    pool gives up all tasks when a worker ends that had none.
    """

    def __init__(self, workers: int, settings: Settings, work: Callable[[bytes], bytes]) -> None:
        self._settings = settings
        self._work = work
        self._pools = [open_pool(1, settings) for _ in range(workers)]
        self._barren = 0
        self.at_work: dict[Future[bytes], _Job] = {}

    @property
    def has_room(self) -> bool:
        """Can it take one more task?"""
        return len(self.at_work) < len(self._pools) * _AHEAD

    def take(self, task: Task, begun: int = 0) -> None:
        """Gives a task to the worker that has the fewest."""
        loads = Counter(job.place for job in self.at_work.values())
        place = min(range(len(self._pools)), key=loads.__getitem__)
        pool = self._pools[place]
        try:
            future = self._schedule(pool, task)
        except RuntimeError:  # it broke since
            self._renew(place)
            pool = self._pools[place]
            future = self._schedule(pool, task)
        self.at_work[future] = _Job(task, place, pool, begun)

    def _schedule(self, pool: ProcessPool, task: Task) -> Future[bytes]:
        return pool.schedule(self._work, args=[msgspec.msgpack.encode(task)], timeout=self._settings.limits.seconds)

    def replies(self) -> Iterator[tuple[Task, Reply]]:
        """Waits for at least one task to end. Raises `EngineError` when workers cannot start."""
        from concurrent.futures import FIRST_COMPLETED, wait

        done, _ = wait(self.at_work, return_when=FIRST_COMPLETED)
        for future in done:
            job = self.at_work.pop(future)
            before_it_began = self._mend(future, job)
            if before_it_began and job.begun < _BEGINNINGS:
                self.take(job.task, job.begun + 1)
            else:
                yield job.task, msgspec.msgpack.decode(reply_to(job.task, future, self._settings), type=Reply)

    def _mend(self, future: Future[bytes], job: _Job) -> bool:
        """Replaces the pool of a worker that ended; did it end before it began with this task?"""
        from concurrent.futures.process import BrokenProcessPool

        from pebble import ProcessExpired

        error = future.exception()
        before_it_began = isinstance(error, BrokenProcessPool)
        if isinstance(error, ProcessExpired | BrokenProcessPool) and self._pools[job.place] is job.pool:
            self._barren = self._barren + 1 if before_it_began else 0
            if self._barren > _BARREN:
                raise EngineError("worker processes end as soon as they start", hint="raise --memory")
            self._renew(job.place)
        elif error is None:
            self._barren = 0
        return before_it_began

    def _renew(self, place: int) -> None:
        """A new worker with pipes of its own; it gets the tasks that its predecessor had not begun."""
        old = self._pools[place]
        discard_pool(old)
        self._pools[place] = open_pool(1, self._settings)
        for future, job in list(self.at_work.items()):
            if job.pool is old and not future.done():
                del self.at_work[future]
                self.take(job.task, job.begun)

    def end(self) -> None:
        """Ends all workers; what they have not done stays undone."""
        for pool in self._pools:
            if self.at_work:
                pool.stop()  # type: ignore[no-untyped-call]
            else:
                pool.close()  # type: ignore[no-untyped-call]
        for pool in self._pools:
            pool.join()


def discard_pool(pool: ProcessPool) -> None:
    """Stops a pool in the background: it may be waiting for the rest of a message that will never come."""
    pool.stop()  # type: ignore[no-untyped-call]
    threading.Thread(target=pool.join, daemon=True).start()


def open_pool(workers: int, settings: Settings) -> ProcessPool:
    """Worker processes that are ready for `perform`, each within the limits."""
    import multiprocessing

    from pebble import ProcessPool

    context = multiprocessing.get_context("spawn")
    return ProcessPool(max_workers=workers, initializer=_start_worker, initargs=(settings,), context=context)


def reply_to(task: Task, future: Future[bytes], settings: Settings) -> bytes:
    """Waits for what a pool makes of a task; whatever became of the worker is a `Reply`, as MessagePack."""
    from concurrent.futures.process import BrokenProcessPool

    from pebble import ProcessExpired

    lost = False
    try:
        return future.result()
    except TimeoutError:
        what, reason = "Timeout", f"not finished after {settings.limits.seconds:g} s"
    except ProcessExpired as error:
        what, reason, lost = "WorkerDied", f"the worker process ended with code {error.exitcode}", True
    except BrokenProcessPool:
        what, reason, lost = "WorkerDied", "the worker process ended before it began", True
    except MemoryError:
        what, reason = "OutOfMemory", f"needed more than {settings.limits.memory // MIB} MiB"
    except Exception as error:  # noqa: BLE001 - what a worker could not even send
        what, reason = "InternalError", f"{type(error).__name__}: {error}"
    return msgspec.msgpack.encode(failed(task, run_failure(task.item.locator, what, reason), transient=lost))


def _start_worker(settings: Settings) -> None:
    limit_memory(settings.limits.memory)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    threading.Thread(target=end_with_parent, daemon=True).start()
    start(settings)


def end_with_parent() -> None:
    """A parent that was killed ends no worker, and nobody would be left to end one that hangs."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def limit_memory(memory: int) -> None:
    """Lets the operating system refuse private memory beyond `memory` bytes (Linux; other systems ignore it)."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raises `TimeUp` in what takes longer, where signals can (main thread, POSIX)."""
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable or os.name != "posix":
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again, should a callback in C swallow the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
