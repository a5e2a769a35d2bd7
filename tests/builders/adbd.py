"""The daemon's side of the transport protocol, so that a real adb server takes `tests.builders.phone.Phone` for a phone.

https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/docs/dev/protocol.md
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from types import TracebackType
from typing import Self

from tests.builders.phone import Phone

_VERSION, _LARGEST = 0x01000001, 256 * 1024
"""From this version on messages go without checksums."""


class FakeDaemon:
    """Listens like a phone with `adb tcpip`; `address` is for `adb connect`. Use as a context manager."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
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
        self._listening.close()
        if self._connection is not None:
            self._connection.close()

    def send(self, command: bytes, first: int, second: int, data: bytes = b"") -> None:
        assert self._connection is not None
        number = int.from_bytes(command, "little")
        head = struct.pack("<6I", number, first, second, len(data), 0, number ^ 0xFFFFFFFF)
        with self._sending:
            self._connection.sendall(head + data)

    def _run(self) -> None:
        try:
            self._connection, _ = self._listening.accept()
            while len(head := self._exactly(24)) == 24:
                command, first, second, length, _, _ = struct.unpack("<4s5I", head)
                self._handle(command, first, second, self._exactly(length))
        except OSError:
            pass  # the server went away, or the test is over

    def _exactly(self, count: int) -> bytes:
        assert self._connection is not None
        return self._connection.recv(count, socket.MSG_WAITALL) if count else b""

    def _handle(self, command: bytes, first: int, second: int, data: bytes) -> None:
        if command == b"CNXN":
            told = f"device::ro.product.name=fake;ro.product.model=Fake;features={','.join(self.phone.features)}"
            self.send(b"CNXN", _VERSION, _LARGEST, told.encode())
        elif command == b"OPEN":
            self._streams[first] = _Stream(self, first, data.rstrip(b"\0").decode())
        elif command == b"OKAY":
            self._streams[second].acknowledged.release()
        elif command == b"WRTE":
            self._streams[second].came.put(data)
            self.send(b"OKAY", second, first)
        elif command == b"CLSE" and second in self._streams:
            self._streams[second].came.put(b"")


class _Stream:
    """One service; both sides use the same number."""

    def __init__(self, daemon: FakeDaemon, number: int, service: str) -> None:
        self.acknowledged = threading.Semaphore(0)
        self.came: queue.Queue[bytes] = queue.Queue()
        self._daemon, self._number, self._rest = daemon, number, b""
        threading.Thread(target=self._run, args=(service,), daemon=True).start()

    def _run(self, service: str) -> None:
        self._daemon.send(b"OKAY", self._number, self._number)
        try:
            self._daemon.phone.serve(service, self._read, self._write)
            self._daemon.send(b"CLSE", self._number, self._number)
        except OSError:
            pass

    def _read(self, count: int) -> bytes:
        while len(self._rest) < count:
            piece = self.came.get(timeout=20)
            if not piece:
                break
            self._rest += piece
        found, self._rest = self._rest[:count], self._rest[count:]
        return found

    def _write(self, data: bytes) -> None:
        for at in range(0, len(data), _LARGEST):
            self._daemon.send(b"WRTE", self._number, self._number, data[at : at + _LARGEST])
            assert self.acknowledged.acquire(timeout=20)
