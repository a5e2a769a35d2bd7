"""What a model is fed with: seeded random numbers in the range that each input can take, or the user's files.

The range is what the model declares, in this order: the whole range of a quantised type, the rows of a table that the input
indexes (`Gather`: token and class numbers), 0 or 1 for logical values and masks, otherwise 0 to 1 for floating-point
numbers, as images and sounds are fed after the usual normalisation, and small whole numbers for the rest.
"""

from __future__ import annotations

import hashlib
import random
import struct
from array import array
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.graph import Dim, DType, Graph, Tensor
from nngauge.errors import UsageError
from nngauge.limits import MIB

MAX_BYTES: Final = 512 * MIB
"""Of all inputs of one inference."""
_TOKENS: Final = 16
"""Length of a dimension that only the user could know, such as tokens of a sentence."""
_TABLES: Final = frozenset({"Gather", "GatherND", "EmbeddingBag"})
_INTEGERS: Final = {
    DType.INT64: ("q", -(2**63), 2**63 - 1), DType.INT32: ("i", -(2**31), 2**31 - 1), DType.INT16: ("h", -32768, 32767),
    DType.INT8: ("b", -128, 127), DType.UINT64: ("Q", 0, 2**64 - 1), DType.UINT32: ("I", 0, 2**32 - 1),
    DType.UINT16: ("H", 0, 65535), DType.UINT8: ("B", 0, 255), DType.BOOL: ("B", 0, 1),
}  # fmt: skip
_FLOATS: Final = {DType.FLOAT64: "d", DType.FLOAT32: "f", DType.FLOAT16: "e"}
_RESIZED: Final = frozenset({"tflite"})
"""Formats in which a first dimension of 1 is written down although the engine takes any other: it is resized for a batch."""
_SMALL: Final = 1
"""Largest whole number for an input of which nothing says what it counts."""


class Input(Struct, frozen=True, kw_only=True):
    """One input, with the bytes to feed it: dense, little-endian, row by row."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    content: bytes
    says: str
    """Where the numbers come from, for people."""

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes."""
        return hashlib.sha256(self.content).hexdigest()


def inputs_of(
    graph: Graph,
    *,
    seed: int = 0,
    shapes: Mapping[str, Sequence[int]] | None = None,
    files: Mapping[str, Path] | None = None,
    batch: int = 1,
) -> tuple[Input, ...]:
    """An input set; another `seed` gives other numbers. `shapes` fixes dimensions that the model leaves open.

    Raises `UsageError` for names that the model does not have, shapes that contradict it, files of another size, element
    types that cannot be made up (strings), sets of more than 512 MiB and a batch that no input can have.
    """
    shapes, files = shapes or {}, files or {}
    ports = [graph.tensors[index] for index in graph.inputs]
    if batch != 1 and not any(_takes(port, batch, resized=graph.format in _RESIZED) for port in ports):
        raise UsageError(
            f"no input takes a batch of {batch}: their first dimensions are fixed",
            hint="leave --batch out, or export the model with an open first dimension",
        )
    names = {port.name for port in ports}
    for name in (*shapes, *files):
        if name not in names:
            raise UsageError(f"the model has no input {name!r}", hint=f"it has {', '.join(sorted(names)) or 'none'}")
    found, total = [], 0
    for at, port in enumerate(ports):
        shape = _shape(_batched(port, batch) if graph.format in _RESIZED else port, shapes.get(port.name), batch)
        total += prod(shape) * _width(port)
        if total > MAX_BYTES:
            raise UsageError("the inputs of one inference are larger than 512 MiB", where=port.name)
        if port.name in files:
            found.append(_from_file(port, shape, files[port.name]))
        else:
            found.append(_made_up(graph, graph.inputs[at], shape, random.Random(f"{seed}/{at}")))  # noqa: S311 - no secret
    return tuple(found)


def _takes(port: Tensor, batch: int, *, resized: bool) -> bool:
    """Can the first dimension of an input be the batch?"""
    if not port.shape:
        return False
    first = port.shape[0]
    return not isinstance(first, int) or first in {-1, batch} or (resized and first == 1)


def _batched(port: Tensor, batch: int) -> Tensor:
    """The input as it is once a first dimension of 1 was resized."""
    return replace(port, shape=(batch, *port.shape[1:])) if port.shape and port.shape[0] == 1 else port


def _shape(port: Tensor, wanted: Sequence[int] | None, batch: int) -> tuple[int, ...]:
    if wanted is not None:
        fits = port.shape is None or (
            len(port.shape) == len(wanted)
            and all(
                not isinstance(dim, int) or dim < 0 or dim == given
                for dim, given in zip(port.shape, wanted, strict=True)
            )
        )
        if not fits or any(dim < 1 for dim in wanted):
            raise UsageError(
                f"shape {'x'.join(map(str, wanted))} does not fit input {port.name!r}", where=str(port.shape)
            )
        return tuple(wanted)
    if port.shape is None:
        raise UsageError(f"the shape of input {port.name!r} is not known", hint=f"--input {port.name}=1x224x224x3")
    return tuple(_dim(dim, at, batch) for at, dim in enumerate(port.shape))


def _dim(dim: Dim, at: int, batch: int) -> int:
    """An open first dimension is the batch; what else is open gets a small length."""
    if isinstance(dim, int) and dim > 0:
        return dim
    return batch if at == 0 else _TOKENS


def _width(port: Tensor) -> int:
    if port.dtype in _INTEGERS:
        return struct.calcsize("<" + _INTEGERS[port.dtype][0])
    if port.dtype in _FLOATS:
        return struct.calcsize("<" + _FLOATS[port.dtype])
    raise UsageError(
        f"inputs of type {port.dtype} cannot be made up", where=port.name, hint="give a file: --feed NAME=FILE"
    )


def _from_file(port: Tensor, shape: tuple[int, ...], path: Path) -> Input:
    wanted = prod(shape) * _width(port)
    try:
        size = path.stat().st_size
        if size != wanted:
            raise UsageError(
                f"has {size:,} bytes; {port.name!r} takes {wanted:,}",
                where=str(path),
                hint="raw numbers, little-endian, no header",
            )
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return Input(name=port.name, dtype=port.dtype, shape=shape, content=content, says=f"file {path.name}")


def _made_up(graph: Graph, index: int, shape: tuple[int, ...], chance: random.Random) -> Input:
    port = graph.tensors[index]
    count = prod(shape)
    if port.dtype in _FLOATS:
        numbers = [chance.random() for _ in range(count)]
        content, says = struct.pack(f"<{count}{_FLOATS[port.dtype]}", *numbers), "random from 0 to 1"
    else:
        low, high, says = _range(graph, index, port)
        code = _INTEGERS[port.dtype][0]
        if ((low, high) == (0, 255) and code == "B") or ((low, high) == (-128, 127) and code == "b"):
            content = chance.randbytes(count)
        else:
            content = _packed(code, [chance.randint(low, high) for _ in range(count)])
    return Input(name=port.name, dtype=port.dtype, shape=shape, content=content, says=says)


def _packed(code: str, numbers: list[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def _range(graph: Graph, index: int, port: Tensor) -> tuple[int, int, str]:
    _, low, high = _INTEGERS[port.dtype]
    if port.dtype is DType.BOOL or "mask" in port.name.lower():
        return 0, 1, "0 and 1"
    rows = _rows(graph, index)
    if rows is not None:
        return 0, min(rows - 1, high), f"numbers of the {rows:,} rows of a table"
    if port.dtype in {DType.INT8, DType.UINT8, DType.INT16, DType.UINT16} or port.quantization is not None:
        return low, high, f"the whole range of {port.dtype}"
    return 0, _SMALL, "0 and 1"


def _rows(graph: Graph, index: int) -> int | None:
    """Rows of the smallest table that this input indexes, through conversions of its type and shape."""
    reached, found = {index}, []
    for node in graph.nodes:
        if (
            node.kind in {"Cast", "Reshape", "Squeeze", "Unsqueeze", "Identity"}
            and node.inputs
            and node.inputs[0] in reached
        ):
            reached.update(node.outputs)
        elif node.kind in _TABLES and len(node.inputs) > 1 and node.inputs[1] in reached:
            table = graph.tensors[node.inputs[0]]
            if table.shape and isinstance(table.shape[0], int) and table.shape[0] > 0:
                found.append(table.shape[0])
    return min(found, default=None)


def numbers(content: bytes, dtype: str) -> Sequence[float]:
    """The numbers in `content`. Raises `UsageError` for element types that have none."""
    kind = DType(dtype)
    code = _FLOATS.get(kind) or (_INTEGERS[kind][0] if kind in _INTEGERS else None)
    if code is None:
        raise UsageError(f"numbers of type {dtype} cannot be compared")
    if code == "e":
        return struct.unpack(f"<{len(content) // 2}e", content[: len(content) // 2 * 2])
    found = array(code)
    found.frombytes(content[: len(content) // found.itemsize * found.itemsize])
    return found
