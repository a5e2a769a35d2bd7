"""Measuring a phone without its cable, as gaugeNN did: radio off, screen off, a daemon on the phone, USB power cut, and the
results fetched when it is back.

https://doi.org/10.1145/3487552.3487863 (Almeida et al., IMC 2021). What was switched is switched back whatever happens.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
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
_MARK: Final = re.compile(rb"p (b|e|l)(\d{0,4}) (\d{1,4}) (\d{1,12}\.\d{1,9})")
"""Baseline, end, loop with its number, the block, the phone's seconds."""
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


class Logged(Struct, frozen=True, kw_only=True):
    """What a daemon's log says."""

    phases: tuple[Phase, ...]
    samples: list[GaugeSample]
    reasons: Mapping[str, str]
    """Loop → why it counted nothing, in the engine's words."""


def session_script(
    loops: Sequence[Sequence[str]],
    *,
    blocks: int,
    baseline: float,
    folder: str,
    lead: float = 5.0,
    interval: float = 0.5,
) -> str:
    """A shell script that keeps the gauge's log and runs loops between baselines, on the device's own clock.

    Several loops take turns: A B, B A, A B … It begins `lead` seconds after the power was cut; `folder` is where the gauge is read
    (`gauge_of`). A loop's words run inferences for as long as is wanted and print ``inferences N``, or ``inferences N seconds S``
    when loading is not to count; the last such line counts. A phone that may be told to stay awake is (as root); one that falls
    asleep leaves gaps in the log.
    """
    numbers = [str(number) for number in range(len(loops))]
    functions = "".join(
        f"f{number}() {{ {shlex.join(words)}; }}; " for number, words in zip(numbers, loops, strict=True)
    )
    rest = f"p b $i; sleep {baseline:g}"
    return (
        "echo nngauge > /sys/power/wake_lock 2>/dev/null; "
        f"{waiting_script(folder, PULLED_SECONDS)} || {{ echo still charging; exit 0; }}; sleep {lead:g}; "
        f"( {logging_script(folder, interval)} ) & g=$!; "
        'p() { read u r < /proc/uptime; echo "p $1 $2 $u"; }; '
        f"{functions}i=0; {rest}; "
        f"while [ $i -lt {blocks} ]; do i=$((i+1)); "
        f"if [ $((i%2)) = 1 ]; then o='{' '.join(numbers)}'; else o='{' '.join(reversed(numbers))}'; fi; "
        f"for k in $o; do p l$k $i; f$k 2>&1 | sed 's/^/o /'; {rest}; done; done; p e $i; "
        "kill $g; echo nngauge > /sys/power/wake_unlock 2>/dev/null; true"
    )


class _Mark(Struct):
    """A line that begins a phase, and what the loop said that it began."""

    kind: str
    loop: int
    block: int
    start: float
    inferences: int = 0
    busy: float | None = None
    reason: str = ""


def read_session(data: bytes, names: Sequence[str] = ("loop",)) -> Logged:
    """What `session_script` printed; the loops in the order in which they were given.

    Raises `MalformedError` for a log that is not whole, `UnsupportedError` where the device was never without power.
    """
    marks = _marks(data)
    if not marks and b"still charging" in data.splitlines():
        raise UnsupportedError("the device went on charging: its USB power was not cut", hint="many hubs only say so")
    if len(marks) < 4 or marks[-1].kind != "e" or any(mark.loop >= len(names) for mark in marks):
        raise MalformedError("the daemon's log is not whole: the device stopped, or fell asleep")
    phases = tuple(_phase(mark, after, names) for mark, after in pairwise(marks))
    counted = {phase.name for phase in phases if phase.inferences}
    reasons = {names[mark.loop]: mark.reason for mark in marks if mark.reason and names[mark.loop] not in counted}
    return Logged(phases=phases, samples=read_log(data), reasons=reasons)


def _marks(data: bytes) -> list[_Mark]:
    marks: list[_Mark] = []
    for line in data.splitlines():
        if match := _MARK.fullmatch(line.strip()):
            marks.append(_Mark(match[1].decode(), int(match[2] or 0), int(match[3]), float(match[4])))
        elif (match := _COUNT.match(line)) and marks:
            marks[-1].inferences, marks[-1].busy = int(match[1]), float(match[2]) if match[2] else None
        elif (match := _REASON.match(line)) and marks and marks[-1].kind == "l":
            marks[-1].reason = one_line(match[1].decode("utf-8", "replace"))
    return marks


def _phase(mark: _Mark, after: _Mark, names: Sequence[str]) -> Phase:
    if after.start <= mark.start:
        raise MalformedError(f"phases are not in order at {mark.start:g} s")
    if mark.kind != "l":
        return Phase(block=mark.block, name="", start=mark.start, end=after.start)
    return Phase(
        block=mark.block, name=names[mark.loop], start=mark.start, end=after.start, inferences=mark.inferences, busy=mark.busy
    )  # fmt: skip
