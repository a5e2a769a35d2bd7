"""Any work in processes of its own: one that hangs, crashes or is killed is one answer, and the others go on.

Workers are pools of one, as in `nngauge.runners.local`. Each has one job at a time, so that a job that is slow holds up no other.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from nngauge.errors import EngineError
from nngauge.runners.local import alarm, discard_pool, end_with_parent
from nngauge.runners.tasks import TimeUp

if TYPE_CHECKING:
    from pebble import ProcessFuture, ProcessPool

_GRACE: Final = 20.0
"""Seconds after its time that a job has to end by itself, and what it began with it."""
_STARTS: Final = 3
"""How often in a row a worker may end before it begins."""


class Ended(Struct, frozen=True):
    """A job without an answer."""

    kind: str
    """timeout, memory, crashed or failed."""
    reason: str


Work = Callable[[bytes], bytes]


def run_apart(
    next_job: Callable[[], bytes | None], work: Work, *, workers: int, seconds: float
) -> Generator[tuple[bytes, bytes | Ended], None, None]:
    """Each job with what `work`, a function of a module, made of it; as they end.

    `next_job` is asked when a worker is free; None: there is none until another has ended.

    Raises `EngineError` when workers cannot start.
    """
    from concurrent.futures import FIRST_COMPLETED, wait

    crew = _Crew(work, workers, seconds)
    barren = 0
    try:
        while True:
            while crew.free and (job := next_job()) is not None:
                crew.take(job)
            if not crew.at_work:
                return
            done, _ = wait(crew.at_work, return_when=FIRST_COMPLETED)
            for future in [future for future in crew.at_work if future in done]:
                job, answer = crew.ended(future)
                barren = barren + 1 if answer is None else 0
                if answer is not None:
                    yield job, answer
                elif barren > _STARTS * workers:
                    raise EngineError("worker processes end as soon as they start", hint="is there memory left?")
                else:
                    crew.take(job)
    finally:
        crew.end()


class _Crew:
    """Pools of one worker each, and what they are at."""

    def __init__(self, work: Work, workers: int, seconds: float) -> None:
        self._work, self._seconds = work, seconds
        self._pools = [_open() for _ in range(workers)]
        self.free = list(range(workers))
        self.at_work: dict[ProcessFuture[bytes | Ended], tuple[bytes, int]] = {}

    def take(self, job: bytes) -> None:
        """Gives a job to a free worker."""
        place = self.free.pop()
        try:
            future = self._schedule(place, job)
        except RuntimeError:  # it ended while it had nothing to do
            self._renew(place)
            future = self._schedule(place, job)
        self.at_work[future] = (job, place)

    def _schedule(self, place: int, job: bytes) -> ProcessFuture[bytes | Ended]:
        return self._pools[place].schedule(
            _within, args=[self._work, job, self._seconds], timeout=self._seconds + _GRACE
        )

    def ended(self, future: ProcessFuture[bytes | Ended]) -> tuple[bytes, bytes | Ended | None]:
        """The job and its answer; None: its worker ended before it began."""
        job, place = self.at_work.pop(future)
        answer = _answer(future, self._seconds)
        if answer is None or (isinstance(answer, Ended) and answer.kind == "crashed"):
            self._renew(place)
        self.free.append(place)
        return job, answer

    def _renew(self, place: int) -> None:
        discard_pool(self._pools[place])
        self._pools[place] = _open()

    def end(self) -> None:
        """Ends all workers, whatever they are at."""
        for pool in self._pools:
            pool.stop()  # type: ignore[no-untyped-call]
        for pool in self._pools:
            pool.join()


def _open() -> ProcessPool:
    import multiprocessing

    from pebble import ProcessPool

    return ProcessPool(max_workers=1, initializer=_begin, context=multiprocessing.get_context("spawn"))


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    threading.Thread(target=end_with_parent, daemon=True).start()


def _within(work: Work, job: bytes, seconds: float) -> bytes | Ended:
    """In the worker: ends what takes too long in an orderly way, so that processes it began end, too."""
    try:
        with alarm(seconds):
            return work(job)
    except TimeUp:
        return _late(seconds)
    except MemoryError:
        return Ended("memory", "not enough memory")


def _answer(future: ProcessFuture[bytes | Ended], seconds: float) -> bytes | Ended | None:
    """None: the worker ended before it began."""
    from concurrent.futures.process import BrokenProcessPool

    from pebble import ProcessExpired

    try:
        return future.result()
    except TimeoutError:
        return _late(seconds)
    except ProcessExpired as error:
        return Ended("crashed", f"the process ended with code {error.exitcode}")
    except BrokenProcessPool:
        return None
    except Exception as error:  # noqa: BLE001 - the last line of defence: one job must not end the others
        return Ended("failed", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def _late(seconds: float) -> Ended:
    return Ended("timeout", f"not finished after {seconds:g} s")
