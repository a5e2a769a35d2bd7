"""Many apps: worker processes with limits, where a hang, a crash or a full memory is one recorded failure.

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
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure, Stage
from nngauge.domain.scan import Scan
from nngauge.errors import NngaugeError
from nngauge.extract.attempt import failure
from nngauge.limits import APP_MEMORY, APP_SECONDS
from nngauge.pipeline import Scanner

if TYPE_CHECKING:
    from concurrent.futures import Future

_AHEAD = 4
"""Apps handed to the pool per worker before results are awaited: enough to keep workers busy, few enough that
memory does not grow with the corpus."""


class Limits(Struct, frozen=True, kw_only=True):
    """What one app may use."""

    seconds: float = APP_SECONDS
    memory: int = APP_MEMORY
    """Bytes of private memory of its worker."""


class Outcome(Struct, frozen=True):
    """What became of one app."""

    path: str
    result: Scan | Failure
    stored: bool = False
    """Taken from a study, not scanned now."""


def scan_here(path: str, limits: Limits, extract_to: str | None = None) -> Outcome:
    """Scans one app in this process; a time-out ends it where signals can (main thread, POSIX)."""
    with _alarm(limits.seconds):
        return _scan_one(Scanner(), path, extract_to)


def scan_each(
    paths: Iterable[str],
    *,
    workers: int,
    limits: Limits,
    extract_to: str | None = None,
    work: Callable[[str], bytes] | None = None,
) -> Iterator[Outcome]:
    """Scans apps in `workers` processes; outcomes come as they finish.

    `work` replaces what a worker does with a path, for tests: it gives what `scan_path` gives.
    """
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, wait

    from pebble import ProcessPool

    context = multiprocessing.get_context("spawn")
    waiting: dict[Future[bytes], str] = {}
    source = iter(paths)
    with ProcessPool(
        max_workers=workers, initializer=_start_worker, initargs=(limits.memory, extract_to), context=context
    ) as pool:
        try:
            while True:
                _fill(
                    waiting,
                    source,
                    workers * _AHEAD,
                    lambda path: pool.schedule(work or scan_path, args=[path], timeout=limits.seconds),
                )
                if not waiting:
                    return
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield _outcome(waiting.pop(future), future, limits)
        finally:
            if waiting:  # the consumer left early
                pool.stop()  # type: ignore[no-untyped-call]


def _fill(
    waiting: dict[Future[bytes], str], source: Iterator[str], most: int, schedule: Callable[[str], Future[bytes]]
) -> None:
    while len(waiting) < most:
        path = next(source, None)
        if path is None:
            return
        waiting[schedule(path)] = path


def _outcome(path: str, future: Future[bytes], limits: Limits) -> Outcome:
    from pebble import ProcessExpired

    try:
        result = msgspec.msgpack.decode(future.result(), type=_Result)
        return Outcome(path, result.scan if result.scan is not None else _required(result.failure))
    except TimeoutError:
        what, reason = "Timeout", f"not finished after {limits.seconds:g} s"
    except ProcessExpired as error:
        what, reason = "WorkerDied", f"the worker process ended with code {error.exitcode}"
    except MemoryError:
        what, reason = "OutOfMemory", f"needed more than {limits.memory} bytes"
    except Exception as error:  # noqa: BLE001 - what a worker could not even send
        what, reason = "InternalError", f"{type(error).__name__}: {error}"
    return Outcome(path, _run_failure(path, what, reason))


def _run_failure(path: str, what: str, reason: str, hint: str = "raise --timeout or --memory") -> Failure:
    return Failure(stage=Stage.RUN, location=Location(path=path), error=what, reason=reason, hint=hint)


class _Result(msgspec.Struct, frozen=True):
    """What a worker sends: one of the two."""

    scan: Scan | None = None
    failure: Failure | None = None


def _required(value: Failure | None) -> Failure:
    if value is None:
        raise ValueError("empty result")
    return value


# --- inside a worker ----------------------------------------------------------------------------------------------------

_state = threading.local()


def _start_worker(memory: int, extract_to: str | None) -> None:
    limit_memory(memory)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    _state.scanner = Scanner()
    _state.extract_to = extract_to


def limit_memory(memory: int) -> None:
    """Lets the operating system refuse private memory beyond `memory` bytes (Linux; other systems ignore it)."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def scan_path(path: str) -> bytes:
    """Scans in a worker that `_start_worker` prepared; the result as MessagePack, which is cheaper than a pickle."""
    outcome = _scan_one(_state.scanner, path, _state.extract_to)
    result = outcome.result
    return msgspec.msgpack.encode(_Result(scan=result) if isinstance(result, Scan) else _Result(failure=result))


def _scan_one(scanner: Scanner, path: str, extract_to: str | None) -> Outcome:
    sink = None
    if extract_to is not None:
        from nngauge.extract.save import Saver

        sink = Saver(extract_to, path).save
    try:
        return Outcome(path, scanner.scan(path, sink))
    except NngaugeError as error:
        return Outcome(path, failure(Stage.PACKAGE, Location(path=path), error))
    except MemoryError:
        return Outcome(path, _run_failure(path, "OutOfMemory", "not enough memory for this app"))
    except _TimeUp:
        return Outcome(path, _run_failure(path, "Timeout", "not finished in time"))
    except Exception as error:  # noqa: BLE001 - the last line of defence: one app must not end the run
        reason = f"{type(error).__name__}: {error}"
        return Outcome(path, _run_failure(path, "InternalError", reason, "please report this file"))


class _TimeUp(BaseException):
    """Raised by the alarm; not an `Exception`, so that no parser's handler can swallow it."""


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable or os.name != "posix":
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again, should a callback in C swallow the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
