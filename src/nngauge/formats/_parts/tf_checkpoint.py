"""TensorFlow checkpoints (``variables.index`` with its data shards): where each variable lies.

The index is a LevelDB table (https://github.com/google/leveldb/blob/main/doc/table_format.md) of `BundleEntryProto`
(https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/tensor_bundle.proto) by key; TensorFlow 2
keys variables by their place in an object graph, which the checkpoint holds too (trackable_object_graph.proto).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from nngauge.domain.graph import Dim, Span, Tensor
from nngauge.errors import LimitError, MalformedError, TruncatedError, UnsupportedError
from nngauge.formats._parts.tf_graphdef import shape_proto
from nngauge.formats.vocabulary.tensorflow import dtype
from nngauge.io import protobuf
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.protobuf import BYTES, fields
from nngauge.limits import MAX_STRING, MAX_TENSORS

_MAGIC: Final = 0xDB4775248B80FB57
_FOOTER: Final = 48
_TRAILER: Final = 5
"""Behind each block: kind of compression and a checksum."""
_OBJECTS: Final = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SHARD: Final = re.compile(r"\.data-(\d{5})-of-(\d{5})$")


def variables(parts: Mapping[str, Buffer]) -> dict[str, Tensor]:
    """The variables by every name they are known under: key of the checkpoint, and full name in the program.

    `parts` are the companions of a model in their order; a `Span` counts them from 1. Empty without an index.
    Raises `MalformedError` or `UnsupportedError` for a damaged or compressed index.
    """
    index = next((buf for path, buf in parts.items() if path.endswith(".index")), None)
    if index is None:
        return {}
    shards = {int(mark[1]): place for place, path in enumerate(parts, 1) if (mark := _SHARD.search(path))}
    sizes = [0, *map(len, parts.values())]
    found: dict[str, Tensor] = {}
    for key, start, end in _entries(index):
        tensor = _variable(index, start, end, key, shards, sizes)
        if tensor is not None:
            found[key] = tensor
        if len(found) > MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} variables")
    return found | _full_names(found, list(parts.values()))


def _variable(
    index: Buffer, start: int, end: int, key: str, shards: Mapping[int, int], sizes: Sequence[int]
) -> Tensor | None:
    """A `BundleEntryProto`; None for the header."""
    if not key:
        return None
    code = shard = offset = size = 0
    shape: tuple[Dim, ...] | None = ()
    for field in fields(index, start, end):
        if field.number == 2 and field.wire == BYTES:
            shape = shape_proto(index, field)
        elif field.number in (1, 3, 4, 5):
            code = field.value if field.number == 1 else code
            shard = field.value if field.number == 3 else shard
            offset = field.value if field.number == 4 else offset
            size = field.value if field.number == 5 else size
    part = shards.get(shard, 0)
    there = part and size and offset + size <= sizes[part]
    return Tensor(key, dtype(code), shape, Span(offset, size, part) if there else None, constant=True)


def _full_names(found: Mapping[str, Tensor], parts: Sequence[Buffer]) -> dict[str, Tensor]:
    """Variables by the name they have in the program, from the object graph."""
    graph = found.get(_OBJECTS)
    if graph is None or graph.data is None:
        return {}
    buf = parts[graph.data.part - 1]
    cursor = Cursor(buf, graph.data.offset, graph.data.offset + graph.data.size)
    length = cursor.uleb()
    cursor.skip(4)  # checksum of the lengths
    start = cursor.pos
    cursor.skip(length)
    names: dict[str, Tensor] = {}
    for node in fields(buf, start, cursor.pos):
        for attribute in fields(buf, node.start, node.end) if node.number == 1 and node.wire == BYTES else ():
            if attribute.number == 2 and attribute.wire == BYTES:
                texts = {part.number: protobuf.text(buf, part) for part in _texts(buf, attribute.start, attribute.end)}
                name, key = texts.get(2, ""), texts.get(3, "")
                if name and key in found:
                    names.setdefault(name, found[key])
    return names


def _texts(buf: Buffer, start: int, end: int) -> Iterator[protobuf.Field]:
    for field in fields(buf, start, end):
        if field.number in (2, 3) and field.wire == BYTES:
            yield field


def _entries(buf: Buffer) -> Iterator[tuple[str, int, int]]:
    """`(key, start, end of the value)` of each entry of the table."""
    if len(buf) < _FOOTER:
        raise TruncatedError("shorter than a table's footer")
    footer = Cursor(buf, len(buf) - _FOOTER)
    for _ in range(2):  # the meta index, which nobody writes, then the index
        offset, size = footer.uleb(), footer.uleb()
    if int.from_bytes(buf[len(buf) - 8 :], "little") != _MAGIC:
        raise MalformedError("no table magic at the end")
    for _, start, end in _block(buf, offset, size):
        handle = Cursor(buf, start, end)
        yield from _block(buf, handle.uleb(), handle.uleb())


def _block(buf: Buffer, offset: int, size: int) -> Iterator[tuple[str, int, int]]:
    if size < 4 or offset + size + _TRAILER > len(buf):
        raise TruncatedError(f"block of {size} bytes", where=f"@{offset}")
    if buf[offset + size]:
        raise UnsupportedError("compressed checkpoint index", where=f"@{offset}")
    restarts = int.from_bytes(buf[offset + size - 4 : offset + size], "little")
    end = offset + size - 4 - 4 * restarts
    if end < offset:
        raise MalformedError(f"{restarts} restarts in a block of {size} bytes", where=f"@{offset}")
    cursor, key = Cursor(buf, offset, end), b""
    while cursor.left:
        shared, added, length = cursor.uleb(), cursor.uleb(), cursor.uleb()
        if shared > len(key) or shared + added > MAX_STRING:
            raise MalformedError("key shares more than there is", where=f"@{cursor.pos}")
        key = key[:shared] + cursor.bytes(added)
        start = cursor.pos
        cursor.skip(length)
        yield key.decode("utf-8", "replace"), start, cursor.pos
