"""Core AI models (.aimodel): a folder with MLIR bytecode, its SHA-256 and a description.

Not documented by Apple; file names, the hash over the bytecode and ``assetVersion`` were measured on folders written by
Apple's coreai-core package. Bytecode: https://mlir.llvm.org/docs/BytecodeFormat/
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._json_text import JsonObject, read_object, text
from nngauge.io.binary import Buffer, cstring_at
from nngauge.limits import CHUNK_BYTES

_MAGIC = b"ML\xefR"
_HASH, _METADATA = "main.hash", "metadata.json"


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Hash and description in the same folder."""
    folder = lead.rpartition("/")[0]
    wanted = [f"{folder}/{name}" if folder else name for name in (_HASH, _METADATA)]
    present = set(paths)
    return tuple(path for path in wanted if path in present)


def parse(data: ModelData) -> Graph:
    """Checks bytecode header, hash and description; see `Format.parse` for the errors. Bytecode alone is no model."""
    if bytes(data.buf[:4]) != _MAGIC:
        raise NotThisFormat("no MLIR bytecode")
    metadata = _part(data, _METADATA)
    if metadata is None:
        raise NotThisFormat("MLIR bytecode without a Core AI description")
    facts = read_object(metadata)
    if not text(facts.get("assetVersion")):
        raise NotThisFormat("the description has no asset version")
    if len(data.buf) < 16 or not data.buf[4] & 1:
        raise TruncatedError("no bytecode version")
    compiler = cstring_at(data.buf, 5, limit=256).decode("utf-8", "replace")
    if not compiler.startswith("MLIR") and not compiler.isprintable():
        raise MalformedError("the bytecode names no producer")
    stored = _part(data, _HASH)
    notes = ["the MLIR program is not read"]
    if stored is None:
        notes.append("the hash file is missing")
    elif not _agrees(data.buf, bytes(stored[:128])):
        notes.append("the hash file does not belong to this bytecode")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        format_version=f"asset {text(facts['assetVersion'])[:20]}",
        producer=_producer(facts),
        metadata={"compiler": compiler[:100], "bytecode version": str(data.buf[4] >> 1)},
        notes=tuple(notes),
    )


def _producer(facts: JsonObject) -> str:
    return text(facts.get("producer"))[:100] or "Core AI"


def _part(data: ModelData, name: str) -> Buffer | None:
    return next((buf for path, buf in data.parts.items() if path.rpartition("/")[2] == name), None)


def _agrees(buf: Buffer, stored: bytes) -> bool:
    """Whether `stored` is the digest, raw or in hexadecimal."""
    digest = hashlib.sha256()
    for start in range(0, len(buf), CHUNK_BYTES):
        digest.update(bytes(buf[start : start + CHUNK_BYTES]))
    return stored[:32] == digest.digest() or stored.strip().lower() == digest.hexdigest().encode()


FORMAT = Format(
    name="aimodel",
    version=1,
    title="Core AI model",
    suffixes=(".aimodel", ".mlirb"),
    parse=parse,
    magics=(Magic(0, _MAGIC),),
    bind=bind,
    references=("https://mlir.llvm.org/docs/BytecodeFormat/",),
    limitations=("undocumented format: the program is not read",),
)
