"""The weight manifest of TensorFlow.js: groups of weights that lie one behind the other in a group's shards.

Format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts (`WeightsManifestConfig`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.graph import DType, Quantization, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._json_text import JsonObject, mapping, objects, text, whole_numbers
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_RANK, MAX_TENSORS

DTYPES: Final[Mapping[str, tuple[int, DType]]] = {
    "float32": (4, DType.FLOAT32), "float16": (2, DType.FLOAT16), "int32": (4, DType.INT32), "uint8": (1, DType.UINT8),
    "uint16": (2, DType.UINT16), "bool": (1, DType.BOOL), "complex64": (8, DType.COMPLEX64),
    "string": (0, DType.STRING), "int64": (8, DType.INT64),
}  # fmt: skip
"""`(bytes of an element, element type)` by name."""


_LARGEST: Final = 3.5e38
"""Single precision ends here; JSON does not."""


class _Shard(Struct, frozen=True):
    """A file that is there: its number among the companions (from 1) and its bytes."""

    part: int
    size: int


def manifest_weights(
    manifest: list[JsonObject], parts: Mapping[str, Buffer]
) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    """The weights of all groups, each where it lies in its shard, and what is missing.

    Raises `NotThisFormat` for what is no manifest, `MalformedError` for impossible shapes.
    """
    shards = {path.rpartition("/")[2]: _Shard(place, len(buf)) for place, (path, buf) in enumerate(parts.items(), 1)}
    found: list[Tensor] = []
    notes: list[str] = []
    for group in manifest:
        entries = objects(group.get("weights"))
        if not entries:
            raise NotThisFormat("a weight group without weights")
        tensors = [_weight(entry) for entry in entries]
        if len(found) + len(tensors) > MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} weights")
        found += _placed(tensors, group, shards, notes)
    return tuple(found), tuple(notes[:4])


def _weight(entry: JsonObject) -> Tensor:
    shape, quantized = whole_numbers(entry.get("shape")), mapping(entry.get("quantization"))
    stored = text(quantized.get("dtype")) or text(entry.get("dtype"))
    name = text(entry.get("name"))
    if not name or shape is None or stored not in DTYPES:
        raise NotThisFormat("an entry of the manifest is not a weight")
    if len(shape) > MAX_RANK or any(dim < 0 for dim in shape):
        raise MalformedError(f"impossible shape of {name[:80]!r}")
    return Tensor(name, DTYPES[stored][1], shape, quantization=_quantization(quantized), constant=True)


def _quantization(quantized: JsonObject) -> Quantization | None:
    """``real = stored × scale + min``."""
    scale, low = quantized.get("scale"), quantized.get("min")
    if not isinstance(scale, int | float) or not isinstance(low, int | float) or not scale:
        return None
    if abs(scale) > _LARGEST or abs(low) > _LARGEST:
        return None
    zero = -low / scale
    return Quantization(scales=1, scale=float(scale), zero_point=round(zero) if abs(zero) < 2**31 else None)


def _placed(tensors: list[Tensor], group: JsonObject, shards: Mapping[str, _Shard], notes: list[str]) -> list[Tensor]:
    """The weights with their places, as far as the shards are there."""
    wanted = group.get("paths")
    names = [text(path).rpartition("/")[2] for path in wanted] if isinstance(wanted, list) else []
    missing = [name for name in names if name not in shards]
    if missing:
        notes.append(f"{len(missing)} of {len(names)} weight shards are missing, first {missing[0][:80]}")
        return tensors
    present = [shards[name] for name in names]
    sizes = [_bytes(tensor) for tensor in tensors]
    expected = sum(size or 0 for size in sizes)
    if sum(shard.size for shard in present) < expected:
        if names:
            notes.append(f"weight shards are shorter than the {expected} bytes the manifest describes")
        return tensors
    placed: list[Tensor] = []
    offset = crossing = 0
    for place, (tensor, size) in enumerate(zip(tensors, sizes, strict=True)):
        if size is None:
            # Texts are as long as they are; what follows them cannot be placed without reading them.
            return placed + tensors[place:]
        span = _span(present, offset, size)
        crossing += span is None
        placed.append(replace(tensor, data=span))
        offset += size
    if crossing:
        notes.append(f"{crossing} weights lie in two shards each, their bytes are not located")
    return placed


def _bytes(tensor: Tensor) -> int | None:
    width = next(width for width, kind in DTYPES.values() if kind is tensor.dtype)
    return width * (tensor.elements or 0) if width else None


def _span(shards: list[_Shard], offset: int, size: int) -> Span | None:
    """The place of bytes in the shard that holds all of them."""
    for shard in shards:
        if offset < shard.size:
            return Span(offset, size, shard.part) if offset + size <= shard.size else None
        offset -= shard.size
    return None
