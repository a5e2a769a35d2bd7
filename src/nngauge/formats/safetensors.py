"""Safetensors weight files: a length, a JSON header, and the tensors without gaps; with the configuration beside them.

Specification: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nngauge.domain.graph import Completeness, DType, Graph, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.json_text import JsonObject, mapping, read_object, text, whole_numbers
from nngauge.formats._parts.model_config import beside, read_config
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_RANK, MAX_TENSORS

_MAX_HEADER = 32 << 20
"""The reference implementation stops at 100 MB; headers of the largest public models take 3 MB."""
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.safetensors")
_MAX_SHARDS = 1024
"""Files of one model; the largest public ones have about 200."""
_DTYPES = {
    "F64": (64, DType.FLOAT64), "F32": (32, DType.FLOAT32), "F16": (16, DType.FLOAT16), "BF16": (16, DType.BFLOAT16),
    "F8_E4M3": (8, DType.FLOAT8_E4M3), "F8_E5M2": (8, DType.FLOAT8_E5M2), "F8_E8M0": (8, DType.UNKNOWN),
    "F6_E2M3": (6, DType.UNKNOWN), "F6_E3M2": (6, DType.UNKNOWN), "F4": (4, DType.FLOAT4_E2M1),
    "I64": (64, DType.INT64), "I32": (32, DType.INT32), "I16": (16, DType.INT16), "I8": (8, DType.INT8),
    "U64": (64, DType.UINT64), "U32": (32, DType.UINT32), "U16": (16, DType.UINT16), "U8": (8, DType.UINT8),
    "BOOL": (8, DType.BOOL), "C64": (64, DType.COMPLEX64),
}  # fmt: skip


def probe(head: bytes, size: int, _name: str) -> bool:
    """A header length that fits the file, then the opening of a JSON object with a quoted key."""
    length = int.from_bytes(head[:8], "little")
    return 8 < length <= min(size - 8, _MAX_HEADER) and head[8:9] == b"{" and head[9:20].lstrip()[:1] == b'"'


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Configurations in the same folder, and for the first of several shards (``x-00001-of-00004``) the others."""
    found = _SHARD.fullmatch(lead)
    shards: tuple[str, ...] = ()
    if found is not None:
        if int(found[2]) != 1 or not 1 <= int(found[3]) <= _MAX_SHARDS:
            return ()
        present = set(paths)
        names = (f"{found[1]}-{number:05}-of-{found[3]}.safetensors" for number in range(2, int(found[3]) + 1))
        shards = tuple(name for name in names if name in present)
    return (*shards, *beside(lead, paths))


def parse(data: ModelData) -> Graph:
    """Reads and checks every tensor's place, in all shards; see `Format.parse` for the errors."""
    tensors, metadata, extent = _file(data.buf, 0)
    shards = 1
    for place, (name, buf) in enumerate(data.parts.items(), 1):
        if not name.endswith(".safetensors"):
            metadata |= read_config(name, buf)
            continue
        try:
            tensors += _file(buf, place)[0]
        except NotThisFormat as error:
            raise MalformedError(f"shard {name[-60:]!r}: {error}") from None
        shards += 1
    if len(tensors) > MAX_TENSORS:
        raise LimitError(f"{len(tensors)} tensors")
    notes = ["weights only: the network that uses them is not in the file"]
    shard = _SHARD.fullmatch(data.name)
    declared = int(shard[3]) if shard is not None else 1
    if declared > shards:
        notes.append(f"split into {declared} files, of which {shards} were read")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.FULL if declared <= shards else Completeness.PARTIAL,
        tensors=tuple(tensors),
        producer="MLX" if metadata.get("format") == "mlx" or "config.quantization.group_size" in metadata else None,
        metadata=metadata,
        extent=extent,
        notes=tuple(notes),
    )


def _file(buf: Buffer, part: int) -> tuple[list[Tensor], dict[str, str], int]:
    """`(tensors, metadata, end of the data)` of one file, part `part` of the model."""
    if not probe(bytes(buf[:64]), len(buf), ""):
        raise NotThisFormat("no header length with a JSON object behind it")
    start = 8 + int.from_bytes(bytes(buf[:8]), "little")
    try:
        header = read_object(buf, 8, start)
    except MalformedError as error:
        raise NotThisFormat(str(error)) from None
    metadata = {key: text(value)[:4096] for key, value in mapping(header.pop("__metadata__", {})).items()}
    if not header:
        raise NotThisFormat("the header lists no tensor")
    if len(header) > MAX_TENSORS:
        raise LimitError(f"{len(header)} tensors")
    tensors = [_tensor(name, mapping(entry), start, part) for name, entry in header.items()]
    return tensors, metadata, _check_order(tensors, start, len(buf))


def _tensor(name: str, entry: JsonObject, base: int, part: int) -> Tensor:
    shape, offsets = whole_numbers(entry.get("shape")), whole_numbers(entry.get("data_offsets"))
    if set(entry) != {"dtype", "shape", "data_offsets"} or shape is None or offsets is None or len(offsets) != 2:
        raise NotThisFormat(f"{name[:80]!r} does not describe a tensor")
    bits, dtype = _DTYPES.get(text(entry["dtype"]), (0, DType.UNKNOWN))
    if not bits:
        raise MalformedError(f"element type {text(entry['dtype'])[:40]!r}")
    if len(shape) > MAX_RANK or any(dim < 0 for dim in shape):
        raise MalformedError(f"impossible shape of {name[:80]!r}")
    begin, end = offsets
    tensor = Tensor(name, dtype, shape, Span(base + begin, end - begin, part), constant=True)
    if begin < 0 or end < begin or (tensor.elements or 0) * bits != 8 * (end - begin):
        raise MalformedError(f"{name[:80]!r} has {end - begin} bytes, its shape wants another number")
    return tensor


def _check_order(tensors: list[Tensor], base: int, size: int) -> int:
    """The end of the data; tensors must follow each other without gap or overlap."""
    at = base
    for span in sorted((tensor.data.offset, tensor.data.size) for tensor in tensors if tensor.data):
        if span[0] != at:
            raise MalformedError("tensors overlap or leave a gap", where=f"@{at}")
        at += span[1]
    if at > size:
        raise TruncatedError(f"tensors reach to {at}, the file to {size}")
    return at


FORMAT = Format(
    name="safetensors",
    version=2,
    title="Safetensors weights",
    suffixes=(".safetensors",),
    parse=parse,
    probe=probe,
    bind=bind,
    gate=(Magic(8, b"{"),),
    references=(
        "https://github.com/huggingface/safetensors#format",
        "https://huggingface.co/docs/transformers/main_classes/configuration",
    ),
)
