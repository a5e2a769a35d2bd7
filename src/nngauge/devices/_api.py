"""What every kind of device offers: the same few verbs, whatever lies between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

from msgspec import Struct, field

from nngauge.domain.checkup import Found
from nngauge.domain.measurement import Device, State


class Command(Struct, frozen=True, kw_only=True):
    """A process to start on a device."""

    words: tuple[str, ...]
    """Program and arguments; no shell looks at them."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the device's."""
    given: bytes = b""
    """Its standard input."""
    cpus: tuple[int, ...] = ()
    """Cores that it is bound to; empty: not bound."""
    seconds: float = 60.0
    """Wall time after which it is killed, with its children."""
    memory: int = 0
    """Bytes of address space it may have; 0: not limited."""


class Ran(Struct, frozen=True, kw_only=True):
    """How a process ended."""

    code: int
    """Exit status; a negative number is the signal that ended it."""
    out: bytes
    err: bytes
    seconds: float
    timed_out: bool = False


class Job(Protocol):
    """A process that goes on while nobody is connected."""

    def done(self) -> bool:
        """Has it ended? Raises `TransientError` while the device cannot be reached."""

    def wait(self, seconds: float) -> Ran:
        """How it ended. Raises `TransientError` when the device cannot be reached for that long."""

    def kill(self) -> None:
        """Ends it and its children."""


class OpenDevice(Protocol):
    """A device in use, as a context manager; leaving it removes everything that was put there.

    Every verb raises `TransientError` for what another attempt may not meet (cable, reboot, authorisation pending) and
    another `InputError` for what it will.
    """

    @property
    def id(self) -> str:
        """How it is addressed."""

    def facts(self) -> Device:
        """What it is. The same for as long as it is open."""

    def state(self) -> State:
        """How it is now."""

    def push(self, source: Path) -> str:
        """Puts a file into this session's folder there, named by its SHA-256, which is checked; its path there.

        A file that is there already is not sent again.
        """

    def pull(self, remote: str, target: Path, *, most: int) -> None:
        """Fetches a file of this session's folder, of at most `most` bytes."""

    def run(self, command: Command) -> Ran:
        """Runs a process to its end."""

    def spawn(self, command: Command) -> Job:
        """Starts a process that survives a lost connection."""

    def read(self, path: str, *, most: int = 65_536) -> bytes | None:
        """A file of the system (``/sys/…``), None where it is not there or not readable."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *problem: object) -> None: ...


class DeviceKind(Struct, frozen=True, kw_only=True):
    """A kind of device, as a value: one file each."""

    name: str
    """Beginning of its addresses: ``adb``."""
    title: str
    find: Callable[[], Sequence[Found]]
    """The devices there are now, also those that cannot be used, with the reason."""
    open: Callable[[str], OpenDevice]
    """Opens the device with this address. Raises as its verbs do."""
    references: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
