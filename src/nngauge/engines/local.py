"""Launches of engines as processes of this machine (or of another that has Python): limits, and what their end means."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nngauge.devices import Command, OpenDevice, Ran, open_device
from nngauge.devices.script import QUIET
from nngauge.engines._api import Engine, Feed, Reply, Request, Trouble
from nngauge.errors import LimitError

ENVIRONMENT: Final = {
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_NO_INDEX": "1",
    "HF_HUB_OFFLINE": "1",
    **QUIET,
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""What an engine's package does when it is imported is its own business; it is not to install, fetch or report anything."""
_OURS: Final = str(Path(__file__).resolve().parents[2])
_SIGNAL_SHELL: Final = 128
"""A shell tells the signal that ended a process as this much more."""
_NO_MEMORY: Final = re.compile(
    rb"bad_alloc|MemoryError|[Cc]annot allocate memory|[Oo]ut of memory|failed to map segment", re.ASCII
)
_TOLD: Final = 500
"""Characters of an engine's last words that a reason holds."""


class Limits(Struct, frozen=True, kw_only=True):
    """What one launch may use; beyond that it is ended, and that is its result."""

    seconds: float = 180.0
    """Wall time. Processor time is not limited: while a process has such a limit, Linux only counts its time by ticks
    (`proc_sample_cputime_atomic`), and samples of a few microseconds would show none."""
    memory: int = 16 << 30
    """Bytes of address space: much of it is never touched, so this is not resident memory."""
    cpus: tuple[int, ...] = ()
    """Cores that it is bound to; empty: not bound."""


def launch_here(engine: Engine, request: Request, limits: Limits | None = None, *, python: str = "") -> Reply:
    """One launch on this machine. Whatever happens to it is the reply: see `Trouble.kind`.

    `python`: the interpreter of another environment that the engine is installed in, with numpy and msgspec; it runs this
    nngauge.
    """
    with open_device("host") as device:
        return launch_on(device, engine, _absolute(request), limits, python=python)


def launch_on(
    device: OpenDevice, engine: Engine, request: Request, limits: Limits | None = None, *, python: str = ""
) -> Reply:
    """One launch on a device that has Python and the engine. Raises `InputError` as the device's verbs do."""
    limits = limits or Limits()
    try:
        made = command(engine, request, limits, python or sys.executable)
        ran = device.run(replace(made, environment={**made.environment, "PYTHONPATH": _OURS}) if python else made)
    except LimitError as error:
        return _trouble(engine, "garbage", error.what)
    return understood(engine, ran, limits)


def command(engine: Engine, request: Request, limits: Limits, python: str) -> Command:
    """The process of a launch."""
    return Command(
        words=(python, "-m", "nngauge.engines.child", engine.name),
        environment={**ENVIRONMENT, "OMP_NUM_THREADS": str(request.threads)},
        given=msgspec.json.encode(request),
        cpus=limits.cpus,
        seconds=limits.seconds,
        memory=limits.memory,
    )


def understood(engine: Engine, ran: Ran, limits: Limits) -> Reply:
    """What an ended process says: its reply, or why there is none. A missing engine gets the hint how to install it."""
    lines = ran.out.strip().splitlines()
    if lines and not ran.timed_out:
        try:
            reply = msgspec.json.decode(lines[-1], type=Reply)
        except msgspec.DecodeError:
            return _trouble(engine, "garbage", f"standard output is no reply: {_words(lines[-1:])}")
        return _with_hint(engine, reply)
    return Reply(engine=engine.name, version="", trouble=ended(ran, limits.seconds))


def _with_hint(engine: Engine, reply: Reply) -> Reply:
    if reply.trouble is None or reply.trouble.kind != "missing":
        return reply
    return replace(reply, trouble=replace(reply.trouble, hint=reply.trouble.hint or engine.install))


def ended(ran: Ran, seconds: float) -> Trouble:
    """Why a process left no answer; `seconds`: what it was given. Of any process that runs what others made."""
    if ran.timed_out:
        return Trouble(kind="timeout", reason=f"not done after {seconds:g} seconds")
    number = -ran.code if ran.code < 0 else ran.code - _SIGNAL_SHELL
    if _NO_MEMORY.search(ran.err):
        return Trouble(kind="memory", reason=f"not enough memory: {_words(ran.err.splitlines())}")
    if number == signal.SIGKILL:
        return Trouble(kind="memory", reason="killed by the system, which does that when memory runs out")
    how = f"ended by {_signal(number)}" if number > 0 else f"ended with status {ran.code}"
    return Trouble(kind="crashed", reason=": ".join(filter(None, (how, _words(ran.err.splitlines())))))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _words(lines: Sequence[bytes]) -> str:
    """The last line that is neither empty nor small talk."""
    kept = [line.strip() for line in lines if line.strip() and not line.startswith((b"INFO", b"WARNING", b"VERBOSE"))]
    return kept[-1].decode("utf-8", "replace")[:_TOLD] if kept else ""


def _trouble(engine: Engine, kind: str, reason: str) -> Reply:
    return Reply(engine=engine.name, version="", trouble=Trouble(kind=kind, reason=reason))


def _absolute(request: Request) -> Request:
    """Processes of devices run in a folder of their own."""
    feeds: dict[str, tuple[Feed, ...]] = {
        name: tuple(replace(one, path=os.path.abspath(one.path)) for one in sets)  # noqa: PTH100 - no link is followed
        for name, sets in request.feeds.items()
    }
    files = tuple(os.path.abspath(file) for file in request.files)  # noqa: PTH100
    outputs = os.path.abspath(request.outputs) if request.outputs else ""  # noqa: PTH100
    return replace(request, files=files, feeds=feeds, outputs=outputs)
