"""Turns at a server that wants to be asked by few at a time: shared by all workers of a user on this machine.

Places are locked files, so whoever is killed gives its place back. Workers on other machines have their own.
"""

from __future__ import annotations

import fcntl
import os
import random
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from nngauge.errors import TransientError, UnreadableError

_LOOK_AGAIN: Final = 0.2
"""Seconds between looks for a free place."""


class Turns:
    """At most `places` at a time, and a start each `interval` seconds at most. Use `turn` around a download."""

    def __init__(
        self,
        name: str,
        places: int,
        interval: float = 0.0,
        *,
        patience: float = 120.0,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """`patience`: seconds a worker waits for its turn. Raises `UnreadableError` without a folder of our own."""
        self._name = name
        self._places = places
        self._interval = interval
        self._patience = patience
        self._sleep = sleep or time.sleep
        self._folder = _folder()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for a turn, which ends with the context. Raises `TransientError` when it does not come."""
        with ExitStack() as stack:
            left = self._patience - self._wait_for_start()
            while not self._take(stack):
                if left <= 0:
                    raise TransientError(f"all {self._places} places at the server are taken", where=self._name)
                self._sleep(_LOOK_AGAIN)
                left -= _LOOK_AGAIN
            yield

    def hold(self, seconds: float) -> None:
        """Nobody starts for so long: what a server asked for."""
        if seconds > 0:
            with self._next_start() as file:
                _write(file, max(_read(file), time.time() + seconds))

    def _wait_for_start(self) -> float:
        """Waits until another start is due; for how long."""
        with self._next_start() as file:
            now = time.time()
            start = max(now, _read(file))
            if start - now <= self._patience and self._interval > 0:
                _write(file, start + self._interval)
        # Who cannot wait long enough waits all the same: otherwise a whole queue would fail in the meantime.
        self._sleep(max(0.0, min(start - now, self._patience)))
        if start - now > self._patience:
            raise TransientError("the server asked to be left alone", where=self._name, hint="try again later")
        return start - now

    def _take(self, stack: ExitStack) -> bool:
        for place in random.sample(range(self._places), self._places):
            file = self._open(f"place-{place}")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
            else:
                stack.callback(file.close)
                return True
        return False

    @contextmanager
    def _next_start(self) -> Iterator[IO[str]]:
        """The file with the time before which nobody starts, as long as it is ours."""
        with self._open("next") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _open(self, what: str) -> IO[str]:
        path = self._folder / f"{self._name}-{what}"
        try:
            return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+")
        except OSError as error:
            raise UnreadableError(f"cannot take turns: {error.strerror}", where=str(path)) from None


def _folder() -> Path:
    """A folder below the temporary one that nobody else can write to."""
    folder = Path(tempfile.gettempdir()) / f"nngauge-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise UnreadableError(f"cannot take turns: {error.strerror}", where=str(folder)) from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise UnreadableError("cannot take turns: the folder belongs to somebody else", where=str(folder))
    return folder


def _read(file: IO[str]) -> float:
    file.seek(0)
    try:
        return float(file.read(64) or 0.0)
    except ValueError:
        return 0.0


def _write(file: IO[str], moment: float) -> None:
    file.seek(0)
    file.truncate()
    file.write(f"{moment:.3f}")
    file.flush()
