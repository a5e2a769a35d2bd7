"""This machine as a device: limits, children, files, and commands that the shells of phones and boards read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nngauge.devices import Command, Found, OpenDevice, find_devices, host, open_device, record, script
from nngauge.devices.remote import RemoteDevice
from nngauge.errors import LimitError, MalformedError, TransientError, UnsupportedError, UsageError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
SHELLS = [name for name in ("dash", "bash", "mksh", "busybox") if shutil.which(name)]


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RemoteDevice]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_device("host") as device:
        assert isinstance(device, RemoteDevice)
        yield device
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("nngauge-")] == []
    assert running() == []


def running() -> list[str]:
    """Processes of any session."""
    done = subprocess.run(["sh", "-c", script.running("nngauge-")], capture_output=True, text=True, check=False)
    own = f"NNGAUGE_TEST={os.getpid()}".encode()
    return [line for line in done.stdout.split() if own in Path(line).read_bytes()]


@pytest.fixture(autouse=True)
def _marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNGAUGE_TEST", str(os.getpid()))  # others may measure here, too


def test_facts_and_state_are_the_machines_own(device: RemoteDevice) -> None:
    facts, state = device.facts(), device.state()
    assert {core for cluster in facts.clusters for core in cluster.cores} >= os.sched_getaffinity(0)
    assert facts.memory_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert (facts.abi == "x86_64") == (os.uname().machine == "x86_64")
    assert not facts.emulated
    assert state.load is not None
    assert 0 < (state.free_bytes or 0) < facts.memory_bytes
    assert device.state().at > state.at


def test_limits(device: RemoteDevice) -> None:
    code = "import os; print(sorted(os.sched_getaffinity(0))); bytearray(2 << 30)"
    core = max(os.sched_getaffinity(0))
    ran = device.run(Command(words=(sys.executable, "-c", code), cpus=(core,), memory=1 << 30))
    assert ran.out == f"[{core}]\n".encode()
    assert b"MemoryError" in ran.err


def test_children_that_leave_their_group_are_ended(device: RemoteDevice) -> None:
    ran = device.run(
        Command(words=("sh", "-c", "(setsid sleep 60 &) ; (setsid sleep 60 &); exec sleep 60"), seconds=0.5)
    )
    assert ran.timed_out
    assert running() == []


def test_children_that_hold_the_output_open(device: RemoteDevice) -> None:
    ran = device.run(Command(words=("sh", "-c", "echo x; (setsid sleep 61 &)")))
    assert (ran.code, ran.out) == (0, b"x\n")
    assert ran.seconds < 60, "nobody waits for what holds the output for 61"
    assert running() == []


def test_too_much_output(device: RemoteDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nngauge.devices.remote.MAX_PHONE_ANSWER", 100_000)
    with pytest.raises(LimitError):
        device.run(Command(words=("cat", "/dev/zero")))
    assert running() == []


def test_a_process_that_does_not_read(device: RemoteDevice) -> None:
    assert device.run(Command(words=("true",), given=bytes(1 << 22))).code == 0


def test_reading_the_system(device: RemoteDevice) -> None:
    assert device.read("/proc/self/comm", most=100) is not None
    assert device.read("/proc/cpuinfo", most=10) == Path("/proc/cpuinfo").read_bytes()[:10]
    assert device.read("/nowhere; echo x") is None
    with pytest.raises(UsageError):
        device.read("relative")


def test_a_job_still_runs(device: RemoteDevice) -> None:
    job = device.spawn(Command(words=("sleep", "62")))
    with pytest.raises(TransientError, match="still running"):
        job.wait(0.1)


def test_closed_devices_are_refused() -> None:
    with pytest.raises(UsageError, match="not open"):
        open_device("host").run(Command(words=("true",)))
    with pytest.raises(UsageError):
        open_device("phone:1")


def test_a_kind_that_cannot_look_is_a_row() -> None:
    (found,) = find_devices((host.KIND,))
    assert found == Found(id="host", says=found.says)


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_in_every_shell(shell: str, tmp_path: Path) -> None:
    words = [shell, "sh"] if shell == "busybox" else [shell]
    (tmp_path / "job").mkdir()
    (tmp_path / "job/in").write_bytes(b"given")
    nasty = Command(words=("printf", "%s", "'$(id)' \n`x`\\"), environment={"A": "' b"}, seconds=5)
    mark = f"nngauge-{os.getpid():012x}.1."

    def said(text: str) -> str:
        done = subprocess.run([*words, "-c", text], capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 0
        return done.stdout  # bash tells on stderr that a job has ended

    assert said(script.prepared(nasty, str(tmp_path), mark)) == "'$(id)' \n`x`\\"
    assert said(script.detached(nasty, str(tmp_path), "job", mark)) == ""
    assert "cpuinfo" in said(script.sections((("a", "ls /proc"),)))
    assert said(script.kill(mark)) == ""
    assert (tmp_path / "job/out").read_text() == "'$(id)' \n`x`\\"


def test_a_session_is_recorded_and_replayed(device: RemoteDevice, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    device._has_taskset = False

    def use(used: OpenDevice) -> list[object]:
        path = used.push(tmp_path / "file")
        seen: list[object] = [
            used.facts(),
            used.state(),
            used.state(),
            used.read("/proc/sys/kernel/ostype"),
            used.read("/nowhere"),
        ]
        seen.append(used.run(Command(words=("cat", path), given=b"x")))
        used.pull(path, tmp_path / "back", most=100)
        seen += [(tmp_path / "back").read_bytes(), used.spawn(Command(words=("echo", "y"))).wait(10)]
        with pytest.raises(UnsupportedError, match="taskset"):
            used.run(Command(words=("true",), cpus=(5,)))
        return seen

    first = use(record(device, tmp_path / "recording"))
    with open_device(f"replay:{tmp_path / 'recording'}") as player:
        assert player.id == "host"
        assert use(player) == first
        with pytest.raises(UnsupportedError, match="has no"):
            player.state()


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\n", b'{"schema":"nngauge.recording/1","id":"x"}\n[]'])
def test_what_is_no_recording(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "recording").write_bytes(data)
    with pytest.raises(MalformedError):
        open_device(f"replay:{tmp_path / 'recording'}")


def test_what_runs_has_its_folder_for_temporary_files_and_reports_to_nobody(device: RemoteDevice) -> None:
    words = ("sh", "-c", 'echo "$TMPDIR $ORT_DISABLE_TELEMETRY"; pwd')
    told, folder = device.run(Command(words=words)).out.decode().splitlines()
    assert told == f"{folder} 1"
    mine = device.run(Command(words=words, environment={"TMPDIR": "/mine"})).out.decode().split()
    assert mine[0] == "/mine"
    job = device.spawn(Command(words=words)).wait(60)
    assert job.out.decode().splitlines() == [told, folder]
