"""The adb of the Android SDK as oracle: its server takes our phone for one, its client takes our server for one."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nngauge.devices import adb_client
from nngauge.domain.study import Item
from nngauge.errors import TransientError
from nngauge.sources.adb import SOURCE
from tests.builders.adbd import FakeDaemon
from tests.builders.packages import PACKAGE_ID, splits
from tests.builders.phone import FEATURES, OLD, FakeAdbServer, Phone

ADB = adb_client.program()
pytestmark = pytest.mark.skipif(ADB is None, reason="no adb here: Android SDK platform-tools, or the package adbutils")
BIG = bytes(range(256)) * 8192
"""2 MiB: more than one message of the transport."""


def adb(port: int, *words: str) -> str:
    assert ADB is not None
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ADB", "ANDROID"))}
    done = subprocess.run(
        [ADB, "-P", str(port), *words], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    return done.stdout + done.stderr


@pytest.fixture
def phone() -> Phone:
    phone = Phone()
    phone.install(PACKAGE_ID, splits(), code=42, obb={"main.42.obb": BIG})
    return phone


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[int]:
    """The real server's port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("HOME", str(tmp_path))  # it makes a key there
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
    monkeypatch.delenv("ADB_SERVER_SOCKET", raising=False)
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    said = adb(port, "start-server")
    if "failed" in said:
        pytest.skip(f"the adb server does not start here: {said}")
    yield port
    adb(port, "kill-server")


@pytest.mark.parametrize("features", [FEATURES, OLD])
def test_our_client_reads_through_the_real_server(phone: Phone, server: int, features: tuple[str, ...]) -> None:
    phone.features = features
    with FakeDaemon(phone) as daemon:
        assert "connected" in adb(server, "connect", daemon.address)
        (item,) = SOURCE.items("adb:", {})
        assert item.locator == f"adb://{daemon.address}/{PACKAGE_ID}"
        assert (item.version_code, item.stamp) == ("42", "42@2026-10-01 12:00:00")
        with SOURCE.open(item, {}) as far:
            assert far.fetched == sum(map(len, splits().values())) + len(BIG)
            assert "obb" in [part.role for part in far.package.app.parts]


def test_without_a_phone_the_real_server_says_so(server: int) -> None:
    assert server
    with pytest.raises(TransientError, match="no phone"):
        list(SOURCE.items("adb:", {}))
    with pytest.raises(TransientError, match="not connected"), SOURCE.open(Item(locator="adb://X/org.example"), {}):
        pass


def test_a_phone_that_goes_away_while_it_is_read(phone: Phone, server: int) -> None:
    with FakeDaemon(phone) as daemon:
        adb(server, "connect", daemon.address)
        (item,) = SOURCE.items("adb:", {})
        phone.before_pull = lambda path: adb(server, "disconnect", daemon.address)
        with pytest.raises(TransientError), SOURCE.open(item, {}):
            pass


def test_the_real_client_takes_our_server_for_one(phone: Phone, tmp_path: Path) -> None:
    with FakeAdbServer(phone) as fake:
        assert "emulator-5554" in adb(fake.port, "devices", "-l")
        base = phone.apps[PACKAGE_ID].paths[0]
        shell = adb(fake.port, "-s", "emulator-5554", "shell", "pm path --user current " + PACKAGE_ID)
        assert f"package:{base}" in shell
        said = adb(fake.port, "-s", "emulator-5554", "pull", base, str(tmp_path / "base.apk"))
        assert (tmp_path / "base.apk").read_bytes() == phone.files[base], said
