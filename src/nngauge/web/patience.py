"""What takes longer than a page may: worked out once, one after the other, while pages say that it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from nngauge.errors import NngaugeError, UsageError
from nngauge.store.warehouse import Warehouse

T = TypeVar("T")

_WAIT: Final = 0.15
"""Seconds a page waits for an answer before it says that it will come."""
_KEPT: Final = 64
"""Answers that are kept, the newest."""
_WAITING: Final = 16
"""Questions that may wait; further ones are turned away."""


class Working(Struct, frozen=True):
    """The answer is being worked out."""

    seconds: float
    """Since it was asked for."""
    ahead: int
    """Questions that are answered before it."""


class Ready(Struct, Generic[T], frozen=True):
    """The answer, and how long it took."""

    answer: T
    seconds: float


class _Job(Struct):
    future: Future[Any]
    asked: float
    took: float = 0.0


class Patience:
    """Answers questions about one state of a study in a thread of its own."""

    def __init__(self, open_session: Callable[[], Warehouse]) -> None:
        self._open_session = open_session
        self._facts: Warehouse | None = None
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="patience")
        self.kept: dict[str, Any] = {}
        """What questions leave for each other; only they touch it, one at a time."""

    def ask(self, key: str, work: Callable[[Warehouse], T], *, wait: float = _WAIT) -> Ready[T] | Working:
        """The answer when it is there, or comes within `wait` seconds; else how long it has taken.

        Raises what `work` raised; that is asked again next time. Raises `UsageError` when too many wait.
        """
        with self._lock:
            job = self._jobs.pop(key, None) or self._begin(work)
            self._jobs[key] = job
            self._forget()
        try:
            return Ready(job.future.result(wait), job.took)
        except TimeoutError:
            return Working(round(time.monotonic() - job.asked, 1), self._ahead(key))
        except NngaugeError:
            with self._lock:
                self._jobs.pop(key, None)
            raise

    def _begin(self, work: Callable[[Warehouse], T]) -> _Job:
        if sum(not job.future.done() for job in self._jobs.values()) >= _WAITING:
            raise UsageError("too many questions wait for an answer", hint="ask again in a minute")
        job = _Job(Future(), time.monotonic())
        job.future = self._thread.submit(self._work, work, job)
        return job

    def _work(self, work: Callable[[Warehouse], T], job: _Job) -> T:
        if self._facts is None:
            self._facts = self._open_session()
        begun = time.perf_counter()
        try:
            return work(self._facts)
        finally:
            job.took = time.perf_counter() - begun

    def _forget(self) -> None:
        done = [key for key, job in self._jobs.items() if job.future.done()]
        for key in done[: max(0, len(done) - _KEPT)]:
            del self._jobs[key]

    def _ahead(self, key: str) -> int:
        with self._lock:
            keys = [name for name, job in self._jobs.items() if not job.future.done()]
            asked = self._jobs[key].asked if key in self._jobs else 0.0
            return sum(self._jobs[name].asked < asked for name in keys)

    def close(self) -> None:
        """Ends what is under way; nothing can be asked any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._facts is not None:
            self._facts.interrupt()
        self._thread.shutdown(wait=True)
        if self._facts is not None:
            self._facts.close()
