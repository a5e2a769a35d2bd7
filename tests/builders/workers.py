"""What a worker process does with apps whose name says so: hang, die, eat memory, fail. Importable by child processes."""

from __future__ import annotations

import os
import signal
import time

from nngauge.runner import scan_path


def misbehave(path: str) -> bytes:
    """Like `nngauge.runner.scan_path`, but for some names."""
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
    return scan_path(path)
