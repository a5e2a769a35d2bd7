"""Files that begin like models very often: searching for models at any offset must not become quadratic.

Four bytes of magic, repeated, make a place to try every four bytes; each try may read on to the end of the file. A
gigabyte of them in a megabyte of zip is 268 million places.

nngauge keeps `limits.MAX_SCAN_HITS` hits of one entry (beyond, one per MiB), tries `limits.CARVE_CANDIDATES` places, and
says so.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from attacks._api import Attack, all_of, failed, models
from tests.builders.samples import model
from tests.builders.zips import Member, archive

_FORMATS = {
    "tflite": b"\x1c\0\0\0TFL3", "gguf": b"GGUF\3\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", "ncnn": b"7767517\n9 9\n",
    "ort": b"\x10\0\0\0ORTM", "executorch": b"\x10\0\0\0ET12", "mindspore": b"\x10\0\0\0MSL2", "torch": bytes.fromhex("80028a0a6cfc9c46f9206aa850192e80"),
}  # fmt: skip


def repeated(magic: bytes, size: int = 8 << 20) -> bytes:
    """`size` bytes of it, and a real model behind."""
    return magic * (size // len(magic)) + bytes(64) + model("tflite")


def _attack(name: str, magic: bytes) -> Attack:
    def build(folder: Path) -> Path:
        target = folder / "app.apk"
        target.write_bytes(archive([Member(name=b"assets/a", data=repeated(magic))]))
        return target

    return Attack(
        name=f"magic-{name}",
        title=f"8 MiB of the first bytes of {name}",
        build=build,
        check=failed("LimitError"),
        entries=1,
    )


def gigabyte(folder: Path) -> Path:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = b"\x1c\0\0\0TFL3" * (1 << 17)
    packed = b"".join([*(packer.compress(piece) for _ in range(512)), packer.flush()])
    target = folder / "app.apk"
    target.write_bytes(archive([Member(name=b"assets/a", packed=packed, size=512 << 20, local_size=512 << 20, crc=0)]))
    return target


def literals(folder: Path) -> Path:
    """Every host name and version anchor of the rules, over and over, in something that claims to be a library."""
    from nngauge.detect.compiled import load_signatures

    known = b"\0".join(sorted(load_signatures(()).literal_index))
    data = b"\x7fELF\2\1\1" + bytes(57) + known * ((16 << 20) // len(known))
    target = folder / "app.apk"
    target.write_bytes(archive([Member(name=b"lib/arm64-v8a/liball.so", data=data)]))
    return target


def known_scanned(result: object) -> str:
    """It ends, and what it claims is not the point: everything is in there."""
    return "" if hasattr(result, "detections") else f"{result!r}"


ATTACKS = (
    *(_attack(name, magic) for name, magic in _FORMATS.items()),
    Attack(name="magic-gigabyte", title="512 MiB of TFL3 in 500 kB", build=gigabyte, check=all_of(models(0), failed("LimitError")), entries=1),
    Attack(name="every-literal", title="all strings of all rules, in 16 MiB", build=literals, check=known_scanned, entries=1),
)  # fmt: skip
