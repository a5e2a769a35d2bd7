"""Finding official programs and running them on a device, in an environment that does not change what they measure."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from msgspec.structs import replace

from nngauge.devices._api import Command, OpenDevice, Ran
from nngauge.engines.official._api import Job, Output, Told, Tool
from nngauge.engines.official._reading import MOST
from nngauge.errors import InputError, TransientError, UnreadableError, UnsupportedError, UsageError

_VERSION: Final = re.compile(rb"\b(\d{1,5}(?:\.\d{1,9}){1,4}[0-9A-Za-z.+-]{0,40})")
_LAST_LINES: Final = 3


def find_tool(tool: Tool, path: Path | None = None) -> Path:
    """The program: at `path`, or the first of its names in PATH. Raises `UsageError` with where to get it."""
    if not tool.binaries:
        raise UsageError(f"{tool.title} does not run here: its results are read", hint=tool.install)
    if path is not None:
        if not path.is_file():
            raise UsageError(f"there is no {tool.name}", where=str(path), hint=tool.install)
        return path
    for name in tool.binaries:
        if (found := shutil.which(name)) is not None:
            return Path(found)
    raise UsageError(f"{' or '.join(tool.binaries)} is not in PATH", hint=tool.install)


def environment(job: Job) -> dict[str, str]:
    """Numbers with points; no more threads than asked for; nothing preloaded; no telemetry, no colours."""
    return {
        "LC_ALL": "C", "LD_PRELOAD": "", "OMP_NUM_THREADS": str(job.threads), "OPENBLAS_NUM_THREADS": str(job.threads),
        "TF_CPP_MIN_LOG_LEVEL": "0", "NO_COLOR": "1", "DO_NOT_TRACK": "1",
    }  # fmt: skip


def version_of(device: OpenDevice, tool: Tool, binary: str) -> str:
    """What the program calls its version; empty where it does not tell. Raises as `OpenDevice.run`."""
    if not tool.version_words:
        return ""
    ran = device.run(Command(words=(binary, *tool.version_words), environment={"LC_ALL": "C"}, seconds=60.0))
    found = _VERSION.search(ran.out + b"\n" + ran.err) if ran.code == 0 else None
    return found[1].decode("ascii", "replace") if found else ""


def run_tool(
    device: OpenDevice, tool: Tool, binary: Path, model: Path, job: Job, *, seconds: float = 600.0
) -> tuple[Told, ...]:
    """Puts program and model on the device, runs them, fetches the result files, and reads it all.

    Only `Job.threads` and what follows count: paths are made here. Raises `UsageError` for a program that cannot be run,
    `UnsupportedError` on emulated processors, `UnreadableError` when it failed (with its last lines), else as `Tool.parse` and the device do.
    """
    if tool.command is None:
        raise UsageError(f"{tool.title} cannot be started from here: its results are read", hint=tool.install)
    if device.facts().emulated:
        raise UnsupportedError("the processor is emulated: its times mean nothing", where=device.id)
    remote = device.push(model)
    folder = str(PurePosixPath(remote).parent)
    program = device.push(binary) if tool.on_device else os.fspath(binary)
    job = replace(job, model=remote, folder=folder)
    version = version_of(device, tool, program)
    ran = device.run(Command(words=tool.command(program, job), environment=environment(job), seconds=seconds))
    if ran.timed_out or ran.code != 0:
        raise UnreadableError(_failure(tool, ran, seconds), hint=tool.install if ran.code in (126, 127) else "")
    told = tool.parse(Output(out=ran.out, err=ran.err, files=_fetch(device, folder, tool.results(job))))
    unnamed = ("", PurePosixPath(remote).name)  # there the file is called by its digest
    return tuple(
        replace(one, name=model.name if one.name in unnamed else one.name, version=one.version or version)
        for one in told
    )


def _failure(tool: Tool, ran: Ran, seconds: float) -> str:
    if ran.timed_out:
        return f"{tool.name} was not done after {seconds:.0f} s"
    said = [
        line.strip() for line in (ran.err or ran.out)[-4096:].decode("utf-8", "replace").splitlines() if line.strip()
    ]
    how = f"was ended by signal {-ran.code}" if ran.code < 0 else f"ended with {ran.code}"
    return f"{tool.name} {how}: {' / '.join(said[-_LAST_LINES:]) or 'it said nothing'}"


def _fetch(device: OpenDevice, folder: str, names: tuple[str, ...]) -> dict[str, bytes]:
    """Those of the files that are there: not every version writes all of them."""
    files: dict[str, bytes] = {}
    with TemporaryDirectory(prefix="nngauge-") as local:
        for name in names:
            target = Path(local, name)
            try:
                device.pull(f"{folder}/{name}", target, most=MOST)
            except TransientError:
                raise
            except InputError:
                continue
            files[name] = target.read_bytes()
    return files
