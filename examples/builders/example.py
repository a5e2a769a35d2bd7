"""What an example app is: how it is built, and the truth about it that a scan has to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One model in an app."""

    location: str
    """Path in the package; ``!`` enters an archive or an unpacked stream, ``@offset`` stands inside a file."""
    model: str
    """The model, below `examples/models`; its facts are in MANIFEST.toml."""
    parts: tuple[str, ...] = ()
    """Where the model's other files are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleApp:
    """One package and the truth about it."""

    file_name: str
    build: Callable[[], bytes]
    planted: tuple[Planted, ...] = ()
    technologies: Mapping[str, str] = field(default_factory=dict)
    """Everything that has to be detected, by rule id, with the version that the package tells (or none)."""
    opaque: tuple[str, ...] = ()
    """Encrypted files that have to be reported as opaque."""
    lures: tuple[str, ...] = ()
    """Entries that must not be called models."""


def model(name: str) -> bytes:
    """The bytes of an example model, by its path below `examples/models`."""
    return (MODELS / name).read_bytes()


def model_folder(name: str) -> dict[str, bytes]:
    """The files below a folder of `examples/models`, by their path in it."""
    root = MODELS / name
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
