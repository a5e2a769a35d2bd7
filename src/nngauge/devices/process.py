"""Processes of this machine that run a shell command for a device: bounded output, killed with their children."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import IO

from nngauge.devices._api import Ran
from nngauge.errors import LimitError, UnreadableError

_PIECE = 1 << 16
_END_SECONDS = 1.0
"""What the readers wait for pipes that a process's children hold open."""


def finish(words: Sequence[str], *, given: bytes, seconds: float, most: int, where: str) -> Ran:
    """Runs a process in a group of its own to its end, or to the end of its time.

    Raises `LimitError` for more than `most` bytes of output, `UnreadableError` when it cannot be started.
    """
    began = time.monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603 - the words were put together by `devices`, not by a shell
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise UnreadableError(f"{words[0]} cannot be started: {error.strerror or error}", where=where) from None
    with process:
        readers = [_Reader(process, process.stdout, most), _Reader(process, process.stderr, most)]
        writer = threading.Thread(target=_feed, args=(process.stdin, given), daemon=True)
        writer.start()
        try:
            process.wait(seconds)
            late = False
        except subprocess.TimeoutExpired:
            late = True
            kill_group(process.pid)
            process.wait()
        except BaseException:
            kill_group(process.pid)  # Ctrl-C goes to our own group only
            raise
        until = time.monotonic() + _END_SECONDS
        for thread in (writer, *readers):
            thread.join(max(0.0, until - time.monotonic()))
        if any(reader.full for reader in readers):
            raise LimitError(f"a process printed more than {most} bytes", where=where)
        out, err = (bytes(reader.data) for reader in readers)
    return Ran(code=process.returncode, out=out, err=err, seconds=time.monotonic() - began, timed_out=late)


def kill_group(leader: int) -> None:
    """Ends a process and what stayed in its group."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # macOS says "not permitted" when only zombies are left


class _Reader(threading.Thread):
    """Keeps what comes out of a pipe, up to a limit."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: IO[bytes] | None, most: int) -> None:
        super().__init__(daemon=True)
        self.data = bytearray()
        self.full = False
        self._process, self._pipe, self._most = process, pipe, most
        self.start()

    def run(self) -> None:
        """Until the pipe is closed."""
        if self._pipe is None:
            return
        try:
            while piece := os.read(self._pipe.fileno(), _PIECE):
                self.data += piece
                if len(self.data) > self._most:
                    self.full = True
                    kill_group(self._process.pid)
                    return
        except (OSError, ValueError):
            return  # closed, because only children that were left behind still had it


def _feed(pipe: IO[bytes] | None, given: bytes) -> None:
    if pipe is None:
        return
    try:
        pipe.write(given)
        pipe.close()
    except OSError:
        return  # it did not want to read it all
