"""Clocks that tests move, devices with a battery or processor counters, and power that follows a known course."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from nngauge.devices import Command, Ran
from nngauge.domain.measurement import Device, State
from nngauge.instruments.gauge import GaugeSample
from nngauge.instruments.trace import Trace


class FakeClock:
    """Time passes only when somebody sleeps; each look takes `tick` seconds."""

    def __init__(self, tick: float = 0.0) -> None:
        self.time, self.tick = 100.0, tick
        self.slept: list[float] = []

    def now(self) -> float:
        self.time += self.tick
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += max(seconds, 0)


def ran(out: bytes = b"", code: int = 0, err: bytes = b"") -> Ran:
    return Ran(code=code, out=out, err=err, seconds=0.01)


class FakeDevice:
    """Files and answers as they are told; what was run is kept."""

    def __init__(
        self,
        files: Mapping[str, bytes | Callable[[], bytes]] | None = None,
        answers: Mapping[tuple[str, ...], Callable[[Command], Ran]] | None = None,
        state: State | None = None,
        facts: Device | None = None,
    ) -> None:
        self.files, self.answers = dict(files or {}), dict(answers or {})
        self.told = state or State(at=0, charging=False, screen_on=False)
        self.known = facts or Device(id="adb:PHONE1", kind="adb")
        self.commands: list[Command] = []
        self.id = self.known.id

    def facts(self) -> Device:
        return self.known

    def state(self) -> State:
        return self.told

    def push(self, source: Path) -> str:
        raise NotImplementedError

    def pull(self, remote: str, target: Path, *, most: int) -> None:
        raise NotImplementedError

    def run(self, command: Command) -> Ran:
        self.commands.append(command)
        for words, answer in self.answers.items():
            if command.words[: len(words)] == words:
                return answer(command)
        return ran(code=127, err=b"not found")

    def spawn(self, command: Command) -> object:
        raise NotImplementedError

    def read(self, path: str, *, most: int = 65_536) -> bytes | None:
        content = self.files.get(path)
        data = content() if callable(content) else content
        return data if data is None else data[:most]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        return


def sampled(
    watts: Callable[[float], float], seconds: float, step: float, *, start: float = 0.0, clock: str = "session"
) -> Trace:
    """Samples of a course of power."""
    times = tuple(start + step * at for at in range(math.floor(seconds / step) + 1))
    return Trace(rail="main", clock=clock, seconds=times, watts=tuple(watts(time) for time in times))


def gauged(
    watts: Callable[[float], float],
    seconds: float,
    *,
    refresh: float = 0.35,
    unit: float = 1e-6,
    sign: int = -1,
    volts: float = 3.85,
    volt_unit: float = 1e-6,
    interval: float = 0.5,
    counter: bool = True,
    counter_factor: float = 1.0,
    status: str = "Discharging",
    noise: float = 0.02,
    seed: int = 1,
) -> list[GaugeSample]:
    """What a battery gauge with these habits says: means over its refresh, in whole units, held until the next."""
    chance = random.Random(seed)
    values: dict[int, float] = {}
    used, found = 0.0, []
    for at in range(int(seconds / interval) + 1):
        time = at * interval
        tick = int(time / refresh)
        if tick not in values:
            values[tick] = watts(tick * refresh) / volts * (1 + chance.gauss(0, noise))
        used += values[tick] * interval * counter_factor
        found.append(
            GaugeSample(
                seconds=time, current=round(sign * values[tick] / unit), voltage=round(volts / volt_unit),
                counter=round(3_000_000 - used / 3.6e-3) if counter else None, status=status,
            )
        )  # fmt: skip
    return found
