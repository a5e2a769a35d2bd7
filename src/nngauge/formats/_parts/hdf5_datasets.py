"""Datasets of an HDF5 file in its oldest layout, which h5py writes by default: symbol-table groups and version 1 headers.

Specification: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html (II.A superblock 0, III.A.1 B-trees,
III.B symbol tables, III.D local heaps, IV.A.1.a object headers). Other layouts give None, which is not a failure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from nngauge.domain.graph import DType, Span, Tensor
from nngauge.errors import LimitError, MalformedError, TruncatedError, UnsupportedError
from nngauge.io.binary import Buffer, cstring_at
from nngauge.io.meter import Meter
from nngauge.limits import MAX_RANK, MAX_STRUCT_DEPTH, MAX_TENSORS

_SPACE, _TYPE, _LAYOUT, _CONTINUATION, _GROUP = 0x01, 0x03, 0x08, 0x10, 0x11
_ROOT_ENTRY = 64
"""Address of the root group's object header in superblock 0 with 8-byte offsets."""
_MAX_MESSAGES = 4096
_FLOATS = {2: DType.FLOAT16, 4: DType.FLOAT32, 8: DType.FLOAT64}
_SIGNED = {1: DType.INT8, 2: DType.INT16, 4: DType.INT32, 8: DType.INT64}
_UNSIGNED = {1: DType.UINT8, 2: DType.UINT16, 4: DType.UINT32, 8: DType.UINT64}


def datasets(buf: Buffer) -> list[Tensor] | None:
    """Every dataset by path, in order of its groups; None when the file is laid out in a newer way.

    Raises `MalformedError` or `LimitError` for damaged structures.
    """
    if len(buf) < 96 or buf[8] != 0 or bytes(buf[13:15]) != b"\x08\x08":
        return None
    try:
        return list(_walk(buf, Meter.for_size(len(buf))))
    except UnsupportedError:
        return None
    except (struct.error, IndexError, OverflowError):
        raise TruncatedError("an HDF5 structure outside the file") from None


def _walk(buf: Buffer, meter: Meter) -> Iterator[Tensor]:
    root = struct.unpack_from("<Q", buf, _ROOT_ENTRY)[0]
    queue: list[tuple[str, int]] = [("", root)]
    visited: set[int] = set()
    count = 0
    while queue:
        path, address = queue.pop()
        if address in visited:
            continue
        visited.add(address)
        messages = dict(_messages(buf, address, meter))
        if _GROUP in messages:
            tree, heap = struct.unpack_from("<QQ", buf, messages[_GROUP])
            queue.extend(reversed(list(_members(buf, path, tree, heap, meter))))
        elif _SPACE in messages and _TYPE in messages:
            count += 1
            if count > MAX_TENSORS:
                raise LimitError(f"more than {MAX_TENSORS} datasets")
            yield _dataset(buf, path, messages)


def _messages(buf: Buffer, address: int, meter: Meter) -> Iterator[tuple[int, int]]:
    """`(type, offset of the data)` of the messages of a version 1 object header."""
    if buf[address] != 1:
        raise UnsupportedError("an object header that is not version 1", where=f"@{address}")
    size = struct.unpack_from("<I", buf, address + 8)[0]
    blocks = [(address + 16, size)]
    seen = 0
    while blocks:
        at, left = blocks.pop(0)
        while left >= 8:
            kind, length = struct.unpack_from("<HH", buf, at)
            meter.spend(8)
            seen += 1
            if seen > _MAX_MESSAGES:
                raise LimitError(f"more than {_MAX_MESSAGES} messages", where=f"@{address}")
            if kind == _CONTINUATION:
                blocks.append(struct.unpack_from("<QQ", buf, at + 8))
            yield kind, at + 8
            at, left = at + 8 + length, left - 8 - length


def _members(buf: Buffer, path: str, tree: int, heap: int, meter: Meter) -> Iterator[tuple[str, int]]:
    """`(path, address)` of what a group links to."""
    names = struct.unpack_from("<Q", buf, heap + 24)[0]
    if bytes(buf[heap : heap + 4]) != b"HEAP":
        raise MalformedError("a group without local heap", where=f"@{heap}")
    for node in _leaves(buf, tree, meter):
        if bytes(buf[node : node + 4]) != b"SNOD":
            raise MalformedError("not a symbol table node", where=f"@{node}")
        for index in range(struct.unpack_from("<H", buf, node + 6)[0]):
            meter.spend(40)
            name_at, address = struct.unpack_from("<QQ", buf, node + 8 + 40 * index)
            name = cstring_at(buf, names + name_at, limit=1024).decode("utf-8", "replace")
            meter.spend(len(path) + len(name))
            yield f"{path}/{name}" if path else name, address


def _leaves(buf: Buffer, tree: int, meter: Meter) -> Iterator[int]:
    queue = [(tree, 0)]
    while queue:
        at, depth = queue.pop()
        kind, level, count = struct.unpack_from("<BBH", buf, at + 4)
        if bytes(buf[at : at + 4]) != b"TREE" or kind != 0 or depth > MAX_STRUCT_DEPTH:
            raise MalformedError("not a group's B-tree", where=f"@{at}")
        meter.spend(24 + 16 * count)
        children = [struct.unpack_from("<Q", buf, at + 32 + 16 * index)[0] for index in range(count)]
        if level == 0:
            yield from children
        else:
            queue.extend((child, depth + 1) for child in reversed(children))


def _dataset(buf: Buffer, path: str, messages: dict[int, int]) -> Tensor:
    space, kind = messages[_SPACE], messages[_TYPE]
    version, rank = buf[space], buf[space + 1]
    if version not in (1, 2) or rank > MAX_RANK:
        raise MalformedError(f"dataspace of version {version} and rank {rank}", where=f"@{space}")
    shape = struct.unpack_from(f"<{rank}Q", buf, space + (8 if version == 1 else 4))
    family, signed = buf[kind] & 0x0F, buf[kind + 1] & 0x08
    width = struct.unpack_from("<I", buf, kind + 4)[0]
    table = _FLOATS if family == 1 else _SIGNED if signed else _UNSIGNED
    dtype = table.get(width, DType.UNKNOWN) if family in (0, 1) else DType.UNKNOWN
    return Tensor(path, dtype, tuple(shape), _span(buf, messages.get(_LAYOUT)), constant=True)


def _span(buf: Buffer, layout: int | None) -> Span | None:
    """Where contiguous data lies; chunked and compact data have no single place."""
    if layout is None or bytes(buf[layout : layout + 2]) != b"\x03\x01":
        return None
    offset, size = struct.unpack_from("<QQ", buf, layout + 2)
    return Span(offset, size) if offset + size <= len(buf) else None
