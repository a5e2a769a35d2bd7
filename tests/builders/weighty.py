"""Models with enough weights for statistics, and what is done to hide them. Seeded, so every run makes the same bytes."""

from __future__ import annotations

import random
import struct
from typing import Any

from examples.builders.flat import flatbuffer


def weights(count: int, seed: int = 1) -> bytes:
    """Float32 values as training leaves them: bell-shaped around zero."""
    generator = random.Random(seed)
    return struct.pack(f"<{count}f", *(generator.gauss(0.0, 0.05) for _ in range(count)))


def tflite(seed: int = 1, *, names: bool = True, content: bytes | None = None, layers: int = 14) -> bytes:
    """A chain of convolutions with 16×3×3×16 float weights each."""
    generator = random.Random(seed)
    stem = "MobilenetV2/expanded_conv_{}/depthwise/" if names else "".join(generator.choices("qwzxkv", k=9)) + "{}"
    size = 16 * 3 * 3 * 16
    tensors: list[dict[int, Any]] = [
        {0: ("i", [1, 32, 32, 16]), 1: ("b", 0), 2: ("I", 0), 3: "image" if names else "zqx"}
    ]
    buffers: list[dict[int, Any]] = [{}]
    operators = []
    for layer in range(layers):
        name = stem.format(layer)
        data = content if content is not None else weights(size, seed + layer)
        buffers.append({0: data})
        tensors.append(
            {0: ("i", [16, 3, 3, 16]), 1: ("b", 0), 2: ("I", len(buffers) - 1), 3: name + ("weights" if names else "v")}
        )
        tensors.append({0: ("i", [1, 32, 32, 16]), 1: ("b", 0), 2: ("I", 0), 3: name + ("Relu6" if names else "z")})
        before = len(tensors) - 4 if layer else 0
        operators.append({
            0: ("I", 0), 1: ("i", [max(0, before + 1) if layer else 0, len(tensors) - 2, -1]), 2: ("i", [len(tensors) - 1]),
            3: ("B", 1), 4: {0: ("b", 0), 1: ("i", 1), 2: ("i", 1), 3: ("b", 3)},
        })  # fmt: skip
    graph: dict[int, Any] = {0: tensors, 1: ("i", [0]), 2: ("i", [len(tensors) - 1]), 3: operators, 4: "main"}
    return flatbuffer({0: ("I", 3), 1: [{0: ("b", 3)}], 2: [graph], 3: "built by hand", 4: buffers}, b"TFL3")


def noise(count: int, seed: int = 1) -> bytes:
    """What a good cipher leaves."""
    return random.Random(seed).randbytes(count)


def xored(data: bytes, size: int, seed: int = 1) -> bytes:
    """Masked with a repeating key of `size` bytes, none of them zero."""
    generator = random.Random(seed)
    key = bytes(generator.randrange(1, 256) for _ in range(size))
    return bytes(byte ^ key[at % size] for at, byte in enumerate(data))


def ecb(data: bytes, seed: int = 1) -> bytes:
    """Equal blocks stay equal, different ones become noise: a block cipher without chaining, as far as statistics see."""
    table: dict[bytes, bytes] = {}
    generator = random.Random(seed)
    out = b""
    for at in range(0, len(data) - len(data) % 16, 16):
        block = data[at : at + 16]
        out += table.setdefault(block, generator.randbytes(16))
    return out
