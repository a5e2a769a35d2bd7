"""Core AI models (.aimodel): a folder with MLIR bytecode, its SHA-256 and a description.

Not documented by Apple: file names, the hash over the bytecode and ``assetVersion`` were measured on folders written by
Apple's coreai-core package. Bytecode: https://mlir.llvm.org/docs/BytecodeFormat/
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.coreai_program import program_graph
from nngauge.formats._parts.json_text import JsonObject, read_object, text
from nngauge.formats._parts.mlir_bytecode import MAGIC, read_bytecode
from nngauge.io.binary import Buffer
from nngauge.limits import CHUNK_BYTES

_HASH, _METADATA = "main.hash", "metadata.json"


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Hash and description in the same folder."""
    folder = lead.rpartition("/")[0]
    wanted = [f"{folder}/{name}" if folder else name for name in (_HASH, _METADATA)]
    present = set(paths)
    return tuple(path for path in wanted if path in present)


def parse(data: ModelData) -> Graph:
    """Checks bytecode header, hash and description; see `Format.parse` for the errors. Bytecode alone is no model."""
    if bytes(data.buf[:4]) != MAGIC:
        raise NotThisFormat("no MLIR bytecode")
    metadata = _part(data, _METADATA)
    if metadata is None:
        raise NotThisFormat("MLIR bytecode without a Core AI description")
    facts = read_object(metadata)
    if not text(facts.get("assetVersion")):
        raise NotThisFormat("the description has no asset version")
    graph = _network(data.buf)
    notes = [*graph.notes, *_hash_notes(data)]
    return replace(
        graph,
        completeness=Completeness.PARTIAL if notes and graph.nodes else graph.completeness,
        format_version=f"asset {text(facts['assetVersion'])[:20]}",
        producer=_producer(facts),
        notes=tuple(notes),
    )


def _network(buf: Buffer) -> Graph:
    try:
        program = read_bytecode(buf)
    except UnsupportedError as error:
        return Graph(format=FORMAT.name, completeness=Completeness.STRUCTURE, notes=(str(error),))
    graph = program_graph(program, buf, FORMAT.name)
    facts = {"compiler": program.producer[:100], "bytecode version": str(program.version)}
    return replace(graph, metadata={**facts, **graph.metadata})


def _hash_notes(data: ModelData) -> list[str]:
    stored = _part(data, _HASH)
    if stored is None:
        return ["the hash file is missing"]
    return [] if _agrees(data.buf, bytes(stored[:128])) else ["the hash file does not belong to this bytecode"]


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
    version=2,
    title="Core AI model",
    suffixes=(".aimodel", ".mlirb"),
    parse=parse,
    magics=(Magic(0, MAGIC),),
    bind=bind,
    references=("https://mlir.llvm.org/docs/BytecodeFormat/",),
    limitations=("undocumented format: attributes other than those of convolutions are not read",),
)
