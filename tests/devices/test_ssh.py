"""Boards through the real ssh, with a real sshd on this machine."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nngauge.devices import Command, open_device
from nngauge.devices.doctor import LOOKS, examine
from nngauge.domain.checkup import Verdict
from nngauge.errors import AccessError, TransientError, UnreadableError, UsageError

SSHD = shutil.which("sshd") or next((path for path in ("/usr/sbin/sshd",) if Path(path).exists()), None)
pytestmark = pytest.mark.skipif(SSHD is None or shutil.which("ssh") is None, reason="no ssh and sshd here")


def wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.skip("sshd does not start here")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder with the user's ssh configuration: ``board`` lets us in, ``stranger`` does not, ``gone`` is not there."""
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user", "wrong"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True, timeout=30)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.copy(folder / "user.pub", folder / "authorized")
    (folder / "authorized").chmod(0o600)
    daemon = subprocess.Popen(
        [str(SSHD), "-D", "-e", "-f", "/dev/null", "-p", str(port), "-h", folder / "host", "-o", "ListenAddress=127.0.0.1", "-o",
         f"AuthorizedKeysFile={folder / 'authorized'}", "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none", "-o",
         "PasswordAuthentication=no", "-o", "PermitRootLogin=yes"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    common = f"HostName 127.0.0.1\n  Port {port}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
    user = f"  User {getpass.getuser()}\n  IdentitiesOnly yes\n"
    (folder / "config").write_text(
        f"Host board\n  {common}{user}  IdentityFile {folder / 'user'}\nHost stranger\n  {common}{user}  IdentityFile {folder / 'wrong'}\n"
        f"Host gone\n  HostName 127.0.0.1\n  Port 1\n"
    )
    (folder / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder / "config"} "$@"\n')
    (folder / "ssh").chmod(0o755)
    try:
        wait_for(port)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
            yield folder
    finally:
        daemon.terminate()
        daemon.wait()


def test_push_run_pull_clean(board: Path, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    (tmp_path / "file").write_bytes(data)
    with open_device("ssh:board") as device:
        path = device.push(tmp_path / "file")
        ran = device.run(Command(words=("sh", "-c", 'cat; printf %s "$1" >&2; exit 7', "x", "'$(id)"), given=b"given"))
        assert (ran.code, ran.out, ran.err) == (7, b"given", b"'$(id)")
        device.pull(path, tmp_path / "back", most=len(data))
        assert (tmp_path / "back").read_bytes() == data
        assert device.facts().kind == "ssh"
        assert device.facts().clusters
        assert device.state().load is not None
        folder = Path(path).parent
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_time_is_over_and_jobs(board: Path) -> None:
    with open_device("ssh:board") as device:
        ran = device.run(Command(words=("sh", "-c", "setsid sleep 80 & sleep 81"), seconds=1))
        assert (ran.timed_out, ran.code) == (True, -9)
        assert (
            b"sleep"
            not in device.run(
                Command(words=("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep 'sleep 8[01]'"))
            ).out
        )
        job = device.spawn(Command(words=("sh", "-c", "sleep 1; echo end; exit 5")))
        assert (job.wait(120).code, job.wait(1).out) == (5, b"end\n")


def test_the_doctor_comes_to_boards(board: Path) -> None:
    looks = tuple(look for look in LOOKS if look.name in ("copies", "processor", "storage"))
    checkup = examine("ssh:board", open_device, looks=looks)
    found = {check.name: check for check in checkup.checks}
    assert "digests agree" in found["copies"].found  # at whatever rate
    assert found["processor"].verdict is Verdict.GOOD
    assert checkup.fit
    assert checkup.device.id == "ssh"
    checkup = examine(f"ssh:{getpass.getuser()}@gone", open_device, looks=looks)
    assert not checkup.fit
    assert f"{getpass.getuser()}@" not in str(checkup)


def test_what_goes_wrong(board: Path, tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="Permission denied") as caught, open_device("ssh:stranger"):
        pass
    assert "ssh-copy-id" in caught.value.hint
    with pytest.raises(TransientError, match="refused"), open_device("ssh:gone"):
        pass
    for name in ("ssh:", "ssh:-oProxyCommand=x", "ssh:a b", "ssh:user@-x;y"):
        with pytest.raises(UsageError):
            open_device(name)
    with open_device("ssh:board") as device, pytest.raises(UnreadableError, match="No such file"):
        device.pull("nothing", tmp_path / "back", most=10)
