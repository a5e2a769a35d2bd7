"""What builders of apps do to model files to hide them, each as a function of the file's bytes.

Keys and nonces come from a seeded generator, so every run makes the same files. Ciphers are those of `cryptography`, an
optional package of this evaluation only.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import lzma
import random
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

HEADER = 1024
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class Disguise:
    """One transformation and what may be said of its result."""

    name: str
    suffix: str
    """Ending that is put behind the file's own name; with a leading ``=`` it replaces the ending."""
    make: Callable[[bytes, random.Random], bytes | None]
    """None when it cannot be applied to this file."""
    right: tuple[str, ...]
    """Grades that are right, as `nngauge.domain.protection.Grade` writes them."""
    bare: tuple[str, ...] = ()
    """Grades that are right when the name says nothing; empty: the same."""
    beside: Callable[[bytes, random.Random], Mapping[str, bytes]] | None = None
    """Files put beside it."""


def _cipher(mode: str, data: bytes, rng: random.Random) -> bytes:
    modules: Any = __import__("cryptography.hazmat.primitives.ciphers", fromlist=["Cipher", "algorithms", "modes"])
    modes = modules.modes
    key, nonce = rng.randbytes(32), rng.randbytes(16)
    if mode == "GCM":
        sealer = modules.Cipher(modules.algorithms.AES(key), modes.GCM(nonce[:12])).encryptor()
        sealed: bytes = nonce[:12] + sealer.update(data) + sealer.finalize() + sealer.tag
        return sealed
    if mode != "CTR":
        fill = _BLOCK - len(data) % _BLOCK
        data += bytes([fill]) * fill
    which = {"CTR": modes.CTR(nonce), "CBC": modes.CBC(nonce), "ECB": modes.ECB()}[mode]
    maker = modules.Cipher(modules.algorithms.AES(key), which).encryptor()
    made: bytes = maker.update(data) + maker.finalize()
    return nonce + made if mode == "CBC" else made


def _aes(mode: str) -> Callable[[bytes, random.Random], bytes]:
    return lambda data, rng: _cipher(mode, data, rng)


def _xor(size: int) -> Callable[[bytes, random.Random], bytes]:
    def make(data: bytes, rng: random.Random) -> bytes:
        key = bytes(rng.randrange(1, 256) for _ in range(size))
        stream = (key * (len(data) // size + 1))[: len(data)]
        return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(len(data), "little")

    return make


def _header_aes(data: bytes, rng: random.Random) -> bytes | None:
    if len(data) < 4 * HEADER or _is_text(data):
        return None
    return _cipher("CTR", data[:HEADER], rng) + data[HEADER:]


def _is_text(data: bytes) -> bool:
    return not data[:512].translate(None, bytes(range(9, 127)))


def _container(data: bytes, rng: random.Random) -> bytes:
    return b"MDL\x01" + len(data).to_bytes(8, "little") + rng.randbytes(4) + bytes(16) + data


def _shuffled(data: bytes, rng: random.Random) -> bytes | None:
    if _is_text(data):
        return None
    head = list(data[:64])
    while bytes(head) == data[:64]:
        rng.shuffle(head)
    return bytes(head) + data[64:]


def _zip(data: bytes, _: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data", data)
    return out.getvalue()


def _optional(module: str, name: str) -> Callable[[bytes, random.Random], bytes | None]:
    """A compressor of a package that may be absent."""

    def make(data: bytes, _: random.Random) -> bytes | None:
        try:
            compress = getattr(__import__(module, fromlist=[name]), name)
        except ImportError:
            return None
        made: bytes = compress(data)
        return made

    return make


def _raw_deflate(data: bytes, _: random.Random) -> bytes:
    maker = zlib.compressobj(6, zlib.DEFLATED, -15)
    return maker.compress(data) + maker.flush()


def _key_file(_: bytes, rng: random.Random) -> Mapping[str, bytes]:
    return {"key.bin": rng.randbytes(32)}


_SEALED = ("encrypted",)
_NOISE = ("uniform bytes, purpose unknown",)
_PACKED = ("compressed",)
DISGUISES = (
    Disguise("as it is", "", lambda data, _: data, ("plain", "vendor-compiled", "renamed file"), ("plain", "renamed file", "vendor-compiled")),
    Disguise("renamed", "=.dat", lambda data, _: data, ("renamed file", "plain", "vendor-compiled")),
    Disguise("zip", ".zip", _zip, _PACKED),
    Disguise("gzip", ".gz", lambda data, _: gzip.compress(data, 6, mtime=0), _PACKED),
    Disguise("bzip2", ".bz2", lambda data, _: bz2.compress(data), _PACKED),
    Disguise("xz", ".xz", lambda data, _: lzma.compress(data, preset=1), _PACKED),
    Disguise("zstd", ".zst", _optional("backports.zstd", "compress"), _PACKED),
    Disguise("LZ4 frame", ".lz4", _optional("lz4.frame", "compress"), _PACKED),
    Disguise("zlib", ".z", lambda data, _: zlib.compress(data, 6), _PACKED),
    Disguise("raw deflate", ".dat", _raw_deflate, _PACKED),
    Disguise("Brotli", ".br", _optional("brotli", "compress"), _PACKED),
    Disguise("LZMA alone", ".lzma", lambda data, _: lzma.compress(data, lzma.FORMAT_ALONE, preset=1), _PACKED),
    Disguise("Base64", ".b64", lambda data, _: base64.b64encode(data), ("encoded",)),
    Disguise("hexadecimal", ".hex", lambda data, _: data.hex().encode(), ("encoded",)),
    Disguise("own header in front", ".bin", _container, ("private container", "vendor-compiled")),
    Disguise("first 64 bytes shuffled", ".bin", _shuffled, ("private container",)),
    Disguise("reversed", ".bin", lambda data, _: data[::-1], ("private container",)),
    Disguise("XOR, 1 byte", ".dat", _xor(1), ("weak cipher",)),
    Disguise("XOR, 8 bytes", ".dat", _xor(8), ("weak cipher",)),
    Disguise("XOR, 13 bytes", ".dat", _xor(13), ("weak cipher",)),
    Disguise("XOR, 16 bytes", ".dat", _xor(16), ("weak cipher",)),
    Disguise("XOR, 32 bytes", ".dat", _xor(32), ("weak cipher",)),
    Disguise("AES-CTR", ".enc", _aes("CTR"), _SEALED, _NOISE),
    Disguise("AES-CBC", ".enc", _aes("CBC"), _SEALED, _NOISE),
    Disguise("AES-GCM", ".enc", _aes("GCM"), _SEALED, _NOISE),
    Disguise("AES-ECB", ".enc", _aes("ECB"), ("weak cipher", *_SEALED), ("weak cipher", *_NOISE)),
    Disguise("AES-CTR, first KiB", ".enc", _header_aes, ("encrypted header",)),
    Disguise("AES-CBC, key beside", ".enc", _aes("CBC"), ("key material beside it",), beside=_key_file),
    Disguise("AES-CBC in Base64", ".b64", lambda data, rng: base64.b64encode(_cipher("CBC", data, rng)), _SEALED, _NOISE),
)  # fmt: skip
"""In the order of the table. `protection.py` adds those that need the parsed model: names, weights, binary ncnn."""


def seed(name: str, disguise: str) -> random.Random:
    """The generator of one file."""
    return random.Random(hashlib.sha256(f"{name}/{disguise}".encode()).digest())
