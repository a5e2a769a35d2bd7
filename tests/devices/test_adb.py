"""Phones through the real adb: whole cycles, and everything that goes wrong with phones."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nngauge.devices import Command, OpenDevice, find_devices, open_device
from nngauge.devices import adb as kind
from nngauge.domain.measurement import Cluster
from nngauge.errors import LimitError, TransientError, UnreadableError, UnsupportedError, UsageError
from tests.builders.adbd import FakeDaemon
from tests.builders.handset import Handset

Adb = Callable[..., str]
BIG = bytes(range(256)) * 8192
"""2 MiB: more than one message of the transport."""
NASTY = (
    "a b",
    "'; touch /data/local/tmp/owned; '",
    "$(touch /data/local/tmp/owned)",
    "`id`",
    "\n\t",
    "-n",
    "*",
    "~",
    "ü",
    "",
)


def file(folder: Path, data: bytes, name: str = "file") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def opened(daemon: FakeDaemon) -> OpenDevice:
    return open_device(f"adb:{daemon.address}")


def script(folder: Path, text: str) -> Path:
    return file(folder, f"#!/bin/sh\n{text}\n".encode(), "script")


def until(what: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def plug_in(adb: Adb, daemon: FakeDaemon) -> None:
    until(lambda: "connected" in adb("connect", daemon.address) and usable(adb, daemon))


def usable(adb: Adb, daemon: FakeDaemon) -> bool:
    return adb("-s", daemon.address, "get-state").strip() == "device"


# --- whole cycles -----------------------------------------------------------------------------------------------------


def test_push_run_pull_clean(daemon: FakeDaemon, handset: Handset, tmp_path: Path) -> None:
    with opened(daemon) as device:
        program = device.push(script(tmp_path, 'sha256sum < "$1" > result; cat; echo said >&2; exit 7'))
        data = device.push(file(tmp_path, BIG))
        assert data.endswith(f"/{hashlib.sha256(BIG).hexdigest()}")
        assert device.push(tmp_path / "file") == data
        assert [path.rpartition("/")[2] for path in handset.sent] == ["part", "part"]  # what is there is not sent again
        ran = device.run(Command(words=(program, data), given=b"given" * 10_000))
        assert (ran.code, ran.out, ran.err, ran.timed_out) == (7, b"given" * 10_000, b"said\n", False)
        device.pull("result", tmp_path / "result", most=100)
        assert (tmp_path / "result").read_text().startswith(hashlib.sha256(BIG).hexdigest())
        with pytest.raises(LimitError):
            device.pull(data, tmp_path / "big", most=100)
        with pytest.raises(UnreadableError, match="No such file") as caught:
            device.pull("nothing", tmp_path / "other", most=1000)
        assert not isinstance(caught.value, TransientError)
        with pytest.raises(UsageError):
            device.pull("../../../../fake/properties", tmp_path / "other", most=1000)
        assert len(handset.left()) == 1
    assert handset.left() == []
    assert handset.processes() == []


def test_no_argument_is_a_command(daemon: FakeDaemon, handset: Handset) -> None:
    with opened(daemon) as device:
        ran = device.run(Command(words=("printf", "%s|", *NASTY), environment={"X": NASTY[1]}))
        assert ran.out.decode() == "".join(f"{word}|" for word in NASTY)
        shown = device.run(Command(words=("sh", "-c", 'printf %s "$X"'), environment={"X": NASTY[1]}))
        assert shown.out.decode() == NASTY[1]
        assert [name for name in handset.left() if not name.startswith("nngauge-")] == []
        for words in ((), ("",), ("-c", "x"), ("echo", "\0")):
            with pytest.raises(UsageError):
                device.run(Command(words=words))
        with pytest.raises(UsageError):
            device.run(Command(words=("true",), environment={"A;B": ""}))


def test_signals_and_missing_programs(daemon: FakeDaemon) -> None:
    with opened(daemon) as device:
        assert device.run(Command(words=("sh", "-c", "kill -SEGV $$"))).code == -11
        assert device.run(Command(words=("no-such-program",))).code == 127


def test_time_is_over_with_children(daemon: FakeDaemon, handset: Handset) -> None:
    with opened(daemon) as device:
        ran = device.run(Command(words=("sh", "-c", "echo begun; setsid sleep 70 & sleep 71"), seconds=3))
        assert ran.timed_out
        assert (ran.code, ran.out) == (-9, b"begun\n")
        assert handset.processes() == []


def test_what_a_process_leaves_behind_is_ended(daemon: FakeDaemon, handset: Handset) -> None:
    with opened(daemon) as device:
        assert device.run(Command(words=("sh", "-c", "setsid sleep 72 > /dev/null 2>&1 &"))).code == 0
        assert handset.processes() == []


def test_limits_and_binding(daemon: FakeDaemon) -> None:
    with opened(daemon) as device:
        told = device.run(
            Command(
                words=("sh", "-c", "ulimit -v; grep Cpus_allowed_list /proc/self/status"), memory=1 << 30, cpus=(1,)
            )
        )
        assert told.out.split() == [b"1048576", b"Cpus_allowed_list:", b"1"]


def test_facts(daemon: FakeDaemon) -> None:
    with opened(daemon) as device:
        facts = device.facts()
    assert (facts.kind, facts.maker, facts.model, facts.soc) == ("adb", "Google", "Pixel 8", "Google Tensor G3")
    assert (facts.abi, facts.system, facts.emulated) == ("arm64-v8a", "Android 15 (API 35)", False)
    assert (facts.memory_bytes, facts.battery_mah) == (7702312 * 1024, 4575.0)
    assert facts.clusters == (
        Cluster(cores=(8,), max_hz=2_914_000_000, capacity=1024, governor="sched_pixel"),
        Cluster(cores=(4, 5, 6, 7), max_hz=2_367_000_000, capacity=761, governor="sched_pixel"),
        Cluster(cores=(0, 1, 2, 3), max_hz=1_704_000_000, capacity=165, governor="sched_pixel"),
    )


def test_throttling_is_seen_in_the_state(daemon: FakeDaemon, handset: Handset) -> None:
    with opened(daemon) as device:
        before = device.state()
        handset.set("/sys/class/thermal/thermal_zone0/temp", "93000")
        handset.set("/sys/devices/system/cpu/cpu8/cpufreq/scaling_cur_freq", "1100000")
        handset.dump("thermalservice", "Thermal Status: 3\n")
        handset.dump("power", "  mWakefulness=Awake\n")
        handset.dump("battery", "  USB powered: true\n  level: 12\n  scale: 100\n  temperature: 431\n")
        after = device.state()
    assert before.celsius == {"BIG": 41.0, "LITTLE": 38.0, "VIRTUAL-SKIN": 28.5, "battery": 27.1}
    assert (before.thermal_status, before.battery, before.charging, before.screen_on) == (0, 0.83, False, False)
    assert before.hz["8"] == 2_914_000_000
    assert before.free_bytes == 3120000 * 1024
    assert (after.celsius["BIG"], after.celsius["battery"], after.hz["8"]) == (93.0, 43.1, 1_100_000_000)
    assert (after.thermal_status, after.battery, after.charging, after.screen_on) == (3, 0.12, True, True)
    assert after.at >= before.at > 0


def test_a_phone_that_tells_nothing(daemon: FakeDaemon, handset: Handset) -> None:
    for name in ("getprop", "dumpsys", "uname"):
        handset.without(name)
    for folder in ("thermal", "power_supply"):
        (handset.root / "sys/class" / folder).rename(handset.root / f"sys/{folder}-away")
    with opened(daemon) as device:
        assert device.facts().model == ""
        state = device.state()
    assert (state.celsius, state.battery, state.charging, state.screen_on, state.thermal_status) == (
        {},
        None,
        None,
        None,
        None,
    )


def test_files_of_the_system(daemon: FakeDaemon, handset: Handset) -> None:
    handset.set("/sys/class/power_supply/battery/current_now", "-1500")
    with opened(daemon) as device:
        assert device.read("/sys/class/power_supply/battery/current_now", most=64) == b"-1500\n"
        assert device.read("/sys/class/power_supply/battery/current_now", most=2) == b"-1"
        # What the phone says of a file that is not there is longer than the file might be.
        assert device.read("/sys/class/power_supply/another_battery/current_now", most=8) is None


@pytest.mark.parametrize("name", ["ro.kernel.qemu", "ro.hardware"])
def test_emulators_say_so(daemon: FakeDaemon, handset: Handset, name: str) -> None:
    handset.set(
        "/fake/properties", f"[ro.product.model]: [x]\n[{name}]: [{'1' if name.endswith('qemu') else 'ranchu'}]"
    )
    with opened(daemon) as device:
        assert device.facts().emulated


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_a_job_survives_the_cable(adb: Adb, daemon: FakeDaemon, handset: Handset) -> None:
    with opened(daemon) as device:
        job = device.spawn(
            Command(
                words=("sh", "-c", "cat; until [ -e /fake/go ]; do sleep 0.1; done; echo end; exit 5"), given=b"begin "
            )
        )
        assert not job.done()
        daemon.cut()
        with pytest.raises(TransientError):
            job.wait(0.2)
        assert any("/fake/go" in line for line in handset.processes()), "it goes on alone"
        handset.set("/fake/go", "now")
        plug_in(adb, daemon)
        ran = job.wait(120)
        assert (ran.code, ran.out, ran.timed_out) == (5, b"begin end\n", False)
        assert ran.seconds > 0
        assert job.done()
    assert (handset.left(), handset.processes()) == ([], [])


def test_a_job_has_its_own_clock(daemon: FakeDaemon, handset: Handset) -> None:
    with opened(daemon) as device:
        job = device.spawn(Command(words=("sh", "-c", "echo x; sleep 73"), seconds=3))
        ran = job.wait(120)
        assert (ran.code, ran.out, ran.timed_out) == (-9, b"x\n", True)
        killed = device.spawn(Command(words=("sleep", "74")))
        killed.kill()
        assert killed.done()
        assert handset.processes() == []


def test_a_restart_takes_the_job(adb: Adb, daemon: FakeDaemon, handset: Handset) -> None:
    with opened(daemon) as device:
        job = device.spawn(Command(words=("sleep", "75")))
        daemon.cut()
        handset.off()
        with pytest.raises(TransientError):
            device.state()
        handset.boot()
        plug_in(adb, daemon)
        with pytest.raises(TransientError, match="restarted"):
            job.wait(5)
    assert handset.left() == []  # the folder is on flash, and was still there


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_not_allowed_yet(adb: Adb, handset: Handset) -> None:
    with FakeDaemon(handset) as daemon:
        daemon.allowed = False
        adb("connect", daemon.address)
        with pytest.raises(TransientError) as caught:
            opened(daemon)
        assert "allow debugging" in caught.value.hint
        (found,) = [one for one in find_devices((kind.KIND,)) if one.id == f"adb:{daemon.address}"]
        assert "unauthorized" in found.problem
        assert "allow debugging" in found.hint
        daemon.allowed = True  # the user touches the button
        plug_in(adb, daemon)
        with opened(daemon) as device:
            assert device.facts().model == "Pixel 8"


def test_the_cable_is_pulled_while_a_file_is_sent(
    adb: Adb, daemon: FakeDaemon, handset: Handset, tmp_path: Path
) -> None:
    source = file(tmp_path, BIG)
    with opened(daemon) as device:
        daemon.cut_after = len(BIG) // 2
        with pytest.raises(TransientError):
            device.push(source)
        plug_in(adb, daemon)
        path = device.push(source)  # half a file is not taken for the file
        assert device.run(Command(words=("sha256sum", path))).out.startswith(hashlib.sha256(BIG).hexdigest().encode())
    assert handset.left() == []


def test_the_cable_is_pulled_while_a_process_runs(adb: Adb, daemon: FakeDaemon, handset: Handset) -> None:
    with opened(daemon) as device:
        threading.Thread(target=cut_when_running, args=(daemon, handset, {"sleep 76", "sleep 77"})).start()
        with pytest.raises(TransientError):
            device.run(Command(words=("sh", "-c", "setsid sleep 76 & sleep 77")))
        plug_in(adb, daemon)
    assert (handset.left(), handset.processes()) == ([], [])


def cut_when_running(daemon: FakeDaemon, handset: Handset, wanted: set[str]) -> None:
    """Pulls the cable as soon as these processes are there, or after two minutes."""
    end = time.monotonic() + 120
    while time.monotonic() < end and not all(
        any(line.strip().endswith(name) for line in handset.processes()) for name in wanted
    ):
        time.sleep(0.05)  # toybox's setsid keeps its own name in front
    daemon.cut()


def test_a_full_phone(adb: Adb, tmp_path: Path) -> None:
    with Handset(tmp_path / "small", room=1 << 20) as handset, FakeDaemon(handset) as daemon:
        adb("connect", daemon.address)
        with opened(daemon) as device:
            with pytest.raises(UnreadableError, match="No space left") as caught:
                device.push(file(tmp_path, BIG))
            assert not isinstance(caught.value, TransientError)
            assert "free some space" in caught.value.hint
            device.push(file(tmp_path, b"small"))  # the half that fitted has been removed
        assert handset.left() == []


def test_what_is_stored_is_not_what_was_sent(daemon: FakeDaemon, handset: Handset, tmp_path: Path) -> None:
    handset.spoil = lambda path, data: data[:-1] + b"?"
    with opened(daemon) as device:
        with pytest.raises(UnreadableError, match="not what was sent") as caught:
            device.push(file(tmp_path, BIG))
        assert not isinstance(caught.value, TransientError)
        turns = iter((b"spoilt",))
        handset.spoil = lambda path, data: next(turns, data)
        device.push(tmp_path / "file")  # once is an accident


def test_a_phone_without_sha256sum(daemon: FakeDaemon, handset: Handset, tmp_path: Path) -> None:
    handset.without("sha256sum")
    with opened(daemon) as device:
        device.push(file(tmp_path, BIG))
        handset.spoil = lambda path, data: data[:-1] + b"?"
        with pytest.raises(UnreadableError, match="not what was sent"):
            device.push(file(tmp_path, BIG[1:]))


def test_a_phone_that_cannot_bind(daemon: FakeDaemon, handset: Handset) -> None:
    handset.without("taskset")
    with opened(daemon) as device:
        assert device.run(Command(words=("true",))).code == 0
        with pytest.raises(UnsupportedError, match="taskset"):
            device.run(Command(words=("true",), cpus=(0,)))


def test_two_phones(adb: Adb, daemon: FakeDaemon, tmp_path: Path) -> None:
    with Handset(tmp_path / "second") as second, FakeDaemon(second) as other:
        adb("connect", other.address)
        second.set("/fake/properties", "[ro.product.model]: [Second]")
        with pytest.raises(UsageError, match="2 phones") as caught:
            open_device("adb:")
        assert daemon.address in caught.value.hint
        with open_device(f"adb:{other.address}") as device, opened(daemon) as first:
            assert (device.facts().model, first.facts().model) == ("Second", "Pixel 8")
        assert {one.id for one in find_devices((kind.KIND,))} == {f"adb:{daemon.address}", f"adb:{other.address}"}


def test_a_slow_cable(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.delay = 0.02
    with opened(daemon) as device:
        path = device.push(file(tmp_path, BIG))
        assert device.run(Command(words=("wc", "-c", path))).out.split()[0] == str(len(BIG)).encode()


def test_no_phone(adb: Adb) -> None:
    adb("kill-server")
    assert find_devices((kind.KIND,)) == []  # and no server ran: it was started
    assert "List of devices" in adb("devices")
    with pytest.raises(TransientError, match="no phone"):
        open_device("adb:")
    with pytest.raises(TransientError, match="not connected"):
        open_device("adb:SERIAL")
    with pytest.raises(UsageError):
        open_device("adb:a;b")


# --- what killed sessions left -----------------------------------------------------------------------------------------


def test_leftovers_of_killed_sessions_are_removed(daemon: FakeDaemon, handset: Handset) -> None:
    tmp = handset.root / "data/local/tmp"
    dead = opened(daemon)
    dead.__enter__()
    dead.spawn(Command(words=("sleep", "78")))  # and then this process was killed:
    (folder,) = tmp.iterdir()
    (folder / "owner").write_text((folder / "owner").read_text().rsplit(" ", 1)[0] + " 1")
    (tmp / "nngauge-0123456789ab").mkdir()  # of another computer, just now
    (tmp / "nngauge-0123456789ab/owner").write_text("other 1 1")
    (tmp / "nngauge-notes").mkdir()  # of somebody else
    (tmp / "nngauge-ffffffffffff").symlink_to("/data/local")
    with opened(daemon), opened(daemon):  # sessions at the same time leave each other alone
        assert not folder.exists()
        assert len(handset.left()) == 5
        assert not any("sleep 78" in line for line in handset.processes())
    assert handset.left() == ["nngauge-0123456789ab", "nngauge-ffffffffffff", "nngauge-notes"]


def test_a_killed_process_leaves_nothing_for_long(daemon: FakeDaemon, handset: Handset) -> None:
    code = (
        "import sys; from nngauge.devices import Command, open_device\n"
        "with open_device(sys.argv[1]) as device:\n"
        "    device.spawn(Command(words=('sleep', '90'))); print('ready', flush=True)\n"
        "    device.run(Command(words=('sh', '-c', 'setsid sleep 91 & sleep 92')))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, f"adb:{daemon.address}"], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        until(lambda: any("sleep 92" in line for line in handset.processes()))
        process.kill()
    assert len(handset.left()) == 1
    with opened(daemon):
        assert not any("sleep 9" in line for line in handset.processes())
    assert (handset.left(), handset.processes()) == ([], [])


def test_a_phone_that_hangs_is_listed(daemon: FakeDaemon, handset: Handset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "_FIND_SECONDS", 0.5)
    handset.tool("getprop", "sleep 20")
    (found,) = [one for one in find_devices((kind.KIND,)) if one.id == f"adb:{daemon.address}"]
    assert "does not answer" in found.problem


def test_old_sessions_of_other_computers_are_removed(daemon: FakeDaemon, handset: Handset) -> None:
    folder = handset.root / "data/local/tmp/nngauge-0123456789ab"
    folder.mkdir()
    (folder / "owner").write_text("other 1 1")
    os.utime(folder, (0, 0))
    with opened(daemon):
        pass
    assert handset.left() == []


def test_cleaned_up_after_failure(daemon: FakeDaemon, handset: Handset) -> None:
    with pytest.raises(ZeroDivisionError), opened(daemon) as device:
        assert 1 / len(str(device.spawn(Command(words=("sleep", "79"))))[:0])
    assert (handset.left(), handset.processes()) == ([], [])
