"""Damaged variants of good files, and the promise every parser makes about them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import Format, ModelData
from nngauge.limits import HEAD_BYTES

MODELS = Path(__file__).resolve().parents[3] / "shared" / "models"
"""Real model files beside the checkout; absent on most machines."""

LOOKALIKES: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "text": b"hello world\n" * 400,
    "lottie": b'{"v":"5.7.4","fr":30,"ip":0,"op":60,"w":512,"h":512,"nm":"x","ddd":0,"assets":[],"layers":[{"ty":4}]}',
    "class file": b"\xca\xfe\xba\xbe\0\0\0\x34\0\x1a\x07\0\x02\x01\0\x1akotlin/DebugProbesKt" + b"\0\x10" * 400,
    "icu": b"\x00\x20\xda\x27\x14\0\0\0\0\0\x02\0ResB\x03\0\0\0\0\x04\0\0" + bytes(range(256)) * 8,
    "v8 snapshot": b"\x01\0\0\0\x01\0\0\0\x28\x9b\x02\x00" + b"8.8.278.17".ljust(64, b"\0") + bytes(range(256)) * 8,
    "haarcascade": b'<?xml version="1.0"?>\n<opencv_storage>\n<cascade type_id="opencv-cascade-classifier">'
    b"<stageType>BOOST</stageType></cascade>\n</opencv_storage>\n",
    "ktx texture": b"\xabKTX 11\xbb\r\n\x1a\n\x01\x02\x03\x04" + b"\x10\0\0\0" * 300,
    "map": b"\x20\0\0\0MAPD\x00\x01\0\0" + b"\x18\0\0\0\x01\0\0\0" * 300,
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\x06\0\0\0" + bytes(range(256)) * 8,
    "sqlite": b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20" + bytes(2000),
    "plain json": b'{"nodes":[1,2],"name":"x","model":{},"weights":[1.5],"version":"1"}',
    "deep json": b"[" * 200_000,
    "zip": b"PK\x05\x06" + bytes(18),
}
"""Files found beside models in apps, made here from their public headers; none of them is a model."""


def matches(form: Format, data: bytes, name: str) -> bool:
    """Whether the extractor would hand `data` to this format's parser."""
    head = data[:HEAD_BYTES]
    magic = any(data[m.offset : m.offset + len(m.value)] == m.value for m in form.magics)
    return magic or bool(form.probe and form.probe(head, len(data), name))


def accepts(form: Format, data: bytes, name: str = "a.bin") -> bool:
    """True when the parser takes `data` for a model; only declared errors may escape."""
    try:
        form.parse(ModelData(name, data))
    except (InputError, NotThisFormat):
        return False
    return True


def mutations(data: bytes, count: int = 60, seed: int = 7) -> Iterator[bytes]:
    """Truncations, flipped bytes, and 32-bit fields set to extreme values, most of them near the front."""
    rng = random.Random(seed)
    for cut in (0, 1, 4, 8, 16, 31, len(data) // 2, len(data) - 1):
        yield data[: max(cut, 0)]
    extremes = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x01\0\0\0", b"\0\0\0\x80"]
    for index in range(count):
        span = len(data) if index % 3 == 0 else min(len(data), 600)
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(max(span, 1)) if data else 0
            if rng.random() < 0.5:
                damaged[at : at + 4] = rng.choice(extremes)[: len(damaged) - at]
            elif damaged:
                damaged[at] = rng.randrange(256)
        yield bytes(damaged)


def survive(form: Format, data: bytes, name: str, count: int = 60) -> None:
    """Parses every mutation; any exception that is not declared fails the test that calls this."""
    for damaged in mutations(data, count):
        form.probe is None or form.probe(damaged[:HEAD_BYTES], len(damaged), name)
        accepts(form, damaged, name)


def refuse_lookalikes(form: Format) -> None:
    """No look-alike may be accepted, under a neutral name or under the format's own."""
    for label, data in LOOKALIKES.items():
        for name in ("a.bin", *(f"a{suffix}" for suffix in form.suffixes)):
            assert not accepts(form, data, name), f"{form.name} accepts {label} as {name}"
            head = data[:HEAD_BYTES]
            form.probe is None or form.probe(head, len(data), name)


def refuse_noise(form: Format) -> None:
    """Random bytes behind the format's own magic must be refused."""
    rng = random.Random(3)
    for size in (0, 1, 7, 64, 700, 5000):
        noise = bytearray(rng.randbytes(size))
        assert not accepts(form, bytes(noise))
        for magic in form.magics:
            noise[magic.offset : magic.offset + len(magic.value)] = magic.value
            assert not accepts(form, bytes(noise)), f"{form.name} accepts noise behind its magic"
