"""Published models: an index of digests and fingerprints, never of weights. docs/add-an-sdk.md tells how to add to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Final

import msgspec

from nngauge.errors import InputError, RuleError
from nngauge.io.whole import read_whole

MODELS: Final = Path(__file__).parent / "public_models.jsonl"
"""nngauge's own index, one entry a line, in order of the ids."""
MAX_INDEX_BYTES: Final = 64 << 20
"""An index of somebody else's; ours is under 2 MiB."""


class Fingerprint(msgspec.Struct, frozen=True, array_like=True):
    """A sketch of one weight tensor (`analyse.attribution.sketch`)."""

    out: int
    into: int
    space: int
    bits: str
    """128 bits, hexadecimal."""
    known: str = ""
    """Which of them say something; empty for all."""


class Published(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One published model file."""

    id: str
    title: str
    source: str
    """Address of the file, with its commit."""
    file: str
    format: str
    bytes: int
    sha256: str
    """Of the file, or of the sorted digests of all parts; empty where only `blob` is known."""
    blob: str = ""
    """Git's object id (SHA-1) of a file whose bytes were not at hand."""
    license: str = ""
    """Of the repository that publishes it, SPDX."""
    task: str = ""
    architecture: str = ""
    sdk: str = ""
    """Id of the component that brings it, for models that come with one and nowhere else."""
    also: tuple[str, ...] = ()
    """Further places where the same bytes are published."""
    parameters: int = 0
    structure: str = ""
    layers: str = ""
    trunk: str = ""
    weights: int = 0
    """Elements of all weights that have a fingerprint; `sketches` keeps those of the largest."""
    sketches: tuple[Fingerprint, ...] = ()


class PublishedModels:
    """An index, found by digest, by structure or by the shapes of weights. Decoded when more than a digest is asked for."""

    def __init__(self, data: bytes, where: str, before: Sequence[Published] = ()) -> None:
        """`data`: the lines of an index file; entries of `before` count first."""
        self._data = data
        self._where = where
        self._before = tuple(before)

    @cached_property
    def entries(self) -> tuple[Published, ...]:
        """Every entry. Raises `RuleError` that names the line that breaks the schema."""
        lines = enumerate(self._data.splitlines(), 1)
        return (*self._before, *(_decoded(line, f"{self._where}:{number}") for number, line in lines))

    @cached_property
    def by_blob(self) -> Mapping[str, Published]:
        """Entries of which only Git's object id is known."""
        return {entry.blob: entry for entry in self.entries if entry.blob}

    @cached_property
    def _places(self) -> Mapping[bytes, int]:
        """SHA-256 → where its line begins or goes on: two milliseconds once, where decoding everything takes ten."""
        return {match[1]: match.start() for match in _DIGEST.finditer(self._data)}

    def by_digest(self, sha256: str) -> Published | None:
        """The entry of a file with these bytes; nothing is decoded but its line."""
        for entry in self._before:
            if entry.sha256 == sha256:
                return entry
        at = self._places.get(sha256.encode(), -1)
        if at < 0:
            return None
        start, end = self._data.rfind(b"\n", 0, at) + 1, self._data.find(b"\n", at)
        return _decoded(self._data[start : end if end >= 0 else None], self._where)

    def looking_like(self, field: str, value: str) -> list[Published]:
        """Entries whose digest `field` (``structure``, ``layers``, ``trunk``) is `value`."""
        return [entry for entry in self.entries if value and getattr(entry, field) == value]


_DIGEST: Final = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_DECODER: Final = msgspec.json.Decoder(Published)


def _decoded(line: bytes, where: str) -> Published:
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RuleError(str(error), where=where, hint="docs/add-an-sdk.md describes the schema") from None


def read_published(path: Path) -> PublishedModels:
    """The index in a file. Raises `RuleError` when it cannot be read."""
    try:
        return PublishedModels(read_whole(path, MAX_INDEX_BYTES, "the index"), path.name)
    except InputError as error:
        raise RuleError(error.what, where=str(path)) from None


@cache
def published_models(more: Path | None = None) -> PublishedModels:
    """The index that comes with nngauge, with the entries of the file `more` before them."""
    data = MODELS.read_bytes() if MODELS.exists() else b""
    return PublishedModels(data, MODELS.name, read_published(more).entries if more is not None else ())


def write_published(path: Path, entries: Iterable[Published]) -> None:
    """Writes an index in order of the ids."""
    encoder = msgspec.json.Encoder()
    lines = [encoder.encode(entry) for entry in sorted(entries, key=lambda entry: entry.id)]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
