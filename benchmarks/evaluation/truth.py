"""What is true about the things the evaluation looks at, read from the TOML files beside the code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Library:
    """One file of a runtime's package. Field meanings: head of ``runtimes.toml``."""

    file: str
    expect: str = ""
    version: str = ""
    also: tuple[str, ...] = ()
    role: str = "library"
    note: str = ""
    mended: str = ""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One version of one package of a registry."""

    registry: str
    name: str
    version: str
    libraries: tuple[Library, ...]
    platform: str = ""
    note: str = ""
    fresh: bool = False
    """Nobody looked into it while the rules were written."""

    @property
    def folder(self) -> str:
        """Name of the folder that holds the unpacked binaries."""
        if self.registry == "npm":
            return f"npm-{self.name.replace('/', '-')}-{self.version}"
        return f"{self.name.replace('-', '_')}-{self.version}-{self.platform or 'any'}"

    @property
    def title(self) -> str:
        """As the tables show it."""
        return f"{self.name} {self.version}"


def load_runtimes(path: Path = HERE / "runtimes.toml") -> tuple[Runtime, ...]:
    """All runtimes of the table."""
    table = tomllib.loads(path.read_text())
    return tuple(_runtime(row) for row in table["runtime"])


def _runtime(row: Mapping[str, Any]) -> Runtime:
    libraries = tuple(Library(**{**item, "also": tuple(item.get("also", ()))}) for item in row["libraries"])
    return Runtime(**{**row, "libraries": libraries})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How the labels of others map to our names (``labels.toml``)."""

    formats: Mapping[str, tuple[str, ...]]
    """Format label → names of our formats; empty when the file is no model by itself."""
    baseline: Mapping[str, tuple[str, ...]]
    """Framework of the published rules → technology ids it stands for."""


def load_vocabulary(path: Path = HERE / "labels.toml") -> Vocabulary:
    """The mapping tables."""
    table = tomllib.loads(path.read_text())
    return Vocabulary(
        formats={key: tuple(value) for key, value in table["formats"].items()},
        baseline={key: tuple(value) for key, value in table["baseline"].items()},
    )


@dataclass(frozen=True, slots=True)
class Note:
    """What a person found when looking at a model that the labels lack or that was missed."""

    sha256: str
    """Leading digits of the file's digest."""
    name: str
    """Format of a model, or the label of others."""
    confirmed: bool
    reason: str


def load_notes(path: Path = HERE / "notes.toml") -> tuple[Note, ...]:
    """All notes."""
    table = tomllib.loads(path.read_text())
    return tuple(Note(**row) for row in table.get("note", ()))


def note_for(notes: tuple[Note, ...], sha256: str, name: str) -> Note | None:
    """The note about one name in one file."""
    return next((note for note in notes if sha256.startswith(note.sha256) and note.name == name), None)
