"""Power rails of Perfetto traces, written field by field, and read by the schema's own classes where they are installed."""

from __future__ import annotations

import random

import pytest

from nngauge.domain.energy import EnergyDoubt
from nngauge.errors import InputError, MalformedError, UnreadableError, UnsupportedError
from nngauge.instruments import Setup, Wanted
from nngauge.instruments.perfetto import METER, config, parse, reading
from nngauge.instruments.trace import energy
from tests.builders.power import FakeClock, FakeDevice, ran
from tests.builders.wire import message, number


def descriptor(index: int, name: str, subsystem: str = "cpu") -> bytes:
    return message(1, number(1, index), message(2, name), message(3, subsystem), number(4, 1023))


def datum(index: int, energy_uws: int, ms: int | None = None) -> bytes:
    return message(2, number(1, index), number(2, ms) if ms is not None else b"", number(3, energy_uws))


def packet(*parts: bytes, ns: int | None = None, clock: int | None = None) -> bytes:
    head = (number(8, ns) if ns is not None else b"") + (number(58, clock) if clock is not None else b"")
    return message(1, head, *parts)


def rails(*parts: bytes, **how: int) -> bytes:
    return packet(message(40, *parts), **how)


def trace(watts: dict[str, float], seconds: int = 60, start: int = 5_000) -> bytes:
    """Rails at constant power, every half second, milliseconds since boot."""
    names = list(watts)

    def at(half: int) -> bytes:
        values = [
            datum(nr, 10**9 + round(watts[name] * half * 5e5), start + 500 * half) for nr, name in enumerate(names)
        ]
        return rails(*values, ns=(start + 500 * half) * 10**6 + 3)

    head = rails(*(descriptor(nr, name) for nr, name in enumerate(names)))
    return head + b"".join(at(half) for half in range(2 * seconds + 1))


def test_the_repositorys_own_example() -> None:
    """The example of Perfetto's power rail tests, without the energy that falls."""
    data = (
        rails(descriptor(4, "S3M_VDD_CPUCL1"))
        + rails(datum(4, 333, 3), ns=3000003)
        + rails(descriptor(3, "S2S_VDD_G3D", "gpu"), datum(4, 666, 5), datum(3, 999), ns=3000005)
    )
    found = parse(data)
    assert [(rail.name, rail.subsystem, rail.trace.seconds, rail.trace.joules) for rail in found.rails] == [
        ("S3M_VDD_CPUCL1", "cpu", (0.003, 0.005), (0.0, pytest.approx(333e-6)))
    ]  # a rail with one value has no power


def test_known_energy() -> None:
    found = reading(parse(trace({"S4M_VDD_CPUCL0": 0.25, "VSYS_PWR_MODEM": 3.0, "S1M_VDD_MIF": 0.5})))
    assert found.facts.rails == ("S1M_VDD_MIF", "S4M_VDD_CPUCL0")
    assert energy(found.trace, 10, 50) == pytest.approx(30.0, rel=1e-6)
    assert found.outside
    assert found.doubts == ()


def test_without_memory_it_is_a_part() -> None:
    assert reading(parse(trace({"S4M_VDD_CPUCL0": 0.25}))).doubts == (EnergyDoubt.PART,)


def test_rails_by_pattern_and_none_that_fits() -> None:
    data = trace({"BUCK7": 1.0, "LDO3": 2.0})
    assert energy(reading(parse(data), ["buck*"]).trace, 10, 20) == pytest.approx(10)
    with pytest.raises(UnsupportedError, match="no power rail fits") as raised:
        reading(parse(data))
    assert "BUCK7" in raised.value.hint
    with pytest.raises(UnsupportedError, match="holds no power rails"):
        reading(parse(b""))


def test_order_and_repeated_values() -> None:
    parts = [
        rails(descriptor(1, "CPU")),
        rails(datum(1, 30, 30)),
        rails(datum(1, 10, 10)),
        rails(datum(1, 20, 20), datum(1, 20, 20)),
    ]
    assert parse(b"".join(parts)).rails[0].trace.joules == pytest.approx((0, 10e-6, 20e-6))


def test_two_values_at_one_time_and_a_reset() -> None:
    with pytest.raises(MalformedError, match="two energies"):
        parse(rails(datum(1, 333, 3)) + rails(datum(1, 0, 3)))
    with pytest.raises(MalformedError, match="reset"):
        parse(rails(datum(1, 333, 3)) + rails(datum(1, 5, 4)))


def test_one_index_two_rails() -> None:
    with pytest.raises(UnsupportedError, match="rail 0 is"):
        parse(rails(descriptor(0, "CPU_RAIL")) + rails(descriptor(0, "GPU_RAIL")))


def test_sessions_of_several_monitors() -> None:
    """As Perfetto's own test of session_uuid: one index, two rails; and one name twice, which is not added up."""

    def session(uuid: int, *parts: bytes) -> bytes:
        return packet(message(40, *parts, number(3, uuid)))

    data = session(100, descriptor(0, "CPU_RAIL")) + session(200, descriptor(0, "GPU_RAIL"))
    data += session(100, datum(0, 500, 1)) + session(200, datum(0, 750, 2))
    data += session(100, datum(0, 1000, 3)) + session(200, datum(0, 1250, 4))
    assert [(rail.name, rail.trace.seconds) for rail in parse(data).rails] == [
        ("CPU_RAIL", (0.001, 0.003)),
        ("GPU_RAIL", (0.002, 0.004)),
    ]
    with pytest.raises(UnsupportedError, match="count them twice"):
        reading(parse(data.replace(b"GPU_RAIL", b"CPU_RAIL")))


def test_other_machines_are_left_out() -> None:
    ours = rails(descriptor(0, "CPU")) + rails(datum(0, 5, 1)) + rails(datum(0, 9, 2))
    theirs = packet(message(40, datum(0, 1, 3)), number(98, 1))
    assert parse(ours + theirs).rails[0].trace.seconds == (0.001, 0.002)


def test_other_clocks() -> None:
    with pytest.raises(UnsupportedError, match="another clock"):
        parse(rails(datum(1, 5), ns=3, clock=128))
    assert parse(rails(datum(1, 5, 1), ns=3, clock=128) + rails(datum(1, 9, 2))).rails
    assert parse(rails(datum(1, 5), ns=10**6, clock=6) + rails(datum(1, 9), ns=2 * 10**6)).rails[0].trace.seconds == (
        0.001,
        0.002,
    )


@pytest.mark.parametrize("field", [50, 133])
def test_compressed(field: int) -> None:
    with pytest.raises(UnsupportedError, match="compressed"):
        parse(packet(message(field, b"x\x9c")))


def test_battery_counters() -> None:
    data = packet(message(38, number(1, 2_900_000), number(3, -250_000)), ns=2 * 10**9)
    (point,) = parse(data).battery
    assert (point.seconds, point.microamps, point.microamp_hours) == (2.0, -250_000, 2_900_000)


def test_hostile_bytes() -> None:
    good = trace({"CPU": 1.0, "DDR": 0.5}, seconds=3)
    chance = random.Random(5)
    for _ in range(400):
        data = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            reading(parse(bytes(data[: chance.randint(0, len(data))])), ["*"])
        except InputError:
            continue


def test_the_schemas_own_classes_read_the_same() -> None:
    schema = pytest.importorskip(
        "perfetto.protos.perfetto.trace.perfetto_trace_pb2", reason="perfetto is not installed"
    )
    whole = schema.Trace()
    whole.ParseFromString(trace({"S4M_VDD_CPUCL0": 0.25, "S1M_VDD_MIF": 0.5}))
    theirs = sum(datum.energy for packet in whole.packet for datum in packet.power_rails.energy_data)
    found = parse(whole.SerializeToString())
    ours = sum(round(value * 1e6) + 10**9 for rail in found.rails for value in rail.trace.joules)
    assert ours == theirs


def test_loaded_from_a_file(tmp_path) -> None:
    path = tmp_path / "trace.pftrace"
    path.write_bytes(trace({"CPU": 1.0}))
    assert METER.load is not None
    assert energy(METER.load(path, Wanted()).trace, 10, 20) == pytest.approx(10)
    with pytest.raises(UnreadableError):
        METER.load(tmp_path / "absent", Wanted())


def test_recorded_on_a_phone() -> None:
    """Started in the background, stopped, fetched, removed, and brought to the session's clock."""
    clock = FakeClock(tick=0.001)
    device = FakeDevice(
        {"/proc/uptime": lambda: b"%.2f 99.00\n" % (clock.time - 95)},
        {
            ("perfetto", "--txt"): lambda _c: ran(),
            ("perfetto", "--attach"): lambda _c: ran(),
            ("cat",): lambda _c: ran(trace({"CPU": 1.0, "DDR": 1.0})),
            ("rm",): lambda _c: ran(),
        },
    )
    device.answers[("perfetto",)] = lambda _c: ran()
    recording = METER.open(Setup(clock=clock, device=device)).start()
    found = recording.stop()
    assert found.trace.clock == "session"
    assert found.trace.start == pytest.approx(100, abs=0.02)
    assert found.uncertain_seconds < 0.02
    assert [command.words[0] for command in device.commands] == ["perfetto", "perfetto", "cat", "rm"]
    assert b"collect_power_rails: true" in device.commands[0].given
    assert config(250).count("{") == config(250).count("}")


def test_a_phone_without_perfetto() -> None:
    with pytest.raises(UnsupportedError, match="did not start"):
        METER.open(Setup(clock=FakeClock(), device=FakeDevice())).start()
