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
    if "exit" in path:
        os._exit(7)
    if "hungry" in path:
        hoard = []
        while True:
            hoard.append(bytearray(16 << 20))
    if "bug" in path:
        raise ZeroDivisionError("a parser's bug")
    return perform(data)
