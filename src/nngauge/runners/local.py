"""Worker processes on this machine, where a hang, a crash or a full memory is one recorded failure.

Pebble's pool replaces a killed worker and goes on; the standard ProcessPoolExecutor breaks and loses all that is
pending (docs/adr/0004-worker-pool.md).
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

import msgspec

from nngauge.limits import MIB
from nngauge.pipeline import Scanner
from nngauge.runners.tasks import Reply, Settings, Task, TimeUp, attempt, failed, perform, run_failure, start

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pebble import ProcessPool

_AHEAD: Final = 4
"""Tasks handed to the pool per worker before results are awaited: enough to keep workers busy, few enough that
memory does not grow with the corpus."""


def run_here(task: Task, settings: Settings) -> Reply:
    """Does one task in this process; a time-out ends it where signals can (main thread, POSIX)."""
    with _alarm(settings.limits.seconds):
        return attempt(Scanner(depth=settings.depth), task, settings)


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
    from concurrent.futures import FIRST_COMPLETED, wait

    waiting: dict[Future[bytes], Task] = {}
    source = iter(tasks)
    with open_pool(workers, settings) as pool:
        try:
            while True:
                while len(waiting) < workers * _AHEAD and (task := next(source, None)) is not None:
                    data = msgspec.msgpack.encode(task)
                    waiting[pool.schedule(work, args=[data], timeout=settings.limits.seconds)] = task
                if not waiting:
                    return
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    task = waiting.pop(future)
                    yield task, msgspec.msgpack.decode(reply_to(task, future, settings), type=Reply)
        finally:
            if waiting:  # the consumer left early
                pool.stop()  # type: ignore[no-untyped-call]


def open_pool(workers: int, settings: Settings) -> ProcessPool:
    """Worker processes that are ready for `perform`, each within the limits; also those that a cluster's workers keep."""
    import multiprocessing

    from pebble import ProcessPool

    context = multiprocessing.get_context("spawn")
    return ProcessPool(max_workers=workers, initializer=_start_worker, initargs=(settings,), context=context)


def reply_to(task: Task, future: Future[bytes], settings: Settings) -> bytes:
    """Waits for what a pool makes of a task; whatever became of the worker is a `Reply`, as MessagePack."""
    from pebble import ProcessExpired

    lost = False
    try:
        return future.result()
    except TimeoutError:
        what, reason = "Timeout", f"not finished after {settings.limits.seconds:g} s"
    except ProcessExpired as error:
        what, reason, lost = "WorkerDied", f"the worker process ended with code {error.exitcode}", True
    except MemoryError:
        what, reason = "OutOfMemory", f"needed more than {settings.limits.memory // MIB} MiB"
    except Exception as error:  # noqa: BLE001 - what a worker could not even send
        what, reason = "InternalError", f"{type(error).__name__}: {error}"
    return msgspec.msgpack.encode(failed(task, run_failure(task.item.locator, what, reason), transient=lost))


def _start_worker(settings: Settings) -> None:
    limit_memory(settings.limits.memory)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start(settings)


def _end_with_parent() -> None:
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
def _alarm(seconds: float) -> Iterator[None]:
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
