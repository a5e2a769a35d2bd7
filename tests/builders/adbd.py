"""The daemon's side of the transport protocol, so that a real adb server takes `tests.builders.phone.Phone` for a phone.

https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/docs/dev/protocol.md
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

_VERSION, _LARGEST = 0x01000001, 256 * 1024
"""From this version on messages go without checksums."""
_TOKEN, _KEY = 1, 3
"""Kinds of AUTH: what the client is to sign, and its public key, which the user of the phone is asked about."""


class Served(Protocol):
    """What a daemon shows to adb."""

    features: tuple[str, ...]

    def serve(self, service: str, read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None: ...


class FakeDaemon:
    """Listens like a phone with `adb tcpip`; `address` is for `adb connect`. Use as a context manager."""

    def __init__(self, phone: Served) -> None:
        self.phone = phone
        self.allowed = True
        """Whether the user of the phone has allowed debugging from this computer."""
        self.cut_after: int | None = None
        """Bytes that still come from the computer before the cable is cut."""
        self.plugged = True
        """Else nobody gets through: adb itself tries again and again with some phones."""
        self.delay = 0.0
        """Seconds that each message from the computer takes: a slow link."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._connection: socket.socket | None = None
        self._sending = threading.Lock()
        self._streams: dict[int, _Stream] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """Pulls the cable. What runs on the phone goes on; `adb connect` plugs it in again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
            connection.close()
        for stream in list(self._streams.values()):
            stream.came.put(b"")
            stream.acknowledged.release()

    def send(self, command: bytes, first: int, second: int, data: bytes = b"") -> None:
        connection = self._connection
        if connection is None:
            raise ConnectionResetError
        number = int.from_bytes(command, "little")
        head = struct.pack("<6I", number, first, second, len(data), 0, number ^ 0xFFFFFFFF)
        with self._sending:
            connection.sendall(head + data)

    def _run(self) -> None:
        while True:
            try:
                self._connection, _ = self._listening.accept()
            except OSError:
                return  # the test is over
            if not self.plugged:
                self.cut()
                continue
            self._streams = {}
            try:
                while len(head := self._exactly(24)) == 24:
                    command, first, second, length, _, _ = struct.unpack("<4s5I", head)
                    self._handle(command, first, second, self._exactly(length))
            except OSError:
                pass  # the server went away
            self.cut()

    def _exactly(self, count: int) -> bytes:
        connection = self._connection
        return connection.recv(count, socket.MSG_WAITALL) if count and connection is not None else b""

    def _handle(self, command: bytes, first: int, second: int, data: bytes) -> None:
        if command in (b"CNXN", b"AUTH"):
            self._greet(command, first)
        elif command == b"OPEN":
            self._streams[first] = _Stream(self, first, data.rstrip(b"\0").decode())
        elif command == b"OKAY":
            self._streams[second].acknowledged.release()
        elif command == b"WRTE":
            self._receive(second, first, data)
        elif command == b"CLSE" and second in self._streams:
            self._streams[second].closed = True
            self._streams[second].came.put(b"")
            self._streams[second].acknowledged.release()

    def _greet(self, command: bytes, kind: int) -> None:
        if command == b"AUTH" and kind == _KEY:
            threading.Thread(target=self._ask, args=(self._connection,), daemon=True).start()
        elif self.allowed:
            self._welcome()
        else:
            self.send(b"AUTH", _TOKEN, 0, bytes(20))

    def _ask(self, connection: socket.socket | None) -> None:
        """The dialogue on the phone's screen."""
        while connection is self._connection and not self.allowed:
            time.sleep(0.05)
        if connection is self._connection:
            self._welcome()

    def _welcome(self) -> None:
        told = f"device::ro.product.name=fake;ro.product.model=Fake;features={','.join(self.phone.features)}"
        self.send(b"CNXN", _VERSION, _LARGEST, told.encode())

    def _receive(self, local: int, remote: int, data: bytes) -> None:
        time.sleep(self.delay)
        if self.cut_after is not None:
            self.cut_after -= len(data)
            if self.cut_after < 0:
                self.cut_after = None
                self.cut()
                return
        if local in self._streams:
            self._streams[local].came.put(data)
            self.send(b"OKAY", local, remote)


class _Stream:
    """One service; both sides use the same number."""

    def __init__(self, daemon: FakeDaemon, number: int, service: str) -> None:
        self.acknowledged = threading.Semaphore(0)
        self.came: queue.Queue[bytes] = queue.Queue()
        self.closed = False
        self._daemon, self._number, self._rest = daemon, number, b""
        threading.Thread(target=self._run, args=(service,), daemon=True).start()

    def _run(self, service: str) -> None:
        try:
            self._daemon.send(b"OKAY", self._number, self._number)
            self._daemon.phone.serve(service, self._read, self._write)
            self._daemon.send(b"CLSE", self._number, self._number)
        except OSError:
            pass

    def _read(self, count: int) -> bytes:
        while len(self._rest) < count:
            piece = self.came.get(timeout=60)
            if not piece:
                break
            self._rest += piece
        found, self._rest = self._rest[:count], self._rest[count:]
        return found

    def _write(self, data: bytes) -> None:
        for at in range(0, len(data), _LARGEST):
            self._daemon.send(b"WRTE", self._number, self._number, data[at : at + _LARGEST])
            assert self.acknowledged.acquire(timeout=20)
            if self.closed:
                raise ConnectionResetError
