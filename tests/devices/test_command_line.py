"""The whole way through the command line: measured on a phone behind the real adb, and everything that goes wrong there."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.builders.adbd import FakeDaemon
from tests.builders.handset import PROPERTIES, Handset
from tests.builders.native_runner import arm64_libraries, arm64_phone, emulated, library
from tests.builders.packages import apk
from tests.builders.samples import MODELS

Adb = Callable[..., str]
MODEL = MODELS / "keywords_tflite" / "keywords_int8.tflite"
FEW = ("--launches", "2", "--most-launches", "2", "--quiet")


@dataclass
class Done:
    """How the command ended."""

    code: int
    out: str
    err: str


def nngauge(*words: object) -> Done:
    """The command as a user types it."""
    done = subprocess.run(
        [sys.executable, "-m", "nngauge", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def like_this_machine(phone: Handset) -> Handset:
    """A phone with this machine's processor: programs run there as they are."""
    phone.tool("uname", "echo x86_64")
    phone.set("/fake/cpuinfo", Path("/proc/cpuinfo").read_text())
    return phone


@pytest.fixture(scope="module")
def runtime() -> Path:
    """LiteRT's library, which runs on the phone as it is."""
    found = library("litert")
    if found.read_bytes()[:7] != b"\x7fELF\x02\x01\x01" or Path("/proc/cpuinfo").read_text().count("CPU implementer"):
        pytest.skip("no LiteRT for x86-64 here")
    return found


@pytest.fixture
def phone(adb: Adb, tmp_path: Path) -> Iterator[Handset]:
    """Switched on, with an x86-64 processor."""
    adb("disconnect")
    made = Handset(tmp_path / "phone", properties={**PROPERTIES, "ro.product.cpu.abi": "x86_64"})
    with like_this_machine(made) as handset:
        yield handset


@pytest.fixture
def plugged(adb: Adb, phone: Handset) -> Iterator[FakeDaemon]:
    """That phone, connected."""
    with FakeDaemon(phone) as daemon:
        assert "connected" in adb("connect", daemon.address)
        yield daemon


def session(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())  # type: ignore[no-any-return]


# --- whole cycles -----------------------------------------------------------------------------------------------------


def test_measured_on_a_phone(plugged: FakeDaemon, phone: Handset, runtime: Path, tmp_path: Path) -> None:
    kept = tmp_path / "session.json"
    device = f"adb:{plugged.address}"
    done = nngauge("measure", MODEL, "--device", device, "--runtime", runtime, "--profile", "-o", kept, *FEW)
    assert done.code == 0, done.err
    assert "native:libLiteRt.so, 1 thread" in done.out
    assert "Google Pixel 8" in done.out
    (found,) = session(kept)["measurements"]
    assert found["device"]["kind"] == "adb"
    assert found["output"]["reference"].startswith("litert ")
    assert found["output"]["difference"] == 0.0  # the same kernels on the same processor
    assert len(found["launches"]) == 2
    for launch in found["launches"]:
        assert len(launch["wall_ns"]) == len(launch["cpu_ns"]) >= 30
        assert launch["before"]["celsius"]["BIG"] == 41.0
        assert launch["before"]["screen_on"] is False
    assert found["launches"][-1]["ops"]
    assert "emulated" not in found["doubts"]
    # Model, two sets of inputs, runner and library: each once, though three processes used them.
    assert len([path for path in phone.sent if path.endswith("part")]) == 5
    assert (phone.left(), phone.processes()) == ([], [])


def test_a_recorded_phone_gives_the_same_session(plugged: FakeDaemon, runtime: Path, tmp_path: Path) -> None:
    recording, kept, again = (tmp_path / name for name in ("phone.jsonl", "session.json", "again.json"))
    words = ("measure", MODEL, "--runtime", runtime, *FEW)
    assert nngauge(*words, "--device", f"adb:{plugged.address}", "--record", recording, "-o", kept).code == 0
    plugged.cut()
    done = nngauge(*words, "--device", f"replay:{recording}", "-o", again)
    assert done.code == 0, done.err
    first, second = (session(path)["measurements"][0] for path in (kept, again))
    assert second["launches"] == first["launches"]
    assert second["device"]["soc"] == first["device"]["soc"]
    other = nngauge("measure", MODELS / "digits_tflite" / "digits_int8.tflite", "--runtime", runtime, *FEW,
                    "--device", f"replay:{recording}")  # fmt: skip
    assert other.code == 1  # nobody asked that then


def test_an_app_with_its_own_runtime(plugged: FakeDaemon, phone: Handset, runtime: Path, tmp_path: Path) -> None:
    app, kept = tmp_path / "app.apk", tmp_path / "session.json"
    app.write_bytes(apk({"assets/words.tflite": MODEL.read_bytes(), "lib/x86_64/libours.so": runtime.read_bytes()}))
    device = f"adb:{plugged.address}"
    done = nngauge("measure", app, "--device", device, "--app-runtime", "--threads", "1,2", "-o", kept, *FEW)
    assert done.code == 0, done.err
    found = session(kept)["measurements"]
    assert [(one["configuration"]["engine"], one["configuration"]["threads"]) for one in found] == [
        ("native:libours.so", 1),
        ("native:libours.so", 2),
    ]
    assert len({one["library"] for one in found}) == 1
    assert (phone.left(), phone.processes()) == ([], [])


def test_arm64_runs_and_has_no_times(adb: Adb, tmp_path: Path) -> None:
    emulated()
    kept = tmp_path / "session.json"
    with arm64_phone(tmp_path / "phone") as handset, FakeDaemon(handset) as daemon:
        handset.set("/fake/cpuinfo", Path("/proc/cpuinfo").read_text())
        adb("connect", daemon.address)
        done = nngauge("measure", MODEL, "--device", f"adb:{daemon.address}", "--runtime",
                       arm64_libraries("libLiteRt*.so")[-1], "-o", kept, *FEW)  # fmt: skip
        assert (handset.left(), handset.processes()) == ([], [])
    assert done.code == 0, done.err
    assert "its times mean nothing and are left out" in done.out.replace("\n", " ")
    (found,) = session(kept)["measurements"]
    assert "emulated" in found["doubts"]
    assert [launch["wall_ns"] for launch in found["launches"]] == [[], []]
    assert found["output"]["difference"] == 0.0  # integers are the same on every processor


def test_devices_and_doctor(plugged: FakeDaemon, phone: Handset) -> None:
    done = nngauge("devices", "--json")
    assert done.code == 0
    assert f"adb:{plugged.address}" in {one["id"] for one in json.loads(done.out)}
    done = nngauge("doctor", "--device", f"adb:{plugged.address}")
    assert done.code == 0, done.out
    assert "fit for measuring" in done.out
    assert (phone.left(), phone.processes()) == ([], [])


# --- what goes wrong --------------------------------------------------------------------------------------------------


def refused(device: str, runtime: Path, *more: object) -> Done:
    """Something stands in the way: one message, no session."""
    done = nngauge("measure", MODEL, "--device", device, "--runtime", runtime, *FEW, *more)
    assert done.out == ""
    assert 1 <= len(done.err.strip().splitlines()) <= 3, done.err
    return done


def back_again(adb: Adb, address: str) -> None:
    """Plugged in again: `adb connect` may answer before the phone does, and from the connection that was lost."""
    adb("disconnect", address)
    end = time.monotonic() + 30
    while adb("-s", address, "get-state").strip() != "device" and time.monotonic() < end:
        adb("connect", address)
        time.sleep(0.1)


def test_the_cable_is_pulled_while_the_library_is_sent(
    adb: Adb, plugged: FakeDaemon, phone: Handset, runtime: Path
) -> None:
    plugged.cut_after = 2 << 20
    done = refused(f"adb:{plugged.address}", runtime)
    assert done.code == 1
    assert plugged.address in done.err
    assert len(phone.left()) == 1
    back_again(adb, plugged.address)
    assert nngauge("doctor", "--device", f"adb:{plugged.address}", "--json").code == 0
    assert phone.left() == []  # by the next session


def test_the_phone_restarts_while_it_measures(plugged: FakeDaemon, phone: Handset, runtime: Path) -> None:
    def restart() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and not any("/nngauge-" in line for line in phone.processes()):
            time.sleep(0.05)
        plugged.cut()
        phone.off()
        phone.boot()

    thread = threading.Thread(target=restart)
    thread.start()
    done = refused(f"adb:{plugged.address}", runtime)
    thread.join()
    assert done.code == 1
    assert plugged.address in done.err


def test_a_full_phone(adb: Adb, runtime: Path, tmp_path: Path) -> None:
    made = Handset(tmp_path / "small", room=1 << 20, properties={**PROPERTIES, "ro.product.cpu.abi": "x86_64"})
    with like_this_machine(made) as handset, FakeDaemon(handset) as daemon:
        adb("connect", daemon.address)
        done = refused(f"adb:{daemon.address}", runtime)
        assert (done.code, handset.left()) == (1, [])
    assert "No space left" in done.err
    assert "free some space" in done.err


def test_what_arrives_is_not_what_was_sent(plugged: FakeDaemon, phone: Handset, runtime: Path) -> None:
    phone.spoil = lambda path, data: data[:-1] + b"?"
    done = refused(f"adb:{plugged.address}", runtime)
    assert done.code == 1
    assert "not what was sent" in done.err
    assert phone.left() == []


def test_not_allowed(adb: Adb, phone: Handset, runtime: Path) -> None:
    with FakeDaemon(phone) as daemon:
        daemon.allowed = False
        adb("connect", daemon.address)
        done = refused(f"adb:{daemon.address}", runtime)
        assert done.code == 1
        assert "allow debugging" in done.err
        listed = nngauge("devices")
        assert listed.code == 0
        assert "allow debugging" in " ".join(listed.out.split())
        asked = nngauge("doctor", "--device", f"adb:{daemon.address}")
        assert asked.code == 1
        assert "allow debugging" in " ".join((asked.out + asked.err).split())


def test_two_phones(adb: Adb, plugged: FakeDaemon, runtime: Path, tmp_path: Path) -> None:
    with Handset(tmp_path / "second") as second, FakeDaemon(second) as other:
        adb("connect", other.address)
        done = refused("adb:", runtime)
        adb("disconnect", other.address)
    assert done.code == 2
    assert "2 phones" in done.err
    assert plugged.address in done.err


def test_a_library_of_another_processor(daemon: FakeDaemon, handset: Handset, runtime: Path) -> None:
    """The phone says arm64: nothing is run, and the session says why."""
    done = nngauge("measure", MODEL, "--device", f"adb:{daemon.address}", "--runtime", runtime, *FEW)
    assert done.code == 3
    assert "a library for x86_64 on a device with arm64-v8a" in " ".join(done.out.split())
    assert handset.left() == []


def test_no_library(daemon: FakeDaemon) -> None:
    done = nngauge("measure", MODEL, "--device", f"adb:{daemon.address}", *FEW)
    assert done.code == 2
    assert "no runtime library for arm64-v8a" in done.err
