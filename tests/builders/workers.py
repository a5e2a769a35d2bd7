"""What a worker process does with apps whose name says so: hang, die, eat memory, fail. Importable by child processes."""

from __future__ import annotations

import os
import signal
import time

import msgspec

from nngauge.runners.tasks import Task, perform


def misbehave(data: bytes) -> bytes:
    """Like `nngauge.runners.tasks.perform`, but for some names."""
    path = msgspec.msgpack.decode(data, type=Task).item.locator.rpartition("/")[2]
    if "hang" in path:
        time.sleep(600)
    if "spin" in path:
        while True:
            pass
    if "killed" in path:
        os.kill(os.getpid(), signal.SIGKILL)
    if "parent" in path:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if "slow" in path:
        time.sleep(0.3)
    if "exit" in path:
        os._exit(7)
    if "hungry" in path:
        hoard = []
        try:
            while True:
                hoard.append(bytearray(16 << 20))
        finally:
            hoard.clear()  # the traceback keeps this frame, and a pool keeps the traceback until the next task is done
    if "bug" in path:
        raise ZeroDivisionError("a parser's bug")
    return perform(data)
