"""What ends a verb that works long or left things elsewhere: ``kill``, a batch system and a closed terminal are as good as Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `KeyboardInterrupt` meanwhile, so that what was started and put on a device is cleaned up."""
    wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        wanted = []
    before = {one: signal.signal(one, _stop) for one in wanted if signal.getsignal(one) is signal.SIG_DFL}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
