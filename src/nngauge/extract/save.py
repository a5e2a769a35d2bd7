"""Writes extracted models to a folder: files named by content, each with a sidecar that says where it came from."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from msgspec import Struct

from nngauge.domain.model import Model
from nngauge.errors import UnreadableError
from nngauge.extract.attempt import Extracted
from nngauge.io.atomic import write_atomically

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME = 80


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside an extracted model."""

    app: str
    """Path of the package as given."""
    files: tuple[str, ...]
    """Names written, the lead first."""
    model: Model


class Saver(Struct, frozen=True):
    """Saves the models of one app below `folder`.

    Entry names are hostile: only letters, digits, dot, dash and underscore of the base name are kept, and every name
    begins with the digest, so nothing can be written outside `folder` or over another model.
    """

    folder: str
    app: str

    def save(self, model: Model, extracted: Extracted) -> None:
        """Writes the pieces and the sidecar; a model that is there already only gains a further sidecar.

        Raises `UnreadableError` when the folder cannot be written.
        """
        root = Path(self.folder)
        stem = model.digest[:16]
        names = [f"{stem}-{safe_name(piece.location.name)}" for piece in extracted.pieces]
        names = [name if names.index(name) == at else f"{stem}-{at}-{name[17:]}" for at, name in enumerate(names)]
        try:
            root.mkdir(parents=True, exist_ok=True)
            for name, piece in zip(names, extracted.pieces, strict=True):
                if not (root / name).exists():
                    write_atomically(root / name, piece.source.chunks())
            place = safe_name(f"{Path(self.app).name}-{model.parts[0].location.path.partition('!')[2]}")
            sidecar = Sidecar(app=self.app, files=tuple(names), model=model)
            text = msgspec.json.format(msgspec.json.encode(sidecar), indent=2)
            (root / f"{names[0]}.{place}.json").write_bytes(text)
        except OSError as error:
            raise UnreadableError(f"cannot write: {error.strerror}", where=self.folder) from error


def safe_name(name: str) -> str:
    """A file name that is safe on every system: never empty, hidden, or leading elsewhere."""
    cleaned = _UNSAFE.sub("_", name.replace("/", "-")).lstrip(".-")
    return cleaned[-_MAX_NAME:] or "model"
