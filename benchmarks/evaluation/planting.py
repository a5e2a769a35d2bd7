"""Puts single files into minimal apps, and disguises libraries the way builders of apps do."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

from nngauge.errors import InputError, NotThisFormat
from nngauge.io.elf import read_elf
from nngauge.io.macho import read_macho

_STRIPPERS = ("strip", "llvm-strip")


def plant(target: Path, files: Mapping[str, Path]) -> Path:
    """An app that holds nothing but `files` (entry name → file), stored without compression."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files.items():
            archive.write(file, name)
    return target


def container_of(file: Path) -> str:
    """``elf``, ``macho`` or ``script``, by the first bytes."""
    with file.open("rb") as stream:
        head = stream.read(4)
    if head == b"\x7fELF":
        return "elf"
    return "macho" if head in {b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"} else "script"


def place_of(container: str, name: str) -> tuple[str, str]:
    """Suffix of the app and entry name for a library."""
    if container == "elf":
        return ".apk", f"lib/arm64-v8a/{name}"
    if container == "macho":
        return ".ipa", f"Payload/Example.app/Frameworks/{name}"
    return ".apk", f"assets/www/{name}"


def disguise(library: Path, container: str, target: Path) -> bool:
    """A copy of `library` at `target` without symbols and with its own name overwritten; true when it was stripped."""
    shutil.copyfile(library, target)
    if container == "script":
        return False
    stripped = container == "elf" and _strip(target)
    _hide_name(target, container)
    return stripped


def _strip(file: Path) -> bool:
    for tool in _STRIPPERS:
        path = shutil.which(tool)
        if path is None:
            continue
        made = file.with_suffix(".stripped")
        done = subprocess.run([path, "--strip-all", "-o", made, file], capture_output=True, check=False)
        if done.returncode == 0:
            made.replace(file)
            return True
        made.unlink(missing_ok=True)
    return False


def _hide_name(file: Path, container: str) -> None:
    """Overwrites DT_SONAME or the install name with one of the same length, wherever it stands."""
    content = bytearray(file.read_bytes())
    name = _own_name(content, container)
    if not name:
        return
    raw = b"\0" + name.encode() + b"\0"
    other = b"\0lib" + b"o" * (len(raw) - 8) + b".so\0" if len(raw) > 9 else b"\0" + b"o" * (len(raw) - 2) + b"\0"
    at = content.find(raw)
    while at >= 0:
        content[at : at + len(raw)] = other
        at = content.find(raw, at + 1)
    file.write_bytes(content)


def _own_name(content: bytearray, container: str) -> str | None:
    try:
        if container == "elf":
            return read_elf(content).soname
        names = [item.install_name for item in read_macho(content).slices]
        return next((name for name in names if name), None)
    except (InputError, NotThisFormat):
        return None
