"""Boards over ssh: ``ssh:HOST`` or ``ssh:USER@HOST``, with everything else from the user's ssh configuration.

The ssh program of the system, never asking anything: keys, known hosts and jumps are set up before. Files go through
`cat`, which every board has, while sftp servers are missing on small ones.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from nngauge.devices import board
from nngauge.devices._api import DeviceKind, OpenDevice, Ran
from nngauge.devices.process import finish
from nngauge.devices.remote import Ask, RemoteDevice, signalled
from nngauge.domain.checkup import Found
from nngauge.domain.measurement import Device
from nngauge.errors import AccessError, TransientError, UnreadableError, UsageError
from nngauge.words.safe import brief, one_line

_HOST: Final = re.compile(r"(?:[A-Za-z0-9_.-]{1,64}@)?[A-Za-z0-9_\[\]:.%-]{1,255}")
_OPTIONS: Final = ("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=10")
_OWN: Final = 255
"""Exit status with which ssh tells that it failed itself."""
_ROOT: Final = "/tmp"  # noqa: S108 - on the board; the folder in it is made for its user only, and must be new
_PERSIST_SECONDS: Final = 60
"""What the connection outlives its last command, in case nobody ends it."""
_END_SECONDS: Final = 10.0
_COPY_SECONDS: Final = 600.0
_SHORT: Final = 65_536
_PIECE: Final = 1 << 16
_MEANT: Final = (
    ("Permission denied", "ssh-copy-id, or ssh-add"),
    ("Host key verification failed", "connect by hand once, and compare the key"),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "find out why before anything else"),
)


class _SshLink:
    """A board that the system's ssh reaches."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.where = f"ssh:{host}"
        self._sockets = ""

    def _words(self, text: str) -> tuple[str, ...]:
        # `sh -c`, because the login shell may be anything.
        return ("ssh", *_OPTIONS, *self._shared(), "--", self._host, f"exec sh -c {shlex.quote(text)}")

    def _shared(self) -> tuple[str, ...]:
        """One connection for all commands. The name of its socket is short, because sockets' names must be."""
        self._sockets = self._sockets or tempfile.mkdtemp(prefix="nn")
        path = f"ControlPath={self._sockets}/s"
        return ("-o", "ControlMaster=auto", "-o", path, "-o", f"ControlPersist={_PERSIST_SECONDS}")

    def close(self) -> None:
        """Ends the connection."""
        if not self._sockets:
            return
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603 - the user's ssh
                ("ssh", *self._shared(), "-O", "exit", "--", self._host),  # noqa: S607 - the one on the PATH
                stdin=subprocess.DEVNULL, capture_output=True, timeout=_END_SECONDS, check=False,
            )  # fmt: skip
        shutil.rmtree(self._sockets, ignore_errors=True)
        self._sockets = ""

    def execute(self, text: str, *, given: bytes, seconds: float, most: int) -> Ran:
        """A shell there."""
        ran = finish(self._words(text), given=given, seconds=seconds, most=most, where=self.where)
        if ran.code == _OWN and not ran.timed_out:
            raise self._failed(ran.err)
        return Ran(
            code=signalled(ran.code), out=ran.out, err=ran.err, seconds=ran.seconds, timed_out=ran.timed_out
        )  # fmt: skip

    def send(self, pieces: Iterable[bytes], remote: str) -> None:
        """Writes through `cat`."""
        path = shlex.quote(remote)
        with self._start(f"cat > {path} && chmod 700 {path}") as process:
            if process.stdin:
                with suppress(OSError), process.stdin as pipe:  # ssh says below why it stopped reading
                    pipe.writelines(pieces)
            self._end(process, remote)

    def receive(self, remote: str) -> Iterator[bytes]:
        """Reads through `cat`."""
        with self._start(f"cat {shlex.quote(remote)}") as process:
            try:
                if process.stdin:
                    process.stdin.close()
                while piece := process.stdout.read(_PIECE) if process.stdout else b"":
                    yield piece
                self._end(process, remote)
            finally:
                process.kill()  # when the caller has had enough

    def _start(self, text: str) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - the user's ssh; every word of the command is quoted
                self._words(text), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            raise UnreadableError(f"no ssh: {error.strerror or error}", where=self.where) from None

    def _end(self, process: subprocess.Popen[bytes], remote: str) -> None:
        try:
            code = process.wait(_COPY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise TransientError("copying takes too long", where=self.where) from None
        said = process.stderr.read(_SHORT) if process.stderr else b""
        if code == _OWN:
            raise self._failed(said)
        if code:
            text = brief(one_line(said.decode("utf-8", "replace")).strip())
            hint = "free some space there" if "No space left" in text else ""
            raise UnreadableError(
                f"the board does not copy the file: {text}", where=f"{self.where}!{remote}", hint=hint
            )

    def _failed(self, said: bytes) -> UnreadableError:
        text = brief(one_line(said.decode("utf-8", "replace")).strip())
        for words, hint in _MEANT:
            if words in text:
                return AccessError(f"ssh says: {text}", where=self.where, hint=hint)
        return TransientError(f"ssh says: {text}", where=self.where)


def _look(name: str, ask: Ask) -> Device:
    return board.look(name, "ssh", ask)


def _find() -> list[Found]:
    return []  # every host of the network may be a board: they are named by their user


def _open(address: str) -> OpenDevice:
    host = address.removeprefix("ssh:").removeprefix("//")
    if not _HOST.fullmatch(host) or host.startswith("-"):
        raise UsageError("not the name of a board", where=address, hint="ssh:HOST or ssh:USER@HOST")
    return RemoteDevice(f"ssh:{host}", _SshLink(host), _ROOT, _look, board.glance)


KIND: Final = DeviceKind(
    name="ssh",
    title="Boards over ssh",
    find=_find,
    open=_open,
    references=("https://man.openbsd.org/ssh",),
    limitations=(
        "Linux with a POSIX shell.",
        "Boards are not searched for: they are opened by name.",
    ),
)
