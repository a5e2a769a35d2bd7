"""A phone that runs things: processes in namespaces of their own, with a scripted /sys, getprop and dumpsys.

`tests.builders.adbd.FakeDaemon` shows it to a real adb server. It needs user namespaces; where there is a qemu-aarch64 of
version 10 or newer, programs for arm64 run in it, too.
"""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

FEATURES = ("shell_v2", "cmd", "stat_v2", "fixed_push_mkdir")
_TOOLS = ("unshare", "nsenter", "mount")
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE = 0, 1, 2, 3, 4
_BOOT = """
set -e
cd "$1"
mount -t proc proc proc
for place in usr bin sbin lib lib64 etc; do
    if [ -d "$place" ] && [ ! -L "$place" ]; then mount --rbind "/$place" "$place"; mount -o remount,ro,bind "$place"; fi
done
for device in null zero urandom; do mount --bind /dev/$device dev/$device; done
for file in cpuinfo meminfo; do mount --bind fake/$file proc/$file; done
if [ -n "$2" ]; then mount -t tmpfs -o size="$2" tmpfs data; mkdir -p data/local/tmp; fi
if [ -n "$3" ]; then
    mount -t binfmt_misc binfmt_misc proc/sys/fs/binfmt_misc
    if [ -n "$5" ]; then mkdir -p fake/arm64; mount --rbind "$5" fake/arm64; fi
    cp "$3" fake/qemu; printf '%s' "$4" > proc/sys/fs/binfmt_misc/register
fi
exec chroot . /bin/sh -c 'echo booted; exec sleep infinity'
"""
_MAGIC = (
    r":aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:"
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:"
)
"""https://gitlab.com/qemu-project/qemu/-/blob/master/scripts/qemu-binfmt-conf.sh"""

PROPERTIES = {
    "ro.product.manufacturer": "Google", "ro.product.model": "Pixel 8", "ro.soc.manufacturer": "Google",
    "ro.soc.model": "Tensor G3", "ro.product.cpu.abi": "arm64-v8a", "ro.build.version.release": "15",
    "ro.build.version.sdk": "35", "ro.serialno": "SECRETSERIAL", "ro.hardware": "shiba",
}  # fmt: skip
DUMPS = {
    "battery": "Current Battery Service state:\n  AC powered: false\n  USB powered: false\n  Wireless powered: false\n"
               "  status: 3\n  present: true\n  level: 83\n  scale: 100\n  voltage: 4012\n  temperature: 271\n",
    "power": "POWER MANAGER (dumpsys power)\n  mWakefulness=Asleep\n",
    "thermalservice": "IsStatusOverride: false\nThermal Status: 0\nCached temperatures:\n"
                      " Temperature{mValue=99.0, mType=3, mName=VIRTUAL-SKIN, mStatus=0}\nHAL Ready: true\n"
                      "Current temperatures from HAL:\n Temperature{mValue=28.5, mType=3, mName=VIRTUAL-SKIN, mStatus=0}\n"
                      "Current cooling devices from HAL:\n",
}  # fmt: skip
_CLUSTERS = (((8,), 2_914_000, 1024), ((4, 5, 6, 7), 2_367_000, 761), ((0, 1, 2, 3), 1_704_000, 165))
_ARM = "processor\t: {}\nBogoMIPS\t: 49.15\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {}\n\n"


def missing() -> str:
    """Why no such phone can be made here; empty: it can."""
    for tool in _TOOLS:
        if shutil.which(tool) is None:
            return f"no {tool} here (util-linux)"
    words = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    done = subprocess.run(words, capture_output=True, check=False, timeout=20)
    return "" if done.returncode == 0 else f"no user namespaces here: {done.stderr.decode().strip()}"


def qemu() -> Path | None:
    """A qemu-aarch64 that runs today's programs: version 7 crashes on them. NNGAUGE_QEMU names one that is not on PATH."""
    for name in (os.environ.get("NNGAUGE_QEMU", ""), "qemu-aarch64-static", "qemu-aarch64"):
        if found := shutil.which(name) if name else None:
            said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout
            version = said.partition("version ")[2].partition(".")[0]
            if version.isdigit() and int(version) >= 10:
                return Path(found)
    return None


class Handset:
    """Use as a context manager: it is switched on inside.

    `room`: bytes of its storage, which is lost when it restarts. `emulator` runs programs for arm64, with the libraries in `arm64`.
    """

    def __init__(
        self,
        root: Path,
        *,
        room: int = 0,
        properties: Mapping[str, str] = PROPERTIES,
        emulator: Path | None = None,
        arm64: Path | None = None,
    ) -> None:
        self.features: tuple[str, ...] = FEATURES
        self.root = root
        self.spoil: Callable[[str, bytes], bytes] = lambda path, data: data
        """What is stored in place of what was sent."""
        self.commands: list[str] = []
        self.sent: list[str] = []
        """Paths of files that were sent to it."""
        self._room, self._emulator, self._arm64 = room, emulator, arm64
        self._boot: subprocess.Popen[str] | None = None
        self._build(properties)

    # --- scripted ------------------------------------------------------------------------------------------------------

    def set(self, path: str, text: str) -> None:
        """What a file of the system holds from now on."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if text.endswith("\n") else f"{text}\n")

    def dump(self, service: str, text: str) -> None:
        """What `dumpsys` prints of a service from now on."""
        self.set(f"/fake/dump/{service}", text)

    def tool(self, name: str, text: str) -> None:
        """A program of the system, as a shell script."""
        (self.root / "system/bin" / name).unlink(missing_ok=True)
        self.set(f"/system/bin/{name}", f"#!/bin/sh\n{text}")
        (self.root / "system/bin" / name).chmod(0o755)

    def without(self, name: str) -> None:
        """The phone has no such program."""
        self.tool(name, f'echo "/system/bin/sh: {name}: inaccessible or not found" >&2; exit 127')

    def _build(self, properties: Mapping[str, str]) -> None:
        for place in ("data/local/tmp", "proc", "sys", "dev", "tmp", "system/bin", "fake/dump"):
            (self.root / place).mkdir(parents=True)
        for place in ("usr", "bin", "sbin", "lib", "lib64", "etc"):
            host = Path("/", place)
            if host.is_symlink():
                (self.root / place).symlink_to(host.readlink())
            elif host.is_dir():
                (self.root / place).mkdir()
        for device in ("null", "zero", "urandom"):
            (self.root / "dev" / device).touch()
        self._tools()
        self.tool("getprop", "cat /fake/properties")
        self.tool("dumpsys", 'cat "/fake/dump/$1"')
        self.tool("settings", 'cat "/fake/settings" 2>/dev/null || echo null')
        self.tool("uname", '[ "$1" = -m ] && echo aarch64 || exec /usr/bin/uname "$@"')
        self.set("/fake/properties", "\n".join(f"[{name}]: [{value}]" for name, value in properties.items()))
        for service, text in DUMPS.items():
            self.dump(service, text)
        self.set(
            "/fake/meminfo", "MemTotal:        7702312 kB\nMemFree:          201232 kB\nMemAvailable:    3120000 kB"
        )
        self.set("/fake/cpuinfo", "".join(_ARM.format(core, "0xd4d") for core in range(9)))
        self._cores()

    def _tools(self) -> None:
        """Android's shell is mksh and its tools are toybox; where this machine has them, the phone has nothing else."""
        (self.root / "system/bin/sh").symlink_to(shutil.which("mksh") or "/bin/sh")
        toybox = shutil.which("toybox")
        names = subprocess.run([toybox], capture_output=True, text=True, check=False).stdout.split() if toybox else []
        for name in set(names) - {"[", "sh", "uname"}:
            (self.root / "system/bin" / name).symlink_to(str(toybox))

    def _cores(self) -> None:
        cpu = "/sys/devices/system/cpu"
        for name in ("present", "possible", "online"):
            self.set(f"{cpu}/{name}", "0-8")
        for cores, khz, capacity in _CLUSTERS:
            for core in cores:
                self.set(f"{cpu}/cpu{core}/cpu_capacity", str(capacity))
                self.set(f"{cpu}/cpu{core}/cpufreq/cpuinfo_max_freq", str(khz))
                self.set(f"{cpu}/cpu{core}/cpufreq/scaling_cur_freq", str(khz))
                self.set(f"{cpu}/cpu{core}/cpufreq/scaling_governor", "sched_pixel")
        for number, (name, value) in enumerate((("BIG", "41000"), ("LITTLE", "38000"), ("off", "-274000"))):
            self.set(f"/sys/class/thermal/thermal_zone{number}/type", name)
            self.set(f"/sys/class/thermal/thermal_zone{number}/temp", value)
        self.set("/sys/class/power_supply/battery/type", "Battery")
        self.set("/sys/class/power_supply/battery/capacity", "83")
        self.set("/sys/class/power_supply/battery/charge_full_design", "4575000")

    # --- on and off ----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.boot()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.off()

    def boot(self) -> None:
        """Switches it on."""
        words = [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            _BOOT,
            "boot",
        ]
        more = [
            str(self.root),
            str(self._room or ""),
            str(self._emulator or ""),
            f"{_MAGIC}{self.root}/fake/qemu:F",
            str(self._arm64 or ""),
        ]
        self._boot = subprocess.Popen(words + more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._boot.stdout is not None
        if self._boot.stdout.readline() != "booted\n":
            assert self._boot.stderr is not None
            raise RuntimeError(self._boot.stderr.read())

    def off(self) -> None:
        """Switches it off, with all that runs on it."""
        if self._boot is not None:
            self._boot.kill()  # --kill-child ends the first process of the namespace, and that all others
            self._boot.wait()
            for pipe in (self._boot.stdout, self._boot.stderr):
                assert pipe is not None
                pipe.close()
            self._boot = None

    @property
    def _first(self) -> int:
        assert self._boot is not None, "the phone is off"
        return int(Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children").read_text().split()[0])

    def runs(self, program: bytes) -> bool:
        """Does a program run on it whose name begins so? Asked without starting anything there."""
        mine = Path(f"/proc/{self._first}/ns/pid").readlink()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cmdline").read_bytes().startswith(program) and (process / "ns/pid").readlink() == mine:
                    return True
            except OSError:
                continue
        return False

    def processes(self) -> list[str]:
        """Command lines of what runs on it, without its first process."""
        listing = self.shell("for one in /proc/[0-9]*; do tr '\\0' ' ' < $one/cmdline; echo; done")
        return [
            line
            for line in listing.splitlines()
            if line.strip() and "sleep infinity" not in line and "/proc/[0-9]" not in line
        ]

    def left(self) -> list[str]:
        """Names of what is in the folder for the shell's files."""
        return sorted(path.name for path in self._inside("/data/local/tmp").iterdir())

    def shell(self, text: str) -> str:
        """What a command prints on it, without adb between."""
        return subprocess.run(self._words(text), capture_output=True, text=True, check=False, timeout=60).stdout

    def _words(self, text: str) -> list[str]:
        enter = ["nsenter", "-t", str(self._first), "-U", "--preserve-credentials", "-m", "-p", "-r", "-w"]
        path = "PATH=/system/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return [
            *enter,
            "env",
            "-i",
            path,
            "HOME=/",
            "TMPDIR=/data/local/tmp",
            "QEMU_LD_PREFIX=/fake/arm64",
            "/system/bin/sh",
            "-c",
            text,
        ]

    def _inside(self, path: str) -> Path:
        return Path(f"/proc/{self._first}/root", path.lstrip("/"))

    # --- services of the daemon ---------------------------------------------------------------------------------------

    def serve(self, service: str, read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
        """One service, after its OKAY."""
        if self._boot is None:
            return
        if service.startswith("shell,v2"):
            self._shell(service.partition(":")[2], read, write)
        elif service == "sync:":
            while self._sync(read, write):
                pass

    def _shell(self, text: str, read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
        self.commands.append(text)
        process = subprocess.Popen(
            self._words(text),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        turn = threading.Lock()
        ended = threading.Event()
        pumps = [
            threading.Thread(target=_pump, args=(process, kind, write, turn), daemon=True)
            for kind in (_STDOUT, _STDERR)
        ]
        threading.Thread(target=_feed, args=(process, read, ended), daemon=True).start()
        for pump in pumps:
            pump.start()
        code = process.wait()
        ended.set()
        for pump in pumps:
            pump.join(5)
        with turn:
            write(struct.pack("<BIB", _EXIT, 1, 128 - code if code < 0 else code))

    def _sync(self, read: Callable[[int], bytes], write: Callable[[bytes], object]) -> bool:
        head = read(8)
        if len(head) < 8 or head[:4] == b"QUIT":
            return False
        request, path = head[:4], read(int.from_bytes(head[4:], "little")).decode()
        try:
            if request == b"SEND":
                return self._take(path, read, write)
            if request == b"RECV":
                return self._give(path, write)
            if request in (b"STA2", b"LST2"):
                write(self._stat2(request, path))
            elif request == b"STAT":
                write(self._stat(path))
            elif request == b"LIST":
                write(self._list(path))
        except OSError as error:
            _fail(write, f"{request.decode()}: {error.strerror}")
        return True

    def _take(self, target: str, read: Callable[[int], bytes], write: Callable[[bytes], object]) -> bool:
        path, _, mode = target.rpartition(",")
        self.sent.append(path)
        problem, data = "", b""
        while (head := read(8))[:4] == b"DATA":
            data += read(int.from_bytes(head[4:], "little"))
        if head[:4] != b"DONE":
            data = data[: len(data) // 2]  # the cable was pulled: the daemon leaves what came
        try:
            self._inside(path).write_bytes(self.spoil(path, data))
            self._inside(path).chmod(int(mode) & 0o777)
        except OSError as error:
            problem = f"couldn't create file: {error.strerror}"
        if head[:4] != b"DONE":
            return False
        if problem:
            _fail(write, problem)
        else:
            write(b"OKAY" + bytes(4))
        return True

    def _give(self, path: str, write: Callable[[bytes], object]) -> bool:
        try:
            data = self._inside(path).read_bytes()
        except OSError as error:
            _fail(write, f"open failed: {error.strerror}")
            return True
        for at in range(0, len(data), 65536):
            piece = data[at : at + 65536]
            write(b"DATA" + struct.pack("<I", len(piece)) + piece)
        write(b"DONE" + bytes(4))
        return True

    def _status(self, path: str) -> os.stat_result | None:
        try:
            return self._inside(path).stat()
        except OSError:
            return None

    def _stat2(self, request: bytes, path: str) -> bytes:
        status = self._status(path)
        if status is None:
            return request + struct.pack("<IQQIIIIQqqq", 2, *(0,) * 10)
        fields = (0, 0, 0, status.st_mode, 1, 2000, 2000, status.st_size, 0, int(status.st_mtime), 0)
        return request + struct.pack("<IQQIIIIQqqq", *fields)

    def _stat(self, path: str) -> bytes:
        status = self._status(path)
        return b"STAT" + (
            struct.pack("<III", status.st_mode, status.st_size, int(status.st_mtime)) if status else bytes(12)
        )

    def _list(self, path: str) -> bytes:
        rows = b""
        for file in sorted(self._inside(path).iterdir()):
            status, name = file.lstat(), file.name.encode()
            rows += (
                b"DENT" + struct.pack("<IIII", status.st_mode, status.st_size, int(status.st_mtime), len(name)) + name
            )
        return rows + b"DONE" + bytes(16)


def _fail(write: Callable[[bytes], object], said: str) -> None:
    write(b"FAIL" + struct.pack("<I", len(said)) + said.encode())


def _pump(process: subprocess.Popen[bytes], kind: int, write: Callable[[bytes], object], turn: threading.Lock) -> None:
    pipe = process.stdout if kind == _STDOUT else process.stderr
    assert pipe is not None
    try:
        while piece := os.read(pipe.fileno(), 4096):
            with turn:
                write(struct.pack("<BI", kind, len(piece)) + piece)
    except OSError:
        return  # the cable was pulled


def _feed(process: subprocess.Popen[bytes], read: Callable[[int], bytes], ended: threading.Event) -> None:
    """Standard input; when the connection ends first, the daemon tells the process (shell_service.cpp) and no child."""
    assert process.stdin is not None
    try:
        while len(head := read(5)) == 5:
            kind, length = struct.unpack("<BI", head)
            data = read(length)
            if kind == _STDIN:
                process.stdin.write(data)
                process.stdin.flush()
            elif kind == _CLOSE:
                process.stdin.close()
    except Exception:  # noqa: BLE001 - whatever it was, the process does not read (any more)
        pass
    if not ended.is_set():
        process.send_signal(signal.SIGHUP)
