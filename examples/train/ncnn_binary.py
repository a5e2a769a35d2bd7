"""ncnn's text graph to its binary graph, which is what ``ncnn2mem`` writes as ``.param.bin``.

ncnn2mem is not published as a package, so the few lines that matter are here. The layout is the one that
``Net::load_param(const DataReader&)`` reads (https://github.com/Tencent/ncnn, src/net.cpp, and the format page
https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure): little-endian int32 words, blob names replaced by
indices, layer names dropped, each layer's parameters closed by -233, array parameters under id -23300 - id.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

MAGIC = 7767517
END_OF_PARAMETERS = -233
FIRST_ARRAY_ID = -23300


def to_binary(text: str, type_index: Callable[[str], int]) -> bytes:
    """Translate a text param file; `type_index` tells ncnn's number for a layer type.

    Raises:
        ValueError: The text is not a param file of the current layout.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if lines[0] != [str(MAGIC)]:
        raise ValueError("not an ncnn param file")
    layers, blobs = (int(word) for word in lines[1])
    numbers: dict[str, int] = {}
    out = [struct.pack("<3i", MAGIC, layers, blobs)]
    for kind, _name, bottoms, tops, *rest in lines[2:]:
        out.append(_layer(type_index(kind), int(bottoms), int(tops), rest, numbers))
    return b"".join(out)


def _layer(kind: int, bottoms: int, tops: int, rest: list[str], numbers: dict[str, int]) -> bytes:
    names = rest[: bottoms + tops]
    for name in names[bottoms:]:
        numbers[name] = len(numbers)
    head = struct.pack(f"<{3 + len(names)}i", kind, bottoms, tops, *(numbers[name] for name in names))
    body = b"".join(_parameter(*word.split("=", 1)) for word in rest[bottoms + tops :])
    return head + body + struct.pack("<i", END_OF_PARAMETERS)


def _parameter(key: str, value: str) -> bytes:
    number = int(key)
    if number > FIRST_ARRAY_ID:
        return struct.pack("<i", number) + _scalar(value)
    count, *items = value.split(",")
    return struct.pack("<2i", number, int(count)) + b"".join(_scalar(item) for item in items)


def _scalar(value: str) -> bytes:
    is_float = "." in value or "e" in value.lower()
    return struct.pack("<f", float(value)) if is_float else struct.pack("<i", int(value))
