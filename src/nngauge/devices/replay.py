"""Recorded sessions, ``replay:FILE``: what a device answered, given again in the same order. For tests and bug reports.

A recording is JSON lines: what was asked, as a key without the session's own names, and the answer or the error.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Self, TypeVar

import msgspec
from msgspec import Struct

from nngauge.devices._api import Command, DeviceKind, Job, OpenDevice, Ran
from nngauge.domain.checkup import Found
from nngauge.domain.measurement import Device, State
from nngauge.errors import (
    AccessError,
    InputError,
    LimitError,
    MalformedError,
    TransientError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)
from nngauge.io.whole import read_whole
from nngauge.limits import MAX_PHONE_ANSWER
from nngauge.words.safe import one_line

_SESSION: Final = re.compile(r"nngauge-[0-9a-f]{12}")
_MOST: Final = 4 * MAX_PHONE_ANSWER
_ERRORS: Final[dict[str, type[InputError]]] = {
    kind.__name__: kind for kind in (AccessError, LimitError, MalformedError, TransientError, UnreadableError, UnsupportedError)
}  # fmt: skip
_T = TypeVar("_T")


class _Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line."""

    asked: str
    value: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    what: str = ""
    hint: str = ""


class _Header(Struct, frozen=True, kw_only=True):
    """The first line."""

    schema: Literal["nngauge.recording/1"] = "nngauge.recording/1"
    id: str


def _key(verb: str, *words: object) -> str:
    """What was asked. Names of sessions differ each time, so they are left out."""
    text = _SESSION.sub("nngauge-", "\0".join(str(word) for word in words))
    shown = (
        text
        if len(text) < 200 and text.isprintable()
        else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    )
    return f"{verb} {shown}".strip()


def _command_key(verb: str, command: Command) -> str:
    # A pushed file's digest is in its path, so the same program on other data is another question.
    return _key(verb, *command.words, sorted(command.environment.items()), command.cpus, command.given.hex())


# --- recording --------------------------------------------------------------------------------------------------------


def record(device: OpenDevice, path: Path) -> OpenDevice:
    """The same device, with all that it answers written to `path`."""
    return _Recorder(device, path)


class _Recorder:
    def __init__(self, device: OpenDevice, path: Path) -> None:
        self._device, self._path = device, path
        self._file = path.open("wb")
        self._file.write(msgspec.json.encode(_Header(id=device.id)) + b"\n")

    def __enter__(self) -> Self:
        self._device.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()
        self._device.__exit__(*problem)

    @property
    def id(self) -> str:
        return self._device.id

    def facts(self) -> Device:
        return self._asked("facts", self._device.facts)

    def state(self) -> State:
        return self._asked("state", self._device.state)

    def push(self, source: Path) -> str:
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        return self._asked(_key("push", digest), lambda: self._device.push(source))

    def pull(self, remote: str, target: Path, *, most: int) -> None:
        def pulled() -> bytes:
            self._device.pull(remote, target, most=most)
            return target.read_bytes()

        self._asked(_key("pull", remote), pulled)

    def run(self, command: Command) -> Ran:
        return self._asked(_command_key("run", command), lambda: self._device.run(command))

    def spawn(self, command: Command) -> Job:
        key = _command_key("spawn", command)
        return _RecordedJob(self, key, self._device.spawn(command))

    def read(self, path: str, *, most: int = 65_536) -> bytes | None:
        return self._asked(_key("read", path, most), lambda: self._device.read(path, most=most))

    def _asked(self, key: str, ask: Callable[[], _T]) -> _T:
        try:
            value = ask()
        except InputError as error:
            kind = type(error).__name__ if type(error).__name__ in _ERRORS else "UnreadableError"
            self._write(_Answer(asked=key, error=kind, what=error.what, hint=error.hint))
            raise
        self._write(_Answer(asked=key, value=msgspec.Raw(msgspec.json.encode(value))))
        return value

    def _write(self, answer: _Answer) -> None:
        self._file.write(msgspec.json.encode(answer) + b"\n")
        self._file.flush()


class _RecordedJob:
    def __init__(self, recorder: _Recorder, key: str, job: Job) -> None:
        self._recorder, self._key, self._job = recorder, key, job

    def done(self) -> bool:
        return self._recorder._asked(f"done {self._key}", self._job.done)  # noqa: SLF001 - of this file

    def wait(self, seconds: float) -> Ran:
        return self._recorder._asked(f"wait {self._key}", lambda: self._job.wait(seconds))  # noqa: SLF001 - of this file

    def kill(self) -> None:
        self._job.kill()


# --- replaying --------------------------------------------------------------------------------------------------------


class _Player:
    """Answers each question as it was answered then, in the order in which it was asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[str, deque[_Answer]] = defaultdict(deque)
        first, *rest = _lines(path)
        try:
            self._header = msgspec.json.decode(first, type=_Header)
            for line in rest:
                answer = msgspec.json.decode(line, type=_Answer)
                self._answers[answer.asked].append(answer)
        except msgspec.MsgspecError as error:
            raise MalformedError(f"not a recorded session: {one_line(str(error))}", where=str(path)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        return

    @property
    def id(self) -> str:
        return self._header.id

    def facts(self) -> Device:
        answers = self._answers.get("facts")
        if answers and len(answers) == 1:  # asked once, told often
            return self._value(answers[0], Device)
        return self._next("facts", Device)

    def state(self) -> State:
        return self._next("state", State)

    def push(self, source: Path) -> str:
        return self._next(_key("push", hashlib.sha256(source.read_bytes()).hexdigest()), str)

    def pull(self, remote: str, target: Path, *, most: int) -> None:
        data = self._next(_key("pull", remote), bytes)
        if len(data) > most:
            raise LimitError(f"a file of more than {most} bytes", where=remote)
        target.write_bytes(data)

    def run(self, command: Command) -> Ran:
        return self._next(_command_key("run", command), Ran)

    def spawn(self, command: Command) -> Job:
        return _PlayedJob(self, _command_key("spawn", command))

    def read(self, path: str, *, most: int = 65_536) -> bytes | None:
        return self._next(_key("read", path, most), bytes | None)  # type: ignore[arg-type]

    def _next(self, key: str, kind: type[_T]) -> _T:
        answers = self._answers.get(key)
        if not answers:
            raise UnsupportedError(
                f"the recorded session has no (other) answer to {key.partition(' ')[0]!r}", where=str(self._path)
            )
        return self._value(answers.popleft(), kind)

    def _value(self, answer: _Answer, kind: type[_T]) -> _T:
        if answer.error:
            raise _ERRORS.get(answer.error, UnreadableError)(answer.what, where=self.id, hint=answer.hint)
        try:
            return msgspec.json.decode(answer.value, type=kind)
        except msgspec.MsgspecError as error:
            raise MalformedError(f"not a recorded answer: {one_line(str(error))}", where=str(self._path)) from None


class _PlayedJob:
    def __init__(self, player: _Player, key: str) -> None:
        self._player, self._key = player, key

    def done(self) -> bool:
        return self._player._next(f"done {self._key}", bool)  # noqa: SLF001 - of this file

    def wait(self, seconds: float) -> Ran:  # noqa: ARG002 - nothing takes time here
        return self._player._next(f"wait {self._key}", Ran)  # noqa: SLF001 - of this file

    def kill(self) -> None:
        return


def _lines(path: Path) -> list[bytes]:
    return read_whole(path, _MOST, "the recorded session").splitlines() or [b""]


def _find() -> list[Found]:
    return []  # files are named by their user


def _open(address: str) -> OpenDevice:
    name = address.removeprefix("replay:")
    if not name:
        raise UsageError("no recorded session named", where=address, hint="replay:FILE")
    return _Player(Path(name))


KIND: Final = DeviceKind(
    name="replay",
    title="Recorded sessions",
    find=_find,
    open=_open,
    references=("https://jsonlines.org/",),
    limitations=("Answers come in the order in which they were recorded; what was not asked then is refused.",),
)
