"""What Linux tells of cores, clocks, temperatures, batteries and memory in /sys and /proc, phone or not.

https://docs.kernel.org/admin-guide/abi-testing.html (cpu_capacity, cpufreq, thermal, power_supply)
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from nngauge.domain.measurement import Cluster

Texts = Mapping[str, str]
"""First line of a file, by path."""

_CPU: Final = "/sys/devices/system/cpu"
CORE_FILES: Final = (
    f"{_CPU}/present",
    f"{_CPU}/cpu[0-9]*/cpu_capacity",
    f"{_CPU}/cpu[0-9]*/cpufreq/cpuinfo_max_freq",
    f"{_CPU}/cpu[0-9]*/cpufreq/scaling_governor",
)
BATTERY_FILES: Final = (
    "/sys/class/power_supply/*/type",
    "/sys/class/power_supply/*/capacity",
    "/sys/class/power_supply/*/status",
    "/sys/class/power_supply/*/online",
    "/sys/class/power_supply/*/charge_full_design",
)
STATE_FILES: Final = (
    f"{_CPU}/cpu[0-9]*/cpufreq/scaling_cur_freq",
    "/sys/class/thermal/thermal_zone*/type",
    "/sys/class/thermal/thermal_zone*/temp",
    *BATTERY_FILES[:4],
    "/proc/loadavg",
    "/proc/uptime",
)
_MOST_CORES: Final = 1024
_ABIS: Final = {
    "aarch64": "arm64-v8a", "arm64": "arm64-v8a", "armv7l": "armeabi-v7a", "armv8l": "armeabi-v7a", "amd64": "x86_64",
    "i686": "x86", "i386": "x86",
}  # fmt: skip
"""What `uname -m` says, in Android's words: https://developer.android.com/ndk/guides/abis"""


def abi(machine: str) -> str:
    """The application binary interface, as Android calls it, of what `uname -m` says."""
    machine = machine.strip()
    return _ABIS.get(machine, machine)


def listing(files: tuple[str, ...]) -> str:
    """A command that prints every line of these files after their path: one process, however many files."""
    return f"grep -Hs '' {' '.join(files)}"


def read_listing(text: str, files: tuple[str, ...]) -> dict[str, str]:
    """First lines by path, of what `listing` prints. Names of devices may have colons in them."""
    ends = "|".join(sorted({re.escape(file.rpartition("/")[2]) for file in files}))
    line = re.compile(rf"(/.*?/(?:{ends})):(.*)")
    found: dict[str, str] = {}
    for row in text.splitlines():
        if match := line.fullmatch(row):
            found.setdefault(match[1], match[2].strip())
    return found


def clusters(texts: Texts, cpuinfo: str = "") -> tuple[Cluster, ...]:
    """Cores of one kind together, fastest first: by capacity and highest clock, else by the processor's part number."""
    parts = _parts(cpuinfo)
    kinds: dict[tuple[int | None, int | None, str], list[int]] = defaultdict(list)
    for core in _cores(texts, parts):
        capacity = _number(texts.get(f"{_CPU}/cpu{core}/cpu_capacity"))
        khz = _number(texts.get(f"{_CPU}/cpu{core}/cpufreq/cpuinfo_max_freq"))
        kinds[(capacity, khz, "" if capacity or khz else parts.get(core, ""))].append(core)
    ordered = sorted(kinds.items(), key=lambda kind: (-(kind[0][0] or 0), -(kind[0][1] or 0), kind[1]))
    return tuple(
        Cluster(
            cores=tuple(cores),
            max_hz=khz * 1000 if khz else None,
            capacity=capacity or None,
            governor=texts.get(f"{_CPU}/cpu{cores[0]}/cpufreq/scaling_governor", ""),
        )
        for (capacity, khz, _), cores in ordered
    )


def _cores(texts: Texts, parts: Mapping[int, str]) -> list[int]:
    """Numbers of the cores, from ``0-3,6``."""
    found: set[int] = set()
    for piece in texts.get(f"{_CPU}/present", "").split(","):
        first, _, last = piece.partition("-")
        low, high = _number(first), _number(last or first)
        if low is not None and high is not None and 0 <= low <= high < _MOST_CORES:
            found.update(range(low, high + 1))
    return sorted(found or parts)


def _parts(cpuinfo: str) -> dict[int, str]:
    """The part number, or model, of each core in /proc/cpuinfo."""
    found: dict[int, str] = {}
    core = None
    for line in cpuinfo.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if name == "processor" and (core := _number(value)) is not None and len(found) < _MOST_CORES:
            found[core] = ""
        elif core is not None and name in ("CPU part", "model name"):
            found[core] = value
    return found


def clocks(texts: Texts) -> dict[str, int]:
    """Present clock of each core in Hz."""
    found = {}
    for path, value in texts.items():
        match = re.fullmatch(rf"{_CPU}/cpu(\d+)/cpufreq/scaling_cur_freq", path)
        if match and (khz := _number(value)):
            found[match[1]] = khz * 1000
    return found


def temperatures(texts: Texts) -> dict[str, float]:
    """Degrees Celsius by zone. Drivers tell thousandths, as they should, or tenths, or degrees; switched-off zones lie."""
    found: dict[str, float] = {}
    for path, value in sorted(texts.items()):
        folder, _, name = path.rpartition("/")
        raw = _number(value) if name == "temp" else None
        if raw is None or not folder.startswith("/sys/class/thermal/"):
            continue
        celsius = raw / 1000 if abs(raw) > 1000 else raw / 10 if abs(raw) > 150 else float(raw)
        if raw and -40 < celsius < 150:
            title = texts.get(f"{folder}/type") or folder.rpartition("/")[2]
            found[title if title not in found else f"{title} ({folder.rpartition('zone')[2]})"] = celsius
    return found


def battery(texts: Texts) -> tuple[float | None, bool | None]:
    """Charge from 0 to 1, and whether power comes from outside. None where there is no battery."""
    charge, outside = None, None
    for path, kind in texts.items():
        folder, _, name = path.rpartition("/")
        if name != "type" or not folder.startswith("/sys/class/power_supply/"):
            continue
        if kind == "Battery" and (percent := _number(texts.get(f"{folder}/capacity"))) is not None:
            charge = min(max(percent, 0), 100) / 100
            outside = bool(outside) or texts.get(f"{folder}/status") in ("Charging", "Full", "Not charging")
        elif texts.get(f"{folder}/online") == "1":
            outside = True
    return charge, outside if charge is not None else None


def capacity_mah(texts: Texts) -> float | None:
    """What the battery held when it was new."""
    for path, value in texts.items():
        if path.endswith("/charge_full_design") and (micro := _number(value)) and 10_000 < micro < 100_000_000:
            return micro / 1000
    return None


def memory(meminfo: str, name: str) -> int | None:
    """A line of /proc/meminfo in bytes."""
    match = re.search(rf"^{name}: +(\d+) kB", meminfo, re.MULTILINE)
    return int(match[1]) * 1024 if match and len(match[1]) < 16 else None


def uptime_ns(texts: Texts) -> int | None:
    """Nanoseconds since the start, in steps of ten milliseconds."""
    match = re.match(r"(\d{1,12})\.(\d\d)", texts.get("/proc/uptime", ""))
    return int(match[1] + match[2]) * 10_000_000 if match else None


def load(texts: Texts) -> float | None:
    """Mean number of runnable processes, over a minute."""
    match = re.match(r"\d{1,6}\.\d+", texts.get("/proc/loadavg", ""))
    return float(match[0]) if match else None


def processor(cpuinfo: str) -> str:
    """Its name in /proc/cpuinfo; ``Hardware`` names the chip on older Arm kernels."""
    match = re.search(r"^(?:Hardware|model name|Model)\s*: *(.+)$", cpuinfo, re.MULTILINE)
    return match[1].strip()[:100] if match else ""


def emulated(machine: str, cpuinfo: str) -> bool:
    """Whether the processor is made by QEMU.

    Its user mode shows Arm programs the Arm `uname` over the host's x86 /proc/cpuinfo; its system mode names itself.
    """
    if re.search(r"qemu (virtual|tcg)|^Hardware\s*: *(goldfish|ranchu)", cpuinfo, re.IGNORECASE | re.MULTILINE):
        return True
    intel = "vendor_id" in cpuinfo
    return intel and machine.strip() not in ("", "x86_64", "i686", "i386", "amd64", "x86")


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text, re.ASCII) else None
