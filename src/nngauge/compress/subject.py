"""The model that is to be made smaller: its network, what it is for, and the bytes of its files."""

from __future__ import annotations

import posixpath
from typing import Final

from msgspec import Struct

from nngauge.domain.graph import Graph
from nngauge.domain.task import TaskVerdict
from nngauge.errors import LimitError, UnsupportedError
from nngauge.extract.attempt import Extracted
from nngauge.extract.save import safe_name
from nngauge.limits import MIB

MOST_BYTES: Final = 1024 * MIB
"""Of all files of a model that is compressed; each version of it is written out."""


class File(Struct, frozen=True, kw_only=True):
    """One file of a model."""

    name: str
    """Relative to the lead file's folder, never outside of it."""
    content: bytes


class Subject(Struct, frozen=True, kw_only=True):
    """One model at hand."""

    name: str
    format: str
    graph: Graph
    """With inferred shapes where somebody inferred them."""
    files: tuple[File, ...]
    """The lead file first, as `Span.part` counts them."""
    task: TaskVerdict | None = None
    digest: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(file.content) for file in self.files)


def subject_of(
    extracted: Extracted, graph: Graph | None = None, task: TaskVerdict | None = None, digest: str = ""
) -> Subject:
    """The model with its bytes in memory.

    `graph`: the network with inferred shapes, where there is one. Raises `LimitError` for models of more than 1 GiB and
    `UnsupportedError` where a file lies outside of the lead file's folder.
    """
    total = sum(piece.source.size for piece in extracted.pieces)
    if total > MOST_BYTES:
        raise LimitError(f"{total:,} bytes; models of up to {MOST_BYTES:,} bytes are compressed")
    lead = extracted.pieces[0].location.path.rpartition("!")[2]
    files = tuple(
        File(
            name=_beside(piece.location.path.rpartition("!")[2], lead) if at else safe_name(posixpath.basename(lead)),
            content=piece.source.read(0, piece.source.size),
        )
        for at, piece in enumerate(extracted.pieces)
    )
    return Subject(
        name=posixpath.basename(lead), format=extracted.format.name, graph=graph or extracted.graph, files=files,
        task=task, digest=digest,
    )  # fmt: skip


def _beside(name: str, lead: str) -> str:
    """The path of a companion from the lead file's folder: external data is found by that."""
    path = posixpath.relpath(posixpath.normpath(name), posixpath.dirname(lead) or ".")
    if path.startswith(("..", "/")) or "\0" in path:
        raise UnsupportedError("a file of the model lies outside of its folder", where=name)
    return path
