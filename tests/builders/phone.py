"""A phone that is none: what its daemon would answer, behind an adb server of our own or (`tests.builders.adbd`) a real one."""

from __future__ import annotations

import shlex
import socketserver
import stat
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

FEATURES = ("shell_v2", "cmd", "stat_v2", "ls_v2", "sendrecv_v2")
OLD = ("shell_v2", "cmd")
"""Of a phone with sync version 1 only."""
REGULAR, FOLDER = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
Read = Callable[[int], bytes]
Write = Callable[[bytes], object]


@dataclass
class Installed:
    code: int
    paths: tuple[str, ...]
    updated: str = "2026-10-01 12:00:00"
    system: bool = False


@dataclass
class Phone:
    serial: str = "emulator-5554"
    state: str = "device"
    features: tuple[str, ...] = FEATURES
    apps: dict[str, Installed] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    """Sizes that `stat` tells, where they are lies."""
    cut: dict[str, int] = field(default_factory=dict)
    """Bytes of a file after which the phone goes away."""
    before_pull: Callable[[str], object] = lambda path: None
    raw: dict[str, bytes] = field(default_factory=dict)
    """Answers in place of the real ones, by the first word of the command or the four letters of a sync request."""
    printed: dict[str, str] = field(default_factory=dict)
    """What a command prints in place of the real output, by its second word."""
    commands: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def install(self, name: str, files: dict[str, bytes], *, code: int = 1, obb: dict[str, bytes] | None = None,
                system: bool = False) -> Installed:  # fmt: skip
        folder = f"/data/app/~~aB3=={len(self.apps)}/{name}-x_Y=="
        paths = {f"{folder}/{file}": data for file, data in files.items()}
        self.files |= paths | {f"/sdcard/Android/obb/{name}/{file}": data for file, data in (obb or {}).items()}
        self.apps[name] = Installed(code, tuple(paths), system=system)
        return self.apps[name]

    # --- shell ------------------------------------------------------------------------------------------------------

    def command(self, text: str) -> tuple[str, str, int]:
        self.commands.append(text)
        words = shlex.split(text)
        if words[1] in self.printed:
            return self.printed[words[1]], "", 0
        match words:
            case ["pm", "list", "packages", "--user", "current", "-f", "--show-versioncode", *more]:
                return self._packages(third_party="-3" in more), "", 0
            case ["pm", "path", "--user", "current", name]:
                found = self.apps.get(name)
                return ("".join(f"package:{path}\n" for path in found.paths), "", 0) if found else ("", "", 1)
            case ["dumpsys", "package", "packages"]:
                return self._dump(), "", 0
        return "", f"/system/bin/sh: {words[0]}: inaccessible or not found\n", 127

    def _packages(self, *, third_party: bool) -> str:
        shown = {name: app for name, app in self.apps.items() if not (third_party and app.system)}
        return "".join(f"package:{app.paths[0]}={name} versionCode:{app.code}\n" for name, app in shown.items())

    def _dump(self) -> str:
        rows = ["Packages:"]
        for name, app in self.apps.items():
            rows += [f"  Package [{name}] (1a2b):", "    userId=10123", f"    versionCode={app.code} minSdk=24"]
            rows += ["    firstInstallTime=2020-01-01 00:00:00", f"    lastUpdateTime={app.updated}"]
        rows.append("Hidden system packages:")
        for name in self.apps:
            rows += [f"  Package [{name}] (ffff):", "    lastUpdateTime=2009-01-01 00:00:00"]
        return "\n".join(rows) + "\n"

    # --- services of the daemon ---------------------------------------------------------------------------------------

    def serve(self, service: str, read: Read, write: Write) -> None:
        """One service, after its OKAY."""
        if service.startswith("shell,v2"):
            text = service.partition(":")[2]
            if (first := shlex.split(text)[0]) in self.raw:
                write(self.raw[first])
                return
            output, errors, status = self.command(text)
            for kind, data in ((1, output.encode()), (2, errors.encode()), (3, bytes([status]))):
                for at in range(0, len(data), 1000):
                    write(struct.pack("<BI", kind, len(data[at : at + 1000])) + data[at : at + 1000])
        elif service == "sync:":
            while self._sync(read, write):
                pass

    def _sync(self, read: Read, write: Write) -> bool:
        head = read(8)
        if len(head) < 8 or head[:4] == b"QUIT":
            return False
        request, path = head[:4].decode(), read(int.from_bytes(head[4:], "little")).decode()
        self.requests.append(f"{request} {path}")
        if request in self.raw:
            write(self.raw[request])
            return False
        if request == "RCV2":
            assert read(8) == b"RCV2" + bytes(4)
        actions = {
            "STAT": self._stat,
            "STA2": self._stat2,
            "LST2": self._stat2,
            "LIST": self._list,
            "LIS2": self._list2,
        }
        write(actions[request](path, request) if request in actions else b"")
        return request not in ("RECV", "RCV2") or self._receive(path, write)

    def _mode(self, path: str) -> int:
        if path in self.files:
            return REGULAR
        return FOLDER if any(file.startswith(path.rstrip("/") + "/") for file in self.files) else 0

    def _size(self, path: str) -> int:
        return self.told.get(path, len(self.files.get(path, b"")))

    def _stat(self, path: str, _: str) -> bytes:
        return b"STAT" + struct.pack("<III", self._mode(path), self._size(path) & 0xFFFFFFFF, 0)

    def _stat2(self, path: str, request: str) -> bytes:
        mode = self._mode(path)
        fields = (0 if mode else 2, 0, 0, mode, 0, 0, 0, self._size(path), 0, 0, 0)
        return request.encode() + struct.pack("<IQQIIIIQqqq", *fields)

    def _inside(self, path: str) -> list[tuple[bytes, int, int]]:
        inside = [(file.removeprefix(path + "/"), file) for file in self.files if file.startswith(path + "/")]
        dots = [(b".", FOLDER, 4096), (b"..", FOLDER, 4096)] if inside else []
        return dots + [(name.encode(), REGULAR, self._size(file)) for name, file in inside if "/" not in name]

    def _list(self, path: str, _: str) -> bytes:
        rows = [
            b"DENT" + struct.pack("<IIII", mode, size, 0, len(name)) + name for name, mode, size in self._inside(path)
        ]
        return b"".join(rows) + b"DONE" + bytes(16)

    def _list2(self, path: str, _: str) -> bytes:
        layout = "<IQQIIIIQqqqI"
        rows = [
            b"DNT2" + struct.pack(layout, 0, 0, 0, mode, 0, 0, 0, size, 0, 0, 0, len(name)) + name
            for name, mode, size in self._inside(path)
        ]
        return b"".join(rows) + b"DONE" + bytes(struct.calcsize(layout))

    def _receive(self, path: str, write: Write) -> bool:
        self.before_pull(path)
        if path not in self.files:
            said = b"open failed: No such file or directory"
            write(b"FAIL" + struct.pack("<I", len(said)) + said)
            return True
        data = self.files[path]
        end = min(len(data), self.cut.get(path, len(data)))
        for at in range(0, end, 65536):
            piece = data[at : min(at + 65536, end)]
            write(b"DATA" + struct.pack("<I", len(piece)) + piece)
        if path in self.cut:
            return False
        write(b"DONE" + bytes(4))
        return True


class FakeAdbServer:
    """An adb server on loopback. Use as a context manager; `port` is where it listens."""

    def __init__(self, *phones: Phone) -> None:
        self.phones = {phone.serial: phone for phone in phones}
        self.silent: set[str] = set()
        """Services that are accepted and never answered."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.fake = self
        self._server.stopped = threading.Event()
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stopped.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    fake: FakeAdbServer
    stopped: threading.Event


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        try:
            while self._one():
                pass
        except OSError:
            pass  # the client has what it wanted

    def _one(self) -> bool:
        fake, service = self.server.fake, self._service()
        if service in fake.silent:
            self.server.stopped.wait(20)
            return False
        match service.split(":"):
            case ["host", "version"]:
                self._okay("0029")
            case ["host", "devices"]:
                self._okay("".join(f"{phone.serial}\t{phone.state}\n" for phone in fake.phones.values()))
            case ["host", "devices-l"]:
                self._okay("".join(f"{phone.serial:22} {phone.state} model:Fake\n" for phone in fake.phones.values()))
            case ["host", "features" | "host-features"]:
                self._okay(",".join(FEATURES))
            case ["host-serial", *serial, "features"]:
                self._okay(",".join(fake.phones[":".join(serial)].features))
            case ["host", "transport", *serial]:
                return self._transport(":".join(serial), b"")
            case ["host", "tport", "any" | "serial", *serial]:
                return self._transport(":".join(serial) or next(iter(fake.phones)), bytes(8))
            case _:
                self._fail("unknown host service")
        return False

    def _transport(self, serial: str, more: bytes) -> bool:
        phone = self.server.fake.phones.get(serial)
        if phone is None or phone.state != "device":
            self._fail(f"device '{serial}' not found" if phone is None else f"device {phone.state}")
            return False
        self.wfile.write(b"OKAY" + more)
        service = self._service()
        self.wfile.write(b"OKAY")
        phone.serve(service, self.rfile.read, self.wfile.write)
        return False

    def _service(self) -> str:
        length = self.rfile.read(4)
        return self.rfile.read(int(length, 16)).decode() if length else ""

    def _okay(self, text: str) -> None:
        self.wfile.write(b"OKAY%04x" % len(text.encode()) + text.encode())

    def _fail(self, text: str) -> None:
        self.wfile.write(b"FAIL%04x" % len(text) + text.encode())
