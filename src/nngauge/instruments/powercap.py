"""Energy counters of processors: Linux's powercap, with Intel's and AMD's running average power limit (RAPL) behind it.

https://docs.kernel.org/power/powercap/powercap.html: microjoules that start again at 0 after ``max_energy_range_uj``. Since 2020
only root may read them (CVE-2020-8694, the Platypus attack).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from nngauge.devices import OpenDevice
from nngauge.domain.energy import MeterFacts
from nngauge.errors import AccessError, MalformedError, UnreadableError, UnsupportedError, UsageError
from nngauge.instruments._api import Clock, Meter, MeterKind, Reading, Recording, Setup
from nngauge.instruments.polling import Poller
from nngauge.instruments.trace import Trace, checked, together

_ROOT: Final = "/sys/class/powercap"
_SOCKETS: Final = 16
_DOMAINS: Final = 8
_MOST_WATTS: Final = 1000.0
"""Of one package; faster counting than that is a reset."""


class Domain(Struct, frozen=True, kw_only=True):
    """One counter."""

    rail: str
    """``package-0``, ``package-0/core``, ``package-0/dram``, ``psys``."""
    path: str
    range_joules: float
    """At which it starts again."""


def domains(device: OpenDevice) -> tuple[Domain, ...]:
    """The counters that a machine has. Raises `AccessError` where they may not be read, `UnsupportedError` for none."""
    found: list[Domain] = []
    for socket in range(_SOCKETS):
        path = f"{_ROOT}/intel-rapl:{socket}"
        name = _name(device, path)
        if not name:
            break
        found.append(Domain(rail=name, path=path, range_joules=_range(device, path)))
        for part in range(_DOMAINS):
            below = f"{path}:{part}"
            if not (inner := _name(device, below)):
                break
            found.append(Domain(rail=f"{name}/{inner}", path=below, range_joules=_range(device, below)))
    if not found:
        raise UnsupportedError("no energy counters", where=_ROOT, hint="virtual machines have none")
    if _count(device, found[0]) is None:
        raise AccessError("energy counters may be read by root only", where=found[0].path, hint="run as root")
    return tuple(found)


def chosen(found: Sequence[Domain], rails: Sequence[str]) -> tuple[Domain, ...]:
    """The domains that these patterns name, without any inside another: a core is part of its package.

    None named: all packages. Raises `UsageError` for a pattern that fits nothing, and for overlapping domains.
    """
    wanted = rails or ("package-*",)
    picked = [item for item in found if any(_fits(item.rail, pattern) for pattern in wanted)]
    if not picked:
        raise UsageError("no such energy counter", where=", ".join(wanted), hint=", ".join(item.rail for item in found))
    for item in picked:
        outer = item.rail.partition("/")[0]
        # DRAM is measured beside the package, not in it; psys holds everything.
        if item.rail != outer and any(other.rail == outer for other in picked) and not item.rail.endswith("/dram"):
            raise UsageError(f"{item.rail} is part of {outer}: their sum counts it twice")
        if item.rail == "psys" and len(picked) > 1:
            raise UsageError("psys holds the other counters: their sum counts them twice")
    return tuple(picked)


def unwrapped(seconds: Sequence[float], joules: Sequence[float], span: float, rail: str) -> tuple[float, ...]:
    """A counter that starts again at `span`, made to rise on. Raises `MalformedError` where it was reset instead."""
    found, added = [joules[0]], 0.0
    for at in range(1, len(joules)):
        before, after = joules[at - 1], joules[at]
        elapsed = seconds[at] - seconds[at - 1]
        if after < before:
            added += span
            after_wrap = after + span - before
            if span <= 0 or after_wrap > _MOST_WATTS * elapsed:
                raise MalformedError(f"the energy counter was reset after {seconds[at - 1]:.1f} s", where=rail)
        if span and elapsed * _MOST_WATTS >= span:
            raise MalformedError(
                f"not read for {elapsed:.0f} s: the counter may have started again more than once", where=rail
            )
        found.append(after + added)
    return tuple(found)


class Powercap:
    """Energy counters, polled."""

    name = "powercap"
    outside = True

    def __init__(self, device: OpenDevice, clock: Clock, interval: float, rails: Sequence[str]) -> None:
        self._device, self._clock, self._interval = device, clock, interval
        self._domains = chosen(domains(device), rails)

    def start(self) -> Recording:
        """Reads until it is stopped."""
        return _CounterRecording(Poller(self._read, self._clock, self._interval), self._domains)

    def _read(self) -> tuple[float, ...]:
        counts = [_count(self._device, domain) for domain in self._domains]
        told = tuple(count for count in counts if count is not None)
        if len(told) < len(counts):
            raise UnreadableError("an energy counter cannot be read any more", where=_ROOT)
        return told


class _CounterRecording:
    def __init__(self, poller: Poller[tuple[float, ...]], found: Sequence[Domain]) -> None:
        self._poller, self._domains = poller, found

    def stop(self) -> Reading:
        return reading(self._poller.stop(), self._domains)


def reading(polled: Sequence[tuple[float, tuple[float, ...]]], found: Sequence[Domain]) -> Reading:
    """What counters told, added up over the domains. Raises `MalformedError` as `unwrapped` and for a counter that stands."""
    if len(polled) < 2:
        raise MalformedError("the energy counters were read fewer than twice", where=_ROOT)
    seconds = tuple(time for time, _ in polled)
    traces = []
    for at, domain in enumerate(found):
        joules = unwrapped(seconds, [row[at] for _, row in polled], domain.range_joules, domain.rail)
        if joules[-1] <= joules[0]:
            raise MalformedError("the energy counter stands still", where=domain.rail)
        traces.append(checked(Trace(rail=domain.rail, clock="session", seconds=seconds, joules=joules)))
    rails = tuple(domain.rail for domain in found)
    facts = MeterFacts(name="powercap", source=_ROOT, unit="uJ", rails=rails)
    return Reading(trace=together(traces, "+".join(rails)), facts=facts, outside=True)


def _name(device: OpenDevice, path: str) -> str:
    text = (device.read(f"{path}/name", most=64) or b"").decode("ascii", "replace").strip()
    return text if re.fullmatch(r"[A-Za-z0-9_-]{1,32}", text) else ""


def _range(device: OpenDevice, path: str) -> float:
    text = (device.read(f"{path}/max_energy_range_uj", most=64) or b"").strip()
    return int(text) * 1e-6 if re.fullmatch(rb"[0-9]{1,18}", text) else 0.0


def _count(device: OpenDevice, domain: Domain) -> float | None:
    text = (device.read(f"{domain.path}/energy_uj", most=64) or b"").strip()
    return int(text) * 1e-6 if re.fullmatch(rb"[0-9]{1,18}", text) else None


def _fits(rail: str, pattern: str) -> bool:
    """A pattern without a slash names packages only."""
    return ("/" in rail) == ("/" in pattern) and fnmatchcase(rail, pattern)


def _open(setup: Setup) -> Meter:
    if setup.device is None:
        raise UsageError("energy counters are read through a device", hint="--device host")
    return Powercap(setup.device, setup.clock, setup.interval, setup.rails)


METER: Final = MeterKind(
    name="powercap",
    title="Processor energy counters (RAPL)",
    open=_open,
    references=("https://docs.kernel.org/power/powercap/powercap.html", "https://platypusattack.com/"),
    limitations=(
        "Packages by default; cores, uncore and memory are parts to be asked for one by one.",
        "Everything that runs on the package, not the process alone.",
        "Counters of older processors (Intel before Haswell) are modelled by the processor, not measured.",
        "Not on Arm; not in most virtual machines.",
    ),
)
