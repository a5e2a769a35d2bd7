"""Contents that explain themselves and are dense for other reasons: they are never taken for hidden models."""

from __future__ import annotations

import re
from typing import Final

from nngauge.io.content import MEDIA, Kind, content_kind
from nngauge.limits import HEAD_BYTES

_KINDS: Final = MEDIA | {
    Kind.SQLITE, Kind.UNITY, Kind.CERTIFICATE, Kind.CAR, Kind.NIB, Kind.ART_PROFILE, Kind.IL2CPP, Kind.HERMES, Kind.DEX,
    Kind.ODEX, Kind.ELF, Kind.MACHO, Kind.PE, Kind.WASM, Kind.CLASS, Kind.BITCODE, Kind.AXML, Kind.ARSC, Kind.PLIST,
    Kind.XML, Kind.HTML, Kind.EMPTY,
}  # fmt: skip
_MAGICS: Final = (
    b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce", b"PKM ", b"\x5c\xa1\xab\x13", b"sB\x13\0", b"sB\x10\0", b"RIFF", b"RIFX", b"FWS",
    b"CWS", b"#!AMR", b"caff", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"FSB5", b"BKHD", b"AKPK", b"glTF", b"qoif", b"\0\0\0\x0cJXL ",
    b"oat\n", b"art\n", b"\xf5\xf5\xdc\xdc", b"\x90\xab\xcd\xef", b"DRACO", b"UnityRaw", b"UnityWeb", b"GDPC", b"\x1bLua",
    b"\x1bLJ", b"TZif", b"tzdata", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"\0\0\0\x01\x67", b"FLV\x01", b"PMTiles",
    b"II*\0", b"MM\0*", b"8BPS", b"gimp xcf", b"icns", b"\0\0\x01\0\x01", b"LZFSE", b"Obj\x01", b"GLTF", b"\x93NUMPY", b"ICUD",
)  # fmt: skip
"""Key stores (JKS, BKS), textures (ETC, ASTC, Basis, Crunch), sound (AMR, CAF, ASF, FMOD, Wwise), meshes (glTF, Draco), ART
images, Dart snapshots (0xF5F5DCDC), archives of game engines, compiled Lua, time zones, video and pictures of other kinds."""
_SUFFIXES: Final = (
    ".db", ".sqlite", ".sqlite3", ".jks", ".bks", ".keystore", ".p12", ".pfx", ".der", ".cer", ".crt", ".ress", ".resource",
    ".assets", ".astc", ".basis", ".ktx2", ".unity3d", ".pak", ".prof", ".profm", ".ttf", ".opus", ".pcm", ".ac3", ".h264", ".265",
    ".so", ".dex", ".odex", ".art", ".oat", ".vdex", ".wasm", ".mo", ".arb", ".svg", ".lottie", ".js", ".bundle", ".jsbundle",
)  # fmt: skip
"""Endings of what is dense and may have no magic: databases under SQLCipher, DER, raw sound and video, Unity's resources."""
_CHECKPOINT: Final = re.compile(r"\.(?:meta|index|data-\d{5}-of-\d{5})$")
"""Training state of TensorFlow: no hidden model, and readable."""
_DER: Final = b"\x30\x82"
_V8_MAGIC: Final = b"\xc0\xde"
"""V8's code cache begins with 0xC0DE…; https://github.com/v8/v8/blob/main/src/snapshot/code-serializer.h."""
_ICU_MAGIC: Final = b"\xda\x27"
"""Data of the ICU library; https://github.com/unicode-org/icu/blob/main/icu4c/source/common/unicode/udata.h."""
_V8_NAMES: Final = (
    "snapshot_blob",
    "v8_context_snapshot",
    "natives_blob",
    "isolate_snapshot",
    "vm_snapshot",
    "kernel_blob",
)


def explained(head: bytes, path: str) -> bool:
    """Is it media, code, a key store, a database, a texture or an engine's archive, by content or, failing that, by name?"""
    lowered = path.rpartition("!")[2].lower()
    if content_kind(head[:HEAD_BYTES]) in _KINDS or head.startswith(_MAGICS):
        return True
    if head[2:4] in (_V8_MAGIC, _ICU_MAGIC) or any(name in lowered for name in _V8_NAMES):
        return True
    if head[4:8] in (b"moov", b"mdat", b"free", b"skip", b"wide"):
        return True
    if head.startswith(_DER) and int.from_bytes(head[2:4], "big") < 0x8000 and head[4:6] in (b"\x30\x82", b"\x02\x01"):
        return True
    return lowered.endswith(_SUFFIXES) or _CHECKPOINT.search(lowered) is not None
