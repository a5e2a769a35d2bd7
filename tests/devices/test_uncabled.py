"""gaugeNN's protocol on the phone of the tests: cable cut, runner and gauge's log as a daemon there, results fetched afterwards.

The gauge is scripted by what really runs on the phone: 0.6 W at rest, 2.0 W while the runner does.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nngauge.cli import cli
from nngauge.instruments import untethered
from nngauge.measure import energy
from tests.builders.adbd import FakeDaemon
from tests.builders.handset import DUMPS, PROPERTIES, Handset
from tests.devices.test_adb import until
from tests.devices.test_command_line import MODEL, like_this_machine, runtime

Adb = Callable[..., str]
BATTERY = "/sys/class/power_supply/battery"
REST, BUSY = 150_000, 500_000
"""Microamperes, at 4 V."""
PLUGGED = DUMPS["battery"].replace("USB powered: false", "USB powered: true").replace("status: 3", "status: 2")
__all__ = ["runtime"]


class Hub:
    """A USB hub with a port that is switched by the program uhubctl, and the phone on it."""

    def __init__(self, adb: Adb, phone: Handset, daemon: FakeDaemon, folder: Path, *, stubborn: bool = False) -> None:
        self.adb, self.phone, self.daemon, self.folder, self.stubborn = adb, phone, daemon, folder, stubborn
        self.serial = f"emulator-{10_000 + os.getpid() % 20_000}"
        self.power, self.cuts = True, 0
        self.drawn: list[bool] = []
        program = folder / "uhubctl"
        program.write_text(
            f"#!/bin/sh\nshift 5; echo $1 > {folder}/wanted\nwhile [ -e {folder}/wanted ]; do sleep 0.05; done\n"
        )
        program.chmod(0o755)
        self.plug(on=True)
        until(lambda: self.adb("-s", self.serial, "get-state").strip() == "device")

    def plug(self, *, on: bool) -> None:
        """A hub that is stubborn says that it switches, and takes only the data away."""
        charging = on or self.stubborn
        self.phone.set(f"{BATTERY}/status", "Charging" if charging else "Discharging")
        self.phone.dump("battery", PLUGGED if charging else DUMPS["battery"])
        if on:
            port = self.daemon.address.rpartition(":")[2]
            self.daemon.plugged = True
            self.adb("connect", f"emu:{self.serial.rpartition('-')[2]},{port}")  # or it found the phone again by itself
        else:
            self.cuts += 1
            self.daemon.plugged = False
            self.daemon.cut()

    def live(self, over: threading.Event) -> None:
        """The gauge goes on, and the switch is watched."""
        chance = random.Random(0)
        wanted = self.folder / "wanted"
        while not over.wait(0.1):
            busy = self.phone.runs(b"/data/local/tmp/nngauge-")
            self.drawn.append(busy)
            self.phone.set(f"{BATTERY}/next", str(-(BUSY if busy else REST) - chance.randrange(4000)))
            folder = self.phone.root / BATTERY.lstrip("/")
            (folder / "next").replace(folder / "current_now")  # nobody reads half of it
            if wanted.exists() and (text := wanted.read_text().strip()):
                self.plug(on=text == "on")
                wanted.unlink()


@contextmanager
def connected(adb: Adb, phone: Handset, folder: Path, **how: Any) -> Iterator[Hub]:
    over = threading.Event()
    with FakeDaemon(phone) as daemon:
        hub = Hub(adb, phone, daemon, folder, **how)
        thread = threading.Thread(target=hub.live, args=(over,))
        thread.start()
        try:
            yield hub
        finally:
            over.set()
            thread.join()
            adb("disconnect")


@pytest.fixture
def phone(adb: Adb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handset]:
    """With this machine's processor, a gauge and airplane mode, on a cable."""
    adb("disconnect")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(energy, "EnergyPlan", partial(energy.EnergyPlan, updates=6))
    made = like_this_machine(Handset(tmp_path / "phone", properties={**PROPERTIES, "ro.product.cpu.abi": "x86_64"}))
    made.set(f"{BATTERY}/voltage_now", "4000000")
    made.set(f"{BATTERY}/current_now", str(-REST))
    made.set("/fake/settings", "0")
    made.tool(
        "cmd",
        'case "$1 $3" in "connectivity enable") echo 1 > /fake/settings;; "connectivity disable") echo 0 > /fake/settings;; esac',
    )
    made.tool("input", "exit 0")
    with made as handset:
        yield handset


def measured(hub: Hub, runtime: Path, kept: Path, seconds: int = 4, threads: str = "1") -> Result:
    words = ["measure", MODEL, "--device", f"adb:{hub.serial}", "--runtime", runtime, "--energy", "--meter", "battery",
             "--usb", "uhubctl:1-1.4:2", "--energy-blocks", 2, "--energy-seconds", seconds, "--launches", 1,
             "--most-launches", 1, "--quiet", "-o", kept, "--threads", threads]  # fmt: skip
    return CliRunner().invoke(cli, [str(word) for word in words])


def noticed(block: dict[str, Any]) -> bool:
    """The loop's 2.0 W and the 0.6 W before it, as far as the gauge showed them: it is scripted by a thread that a busy machine
    holds up, and what it shows late makes the difference smaller, never larger (on a quiet one it is 1.4 W within 10 %).
    """
    return 0.4 < block["loop_watts"] - block["before_watts"] < 1.45  # type: ignore[no-any-return]


def test_from_the_cut_to_joules(adb: Adb, phone: Handset, runtime: Path, tmp_path: Path) -> None:
    with connected(adb, phone, tmp_path) as hub:
        done = measured(hub, runtime, tmp_path / "session.json")
        assert (phone.left(), phone.processes()) == ([], [])
        assert hub.cuts == 1
    assert done.exit_code == 0, done.output
    (found,) = json.loads((tmp_path / "session.json").read_text())["energies"]
    assert found["refusal"] is None
    blocks = found["energy"]["blocks"]
    assert len(blocks) == 2
    assert all(noticed(block) and block["seconds"] >= 4 for block in blocks)
    each = [
        (block["loop_watts"] - (block["before_watts"] + block["after_watts"]) / 2)
        * block["seconds"] / block["inferences"]
        for block in blocks
    ]  # fmt: skip
    assert found["energy"]["joules"] == pytest.approx(sum(each) / 2)
    ran = json.loads((tmp_path / "session.json").read_text())["measurements"][0]["launches"][0]
    assert all(block["seconds"] / block["inferences"] > 0.1e-9 * min(ran["cpu_ns"]) for block in blocks)
    assert (phone.root / "fake/settings").read_text().strip() == "0"  # airplane mode is as it was


def test_configurations_take_turns_in_one_session_without_the_cable(
    adb: Adb, phone: Handset, runtime: Path, tmp_path: Path
) -> None:
    with connected(adb, phone, tmp_path) as hub:
        done = measured(hub, runtime, tmp_path / "session.json", 3, threads="1,2")
        assert (phone.left(), phone.processes()) == ([], [])
        assert hub.cuts == 1
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "session.json").read_text())["energies"]
    assert [item["configuration"]["threads"] for item in found] == [1, 2]
    for item in found:
        assert [block["block"] for block in item["energy"]["blocks"]] == [1, 2]
        for block in item["energy"]["blocks"]:
            assert noticed(block)


def test_a_hub_that_only_says_so(
    adb: Adb, phone: Handset, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data lines are gone and the phone goes on charging: it says so, and there are no joules."""
    monkeypatch.setattr(untethered, "PULLED_SECONDS", 3)
    with connected(adb, phone, tmp_path, stubborn=True) as hub:
        done = measured(hub, runtime, tmp_path / "session.json", 1)
    (found,) = json.loads((tmp_path / "session.json").read_text())["energies"]
    assert found["energy"] is None
    assert found["refusal"]["kind"] == "charging", done.output
    assert "went on charging" in found["refusal"]["reason"]


def test_a_hub_that_does_not_answer(adb: Adb, phone: Handset, runtime: Path, tmp_path: Path) -> None:
    with connected(adb, phone, tmp_path) as hub:
        (tmp_path / "uhubctl").write_text("#!/bin/sh\necho no such port >&2; exit 1\n")
        done = measured(hub, runtime, tmp_path / "session.json", 1)
        assert (phone.left(), phone.processes()) == ([], [])
    assert done.exit_code == 3, "energy was asked for and not measured"
    (found,) = json.loads((tmp_path / "session.json").read_text())["energies"]
    assert "USB power was not switched: no such port" in found["refusal"]["reason"]
    assert (phone.root / "fake/settings").read_text().strip() == "0"
