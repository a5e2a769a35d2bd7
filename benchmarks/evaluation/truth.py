"""What is true about the things the evaluation looks at, read from the TOML and CSV files beside the code."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_QUALIFIED = re.compile(r"(?P<name>[^(]+)(?:\((?P<how>[^)]*)\))?")


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
class Label:
    """One technology that a person said a package contains."""

    name: str
    how: str
    """Qualification in the hand-made list, e.g. ``dex refs only``."""

    @property
    def models_only(self) -> bool:
        """The package holds models of this technology, no code that runs them."""
        return "model" in self.how or "graphs" in self.how


@dataclass(frozen=True, slots=True)
class LabelledPackage:
    """A package with the labels that a person gave it. Labels may be incomplete."""

    sha256: str
    tier: str
    origin: str
    """Repository and path it was published at."""
    labels: tuple[Label, ...]
    models: tuple[tuple[str, str], ...]
    """`(entry, format)` of each model."""
    same_bytes: bool
    """The file is byte for byte what was labelled, not put together again from its parts."""

    @property
    def negative(self) -> bool:
        """Known to hold no AI."""
        return self.tier == "genuine_neg"


def load_index(path: Path) -> tuple[LabelledPackage, ...]:
    """Packages of an ``index.tsv``: sha256, tier, repository, path, frameworks, models, state."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return tuple(
        LabelledPackage(
            sha256=row[0],
            tier=row[1],
            origin=f"{row[2]}: {row[3]}",
            labels=parse_labels(row[4]),
            models=parse_models(row[5]),
            same_bytes=row[6] in {"verified", "npm"},
        )
        for row in rows
        if len(row) >= 7 and re.fullmatch(r"[0-9a-f]{64}", row[0])
    )


def parse_labels(text: str) -> tuple[Label, ...]:
    """``tflite|mlkit(dex refs only)`` as labels."""
    found = []
    for part in filter(None, text.split("|")):
        match = _QUALIFIED.fullmatch(part.strip())
        if match:
            found.append(Label(match["name"].strip(), match["how"] or ""))
    return tuple(found)


def parse_models(text: str) -> tuple[tuple[str, str], ...]:
    """``{"entry": …, "format": …}|{…}`` as pairs; a last item that was cut off is left out."""
    found = []
    for part in re.findall(r"\{[^{}]*\}", text):
        item = json.loads(part)
        found.append((item["entry"], item["format"]))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How the labels of others map to our names (``labels.toml``)."""

    technologies: Mapping[str, tuple[str, ...]]
    """Label → technology ids, any of which is the right answer."""
    formats: Mapping[str, tuple[str, ...]]
    """Format label → names of our formats; empty when the file is no model by itself."""
    baseline: Mapping[str, tuple[str, ...]]
    """Framework of the published rules → technology ids it stands for."""


def load_vocabulary(path: Path = HERE / "labels.toml") -> Vocabulary:
    """The mapping tables."""
    table = tomllib.loads(path.read_text())
    return Vocabulary(
        technologies={key: tuple(value) for key, value in table["technologies"].items()},
        formats={key: tuple(value) for key, value in table["formats"].items()},
        baseline={key: tuple(value) for key, value in table["baseline"].items()},
    )


@dataclass(frozen=True, slots=True)
class Note:
    """What a person found when looking at a detection or a model that the labels lack."""

    sha256: str
    """Leading digits of the package's digest."""
    name: str
    """Technology id, or format of a model."""
    confirmed: bool
    reason: str


def load_notes(path: Path = HERE / "notes.toml") -> tuple[Note, ...]:
    """All notes."""
    table = tomllib.loads(path.read_text())
    return tuple(Note(**row) for row in table.get("note", ()))


def note_for(notes: tuple[Note, ...], sha256: str, name: str) -> Note | None:
    """The note about one name in one package."""
    return next((note for note in notes if sha256.startswith(note.sha256) and note.name == name), None)
