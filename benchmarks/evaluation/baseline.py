"""The two-step method of the literature, in a few lines: strings in ``.rodata``, then endings of file names."""

from __future__ import annotations

import tomllib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nngauge.errors import InputError, NotThisFormat
from nngauge.io.elf import read_elf

_ARM = ("lib/armeabi", "lib/arm64")
_TABLE = Path(__file__).parent / "baseline.toml"


@dataclass(frozen=True, slots=True)
class Rules:
    """Framework → strings of which any one suffices, and framework → endings of model files."""

    strings: Mapping[str, tuple[bytes, ...]]
    suffixes: Mapping[str, tuple[str, ...]]


def load_rules(path: Path = _TABLE) -> Rules:
    """The published table."""
    table = tomllib.loads(path.read_text())
    return Rules(
        strings={name: tuple(text.encode() for text in row["strings"]) for name, row in table.items()},
        suffixes={name: tuple(row["suffixes"]) for name, row in table.items()},
    )


def frameworks_in(library: Path, rules: Rules) -> tuple[str, ...]:
    """First step: the frameworks whose strings stand in the section ``.rodata`` of an ELF file."""
    return frameworks_of(library.read_bytes(), rules)


def frameworks_of(content: bytes, rules: Rules) -> tuple[str, ...]:
    """The same for a library in memory."""
    try:
        sections = read_elf(content).sections
    except (InputError, NotThisFormat):
        return ()
    texts = [content[item.offset : item.offset + item.size] for item in sections if item.name == ".rodata"]
    return tuple(
        name for name, strings in rules.strings.items() if any(string in text for string in strings for text in texts)
    )


def two_steps(package: Path, rules: Rules) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Both steps on a package: frameworks in its libraries for Arm, and the entries that end like their models."""
    found: set[str] = set()
    try:
        with zipfile.ZipFile(package) as archive:
            names = tuple(archive.namelist())
            for name in names:
                if name.startswith(_ARM):
                    found.update(frameworks_of(archive.read(name), rules))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        return (), ()
    frameworks = tuple(sorted(found))
    return frameworks, model_names(names, frameworks, rules)


def model_names(names: tuple[str, ...], frameworks: tuple[str, ...], rules: Rules) -> tuple[str, ...]:
    """Second step: the entries that end like models of the frameworks found."""
    endings = tuple(suffix for name in frameworks for suffix in rules.suffixes[name])
    return tuple(name for name in names if name.endswith(endings)) if endings else ()
