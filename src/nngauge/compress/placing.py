"""Puts a file that was made elsewhere under the name that the user gave: never over something without being told so."""

from __future__ import annotations

import os
from pathlib import Path

from nngauge.errors import UsageError


def check_target(source: Path, output: Path, *, force: bool) -> None:
    """Raises `UsageError` where `output` is the model itself, is there already, is a folder, or has none to lie in."""
    if output.exists() and source.exists() and output.samefile(source):
        raise UsageError("that is the model itself", where=str(output), hint="write to another name: -o small.tflite")
    if output.is_dir():
        raise UsageError("is a folder", where=str(output), hint="give the name of a file")
    if not output.parent.is_dir():
        raise UsageError("no such folder", where=str(output.parent), hint="make it first")
    if not force and (output.exists() or output.is_symlink()):
        raise _taken(output)


def place(made: Path, output: Path, *, force: bool) -> None:
    """Moves a file of the same file system, in one step: a reader sees what was there or what is new.

    Raises `UsageError` where something is there meanwhile and not `force`, and `OSError`.
    """
    mask = os.umask(0)
    os.umask(mask)
    made.chmod(0o666 & ~mask)
    if force:
        made.replace(output)
        return
    try:
        os.link(made, output)  # unlike `replace`, fails where something is there
    except FileExistsError:
        raise _taken(output) from None
    except OSError:
        made.replace(output)  # a file system without hard links


def _taken(output: Path) -> UsageError:
    return UsageError("is there already", where=str(output), hint="--force writes over it")
