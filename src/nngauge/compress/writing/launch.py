"""Runs a writer in a process of its own: limits, no network for package managers, and what its end means."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nngauge.compress.writing._api import Done, Job, Writer
from nngauge.devices import Command, Ran, open_device
from nngauge.engines import Trouble
from nngauge.engines.local import ENVIRONMENT, ended

_ENVIRONMENT: Final = {
    **ENVIRONMENT,
    "PIP_NO_INPUT": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "JAX_PLATFORMS": "cpu",
    "TQDM_DISABLE": "1",
    "OMP_NUM_THREADS": "2",
}
"""Tools install what they miss, fetch and phone home when they are imported; here they cannot."""
_OURS: Final = str(Path(__file__).resolve().parents[3])


class Limits(Struct, frozen=True, kw_only=True):
    """What one job may take."""

    seconds: float = 600.0
    """Wall time."""
    memory: int | None = None
    """Bytes of address space; None: what the writer says it needs."""


def missing(writer: Writer) -> tuple[str, ...]:
    """Import names of what the writer needs and this Python does not have; nothing is imported."""
    return tuple(name for name in writer.needs if not _there(name))


def _there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def write(writer: Writer, job: Job, limits: Limits | None = None, *, python: str = "") -> Done:
    """One job, in a process of its own. Whatever happens to it is the answer: see `Trouble.kind`.

    `python`: the interpreter of another environment in which the tool is installed, with msgspec; it runs this nngauge.
    """
    if not python and (absent := missing(writer)):
        return _trouble("missing", f"{writer.title} is not installed: no {', '.join(absent)}", writer.install)
    limits = limits or Limits()
    environment = {**_ENVIRONMENT, **({"PYTHONPATH": _OURS} if python else {})}
    command = Command(
        words=(_interpreter(python), "-m", "nngauge.compress.writing.child", writer.name),
        environment=environment,
        given=msgspec.json.encode(job),
        seconds=limits.seconds,
        memory=writer.memory if limits.memory is None else limits.memory,
    )
    with open_device("host") as device:
        return _understood(device.run(command), limits)


def _interpreter(python: str) -> str:
    """A link to an interpreter is not followed: it is the link that belongs to an environment."""
    return os.path.abspath(python) if os.sep in python else python or sys.executable  # noqa: PTH100


def _understood(ran: Ran, limits: Limits) -> Done:
    lines = ran.out.strip().splitlines()
    if lines and not ran.timed_out:
        try:
            return msgspec.json.decode(lines[-1], type=Done)
        except msgspec.DecodeError:
            return _trouble("garbage", "standard output is no answer")
    why = ended(ran, limits.seconds)
    return Done(trouble=replace(why, hint="--timeout SECONDS") if ran.timed_out else why)


def _trouble(kind: str, reason: str, hint: str = "") -> Done:
    return Done(trouble=Trouble(kind=kind, reason=reason, hint=hint))
