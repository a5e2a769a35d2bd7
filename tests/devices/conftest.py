"""A phone behind a real adb server, each adb that is here in turn."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.builders import handset as handsets
from tests.builders.adbd import FakeDaemon
from tests.builders.handset import Handset


def _clients() -> list[Path]:
    """The adb on PATH and the one in the package adbutils."""
    found = [Path(path)] if (path := shutil.which("adb")) else []
    spec = find_spec("adbutils")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found += [file for file in (Path(folder, "binaries", "adb"),) if file.is_file()]
    return found


CLIENTS = _clients()
Adb = Callable[..., str]


@pytest.fixture(scope="module", params=CLIENTS or [None], ids=[str(file.parent.name) for file in CLIENTS] or ["none"])
def adb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    """The real client, with a server of its own that is ended afterwards; nngauge finds the same client."""
    if request.param is None:
        pytest.skip("no adb here: Android SDK platform-tools, or the package adbutils")
    if reason := handsets.missing():
        pytest.skip(reason)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    home = tmp_path_factory.mktemp("adb")
    client = home / "adb"
    client.symlink_to(request.param)

    def run(*words: str) -> str:
        done = subprocess.run(
            [client, *words], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
        return done.stdout + done.stderr

    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADB_SERVER_SOCKET", "ANDROID_SERIAL"):
            patch.delenv(name, raising=False)
        patch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("HOME", str(home))  # it makes a key there
        patch.setenv("ANDROID_ADB_SERVER_PORT", port)
        yield run
        run("kill-server")


@pytest.fixture
def handset(adb: Adb, tmp_path: Path) -> Iterator[Handset]:
    """A phone that is switched on."""
    adb("disconnect")  # phones of other tests
    with Handset(tmp_path / "phone") as phone:
        yield phone


@pytest.fixture
def daemon(adb: Adb, handset: Handset) -> Iterator[FakeDaemon]:
    """The phone's daemon, connected."""
    with FakeDaemon(handset) as daemon:
        assert "connected" in adb("connect", daemon.address)
        yield daemon
