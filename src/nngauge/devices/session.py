"""Folders of sessions on a device: made, removed, and found again when a session was killed."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shlex
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

from nngauge.devices import script

_FORGOTTEN_MINUTES: Final = 24 * 60
"""A folder of another computer's session that nothing runs in any more and that nobody touched for this long is left over."""


def new_name() -> str:
    """A name that no other session has."""
    return f"nngauge-{secrets.token_hex(6)}"


def owner() -> str:
    """This process, without telling whose computer it runs on: computer, process, when that started."""
    return f"{_computer()} {os.getpid()} {_started(os.getpid())}"


def _computer() -> str:
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())  # containers number processes on their own
    told = f"{platform.node()} {uuid.getnode()} {namespace}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _started(process: int) -> str:
    """Clock ticks, so that a number that is used again is told apart; ``-`` where there is no /proc, ```` when it is gone."""
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return ""
        except PermissionError:
            pass
        return "-"
    try:
        text = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def over(text: str) -> bool:
    """Whether the process that `owner` described has ended. False when it was another computer's."""
    computer, process, started = (*text.split(), "", "", "")[:3]
    if computer != _computer() or not process.isascii() or not process.isdigit() or len(process) > 9:
        return False
    return _started(int(process)) != started


def create(root: str, name: str) -> str:
    """Makes the folder, which only its user may read; fails when there is one."""
    folder = shlex.quote(f"{root}/{name}")
    return f"umask 077; mkdir {folder} && echo {shlex.quote(owner())} > {folder}/owner"


def remove(root: str, name: str) -> str:
    """Ends all that still runs and removes the folder."""
    if not script.SESSION.fullmatch(name):
        raise AssertionError(name)  # what is removed with all that is in it had better be ours
    return f"{script.kill(f'{name}.')}; rm -rf {shlex.quote(f'{root}/{name}')}"


def listing(root: str) -> str:
    """Prints a line for each session's folder of this user: name, whether it is old, owner."""
    old = f"find {shlex.quote(root)} -maxdepth 1 -name 'nngauge-*' -mmin +{_FORGOTTEN_MINUTES} 2>/dev/null"
    return (
        f"old=$({old}); for one in {shlex.quote(root)}/nngauge-*; do "
        '[ -d "$one" ] && [ ! -L "$one" ] && [ -O "$one" ] || continue; name=${one##*/}; age=new; '
        'case "$old" in *"$name"*) age=old;; esac; who=; [ -r "$one/owner" ] && read who < "$one/owner"; '
        'echo "$name $age $who"; done; true'
    )


def left_over(text: str) -> list[str]:
    """Names of the sessions in a listing that are over."""
    found = []
    for row in text.splitlines():
        name, age, who = (*row.split(" ", 2), "", "")[:3]
        if script.SESSION.fullmatch(name) and (over(who) or age == "old"):
            found.append(name)
    return found
