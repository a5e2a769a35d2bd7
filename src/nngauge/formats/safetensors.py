"""Safetensors weight files: a length, a JSON header, and the tensors without gaps.

Specification: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

from nngauge.domain.graph import DType, Graph, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._json_text import JsonObject, mapping, read_object, text, whole_numbers
from nngauge.limits import MAX_RANK, MAX_TENSORS

_MAX_HEADER = 32 << 20
"""The reference implementation stops at 100 MB; headers of the largest public models take 3 MB."""
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


def parse(data: ModelData) -> Graph:
    """Reads and checks every tensor's place; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:64]), len(data.buf), data.name):
        raise NotThisFormat("no header length with a JSON object behind it")
    start = 8 + int.from_bytes(bytes(data.buf[:8]), "little")
    try:
        header = read_object(data.buf, 8, start)
    except MalformedError as error:
        raise NotThisFormat(str(error)) from None
    metadata = {key: text(value)[:4096] for key, value in mapping(header.pop("__metadata__", {})).items()}
    if not header:
        raise NotThisFormat("the header lists no tensor")
    if len(header) > MAX_TENSORS:
        raise LimitError(f"{len(header)} tensors")
    tensors = [_tensor(name, mapping(entry), start) for name, entry in header.items()]
    extent = _check_order(tensors, start, len(data.buf))
    maker = "MLX" if metadata.get("format") == "mlx" else None
    return Graph(
        format=FORMAT.name,
        tensors=tuple(tensors),
        producer=maker,
        metadata=metadata,
        extent=extent,
        notes=("weights only: the network that uses them is not in the file",),
    )


def _tensor(name: str, entry: JsonObject, base: int) -> Tensor:
    shape, offsets = whole_numbers(entry.get("shape")), whole_numbers(entry.get("data_offsets"))
    if set(entry) != {"dtype", "shape", "data_offsets"} or shape is None or offsets is None or len(offsets) != 2:
        raise NotThisFormat(f"{name[:80]!r} does not describe a tensor")
    bits, dtype = _DTYPES.get(text(entry["dtype"]), (0, DType.UNKNOWN))
    if not bits:
        raise MalformedError(f"element type {text(entry['dtype'])[:40]!r}")
    if len(shape) > MAX_RANK or any(dim < 0 for dim in shape):
        raise MalformedError(f"impossible shape of {name[:80]!r}")
    begin, end = offsets
    tensor = Tensor(name, dtype, shape, Span(base + begin, end - begin), constant=True)
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
    version=1,
    title="Safetensors weights",
    suffixes=(".safetensors",),
    parse=parse,
    probe=probe,
    gate=(Magic(8, b"{"),),
    references=("https://github.com/huggingface/safetensors#format",),
)
