"""Measuring a phone without its cable, as gaugeNN did: radio off, screen off, a daemon on the phone, USB power cut, and the
results fetched when it is back.

https://doi.org/10.1145/3487552.3487863 (Almeida et al., IMC 2021). What was switched is switched back whatever happens.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import pairwise
from typing import Final

from msgspec import Struct

from nngauge.devices import Command, Job, OpenDevice, Ran
from nngauge.domain.energy import EnergyDoubt, Phase
from nngauge.errors import InputError, MalformedError, TransientError, UnsupportedError, UsageError
from nngauge.instruments._api import Clock
from nngauge.instruments.battery import logging_script, read_log, waiting_script
from nngauge.instruments.gauge import GaugeSample
from nngauge.words.safe import one_line

PULLED_SECONDS: Final = 120
"""In which the power has to be gone: a person may pull the cable."""
_SECONDS: Final = 20.0
_ATTEMPTS: Final = 3
_MARK: Final = re.compile(rb"p ([ble]) (\d{1,4}) (\d{1,12}\.\d{1,9})")
_COUNT: Final = re.compile(rb"o .{0,200}?inferences[ :=]{1,3}(\d{1,12})\b(?: seconds (\d{1,6}\.\d{1,6})\b)?")
_REASON: Final = re.compile(rb'o .{0,200}?"reason":"([^"\\]{1,200})')
"""Of a reply of the runner without times."""


class Stage(StrEnum):
    """How far it went."""

    READY = "ready"
    QUIET = "radio and screen off"
    STARTED = "daemon started"
    CUT = "power cut"
    MEASURED = "time over"
    POWERED = "power back"
    BACK = "device back"
    COLLECTED = "results fetched"


class Course(Struct, frozen=True, kw_only=True):
    """What happened."""

    ran: Ran
    """Of the daemon: what it printed is the log."""
    stages: tuple[tuple[Stage, float], ...]
    """With the session's seconds at which each was reached."""
    doubts: tuple[EnergyDoubt, ...] = ()


class Untethered:
    """One session without a cable. Used once."""

    def __init__(
        self,
        device: OpenDevice,
        usb: Callable[[bool], None],
        clock: Clock,
        *,
        patience: float = 180.0,
        told: Callable[[Stage], None] = lambda _stage: None,
    ) -> None:
        """`usb` switches the power off (False) and on; `patience` is for the device to come back, in seconds."""
        if re.fullmatch(r"adb:.{1,100}:[0-9]{1,5}", device.id):
            raise UsageError("the device is connected by radio, which is to be off", where=device.id, hint="use USB")
        self._device, self._usb, self._clock, self._patience, self._told = device, usb, clock, patience, told
        self.stages: list[tuple[Stage, float]] = []
        self._doubts: list[EnergyDoubt] = []
        self._airplane_before = ""
        self._cut = False

    def run(self, script: str, seconds: float, *, lead: float = 5.0) -> Course:
        """Runs a shell script that takes `seconds`, and waits `lead` seconds before it measures, so that power can be cut.

        Raises `TransientError` where the device does not come back, and what its verbs raise; then, too, power and radio are
        switched on again.
        """
        self._reached(Stage.READY)
        try:
            self._quiet()
            job = self._device.spawn(Command(words=("sh", "-c", script), seconds=lead + seconds + self._patience))
            self._reached(Stage.STARTED)
            self._cut = True
            self._usb(False)  # noqa: FBT003 - the protocol of a switch
            self._reached(Stage.CUT)
            self._clock.sleep(lead + seconds)
            self._reached(Stage.MEASURED)
            self._power()
            ran = self._collect(job)
        finally:
            self._restore()
        return Course(ran=ran, stages=tuple(self.stages), doubts=tuple(self._doubts))

    def _reached(self, stage: Stage) -> None:
        self.stages.append((stage, self._clock.now()))
        self._told(stage)

    def _shell(self, *words: str) -> str:
        ran = self._device.run(Command(words=words, seconds=_SECONDS))
        return ran.out[:200].decode("utf-8", "replace").strip() if ran.code == 0 else ""

    def _quiet(self) -> None:
        self._airplane_before = self._shell("settings", "get", "global", "airplane_mode_on")
        if self._airplane_before != "1":
            self._shell("cmd", "connectivity", "airplane-mode", "enable")
            if self._shell("settings", "get", "global", "airplane_mode_on") != "1":
                self._doubts.append(EnergyDoubt.RADIO_ON)
        self._shell("input", "keyevent", "KEYCODE_SLEEP")
        if self._device.state().screen_on is not False:
            self._doubts.append(EnergyDoubt.SCREEN_ON)
        self._reached(Stage.QUIET)

    def _power(self) -> None:
        """Switches the power on; a hub that does not answer is asked again."""
        for attempt in range(_ATTEMPTS):
            try:
                self._usb(True)  # noqa: FBT003 - the protocol of a switch
            except TransientError:
                if attempt == _ATTEMPTS - 1:
                    raise
                self._clock.sleep(1.0)
            else:
                break
        self._cut = False
        self._reached(Stage.POWERED)

    def _collect(self, job: Job) -> Ran:
        """The daemon's log, when the device is back and the daemon has ended."""
        until = self._clock.now() + self._patience
        back = False
        while True:
            try:
                ended = job.done()
                if not back:
                    self._reached(Stage.BACK)
                back = True
                if ended:
                    break
            except TransientError:
                back = False
            if self._clock.now() >= until:
                if back:
                    job.kill()
                    raise TransientError("the daemon on the device did not end", where=self._device.id)
                raise TransientError("the device did not come back", where=self._device.id, hint="is it plugged in?")
            self._clock.sleep(2.0)
        ran = job.wait(self._patience)
        self._reached(Stage.COLLECTED)
        return ran

    def _restore(self) -> None:
        """Power first, and the radio even where that failed: it may never have been cut.

        A device that is gone keeps its radio off, which is said by the error that is on its way.
        """
        if self._cut:
            with suppress(InputError):
                self._power()
        if self._airplane_before == "0":
            with suppress(InputError):
                self._shell("cmd", "connectivity", "airplane-mode", "disable")


# --- what the daemon does --------------------------------------------------------------------------------------------------


def session_script(
    words: Sequence[str], *, blocks: int, baseline: float, folder: str, lead: float = 5.0, interval: float = 0.5
) -> str:
    """A shell script that keeps the gauge's log and runs a loop between baselines, on the device's own clock.

    It begins `lead` seconds after the power was cut; `folder` is where the gauge is read (`gauge_of`). `words` run inferences for
    as long as is wanted and print ``inferences N``, or ``inferences N seconds S`` when loading is not to count; the last such
    line counts. A phone that may be told to stay awake is (as root); one that falls asleep leaves gaps in the log.
    """
    loop = shlex.join(words)
    rest = f"p b $i; sleep {baseline:g}"
    return (
        "echo nngauge > /sys/power/wake_lock 2>/dev/null; "
        f"{waiting_script(folder, PULLED_SECONDS)} || {{ echo still charging; exit 0; }}; sleep {lead:g}; "
        f"( {logging_script(folder, interval)} ) & g=$!; "
        'p() { read u r < /proc/uptime; echo "p $1 $2 $u"; }; '
        f"i=0; {rest}; "
        f"while [ $i -lt {blocks} ]; do i=$((i+1)); p l $i; {loop} 2>&1 | sed 's/^/o /'; {rest}; done; p e $i; "
        "kill $g; echo nngauge > /sys/power/wake_unlock 2>/dev/null; true"
    )


def read_session(data: bytes, name: str = "") -> tuple[tuple[Phase, ...], list[GaugeSample]]:
    """Phases and gauge samples of what `session_script` printed.

    Raises `MalformedError` for a log that is not whole, `UnsupportedError` where the runner says why it did not run.
    """
    marks: list[tuple[str, int, float]] = []
    counts: dict[int, tuple[int, float | None]] = {}
    for line in data.splitlines():
        if match := _MARK.fullmatch(line.strip()):
            marks.append((match[1].decode(), int(match[2]), float(match[3])))
        elif (match := _COUNT.match(line)) and marks:
            counts[marks[-1][1]] = int(match[1]), float(match[2]) if match[2] else None
        elif not counts and (match := _REASON.match(line)):
            raise UnsupportedError(f"the engine did not run: {one_line(match[1].decode('utf-8', 'replace'))}")
    if not marks and b"still charging" in data.splitlines():
        raise UnsupportedError("the device went on charging: its USB power was not cut", hint="many hubs only say so")
    if len(marks) < 4 or marks[-1][0] != "e":
        raise MalformedError("the daemon's log is not whole: the device stopped, or fell asleep")
    phases = []
    for (kind, block, start), (_, _, end) in pairwise(marks):
        if end <= start:
            raise MalformedError(f"phases are not in order at {start:g} s")
        inferences, busy = counts.get(block, (0, None)) if kind == "l" else (0, None)
        phases.append(
            Phase(
                block=block, name=(name or "loop") if kind == "l" else "", start=start, end=end, inferences=inferences,
                busy=busy,
            )
        )  # fmt: skip
    return tuple(phases), read_log(data)
