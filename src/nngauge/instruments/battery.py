"""The battery's own gauge, read through the device: free, everywhere, coarse. Only while no power comes from outside.

https://docs.kernel.org/power/power_supply_class.html tells the files, and that they are microamperes and microvolts; see
`nngauge.instruments.gauge` for what they are. Where /sys may not be read (most phones, for the shell), Android's
`cmd battery get` and `dumpsys battery` are asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from nngauge.devices import Command, OpenDevice
from nngauge.errors import MalformedError, UnreadableError, UnsupportedError, UsageError
from nngauge.instruments._api import Clock, Meter, MeterKind, Reading, Recording, Setup
from nngauge.instruments.gauge import GaugeSample, interpret
from nngauge.instruments.polling import Poller

_FOLDERS: Final = tuple(
    f"/sys/class/power_supply/{name}" for name in ("battery", "BAT0", "BAT1", "bms", "max170xx_battery", "main-battery")
)
_LINE: Final = re.compile(rb"g (\d{1,12}(?:\.\d{1,9})?) (-?\d{1,19}) (-?\d{1,19}) (-?\d{1,19}|-) ?([A-Za-z0-9 ]{0,20})")
SERVICE: Final = "cmd battery"
"""Android's battery service, in place of a folder: where the shell may not read /sys."""
_SECONDS: Final = 10.0
_SERVICE_SECONDS: Final = 2.0

Raw = tuple[int, int, int | None, str]
"""Current, voltage, charge counter, status."""


class BatteryGauge:
    """A battery gauge of a device that can be reached while it is measured."""

    name = "battery"
    outside = False

    def __init__(self, device: OpenDevice, clock: Clock, interval: float) -> None:
        self._clock, self._interval = clock, interval
        self._source, self._read = _reader(device)

    def start(self) -> Recording:
        """Reads until it is stopped."""
        return _GaugeRecording(Poller(self._read, self._clock, self._interval), self._source)


class _GaugeRecording:
    def __init__(self, poller: Poller[Raw], source: str) -> None:
        self._poller, self._source = poller, source

    def stop(self) -> Reading:
        return interpret(samples_of(self._poller.stop()), clock="session", source=self._source)


def samples_of(polled: list[tuple[float, Raw]]) -> list[GaugeSample]:
    """Polled values as samples."""
    return [
        GaugeSample(seconds=seconds, current=current, voltage=voltage, counter=counter, status=status)
        for seconds, (current, voltage, counter, status) in polled
    ]


def gauge_of(device: OpenDevice) -> str:
    """Where a device's gauge is read: a folder, or `SERVICE`. Raises `UnsupportedError` where nothing tells a current."""
    return _reader(device)[0]


def _reader(device: OpenDevice) -> tuple[str, Callable[[], Raw]]:
    """Where the values come from, and what reads them once. Raises `UnsupportedError` where nothing tells a current."""
    for folder in _FOLDERS:
        if device.read(f"{folder}/current_now", most=64) and device.read(f"{folder}/voltage_now", most=64):
            return folder, partial(_from_files, device, folder)
    if _asked(device, "cmd", "battery", "get", "current_now") is not None:
        return SERVICE, partial(_from_service, device)
    raise UnsupportedError(
        "no battery gauge tells its current", where=device.id, hint="Android 14 or /sys/class/power_supply is needed"
    )


def _from_files(device: OpenDevice, folder: str) -> Raw:
    current, voltage = (_number(device.read(f"{folder}/{name}", most=64)) for name in ("current_now", "voltage_now"))
    if current is None or voltage is None:
        raise UnreadableError("the battery gauge cannot be read any more", where=folder)
    counter = _number(device.read(f"{folder}/charge_counter", most=64) or device.read(f"{folder}/charge_now", most=64))
    status = (device.read(f"{folder}/status", most=64) or b"").decode("ascii", "replace").strip()
    return current, voltage, counter, status


def _from_service(device: OpenDevice) -> Raw:
    current = _asked(device, "cmd", "battery", "get", "current_now")
    told = device.run(Command(words=("dumpsys", "battery"), seconds=_SECONDS)).out[:65_536].decode("utf-8", "replace")
    found = dict(re.findall(r"^ *(voltage|status|Charge counter): (-?\d{1,18})\s*$", told, re.MULTILINE))
    if current is None or "voltage" not in found:
        raise UnreadableError("the battery service does not tell current and voltage any more", where=device.id)
    counter = int(found["Charge counter"]) if "Charge counter" in found else None
    return current, int(found["voltage"]), counter, found.get("status", "")


def _asked(device: OpenDevice, *words: str) -> int | None:
    ran = device.run(Command(words=words, seconds=_SECONDS))
    return _number(ran.out[:64]) if ran.code == 0 else None


def _number(text: bytes | None) -> int | None:
    text = (text or b"").strip()
    return int(text) if re.fullmatch(rb"-?[0-9]{1,19}", text) else None


# --- recorded on the device --------------------------------------------------------------------------------------------


def gauge_script(source: str = _FOLDERS[0]) -> str:
    """Defines a shell function ``g`` that reads a gauge into ``c`` (current), ``v`` (voltage), ``q`` (charge) and ``s`` (status).

    `source`: a folder in /sys, which is read without starting a process, or ``cmd battery``, Android's service. Raises `UsageError`.
    """
    if source == SERVICE:
        told = "".join(
            f"{name}=${{d##*  {key}: }}; {name}=${{{name}%%[!0-9]*}}; "
            for name, key in (("v", "voltage"), ("q", "Charge counter"), ("s", "status"))
        )
        return f"g() {{ c=$(cmd battery get current_now); d=$(dumpsys battery); {told}}}; "
    if not re.fullmatch(r"/sys/class/power_supply/[A-Za-z0-9_.-]{1,60}", source):
        raise UsageError("not a battery gauge", where=source)
    files = (("c", "current_now"), ("v", "voltage_now"), ("q", "charge_counter"), ("s", "status"))
    return f"g() {{ {''.join(f'read {name} < {source}/{file}; ' for name, file in files)}}} 2>/dev/null; "


def logging_script(source: str = _FOLDERS[0], interval: float = 0.5) -> str:
    """Shell commands that print a line for each reading, with the seconds of /proc/uptime, until they are killed.

    With files nothing but the waiting starts a process: what measures should not take power itself. The service is asked every
    two seconds at most; what that takes is in the baseline, too.
    """
    if not 0.5 <= interval <= 60:
        raise UsageError("a battery gauge is read at most twice a second", where=source)
    wait = max(interval, _SERVICE_SECONDS) if source == SERVICE else interval
    return (
        f'{gauge_script(source)}while :; do q=-; s=; read u r < /proc/uptime; g; echo "g $u $c $v ${{q:--}} $s"; '
        f"sleep {wait:g}; done 2>/dev/null"
    )


def waiting_script(source: str, seconds: int) -> str:
    """Shell commands that end well when no power comes from outside any more, or it cannot be told; else after so many seconds."""
    return (
        f"{gauge_script(source)}n=0; while s=; g; case \"$s\" in Discharging|3|'') false;; esac; "
        f"do [ $n -lt {seconds} ] || break; n=$((n+1)); sleep 1; done; [ $n -lt {seconds} ]"
    )


def read_log(data: bytes) -> list[GaugeSample]:
    """What `logging_script` printed, on the device's clock. Lines of others are left out; raises `MalformedError` for none."""
    found = []
    for line in data.splitlines():
        if match := _LINE.fullmatch(line.strip()):
            counter = None if match[4] == b"-" else int(match[4])
            found.append(
                GaugeSample(
                    seconds=float(match[1]), current=int(match[2]), voltage=int(match[3]), counter=counter,
                    status=match[5].decode("ascii"),
                )
            )  # fmt: skip
    if not found:
        raise MalformedError("no reading of a battery gauge")
    return found


def _open(setup: Setup) -> Meter:
    if setup.device is None:
        raise UsageError("a battery gauge is read through a device", hint="--device")
    return BatteryGauge(setup.device, setup.clock, setup.interval)


METER: Final = MeterKind(
    name="battery",
    title="Battery gauge of the device",
    open=_open,
    references=(
        "https://docs.kernel.org/power/power_supply_class.html",
        "https://developer.android.com/reference/android/os/BatteryManager",
    ),
    limitations=(
        "Only while no power comes from outside: the device is reached without a cable, or it keeps the log itself.",
        "New values every 0.35 to 10 s; the whole device, screen and radio included.",
        "Its accuracy is not stated by anybody; the charge counter is part of the same gauge.",
    ),
)
