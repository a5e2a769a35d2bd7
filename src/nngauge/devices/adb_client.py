"""The adb of Android's SDK: found, and its server started where none runs.

The server does what we do not: USB, keys, the transport with its authentication. We talk to it as the client does
(`nngauge.io.adb`), because its answers tell a lost phone from a failed command, which the client's exit status does not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from nngauge.errors import TransientError, UnreadableError
from nngauge.io.adb import AdbServer

_START_SECONDS = 20.0
_INSTALL = 'Android SDK platform-tools, or pip install "nngauge[adb]"'


def program() -> Path | None:
    """The adb on PATH, which fits the user's other tools; else the one that the package adbutils brings."""
    if found := shutil.which("adb"):
        return Path(found)
    spec = find_spec("adbutils")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for name in ("adb", "adb.exe"):
            if (file := Path(folder, "binaries", name)).is_file():
                return file
    return None


def server() -> AdbServer:
    """The running server; started when there is none, and left running, as adb itself does.

    Raises `TransientError` when it does not start, `UnreadableError` when there is no adb.
    """
    known = AdbServer.of_environment()
    try:
        known.devices()
    except TransientError:
        _start()
    return known


def _start() -> None:
    adb = program()
    if adb is None:
        raise UnreadableError("no adb on this machine, and none of its servers runs", where="adb:", hint=_INSTALL)
    try:
        done = subprocess.run(  # noqa: S603 - the user's adb, or the one of a package that the user installed
            [adb, "start-server"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_START_SECONDS, check=False,
            env=os.environ,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TransientError(f"adb does not start its server: {type(error).__name__}", where="adb:") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise TransientError(f"adb does not start its server: {' '.join(said)}", where="adb:")
