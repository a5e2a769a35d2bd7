"""The models themselves, by what is in them: one copy of a file that five hundred apps carry."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from nngauge.domain.model import Model
from nngauge.errors import UnreadableError
from nngauge.extract.attempt import Extracted
from nngauge.io.atomic import write_atomically

FOLDER = "blobs"
"""Below the folder of a study."""


def blob_path(root: str | Path, sha256: str) -> Path:
    """Where the file with this digest is kept: ``ab/abcdef…``."""
    return Path(root) / sha256[:2] / sha256


class Blobs(Struct, frozen=True):
    """Keeps the files of models below `root`, named by their SHA-256 alone; safe for many writers at once."""

    root: str

    def keep(self, model: Model, extracted: Extracted) -> None:
        """Writes the files of a model that are not there yet. Raises `UnreadableError` when that cannot be done."""
        for part, piece in zip(model.parts, extracted.pieces, strict=True):
            target = blob_path(self.root, part.sha256)
            try:
                if target.is_file() and target.stat().st_size == part.size:
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(target, piece.source.chunks())
            except OSError as error:
                raise UnreadableError(f"cannot write: {error.strerror}", where=self.root) from error
