"""Commands for the shell of a device, put together so that no name or argument can become a command.

For `sh` as POSIX has it, and with what toybox (Android), busybox and coreutils have in common. Every process that is started
carries ``NNGAUGE_RUN=<session>.<number>.`` in its environment, and so do its children: that is how all of them are found
again, whatever they did to their process group.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Final

from nngauge.devices._api import Command
from nngauge.errors import UsageError

MARK: Final = "NNGAUGE_RUN"
QUIET: Final = {"ORT_DISABLE_TELEMETRY": "1"}
"""What runs for a session reports to nobody. ONNX Runtime's wheels of 1.31 have a thread that sends events to Microsoft, and leave
``.ses`` in the folder of temporary files (which is the session's, therefore) and a number of the device in the user's cache."""
SESSION: Final = re.compile(r"nngauge-[0-9a-f]{12}")
"""Name of a session, of its folder, and the beginning of its processes' marks."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def quoted(words: Sequence[str]) -> str:
    """Words as the shell reads them back. Raises `UsageError` for what no process can be given."""
    if not words or not words[0] or words[0].startswith("-"):
        raise UsageError("no program to run on the device")
    if any("\0" in word for word in words):
        raise UsageError("a NUL character in an argument for the device")
    return shlex.join(words)


def prepared(command: Command, folder: str, mark: str) -> str:
    """The command in place of the shell that reads this, in the session's folder, with its limits."""
    parts = [f"cd {shlex.quote(folder)} || exit 126", f"export {MARK}={shlex.quote(mark)}"]
    for name, value in {"TMPDIR": folder, **QUIET, **command.environment}.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise UsageError(f"no name of a variable, or no value for one: {name!r}")
        parts.append(f"export {name}={shlex.quote(value)}")
    if command.memory > 0:
        parts.append(f"ulimit -v {max(1, command.memory // 1024)}")
    binding = f"taskset {mask(command.cpus)} " if command.cpus else ""
    return "; ".join((*parts, f"exec {binding}{quoted(command.words)}"))


def mask(cpus: Sequence[int]) -> str:
    """Cores as taskset takes them: hexadecimal digits."""
    if any(not 0 <= core < 1024 for core in cpus):
        raise UsageError(f"no such cores: {cpus}")
    return f"{sum(1 << core for core in set(cpus)):x}"


def detached(command: Command, folder: str, job: str, mark: str) -> str:
    """The command as a process that goes on when the connection is lost, watched by a shell of its own.

    In `folder`/`job`: ``in`` is there already; ``out`` and ``err`` come; ``began`` has the device's uptime; ``code`` comes last
    with exit status and uptime, or ``late`` when the time was over.
    """
    # The watchdog sleeps instead of polling: a process that wakes up now and then costs energy that would be measured.
    inner = "\n".join(
        (
            f"cd {shlex.quote(f'{folder}/{job}')} || exit 126",
            "read up rest < /proc/uptime; echo $up > began",
            f"(sleep {command.seconds:.3f}; : > late; kill -9 0) &",
            f"({prepared(command, folder, mark)}) < in > out 2> err",
            "code=$?; read up rest < /proc/uptime; echo $code $up > ended; mv ended code",
            "kill -9 0",
        )
    )
    own = "own=; command -v setsid > /dev/null && own=setsid"
    # The shell stays until the job has a session of its own: before that, it would end with the shell.
    wait = (
        f"n=0; while [ ! -s {shlex.quote(f'{folder}/{job}/began')} ] && [ $n -lt 100 ]; do sleep 0.05; n=$((n+1)); done"
    )
    start = f"{MARK}={shlex.quote(mark)} nohup $own sh -c {shlex.quote(inner)} < /dev/null > /dev/null 2>&1 &"
    return f"{own}; {start} {wait}"


def running(mark: str) -> str:
    """Prints the environment files of processes whose mark begins like this."""
    return f"grep -lsF {shlex.quote(f'{MARK}={mark}')} /proc/[0-9]*/environ"


def kill(mark: str) -> str:
    """Ends the processes whose mark begins like this; again, because some start others meanwhile."""
    return (
        f'n=0; while [ $n -lt 20 ]; do all=$({running(mark)}); [ -z "$all" ] && break; '
        "for one in $all; do one=${one#/proc/}; kill -9 ${one%/environ} 2>/dev/null; done; n=$((n+1)); done"
    )


def sections(parts: Sequence[tuple[str, str]]) -> str:
    """Several commands in one go; `read_sections` takes the output apart."""
    return "; ".join(f"echo '::nngauge {name}'; {text} 2>/dev/null" for name, text in parts)


def read_sections(text: str) -> dict[str, str]:
    """What each of `sections` printed."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("::nngauge "):
            lines = found.setdefault(line.removeprefix("::nngauge "), [])
        else:
            lines.append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}
