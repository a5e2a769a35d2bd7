"""What a file is by its first bytes: the cheap question asked of every entry of every app.

Kinds are short names used in the account of bytes (`nngauge.domain.outcome.Coverage`). Magic numbers follow the
formats' specifications and the Library of Congress / IANA registrations.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from nngauge.limits import HEAD_BYTES


class Kind(StrEnum):
    """Content kinds. The order has no meaning."""

    EMPTY = "empty"
    # executable code
    ELF = "elf"
    MACHO = "macho"
    DEX = "dex"
    ODEX = "odex"
    HERMES = "hermes"
    PE = "pe"
    IL2CPP = "il2cpp-metadata"
    WASM = "wasm"
    CLASS = "java-class"
    BITCODE = "llvm-bitcode"
    # containers
    ZIP = "zip"
    GZIP = "gzip"
    XZ = "xz"
    BZIP2 = "bzip2"
    ZSTD = "zstd"
    SEVENZIP = "7z"
    TAR = "tar"
    RAR = "rar"
    LZ4 = "lz4"
    # media, fonts, documents
    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    GIF = "gif"
    BMP = "bmp"
    HEIF = "heif"
    KTX = "gpu-texture"
    OGG = "ogg"
    MP3 = "mp3"
    MP4 = "mp4"
    WAV = "wav"
    FLAC = "flac"
    AAC = "aac"
    MIDI = "midi"
    WEBM = "webm"
    AVI = "avi"
    FONT = "font"
    PDF = "pdf"
    # structured data
    AXML = "android-xml"
    ARSC = "android-resources"
    PLIST = "binary-plist"
    CAR = "apple-asset-catalog"
    NIB = "apple-nib"
    SQLITE = "sqlite"
    ART_PROFILE = "art-profile"
    UNITY = "unity-bundle"
    CERTIFICATE = "certificate"
    HDF5 = "hdf5"
    JSON = "json"
    XML = "xml"
    HTML = "html"
    TEXT = "text"
    DATA = "data"


MEDIA: Final = frozenset({
    Kind.PNG, Kind.JPEG, Kind.WEBP, Kind.GIF, Kind.BMP, Kind.HEIF, Kind.KTX, Kind.OGG, Kind.MP3, Kind.MP4, Kind.WAV,
    Kind.FLAC, Kind.AAC, Kind.MIDI, Kind.WEBM, Kind.AVI, Kind.FONT, Kind.PDF,
})  # fmt: skip
"""Looked at by their head only; the account of bytes says so."""

ARCHIVES: Final = frozenset({Kind.ZIP, Kind.GZIP, Kind.XZ, Kind.BZIP2, Kind.ZSTD, Kind.SEVENZIP, Kind.TAR})
"""Opened and walked."""

UNREADABLE_ARCHIVES: Final = frozenset({Kind.RAR, Kind.LZ4})
"""Known by their magic, but without a reader: what is inside stays unseen, and the report says so."""

_MAGICS: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"\x7fELF", Kind.ELF),
    (b"dex\n", Kind.DEX),
    (b"cdex", Kind.ODEX),
    (b"vdex", Kind.ODEX),
    (b"dey\n", Kind.ODEX),
    (b"\xc6\x1f\xbc\x03\xc1\x03\x19\x1f", Kind.HERMES),
    (b"\xaf\x1b\xb1\xfa", Kind.IL2CPP),
    (b"\0asm", Kind.WASM),
    (b"BC\xc0\xde", Kind.BITCODE),
    (b"\xcf\xfa\xed\xfe", Kind.MACHO),
    (b"\xce\xfa\xed\xfe", Kind.MACHO),
    (b"\xfe\xed\xfa\xcf", Kind.MACHO),
    (b"\xfe\xed\xfa\xce", Kind.MACHO),
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"PK\x07\x08PK\x03\x04", Kind.ZIP),
    (b"\x1f\x8b\x08", Kind.GZIP),
    (b"\xfd7zXZ\0", Kind.XZ),
    (b"BZh", Kind.BZIP2),
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"7z\xbc\xaf\x27\x1c", Kind.SEVENZIP),
    (b"Rar!\x1a\x07", Kind.RAR),
    (b"\x04\x22\x4d\x18", Kind.LZ4),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"GIF8", Kind.GIF),
    (b"\xabKTX ", Kind.KTX),
    (b"PVR\x03", Kind.KTX),
    (b"\x13\xab\xa1\x5c", Kind.KTX),
    (b"DDS |\0\0\0", Kind.KTX),
    (b"OggS", Kind.OGG),
    (b"ID3", Kind.MP3),
    (b"fLaC", Kind.FLAC),
    (b"MThd", Kind.MIDI),
    (b"\x1aE\xdf\xa3", Kind.WEBM),
    (b"\0\x01\0\0\0", Kind.FONT),
    (b"OTTO\0", Kind.FONT),
    (b"ttcf", Kind.FONT),
    (b"wOFF", Kind.FONT),
    (b"wOF2", Kind.FONT),
    (b"%PDF-", Kind.PDF),
    (b"bplist", Kind.PLIST),
    (b"BOMStore", Kind.CAR),
    (b"NIBArchive", Kind.NIB),
    (b"SQLite format 3\0", Kind.SQLITE),
    (b"pro\x00", Kind.ART_PROFILE),
    (b"prm\x00", Kind.ART_PROFILE),
    (b"UnityFS\0", Kind.UNITY),
    (b"-----BEGIN ", Kind.CERTIFICATE),
    (b"\x89HDF\r\n\x1a\n", Kind.HDF5),
)
_BY_FIRST: Final = {
    first: tuple((magic, kind) for magic, kind in _MAGICS if magic[0] == first) for first in {m[0] for m, _ in _MAGICS}
}
_RIFF: Final = {b"WEBP": Kind.WEBP, b"WAVE": Kind.WAV, b"AVI ": Kind.AVI}
_HEIF: Final = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"})
_CLASS_VERSIONS: Final = range(45, 80)


def content_kind(head: bytes) -> Kind:
    """The kind of a file that begins with `head` (`limits.HEAD_BYTES` bytes, or the whole file when it is shorter)."""
    if not head:
        return Kind.EMPTY
    for magic, kind in _BY_FIRST.get(head[0], ()):
        if head.startswith(magic) and _confirmed(head, kind):
            return kind
    return _special(head) or _textual(head) or Kind.DATA


def _confirmed(head: bytes, kind: Kind) -> bool:
    """Second look where the magic alone is short enough to occur in weights or random data."""
    if kind is Kind.BZIP2:
        return head[3:4].isdigit() and head[4:10] == b"1AY&SY"
    if kind is Kind.FONT and head[0] == 0:
        return 1 <= int.from_bytes(head[4:6], "big") <= 64
    if kind is Kind.GZIP:
        return len(head) >= 10 and head[3] & 0xE0 == 0
    if kind is Kind.JPEG:
        return len(head) > 3 and head[3] >= 0xC0
    if kind is Kind.MP3:
        return len(head) >= 10 and head[3] < 5
    return True


def _special(head: bytes) -> Kind | None:
    if head[:4] == b"\xca\xfe\xba\xbe" and len(head) >= 8:
        return Kind.CLASS if int.from_bytes(head[6:8], "big") in _CLASS_VERSIONS else Kind.MACHO
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return Kind.HEIF if head[8:12] in _HEIF else Kind.MP4
    if head[:4] == b"\x03\0\x08\0":
        return Kind.AXML
    if head[:4] == b"\x02\0\x0c\0":
        return Kind.ARSC
    if head[:2] == b"MZ" and b"PE\0\0" in head:
        return Kind.PE
    if head[:2] == b"BM" and len(head) >= 30 and head[6:10] == b"\0\0\0\0":
        return Kind.BMP
    if head[257:262] == b"ustar":
        return Kind.TAR
    if head[:1] == b"\xff" and len(head) > 3 and head[1] in (0xFB, 0xF3, 0xF2, 0xFA):
        return Kind.MP3
    if head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return Kind.AAC
    return None


_CONTROL: Final = bytes(set(range(32)) - {9, 10, 12, 13, 27})


def _textual(head: bytes) -> Kind | None:
    sample = head[:HEAD_BYTES]
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff") and len(sample) > 4 and sample[3 if sample[0] == 0xFF else 2] == 0:
        return Kind.TEXT
    if len(sample) != len(sample.translate(None, _CONTROL)):
        return None
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 3:
            return None
    lead = sample.lstrip(b"\xef\xbb\xbf \t\r\n")
    if lead[:1] in (b"{", b"["):
        return Kind.JSON
    lowered = lead[:64].lower()
    if lowered.startswith((b"<!doctype html", b"<html")):
        return Kind.HTML
    return Kind.XML if lead[:1] == b"<" else Kind.TEXT
