"""Android phones, through the adb server of this machine: its host protocol, shell v2 and the sync service.

Only what reading needs: nothing here can write to a phone (`nngauge.devices.adb` can). Commands are lists of words, each quoted for the phone's shell;
paths go through the sync service, which has no shell. What a phone answers is not trusted: every length is bounded.

https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/docs/dev/services.md
https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/docs/dev/sync.md
https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/shell_protocol.h
"""

from __future__ import annotations

import os
import shlex
import socket
import stat
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from nngauge.errors import LimitError, MalformedError, TransientError, UnreadableError, UnsupportedError, UsageError
from nngauge.limits import MAX_PHONE_ANSWER, MAX_PHONE_FILES, PHONE_SECONDS

_PORT: Final = 5037
_CONNECT_SECONDS: Final = 5.0
_MAX_PACKET: Final = 1 << 20
"""MAX_PAYLOAD of adb.h: no shell packet is larger."""
_MAX_DATA: Final = 1 << 16
"""SYNC_DATA_MAX of file_sync_protocol.h; messages of failures are shorter still."""
_MAX_PATH: Final = 1024
"""Bytes of a path in a sync request, as the daemon checks."""
_STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = 1, 2, 3, 4
_STAT_V1: Final = struct.Struct("<III")
_STAT_V2: Final = struct.Struct("<IQQIIIIQqqq")
_DENT_V1: Final = struct.Struct("<IIII")
_DENT_V2: Final = struct.Struct("<IQQIIIIQqqqI")
_GONE: Final = (2, 20)
"""ENOENT and ENOTDIR as the phone's Linux numbers them."""
_HINTS: Final = {
    "unauthorized": "unlock the phone and allow debugging from this computer",
    "authorizing": "unlock the phone and allow debugging from this computer",
    "offline": "plug it in again, or adb reconnect offline",
    "no permissions": "the udev rules of this computer do not allow it: https://developer.android.com/tools/device",
}


class Device(Struct, frozen=True):
    """A phone that the server knows."""

    serial: str
    state: str
    """``device`` when it can be used; ``unauthorized``, ``offline``, ``recovery`` …"""


class PhoneFile(Struct, frozen=True):
    """A file or folder on a phone."""

    name: str
    mode: int
    size: int
    """Bytes; modulo 2³² on phones before Android 8."""

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)


class AdbServer:
    """The adb server, which is to run already. Thread-safe: every request has a connection of its own."""

    def __init__(self, host: str = "127.0.0.1", port: int = _PORT) -> None:
        self._address = (host, port)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> AdbServer:
        """The server that the `adb` tool would ask: ADB_SERVER_SOCKET, ANDROID_ADB_SERVER_ADDRESS and …_PORT.

        Raises `UsageError`.
        """
        host = environment.get("ANDROID_ADB_SERVER_ADDRESS") or "127.0.0.1"
        port = environment.get("ANDROID_ADB_SERVER_PORT") or str(_PORT)
        told = environment.get("ADB_SERVER_SOCKET")
        if told:
            kind, _, rest = told.partition(":")
            named, _, port = rest.rpartition(":")
            host = named or "127.0.0.1"
            if kind != "tcp":
                raise UsageError("ADB_SERVER_SOCKET names no TCP port", hint="tcp:5037 or tcp:host:5037")
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
            raise UsageError("the port of the adb server is no number", hint="ANDROID_ADB_SERVER_PORT=5037")
        return cls(host.strip("[]"), int(port))

    def devices(self) -> list[Device]:
        """The phones it knows, usable or not. Raises `TransientError` when no server answers."""
        with self._request("host:devices") as line:
            text = line.block()
        rows = (row.partition("\t") for row in text.splitlines())
        return [Device(serial, state) for serial, _, state in rows if serial and state]

    def phone(self, serial: str) -> Phone:
        """The phone with this serial number, ready to be asked.

        Raises `TransientError` when it is not connected, not authorized or offline; `UnsupportedError` before Android 7.
        """
        where = f"adb://{serial}"
        states = {device.serial: device.state for device in self.devices()}
        state = states.get(serial)
        if state is None:
            raise TransientError("the phone is not connected", where=where, hint="adb devices")
        if state != "device":
            hint = next((hint for name, hint in _HINTS.items() if state.startswith(name)), "start Android on it")
            raise TransientError(f"the phone cannot be used: it is {_shown(state)}", where=where, hint=hint)
        with self._request(f"host-serial:{serial}:features", where) as line:
            features = frozenset(line.block().split(","))
        if "shell_v2" not in features:
            raise UnsupportedError("a phone with Android 6 or older", where=where, hint="pull the APKs by hand")
        return Phone(self, serial, features)

    @contextmanager
    def open(self, serial: str, service: str) -> Iterator[Line]:
        """A connection to a service of the phone."""
        with self._request(f"host:transport:{serial}", f"adb://{serial}") as line:
            line.ask(service)
            yield line

    @contextmanager
    def _request(self, service: str, where: str = "adb:") -> Iterator[Line]:
        host, port = self._address
        try:
            connection = socket.create_connection(self._address, timeout=_CONNECT_SECONDS)
        except OSError as error:
            raise TransientError(
                f"no adb server answers at {host}:{port}: {error.strerror or error}",
                where=where, hint="adb start-server (Android SDK platform-tools)",
            ) from None  # fmt: skip
        with connection:
            connection.settimeout(PHONE_SECONDS)
            line = Line(connection, where)
            line.ask(service)
            yield line


class Phone:
    """One phone, usable. Made by `AdbServer.phone`."""

    def __init__(self, server: AdbServer, serial: str, features: frozenset[str]) -> None:
        self.serial = serial
        self._server = server
        self._features = features
        self._where = f"adb://{serial}"

    def run(self, *words: str) -> str:
        """What a command prints. Raises `UnreadableError` when it fails, `TransientError` when the phone goes away."""
        command = shlex.join(words)
        with self._server.open(self.serial, f"shell,v2,raw:{command}") as line:
            line.send(bytes([_CLOSE_STDIN]) + bytes(4))
            output, errors, status = _shell_answer(line)
        if status:
            said = _shown((errors or output[:_MAX_PATH]).decode("utf-8", "replace"))
            raise UnreadableError(f"{words[0]} on the phone ended with {status}: {said}", where=self._where)
        return output.decode("utf-8", "replace")

    def stat(self, path: str) -> PhoneFile | None:
        """What is at `path`, links followed; None when there is nothing. Raises `UnreadableError` when it may not be seen."""
        second = "stat_v2" in self._features
        with self._sync(b"STA2" if second else b"STAT", path) as line:
            identifier = line.exact(4)
            if identifier != (b"STA2" if second else b"STAT"):
                raise self._odd(identifier)
            if not second:
                mode, size, _ = _STAT_V1.unpack(line.exact(_STAT_V1.size))
                return PhoneFile(path, mode, size) if mode else None
            error, _, _, mode, _, _, _, size, *_ = _STAT_V2.unpack(line.exact(_STAT_V2.size))
        if error and error not in _GONE:
            raise UnreadableError(f"the phone does not show it: {os.strerror(error)}", where=f"{self._where}!{path}")
        return None if error else PhoneFile(path, mode, size)

    def list(self, path: str) -> list[PhoneFile]:
        """What is in a folder; nothing when there is none. Raises `LimitError` past `limits.MAX_PHONE_FILES`."""
        second = "ls_v2" in self._features
        layout = _DENT_V2 if second else _DENT_V1
        found: list[PhoneFile] = []
        with self._sync(b"LIS2" if second else b"LIST", path) as line:
            while (identifier := line.exact(4)) != b"DONE":
                if identifier != (b"DNT2" if second else b"DENT"):
                    raise self._odd(identifier)
                fields = layout.unpack(line.exact(layout.size))
                mode, size, length = (fields[3], fields[7], fields[-1]) if second else (fields[0], fields[1], fields[3])
                if length > _MAX_PATH or len(found) >= MAX_PHONE_FILES:
                    raise LimitError(f"more than {MAX_PHONE_FILES} files or a name that is too long", where=self._where)
                found.append(PhoneFile(line.exact(length).decode("utf-8", "replace"), mode, size))
        return found

    def pull(self, path: str) -> Iterator[bytes]:
        """The bytes of a file, in pieces.

        Raises `TransientError` when the file or the phone goes away, `UnreadableError` when it may not be read.
        """
        second = "sendrecv_v2" in self._features
        with self._sync(b"RCV2" if second else b"RECV", path) as line:
            if second:
                line.send(b"RCV2" + bytes(4))  # flags: no compression, packages do not get smaller
            while True:
                identifier = line.exact(4)
                length = int.from_bytes(line.exact(4), "little")
                if identifier == b"DONE":
                    return
                if identifier not in (b"DATA", b"FAIL") or length > _MAX_DATA:
                    raise self._odd(identifier)
                piece = line.exact(length)
                if identifier == b"FAIL":
                    raise self._refused(path, piece)
                yield piece

    @contextmanager
    def _sync(self, request: bytes, path: str) -> Iterator[Line]:
        encoded = path.encode("utf-8", "surrogateescape")
        if len(encoded) > _MAX_PATH:
            raise LimitError(f"a path of more than {_MAX_PATH} bytes", where=self._where)
        with self._server.open(self.serial, "sync:") as line:
            line.send(request + len(encoded).to_bytes(4, "little") + encoded)
            yield line

    def _odd(self, identifier: bytes) -> MalformedError:
        return MalformedError(f"an answer of the phone that adb does not know: {identifier!r}", where=self._where)

    def _refused(self, path: str, said: bytes) -> UnreadableError:
        text = _shown(said.decode("utf-8", "replace"))
        kind = TransientError if "No such file" in text else UnreadableError
        return kind(f"the phone does not hand it over: {text}", where=f"{self._where}!{path}")


class Line:
    """One connection to the server. Made by `AdbServer.open`."""

    def __init__(self, connection: socket.socket, where: str) -> None:
        self._connection = connection
        self._where = where

    def ask(self, service: str) -> None:
        """Asks for a service and waits for the server's yes."""
        encoded = service.encode("utf-8", "surrogateescape")
        if len(encoded) > 0xFFFF:
            raise LimitError("a request that is too long", where=self._where)
        self.send(b"%04x" % len(encoded) + encoded)
        answer = self.exact(4)
        if answer == b"FAIL":
            raise TransientError(f"the adb server says: {_shown(self.block())}", where=self._where, hint="adb devices")
        if answer != b"OKAY":
            raise MalformedError("this is no adb server", where=self._where, hint="ANDROID_ADB_SERVER_PORT")

    def patience(self, seconds: float) -> None:
        """From now on this much silence counts as a lost connection."""
        self._connection.settimeout(seconds)

    def send(self, data: bytes) -> None:
        """Sends all of it."""
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise self._lost(error) from None

    def block(self) -> str:
        """A text after its length in four hexadecimal digits."""
        digits = self.exact(4)
        try:
            length = int.from_bytes(bytes.fromhex(digits.decode("ascii")), "big")
        except ValueError:
            raise MalformedError("this is no adb server", where=self._where, hint="ANDROID_ADB_SERVER_PORT") from None
        return self.exact(length).decode("utf-8", "replace")

    def exact(self, count: int) -> bytes:
        """The next `count` bytes. Raises `TransientError` when they do not come."""
        data = bytearray()
        while len(data) < count:
            try:
                piece = self._connection.recv(count - len(data))
            except OSError as error:
                raise self._lost(error) from None
            if not piece:
                raise TransientError(
                    "the phone or the adb server went away", where=self._where, hint="plug it in again"
                )
            data += piece
        return bytes(data)

    def _lost(self, error: OSError) -> TransientError:
        if isinstance(error, TimeoutError):
            return TransientError(f"no answer for {PHONE_SECONDS:g} s", where=self._where, hint="plug it in again")
        return TransientError(f"the connection broke: {error.strerror or error}", where=self._where)


def _shell_answer(line: Line) -> tuple[bytes, bytes, int]:
    """Output, the beginning of what was complained about, and the exit status of a command."""
    output, errors = bytearray(), bytearray()
    while True:
        kind, length = struct.unpack("<BI", line.exact(5))
        if length > _MAX_PACKET:
            raise MalformedError("a packet of the phone's shell that is too long")
        data = line.exact(length)
        if kind == _EXIT and data:
            return bytes(output), bytes(errors), data[0]
        if kind == _STDOUT:
            output += data
        elif kind == _STDERR and len(errors) < _MAX_PATH:
            errors += data
        if len(output) > MAX_PHONE_ANSWER:
            raise LimitError(f"the phone answers more than {MAX_PHONE_ANSWER} bytes")


def _shown(text: str) -> str:
    """Words of a phone or server, fit for a report."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:200]).strip()
