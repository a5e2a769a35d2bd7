"""What /sys, /proc and Android's tools say, in the forms that real devices say it in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngauge.devices import android, linux, session
from nngauge.domain.measurement import Cluster

CPU = "/sys/devices/system/cpu"
ZONES = "/sys/class/thermal/thermal_zone"


def test_a_listing_with_colons_in_names() -> None:
    text = (
        "/sys/class/power_supply/ucsi-source-psy-USBC000:001/online:1\n"
        "/sys/class/power_supply/ucsi-source-psy-USBC000:001/type:USB\n/proc/loadavg:1.52 1.02 1.00 2/900 1\n"
        "grep: nonsense\n/sys/class/power_supply/a:b/type:Battery: odd\n"
    )
    found = linux.read_listing(text, linux.STATE_FILES)
    assert found == {
        "/sys/class/power_supply/ucsi-source-psy-USBC000:001/online": "1",
        "/sys/class/power_supply/ucsi-source-psy-USBC000:001/type": "USB",
        "/proc/loadavg": "1.52 1.02 1.00 2/900 1",
        "/sys/class/power_supply/a:b/type": "Battery: odd",
    }
    assert linux.load(found) == 1.52


def test_clusters_without_capacity_or_clock_are_told_apart_by_part() -> None:
    cpuinfo = "".join(
        f"processor\t: {core}\nCPU part\t: {part}\n\n" for core, part in enumerate(("0xd05", "0xd05", "0xd41"))
    )
    assert linux.clusters({}, cpuinfo) == (Cluster(cores=(0, 1)), Cluster(cores=(2,)))
    assert linux.clusters({f"{CPU}/present": "0-1,5"}) == (Cluster(cores=(0, 1, 5)),)
    assert linux.clusters({f"{CPU}/present": "0-99999999999999,x,3-1"}) == ()
    assert linux.clusters({}) == ()


@pytest.mark.parametrize(("raw", "celsius"), [("41250", 41.25), ("412", 41.2), ("41", 41.0), ("-5000", -5.0)])
def test_units_of_temperatures(raw: str, celsius: float) -> None:
    assert linux.temperatures({f"{ZONES}0/type": "soc", f"{ZONES}0/temp": raw}) == {"soc": celsius}


@pytest.mark.parametrize("raw", ["0", "-274000", "200000", "", "n/a", "9" * 40])
def test_switched_off_zones_are_left_out(raw: str) -> None:
    assert linux.temperatures({f"{ZONES}0/type": "soc", f"{ZONES}0/temp": raw}) == {}


def test_zones_of_one_name_are_kept_apart() -> None:
    texts = {
        f"{ZONES}{number}/{name}": value
        for number in (0, 1)
        for name, value in (("type", "cpu"), ("temp", f"4{number}000"))
    }
    assert linux.temperatures(texts) == {"cpu": 40.0, "cpu (1)": 41.0}


def test_batteries_and_chargers() -> None:
    supply = "/sys/class/power_supply"
    cell = {f"{supply}/BAT0/type": "Battery", f"{supply}/BAT0/capacity": "55", f"{supply}/BAT0/status": "Discharging"}
    assert linux.battery(cell) == (0.55, False)
    assert linux.battery(cell | {f"{supply}/AC/type": "Mains", f"{supply}/AC/online": "1"}) == (0.55, True)
    assert linux.battery({f"{supply}/AC/type": "Mains", f"{supply}/AC/online": "1"}) == (None, None)
    assert linux.battery({}) == (None, None)


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "emulated"),
    [
        ("aarch64", "processor : 0\nCPU part : 0xd4d\n", False),
        ("aarch64", "processor : 0\nvendor_id : GenuineIntel\n", True),
        ("x86_64", "vendor_id : GenuineIntel\nmodel name : Intel(R) Xeon(R)\n", False),
        ("x86_64", "vendor_id : AuthenticAMD\nmodel name : QEMU TCG CPU version 2.5+\n", True),
        ("x86_64", "vendor_id : AuthenticAMD\nmodel name : QEMU Virtual CPU version 2.5+\n", True),
        ("i686", "vendor_id : GenuineIntel\n", False),
        ("", "", False),
    ],
)
def test_emulated_processors(machine: str, cpuinfo: str, emulated: bool) -> None:
    assert linux.emulated(machine, cpuinfo) is emulated


def test_android_says() -> None:
    text = " Temperature{mValue=99.0, mType=3, mName=old, mStatus=0}\nCurrent temperatures from HAL:\n"
    text += "\tTemperature{mValue=31.2, mType=3, mName=VIRTUAL-SKIN, mStatus=0}\n\tTemperature{mValue=NaN, mType=0, mName=CPU0}\n"
    assert android.temperatures(text) == {"VIRTUAL-SKIN": 31.2}
    assert android.temperatures("") == {}
    assert android.thermal_status("Thermal Status: 2\n") == 2
    assert android.battery("  level: 50\n  scale: 200\n  Wireless powered: true\n") == (0.25, True)
    assert android.battery("") == (None, None)
    assert android.screen_on("mWakefulness=Dozing") is False
    assert android.soc({"ro.board.platform": "lahaina"}) == "lahaina"
    assert android.properties("[a]: [b]\n[c]: [d]]\nx\n") == {"a": "b", "c": "d"}


def test_owners() -> None:
    assert not session.over(session.owner())
    assert session.over(session.owner().rsplit(" ", 1)[0] + " 1")
    for text in ("", "x", "other 1 1", f"{session.owner().split()[0]} ² 1", f"{session.owner().split()[0]} -1 1"):
        assert not session.over(text)
    assert session.left_over(
        "nngauge-../../etc old x\nnngauge-0123456789ab old\n\nnngauge-ba9876543210 new a b c\n"
    ) == ["nngauge-0123456789ab"]


@given(st.text(), st.text())
def test_any_text_is_read(first: str, second: str) -> None:
    texts = linux.read_listing(first, linux.STATE_FILES) | dict.fromkeys(
        (f"{ZONES}0/temp", f"{CPU}/present", "/proc/uptime", "/proc/loadavg", f"{CPU}/cpu0/cpu_capacity"), second
    )
    linux.clusters(texts, first)
    linux.temperatures(texts)
    linux.battery(texts)
    linux.uptime_ns(texts)
    linux.load(texts)
    linux.emulated(first, second)
    android.battery(first)
    android.temperatures(first)
    session.left_over(first)
