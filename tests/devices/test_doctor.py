"""The doctor on a scripted phone: every look finds what is wrong, and the report tells nobody's name."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from nngauge.cli import cli
from nngauge.devices import checks_of_work, open_device
from nngauge.devices.doctor import LOOKS, examine
from nngauge.domain.checkup import Check, Checkup, Verdict
from tests.builders.adbd import FakeDaemon
from tests.builders.handset import Handset

QUICK = tuple(look for look in LOOKS if look.name not in ("steady", "jobs", "copies"))


def by_name(checkup: Checkup) -> dict[str, Check]:
    return {check.name: check for check in checkup.checks}


def test_a_phone_that_is_fit(daemon: FakeDaemon, handset: Handset, tmp_path: Path) -> None:
    handset.set("/fake/settings", "1")
    handset.set("/sys/class/power_supply/battery/current_now", "-310000")
    done = CliRunner().invoke(cli, ["doctor", "--device", f"adb:{daemon.address}", "-o", str(tmp_path / "report.json")])
    checkup = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Checkup)
    found = by_name(checkup)
    # This machine has no ninth core to bind to, and is as busy as it is.
    others = [name for name, check in found.items() if check.verdict is not Verdict.GOOD]
    assert set(others) <= {"binding", "steady", "quiet", "answers", "copies"}
    assert checkup.fit
    assert done.exit_code == 0
    assert "Google Pixel 8" in done.output
    assert found["cores"].found == "1 × 2.91 GHz + 4 × 2.37 GHz + 4 × 1.70 GHz"
    assert found["battery"].found == "83% of 4575 mAh, discharging"
    assert (handset.left(), handset.processes()) == ([], [])
    text = (tmp_path / "report.json").read_text()
    for secret in (
        "SECRETSERIAL",
        daemon.address,
        socket.gethostname(),
        f"{getpass.getuser()}@",
        "/data/local",
        "nngauge-",
    ):
        assert secret not in text
    assert checkup.device.id == "adb"


def _hot(phone: Handset) -> None:
    phone.dump("thermalservice", "Thermal Status: 5\n")


def _warm(phone: Handset) -> None:
    phone.dump("battery", "  level: 83\n  scale: 100\n  temperature: 391\n")


def _plugged(phone: Handset) -> None:
    phone.dump("battery", "  USB powered: true\n  level: 83\n  scale: 100\n")


def _empty(phone: Handset) -> None:
    phone.dump("battery", "  USB powered: false\n  level: 9\n  scale: 100\n")


def _awake(phone: Handset) -> None:
    phone.dump("power", "  mWakefulness=Awake\n")


def _online(phone: Handset) -> None:
    phone.set("/fake/settings", "0")


def _emulator(phone: Handset) -> None:
    phone.set("/fake/properties", "[ro.hardware]: [ranchu]\n[ro.product.cpu.abi]: [x86_64]")


def _old(phone: Handset) -> None:
    phone.set("/fake/properties", "[ro.product.cpu.abi]: [armeabi-v7a]")


def _blind(phone: Handset) -> None:
    phone.tool("dumpsys", "exit 1")
    (phone.root / "sys/class/thermal").rename(phone.root / "sys/away")


def _saving(phone: Handset) -> None:
    phone.set("/sys/devices/system/cpu/cpu8/cpufreq/scaling_governor", "powersave")


def _small(phone: Handset) -> None:
    phone.set("/fake/meminfo", "MemTotal:        1902312 kB\nMemAvailable:    220000 kB")


def _unbound(phone: Handset) -> None:
    phone.without("taskset")


def _full(phone: Handset) -> None:
    phone.tool("df", "echo 'Filesystem 1K-blocks Used Available Use% Mounted'; echo '/dev/x 9000 8000 1000 89% /data'")


WRONG: list[tuple[Callable[[Handset], None], str, Verdict, str]] = [
    (_hot, "temperature", Verdict.BLOCKS, "cool"),
    (_warm, "temperature", Verdict.DOUBTFUL, "32 °C"),
    (_plugged, "battery", Verdict.DOUBTFUL, "cut the power"),
    (_empty, "battery", Verdict.DOUBTFUL, "20 %"),
    (_awake, "screen", Verdict.DOUBTFUL, "switch it off"),
    (_online, "radios", Verdict.DOUBTFUL, "airplane"),
    (_emulator, "processor", Verdict.BLOCKS, "real phone"),
    (_old, "abi", Verdict.BLOCKS, "arm64"),
    (_blind, "temperature", Verdict.DOUBTFUL, "ten minutes"),
    (_saving, "clocks", Verdict.DOUBTFUL, "governor"),
    (_small, "memory", Verdict.DOUBTFUL, "close apps"),
    (_unbound, "binding", Verdict.DOUBTFUL, "vary more"),
    (_full, "storage", Verdict.BLOCKS, "free some space"),
    (lambda phone: None, "power", Verdict.DOUBTFUL, "meter"),
    (lambda phone: None, "radios", Verdict.UNKNOWN, "airplane"),
]


@pytest.mark.parametrize(("spoil", "name", "verdict", "advice"), WRONG)
def test_what_stands_in_the_way(
    daemon: FakeDaemon, handset: Handset, spoil: Callable[[Handset], None], name: str, verdict: Verdict, advice: str
) -> None:
    spoil(handset)
    looks = tuple(look for look in QUICK if look.name == name)
    checkup = examine(f"adb:{daemon.address}", open_device, looks=looks)
    (check,) = checkup.checks
    assert (check.name, check.verdict) == (name, verdict), check
    assert advice in check.advice
    assert check.why
    assert checkup.fit == (verdict is not Verdict.BLOCKS)


def test_storage_that_spoils_what_is_sent(daemon: FakeDaemon, handset: Handset) -> None:
    handset.spoil = lambda path, data: data[:-1] + b"?"
    found = by_name(
        examine(f"adb:{daemon.address}", open_device, looks=tuple(look for look in LOOKS if look.name == "copies"))
    )
    assert found["copies"].verdict is Verdict.BLOCKS
    assert "not what was sent" in found["copies"].found


def test_the_cable_is_pulled_meanwhile(daemon: FakeDaemon) -> None:
    told = []

    def pull(title: str) -> None:
        told.append(title)
        if len(told) == 3:
            daemon.cut()

    found = [check.verdict for check in examine(f"adb:{daemon.address}", open_device, looks=QUICK, tell=pull).checks]
    assert len(found) == len(QUICK)
    assert Verdict.BLOCKS in found


def test_a_phone_that_is_not_there_is_a_finding(adb: Callable[..., str]) -> None:
    done = CliRunner().invoke(cli, ["doctor", "--device", "adb:HIDDENSERIAL", "--json"])
    assert done.exit_code == 1
    assert "HIDDENSERIAL" not in done.output
    (check,) = json.loads(done.output)["checks"]
    assert (check["name"], check["verdict"]) == ("reachable", "in the way")


def test_no_more_than_two_minutes() -> None:
    times = iter((0.0, *(40.0 * number for number in range(100))))
    checkup = examine("host", open_device, looks=QUICK, clock=lambda: next(times))
    assert [check.verdict for check in checkup.checks[3:]] == [Verdict.UNKNOWN] * (len(QUICK) - 3)


def test_devices_are_listed(daemon: FakeDaemon) -> None:
    done = CliRunner().invoke(cli, ["devices", "--json"])
    rows = {row["id"]: row for row in json.loads(done.output)}
    assert rows[f"adb:{daemon.address}"]["says"] == "Google Pixel 8 arm64-v8a, Android 15"
    assert "host" in rows
    assert "Google Pixel 8" in CliRunner().invoke(cli, ["devices"]).output


def test_spread_is_judged() -> None:
    steady = [400_000_000 + number * 1_000_000 for number in range(8)]
    assert checks_of_work._spread(steady, 1.0).verdict is Verdict.GOOD
    assert checks_of_work._spread(steady, 1.2).verdict is Verdict.DOUBTFUL
    assert checks_of_work._spread([100, 110, 90, 120, 80, 130, 70, 100], 1.0).verdict is Verdict.DOUBTFUL


def test_looks_say_why() -> None:
    names = [look.name for look in LOOKS]
    assert len(set(names)) == len(names)
    assert all(look.why and look.title for look in LOOKS)
