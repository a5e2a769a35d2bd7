"""Power rails that a phone measures itself (on-device power monitors), out of a Perfetto trace. Charging does not matter.

`TracePacket.power_rails` (field 40) tells microwatt-seconds since the start for each rail, with milliseconds of CLOCK_BOOTTIME;
`battery` (38) what the gauge says. https://perfetto.dev/docs/data-sources/battery-counters,
https://github.com/google/perfetto/tree/main/protos/perfetto/trace/power. No trace processor is needed.
"""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from msgspec import Struct

from nngauge.devices import Command, OpenDevice
from nngauge.domain.energy import EnergyDoubt, MeterFacts
from nngauge.errors import LimitError, MalformedError, UnreadableError, UnsupportedError, UsageError
from nngauge.instruments._api import Clock, Meter, MeterKind, Reading, Recording, Setup, Wanted
from nngauge.instruments.alignment import Offset, clock_offset
from nngauge.instruments.trace import Trace, checked, moved, together
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, signed, text
from nngauge.io.whole import read_whole
from nngauge.limits import MAX_NAME, MAX_PHONE_ANSWER, MAX_POWER_FILE, MAX_POWER_SAMPLES, MAX_RAILS

_PACKET, _TIMESTAMP, _BATTERY, _RAILS, _CLOCK, _DEFLATED, _ZSTD, _MACHINE = 1, 8, 38, 40, 58, 50, 133, 98
_BOOTTIME: Final = 6
"""ClockSnapshot.BuiltinClocks; also what packets mean that name no clock."""
COMPUTING: Final = ("*CPU*", "*GPU*", "*G3D*", "*TPU*", "*MIF*", "*VDD_INT*", "*DDR*", "*DRAM*")
"""Rails of what computes, and of its memory, by the names that Pixel phones give them."""
_EVERY_MS: Final = 500
_FOLDER: Final = "/data/misc/perfetto-traces"
_SECONDS: Final = 60.0


class Rail(Struct, frozen=True, kw_only=True):
    """One rail: its energy since the start, over the device's time since boot."""

    name: str
    subsystem: str = ""
    trace: Trace


class BatteryPoint(Struct, frozen=True, kw_only=True):
    """What the gauge said. Without a voltage this is no power; it is kept to be compared."""

    seconds: float
    microamps: int | None = None
    """Positive while discharging, Perfetto says; as the gauge gave it."""
    microamp_hours: int | None = None


class Recorded(Struct, frozen=True, kw_only=True):
    """What of power a trace holds."""

    rails: tuple[Rail, ...]
    battery: tuple[BatteryPoint, ...] = ()


_Key = tuple[int, int]
"""Session of a power monitor, and index of the rail in it."""


class _Parsing:
    def __init__(self, buf: Buffer) -> None:
        self.buf = buf
        self.names: dict[_Key, tuple[str, str]] = {}
        self.energy: dict[_Key, dict[int, int]] = defaultdict(dict)
        self.battery: list[BatteryPoint] = []
        self.samples = 0


def parse(buf: Buffer) -> Recorded:
    """Rails and battery of a trace, in the order of their names.

    Raises `MalformedError` for what is no trace or contradicts itself, `UnsupportedError` for compressed traces and other clocks.
    """
    state = _Parsing(buf)
    for field in fields(buf):
        if field.number == _PACKET and field.wire == BYTES:
            _packet(state, field)
    rails = [_rail(state, key, energy) for key, energy in state.energy.items() if len(energy) > 1]
    return Recorded(
        rails=tuple(sorted(rails, key=lambda rail: rail.name)),
        battery=tuple(sorted(state.battery, key=lambda point: point.seconds)),
    )


def _packet(state: _Parsing, packet: Field) -> None:
    timestamp, clock = None, _BOOTTIME
    power: list[Field] = []
    for field in fields(state.buf, packet.start, packet.end):
        if field.number == _TIMESTAMP and field.wire == VARINT:
            timestamp = field.value
        elif field.number == _CLOCK and field.wire == VARINT:
            clock = field.value
        elif field.number in (_RAILS, _BATTERY) and field.wire == BYTES:
            power.append(field)
        elif field.number == _MACHINE and field.value:
            return  # of a virtual machine beside the phone's own system
        elif field.number in (_DEFLATED, _ZSTD):
            raise UnsupportedError("the trace is compressed", hint="record it without compression_type")
    for field in power:
        at = timestamp if clock == _BOOTTIME else None
        if field.number == _RAILS:
            _rails(state, field, at)
        elif at is not None:
            state.battery.append(_battery(state, field, at))


def _rails(state: _Parsing, message: Field, timestamp: int | None) -> None:
    session, parts = 0, []
    for field in fields(state.buf, message.start, message.end):
        if field.number in (1, 2) and field.wire == BYTES:
            parts.append(field)
        elif field.number == 3 and field.wire == VARINT:
            session = field.value
    for field in parts:
        if field.number == 1:
            _describe(state, field, session)
        else:
            _energy(state, field, timestamp, session)


def _describe(state: _Parsing, message: Field, session: int) -> None:
    index, name, subsystem = 0, "", ""
    for field in fields(state.buf, message.start, message.end):
        if field.number == 1 and field.wire == VARINT:
            index = field.value
        elif field.number == 2:
            name = _printable(text(state.buf, field, MAX_NAME))
        elif field.number == 3:
            subsystem = _printable(text(state.buf, field, MAX_NAME))
    known = state.names.setdefault((session, index), (name, subsystem))
    if known != (name, subsystem):
        raise UnsupportedError(
            f"rail {index} is {known[0]!r} and {name!r}", hint="a trace of one power monitor is needed"
        )
    if len(state.names) > MAX_RAILS:
        raise LimitError(f"more than {MAX_RAILS} rails")


def _energy(state: _Parsing, message: Field, timestamp: int | None, session: int) -> None:
    told: dict[int, int] = {}
    for field in fields(state.buf, message.start, message.end):
        if field.wire == VARINT:
            told[field.number] = field.value
    index, energy = told.get(1, 0), told.get(3)
    time = told[2] * 1_000_000 if 2 in told else timestamp
    if energy is None:
        return
    if time is None:
        raise UnsupportedError("rails were recorded on another clock than CLOCK_BOOTTIME")
    state.samples += 1
    if state.samples > MAX_POWER_SAMPLES or len(state.energy) > MAX_RAILS:
        raise LimitError("more rails or samples than a phone has")
    # The monitor's own time is told again when it was asked before it had something new.
    if state.energy[session, index].setdefault(time, energy) != energy:
        raise MalformedError(f"rail {index} has two energies at {time / 1e9:.3f} s")


def _battery(state: _Parsing, message: Field, timestamp: int) -> BatteryPoint:
    told: dict[int, int] = {}
    for field in fields(state.buf, message.start, message.end):
        if field.wire == VARINT:
            told[field.number] = signed(field.value)
    if len(state.battery) > MAX_POWER_SAMPLES:
        raise LimitError("more battery samples than can be read")
    return BatteryPoint(seconds=timestamp * 1e-9, microamps=told.get(3), microamp_hours=told.get(1))


def _rail(state: _Parsing, key: _Key, energy: dict[int, int]) -> Rail:
    name, subsystem = state.names.get(key, (f"rail {key[1]}", ""))
    times = sorted(energy)
    first = energy[times[0]]  # small numbers keep their digits as floats
    trace = Trace(
        rail=name, clock="boot", seconds=tuple(time * 1e-9 for time in times),
        joules=tuple((energy[time] - first) * 1e-6 for time in times),
    )  # fmt: skip
    return Rail(name=name, subsystem=subsystem, trace=checked(trace))


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name)


# --- rails to measure ------------------------------------------------------------------------------------------------------


def reading(recorded: Recorded, wanted: Sequence[str] = (), offset: Offset | None = None) -> Reading:
    """The sum of the rails that these patterns name; of what computes, where none are.

    `offset` brings them to the session's clock. Raises `UnsupportedError` where no rail fits, naming those there are.
    """
    patterns = wanted or COMPUTING
    picked = [rail for rail in recorded.rails if any(fnmatchcase(rail.name.upper(), item.upper()) for item in patterns)]
    if not picked:
        there = ", ".join(rail.name for rail in recorded.rails[:40])
        raise UnsupportedError(
            f"no power rail fits {', '.join(patterns)}" if there else "the trace holds no power rails",
            hint=f"there are {there}" if there else "on-device power monitors are in Pixel 6 and later",
        )
    if len({rail.name for rail in picked}) < len(picked):
        raise UnsupportedError("several power monitors tell rails of one name: their sum may count them twice")
    total = together([rail.trace for rail in picked], "rails")
    if offset is not None:
        total = moved(total, offset.seconds, rate=offset.rate, clock="session")
    memory = any(fnmatchcase(rail.name.upper(), item) for rail in picked for item in ("*MIF*", "*DDR*", "*DRAM*"))
    return Reading(
        trace=total,
        facts=MeterFacts(
            name="perfetto", source="android.power", unit="uWs", refresh_seconds=total.step,
            rails=tuple(rail.name for rail in picked),
        ),
        doubts=() if memory else (EnergyDoubt.PART,),
        outside=True,
        uncertain_seconds=offset.uncertain if offset else 0.0,
    )  # fmt: skip


def config(every_ms: int = _EVERY_MS) -> str:
    """What `perfetto` is asked to record, until it is told to stop."""
    return (
        "buffers { size_kb: 16384 fill_policy: DISCARD } "
        'data_sources { config { name: "android.power" android_power_config { '
        f"battery_poll_ms: {every_ms} battery_counters: BATTERY_COUNTER_CHARGE battery_counters: BATTERY_COUNTER_CURRENT "
        "collect_power_rails: true } } } write_into_file: true file_write_period_ms: 5000"
    )


class Rails:
    """Rails of a phone, recorded by its own `perfetto`."""

    name = "perfetto"
    outside = True

    def __init__(self, device: OpenDevice, clock: Clock, rails: tuple[str, ...]) -> None:
        self._device, self._clock, self._rails = device, clock, rails

    def start(self) -> Recording:
        """Begins to record, in the background on the phone."""
        key = f"nngauge-{secrets.token_hex(4)}"
        command = ("perfetto", "--txt", "-c", "-", "-o", f"{_FOLDER}/{key}.pftrace", f"--detach={key}")
        ran = self._device.run(Command(words=command, given=config().encode(), seconds=_SECONDS))
        if ran.code != 0:
            raise UnsupportedError("perfetto did not start", where=self._device.id, hint=_line(ran.err))
        return _Background(self._device, self._clock, self._rails, key)


class _Background:
    def __init__(self, device: OpenDevice, clock: Clock, rails: tuple[str, ...], key: str) -> None:
        self._device, self._clock, self._rails, self._key = device, clock, rails, key

    def stop(self) -> Reading:
        path = f"{_FOLDER}/{self._key}.pftrace"
        stopped = self._device.run(Command(words=("perfetto", f"--attach={self._key}", "--stop"), seconds=_SECONDS))
        ran = self._device.run(Command(words=("cat", path), seconds=_SECONDS))
        self._device.run(Command(words=("rm", "-f", path), seconds=_SECONDS))
        if stopped.code != 0 or ran.code != 0 or len(ran.out) > MAX_PHONE_ANSWER:
            raise UnreadableError("no trace came back", where=path, hint=_line(stopped.err + ran.err))
        return reading(parse(ran.out), self._rails, clock_offset(self._device, self._clock))


def _line(told: bytes) -> str:
    lines = re.sub(rb"[^\x20-\x7e\n]", b"?", told[:4096]).decode("ascii").strip().splitlines()
    return lines[-1][:200] if lines else ""


def _open(setup: Setup) -> Meter:
    if setup.device is None:
        raise UsageError("power rails are recorded on a phone", hint="--device adb:SERIAL")
    return Rails(setup.device, setup.clock, setup.rails)


def _load(path: Path, wanted: Wanted) -> Reading:
    return reading(parse(read_whole(path, MAX_POWER_FILE, "the recording")), wanted.rails)


METER: Final = MeterKind(
    name="perfetto",
    title="Power rails of a phone (ODPM, by Perfetto)",
    open=_open,
    load=_load,
    references=(
        "https://perfetto.dev/docs/data-sources/battery-counters",
        "https://developer.android.com/studio/profile/power-profiler",
    ),
    limitations=(
        "Pixel 6 and later; other makers' phones have no rails.",
        "Rails that are not named like those of a Pixel are to be named by patterns.",
        "Compressed traces and those on other clocks than CLOCK_BOOTTIME are refused.",
    ),
)
