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
from nngauge.formats._parts.json_text import JsonObject, mapping, objects, text, whole_numbers
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


class Manifest(Struct, frozen=True):
    """The weights of all groups, each where it lies in its shard."""

    weights: tuple[Tensor, ...]
    notes: tuple[str, ...]
    whole: bool
    """All shards are there."""


def read_manifest(manifest: list[JsonObject], parts: Mapping[str, Buffer]) -> Manifest:
    """Finds the weights in the shards among `parts`.

    Raises `NotThisFormat` for what is no manifest, `MalformedError` for impossible shapes.
    """
    shards = {path.rpartition("/")[2]: _Shard(place, len(buf)) for place, (path, buf) in enumerate(parts.items(), 1)}
    found: list[Tensor] = []
    faults: list[str] = []
    crossing = 0
    for group in manifest:
        entries = objects(group.get("weights"))
        if not entries:
            raise NotThisFormat("a weight group without weights")
        tensors = [_weight(entry) for entry in entries]
        if len(found) + len(tensors) > MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} weights")
        present, fault = _present(tensors, group, shards)
        if fault:
            faults.append(fault)
        else:
            tensors = _placed(tensors, present)
            crossing += sum(tensor.data is None and bool(_bytes(tensor)) for tensor in tensors)
        found += tensors
    split = (f"{crossing} weights lie in two shards each, or behind texts: their bytes are not located",) * bool(
        crossing
    )
    return Manifest(tuple(found), (*faults[:4], *split), not faults)


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


def _present(tensors: list[Tensor], group: JsonObject, shards: Mapping[str, _Shard]) -> tuple[list[_Shard], str]:
    """The shards of a group, and what is wrong with them."""
    wanted = group.get("paths")
    names = [text(path).rpartition("/")[2] for path in wanted] if isinstance(wanted, list) else []
    missing = [name for name in names if name not in shards]
    if missing or not names:
        first = missing[0][:80] if missing else "unnamed"
        return [], f"{len(missing)} of {len(names)} weight shards are missing, first {first}"
    present = [shards[name] for name in names]
    expected = sum(_bytes(tensor) or 0 for tensor in tensors)
    if sum(shard.size for shard in present) < expected:
        return [], f"weight shards are shorter than the {expected} bytes the manifest describes"
    return present, ""


def _placed(tensors: list[Tensor], shards: list[_Shard]) -> list[Tensor]:
    """The weights with their places, one behind the other in the shards."""
    placed: list[Tensor] = []
    offset = 0
    for place, tensor in enumerate(tensors):
        size = _bytes(tensor)
        if size is None:
            # Texts are as long as they are; what follows them cannot be placed without reading them.
            return placed + tensors[place:]
        placed.append(replace(tensor, data=_span(shards, offset, size)))
        offset += size
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
