"""Reading a value again and again while something else runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from nngauge.errors import InputError, LimitError, TransientError, UsageError
from nngauge.instruments._api import Clock
from nngauge.limits import MAX_POWER_SAMPLES

FASTEST: Final = 0.5
"""Seconds between readings: polling a battery gauge faster added 19 to 48 % to the power of five phones and told nothing more,
for gauges refresh every 0.35 to 10 s."""
_FAILURES: Final = 10
"""Readings that may fail one after the other."""

_Value = TypeVar("_Value")


class SystemClock:
    """This machine's."""

    def now(self) -> float:
        """Seconds that go on while the machine sleeps, where it tells them."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(max(seconds, 0))


def poll(
    read: Callable[[], _Value], clock: Clock, interval: float, stopped: Callable[[], bool]
) -> list[tuple[float, _Value]]:
    """Values with the middle of the time that reading them took, in seconds of `clock`, until `stopped`.

    Readings that came late are not made up for. `TransientError` leaves a gap; ten of them in a row are raised.
    """
    if interval < FASTEST:
        raise UsageError(f"polled every {interval:g} s: at most every {FASTEST:g} s", hint="polling takes power, too")
    found: list[tuple[float, _Value]] = []
    failed, due = 0, clock.now()
    while not stopped():
        before = clock.now()
        try:
            value = read()
            found.append(((before + clock.now()) / 2, value))
            failed = 0
        except TransientError:
            failed += 1
            if failed == _FAILURES:
                raise
        if len(found) > MAX_POWER_SAMPLES:
            raise LimitError("a recording that does not end")
        due = max(due + interval, clock.now())
        clock.sleep(due - clock.now())
    return found


class Poller(Generic[_Value]):
    """`poll` on a thread of its own. Its own failure comes out of `stop`."""

    def __init__(self, read: Callable[[], _Value], clock: Clock, interval: float) -> None:
        if interval < FASTEST:
            raise UsageError(f"polled every {interval:g} s: at most every {FASTEST:g} s")
        self._asked, self._clock, self._interval = read, clock, interval
        self._stop = threading.Event()
        self._found: list[tuple[float, _Value]] = []
        self._problem: InputError | None = None
        self._thread = threading.Thread(target=self._run, name="nngauge-meter", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = poll(self._asked, self._clock, self._interval, self._stop.is_set)
        except InputError as error:
            self._problem = error

    def stop(self) -> list[tuple[float, _Value]]:
        """What was read. Raises what ended the reading before."""
        self._stop.set()
        self._thread.join()
        if self._problem is not None:
            raise self._problem
        return self._found
