"""A device behind anything that runs shell commands and copies files: adb, ssh, or this machine's own shell."""

from __future__ import annotations

import hashlib
import shlex
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol, Self

from nngauge.devices import script, session
from nngauge.devices._api import Command, Ran
from nngauge.domain.measurement import Device, State
from nngauge.errors import (
    InputError,
    LimitError,
    MalformedError,
    TransientError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)
from nngauge.limits import MAX_PHONE_ANSWER
from nngauge.words.safe import brief, one_line

_PIECE: Final = 1 << 16
_ASK_SECONDS: Final = 30.0
"""For commands of our own, which take less than a second on a device that is well."""
_ANSWER: Final = 4 << 20
"""What one of our own commands prints at most; `dumpsys` takes some ten kilobytes."""
_DIGEST_RATE: Final = 20e6
"""Bytes a second that the slowest phone surely digests."""
_POLL_SECONDS: Final = 1.0
_NO_PROGRAM: Final = 127


class Link(Protocol):
    """What lies between this machine and a device. Raises `TransientError` when it breaks."""

    @property
    def where(self) -> str:
        """The device, for messages."""

    def execute(self, text: str, *, given: bytes, seconds: float, most: int) -> Ran:
        """Has a shell of the device read `text`; at most `most` bytes of output, else `LimitError`."""

    def send(self, pieces: Iterable[bytes], remote: str) -> None:
        """Writes a file that may be executed. Raises `UnreadableError` when the device does not take it."""

    def receive(self, remote: str) -> Iterator[bytes]:
        """Reads a file. Raises `UnreadableError` when the device does not give it."""

    def close(self) -> None:
        """Ends what was kept open between commands."""


Ask = Callable[[str], str]
"""What a shell command prints."""


class RemoteDevice:
    """Any device with a shell. `look` and `glance` ask it for facts and state, which is what differs."""

    def __init__(
        self, name: str, link: Link, root: str, look: Callable[[str, Ask], Device], glance: Callable[[Ask], State]
    ) -> None:
        self._id, self._link, self._root = name, link, root
        self._look, self._glance = look, glance
        self._name = session.new_name()
        self._folder = f"{root}/{self._name}"
        self._inside = False
        self._there: dict[str, str] = {}
        self._count = 0
        self._device: Device | None = None
        self._has_taskset: bool | None = None

    # --- the session's folder -----------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            for name in session.left_over(self._ask(session.listing(self._root))):
                self._ask(session.remove(self._root, name))
            self._inside = True  # from now on there may be a folder
            self._ask(session.create(self._root, self._name))
        except InputError:
            self._inside = False
            self._link.close()
            raise
        except BaseException:  # stopped meanwhile
            self.__exit__()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        if not self._inside:
            self._link.close()
            return
        self._inside = False
        self._there.clear()
        try:
            self._ask(session.remove(self._root, self._name))
        except (TransientError, UnreadableError):
            # Gone, with our folder on it. Results that were measured are worth more than a clean phone; the next session
            # on it finds the folder and removes it.
            return
        finally:
            self._link.close()

    # --- what it is and how it is --------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """How it is addressed."""
        return self._id

    def facts(self) -> Device:
        """What it is."""
        if self._device is None:
            self._device = self._look(self._id, self._ask)
        return self._device

    def state(self) -> State:
        """How it is now."""
        return self._glance(self._ask)

    def read(self, path: str, *, most: int = 65_536) -> bytes | None:
        """A file of the system, None where it is not there or not readable."""
        ran = self._shell(f"head -c {int(most)} {shlex.quote(_absolute(path))} 2>/dev/null", most=most + 1)
        return ran.out if ran.code == 0 else None

    # --- files ---------------------------------------------------------------------------------------------------------

    def push(self, source: Path) -> str:
        """Puts a file into the session's folder, named by its SHA-256, which is checked there; its path there."""
        self._needs_folder()
        digest = _digest(source)
        if digest not in self._there:
            # Twice, because a transfer that went wrong is not worth a session.
            if not self._put(source, digest) and not self._put(source, digest):
                raise UnreadableError("what is stored on the device is not what was sent", where=self._link.where)
            self._there[digest] = f"{self._folder}/{digest}"
        return self._there[digest]

    def _put(self, source: Path, digest: str) -> bool:
        """Sends a file under another name first: what bears a digest as name has been checked."""
        part, final = f"{self._folder}/part", f"{self._folder}/{digest}"
        try:
            self._link.send(_pieces(source), part)
            if self._digest_there(part, source.stat().st_size) == digest:
                self._ask(f"chmod 700 {shlex.quote(part)} && mv {shlex.quote(part)} {shlex.quote(final)}")
                return True
        except UnreadableError:
            self._drop(part)
            raise
        self._drop(part)
        return False

    def _drop(self, path: str) -> None:
        with ExitStack() as stack:
            stack.push(lambda kind, *_: kind is not None and issubclass(kind, UnreadableError))
            self._ask(f"rm -f {shlex.quote(path)}")

    def _digest_there(self, path: str, size: int) -> str:
        ran = self._shell(f"sha256sum {shlex.quote(path)}", seconds=_ASK_SECONDS + size / _DIGEST_RATE)
        if ran.code == 0:
            return ran.out[:64].decode("ascii", "replace")
        if ran.code != _NO_PROGRAM:
            raise self._failed("sha256sum", ran)
        told = hashlib.sha256()  # Android before 9 has no such program: the file comes back instead
        for piece in self._link.receive(path):
            told.update(piece)
        return told.hexdigest()

    def pull(self, remote: str, target: Path, *, most: int) -> None:
        """Fetches a file of the session's folder, of at most `most` bytes."""
        path = remote if remote.startswith("/") else f"{self._folder}/{remote}"
        if not path.startswith(f"{self._folder}/") or ".." in path.split("/"):
            raise UsageError("not a file of this session", where=remote)
        came = 0
        with target.open("wb") as file:
            for piece in self._link.receive(path):
                came += len(piece)
                if came > most:
                    raise LimitError(f"a file of more than {most} bytes", where=f"{self._link.where}!{path}")
                file.write(piece)

    # --- processes -----------------------------------------------------------------------------------------------------

    def run(self, command: Command) -> Ran:
        """Runs a process to its end, and ends what it leaves behind.

        What still runs when the connection breaks is ended when the session is closed, or by the next one.
        """
        mark = self._mark(command)
        text = script.prepared(command, self._folder, mark)
        try:
            ran = self._link.execute(text, given=command.given, seconds=command.seconds, most=MAX_PHONE_ANSWER)
        except LimitError:
            self._ask(script.kill(mark))
            raise
        self._ask(script.kill(mark))
        return ran

    def spawn(self, command: Command) -> RemoteJob:
        """Starts a process that survives a lost connection."""
        mark = self._mark(command)
        job = f"job-{self._count}"
        folder = f"{self._folder}/{job}"
        self._ask(f"mkdir {shlex.quote(folder)}")
        self._link.send([command.given], f"{folder}/in")
        self._ask(script.detached(command, self._folder, job, mark))
        return RemoteJob(self._link, self._ask, folder, mark, command.seconds)

    def _mark(self, command: Command) -> str:
        self._needs_folder()
        if command.cpus and not self._can_bind():
            raise UnsupportedError(
                "the device has no taskset: processes cannot be bound to cores", where=self._link.where
            )
        self._count += 1
        return f"{self._name}.{self._count}."

    def _can_bind(self) -> bool:
        if self._has_taskset is None:
            self._has_taskset = self._shell("taskset -p $$").code == 0
        return self._has_taskset

    def _needs_folder(self) -> None:
        if not self._inside:
            raise UsageError("the device is not open", hint="with open_device(…) as device:")

    # --- the shell -----------------------------------------------------------------------------------------------------

    def _shell(self, text: str, *, seconds: float = _ASK_SECONDS, most: int = MAX_PHONE_ANSWER) -> Ran:
        ran = self._link.execute(text, given=b"", seconds=seconds, most=most)
        if ran.timed_out:
            raise TransientError(f"no answer for {seconds:.0f} s", where=self._link.where)
        return ran

    def _ask(self, text: str) -> str:
        """What one of our own commands prints, whatever its exit status says about files that are not there."""
        ran = self._shell(text, most=_ANSWER)
        if ran.code < 0 or (ran.code and not ran.out and ran.err):
            raise self._failed(text.partition(" ")[0], ran)
        return ran.out.decode("utf-8", "replace")

    def _failed(self, what: str, ran: Ran) -> UnreadableError:
        said = brief(one_line((ran.err or ran.out).decode("utf-8", "replace")).strip())
        hint = "free some space there" if "No space left" in said else ""
        return UnreadableError(f"{what} on the device ended with {ran.code}: {said}", where=self._link.where, hint=hint)


class RemoteJob:
    """A process that goes on while nobody is connected. Made by `RemoteDevice.spawn`."""

    def __init__(self, link: Link, ask: Ask, folder: str, mark: str, seconds: float) -> None:
        self._link, self._ask = link, ask
        self._folder, self._mark, self._seconds = folder, mark, seconds

    def done(self) -> bool:
        """Has it ended, in whatever way? Raises `TransientError` while the device cannot be reached."""
        return self._status() != "running"

    def wait(self, seconds: float) -> Ran:
        """How it ended.

        Raises `TransientError` when the device cannot be reached for that long or the process still runs, and when the
        device was restarted and took the process with it.
        """
        until = time.monotonic() + seconds
        while True:
            try:
                status = self._status()
                if status not in ("running", "gone"):
                    return self._ended(status)
                problem = TransientError("the process is still running", where=self._link.where)
            except TransientError as error:
                status, problem = "away", error
            if status == "gone":
                raise TransientError(
                    "the process is gone: the device was restarted, or ended it", where=self._link.where
                )
            if time.monotonic() >= until:
                raise problem
            time.sleep(min(_POLL_SECONDS, max(0.0, until - time.monotonic())))

    def kill(self) -> None:
        """Ends it and its children."""
        self._ask(script.kill(self._mark))

    def _status(self) -> str:
        """``running``, ``gone``, ``late``, or exit status and uptime at the end."""
        folder = shlex.quote(self._folder)
        # In this order: a process that ends between two questions has written its exit status before.
        text = self._ask(f"all=$({script.running(self._mark)}); cat {folder}/code 2>/dev/null || "
                         f'if [ -e {folder}/late ]; then echo late; elif [ -n "$all" ]; then echo running; else echo gone; fi')  # fmt: skip
        return text.strip()

    def _ended(self, status: str) -> Ran:
        self.kill()
        out, err, began = (b"".join(self._whole(name)) for name in ("out", "err", "began"))
        if status == "late":
            return Ran(code=-9, out=out, err=err, seconds=self._seconds, timed_out=True)
        code, _, ended = status.partition(" ")
        if not code.isascii() or not code.isdigit() or len(code) > 3:
            raise MalformedError("an exit status that is none", where=self._link.where)
        return Ran(code=signalled(int(code)), out=out, err=err, seconds=_difference(began, ended.encode()))

    def _whole(self, name: str) -> Iterator[bytes]:
        came = 0
        for piece in self._link.receive(f"{self._folder}/{name}"):
            came += len(piece)
            if came > MAX_PHONE_ANSWER:
                raise LimitError(f"a process printed more than {MAX_PHONE_ANSWER} bytes", where=self._link.where)
            yield piece


def signalled(code: int) -> int:
    """Exit status as a shell tells it, with signals as negative numbers."""
    return 128 - code if 128 < code <= 128 + 64 else code


def _difference(began: bytes, ended: bytes) -> float:
    try:
        return max(0.0, float(ended) - float(began))
    except ValueError:
        return 0.0


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise UsageError("not a path on a device", where=path)
    return path


def _digest(source: Path) -> str:
    told = hashlib.sha256()
    for piece in _pieces(source):
        told.update(piece)
    return told.hexdigest()


def _pieces(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}", where=str(source)) from None
