"""Counters of processors: which to add, where they start again, who may read them."""

from __future__ import annotations

import pytest

from nngauge.errors import AccessError, MalformedError, UnsupportedError, UsageError
from nngauge.instruments import Setup
from nngauge.instruments.powercap import METER, chosen, domains, reading, unwrapped
from nngauge.instruments.trace import energy
from tests.builders.power import FakeClock, FakeDevice

ROOT = "/sys/class/powercap"


def machine(sockets: int = 1, readable: bool = True) -> FakeDevice:
    files: dict[str, bytes] = {}

    def add(path: str, name: str) -> None:
        files[f"{ROOT}/{path}/name"] = name.encode() + b"\n"
        files[f"{ROOT}/{path}/max_energy_range_uj"] = b"262143328850\n"
        if readable:
            files[f"{ROOT}/{path}/energy_uj"] = b"1000000\n"

    for socket in range(sockets):
        add(f"intel-rapl:{socket}", f"package-{socket}")
        for part, name in enumerate(("core", "uncore", "dram")):
            add(f"intel-rapl:{socket}:{part}", name)
    add(f"intel-rapl:{sockets}", "psys")
    return FakeDevice(files)


def test_domains_and_packages_by_default() -> None:
    found = domains(machine(2))
    assert [item.rail for item in found][:4] == ["package-0", "package-0/core", "package-0/uncore", "package-0/dram"]
    assert found[0].range_joules == pytest.approx(262143.32885)
    assert [item.rail for item in chosen(found, ())] == ["package-0", "package-1"]
    assert [item.rail for item in chosen(found, ["package-*/core"])] == ["package-0/core", "package-1/core"]
    assert len(chosen(found, ["package-*", "package-*/dram"])) == 4


@pytest.mark.parametrize("rails", [["package-0", "package-0/core"], ["psys", "package-*"]])
def test_nothing_is_counted_twice(rails: list[str]) -> None:
    with pytest.raises(UsageError, match=r"counts .* twice"):
        chosen(domains(machine()), rails)


def test_unknown_rails_are_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError) as raised:
        chosen(domains(machine()), ["gpu"])
    assert "package-0/dram" in raised.value.hint


def test_root_only_and_absent() -> None:
    with pytest.raises(AccessError, match="root only"):
        domains(machine(readable=False))
    with pytest.raises(UnsupportedError, match="no energy counters"):
        METER.open(Setup(clock=FakeClock(), device=FakeDevice()))


def test_a_counter_that_starts_again() -> None:
    span, watts = 1000.0, 90.0
    seconds = [0.5 * at for at in range(200)]
    told = [(900 + watts * time) % span for time in seconds]
    joules = unwrapped(seconds, told, span, "package-0")
    assert joules[-1] - joules[0] == pytest.approx(watts * seconds[-1])


def test_a_reset_is_no_new_start() -> None:
    with pytest.raises(MalformedError, match="was reset"):
        unwrapped([0, 0.5, 1.0], [5000, 5050, 3], 262143.0, "package-0")


def test_too_long_without_a_reading() -> None:
    with pytest.raises(MalformedError, match="more than once"):
        unwrapped([0, 400], [0, 5], 65536.0, "package-0")


def test_known_energy() -> None:
    found = chosen(domains(machine(2)), ())
    polled = [(0.5 * at, (100 + 15.0 * at / 2, 7 + 5.0 * at / 2)) for at in range(100)]
    told = reading(polled, found)
    assert told.outside
    assert energy(told.trace, 10, 40) == pytest.approx(600, rel=1e-3)
    with pytest.raises(MalformedError, match="stands still"):
        reading([(0.0, (1.0, 1.0)), (1.0, (1.0, 2.0))], found)
    with pytest.raises(MalformedError, match="fewer than twice"):
        reading([], found)


def test_recorded() -> None:
    device = machine()
    turns = iter(range(1_000_000))
    device.files[f"{ROOT}/intel-rapl:0/energy_uj"] = lambda: b"%d" % (10_000_000 * next(turns))
    clock = FakeClock()
    recording = METER.open(Setup(clock=clock, device=device)).start()
    while clock.time < 120:
        pass
    assert recording.stop().trace.power[3] == pytest.approx(20.0)
