"""Apps of a phone: what is listed, what is pulled, and what may go wrong meanwhile."""

from __future__ import annotations

import gc
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from nngauge.domain.study import Item, State
from nngauge.errors import (
    InputError,
    LimitError,
    MalformedError,
    NngaugeError,
    TransientError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)
from nngauge.io import adb as protocol
from nngauge.io.adb import AdbServer
from nngauge.packages import open_package
from nngauge.pipeline import Scanner
from nngauge.sources import adb as module
from nngauge.sources import source_for
from nngauge.sources.adb import SOURCE
from nngauge.study import Study
from tests.builders.packages import PACKAGE_ID, apk, splits, write_files, zipped
from tests.builders.phone import FEATURES, OLD, FakeAdbServer, Phone

LONE = "org.example.lone"
OBB = {f"main.42.{PACKAGE_ID}.obb": zipped({"level.dat": b"level"})}


@pytest.fixture
def phone() -> Phone:
    phone = Phone()
    phone.install(PACKAGE_ID, splits(), code=42, obb=OBB)
    phone.install(LONE, {"base.apk": apk(package=LONE)}, code=7)
    phone.install("com.android.chrome", {"Chrome.apk": apk(package="com.android.chrome")}, code=9, system=True)
    return phone


@pytest.fixture
def server(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAdbServer]:
    for name in ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_SERIAL"):
        monkeypatch.delenv(name, raising=False)
    with FakeAdbServer(phone) as fake:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(fake.port))
        yield fake


def items(locator: str = "adb://emulator-5554") -> dict[str, Item]:
    return {item.locator.rpartition("/")[2]: item for item in SOURCE.items(locator, {})}


def opened(locator: str) -> tuple[int, str, list[str]]:
    """Bytes fetched, identity, roles of the parts."""
    with SOURCE.open(Item(locator=locator), {}) as far:
        app = far.package.app
        return far.fetched, app.sha256, [part.role for part in app.parts]


# --- listing ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_third_party_apps_are_listed_with_version_and_time() -> None:
    found = items()
    assert set(found) == {PACKAGE_ID, LONE}
    assert found[PACKAGE_ID] == Item(
        locator=f"adb://emulator-5554/{PACKAGE_ID}", stamp="42@2026-10-01 12:00:00", package_id=PACKAGE_ID,
        version_code="42",
    )  # fmt: skip


@pytest.mark.usefixtures("server")
def test_the_only_phone_needs_no_name_and_system_apps_are_asked_for() -> None:
    assert set(items("adb:")) == {PACKAGE_ID, LONE}
    assert set(items("adb:?system=1")) == {PACKAGE_ID, LONE, "com.android.chrome"}
    assert set(items("adb://emulator-5554?system=1")) == {PACKAGE_ID, LONE, "com.android.chrome"}
    assert set(items(f"adb://emulator-5554/{LONE}")) == {LONE}
    with pytest.raises(UnreadableError, match="no such app"):
        items("adb://emulator-5554/org.example.absent")


@pytest.mark.usefixtures("server")
def test_an_update_changes_the_stamp_even_when_the_version_code_stays(phone: Phone) -> None:
    before = items()[LONE].stamp
    phone.apps[LONE].updated = "2026-11-02 08:00:00"
    assert items()[LONE].stamp != before


@pytest.mark.parametrize("locator", ["adb:", "adb://X", "adb:?system=1"])
def test_the_address_of_a_phone_is_no_folder(locator: str) -> None:
    assert SOURCE.claims(locator)
    assert source_for(locator).name == "adb"


@pytest.mark.parametrize("locator", ["adb:folder", "adb", "apps/", "https://adb/"])
def test_others_are_left_alone(locator: str) -> None:
    assert not SOURCE.claims(locator)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("locator", ["adb://X?sytem=1", "adb://X?system=2", "adb://a%0Ab", "adb://" + "x" * 300])
def test_bad_addresses_are_refused(locator: str) -> None:
    with pytest.raises(UsageError):
        items(locator)


def test_one_of_several_phones_must_be_named(server: FakeAdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    second = Phone("192.168.1.5:5555")
    second.install(LONE, {"base.apk": apk(package=LONE)})
    server.phones[second.serial] = second
    with pytest.raises(UsageError, match=r"2 phones.*adb://192\.168\.1\.5:5555"):
        items("adb:")
    assert items("adb://192.168.1.5:5555")[LONE].locator == f"adb://192.168.1.5:5555/{LONE}"
    monkeypatch.setenv("ANDROID_SERIAL", second.serial)
    assert set(items("adb:")) == {LONE}


@pytest.mark.usefixtures("server")
def test_names_that_are_none_are_listed_and_fail_when_they_are_opened(phone: Phone) -> None:
    evil = "a;reboot"
    phone.install(evil, {"base.apk": b""})
    phone.printed["list"] = f"package:/data/app/x/base.apk={evil} versionCode:1\nnonsense here\n"
    listed = list(SOURCE.items("adb:", {}))
    assert [item.package_id for item in listed] == [None, None]
    commands = len(phone.commands)
    for item in listed:
        with pytest.raises(MalformedError, match="not the name of a package"), SOURCE.open(item, {}):
            pass
    assert len(phone.commands) == commands, "a bad name reached the phone's shell"


# --- pulling ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("features", [FEATURES, OLD])
def test_an_app_comes_with_all_splits_and_expansion_files(
    phone: Phone, features: tuple[str, ...], tmp_path: Path
) -> None:
    phone.features = features
    fetched, digest, roles = opened(f"adb://emulator-5554/{PACKAGE_ID}")
    assert fetched == sum(map(len, [*splits().values(), *OBB.values()]))
    assert sorted(roles) == ["asset-pack:pack", "base", "obb", "split:config.arm64_v8a"]
    folder = write_files(tmp_path / "app.apks", splits() | OBB)
    package = open_package(folder)
    assert digest == package.app.sha256, "the same files in a folder are the same app"
    package.close()
    first = {request.partition(" ")[0] for request in phone.requests}
    assert first == ({"STA2", "LIS2", "RCV2"} if features is FEATURES else {"STAT", "LIST", "RECV"})


@pytest.mark.usefixtures("server")
def test_a_lone_apk_is_the_app_that_it_is_elsewhere(tmp_path: Path) -> None:
    place = tmp_path / "x.apk"
    place.write_bytes(apk(package=LONE))
    package = open_package(place)
    fetched, digest, roles = opened(f"adb://emulator-5554/{LONE}")
    assert (digest, roles, fetched) == (package.app.sha256, ["base"], place.stat().st_size)
    package.close()


@pytest.mark.usefixtures("server")
def test_facts_of_a_phone_are_those_of_a_folder_but_for_the_place(tmp_path: Path) -> None:
    locator = f"adb://emulator-5554/{PACKAGE_ID}"
    with SOURCE.open(Item(locator=locator), {}) as far:
        scan = Scanner().scan_package(far.package, locator, None)
    folder = write_files(tmp_path / "app.apks", splits() | OBB)
    local = Scanner().scan_package(open_package(folder), str(folder), None)
    assert scan.coverage == local.coverage
    assert [item.location.path.replace(locator, "") for item in scan.libraries] == [
        item.location.path.replace(str(folder), "") for item in local.libraries
    ]
    assert scan.libraries
    assert str(scan.complete) == str(local.complete)


def _nameless() -> int:
    """Open files that have no name any more."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += str(descriptor.readlink()).endswith("(deleted)")
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("which", [PACKAGE_ID, LONE])
def test_nothing_stays_behind(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("nngauge.io.source.ByteSource.spool.__func__.__kwdefaults__", {"memory": 0, "limit": 1 << 30})
    gc.collect()
    before = _nameless()
    with SOURCE.open(Item(locator=f"adb://emulator-5554/{which}"), {}) as far:
        assert _nameless() > before, "files were kept in memory: this test would see nothing"
        assert list(tmp_path.iterdir()) == [], "a kill would leave these"
        assert far.fetched
    assert _nameless() == before


# --- what goes wrong --------------------------------------------------------------------------------------------------


def fails(locator: str = f"adb://emulator-5554/{PACKAGE_ID}") -> NngaugeError:
    with pytest.raises(NngaugeError) as caught, SOURCE.open(Item(locator=locator), {}):
        pass
    return caught.value


def test_without_a_server_it_is_said_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(unused.getsockname()[1]))
        error = fails()
    assert isinstance(error, TransientError)
    assert "adb start-server" in error.hint


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("unauthorized", "allow debugging"),
        ("offline", "reconnect"),
        ("recovery", "start Android"),
        ("no permissions (user in plugdev group; are your udev rules wrong?); see [http://x]", "udev"),
    ],
)
@pytest.mark.usefixtures("server")
def test_a_phone_that_cannot_be_used_may_be_later(phone: Phone, state: str, said: str) -> None:
    phone.state = state
    error = fails()
    assert isinstance(error, TransientError)
    assert said in error.hint


def test_no_phone_may_be_one_later(server: FakeAdbServer) -> None:
    server.phones.clear()
    assert isinstance(fails(), TransientError)
    with pytest.raises(TransientError, match="no phone"):
        items("adb:")


@pytest.mark.usefixtures("server")
def test_old_phones_are_refused(phone: Phone) -> None:
    phone.features = ("cmd",)
    assert isinstance(fails(), UnsupportedError)


@pytest.mark.usefixtures("server")
def test_an_app_that_was_removed_is_a_failure_that_stays(phone: Phone) -> None:
    del phone.apps[PACKAGE_ID]
    error = fails()
    assert isinstance(error, UnreadableError)
    assert not isinstance(error, TransientError)


def _updates(phone: Phone) -> None:
    """A new version is installed with the first pull."""
    old = phone.apps[PACKAGE_ID]

    def update(_path: str) -> None:
        if phone.apps[PACKAGE_ID] is old:
            phone.install(PACKAGE_ID, splits(), code=43)

    phone.before_pull = update


def _vanishes(phone: Phone) -> None:
    phone.before_pull = lambda path: phone.files.pop(path, None)


def _unplugged(phone: Phone) -> None:
    phone.cut[phone.apps[PACKAGE_ID].paths[1]] = 100


def _grew(phone: Phone) -> None:
    phone.told[phone.apps[PACKAGE_ID].paths[0]] = 10


def _shrank(phone: Phone) -> None:
    phone.told[phone.apps[PACKAGE_ID].paths[0]] = 10_000_000


def _unlisted(phone: Phone) -> None:
    del phone.files[phone.apps[PACKAGE_ID].paths[0]]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("features", [FEATURES, OLD])
@pytest.mark.parametrize("happens", [_updates, _vanishes, _unplugged, _grew, _shrank, _unlisted])
def test_what_changes_meanwhile_is_tried_again(
    phone: Phone, happens: Callable[[Phone], None], features: tuple[str, ...]
) -> None:
    phone.features = features
    happens(phone)
    assert isinstance(fails(), TransientError)


@pytest.mark.usefixtures("server")
def test_after_an_update_the_next_attempt_gets_the_new_version(phone: Phone) -> None:
    _updates(phone)
    assert isinstance(fails(), TransientError)
    assert opened(f"adb://emulator-5554/{PACKAGE_ID}")[0]


def test_silence_ends(server: FakeAdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PHONE_SECONDS", 0.2)
    server.silent.add("host:devices")
    error = fails()
    assert isinstance(error, TransientError)
    assert "no answer" in error.what


@pytest.mark.usefixtures("server")
def test_a_full_disk_may_have_room_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    error = fails()
    assert isinstance(error, TransientError)
    assert "No space left" in error.what


@pytest.mark.usefixtures("server")
def test_a_study_of_a_phone(phone: Phone, tmp_path: Path) -> None:
    """Through the registry, the ledger and a worker of its own; the app that is gone is a recorded failure."""
    with Study.create(tmp_path / "study") as study:
        assert study.add("adb:?system=1", "2026-11") == (3, 0)
        assert study.add("adb:?system=1", "2026-11") == (0, 0)
        phone.apps[LONE].updated = "2026-11-02 08:00:00"
        del phone.apps["com.android.chrome"]
        assert study.add("adb:", "2026-11") == (0, 1)
        assert sum(1 for _ in study.run(workers=1)) == 3
        assert study.ledger.progress()[0].counts == {State.DONE: 2, State.FAILED: 1}
        rows = {row[1]: row for row in study.ledger.listing()}
        assert rows[f"adb://emulator-5554/{PACKAGE_ID}"][3] == PACKAGE_ID
        assert (rows["adb://emulator-5554/com.android.chrome"][9]) == "UnreadableError"


# --- a hostile phone --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "paths",
    [
        "package:relative/base.apk", "package:/data/app/../../etc/base.apk", "package:/proc/self/mem",
        "package:/data/app/\x1b[2Jbase.apk", "package:/a/base.apk\npackage:/b/base.apk",
    ],
)  # fmt: skip
def test_impossible_paths_are_not_pulled(phone: Phone, paths: str) -> None:
    phone.files |= {"/a/base.apk": b"1", "/b/base.apk": b"2"}
    phone.printed["path"] = paths + "\n"
    assert isinstance(fails(), MalformedError)


@pytest.mark.usefixtures("server")
def test_folders_and_devices_are_not_pulled(phone: Phone) -> None:
    phone.printed["path"] = "package:/data/app/x.apk\n"
    phone.files["/data/app/x.apk/inside"] = b""
    assert isinstance(fails(), MalformedError)


@pytest.mark.usefixtures("server")
def test_an_app_larger_than_the_bound_is_not_pulled(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMOTE_BYTES", 100)
    error = fails()
    assert isinstance(error, LimitError)
    assert not [request for request in phone.requests if request.startswith("RCV2")]


@pytest.mark.usefixtures("server")
def test_an_expansion_file_with_a_path_in_its_name_is_refused(phone: Phone) -> None:
    name = b"../../../data/x.obb"
    entry = struct.pack("<IQQIIIIQqqqI", 0, 0, 0, 0o100644, 0, 0, 0, 1, 0, 0, 0, len(name))
    phone.raw["LIS2"] = b"DNT2" + entry + name + b"DONE" + bytes(72)
    assert isinstance(fails(), MalformedError)


_ANSWERS = {
    "shell packet of 4 GB": ("pm", b"\x01\xff\xff\xff\xff"),
    "shell without end": ("pm", b"\x01\x01\x00\x00\x00x"),
    "data of 4 GB": ("RCV2", b"DATA\xff\xff\xff\xff"),
    "no data": ("RCV2", b""),
    "unknown answer": ("RCV2", b"EVIL\x00\x00\x00\x00"),
    "refused": ("RCV2", b"FAIL\x11\x00\x00\x00Permission denied"),
    "name of 4 GB": ("LIS2", b"DNT2" + bytes(68) + b"\xff" * 4),
    "other list": ("LIS2", b"DENT" + bytes(72)),
    "other stat": ("STA2", b"STAT" + bytes(72)),
    "hidden": ("STA2", b"STA2" + struct.pack("<I", 13) + bytes(64)),
    "short stat": ("STA2", b"STA2" + bytes(3)),
}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("answer", _ANSWERS)
def test_answers_that_are_none_are_declared_errors(phone: Phone, answer: str) -> None:
    word, data = _ANSWERS[answer]
    phone.raw[word] = data
    error = fails()
    assert isinstance(error, InputError)
    if "4 GB" in answer:  # refused, not waited for
        assert isinstance(error, MalformedError | LimitError)


@pytest.mark.usefixtures("server")
def test_an_endless_command_is_stopped(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_PHONE_ANSWER", 1000)
    phone.printed["path"] = "package:" + "x" * 5000
    assert isinstance(fails(), LimitError)


@pytest.mark.usefixtures("server")
def test_an_endless_folder_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_PHONE_FILES", 2)
    assert isinstance(fails(), LimitError)


@pytest.mark.parametrize("banner", [b"HTTP/1.1 400 Bad Request\r\n", b"OKAYzzzz", b"OKAY+001", b"FA", b""])
def test_another_server_is_told_from_adb(banner: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(listening.getsockname()[1]))

        def answer() -> None:
            connection, _ = listening.accept()
            connection.sendall(banner)
            connection.recv(100)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        error = fails()
        thread.join()
    assert isinstance(error, InputError)


# --- the server's address ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, ("127.0.0.1", 5037)),
        ({"ANDROID_ADB_SERVER_PORT": "5038"}, ("127.0.0.1", 5038)),
        ({"ANDROID_ADB_SERVER_ADDRESS": "build", "ANDROID_ADB_SERVER_PORT": "1"}, ("build", 1)),
        ({"ADB_SERVER_SOCKET": "tcp:7000", "ANDROID_ADB_SERVER_PORT": "1"}, ("127.0.0.1", 7000)),
        ({"ADB_SERVER_SOCKET": "tcp:host:7000"}, ("host", 7000)),
        ({"ADB_SERVER_SOCKET": "tcp:[::1]:7000"}, ("::1", 7000)),
    ],
)
def test_the_server_is_where_adb_would_look(environment: dict[str, str], address: tuple[str, int]) -> None:
    assert AdbServer.of_environment(environment)._address == address


@pytest.mark.parametrize(
    "environment",
    [
        {"ANDROID_ADB_SERVER_PORT": "x"},
        {"ANDROID_ADB_SERVER_PORT": "70000"},
        {"ADB_SERVER_SOCKET": "localfilesystem:/x"},
    ],
)
def test_bad_settings_are_the_users_mistake(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        AdbServer.of_environment(environment)
